// SPDX-License-Identifier: GPL-2.0-only
/* A ring of a device, as tests use it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring.h"
#include "tap.h"

const char *ring_device = DEVICE;

struct zcdma_dev_setup ring_wanted(unsigned model)
{
	return (struct zcdma_dev_setup){
		.size = sizeof(struct zcdma_dev_setup),
		.model = model,
		.policy = ZCDMA_DEV_TRACK,
		.block_size = BLOCK,
		.blocks = BLOCKS,
		.seed = SEED,
	};
}

int ring_setup(int fd, struct zcdma_dev_setup *setup)
{
	return ioctl(fd, ZCDMA_IOC_SETUP, setup) ? -errno : 0;
}

int ring_open(int flags)
{
	int fd = open(ring_device, flags | O_CLOEXEC);

	EXPECT(fd >= 0);
	return fd;
}

size_t ring_align(void)
{
	struct zcdma_dev_info info = { .size = sizeof(info) };
	int fd = ring_open(O_RDONLY);

	EXPECT(!ioctl(fd, ZCDMA_IOC_INFO, &info) && !close(fd));
	return info.block_align;
}

char *ring_map(const struct ring *r, int prot)
{
	char *map = mmap(NULL, r->setup.ring_bytes, prot, MAP_SHARED, r->fd, 0);

	EXPECT(map != MAP_FAILED);
	return map;
}

struct ring ring_create(int flags, struct zcdma_dev_setup setup)
{
	struct ring r = { .fd = ring_open(flags), .setup = setup };

	EXPECT(!ring_setup(r.fd, &r.setup));
	r.map = ring_map(&r, (flags & O_ACCMODE) == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ);
	return r;
}

struct ring ring_start(unsigned model, unsigned policy)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct ring r;

	setup.policy = policy;
	r = ring_create(O_RDONLY, setup);
	ring_go(&r);
	return r;
}

struct ring ring_start_small(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct ring r;

	setup.block_size = PAGE;
	r = ring_create(O_RDONLY, setup);
	ring_go(&r);
	EXPECT(!ring_give(&r, ring_take(&r).index));
	return r;
}

void ring_go(const struct ring *r)
{
	EXPECT(!ioctl(r->fd, ZCDMA_IOC_START, 0));
}

void ring_stop(const struct ring *r)
{
	EXPECT(!ioctl(r->fd, ZCDMA_IOC_STOP, 0));
}

void ring_end(struct ring *r)
{
	EXPECT(!munmap(r->map, r->setup.ring_bytes));
	EXPECT(!close(r->fd));
}

struct zcdma_dev_block ring_take(const struct ring *r)
{
	struct zcdma_dev_block b = { .size = sizeof(b) };

	EXPECT(!ioctl(r->fd, ZCDMA_IOC_TAKE, &b));
	return b;
}

int ring_give(const struct ring *r, unsigned index)
{
	struct zcdma_dev_give g = { .size = sizeof(g), .index = index };

	return ioctl(r->fd, ZCDMA_IOC_GIVE, &g) ? -errno : 0;
}

struct zcdma_dev_stats ring_stats(int fd)
{
	struct zcdma_dev_stats s = { .size = sizeof(s) };

	EXPECT(!ioctl(fd, ZCDMA_IOC_STATS, &s));
	return s;
}

void ring_run_for(const struct ring *r, unsigned blocks)
{
	while (blocks--)
		EXPECT(!ring_give(r, ring_take(r).index));
}

void ring_run_until(const struct ring *r, unsigned index)
{
	for (unsigned i = 0; i < 100000; i++) {
		struct zcdma_dev_block b = ring_take(r);

		EXPECT(!ring_give(r, b.index));
		if (b.index == index)
			return;
	}
	EXPECT(!"the block comes back");
}

static unsigned char pattern_byte(uint64_t offset)
{
	return (unsigned char)(((offset / 8) ^ SEED) >> offset % 8 * 8);
}

bool is_pattern(const void *data, size_t len, uint64_t offset)
{
	const unsigned char *byte = data;

	while (len) {
		uint64_t word;

		if (offset % 8 || len < 8) {
			if (*byte++ != pattern_byte(offset++))
				return false;
			len--;
			continue;
		}
		memcpy(&word, byte, sizeof(word));
		if (word != ((offset / 8) ^ SEED))
			return false;
		byte += 8;
		offset += 8;
		len -= 8;
	}
	return true;
}

void ring_expect_works(const struct ring *r)
{
	for (unsigned i = 0; i < 2 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(r);

		EXPECT(is_pattern(ring_data(r, &b), b.length, b.offset));
		EXPECT(!ring_give(r, b.index));
	}
	EXPECT(ring_stats(r->fd).draining == 0);
}

struct zcdma_dev_info ring_info(int fd)
{
	struct zcdma_dev_info info = { .size = sizeof(info) };

	EXPECT(!ioctl(fd, ZCDMA_IOC_INFO, &info));
	return info;
}

struct zcdma_dev_info ring_limits(void)
{
	int fd = ring_open(O_RDONLY);
	struct zcdma_dev_info info = ring_info(fd);

	EXPECT(!close(fd));
	return info;
}
