/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a bench that receives asks the other end to send: by a line of JSON on a connection to bench --serve, which
 * answers with another one. While the connection can be written to, the other end sends.
 */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include "bench/job.h"

/* Send to this port of the machine that asks. */
struct bench_request {
	unsigned port;
	bool datagrams;	     /* by UDP, of BENCH_DATAGRAM bytes; else by TCP */
	bool check;	     /* fill each block anew, with the pattern */
	char congestion[16]; /* control of TCP */
};

/* What the other end says when it has sent all. */
struct bench_sent {
	uint64_t bytes;
	double cpu_seconds;
	char error[256]; /* or empty */
};

/* Ask. Returns 0 or a negative errno. */
int bench_request_ask(int fd, const struct bench_request *request);

/* Wait for the answer. Returns 0, or -EPROTO if another one comes, or nothing in time. */
int bench_request_answered(int fd, struct bench_sent *sent);

/*
 * Read a request from a connection, unless it carries a stream, of which nothing is taken. Returns 1, 0 if it carries a
 * stream, or -EPROTO for a request that makes no sense.
 */
int bench_request_read(int fd, struct bench_request *request);

/* Do what is asked on the connection @fd: send until the other end shuts it down, then answer. */
void bench_request_serve(int fd, const struct bench_request *request);

#endif
