// SPDX-License-Identifier: GPL-2.0-only
/* Random calls of the driver's. */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls_parts.h"

/* Put @fd in the place of another file. What maps the other one's ring goes too, mostly: it keeps the ring. */
static bool replace_file(struct dice *d, int fd)
{
	const unsigned slot = below(d, FILES);
	const int before = __atomic_exchange_n(&d->s->file[slot], fd, __ATOMIC_RELAXED);

	if (before >= 0)
		close(before);
	for (unsigned i = 0; slot == d->s->owner && i < MAPS && !rarely(d, 32); i++) {
		if (d->s->length[i])
			munmap(map_address(i), d->s->length[i]);
		d->s->length[i] = 0;
	}
	if (slot == d->s->owner && !rarely(d, 32))
		unmap_control(d->s);
	return fd >= 0;
}

bool do_open(struct dice *d)
{
	return replace_file(d, open(ring_device, (rarely(d, 3) ? O_RDONLY : O_RDWR) | O_CLOEXEC |
							 (rarely(d, 32) ? 0 : O_NONBLOCK)));
}

bool do_close(struct dice *d)
{
	replace_file(d, -1);
	return true;
}

bool do_dup(struct dice *d)
{
	return replace_file(d, fcntl(any_file(d), F_DUPFD_CLOEXEC, 3));
}

size_t map_all(struct dice *d, size_t slot, int prot)
{
	if (mmap(map_address(slot), d->s->ring_bytes, prot, MAP_SHARED | MAP_FIXED,
		 d->s->file[d->s->owner], 0) != MAP_FAILED)
		d->s->length[slot] = d->s->ring_bytes;
	return d->s->length[slot];
}

static struct zcdma_dev_setup usual_setup(struct dice *d)
{
	static const uint64_t sizes[] = { PAGE, 2 * PAGE, 3 * PAGE, 8 * PAGE, 16 * PAGE };
	struct zcdma_dev_setup setup = {
		.size = size_of(d, sizeof(setup)),
		.model = below(d, 4),
		.policy = below(d, 2),
		.block_size = sizes[below(d, 5)],
		.blocks = 2 + below(d, 5),
		.seed = roll(d),
	};

	if (rarely(d, 4)) {
		setup.flags = ZCDMA_DEV_SETUP_CONTROL;
		setup.policy = ZCDMA_DEV_TRACK;
	}
	if (!rarely(d, 3))
		setup.rate = (1 + below(d, 100)) * setup.block_size;
	if (rarely(d, 3))
		setup.timeout_ns = ZCDMA_DEV_TIMEOUT_MIN << below(d, 12);
	if (rarely(d, 3) && !setup.flags)
		setup.watermark = 1 + below(d, setup.blocks);
	if (rarely(d, 4)) {
		setup.flags |= ZCDMA_DEV_SETUP_NODE;
		setup.node = below(d, 2);
	}
	return setup;
}

static void make_odd(struct dice *d, struct zcdma_dev_setup *setup)
{
	switch (below(d, 10)) {
	case 0:
		setup->model = below(d, 6);
		break;
	case 1:
		setup->policy = below(d, 4);
		break;
	case 2:
		setup->flags = roll(d);
		break;
	case 3:
		setup->block_size = below(d, 1UL << below(d, 40));
		break;
	case 4:
		setup->blocks = below(d, 1UL << below(d, 32));
		break;
	case 5:
		setup->rate = below(d, 1UL << below(d, 64));
		break;
	case 6:
		setup->reserved = roll(d);
		break;
	case 7:
		setup->timeout_ns = below(d, 1UL << below(d, 64));
		break;
	case 8:
		setup->watermark = below(d, 1UL << below(d, 32));
		break;
	case 9:
		setup->flags |= ZCDMA_DEV_SETUP_NODE;
		setup->node = (int)roll(d);
		break;
	}
}

/* What is set up is started and mapped at once, mostly, so that there is something to call. */
bool do_setup(struct dice *d)
{
	struct zcdma_dev_setup setup = usual_setup(d);
	const unsigned slot = any_slot(d);
	int imports[IMPORTS];

	if (rarely(d, 6))
		import_into(d, &setup, imports);
	if (rarely(d, 8))
		make_odd(d, &setup);
	if (ioctl(d->s->file[slot], ZCDMA_IOC_SETUP, &setup))
		return false;
	d->s->ring_bytes = setup.ring_bytes;
	d->s->block_size = setup.block_size;
	d->s->owner = slot;
	if (!rarely(d, 4))
		map_all(d, below(d, MAPS), PROT_READ);
	if (setup.control_bytes)
		map_control(d, &setup);
	if (!rarely(d, 4))
		ioctl(d->s->file[slot], ZCDMA_IOC_START, 0);
	return true;
}

bool do_start(struct dice *d)
{
	return !ioctl(any_file(d), ZCDMA_IOC_START, rarely(d, 32) ? roll(d) : 0);
}

/* With the other channel, mostly, which has a ring then, as both are stopped, mostly. */
bool do_start_group(struct dice *d)
{
	struct zcdma_dev_setup setup = usual_setup(d);
	const int first = any_file(d);
	int fd[] = { rarely(d, 16) ? any_file(d) : d->s->channel, any_file(d) };
	struct zcdma_dev_group g = {
		.size = size_of(d, sizeof(g)),
		.count = rarely(d, 32) ? (uint32_t)roll(d) : 1U + rarely(d, 16),
		.fds = rarely(d, 32) ? roll(d) : (uintptr_t)fd,
	};

	if (!rarely(d, 4)) {
		ioctl(d->s->channel, ZCDMA_IOC_SETUP, &setup);
		ioctl(d->s->channel, ZCDMA_IOC_STOP, 0);
		ioctl(first, ZCDMA_IOC_STOP, 0);
	}
	return !ioctl(first, ZCDMA_IOC_START_GROUP, &g);
}

bool do_stop(struct dice *d)
{
	return !ioctl(any_file(d), ZCDMA_IOC_STOP, rarely(d, 32) ? roll(d) : 0);
}

bool do_take(struct dice *d)
{
	struct zcdma_dev_block b = { .size = size_of(d, sizeof(b)) };

	if (ioctl(any_file(d), ZCDMA_IOC_TAKE, &b))
		return false;
	d->s->taken[__atomic_fetch_add(&d->s->takes, 1, __ATOMIC_RELAXED) % TAKEN] = b;
	return true;
}

bool do_give(struct dice *d)
{
	struct zcdma_dev_give g = {
		.size = size_of(d, sizeof(g)),
		.index = rarely(d, 16) ? below(d, 70) : any_taken(d)->index,
		.length = rarely(d, 32) ? roll(d) : any_queued(d),
	};

	return !ioctl(any_file(d), ZCDMA_IOC_GIVE, &g);
}

bool do_info(struct dice *d)
{
	struct zcdma_dev_info i = { .size = size_of(d, sizeof(i)) };

	return !ioctl(any_file(d), ZCDMA_IOC_INFO, &i);
}

bool do_stats(struct dice *d)
{
	struct zcdma_dev_stats s = { .size = size_of(d, sizeof(s)) };

	return !ioctl(any_file(d), ZCDMA_IOC_STATS, &s);
}

/* A structure in the driver's own memory, in memory that is not there, or full of anything. */
bool do_wild_ioctl(struct dice *d)
{
	uint32_t words[PAGE / 4] = { 0 };
	size_t len;
	void *at = rarely(d, 2) ? (void *)words : any_place(d, &len);

	for (size_t i = 0; i < 64; i++)
		words[i] = rarely(d, 2) ? 0 : (uint32_t)roll(d);
	words[0] = (uint32_t)below(d, 300);
	return !ioctl(any_file(d), _IO(ZCDMA_IOC_MAGIC, below(d, 8)),
		      rarely(d, 8) ? (void *)(uintptr_t)roll(d) : at);
}

bool do_poll(struct dice *d)
{
	struct pollfd p = { .fd = any_file(d), .events = (short)roll(d) };

	return poll(&p, 1, (int)below(d, 3)) > 0;
}

bool do_nonblock(struct dice *d)
{
	return !fcntl(any_file(d), F_SETFL, rarely(d, 16) ? 0 : O_NONBLOCK);
}
