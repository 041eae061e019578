// SPDX-License-Identifier: GPL-2.0-only
/* timeout: blocks that are delivered before they are full, what poll() waits for, and the device's clock. Speaks TAP. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "shared/ring.h"
#include "shared/tap.h"

#define MS   1000000u
#define SLOW 600 /* seconds for a block of the slow ring: longer than any test takes */

static struct zcdma_dev_setup slow(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);

	s.rate = BLOCK / SLOW;
	s.timeout_ns = 5 * MS;
	return s;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int try_setup(struct zcdma_dev_setup s)
{
	int fd = ring_open(O_RDONLY), ret = ring_setup(fd, &s);

	EXPECT(!close(fd));
	return ret;
}

static bool is_readable(const struct ring *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	EXPECT(poll(&p, 1, 0) >= 0);
	return p.revents & POLLIN;
}

static void wait_readable(const struct ring *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	EXPECT(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
}

static void values_are_checked(unsigned model)
{
	struct zcdma_dev_setup s = slow(model);

	s.timeout_ns = ZCDMA_DEV_TIMEOUT_MIN - 1;
	EXPECT(try_setup(s) == -EINVAL);
	s.timeout_ns = ZCDMA_DEV_TIMEOUT_MAX + 1ull;
	EXPECT(try_setup(s) == -EINVAL);
	s.timeout_ns = UINT64_MAX;
	EXPECT(try_setup(s) == -EINVAL);
	s.timeout_ns = ZCDMA_DEV_TIMEOUT_MIN;
	s.watermark = BLOCKS + 1;
	EXPECT(try_setup(s) == -EINVAL);
	s.watermark = UINT32_MAX;
	EXPECT(try_setup(s) == -EINVAL);
	s.watermark = BLOCKS;
	EXPECT(!try_setup(s));
}

static void a_node_is_checked(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	static const int wrong[] = { -1, INT32_MIN, 63, 1024, INT32_MAX };

	/* A node without its flag is refused. */
	s.node = 1;
	EXPECT(try_setup(s) == -EINVAL);
	s.flags = ZCDMA_DEV_SETUP_NODE;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		s.node = wrong[i];
		EXPECT(try_setup(s) == -EINVAL);
	}
	s.node = 0;
	EXPECT(try_setup(s) == (model == ZCDMA_DEV_COHERENT ? -EINVAL : 0));
}

/* Returns how many pages are free on a NUMA node. */
static unsigned long free_pages(int node)
{
	char path[64], line[128];
	unsigned long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", node);
	file = fopen(path, "r");
	if (!file)
		tap_skip("this machine has no second node");
	while (fgets(line, sizeof(line), file))
		sscanf(line, "Node %*d MemFree: %lu kB", &kib);
	fclose(file);
	return kib * 1024 / PAGE;
}

static void the_memory_is_on_the_node(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	const unsigned long pages = 8u << 20 >> 12;
	unsigned long before = free_pages(1);
	struct ring r;

	s.block_size = 1 << 20;
	s.flags = ZCDMA_DEV_SETUP_NODE;
	s.node = 1;
	r = ring_create(O_RDONLY, s);
	/* Others may free and take some of it at the same time. */
	EXPECT(free_pages(1) + pages * 3 / 4 <= before);
	ring_go(&r);
	ring_expect_works(&r);
	ring_end(&r);
	/* More than the node has is refused, and not taken from another. */
	s.blocks = 256;
	EXPECT(try_setup(s) == -ENOMEM);
}

static void short_blocks_come_in_time(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, slow(model));
	struct zcdma_dev_block b;
	uint64_t offset = 0, sum = 0;
	unsigned i;

	ring_go(&r);
	for (i = 0; i < 3 * BLOCKS; i++) {
		b = ring_take(&r);
		EXPECT(b.seq == i && b.offset == offset && !b.flags);
		EXPECT(b.length && b.length < BLOCK && b.length % 8 == 0);
		EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
		offset += b.length;
		sum += b.length;
		EXPECT(!ring_give(&r, b.index));
	}
	ring_stop(&r);
	EXPECT(ring_stats(r.fd).short_blocks >= i && ring_stats(r.fd).bytes >= sum);
	ring_end(&r);
}

static void short_blocks_are_read(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, slow(model));
	unsigned char data[64];
	uint64_t offset = 0;
	ssize_t n;

	ring_go(&r);
	while (offset < 256) {
		n = read(r.fd, data, sizeof(data));
		EXPECT(n > 0 && is_pattern(data, (size_t)n, offset));
		offset += (uint64_t)n;
	}
	ring_end(&r);
}

/* Where blocks are full sooner than the timeout passes, none is short. */
static void full_blocks_stay_full(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	struct ring r;

	s.timeout_ns = ZCDMA_DEV_TIMEOUT_MAX;
	s.rate = 64 << 20;
	r = ring_create(O_RDONLY, s);
	ring_go(&r);
	for (unsigned i = 0; i < 2 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(b.length == BLOCK && is_pattern(ring_data(&r, &b), b.length, b.offset));
		EXPECT(!ring_give(&r, b.index));
	}
	EXPECT(!ring_stats(r.fd).short_blocks);
	ring_end(&r);
}

/* A stop while the timer runs, many times. */
static void stops_with_the_timer(unsigned model)
{
	struct zcdma_dev_setup s = slow(model);
	struct zcdma_dev_block b = { .size = sizeof(b) };
	struct ring r;

	s.timeout_ns = ZCDMA_DEV_TIMEOUT_MIN;
	s.rate = 8 << 20;
	r = ring_create(O_RDONLY, s);
	for (unsigned i = 0; i < tap_repeat(50); i++) {
		ring_go(&r);
		b = ring_take(&r);
		EXPECT(!ring_give(&r, b.index));
		ring_stop(&r);
		while (!ioctl(r.fd, ZCDMA_IOC_TAKE, &b))
			EXPECT(!ring_give(&r, b.index));
		EXPECT(errno == ENODATA);
	}
	ring_go(&r);
	ring_end(&r);
}

/* The device's first byte of a block came before the block was delivered, and after that of the one before. */
static void the_device_has_a_clock(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, slow(model));
	struct zcdma_dev_info info = ring_info(r.fd);
	uint64_t before = now_ns();

	EXPECT(info.clock == ZCDMA_DEV_CLOCK_MONOTONIC && info.clock_hz == 1000000000u);
	ring_go(&r);
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(b.clock == info.clock && b.device_time >= before);
		EXPECT(b.device_time < b.time_ns && b.time_ns <= now_ns());
		/* The word that was waited for, and the time that it may wait, are in between. */
		before = b.device_time + 1;
		EXPECT(!ring_give(&r, b.index));
	}
	ring_end(&r);
}

static struct ring with_watermark(unsigned model, unsigned watermark, uint64_t timeout_ns)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	struct ring r;

	s.watermark = watermark;
	s.timeout_ns = timeout_ns;
	s.block_size = PAGE;
	/* A block each 10 ms. */
	s.rate = PAGE * 100;
	r = ring_create(O_RDONLY, s);
	ring_go(&r);
	return r;
}

static void poll_waits_for_the_watermark(unsigned model)
{
	struct ring r = with_watermark(model, 4, 0);
	struct zcdma_dev_block b;

	for (unsigned i = 0; i < 5; i++) {
		wait_readable(&r);
		EXPECT(ring_stats(r.fd).full >= 4);
		/* What takes does not wait for it. */
		b = ring_take(&r);
		EXPECT(!ring_give(&r, b.index));
	}
	ring_stop(&r);
	while (ring_stats(r.fd).full) {
		EXPECT(is_readable(&r));
		b = ring_take(&r);
		EXPECT(!ring_give(&r, b.index));
	}
	EXPECT(is_readable(&r)); /* the end of the stream */
	ring_end(&r);
}

/* With all but one block held the watermark is out of reach. */
static void a_device_without_blocks_is_reported(unsigned model)
{
	struct ring r = with_watermark(model, 4, 0);

	for (unsigned i = 0; i < BLOCKS - 1; i++)
		ring_take(&r);
	wait_readable(&r);
	EXPECT(ring_stats(r.fd).full == 1);
	ring_end(&r);
}

/* Fewer blocks than the watermark do not wait longer than the timeout. */
static void the_timeout_passes_the_watermark(unsigned model)
{
	struct ring r = with_watermark(model, BLOCKS, 15 * MS);

	for (unsigned i = 0; i < 3; i++) {
		struct zcdma_dev_block b;

		wait_readable(&r);
		while (is_readable(&r)) {
			b = ring_take(&r);
			EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
			EXPECT(!ring_give(&r, b.index));
		}
	}
	ring_end(&r);
}

static const struct tap_test tests[] = {
	{ "timeouts and watermarks out of range: EINVAL", values_are_checked, TAP_PAGED },
	{ "nodes that are not there: EINVAL", a_node_is_checked, TAP_ALL },
	{ "the memory is on the node", the_memory_is_on_the_node, TAP_PAGED },
	{ "blocks that are not full come in time", short_blocks_come_in_time, TAP_ALL },
	{ "read() gets what is in blocks that are not full", short_blocks_are_read,
	  1 << ZCDMA_DEV_COMPOUND },
	{ "blocks that are full in time are whole", full_blocks_stay_full,
	  1 << ZCDMA_DEV_COMPOUND },
	{ "a device is stopped while the timer runs", stops_with_the_timer,
	  1 << ZCDMA_DEV_COMPOUND },
	{ "the device's own time is of the first byte", the_device_has_a_clock,
	  1 << ZCDMA_DEV_COMPOUND },
	{ "poll() waits for the watermark", poll_waits_for_the_watermark, 1 << ZCDMA_DEV_COMPOUND },
	{ "poll() does not wait for blocks that the device does not have",
	  a_device_without_blocks_is_reported, 1 << ZCDMA_DEV_COMPOUND },
	{ "poll() reports what waited for the timeout", the_timeout_passes_the_watermark,
	  1 << ZCDMA_DEV_COMPOUND },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	return 0;
}
