/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The BPF program that gives the datagrams of one port to AF_XDP sockets. It is some thirty instructions long, which are
 * written here: libxdp would add a compiler for BPF to what builds zcdma, and pins its dispatcher, so that it
 * stays on the interface when its owner is killed.
 */
#ifndef ZCDMA_NET_XDP_PROGRAM_H
#define ZCDMA_NET_XDP_PROGRAM_H

#include <stdint.h>

/* Create the map from a queue's number to its socket, for @queues of them. Returns its descriptor, or a negative errno. */
int zc_xdp_create_map(unsigned queues);

/* Let the program, which looks at @map, give packets of @queue to the socket @fd. Returns 0 or a negative errno. */
int zc_xdp_set_socket(int map, unsigned queue, int fd);

/*
 * Load the program: UDP datagrams to @port (0: to any port), neither fragments nor in a VLAN, go to the socket that @map
 * has for their queue; the rest, and all of a queue without a socket, goes to the network stack. Returns its
 * descriptor, or a negative errno.
 */
int zc_xdp_load(int map, uint16_t port);

/*
 * Attach @program to the interface, with XDP_FLAGS_*: as long as the descriptor that it returns is open. Returns
 * it, or a negative errno: -EBUSY if the interface has another program.
 */
int zc_xdp_attach(int program, unsigned ifindex, uint32_t flags);

#endif
