// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The control page of a ring. The order of loads and stores is that of <linux/zcdma.h>. What another process that has the
 * page writes there may make this one fail, or read the wrong block of the ring, but no memory outside of it.
 */
#include "source/dev_control.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Without the right to write to the device the calls do it all. */
bool zc_dev_control_is_possible(const struct zc_dev_ring *d)
{
	return d->info.flags & ZCDMA_DEV_INFO_CONTROL && d->opt.policy == ZCDMA_DEV_TRACK &&
	       d->opt.watermark <= 1 && !faccessat(AT_FDCWD, d->path, R_OK | W_OK, AT_EACCESS);
}

/* Return whether the arrays lie in what was mapped. */
static bool is_whole(const struct zc_dev_control *c, uint64_t bytes)
{
	return c->full_size >= sizeof(struct zcdma_dev_block) &&
	       c->given_size >= sizeof(struct zcdma_dev_give) && c->entries &&
	       !(c->entries & (c->entries - 1)) &&
	       c->full_offset + (uint64_t)c->entries * c->full_size <= bytes &&
	       c->given_offset + (uint64_t)c->entries * c->given_size <= bytes;
}

int zc_dev_control_map(struct zc_dev_ring *d)
{
	struct zc_dev_control *c = &d->control;
	struct zcdma_dev_control *page;

	page = mmap(NULL, d->setup.control_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd,
		    (off_t)d->setup.control_offset);
	if (page == MAP_FAILED)
		return zc_fail(d->ctx, errno, "map the control page of %s", d->path);
	*c = (struct zc_dev_control){
		.page = page,
		.entries = page->entries,
		.full_offset = page->full_offset,
		.full_size = page->full_size,
		.given_offset = page->given_offset,
		.given_size = page->given_size,
	};
	if (is_whole(c, d->setup.control_bytes))
		return 0;
	zc_dev_control_unmap(d);
	return zc_fail_plain(d->ctx, EPROTO,
			     "map the control page of %s: it is not as this library knows it",
			     d->path);
}

void zc_dev_control_unmap(struct zc_dev_ring *d)
{
	if (d->control.page)
		munmap(d->control.page, d->setup.control_bytes);
	d->control.page = NULL;
}

/* Return why the page has nothing to take. */
static int why_none(const struct zc_dev_control *c)
{
	const uint32_t flags = __atomic_load_n(&c->page->flags, __ATOMIC_ACQUIRE);

	/* One may have come before the end. */
	if (__atomic_load_n(&c->page->filled, __ATOMIC_ACQUIRE) != c->taken)
		return -EAGAIN;
	if (flags & ZCDMA_DEV_CONTROL_GONE)
		return -ENODEV;
	if (flags & ZCDMA_DEV_CONTROL_HALTED)
		return -EIO;
	return flags & ZCDMA_DEV_CONTROL_ENDED ? -ENODATA : -EAGAIN;
}

/* Return the place of entry @n of the array that begins at @offset, with entries of @size bytes. */
static void *entry(const struct zc_dev_control *c, uint32_t offset, uint32_t n, uint32_t size)
{
	return (char *)c->page + offset + (size_t)(n & (c->entries - 1)) * size;
}

int zc_dev_control_take(struct zc_dev_ring *d, struct zcdma_dev_block *k)
{
	struct zc_dev_control *c = &d->control;

	if (c->page->refused)
		return -EINVAL;
	if (__atomic_load_n(&c->page->filled, __ATOMIC_ACQUIRE) == c->taken)
		return why_none(c);
	memcpy(k, entry(c, c->full_offset, c->taken, c->full_size), sizeof(*k));
	if (k->index >= d->setup.blocks || k->length > d->setup.block_size)
		return -EINVAL;
	k->mmap_offset = k->index * d->setup.stride;
	__atomic_store_n(&c->page->taken, ++c->taken, __ATOMIC_RELAXED);
	return 1;
}

void zc_dev_control_give(struct zc_dev_ring *d, uint32_t index)
{
	const struct zcdma_dev_give give = { .size = sizeof(give), .index = index };
	struct zc_dev_control *c = &d->control;
	struct pollfd p = { .fd = d->fd };

	memcpy(entry(c, c->given_offset, c->given, c->given_size), &give, sizeof(give));
	__atomic_store_n(&c->page->given, ++c->given, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&c->page->flags, __ATOMIC_RELAXED) & ZCDMA_DEV_CONTROL_KICK)
		poll(&p, 1, 0);
}
