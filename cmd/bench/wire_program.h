/* SPDX-License-Identifier: GPL-2.0-only */
/* The program of BPF at the end of the wire: it drops what is sent, and lists it. */
#ifndef BENCH_WIRE_PROGRAM_H
#define BENCH_WIRE_PROGRAM_H

#include <stdint.h>

/* A packet that has to be answered. In the order of the network, but for .flags. */
struct wire_record {
	uint16_t from, to; /* its ports */
	uint32_t next;	   /* the sequence number after it */
	uint32_t acknowledged;
	uint32_t flags; /* SYN and FIN, as in the header */
};

/* Bytes of the ring of records: more than a sender's window has packets. A power of 2, and whole pages. */
#define WIRE_RING (256 * 1024)

/* Create the ring, a map of BPF. Returns its descriptor or a negative errno. */
int wire_create_ring(void);

/*
 * Load the program, of BPF_PROG_TYPE_SCHED_CLS, that takes what goes to the IPv4 address @to, in the order of the network,
 * and writes to @ring. Returns its descriptor or a negative errno.
 */
int wire_load_program(int ring, uint32_t to);

#endif
