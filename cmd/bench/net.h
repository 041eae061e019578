/* SPDX-License-Identifier: GPL-2.0-only */
/* The networks that bench makes, and removes: they end with its processes. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include "bench/job.h"

struct bench_net {
	const char *name;
	const char *summary;
	const char *
		address; /* of the receiver, without its port; with a port, packets are dropped ... */
	bool receives;	 /* ... and not received */
	bool datagrams; /* they are what it takes, and no stream */
	bool own;	/* a namespace is made for the sender */
	const char *const
		*ready[8]; /* commands that make it ready there, NULL after the last ... */
	const char *const
		*peer[4]; /* ... and in another namespace, the receiver's, which it then has */
	int (*begin)(struct report *r); /* what commands cannot do, after them; or NULL */
};

/* Return the @i-th network, or NULL after the last. */
const struct bench_net *bench_net_at(unsigned i);

/*
 * Enter the network for the rest of the process, and start its receiver, with @check one that verifies.
 * Returns 0 and the address to send to in @to of @len bytes, or an exit status after a reported error.
 */
int bench_net_enter(const struct bench_net *net, struct report *r, bool check, char *to,
		    size_t len);

#endif
