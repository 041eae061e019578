/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of the kernel's copies between a block and its sink, beyond what a path counts itself. */
#ifndef ZCDMA_PATH_COPIED_H
#define ZCDMA_PATH_COPIED_H

#include "path/sink.h"

enum zc_copied_verdict {
	ZC_COPIED_NONE,
	ZC_COPIED_UNKNOWN,
	ZC_COPIED_ALL, /* every byte, in the call or below the socket */
};

struct zc_copied {
	bool looked; /* the rest is valid */
	enum zc_copied_verdict copied;
	char why[192];	/* without a capital and a period; empty: nothing copies */
	char hint[128]; /* what helps, in the imperative, or empty */
};

/* How a path takes the bytes of a block, where it does not copy them in its own call. */
enum zc_takes {
	ZC_TAKES_COPY = 1 << 0, /* it does, but O_DIRECT */
	ZC_TAKES_MEMORY =
		1 << 1, /* MSG_ZEROCOPY and its like: completions count what the call copied */
	ZC_TAKES_VMSPLICE = 1 << 2,
	ZC_TAKES_FILE = 1 << 3, /* splice() and sendfile() */
};

/* The way of a path's blocks. */
struct zc_block_route {
	unsigned takes;		 /* enum zc_takes */
	int source_fd;		 /* that the first block is in, or -1 */
	const char *source_name; /* for messages */
	const struct zc_sink *sink;
};

/*
 * Keep a finding in @c, with the reason. What is certain outweighs what is not, and of two alike the
 * first one is kept.
 */
void zc_copied_find(struct zc_copied *c, enum zc_copied_verdict copied, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Find out what is known of copies below the connected socket @fd. */
void zc_copied_below(struct zc_copied *c, int fd);

/*
 * Find out which copies of blocks that go along @route are known of. Nothing is sent, and no memory is touched but
 * our own. What the route is like later is not looked at again.
 */
void zc_copied_look(struct zc_copied *c, const struct zc_block_route *route);

/*
 * Count in @stats what a path's own counters do not know. @reports: its completions say what the calls copied, as
 * .reports_copied of its type.
 */
void zc_copied_count(const struct zc_copied *c, bool reports, struct zcdma_path_stats *stats);

#endif
