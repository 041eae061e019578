// SPDX-License-Identifier: GPL-2.0-only
/* A ring with a control page. */
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control.h"
#include "tap.h"

struct control control_create(struct zcdma_dev_setup setup)
{
	struct control c = { 0 };

	setup.flags |= ZCDMA_DEV_SETUP_CONTROL;
	c.ring = ring_create(O_RDWR, setup);
	c.page = mmap(NULL, c.ring.setup.control_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		      c.ring.fd, (off_t)c.ring.setup.control_offset);
	EXPECT(c.page != MAP_FAILED);
	return c;
}

struct control control_start(unsigned model)
{
	struct control c = control_create(ring_wanted(model));

	ring_go(&c.ring);
	return c;
}

void control_end(struct control *c)
{
	EXPECT(!munmap(c->page, c->ring.setup.control_bytes));
	ring_end(&c->ring);
}

static void *entry(const struct control *c, uint32_t offset, uint32_t size, uint32_t n)
{
	return (char *)c->page + offset + (n & (c->page->entries - 1)) * size;
}

bool control_try_take(struct control *c, struct zcdma_dev_block *b)
{
	struct zcdma_dev_control *page = c->page;
	const uint32_t taken = page->taken;

	if (__atomic_load_n(&page->filled, __ATOMIC_ACQUIRE) == taken)
		return false;
	*b = *(struct zcdma_dev_block *)entry(c, page->full_offset, page->full_size, taken);
	__atomic_store_n(&page->taken, taken + 1, __ATOMIC_RELAXED);
	return true;
}

struct zcdma_dev_block control_take(struct control *c)
{
	struct pollfd p = { .fd = c->ring.fd, .events = POLLIN | POLLOUT };
	struct zcdma_dev_block b;

	while (!control_try_take(c, &b))
		EXPECT(poll(&p, 1, (int)tap_limit(20000)) == 1);
	return b;
}

void control_put(struct control *c, unsigned index, uint64_t length)
{
	struct zcdma_dev_control *page = c->page;
	const uint32_t given = page->given;

	*(struct zcdma_dev_give *)entry(c, page->given_offset, page->given_size, given) =
		(struct zcdma_dev_give){ .index = index, .length = length };
	__atomic_store_n(&page->given, given + 1, __ATOMIC_RELEASE);
}

void control_kick(const struct control *c)
{
	struct pollfd p = { .fd = c->ring.fd };

	EXPECT(poll(&p, 1, 0) >= 0);
}

void control_give(struct control *c, unsigned index, uint64_t length)
{
	control_put(c, index, length);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&c->page->flags, __ATOMIC_RELAXED) & ZCDMA_DEV_CONTROL_KICK))
		return;
	control_kick(c);
	c->kicks++;
}

void control_run_for(struct control *c, unsigned blocks)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < blocks; i++) {
		struct zcdma_dev_block b = control_take(c);

		EXPECT(b.size == sizeof(b) && b.index < c->ring.setup.blocks);
		EXPECT(!i || (b.offset == next && !b.flags));
		EXPECT(is_pattern(ring_data(&c->ring, &b), b.length, b.offset));
		next = b.offset + b.length;
		control_give(c, b.index, 0);
	}
}
