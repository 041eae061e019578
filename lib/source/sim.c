// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * sim: - a stand-in for a DMA engine. A thread of its own fills the blocks of a ring, at its own
 * pace where a rate is set, and drops data when no block is free, as a device must.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "source/options.h"
#include "memory/ring.h"
#include "source/source.h"
#include "util/thread.h"

/* How often, and after how long, a wake-up that failed is repeated. */
#define WAKE_TRIES  1000
#define WAKE_NAP_NS 1000000

/* Without a free block a device looks for one this often, at most. */
#define STARVED_NAP_NS 1000

#define MAX_BLOCKS 65536
#if SIZE_MAX > UINT32_MAX
#define MAX_BLOCK      (1ull << 40)
#define MAX_BLOCK_TEXT "1T"
#else
#define MAX_BLOCK      (1ull << 30)
#define MAX_BLOCK_TEXT "1G"
#endif

struct sim_options {
	uint64_t blocks; /* 0: as the rate asks for */
	uint64_t block_size;
	uint64_t rate; /* bytes per second; 0: as fast as blocks become free */
	uint64_t seed;
	uint64_t fill_once;  /* bool */
	uint64_t memory;     /* enum zc_memory */
	uint64_t timeout_ns; /* how long a byte waits for its block to be full; 0: without limit */
};

/* Indexes of blocks, first in, first out. Never holds more than the ring has. */
struct fifo {
	uint32_t *slot;
	unsigned size, head, count;
};

struct sim {
	struct zcdma_source src;
	struct zc_ring ring;
	struct sim_options opt;

	pthread_t thread;
	bool started;

	pthread_mutex_t lock;	/* for everything below */
	pthread_cond_t changed; /* a block became free, or .stopping was set */
	struct fifo free, full;
	struct zcdma_block *meta;
	bool *filled;
	unsigned filled_count;
	bool stopping, ended;
	bool reader_waits; /* next() found nothing: signal poll_fd at the next block */
	pthread_t reader;  /* the thread that called it */
	bool signaled;	   /* poll_fd is readable */
	uint64_t seq, offset;
	uint64_t overruns, lost_bytes, replaced;
	bool lost; /* since the last full block */
	int error; /* a negative errno if fresh pages could not be allocated, else 0 */
};

static bool fifo_init(struct fifo *f, unsigned size)
{
	f->slot = calloc(size, sizeof(*f->slot));
	f->size = size;
	return f->slot;
}

static void fifo_push(struct fifo *f, uint32_t index)
{
	f->slot[(f->head + f->count++) % f->size] = index;
}

static bool fifo_pop(struct fifo *f, uint32_t *index)
{
	if (!f->count)
		return false;
	*index = f->slot[f->head];
	f->head = (f->head + 1) % f->size;
	f->count--;
	return true;
}

/*
 * Options
 */

static int parse_blocks(const char *text, uint64_t *value)
{
	return zc_option_within(text, value, 1, MAX_BLOCKS);
}

static int parse_block(const char *text, uint64_t *value)
{
	return zc_option_pages(text, value, MAX_BLOCK);
}

static int parse_fill(const char *text, uint64_t *once)
{
	*once = !strcmp(text, "once");
	return *once || !strcmp(text, "always") ? 0 : -EINVAL;
}

static int parse_memory(const char *text, uint64_t *memory)
{
	int rc = zc_option_name(text, zc_memory_names + 1, memory);

	*memory += ZC_MEMORY_BEST + 1;
	return rc;
}

static const struct zc_option options[] = {
	{ "blocks", offsetof(struct sim_options, blocks), parse_blocks,
	  "a number from 1 to 65536" },
	{ "block", offsetof(struct sim_options, block_size), parse_block,
	  "a size that is a multiple of the page size, up to " MAX_BLOCK_TEXT },
	{ "rate", offsetof(struct sim_options, rate), zc_option_rate,
	  "bytes per second, for example 360M" },
	{ "seed", offsetof(struct sim_options, seed), zc_option_number,
	  "a number, decimal or 0x..." },
	{ "fill", offsetof(struct sim_options, fill_once), parse_fill, "always or once" },
	{ "memory", offsetof(struct sim_options, memory), parse_memory,
	  "anon, memfd, huge, file or vvar" },
	{ "timeout", offsetof(struct sim_options, timeout_ns), zc_option_time,
	  "a time, for example 1ms" },
};

/*
 * The device
 */

/* Wait, without the lock, which the caller holds. Returns false when the device must stop. */
static bool wait_until(struct sim *sim, uint64_t when_ns)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(when_ns / 1000000000u),
		.tv_nsec = (long)(when_ns % 1000000000u),
	};

	while (!sim->stopping && zc_now_ns() < when_ns)
		pthread_cond_timedwait(&sim->changed, &sim->lock, &ts);
	return !sim->stopping;
}

/* Make .poll_fd readable. A reader would wait without end for a wake-up that failed, so it is repeated. */
static void wake_reader(struct sim *sim)
{
	const struct timespec nap = { .tv_nsec = WAKE_NAP_NS };
	const uint64_t one = 1;

	sim->signaled = true;
	for (int i = 0; i < WAKE_TRIES; i++) {
		/* EAGAIN: the counter is full, so that it is readable: eventfd(2). */
		if (write(sim->src.poll_fd, &one, sizeof(one)) >= 0 || errno == EAGAIN)
			return;
		nanosleep(&nap, NULL);
	}
}

static void push_full(struct sim *sim, uint32_t index, size_t len)
{
	struct zcdma_block *b = &sim->meta[index];

	b->len = len;
	b->seq = sim->seq++;
	b->offset = sim->offset;
	b->time_ns = zc_now_ns();
	b->flags = sim->lost ? ZCDMA_BLOCK_LOST : 0;
	sim->offset += b->len;
	sim->lost = false;
	fifo_push(&sim->full, index);
	if (sim->reader_waits) {
		sim->reader_waits = false;
		/* One that gives a block back itself does not sleep, and looks again before it does. */
		if (sim->src.watch || !pthread_equal(pthread_self(), sim->reader))
			wake_reader(sim);
	}
}

/* Lose @blocks of them. */
static void lose(struct sim *sim, uint64_t blocks)
{
	sim->overruns += blocks;
	sim->lost_bytes += blocks * sim->ring.block_size;
	sim->seq += blocks;
	sim->offset += blocks * sim->ring.block_size;
	sim->lost = true;
}

/* Fill @len bytes of a block, as a device does by DMA. It belongs to the device, so the lock is not needed. */
static void fill(struct sim *sim, uint32_t index, size_t len)
{
	uint64_t offset = sim->offset;

	if (sim->opt.fill_once && sim->filled[index])
		return;
	pthread_mutex_unlock(&sim->lock);
	/* What is filled once may be delivered whole the next time. */
	zcdma_pattern_fill(zc_ring_block(&sim->ring, index),
			   sim->opt.fill_once ? sim->ring.block_size : len, offset, sim->opt.seed);
	pthread_mutex_lock(&sim->lock);
	sim->filled_count += !sim->filled[index];
	sim->filled[index] = true;
}

/* Returns how many bytes have come since the start, in whole words. */
static uint64_t bytes_by(const struct sim *sim, uint64_t ns)
{
	return (uint64_t)((double)ns * (double)sim->opt.rate / 1e9) & ~UINT64_C(7);
}

/* Returns when the byte at @offset comes, after the start. */
static uint64_t time_of(const struct sim *sim, uint64_t offset)
{
	return (uint64_t)((double)offset * 1e9 / (double)sim->opt.rate);
}

/*
 * Wait until a block is full, or its first byte has waited for as long as it may. Returns how many bytes of it there
 * are, or 0 when the device must stop.
 */
static size_t wait_for_data(struct sim *sim, uint64_t start)
{
	const size_t size = sim->ring.block_size;
	uint64_t full = start + time_of(sim, sim->offset + size);
	/* With a word at least, whose last byte has come. */
	uint64_t due = start + zc_max(time_of(sim, sim->offset) + sim->opt.timeout_ns,
				      time_of(sim, sim->offset + 8) + 1);
	uint64_t now;

	if (!wait_until(sim, sim->opt.timeout_ns ? zc_min(full, due) : full))
		return 0;
	now = zc_now_ns();
	if (now >= full)
		return size;
	return zc_min(zc_max(bytes_by(sim, now - start), sim->offset + 8) - sim->offset, size);
}

/*
 * Leave the lock to others for a moment. A wait does not when its time has passed already, as that of the nap may have
 * before a slow machine has looked at the clock.
 */
static void nap(struct sim *sim)
{
	const struct timespec ts = { .tv_nsec = STARVED_NAP_NS };

	pthread_mutex_unlock(&sim->lock);
	nanosleep(&ts, NULL);
	pthread_mutex_lock(&sim->lock);
}

/* One block's time, with a rate. Returns false when the device must stop. */
static bool pass_time(struct sim *sim, uint64_t start)
{
	const size_t size = sim->ring.block_size, len = wait_for_data(sim, start);
	uint64_t now, come;
	uint32_t index;

	if (!len)
		return false;
	if (fifo_pop(&sim->free, &index)) {
		fill(sim, index, len);
		push_full(sim, index, len);
		return true;
	}
	now = zc_now_ns();
	if (len < size) {
		wait_until(sim, zc_min(now + sim->opt.timeout_ns,
				       start + time_of(sim, sim->offset + size)));
	} else {
		/* All that came by now, however fast. */
		come = bytes_by(sim, now - start);
		lose(sim, come > sim->offset + size ? (come - sim->offset) / size : 1);
	}
	nap(sim);
	return true;
}

static void *device(void *arg)
{
	struct sim *sim = arg;
	const uint64_t start = zc_now_ns();
	const size_t size = sim->ring.block_size;
	uint32_t index;

	pthread_mutex_lock(&sim->lock);
	while (!sim->stopping) {
		if (sim->opt.rate) {
			if (!pass_time(sim, start))
				break;
		} else if (fifo_pop(&sim->free, &index)) {
			fill(sim, index, size);
			push_full(sim, index, size);
		} else {
			pthread_cond_wait(&sim->changed, &sim->lock);
		}
	}
	sim->ended = true;
	wake_reader(sim);
	pthread_mutex_unlock(&sim->lock);
	return NULL;
}

/*
 * The source's operations
 */

static void sim_free(struct sim *sim)
{
	free(sim->free.slot);
	free(sim->full.slot);
	free(sim->meta);
	free(sim->filled);
	zc_ring_free(&sim->ring);
	if (sim->src.poll_fd >= 0)
		close(sim->src.poll_fd);
	sim->free = sim->full = (struct fifo){ 0 };
	sim->meta = NULL;
	sim->filled = NULL;
	sim->filled_count = 0;
	sim->src.poll_fd = -1;
	sim->src.ring = NULL;
}

static bool sim_alloc(struct sim *sim, unsigned blocks)
{
	sim->meta = calloc(blocks, sizeof(*sim->meta));
	sim->filled = calloc(blocks, sizeof(*sim->filled));
	return fifo_init(&sim->free, blocks) && fifo_init(&sim->full, blocks) && sim->meta &&
	       sim->filled;
}

static void sim_init(struct sim *sim)
{
	const struct zc_ring *ring = &sim->ring;
	pthread_condattr_t attr;

	pthread_mutex_init(&sim->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&sim->changed, &attr);
	pthread_condattr_destroy(&attr);

	for (unsigned i = 0; i < ring->blocks; i++) {
		sim->meta[i] = (struct zcdma_block){
			.data = zc_ring_block(ring, i),
			.len = ring->block_size,
			.index = i,
			.fd = ring->fd,
			.fd_offset = ring->fd < 0 ? -1 : (int64_t)(i * ring->block_size),
		};
		/* The kernel fills it, and nobody else can. */
		sim->filled[i] = !ring->stride;
		sim->filled_count += sim->filled[i];
		fifo_push(&sim->free, i);
	}
	sim->src.info.block_size = ring->block_size;
	sim->src.info.blocks = ring->blocks;
	sim->src.info.page_size = ring->page_size;
	sim->src.info.caps = ring->fd < 0 ? ZCDMA_CAP_MEMORY
					  : ZCDMA_CAP_MEMORY | ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET;
	zc_source_offer_ring(&sim->src, ring);
	sim->src.info.lossy = sim->opt.rate;
	sim->src.patient = !sim->opt.rate;
}

static int sim_open(struct zcdma_source *src, const char *arg)
{
	struct sim *sim = (struct sim *)src;

	sim->opt = (struct sim_options){ .block_size = 1 << 20 };
	src->info.endless = true;
	src->info.simulated = 1;
	return zc_source_options_parse(src, arg);
}

static int sim_activate(struct zcdma_source *src, unsigned uses)
{
	struct sim *sim = (struct sim *)src;
	unsigned blocks = (unsigned)sim->opt.blocks;
	int rc;

	/* Without a rate each block is filled at once. */
	if (sim->opt.timeout_ns && !sim->opt.rate) {
		rc = zc_fail_plain(src->ctx, EINVAL,
				   "source %s: timeout= is for a device with a rate", src->name);
		zc_hint(src->ctx, "add rate=SIZE, or leave timeout= out");
		return rc;
	}
	if (!blocks)
		blocks = zc_ring_default_blocks(sim->opt.rate, sim->opt.block_size);
	rc = zc_ring_alloc(src->ctx, &sim->ring, (enum zc_memory)sim->opt.memory,
			   sim->opt.block_size, blocks, uses);
	if (rc)
		return rc;
	sim->opt.fill_once |= !sim->ring.stride;
	src->poll_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (src->poll_fd < 0) {
		rc = zc_fail(src->ctx, errno, "%s eventfd", src->name);
		goto err_free;
	}
	if (!sim_alloc(sim, sim->ring.blocks)) {
		rc = zc_fail(src->ctx, ENOMEM, "source %s", src->name);
		goto err_free;
	}
	sim_init(sim);
	return 0;

err_free:
	sim_free(sim);
	return rc;
}

static int sim_start(struct zcdma_source *src)
{
	struct sim *sim = (struct sim *)src;
	int rc;

	if (sim->started)
		return zc_fail_plain(src->ctx, EBUSY, "%s has been started already", src->name);
	sim->reader_waits = true; /* it may wait for .poll_fd before it calls next() */
	rc = zc_thread_start(&sim->thread, device, sim);
	if (rc)
		return zc_thread_fail(src->ctx, rc, src->name);
	sim->started = true;
	return 0;
}

static int sim_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct sim *sim = (struct sim *)src;
	uint64_t count;
	uint32_t index;
	int rc;

	(void)max;
	pthread_mutex_lock(&sim->lock);
	if (sim->error) {
		rc = zc_fail(src->ctx, -sim->error, "fresh pages for %s", src->name);
	} else if (fifo_pop(&sim->full, &index)) {
		*b = sim->meta[index];
		rc = 1;
	} else if (sim->ended) {
		rc = 0;
	} else {
		/* Forget the wake-up that brought the caller here, and ask for the next. */
		if (sim->signaled)
			(void)!read(src->poll_fd, &count, sizeof(count));
		sim->signaled = false;
		sim->reader = pthread_self();
		sim->reader_waits = true;
		rc = -EAGAIN;
	}
	pthread_mutex_unlock(&sim->lock);
	return rc;
}

static void free_block(struct sim *sim, uint32_t index)
{
	bool all_filled = sim->filled_count == sim->ring.blocks;

	/*
	 * Without data to fill, a rate, or blocks ahead in the queue, the device's thread is not needed, and
	 * the blocks keep their order.
	 */
	if (sim->opt.fill_once && all_filled && !sim->free.count && !sim->opt.rate &&
	    !sim->stopping) {
		push_full(sim, index, sim->ring.block_size);
		return;
	}
	fifo_push(&sim->free, index);
	if (!sim->opt.rate)
		pthread_cond_signal(&sim->changed);
}

static void sim_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct sim *sim = (struct sim *)src;
	/* The pages of a block that is filled only once need not be replaced. */
	bool give = how == ZC_PUT_REPLACE && !sim->opt.fill_once;
	unsigned first = b->index;
	int count = give ? zc_ring_renew(&sim->ring, b->index, &first) : 1;

	pthread_mutex_lock(&sim->lock);
	sim->replaced += give;
	if (count < 0)
		sim->error = count;
	while (count-- > 0)
		free_block(sim, first++);
	pthread_mutex_unlock(&sim->lock);
}

static void sim_stop(struct zcdma_source *src)
{
	struct sim *sim = (struct sim *)src;

	pthread_mutex_lock(&sim->lock);
	sim->stopping = true;
	sim->ended |= !sim->started;
	pthread_cond_signal(&sim->changed);
	pthread_mutex_unlock(&sim->lock);
}

static void sim_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct sim *sim = (struct sim *)src;

	pthread_mutex_lock(&sim->lock);
	stats->overruns = sim->overruns;
	stats->lost_bytes = sim->lost_bytes;
	stats->replaced = sim->replaced;
	stats->next_seq = sim->seq;
	pthread_mutex_unlock(&sim->lock);
}

static int sim_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	return zc_source_share_ring(src, &((const struct sim *)src)->ring, desc);
}

static void sim_deactivate(struct zcdma_source *src)
{
	struct sim *sim = (struct sim *)src;

	if (sim->started) {
		sim_stop(src);
		pthread_join(sim->thread, NULL);
	}
	pthread_cond_destroy(&sim->changed);
	pthread_mutex_destroy(&sim->lock);
	sim_free(sim);
}

static void sim_close(struct zcdma_source *src)
{
	(void)src;
}

const struct zc_source_ops zc_source_sim = {
	.type = {
		.name = "sim",
		.syntax = "sim:[blocks=N,block=SIZE,rate=SIZE,seed=N,fill=once,memory=KIND,timeout=TIME]",
		.summary = "a simulated device that writes the pattern into a ring",
		.memory = "memory",
		.memories = zc_memory_names + 1,
	},
	.size = sizeof(struct sim),
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.option_values = offsetof(struct sim, opt),
	.open = sim_open,
	.activate = sim_activate,
	.deactivate = sim_deactivate,
	.start = sim_start,
	.next = sim_next,
	.put = sim_put,
	.stop = sim_stop,
	.get_stats = sim_get_stats,
	.share = sim_share,
	.close = sim_close,
};
