/* SPDX-License-Identifier: GPL-2.0-only */
/* A transfer: blocks from a source along a path, with limits, signals and progress. */
#ifndef TRANSFER_TRANSFER_H
#define TRANSFER_TRANSFER_H

#include "cli/progress.h"
#include "transfer/copies.h"
#include "transfer/handover.h"

#include <zcdma/util.h>
#include <zcdma/verify.h>

struct transfer;

/* What sends to several receivers: transfer/fanout.h. Errors are as those of transfer_run(). */
struct transfer_several {
	bool drops_slow; /* .look is due from time to time */
	/* Send a block to each. Returns 0, or the error of the last one that went on. */
	int (*send)(struct transfer *t, const struct zcdma_block *b);
	/* End the receivers whose paths broke off. Returns whether there was one, and others go on. */
	bool (*survives)(struct transfer *t);
	/* End those that are too slow. */
	void (*look)(struct transfer *t);
	/* Finish each, or abandon what is not @complete. */
	int (*finish)(struct transfer *t, bool complete);
	/* Returns how many bytes they have got in the end, if those that go on get @each. */
	uint64_t (*get_total)(const struct transfer *t, uint64_t each);
	/* Get the sum of the paths' figures; what is not a sum is that of the one that got most. */
	void (*get_stats)(const struct transfer *t, struct zcdma_path_stats *sum);
};

struct transfer {
	struct zcdma_ctx *ctx;
	struct zcdma_source *src;
	const struct zcdma_path_type *path_type;
	struct zcdma_path *path;		/* the first one of several */
	const struct transfer_several *several; /* what sends to these, or NULL */
	bool unsafe_reuse;			/* for the lab: zcdma_path_set_unsafe_reuse() */
	enum handover handover;			/* of its ring to readers of its outputs */
	bool shares; /* it has a ring to hand over: else bytes are announced to them */
	int ring_fd; /* a pipe whose writer may have a ring to hand over: -v says why it does not; or -1 */

	bool reconnects; /* a receiver's connection is made again where it breaks */

	/* Limits; 0 is without. */
	uint64_t max_bytes, max_blocks;
	double max_seconds;

	/*
	 * Called once the first block has come, or the source has ended without one and no signal stopped it,
	 * before anything is sent; or NULL. Returns 0, or a negative errno.
	 */
	int (*begin)(struct transfer *t);
	/* Called before each block is sent, with the same result, or 1 where it keeps the block; or NULL. */
	int (*block)(struct transfer *t, const struct zcdma_block *b);
	/*
	 * Called where the source lacks the blocks that .block kept, as at the end of a ring that was handed over: gives them
	 * back. Returns whether there were any. NULL: none are kept.
	 */
	bool (*give_back)(struct transfer *t);
	void (*sent_all)(
		struct transfer *t);	   /* called once all is sent and acknowledged, or NULL */
	void (*watch)(struct transfer *t); /* called between blocks and while waiting, or NULL */
	uint64_t watch_ns; /* when to call it at the latest; 0: when there is reason */

	/* Results, from the start or transfer_restart() on. */
	double seconds;		   /* from the start until the receiver had acknowledged all */
	double cpu_seconds;	   /* of the whole process, user and system */
	double sender_cpu_seconds; /* of the sending thread alone */
	const char *
		waits_for; /* what a note says is waited for after a request to stop, or NULL: the receiver */
	bool time_is_up;  /* .max_seconds ended it */
	bool by_handover; /* the path is a hand-over, or one of several is */
	bool plain_noted, patience_noted, ignored_noted;

	/* Its own. */
	struct report *report;
	struct progress progress;
	bool stopping, began,
		receives; /* .receives: its source waits for a sender, or for other channels */
	bool caught_up;	  /* the source had no block when it was asked last */
	unsigned missing; /* channels that a note said are waited for */
	uint64_t sink_breaks, source_breaks; /* of connections, that were noted */
	uint64_t start_ns;
};

/*
 * Send to the end of the source, a limit or a signal. Returns 0, or a negative errno with the context's
 * error message set.
 */
int transfer_run(struct transfer *t, struct report *r);

/* Begin to measure anew: for .watch, where what came before was to warm up. Not what the path counts. */
void transfer_restart(struct transfer *t);

/*
 * Then, in any case, wait until what was sent has arrived; a stream that is not @complete is seen to be
 * so by its receiver. The same errors; afterwards the results are valid.
 */
int transfer_finish(struct transfer *t, bool complete);

/* Send a block that .block had kept. The same errors. */
int transfer_send(struct transfer *t, const struct zcdma_block *b);

/* Send a block along one of several paths. The same errors. */
int transfer_send_along(struct transfer *t, struct zcdma_path *path, const struct zcdma_block *b);

/* Look at what happens beside the data: signals, progress, receivers that are too slow. */
void transfer_look_around(struct transfer *t);

/* After a request to stop, note that @receiver is waited for, if that has gone on for a while @since_ns. */
void transfer_note_wait(struct transfer *t, uint64_t since_ns, const char *receiver);

/* Get the figures of the path, or of several. */
void transfer_get_path_stats(const struct transfer *t, struct zcdma_path_stats *stats);

/*
 * Check whether a call answered @rc as its wait was interrupted or over: then the caller makes the same call again.
 */
bool transfer_is_pause(struct transfer *t, int rc);

/* Set how often the data was copied, on its way in and out. */
void transfer_get_copies(const struct transfer *t, struct copies *c);

/* Check that nothing was copied, which has to be known. Returns 0, or STATUS_INCOMPLETE after a reported error. */
int transfer_check_zerocopy(const struct transfer *t, struct report *r);

/* Report what every applet that transfers does: the latencies, the source, its ring, and what was lost and copied. */
void transfer_report_source(const struct transfer *t, struct report *r);

#endif
