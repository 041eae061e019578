// SPDX-License-Identifier: LGPL-2.1-or-later
/* What all sources share: from a call to a kind's operation. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handover/pipe_peer.h"
#include "memory/ring.h"
#include "source/source.h"
#include "util/watch.h"

int zc_source_new(struct zcdma_ctx *ctx, const struct zc_source_ops *ops, const char *name,
		  struct zcdma_source **out)
{
	size_t size = zc_max(ops->size, ops->reading ? ops->reading->size : 0);
	struct zcdma_source *src = calloc(1, size);

	if (!src)
		return zc_fail(ctx, ENOMEM, "source %s", name);
	src->name = strdup(name);
	if (!src->name) {
		free(src);
		return zc_fail(ctx, ENOMEM, "source %s", name);
	}
	src->ops = ops;
	src->ctx = ctx;
	src->poll_fd = -1;
	src->poll_events = POLLIN;
	src->file_fd = -1;
	src->origin_fd = -1;
	src->info.type = ops->type.name;
	src->info.name = src->name;
	src->info.tracks_pages = ops->type.tracks_pages;
	src->info.simulated = -1;
	*out = src;
	return 0;
}

void zc_source_delete(struct zcdma_source *src)
{
	zc_lent_free(&src->lent);
	free(src->name);
	free(src->name_set);
	free(src);
}

void zc_source_become(struct zcdma_source *src, const struct zc_source_ops *ops)
{
	memset(src + 1, 0, ops->size - sizeof(*src));
	src->ops = ops;
	src->file_fd = src->origin_fd = -1;
}

void zc_source_offer_ring(struct zcdma_source *src, const struct zc_ring *ring)
{
	if (ring->replaces)
		return;
	src->ring = ring;
	src->info.caps |= ZCDMA_CAP_RING;
}

/*
 * Seal the ring, so that it cannot shrink under the process that maps it, which is not to write to it either. That seal
 * refuses to punch holes too, by which pages are replaced (shmem_fallocate() in mm/shmem.c).
 */
int zc_source_share_ring(const struct zcdma_source *src, const struct zc_ring *ring,
			 struct zc_ring_desc *desc)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL |
			  (ring->replaces ? 0 : F_SEAL_FUTURE_WRITE);

	/* Once: the last seal is on the seals themselves. */
	if (!(fcntl(ring->fd, F_GET_SEALS) & F_SEAL_SEAL) &&
	    fcntl(ring->fd, F_ADD_SEALS, seals) < 0)
		return zc_fail(src->ctx, errno, "seal the ring of %s", src->name);
	*desc = (struct zc_ring_desc){
		.kind = ZC_RING_MEMORY,
		.blocks = ring->blocks,
		.block_size = ring->block_size,
		.stride = ring->block_size,
		.page_size = ring->page_size,
	};
	return ring->fd;
}

ZC_PUBLIC void zcdma_source_set_limit(struct zcdma_source *src, uint64_t bytes, uint64_t blocks)
{
	src->max_bytes = bytes;
	src->max_blocks = blocks;
	src->info.at_limit = false; /* until it is asked for, or comes to the new one */
}

/*
 * The ring
 */

int zc_source_activate(struct zcdma_source *src, unsigned uses)
{
	int rc;

	if (src->reads)
		uses |= ZC_USE_READ;
	if (src->active && uses == src->uses)
		return 0;
	if (src->active && (src->paths || src->started || src->shared)) {
		/* Whether its blocks are good for another path is for that path to find. */
		if (!(uses & ~src->uses))
			return 0;
		rc = zc_fail_plain(src->ctx, EBUSY,
				   "source %s: its ring was made for something else, and is in use",
				   src->name);
		zc_hint(src->ctx,
			"open the path that needs most before the others, and before the start");
		return rc;
	}
	if (src->active)
		src->ops->deactivate(src);
	rc = src->ops->activate(src, uses);
	src->active = !rc;
	src->uses = uses;
	return rc;
}

ZC_PUBLIC int zcdma_source_start(struct zcdma_source *src)
{
	int rc = src->active ? 0 : zc_source_activate(src, ZC_USE_READ);

	if (!rc && src->ops->start)
		rc = src->ops->start(src);
	src->started |= !rc;
	return rc;
}

/*
 * Blocks
 */

static bool is_numbered(enum zcdma_packets kind)
{
	return kind == ZCDMA_PACKETS_NUMBERED || kind == ZCDMA_PACKETS_RECEIVED_NUMBERED;
}

/* Returns how many packets were lost until now: by their numbers, or as far as the kernel counted them. */
static uint64_t lost_packets(const struct zcdma_source *src, const struct zcdma_packet_stats *s)
{
	return is_numbered(src->info.packets) ? s->lost : s->dropped;
}

/*
 * Note in the block which packets were lost since the one before. A source that receives numbered datagrams says itself
 * where they are missing.
 */
static void note_lost_packets(struct zcdma_source *src, struct zcdma_block *b)
{
	struct zcdma_loss *network = &b->lost[ZCDMA_LOST_NETWORK];
	struct zcdma_source_stats stats = src->stats;
	uint64_t packets;

	if (src->info.packets == ZCDMA_PACKETS_RECEIVED_NUMBERED) {
		src->lost_packets += network->count;
		return;
	}
	if (src->ops->get_stats)
		src->ops->get_stats(src, &stats);
	packets = lost_packets(src, &stats.packets);
	if (packets > src->lost_packets)
		*network = (struct zcdma_loss){ packets - src->lost_packets, ZCDMA_UNKNOWN };
	src->lost_packets = packets;
}

/* Add @bytes to @sum, which is unknown if a part of it is. */
static void add_known(uint64_t *sum, uint64_t bytes)
{
	*sum = *sum == ZCDMA_UNKNOWN || bytes == ZCDMA_UNKNOWN ? ZCDMA_UNKNOWN : *sum + bytes;
}

/* Note in the block what was lost since the one before. */
static void note_losses(struct zcdma_source *src, struct zcdma_block *b)
{
	struct zcdma_loss *device = &b->lost[ZCDMA_LOST_DEVICE];

	if (b->flags & ZCDMA_BLOCK_DISCONTINUITY)
		*device = (struct zcdma_loss){ ZCDMA_UNKNOWN, ZCDMA_UNKNOWN };
	else if (b->flags & ZCDMA_BLOCK_LOST && b->seq > src->next_seq)
		*device = (struct zcdma_loss){
			.count = b->seq - src->next_seq,
			.bytes = b->offset > src->next_offset ? b->offset - src->next_offset
							      : ZCDMA_UNKNOWN,
		};
	/* What a connection lost has a count of its own. */
	if (src->info.packets == ZCDMA_PACKETS_NONE)
		return;
	note_lost_packets(src, b);
	add_known(&src->network_lost_bytes, b->lost[ZCDMA_LOST_NETWORK].bytes);
}

/*
 * Count what is missing before this block. A device goes on to count while its reader takes nothing any more, so
 * its own figures do not say whether the stream has a gap; and a ring from another process has no figures.
 */
static void count_gap(struct zcdma_source *src, const struct zcdma_block *b)
{
	if (b->flags & ZCDMA_BLOCK_LOST && b->seq > src->next_seq) {
		src->stats.gap_blocks += b->seq - src->next_seq;
		add_known(&src->stats.gap_bytes, b->lost[ZCDMA_LOST_DEVICE].bytes);
	}
	if (b->flags & ZCDMA_BLOCK_DISCONTINUITY)
		src->stats.discontinuities++;
	src->next_seq = b->seq + 1;
	src->next_offset = b->offset + b->len;
}

/* Look whether the pace of the source lets a block come. Returns 0, -EAGAIN, or another negative errno. */
static int check_pace(struct zcdma_source *src, size_t *most)
{
	int rc = zc_pace_check(&src->pace, most);

	if (rc == -EAGAIN)
		src->poll_fd = src->pace.timer_fd;
	return !rc || rc == -EAGAIN ? rc : zc_fail(src->ctx, -rc, "pace of %s", src->name);
}

int zc_source_take(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	const bool paced = src->pace.rate && !src->stopped;
	size_t most = max ? max : SIZE_MAX;
	int rc = paced ? check_pace(src, &most) : 0;

	if (!rc)
		rc = src->ops->next(src, most, b);
	/* A connection, or a file on another machine, timed out: -ETIMEDOUT ends a wait, after which callers go on. */
	if (rc == -ETIMEDOUT)
		rc = -ECONNABORTED;
	if (rc != 1)
		return rc;
	if (paced)
		zc_pace_count(&src->pace, b->len);
	src->stats.blocks++;
	src->stats.bytes += b->len;
	note_losses(src, b);
	count_gap(src, b);
	return rc;
}

void zc_source_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	src->ops->put(src, b, how);
}

void zc_source_return(struct zcdma_source *src, struct zc_lent_block *e, bool replace)
{
	/* The place is free, and its block stays as it was until the next one is delivered. */
	if (zc_lent_remove(&src->lent, e, &replace))
		zc_source_put(src, &e->b, replace ? ZC_PUT_REPLACE : ZC_PUT_REUSE);
}

/* Set the error message for a block that is not the caller's. */
static void refuse(const struct zcdma_source *src, const struct zc_lent_block *e, const char *what)
{
	zc_fail_plain(src->ctx, EINVAL, "%s a block of %s: it %s", what, src->name,
		      e ? "was sent already, and goes back by itself"
			: "is not one that was delivered, or it was sent or released before");
}

struct zc_lent_block *zc_source_find_lent(const struct zcdma_source *src,
					  const struct zcdma_block *b, const char *what)
{
	struct zc_lent_block *e = zc_lent_find(&src->lent, b->ticket);

	if (e && e->state == ZC_LENT_CALLER)
		return e;
	refuse(src, e, what);
	return NULL;
}

ZC_PUBLIC void zcdma_source_close(struct zcdma_source *src)
{
	if (!src)
		return;
	zc_watch_free(src->watch);
	if (src->active)
		src->ops->deactivate(src);
	src->ops->close(src);
	zc_pace_close(&src->pace);
	zc_source_delete(src);
}

void zc_copy_sized(void *to, size_t size, const void *from, size_t have)
{
	memcpy(to, from, zc_min(size, have));
	if (size > have)
		memset((char *)to + have, 0, size - have);
}

/*
 * Returns whether packets were lost whose bytes no block says: after the last block, or, of numbered ones, more than
 * their numbers show.
 */
static bool lost_unseen(const struct zcdma_source *src, const struct zcdma_packet_stats *s)
{
	switch (src->info.packets) {
	case ZCDMA_PACKETS_NONE:
		return false;
	case ZCDMA_PACKETS_RECEIVED_NUMBERED: /* whose source adds those that come after the last block */
		return s->dropped > s->lost;
	case ZCDMA_PACKETS_NUMBERED:
		return s->lost > src->lost_packets || s->dropped > s->lost;
	default:
		return s->dropped > src->lost_packets;
	}
}

/* Set what is unknown of the losses of datagrams that have no numbers, and of what no packets were read for. */
static void note_unknown(const struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	const enum zcdma_packets kind = src->info.packets;

	if (kind != ZCDMA_PACKETS_PAYLOAD)
		stats->packets.missing_bytes = ZCDMA_UNKNOWN;
	if (kind == ZCDMA_PACKETS_RECEIVED || kind == ZCDMA_PACKETS_WHOLE)
		stats->packets.lost = ZCDMA_UNKNOWN;
	if (lost_unseen(src, &stats->packets))
		stats->lost_bytes = ZCDMA_UNKNOWN;
	/* The kernel counts whole packets that it drops. */
	if (stats->packets.lost != ZCDMA_UNKNOWN || kind == ZCDMA_PACKETS_WHOLE)
		return;
	stats->lost_bytes = ZCDMA_UNKNOWN;
	stats->loss_reason = "datagrams without numbers do not show which of them did not come";
	stats->loss_hint = "give the source seq=, where its datagrams have numbers";
}

ZC_PUBLIC void zcdma_source_get_stats(struct zcdma_source *src, struct zcdma_source_stats *out,
				      size_t size)
{
	struct zcdma_source_stats stats = src->stats;

	if (src->active && src->ops->get_stats)
		src->ops->get_stats(src, &stats);
	/* A ring that came through a pipe: its device's figures are with its producer. */
	stats.overruns = zc_max(stats.overruns, stats.gap_blocks);
	stats.lost_bytes = zc_max(stats.lost_bytes, stats.gap_bytes);
	add_known(&stats.lost_bytes, src->network_lost_bytes);
	note_unknown(src, &stats);
	zc_copy_sized(out, size, &stats, sizeof(stats));
}

ZC_PUBLIC void zcdma_source_get_info(struct zcdma_source *src, struct zcdma_source_info *info,
				     size_t size)
{
	src->info.endless |= src->repeats;
	src->info.at_limit |= (src->max_bytes && src->stats.bytes >= src->max_bytes) ||
			      (src->max_blocks && src->stats.blocks >= src->max_blocks);
	zc_copy_sized(info, size, &src->info, sizeof(src->info));
}

bool zc_source_is(const struct zcdma_source *src, const struct stat *st)
{
	const int fds[] = { src->file_fd, src->origin_fd };
	struct stat own;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0 && !fstat(fds[i], &own) && own.st_dev == st->st_dev &&
		    own.st_ino == st->st_ino)
			return true;
	}
	return false;
}

ZC_PUBLIC bool zcdma_source_reads(const struct zcdma_source *src, int fd, char *buf, size_t len)
{
	struct stat st;

	*buf = '\0';
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	return zc_source_is(src, &st) ||
	       (src->origin_fd >= 0 && zc_pipe_peer_reads(src->origin_fd, &st, buf, len));
}
