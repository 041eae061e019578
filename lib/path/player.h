/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device that plays. Where blocks of its ring are filled, all of them are held by this process, empty, but those that are
 * queued at the device: so each that can be taken again is one that was played, and the driver says when. Where pages are
 * spliced to it, the driver has the blocks.
 */
#ifndef ZCDMA_PATH_PLAYER_H
#define ZCDMA_PATH_PLAYER_H

#include "memory/block_pool.h"
#include "path/drain.h"
#include "source/dev_ring.h"

/* What a block of the ring was queued with. */
struct zc_queued {
	bool queued;
	uint64_t ticket;   /* of the block that was filled in place, or 0 */
	uint64_t given_ns; /* when it was queued */
	size_t zeros;	   /* bytes of it that are not the source's */
};

struct zc_player {
	struct zc_dev_ring ring;
	char *name;	     /* as the caller gave it; .ring.name */
	struct zc_pool pool; /* of blocks that are empty */
	struct zc_queued *block;
	unsigned at_device; /* blocks that are queued */
	bool started;
	enum zcdma_underrun underrun; /* what to do there; .._ZERO takes blocks that are held */
	bool idle; /* stopped or gone: what was queued is not played, and nothing reads it */
	struct zc_drain drain;
	uint64_t zeros_played; /* bytes */
	/* How long blocks took from being queued to being played. */
	uint64_t blocks_timed, queued_ns, queued_max_ns;
};

/* Returns whether @address names a device, and not a host. */
bool zc_player_is_named(const char *address);

/*
 * Open the device that @address names ("dev:PATH,OPTIONS"), with its ring. Returns 0, or a negative errno with the error
 * message set.
 */
int zc_player_open(struct zcdma_ctx *ctx, const char *address, struct zc_player **player);

/* Map its ring, and take all blocks of it. Returns as above. */
int zc_player_hold(struct zc_player *p);

/* Look for an underrun where the program wants to end with the first one. Returns as above. */
int zc_player_check(struct zc_player *p);

/* Fill in what the device has played, and what it lacked. */
void zc_player_count(struct zc_player *p, struct zcdma_path_stats *s);

/* Stop, dropping what is queued, and close it. */
void zc_player_close(struct zc_player *p);

static inline unsigned char *zc_player_block(const struct zc_player *p, uint32_t index)
{
	return (unsigned char *)zc_ring_block(&p->pool.ring, index);
}

/* Returns the index of the block that begins at @data, or a negative errno if none does. */
int64_t zc_player_find(const struct zc_player *p, const void *data);

/* Queue @len bytes of a block, a multiple of what the device takes. Returns as above. */
int zc_player_give(struct zc_player *p, uint32_t index, size_t len);

/* Start the device, unless it was. Returns as above. */
int zc_player_start(struct zc_player *p);

/*
 * Take back a block that was played, or dropped once the player is idle. Returns its index, -EAGAIN if there is none, or
 * another negative errno with the error message set.
 */
int64_t zc_player_take(struct zc_player *p);

/*
 * Wait until all is played, at most @timeout_ms. Returns 0; -EINTR or -ETIMEDOUT, after which the same call goes on; or
 * another negative errno with the error message set.
 */
int zc_player_drain(struct zc_player *p, int timeout_ms);

/* Have a block come back that was not queued, once the player is idle. */
void zc_player_drop(struct zc_player *p, uint32_t index);

/* Stop the device, which drops what is queued. */
void zc_player_stop(struct zc_player *p);

#endif
