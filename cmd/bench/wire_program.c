// SPDX-License-Identifier: GPL-2.0-only
/*
 * At the egress of loopback, where clsact(8) has it, it takes each packet of TCP that goes to one address. An answer
 * cannot be made of such a packet: it shares its pages with those that wait to be acknowledged, so that to shorten it
 * takes a reference to each of them (pskb_expand_head() in net/core/skbuff.c), which would count as the sender's. So
 * another process answers.
 */
#include "bench/wire_program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	const long rc = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return rc < 0 ? -errno : (int)rc;
}

int wire_create_ring(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_RINGBUF,
		.max_entries = WIRE_RING,
		.map_name = "zcdma_wire",
	};

	return bpf(BPF_MAP_CREATE, &attr);
}

/* Kinds of instructions (Documentation/bpf/standardization/instruction-set.rst). */
enum {
	LOAD_WORD = BPF_LDX | BPF_MEM | BPF_W,
	LOAD_HALF = BPF_LDX | BPF_MEM | BPF_H,
	LOAD_BYTE = BPF_LDX | BPF_MEM | BPF_B,
	STORE_WORD = BPF_STX | BPF_MEM | BPF_W,
	LOAD_MAP = BPF_LD | BPF_IMM | BPF_DW,
	COPY = BPF_ALU64 | BPF_MOV | BPF_X,
	SET = BPF_ALU64 | BPF_MOV | BPF_K,
	ADD = BPF_ALU64 | BPF_ADD | BPF_X,
	ADD_VALUE = BPF_ALU64 | BPF_ADD | BPF_K,
	SUBTRACT = BPF_ALU64 | BPF_SUB | BPF_X,
	SUBTRACT_VALUE = BPF_ALU64 | BPF_SUB | BPF_K,
	AND_VALUE = BPF_ALU64 | BPF_AND | BPF_K,
	SHIFT_RIGHT = BPF_ALU64 | BPF_RSH | BPF_K,
	NETWORK_ORDER = BPF_ALU | BPF_END | BPF_TO_BE,
	IF_ABOVE = BPF_JMP | BPF_JGT | BPF_X,
	IF_VALUE = BPF_JMP | BPF_JEQ | BPF_K,
	IF_NOT_VALUE = BPF_JMP | BPF_JNE | BPF_K,
	CALL = BPF_JMP | BPF_CALL,
	RETURN = BPF_JMP | BPF_EXIT,
};

/* Registers. A function takes its arguments in the first five, and leaves them undefined. */
enum { R0, R1, R2, R3, R4, R5, CONTEXT, FLAGS, NEXT, LENGTH, STACK };

/* Offsets in a frame of loopback, whose headers have no options but those of TCP. */
#define IP  ((int)sizeof(struct ethhdr))
#define TCP (IP + (int)sizeof(struct iphdr))

#define CONTEXT_AT(field) offsetof(struct __sk_buff, field)
#define IP_AT(field)	  (IP + (int)offsetof(struct iphdr, field))
#define TCP_AT(field)	  (TCP + (int)offsetof(struct tcphdr, field))
#define TCP_LENGTH	  (TCP + 12) /* of its header: words, in the upper half of a byte */
#define TCP_FLAGS	  (TCP + 13)

#define RECORD		 (-(int)sizeof(struct wire_record)) /* on the stack */
#define RECORD_AT(field) (RECORD + (int)offsetof(struct wire_record, field))

/* The places that jumps go to, and from where they go. */
enum { DROPPED = 46, REFUSED = 48, PASS = 50, INSTRUCTIONS = 52 };
#define TO(place, from) ((place) - (from)-1)

int wire_load_program(int ring, uint32_t to)
{
	const struct bpf_insn program[INSTRUCTIONS] = {
		/* 0 */ { COPY, CONTEXT, R1, 0, 0 },
		/* 1 */ { LOAD_WORD, R2, CONTEXT, CONTEXT_AT(data), 0 },
		/* 2 */ { LOAD_WORD, R3, CONTEXT, CONTEXT_AT(data_end), 0 },
		/* 3 */ { COPY, R4, R2, 0, 0 },
		/* 4 */ { ADD_VALUE, R4, 0, 0, TCP + (int)sizeof(struct tcphdr) },
		/* 5 */ { IF_ABOVE, R4, R3, TO(PASS, 5), 0 },
		/* 6 */ { LOAD_HALF, R4, R2, offsetof(struct ethhdr, h_proto), 0 },
		/* 7 */ { IF_NOT_VALUE, R4, 0, TO(PASS, 7), htons(ETH_P_IP) },
		/* 8: version 4, five words */ { LOAD_BYTE, R4, R2, IP, 0 },
		/* 9 */ { IF_NOT_VALUE, R4, 0, TO(PASS, 9), 0x45 },
		/* 10 */ { LOAD_BYTE, R4, R2, IP_AT(protocol), 0 },
		/* 11 */ { IF_NOT_VALUE, R4, 0, TO(PASS, 11), IPPROTO_TCP },
		/* 12 */ { LOAD_WORD, R4, R2, IP_AT(daddr), 0 },
		/* 13: 32 bits of it */
		{ BPF_JMP32 | BPF_JNE | BPF_K, R4, 0, TO(PASS, 13), (int)to },

		/* What the packet adds to the sequence number: its data, and 1 for a SYN or a FIN. */
		/* 14 */ { LOAD_BYTE, R4, R2, TCP_LENGTH, 0 },
		/* 15 */ { SHIFT_RIGHT, R4, 0, 0, 2 },
		/* 16 */ { AND_VALUE, R4, 0, 0, 0x3c },
		/* 17 */ { LOAD_WORD, LENGTH, CONTEXT, CONTEXT_AT(len), 0 },
		/* 18 */ { SUBTRACT_VALUE, LENGTH, 0, 0, TCP },
		/* 19 */ { SUBTRACT, LENGTH, R4, 0, 0 },
		/* 20 */ { LOAD_BYTE, FLAGS, R2, TCP_FLAGS, 0 },
		/* 21 */ { COPY, R4, FLAGS, 0, 0 },
		/* 22 */ { AND_VALUE, R4, 0, 0, TH_RST },
		/* 23 */ { IF_NOT_VALUE, R4, 0, TO(DROPPED, 23), 0 },
		/* 24 */ { AND_VALUE, FLAGS, 0, 0, TH_SYN | TH_FIN },
		/* 25 */ { IF_VALUE, FLAGS, 0, 1, 0 },
		/* 26 */ { ADD_VALUE, LENGTH, 0, 0, 1 },
		/* 27: a mere acknowledgement */ { IF_VALUE, LENGTH, 0, TO(DROPPED, 27), 0 },
		/* 28 */ { LOAD_WORD, NEXT, R2, TCP_AT(seq), 0 },

		/* 29 */ { NETWORK_ORDER, NEXT, 0, 0, 32 },
		/* 30 */ { ADD, NEXT, LENGTH, 0, 0 },
		/* 31 */ { NETWORK_ORDER, NEXT, 0, 0, 32 },
		/* 32 */ { STORE_WORD, STACK, NEXT, RECORD_AT(next), 0 },
		/* 33: both ports */ { LOAD_WORD, R4, R2, TCP, 0 },
		/* 34 */ { STORE_WORD, STACK, R4, RECORD_AT(from), 0 },
		/* 35 */ { LOAD_WORD, R4, R2, TCP_AT(ack_seq), 0 },
		/* 36 */ { STORE_WORD, STACK, R4, RECORD_AT(acknowledged), 0 },
		/* 37 */ { STORE_WORD, STACK, FLAGS, RECORD_AT(flags), 0 },
		/* 38 */ { LOAD_MAP, R1, BPF_PSEUDO_MAP_FD, 0, ring },
		/* 39 */ { 0, 0, 0, 0, 0 },
		/* 40 */ { COPY, R2, STACK, 0, 0 },
		/* 41 */ { ADD_VALUE, R2, 0, 0, RECORD },
		/* 42 */ { SET, R3, 0, 0, sizeof(struct wire_record) },
		/* 43 */ { SET, R4, 0, 0, BPF_RB_NO_WAKEUP },
		/* 44 */ { CALL, 0, 0, 0, BPF_FUNC_ringbuf_output },
		/* 45: the ring is full */ { IF_NOT_VALUE, R0, 0, TO(REFUSED, 45), 0 },

		/* To TCP it is sent, as from a queue to a network card. */
		[DROPPED] = { SET, R0, 0, 0, TC_ACT_STOLEN },
		/* 47 */ { RETURN, 0, 0, 0, 0 },
		/* To TCP it is not, and is sent again. */
		[REFUSED] = { SET, R0, 0, 0, TC_ACT_SHOT },
		/* 49 */ { RETURN, 0, 0, 0, 0 },
		[PASS] = { SET, R0, 0, 0, TC_ACT_OK },
		/* 51 */ { RETURN, 0, 0, 0, 0 },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SCHED_CLS,
		.insns = (uintptr_t)program,
		.insn_cnt = INSTRUCTIONS,
		.license = (uintptr_t) "GPL",
		.prog_name = "zcdma_wire",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}
