// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * - : standard input. If the writer of the pipe hands a ring over, blocks come from the mapped ring, and are released
 * over a socket. Before and after that, and from any other writer, bytes come from the pipe, by the pipe source. The
 * bytes in the pipe were written first, and are taken first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handover/imported_ring.h"
#include "source/options.h"

/* After stop(), how long to wait for a block: as the pipe source does for bytes. */
#define LINGER_NS 500000000u

/* Blocks of the ring have indexes from here on; those before are the pipe source's. */
#define FIRST_SLOT (1u << 16)

/* Whether to take a ring. */
enum mode {
	AUTO, /* if the writer has one */
	REQUIRE,
	NEVER,
};

struct handover_source {
	struct zcdma_source src;
	struct zcdma_source *pipe; /* for the bytes */
	uint64_t mode;		   /* enum mode */
	unsigned uses;		   /* enum zc_use */
	struct zc_listener listener;
	struct zc_imported_ring ring;
	uint64_t offset, seq;		/* of the next block */
	uint64_t ring_offset, ring_seq; /* of the ring's first one */
	bool stopping;
	uint64_t deadline_ns;
	unsigned still; /* blocks that are taken after stop() */
	char reason[160];
};

/*
 * Blocks of a ring
 */

/* Note the origin of a ring's data: one simulated ring makes the stream simulated; it is measured if all of it is. */
static void note_origin(struct zcdma_source *src, const struct zc_ho_offer *offer)
{
	const bool first = !src->stats.blocks;

	if (offer->flags == ZC_HO_SIMULATED)
		src->info.simulated = 1;
	else if (src->info.simulated < 1)
		src->info.simulated =
			offer->flags == ZC_HO_MEASURED && (first || !src->info.simulated) ? 0 : -1;
}

static void take_ring(struct handover_source *h, const struct zc_ring_offer *offer)
{
	struct zcdma_source *src = &h->src;
	const struct zc_ho_offer *ring = &offer->offer;

	if (zc_imported_ring_open(&h->ring, src, h->uses, offer)) {
		zc_ring_offer_refuse(offer);
		return;
	}
	/* A writer that does not get the answer would wait for it without end, and so would we. */
	if (zc_ring_offer_accept(offer)) {
		zc_imported_ring_close(&h->ring);
		return;
	}
	h->ring_offset = h->offset;
	h->ring_seq = h->seq;
	note_origin(src, ring);
	src->stats.handovers++;
	src->poll_fd = offer->sock;
	src->file_fd = ring->ring == ZC_HO_FILE ? offer->fd : -1;
	src->info.blocks = ring->ring == ZC_HO_FILE ? 0 : ring->blocks;
	src->info.block_size = (size_t)ring->block_size;
	src->info.page_size = (size_t)ring->page_size;
}

static void close_ring(struct handover_source *h)
{
	zc_imported_ring_close(&h->ring);
	h->src.poll_fd = h->listener.epoll;
	h->src.poll_events = POLLIN;
	h->src.file_fd = -1;
}

/* Take the next block of the ring. Returns 0 if the ring has ended, and is closed, or if it is left. */
static int next_of_ring(struct handover_source *h, size_t max, struct zcdma_block *b)
{
	int rc;

	/* A writer that was stopped too has at most its ring left; leave one that goes on. */
	if (h->stopping && (!h->still || zc_now_ns() > h->deadline_ns))
		return 0;
	rc = zc_imported_ring_next(&h->ring, max, b);
	if (!rc)
		close_ring(h);
	if (rc != 1)
		return rc;
	b->offset += h->ring_offset;
	b->seq += h->ring_seq;
	b->index += FIRST_SLOT;
	h->offset = b->offset + b->len;
	h->seq = b->seq + 1;
	if (h->stopping) {
		h->still--;
		h->deadline_ns = zc_now_ns() + LINGER_NS;
	}
	return 1;
}

/*
 * Bytes of the pipe
 */

static int not_plain(struct handover_source *h)
{
	return zc_fail_plain(h->src.ctx, EOPNOTSUPP, "no hand-over from %s: %s", h->src.name,
			     h->src.stats.plain_reason ? h->src.stats.plain_reason
						       : "its writer had none to make");
}

/* Give a block of the pipe its place in the stream. */
static void number(struct handover_source *h, struct zcdma_block *b)
{
	b->offset = h->offset;
	b->seq = h->seq++;
	h->offset += b->len;
}

static int next_of_pipe(struct handover_source *h, size_t max, struct zcdma_block *b)
{
	struct zcdma_source *src = &h->src;
	int rc = h->pipe->ops->next(h->pipe, max, b);

	src->starved = h->pipe->starved;
	if (rc == 1 && !src->stats.plain_reason && h->mode != NEVER)
		src->stats.plain_reason = "its writer sent bytes";
	if ((rc == 1 || (!rc && !src->stats.handovers && !h->stopping)) && h->mode == REQUIRE)
		return not_plain(h);
	if (rc != 1)
		return rc;
	/* What a ring had that has ended stays in place until bytes follow on it. */
	src->info.blocks = h->pipe->info.blocks;
	src->info.block_size = h->pipe->info.block_size;
	src->info.page_size = h->pipe->info.page_size;
	if (!src->info.simulated)
		src->info.simulated = -1; /* the origin of bytes is unknown */
	number(h, b);
	return 1;
}

/*
 * Deliver the bytes that were in the pipe before the ring came, where they did not fill a block that has to be full.
 * Returns whether there are any.
 */
static bool next_rest(struct handover_source *h, struct zcdma_block *b)
{
	if (!zc_pipe_next_rest(h->pipe, b))
		return false;
	number(h, b);
	h->ring_offset = h->offset;
	h->ring_seq = h->seq;
	return true;
}

/*
 * The source's operations
 */

static int handover_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct handover_source *h = (struct handover_source *)src;
	struct zc_ring_offer offer;
	int rc;

	/*
	 * A ring is offered after the welcome, so that the pipe is seen empty once more between a writer's
	 * hello and its ring: what others wrote before it comes first.
	 */
	for (;;) {
		if (h->ring.sock >= 0) {
			if (next_rest(h, b))
				return 1;
			rc = next_of_ring(h, max, b);
			if (rc || h->ring.sock >= 0)
				return rc;
		}
		rc = next_of_pipe(h, max, b);
		/* Where it was stopped, the pipe has not ended. */
		if (!rc && !h->stopping && zc_listener_ended_early(&h->listener))
			return zc_writer_ended_early(src);
		if (rc != -EAGAIN || src->starved ||
		    !zc_listener_look(&h->listener, h->uses, &offer))
			return rc;
		take_ring(h, &offer);
	}
}

static void handover_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct handover_source *h = (struct handover_source *)src;

	src->starved = false;
	if (b->index < FIRST_SLOT)
		h->pipe->ops->put(h->pipe, b, how);
	else
		zc_imported_ring_put(&h->ring, b->index - FIRST_SLOT, how);
}

static void handover_stop(struct zcdma_source *src)
{
	struct handover_source *h = (struct handover_source *)src;

	h->stopping = true;
	h->deadline_ns = zc_now_ns() + LINGER_NS;
	h->still = h->ring.offer.blocks;
	h->pipe->ops->stop(h->pipe);
}

static void handover_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct handover_source *h = (struct handover_source *)src;

	stats->copied_bytes += h->pipe->stats.copied_bytes;
	stats->kernel_copied_bytes += h->pipe->stats.kernel_copied_bytes;
	stats->unknown_bytes += h->pipe->stats.unknown_bytes;
	stats->replaced += h->pipe->stats.replaced;
	stats->next_seq = h->seq;
}

static void handover_deactivate(struct zcdma_source *src)
{
	struct handover_source *h = (struct handover_source *)src;

	zc_imported_ring_leave(&h->ring);
	zc_imported_ring_close(&h->ring);
	zc_listener_close(&h->listener);
	h->pipe->ops->deactivate(h->pipe);
	src->ring = NULL;
}

static void handover_close(struct zcdma_source *src)
{
	zcdma_source_close(((struct handover_source *)src)->pipe);
}

/*
 * Opening
 */

/* Listen for writers. Returns 0 or a negative errno. */
static int listen_to_writers(struct handover_source *h)
{
	int rc;

	/* An imported ring is mapped read-only, which cannot be registered, and another one may follow it. */
	if (h->uses & ZC_USE_WRITE)
		return -EACCES;
	rc = zc_listener_open(&h->listener);
	if (!rc)
		h->src.poll_fd = h->listener.epoll;
	return rc;
}

/* Set the reason why bytes are taken. */
static void stay_plain(struct handover_source *h, int err)
{
	const char *why = err == ENOTSUP      ? "it is not a pipe"
			  : err == EADDRINUSE ? "another process takes the hand-over from this pipe"
			  : err == EACCES     ? "registered buffers need a ring of this process"
					      : strerror(err);

	snprintf(h->reason, sizeof(h->reason), "%s", why);
	h->src.stats.plain_reason = h->reason;
}

static int open_pipe(struct handover_source *h)
{
	struct zcdma_ctx *ctx = h->src.ctx;
	int rc = zc_source_new(ctx, &zc_source_pipe, "standard input", &h->pipe);

	if (rc)
		return rc;
	rc = zc_pipe_attach(h->pipe, STDIN_FILENO, false);
	if (rc)
		zc_source_delete(h->pipe);
	return rc;
}

static int handover_open(struct zcdma_source *src, const char *arg)
{
	struct handover_source *h = (struct handover_source *)src;
	int rc;

	(void)arg;
	h->ring.sock = -1;
	h->listener.listener = h->listener.epoll = -1;
	free(src->name);
	src->name = strdup("standard input");
	if (!src->name)
		return zc_fail(src->ctx, ENOMEM, "standard input");
	rc = open_pipe(h);
	if (rc)
		return rc;
	src->info = h->pipe->info;
	src->info.name = src->name;
	src->origin_fd = h->pipe->origin_fd;
	return 0;
}

static int handover_activate(struct zcdma_source *src, unsigned uses)
{
	struct handover_source *h = (struct handover_source *)src;
	int rc;

	h->pipe->target = src->target;
	h->pipe->repeats = src->repeats;
	if (src->repeats) /* what another process has to take back cannot be kept */
		h->mode = NEVER;
	rc = h->pipe->ops->activate(h->pipe, uses);
	if (rc)
		return rc;
	h->uses = uses;
	src->info = h->pipe->info;
	src->info.name = src->name;
	src->poll_fd = h->pipe->poll_fd;
	src->file_fd = h->pipe->file_fd;
	/* A ring that another process made cannot be registered, and another one may follow it. */
	if (uses & ZC_USE_WRITE || h->mode == NEVER)
		src->ring = h->pipe->ring;
	else
		src->info.caps &= ~(unsigned)ZCDMA_CAP_RING;
	rc = h->mode == NEVER ? 0 : listen_to_writers(h);
	if (rc)
		stay_plain(h, -rc);
	rc = rc && h->mode == REQUIRE ? not_plain(h) : 0;
	if (rc)
		handover_deactivate(src);
	return rc;
}

static int parse_mode(const char *text, uint64_t *value)
{
	static const char *const modes[] = { "auto", "require", "never", NULL }; /* enum mode */

	return zc_option_name(text, modes, value);
}

static const struct zc_option options[] = {
	{ "handover", offsetof(struct handover_source, mode), parse_mode,
	  "auto, require or never" },
};

const struct zc_source_ops zc_source_stdin = {
	.type = {
		.name = "pipe",
		.syntax = "-",
		.summary = "standard input: a pipe, a file, a socket",
	},
	.size = sizeof(struct handover_source),
	.fills_target = true,
	.may_repeat = true,
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.open = handover_open,
	.activate = handover_activate,
	.deactivate = handover_deactivate,
	.next = handover_next,
	.put = handover_put,
	.stop = handover_stop,
	.get_stats = handover_get_stats,
	.close = handover_close,
};
