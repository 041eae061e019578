/* SPDX-License-Identifier: GPL-2.0-only */
/* A run of verify: all its streams. */
#ifndef VERIFY_RUN_H
#define VERIFY_RUN_H

#include "transfer/handover.h"
#include "cli/progress.h"
#include "verify/stream.h"

#include <zcdma/util.h>

/* What the UDP socket of all streams says. */
struct verify_socket {
	uint64_t
		drops; /* times that its buffer had no room for one, or for several that were merged */
	uint64_t ignored; /* and those that are of no stream ... */
	uint64_t others; /* ... of which these have data of senders beyond those that were wanted */
	size_t buffer;	 /* bytes */
};

struct verify {
	struct report *r;
	struct zcdma_ctx *ctx;
	struct expectation expect;
	struct zcdma_addr addr; /* of --listen */
	double idle_seconds;	/* how long a stream may be silent; 0: without a limit */
	struct stream *streams;
	unsigned wanted, started;
	enum handover handover;
	struct verify_socket socket;
	bool wire, wire_is_live; /* packets of -i or -r; of -i */
	bool unchecked;		 /* --pattern none */
	struct progress progress;
};

/* Prepare the next stream: fill in what all of them have in common. */
struct stream *verify_next_stream(struct verify *v);

/* Start @s, which verify_next_stream() prepared. Returns 0, or an exit status after an error that has been reported. */
int verify_start_stream(struct verify *v, struct stream *s);

/* Wait for the end of every stream that was started. */
void verify_wait(struct verify *v);

/* Show how far the streams are, where it is time to. */
void verify_show_progress(struct verify *v);

/* All streams have ended: show no more. */
void verify_end_progress(struct verify *v);

#endif
