// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * read: - a character device whose driver has only read(), and may have its device write to the caller's pages by DMA, as
 * those of XDMA and QDMA do. A thread of its own reads whole blocks of a ring, in huge pages where there are any, so that the
 * device is kept busy while blocks are sent.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "memory/block_pool.h"
#include "source/options.h"
#include "source/source.h"
#include "util/thread.h"

#define DEFAULT_BLOCK  (4u << 20)
#define DEFAULT_BLOCKS 32
#define MOST_BLOCKS    65536
#define MOST_BLOCK     (1u << 30) /* read() returns at most 2 GiB: read(2) */

struct read_options {
	uint64_t blocks, block_size;
};

struct reader {
	struct zcdma_source src;
	struct read_options opt;
	char path[256];
	int fd;
	struct zcdma_block *full; /* a queue; as many as the ring has */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;	/* for everything below */
	pthread_cond_t changed; /* a block became free, or .stopping was set */
	struct zc_pool pool;
	unsigned first, count; /* of .full */
	unsigned out;	       /* blocks that the caller or a path has */
	bool stopping, ended;
	int error; /* of read(), an errno, or 0 */
	uint64_t seq, offset;
};

/*
 * Options
 */

static int parse_blocks(const char *text, uint64_t *value)
{
	return zc_option_within(text, value, 2, MOST_BLOCKS);
}

static int parse_block(const char *text, uint64_t *value)
{
	return zc_option_pages(text, value, MOST_BLOCK);
}

static const struct zc_option options[] = {
	{ "block", offsetof(struct read_options, block_size), parse_block,
	  "a size that is a multiple of the page size, up to 1G" },
	{ "blocks", offsetof(struct read_options, blocks), parse_blocks,
	  "a number from 2 to 65536" },
};

static int take_path(struct reader *r, const char **arg)
{
	const size_t len = strcspn(*arg, ",");

	if (!len || len >= sizeof(r->path)) {
		zc_fail_plain(r->src.ctx, EINVAL, "source %s: it does not name a device",
			      r->src.name);
		zc_hint(r->src.ctx, "write read:PATH, as in read:/dev/xdma0_c2h_0");
		return -EINVAL;
	}
	memcpy(r->path, *arg, len);
	r->path[len] = '\0';
	*arg += len + ((*arg)[len] == ',');
	return 0;
}

/* Check that it is a device: of anything else it is known that the kernel copies. */
static int check_kind(struct reader *r)
{
	struct stat st;

	if (fstat(r->fd, &st) < 0)
		return zc_fail(r->src.ctx, errno, "open %s", r->path);
	if (S_ISCHR(st.st_mode))
		return 0;
	zc_fail_plain(r->src.ctx, EINVAL, "open %s: not a character device", r->path);
	zc_hint(r->src.ctx, "file:PATH reads a file, and - (standard input) a pipe");
	return -EINVAL;
}

static int read_open(struct zcdma_source *src, const char *arg)
{
	struct reader *r = (struct reader *)src;
	int rc = take_path(r, &arg);

	r->opt = (struct read_options){ .blocks = DEFAULT_BLOCKS, .block_size = DEFAULT_BLOCK };
	if (!rc)
		rc = zc_source_options_parse(src, arg);
	if (rc)
		return rc;
	r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (r->fd < 0)
		return zc_fail(src->ctx, errno, "open %s", r->path);
	rc = check_kind(r);
	if (rc)
		close(r->fd);
	src->info.endless = true;
	return rc;
}

/*
 * The thread that reads
 */

static void wake(const struct reader *r)
{
	const uint64_t one = 1;

	/* A counter that is full is readable: eventfd(2). */
	(void)!write(r->src.poll_fd, &one, sizeof(one));
}

/* Read into a block, without the lock. Returns the number of bytes, 0 at the end, or a negative errno. */
static ssize_t read_block(const struct reader *r, void *data)
{
	ssize_t n;

	do
		n = read(r->fd, data, r->pool.ring.block_size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Put the block that was read at the end of the queue. */
static void push(struct reader *r, uint32_t index, size_t len)
{
	const struct zc_ring *ring = &r->pool.ring;

	r->full[(r->first + r->count++) % ring->blocks] = (struct zcdma_block){
		.data = zc_ring_block(ring, index),
		.len = len,
		.offset = r->offset,
		.seq = r->seq++,
		.time_ns = zc_now_ns(),
		.index = index,
		.fd = ring->fd,
		.fd_offset = ring->fd < 0 ? -1 : (int64_t)(index * (uint64_t)ring->block_size),
	};
	r->offset += len;
}

/* Take a free block, and wait for one. Returns false when the thread must end. */
static bool wait_for_block(struct reader *r, uint32_t *index)
{
	while (!r->stopping && !r->pool.unused_count)
		pthread_cond_wait(&r->changed, &r->lock);
	if (!r->stopping)
		*index = zc_pool_take(&r->pool);
	return !r->stopping;
}

/*
 * The address sanitizer marks a function's variables, and takes the marks back at its end, which cancelling skips: the
 * next function to use that part of the stack would be at fault. So it marks none here.
 */
__attribute__((no_sanitize_address)) static void *run(void *arg)
{
	struct reader *r = arg;
	uint32_t index;
	ssize_t n = 0;

	/* Only read() may be cancelled: with the lock, or a block half queued, nothing could go on. */
	pthread_mutex_lock(&r->lock);
	while (wait_for_block(r, &index)) {
		pthread_mutex_unlock(&r->lock);
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		n = read_block(r, zc_ring_block(&r->pool.ring, index));
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		pthread_mutex_lock(&r->lock);
		if (n <= 0)
			break;
		push(r, index, (size_t)n);
		wake(r);
	}
	r->error = n < 0 ? (int)-n : 0;
	r->ended = true;
	wake(r);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void *start_disabled(void *arg)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return run(arg);
}

/* End the thread. A read() that waits for its device is left; one whose driver cannot be interrupted is waited for. */
static void end_thread(struct reader *r)
{
	if (!r->started)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	pthread_cancel(r->thread);
	pthread_join(r->thread, NULL);
	r->started = false;
	r->ended = true;
}

/*
 * The source's operations
 */

static void free_all(struct reader *r)
{
	zc_pool_free(&r->pool);
	free(r->full);
	if (r->src.poll_fd >= 0)
		close(r->src.poll_fd);
	r->pool = (struct zc_pool){ .unused = NULL };
	r->full = NULL;
	r->src.poll_fd = -1;
	r->src.ring = NULL;
	r->src.info.blocks = 0;
}

/* Make the ring of huge pages, which a driver maps in few pieces, if there are any. */
static int make_ring(struct reader *r, unsigned uses)
{
	struct zcdma_ctx *ctx = r->src.ctx;
	const unsigned blocks = (unsigned)r->opt.blocks;
	int rc = zc_pool_alloc(ctx, &r->pool, ZC_MEMORY_HUGE, r->opt.block_size, blocks, uses);

	return rc ? zc_pool_alloc(ctx, &r->pool, ZC_MEMORY_BEST, r->opt.block_size, blocks, uses)
		  : 0;
}

static void describe(struct reader *r)
{
	struct zcdma_source_info *info = &r->src.info;

	info->block_size = r->pool.ring.block_size;
	info->blocks = r->pool.ring.blocks;
	info->page_size = r->pool.ring.page_size;
	info->caps = r->pool.ring.fd < 0 ? ZCDMA_CAP_MEMORY
					 : ZCDMA_CAP_MEMORY | ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET;
	zc_source_offer_ring(&r->src, &r->pool.ring);
}

static int read_activate(struct zcdma_source *src, unsigned uses)
{
	struct reader *r = (struct reader *)src;
	int rc = make_ring(r, uses);

	if (rc)
		goto err_free;
	r->full = calloc(r->pool.ring.blocks, sizeof(*r->full));
	src->poll_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!r->full || src->poll_fd < 0) {
		rc = zc_fail(src->ctx, r->full ? errno : ENOMEM, "source %s", src->name);
		goto err_free;
	}
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	describe(r);
	return 0;

err_free:
	free_all(r);
	return rc;
}

static void read_deactivate(struct zcdma_source *src)
{
	struct reader *r = (struct reader *)src;

	end_thread(r);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free_all(r);
}

static int read_start(struct zcdma_source *src)
{
	struct reader *r = (struct reader *)src;
	int rc;

	if (r->started)
		return zc_fail_plain(src->ctx, EBUSY, "%s has been started already", src->name);
	rc = zc_thread_start(&r->thread, start_disabled, r);
	if (rc)
		return zc_thread_fail(src->ctx, rc, src->name);
	r->started = true;
	return 0;
}

static int fail_read(struct reader *r)
{
	int err = r->pool.error ? -r->pool.error : r->error;

	zc_fail(r->src.ctx, err, r->pool.error ? "fresh pages for %s" : "read %s", r->src.name);
	if (!r->pool.error && err == EINVAL)
		zc_hint(r->src.ctx, "give block= a size that the driver takes in one read()");
	else if (!r->pool.error && err == ENODEV)
		zc_hint(r->src.ctx, "the device was removed, or its driver unbound");
	return -err;
}

static int read_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct reader *r = (struct reader *)src;
	uint64_t count;
	int rc = 1;

	(void)max;
	pthread_mutex_lock(&r->lock);
	if (r->count) {
		*b = r->full[r->first];
		r->first = (r->first + 1) % r->pool.ring.blocks;
		r->count--;
		r->out++;
		src->stats.unknown_bytes += b->len;
	} else if (r->pool.error || r->error) {
		rc = fail_read(r);
	} else if (r->ended) {
		rc = 0;
	} else {
		(void)!read(src->poll_fd, &count, sizeof(count));
		src->starved = r->out == r->pool.ring.blocks;
		rc = -EAGAIN;
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

static void read_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct reader *r = (struct reader *)src;

	src->stats.replaced += how == ZC_PUT_REPLACE;
	pthread_mutex_lock(&r->lock);
	zc_pool_put(&r->pool, b->index, how);
	r->out--;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	src->starved = false;
}

static void read_stop(struct zcdma_source *src)
{
	struct reader *r = (struct reader *)src;

	end_thread(r);
	r->ended = true;
}

static void read_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct reader *r = (struct reader *)src;

	pthread_mutex_lock(&r->lock);
	stats->next_seq = r->seq;
	pthread_mutex_unlock(&r->lock);
	stats->overruns = stats->lost_bytes = stats->discontinuities = ZCDMA_UNKNOWN;
	stats->loss_reason =
		"no driver says through read() what its device loses when it is not read in time";
	stats->copies_reason =
		"it is unknown whether the driver copies in read(), or has the device write to the ring itself";
}

static int read_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	return zc_source_share_ring(src, &((const struct reader *)src)->pool.ring, desc);
}

static void read_close(struct zcdma_source *src)
{
	close(((struct reader *)src)->fd);
}

const struct zc_source_ops zc_source_read = {
	.type = {
		.name = "read",
		.syntax = "read:PATH[,block=SIZE,blocks=N]",
		.summary = "a device whose driver has only read(), by whole blocks",
	},
	.size = sizeof(struct reader),
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.option_values = offsetof(struct reader, opt),
	.open = read_open,
	.activate = read_activate,
	.deactivate = read_deactivate,
	.start = read_start,
	.next = read_next,
	.put = read_put,
	.stop = read_stop,
	.get_stats = read_get_stats,
	.share = read_share,
	.close = read_close,
};
