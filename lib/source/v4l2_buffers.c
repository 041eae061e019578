// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The buffers that a V4L2 device fills: of which memory they are, so that their pages can be sent. A driver's own buffers
 * are mapped by remap_pfn_range() with most of the kernel's allocators, and nothing can be sent from them without a copy;
 * so it is given pages of a memfd instead, where it takes them.
 */
#include "source/v4l2_buffers.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "memory/poison.h"
#include "memory/udmabuf.h"
#include "probe/methods.h"

/* How long the first frame may take. */
#define FIRST_FRAME_MS 5000

#define HUGE_PAGE (2u << 20)

/* What a way cannot serve, of enum zc_use. */
#define NOT_THE_DRIVERS (ZC_USE_REPLACE | ZC_USE_FD | ZC_USE_SHARE | ZC_USE_WRITE)

struct zc_v4l2_way {
	const char *name, *text;
	enum v4l2_memory memory;
	unsigned cannot; /* of enum zc_use */
	/* Make the slots, after the driver granted .count. Returns 0, or a negative errno after refuse(). */
	int (*make)(struct zc_v4l2_buffers *b, unsigned uses);
};

static int refuse(struct zc_v4l2_buffers *b, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Add to the reasons why a way was not taken. Returns -@err. */
static int refuse(struct zc_v4l2_buffers *b, int err, const char *fmt, ...)
{
	size_t len = strlen(b->reason);
	va_list ap;

	len += (size_t)snprintf(b->reason + len, sizeof(b->reason) - len, "%s%s: ", len ? "; " : "",
				b->way->name);
	if (len < sizeof(b->reason)) {
		va_start(ap, fmt);
		vsnprintf(b->reason + len, sizeof(b->reason) - len, fmt, ap);
		va_end(ap);
	}
	return -err;
}

/* Set what helps against the first refusal. */
static void hint(struct zc_v4l2_buffers *b, const char *text)
{
	if (!b->hint[0])
		snprintf(b->hint, sizeof(b->hint), "%s", text);
}

static size_t frame_room(const struct zc_v4l2_buffers *b, size_t unit)
{
	return (b->device->frame_bytes + unit - 1) / unit * unit;
}

/*
 * Memory of the program's own, imported as dma-bufs
 */

static int open_udmabuf(struct zc_v4l2_buffers *b)
{
	int err;

	b->udmabuf_fd = open(ZC_UDMABUF_PATH, O_RDWR | O_CLOEXEC);
	if (b->udmabuf_fd >= 0)
		return 0;
	err = errno;
	if (zc_udmabuf_hint(err))
		hint(b, zc_udmabuf_hint(err));
	return refuse(b, err, "open " ZC_UDMABUF_PATH ": %s", strerror(err));
}

/* Export a slot's pages, as they are now. */
static int export_slot(struct zc_v4l2_buffers *b, unsigned index)
{
	struct zc_v4l2_slot *s = &b->slots[index];
	int fd = zc_udmabuf_export(b->udmabuf_fd, b->ring.fd, index * (uint64_t)b->ring.block_size,
				   b->ring.block_size);

	if (fd < 0)
		return fd;
	if (s->dmabuf >= 0)
		close(s->dmabuf);
	s->dmabuf = fd;
	return 0;
}

static void use_ring(struct zc_v4l2_buffers *b)
{
	for (unsigned i = 0; i < b->count; i++) {
		b->slots[i].data = zc_ring_block(&b->ring, i);
		b->slots[i].len = b->ring.block_size;
	}
}

/* Fill all slots with what no device writes: a page that still holds it was not written. */
static void poison(struct zc_v4l2_buffers *b)
{
	b->poison = zc_poison();
	for (unsigned i = 0; i < b->count; i++)
		zc_poison_fill(b->slots[i].data, b->slots[i].len, b->poison);
}

/* Make a ring and export it, a dma-buf for each block. */
static int import_ring(struct zc_v4l2_buffers *b, enum zc_memory memory, size_t unit, unsigned uses)
{
	struct zcdma_ctx *ctx = b->device->ctx;
	int rc = open_udmabuf(b);

	if (rc)
		return rc;
	rc = zc_ring_alloc(ctx, &b->ring, memory, frame_room(b, unit), b->count, uses);
	if (rc)
		return refuse(b, -rc, "%s", ctx->last.error);
	if (b->ring.fd < 0)
		return refuse(b, ENOMEM, "no huge pages are reserved");
	use_ring(b);
	/* Before it is exported: its pages must be there, in the size that was asked for. */
	poison(b);
	for (unsigned i = 0; i < b->count; i++) {
		rc = export_slot(b, i);
		if (rc)
			return refuse(b, -rc, "export %zu bytes by " ZC_UDMABUF_PATH ": %s",
				      b->ring.block_size, strerror(-rc));
	}
	return 0;
}

/* Small pages are good for every importer that maps them one by one. */
static int make_imported(struct zc_v4l2_buffers *b, unsigned uses)
{
	return import_ring(b, ZC_MEMORY_MEMFD, zc_page_size(), uses);
}

/*
 * Huge pages are contiguous, which vb2_dc_map_dmabuf() asks for. In 6.12 vmap_udmabuf() maps only the first small page
 * of each; that the first frame is checked finds it.
 */
static int make_huge(struct zc_v4l2_buffers *b, unsigned uses)
{
	int rc = import_ring(b, ZC_MEMORY_HUGE, HUGE_PAGE, uses);

	if (rc == -ENOMEM || rc == -EOPNOTSUPP)
		hint(b, "reserve huge pages, which are contiguous: sysctl vm.nr_hugepages=N");
	return rc;
}

/*
 * Memory of the program's own, by its address
 */

static int make_userptr(struct zc_v4l2_buffers *b, unsigned uses)
{
	struct zcdma_ctx *ctx = b->device->ctx;
	int rc = zc_ring_alloc(ctx, &b->ring, ZC_MEMORY_BEST, frame_room(b, zc_page_size()),
			       b->count, uses);

	if (rc)
		return refuse(b, -rc, "%s", ctx->last.error);
	use_ring(b);
	poison(b);
	return 0;
}

/*
 * The driver's memory
 */

static int map_slot(struct zc_v4l2_buffers *b, unsigned index)
{
	struct zc_v4l2_slot *s = &b->slots[index];
	off_t offset;
	int rc = zc_v4l2_query(b->device, index, &offset, &s->len);
	void *data;

	if (rc)
		return rc;
	data = mmap(NULL, s->len, PROT_READ | PROT_WRITE, MAP_SHARED, b->device->fd, offset);
	if (data == MAP_FAILED)
		return -errno;
	s->data = data;
	s->mapped = true;
	s->checked = SIZE_MAX; /* it is where the driver writes in any case */
	return 0;
}

static int map_slots(struct zc_v4l2_buffers *b)
{
	int rc = 0;

	for (unsigned i = 0; i < b->count && !rc; i++)
		rc = map_slot(b, i);
	return rc ? refuse(b, -rc, "map the driver's buffers: %s", strerror(-rc)) : 0;
}

/* Take the driver's buffers as they are, if their pages can be pinned. */
static int make_mapped(struct zc_v4l2_buffers *b, unsigned uses)
{
	struct zcdma_method_result res;
	int rc = map_slots(b);

	(void)uses;
	for (unsigned i = 0; i < b->count && !rc; i++) {
		rc = zc_method_try(b->device->ctx, ZCDMA_METHOD_ZEROCOPY, b->slots[i].data,
				   b->slots[i].len, false, &res);
		if (!rc && res.answer != ZCDMA_ANSWER_WORKS)
			rc = refuse(b, EFAULT, "MSG_ZEROCOPY from the driver's buffers: %s",
				    res.text);
	}
	return rc;
}

static int make_copied(struct zc_v4l2_buffers *b, unsigned uses)
{
	int rc = map_slots(b);

	if (rc)
		return rc;
	rc = zc_pool_alloc(b->device->ctx, &b->pool, ZC_MEMORY_BEST, frame_room(b, zc_page_size()),
			   b->count, uses);
	return rc ? refuse(b, -rc, "%s", b->device->ctx->last.error) : 0;
}

/*
 * The ways
 */

static const struct zc_v4l2_way ways[] = {
	{ "import", "the program's memory, which the driver imports through " ZC_UDMABUF_PATH,
	  V4L2_MEMORY_DMABUF, 0, make_imported },
	{ "import-huge",
	  "the program's huge pages, which the driver imports through " ZC_UDMABUF_PATH,
	  V4L2_MEMORY_DMABUF, ZC_USE_REPLACE | ZC_USE_FD, make_huge },
	{ "userptr", "the program's memory, whose address the driver takes", V4L2_MEMORY_USERPTR,
	  ZC_USE_REPLACE, make_userptr },
	{ "mmap", "the driver's memory, whose pages can be sent", V4L2_MEMORY_MMAP, NOT_THE_DRIVERS,
	  make_mapped },
	{ "copy", "the driver's memory, from which each frame is copied", V4L2_MEMORY_MMAP, 0,
	  make_copied },
};

const char *const zc_v4l2_way_names[] = { "auto", "import", "import-huge", "userptr",
					  "mmap", "copy",   NULL };

const char *zc_v4l2_buffers_text(const struct zc_v4l2_buffers *b)
{
	return b->way->text;
}

const struct zc_ring *zc_v4l2_buffers_ring(const struct zc_v4l2_buffers *b)
{
	if (b->pool.ring.base)
		return &b->pool.ring;
	return b->ring.base ? &b->ring : NULL;
}

static void free_slots(struct zc_v4l2_buffers *b)
{
	for (unsigned i = 0; i < b->count; i++) {
		struct zc_v4l2_slot *s = &b->slots[i];

		if (s->mapped)
			munmap(s->data, s->len);
		if (s->dmabuf >= 0)
			close(s->dmabuf);
	}
	free(b->slots);
	b->slots = NULL;
	b->count = 0;
}

void zc_v4l2_buffers_free(struct zc_v4l2_buffers *b)
{
	unsigned none = 0;

	if (!b->way)
		return;
	zc_v4l2_buffers_stop(b);
	free_slots(b);
	zc_v4l2_request(b->device, b->way->memory, &none);
	zc_pool_free(&b->pool);
	zc_ring_free(&b->ring);
	if (b->udmabuf_fd >= 0)
		close(b->udmabuf_fd);
	b->pool = (struct zc_pool){ .unused = NULL };
	b->ring = (struct zc_ring){ .fd = -1 };
	b->udmabuf_fd = -1;
	b->way = NULL;
}

static int request(struct zc_v4l2_buffers *b, unsigned blocks)
{
	unsigned count = blocks;
	int rc = zc_v4l2_request(b->device, b->way->memory, &count);

	if (rc == -EINVAL)
		return refuse(b, EOPNOTSUPP, "the driver does not take such buffers");
	if (!rc && !count)
		rc = -ENOMEM;
	if (rc)
		return refuse(b, -rc, "request %u buffers: %s", blocks, strerror(-rc));
	b->slots = calloc(count, sizeof(*b->slots));
	if (!b->slots)
		return refuse(b, ENOMEM, "%s", strerror(ENOMEM));
	for (unsigned i = 0; i < count; i++)
		b->slots[i].dmabuf = -1;
	b->count = count;
	return 0;
}

/* Take one frame. Returns 0, -EINTR, or another negative errno after refuse(). */
static int take_first_frame(struct zc_v4l2_buffers *b)
{
	const uint64_t deadline = zc_deadline(FIRST_FRAME_MS);
	struct zc_v4l2_frame f;
	size_t unwritten;
	int rc;

	do {
		rc = zc_poll(b->device->ctx, b->device->fd, POLLIN, zc_time_left(deadline));
		if (rc == -EINTR)
			return rc;
		if (rc == -ETIMEDOUT)
			return refuse(b, ETIMEDOUT, "no frame came within %d s to check it",
				      FIRST_FRAME_MS / 1000);
		rc = zc_v4l2_buffers_dequeue(b, &f);
		if (!rc && (f.damaged || !f.bytes))
			rc = zc_v4l2_buffers_queue(b, f.index) ?: -EAGAIN;
	} while (rc == -EAGAIN);
	if (rc)
		return refuse(b, -rc, "take a frame to check it: %s", strerror(-rc));
	unwritten = zc_v4l2_buffers_unwritten(b, &f);
	return unwritten ? refuse(b, EFAULT,
				  "of the first frame %zu of %u bytes were not written to it",
				  unwritten, f.bytes)
			 : 0;
}

/* See that the device fills the slots. Returns as take_first_frame() does. */
static int try_slots(struct zc_v4l2_buffers *b)
{
	int rc = zc_v4l2_buffers_queue_all(b);

	/* vb2_dc_map_dmabuf() has -EFAULT for pieces; -EINVAL has many causes. */
	if (rc == -EFAULT)
		rc = refuse(b, -rc, "the driver refuses this memory, which is not contiguous: %s",
			    strerror(-rc));
	else if (rc == -EINVAL)
		rc = refuse(b, -rc, "the driver refuses this memory: %s", strerror(-rc));
	else if (rc)
		rc = refuse(b, -rc, "queue a buffer: %s", strerror(-rc));
	/* What is the driver's own is where it writes. */
	if (rc || b->slots[0].mapped) {
		zc_v4l2_buffers_stop(b);
		return rc;
	}
	rc = zc_v4l2_stream(b->device, true);
	rc = rc ? refuse(b, -rc, "start: %s", strerror(-rc)) : take_first_frame(b);
	zc_v4l2_buffers_stop(b);
	return rc;
}

static int try_way(struct zc_v4l2_buffers *b, const struct zc_v4l2_way *way, unsigned blocks,
		   unsigned uses)
{
	int rc;

	b->way = way;
	if (way->cannot & uses)
		return refuse(b, EINVAL, "not for this path");
	rc = request(b, blocks);
	if (!rc)
		rc = way->make(b, uses);
	return rc ? rc : try_slots(b);
}

int zc_v4l2_buffers_make(struct zc_v4l2_buffers *b, unsigned blocks, unsigned uses, uint64_t wanted)
{
	struct zc_v4l2 *d = b->device;
	int rc = -EOPNOTSUPP;

	b->reason[0] = b->hint[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		if (wanted && wanted != i + 1)
			continue;
		rc = try_way(b, &ways[i], blocks, uses);
		if (!rc)
			return 0;
		zc_v4l2_buffers_free(b);
		if (rc == -EINTR)
			return zc_fail(d->ctx, EINTR, "wait for a frame of %s", d->path);
		/* These no other way mends. */
		if (rc == -EBUSY || rc == -ENODEV)
			return zc_v4l2_fail(d, -rc, "set up");
	}
	zc_fail_plain(d->ctx, -rc, "set up %s: %s", d->path, b->reason);
	if (b->hint[0])
		zc_hint(d->ctx, "%s", b->hint);
	return rc;
}

/*
 * The queue
 */

static int begin_read(struct zc_v4l2_slot *s)
{
	int rc = s->dmabuf < 0 ? 0 : zc_dmabuf_begin_read(s->dmabuf);

	s->reading = s->dmabuf >= 0 && !rc;
	return rc;
}

static int end_read(struct zc_v4l2_slot *s)
{
	int rc = s->reading ? zc_dmabuf_end_read(s->dmabuf) : 0;

	s->reading = false;
	return rc;
}

int zc_v4l2_buffers_queue(struct zc_v4l2_buffers *b, unsigned index)
{
	struct zc_v4l2_slot *s = &b->slots[index];
	const struct zc_v4l2_buffer v = { .index = index,
					  .memory = b->way->memory,
					  .dmabuf = s->dmabuf,
					  .data = s->data,
					  .len = s->len };
	int rc = end_read(s);

	if (!rc)
		rc = zc_v4l2_queue(b->device, &v);
	s->queued = !rc;
	b->queued += !rc;
	return rc;
}

int zc_v4l2_buffers_queue_all(struct zc_v4l2_buffers *b)
{
	int rc = 0;

	for (unsigned i = 0; i < b->count && !rc; i++)
		rc = zc_v4l2_buffers_queue(b, i);
	return rc;
}

int zc_v4l2_buffers_dequeue(struct zc_v4l2_buffers *b, struct zc_v4l2_frame *f)
{
	struct zc_v4l2_slot *s;
	int rc = zc_v4l2_dequeue(b->device, b->way->memory, f);

	if (rc)
		return rc;
	if (f->index >= b->count || !b->slots[f->index].queued)
		return -EIO;
	s = &b->slots[f->index];
	s->queued = false;
	b->queued--;
	if ((uint64_t)f->offset + f->bytes > s->len)
		return -EIO;
	return begin_read(s);
}

void zc_v4l2_buffers_stop(struct zc_v4l2_buffers *b)
{
	zc_v4l2_stream(b->device, false);
	for (unsigned i = 0; i < b->count; i++)
		b->slots[i].queued = false;
	b->queued = 0;
}

size_t zc_v4l2_buffers_unwritten(struct zc_v4l2_buffers *b, const struct zc_v4l2_frame *f)
{
	struct zc_v4l2_slot *s = &b->slots[f->index];
	const size_t start = zc_max(f->offset, s->checked), end = (size_t)f->offset + f->bytes;

	if (start >= end)
		return 0;
	s->checked = end;
	return zc_poison_left(s->data, start, end, b->poison);
}

int zc_v4l2_buffers_renew(struct zc_v4l2_buffers *b, unsigned index)
{
	struct zc_v4l2_slot *s = &b->slots[index];
	unsigned first;
	int rc = end_read(s);

	if (!rc)
		rc = zc_ring_renew(&b->ring, index, &first);
	if (rc < 0)
		return rc;
	/* In small pages, as the mapping has them: make_imported(). */
	for (size_t at = 0; at < s->len; at += zc_page_size())
		*(volatile unsigned char *)(s->data + at) = 0;
	return export_slot(b, index);
}
