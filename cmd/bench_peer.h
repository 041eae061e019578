/* SPDX-License-Identifier: GPL-2.0-only */
/* The receiver of a bench, in processes of its own. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench.h"

/*
 * Take connections of @listener until a signal: each is read, and with @check verified, in a process of
 * its own, which answers with one JSON object: received_bytes, cpu_seconds, correct (null
 * without @check). 0 after a signal, or a negative errno with its sentence.
 */
int bench_peer_serve(struct zcdma_ctx *ctx, int listener, bool check);

#endif
