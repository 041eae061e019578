/* SPDX-License-Identifier: GPL-2.0-only */
/* The receiver of a bench, in processes of its own. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include "bench/job.h"

/* Most connections that are read at once; the next one waits until one of them ends. */
#define BENCH_PEER_STREAMS 128

/*
 * Take connections of the @count sockets @listeners until a signal: each is read, and with @check verified, in a process of
 * its own, which answers with one JSON object: received_bytes, cpu_seconds, correct (null
 * without @check). 0 after a signal, or a negative errno with its sentence.
 */
int bench_peer_serve(struct zcdma_ctx *ctx, const int *listeners, unsigned count, bool check);

/*
 * Read that answer at the end of a stream of @sent_bytes on @fd into @s. Another receiver, such as verify --listen, just
 * closes, which leaves @s as it is. A receiver that got another number of bytes makes it an error.
 */
void bench_peer_ask(int fd, uint64_t sent_bytes, struct bench_sample *s);

#endif
