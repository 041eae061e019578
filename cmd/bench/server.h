/* SPDX-License-Identifier: GPL-2.0-only */
/* The other end of a bench, in processes of its own. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <time.h>

#include "bench/job.h"

/* Most connections that are read at once; the next one waits until one of them ends. */
#define BENCH_PEER_STREAMS 128

/*
 * Accept connections from the @count sockets @listeners until a signal: each is read, and with @check
 * verified, in a process of its own, which answers with one JSON object: received_bytes, cpu_seconds,
 * correct (null without @check). Returns 0 after a signal, or a negative errno with the error message set.
 */
int bench_peer_serve(struct zcdma_ctx *ctx, const int *listeners, unsigned count, bool check);

/*
 * Read the stream @fd to its end, verify it with @check, and answer; or send, if that is what it asks for. Leave the answer out where nothing comes for
 * @silence_seconds: a sender that is dead, or never was one, must not keep its place.
 */
void bench_peer_take(int fd, bool check, time_t silence_seconds);

/*
 * Wait for processes that have ended, and for one more while BENCH_PEER_STREAMS of the @running are left. Returns how
 * many are left.
 */
unsigned bench_peer_reap(unsigned running);

/*
 * Read that answer at the end of a stream of @sent_bytes on @fd into @s. Another receiver, such as verify --listen, just
 * closes, which leaves @s as it is. A receiver that got another number of bytes makes it an error.
 */
void bench_peer_ask(int fd, uint64_t sent_bytes, struct bench_sample *s);

#endif
