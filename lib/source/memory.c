// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * memory: - memory of the program's own: its driver's mapping, or what it allocated. The program submits pieces
 * of it, which become blocks, and reclaims each when a path has proof that nothing reads it any more. No page
 * of it can be replaced, so that a path without such a proof is refused.
 */
#include "source/memory.h"

#include <stdlib.h>
#include <string.h>

#include "path/path.h"

#define FIRST_SIZE 32

enum state {
	UNUSED,
	SUBMITTED, /* to become a block */
	OUT,	   /* is one */
	FREE,	   /* to be reclaimed */
};

struct piece {
	const unsigned char *data;
	size_t len;
	uint64_t cookie, time_ns;
	enum state state;
	uint32_t next; /* of the same queue */
};

#define NONE UINT32_MAX

struct queue {
	uint32_t first, last;
};

struct memory {
	struct zcdma_source src;
	struct zcdma_region *regions;
	unsigned count;
	struct piece *pieces; /* places, which move when more are needed */
	uint32_t size;
	struct queue unused, submitted, free;
	uint64_t offset, seq;
};

static void push(struct memory *m, struct queue *q, uint32_t place, enum state state)
{
	m->pieces[place].next = NONE;
	m->pieces[place].state = state;
	if (q->first == NONE)
		q->first = place;
	else
		m->pieces[q->last].next = place;
	q->last = place;
}

static uint32_t pop(struct memory *m, struct queue *q)
{
	uint32_t place = q->first;

	q->first = m->pieces[place].next;
	return place;
}

static int grow(struct memory *m)
{
	uint32_t size = m->size ? m->size * 2 : FIRST_SIZE;
	struct piece *bigger = realloc(m->pieces, size * sizeof(*bigger));

	if (!bigger)
		return zc_fail(m->src.ctx, ENOMEM, "submit to %s", m->src.name);
	m->pieces = bigger;
	for (; m->size < size; m->size++)
		push(m, &m->unused, m->size, UNUSED);
	return 0;
}

/*
 * Submitting and reclaiming
 */

static bool is_within(const struct memory *m, const unsigned char *data, size_t len)
{
	for (unsigned i = 0; i < m->count; i++) {
		const unsigned char *start = m->regions[i].data;

		if (data >= start && len <= m->regions[i].len &&
		    (size_t)(data - start) <= m->regions[i].len - len)
			return true;
	}
	return false;
}

/* Returns whether pieces overlap: one could be reclaimed while the other is in flight. */
static bool overlaps(const struct memory *m, const unsigned char *data, size_t len)
{
	for (uint32_t i = 0; i < m->size; i++) {
		const struct piece *p = &m->pieces[i];

		if ((p->state == SUBMITTED || p->state == OUT) && data < p->data + p->len &&
		    p->data < data + len)
			return true;
	}
	return false;
}

ZC_PUBLIC int zcdma_source_submit(struct zcdma_source *src, const void *data, size_t len,
				  uint64_t cookie)
{
	struct memory *m = (struct memory *)src;
	uint32_t place;
	int rc;

	if (src->ops != &zc_source_memory)
		return zc_fail_plain(src->ctx, EINVAL, "submit to %s: it has memory of its own",
				     src->name);
	if (src->stopped)
		return zc_fail_plain(src->ctx, EINVAL, "submit to %s: it was stopped", src->name);
	if (!len || !is_within(m, data, len))
		return zc_fail_plain(
			src->ctx, EINVAL,
			"submit to %s: the %zu bytes are not within one of its regions", src->name,
			len);
	if (overlaps(m, data, len))
		return zc_fail_plain(src->ctx, EBUSY,
				     "submit to %s: a part of it was submitted, and is not free",
				     src->name);
	rc = m->unused.first == NONE ? grow(m) : 0;
	if (rc)
		return rc;
	place = pop(m, &m->unused);
	m->pieces[place] = (struct piece){
		.data = data, .len = len, .cookie = cookie, .time_ns = zc_now_ns()
	};
	push(m, &m->submitted, place, SUBMITTED);
	src->starved = false;
	zc_source_watch(src);
	return 0;
}

int zc_memory_reclaim(struct zcdma_source *src, uint64_t *cookie)
{
	struct memory *m = (struct memory *)src;
	uint32_t place;

	if (m->free.first == NONE)
		return 0;
	place = pop(m, &m->free);
	*cookie = m->pieces[place].cookie;
	push(m, &m->unused, place, UNUSED);
	return 1;
}

/*
 * The source's operations
 */

static int memory_activate(struct zcdma_source *src, unsigned uses)
{
	int rc;

	if (uses & ZC_USE_REPLACE) {
		rc = zc_fail_plain(
			src->ctx, EINVAL,
			"source %s: the path has no proof that pages are free, and those of the program cannot be replaced",
			src->name);
		zc_hint(src->ctx, "copy, zerocopy and uring have one");
		return rc;
	}
	src->info.caps = ZCDMA_CAP_MEMORY;
	return 0;
}

static void memory_deactivate(struct zcdma_source *src)
{
	(void)src;
}

static int memory_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct memory *m = (struct memory *)src;
	uint32_t place;

	(void)max;
	src->starved = m->submitted.first == NONE;
	if (src->starved)
		return src->stopped ? 0 : -EAGAIN;
	place = pop(m, &m->submitted);
	m->pieces[place].state = OUT;
	*b = (struct zcdma_block){
		.data = m->pieces[place].data,
		.len = m->pieces[place].len,
		.offset = m->offset,
		.seq = m->seq++,
		.time_ns = m->pieces[place].time_ns,
		.index = place,
		.fd = -1,
		.fd_offset = -1,
	};
	m->offset += b->len;
	return 1;
}

static void memory_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct memory *m = (struct memory *)src;

	/* Nothing can be done for pages that something still reads but to keep them from the program. */
	if (how == ZC_PUT_REUSE)
		push(m, &m->free, b->index, FREE);
}

static void memory_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	stats->next_seq = ((struct memory *)src)->seq;
}

static void memory_close(struct zcdma_source *src)
{
	struct memory *m = (struct memory *)src;

	free(m->pieces);
	free(m->regions);
}

const struct zc_source_ops zc_source_memory = {
	.type = { .name = "memory" },
	.size = sizeof(struct memory),
	.activate = memory_activate,
	.deactivate = memory_deactivate,
	.next = memory_next,
	.put = memory_put,
	.get_stats = memory_get_stats,
	.close = memory_close,
};

static bool is_region(const struct zcdma_region *r)
{
	return !r->len || (r->data && r->len <= UINTPTR_MAX - (uintptr_t)r->data);
}

/* Returns 0, or -EINVAL if a region is not in the address space. */
static int check_regions(struct zcdma_ctx *ctx, const struct zcdma_region *regions, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!is_region(&regions[i]))
			return zc_fail_plain(
				ctx, EINVAL,
				"source memory: region %u: no %zu bytes of memory are at %p", i,
				regions[i].len, regions[i].data);
	}
	return 0;
}

ZC_PUBLIC int zcdma_source_open_memory(struct zcdma_ctx *ctx, const struct zcdma_region *regions,
				       unsigned count, struct zcdma_source **out)
{
	struct zcdma_source *src;
	struct memory *m;
	int rc = check_regions(ctx, regions, count);

	if (!rc)
		rc = zc_source_new(ctx, &zc_source_memory, "memory", &src);
	if (rc)
		return rc;
	m = (struct memory *)src;
	m->unused.first = m->submitted.first = m->free.first = NONE;
	m->regions = calloc(count ? count : 1, sizeof(*regions));
	if (!m->regions) {
		zc_source_delete(src);
		return zc_fail(ctx, ENOMEM, "source memory");
	}
	if (count)
		memcpy(m->regions, regions, count * sizeof(*regions));
	m->count = count;
	src->starved = true;
	src->info.endless = true;
	*out = src;
	return 0;
}
