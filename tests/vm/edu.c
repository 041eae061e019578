// SPDX-License-Identifier: GPL-2.0-only
/*
 * edu: blocks that a PCI device writes, in each memory, and a device that fails. Speaks TAP. It takes
 * 0.2 s for 4 KiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/pci.h"
#include "shared/ring.h"
#include "shared/tap.h"

#define SMALL PAGE
/* The largest order of the page allocator is 10, and 11 where pages have 16 KiB (CONFIG_ARCH_FORCE_MAX_ORDER). */
#define LARGEST ((size_t)PAGE << (PAGE == 16384 ? 11 : 10))

static struct ring small_ring(unsigned model, unsigned block_size)
{
	struct zcdma_dev_setup setup = ring_wanted(model);

	setup.block_size = block_size;
	setup.blocks = 2;
	return ring_create(O_RDONLY, setup);
}

static bool is_bounced(unsigned model)
{
	const char *dma = getenv("VM_DMA");

	return dma && !strcmp(dma, "swiotlb") && model != ZCDMA_DEV_COHERENT;
}

static void device_fills_it(unsigned model)
{
	struct ring r = small_ring(model, SMALL);

	/* One more than there are blocks. */
	ring_go(&r);
	for (unsigned i = 0; i < 3; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(b.seq == i && b.offset == i * SMALL && b.length == SMALL && !b.flags);
		EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
		EXPECT(!ring_give(&r, b.index));
	}
	EXPECT(r.setup.bounced == (is_bounced(model) ? 2 : 0));
	EXPECT(ring_stats(r.fd).bounced >= (is_bounced(model) ? 3 : 0));
	EXPECT(is_bounced(model) || !ring_stats(r.fd).bounced);
	ring_end(&r);
}

/* Three pages are two compound pages, and what fits of each into the device's buffer. */
static void device_fills_pieces(unsigned model)
{
	struct ring r = small_ring(model, 3 * SMALL);
	struct zcdma_dev_block b;

	EXPECT(r.setup.chunks > 1);
	ring_go(&r);
	b = ring_take(&r);
	EXPECT(b.length == 3 * SMALL && is_pattern(ring_data(&r, &b), b.length, b.offset));
	ring_end(&r);
}

/* Each piece of the device's buffer is delivered when it is there, and the stream goes on after it. */
static void hands_over_what_it_has(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	uint64_t offset = 0;
	struct ring r;

	s.block_size = 4 * SMALL;
	s.blocks = 2;
	s.timeout_ns = 1000000;
	r = ring_create(O_RDONLY, s);
	ring_go(&r);
	for (unsigned i = 0; i < 5; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(b.seq == i && b.offset == offset && !b.clock);
		EXPECT(b.length && b.length < s.block_size);
		EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
		offset += b.length;
		EXPECT(!ring_give(&r, b.index));
	}
	ring_end(&r);
}

static void goes_on_after_stop(unsigned model)
{
	struct ring r = small_ring(model, SMALL);
	struct zcdma_dev_block b;
	uint64_t next = 0;

	for (unsigned i = 0; i < 2; i++) {
		struct zcdma_dev_block none = { .size = sizeof(none) };

		ring_go(&r);
		b = ring_take(&r);
		EXPECT(b.offset == next && is_pattern(ring_data(&r, &b), b.length, b.offset));
		EXPECT(!ring_give(&r, b.index));
		ring_stop(&r);
		for (next = b.offset + SMALL; !ioctl(r.fd, ZCDMA_IOC_TAKE, &none); next += SMALL)
			EXPECT(!ring_give(&r, none.index));
		EXPECT(errno == ENODATA);
	}
	EXPECT(ring_stats(r.fd).filling == 0);
	ring_end(&r);
}

static void has_no_rate(unsigned model)
{
	struct zcdma_dev_info info = { .size = sizeof(info) };
	struct zcdma_dev_setup setup = ring_wanted(model);
	int fd = ring_open(O_RDONLY);

	EXPECT(!ioctl(fd, ZCDMA_IOC_INFO, &info));
	EXPECT(!strcmp(info.source, "edu") && !(info.flags & ZCDMA_DEV_INFO_PACED));
	setup.rate = 1000000;
	EXPECT(ring_setup(fd, &setup) == -EINVAL);
	setup.rate = 0;
	EXPECT(!ring_setup(fd, &setup));
	EXPECT(!close(fd));
}

/* What can be mapped at once is what a piece may have; the ring is not filled, as that takes long. */
static void pieces_can_be_mapped(unsigned model)
{
	struct zcdma_dev_info info = { .size = sizeof(info) };
	struct zcdma_dev_setup setup = ring_wanted(model);
	int fd = ring_open(O_RDONLY);

	EXPECT(!ioctl(fd, ZCDMA_IOC_INFO, &info));
	EXPECT(info.chunk_bytes_max == (is_bounced(model) ? 256 * 1024 : LARGEST));
	setup.block_size = 2 * info.chunk_bytes_max;
	setup.blocks = 2;
	/* Without bounce buffers and an IOMMU there is not much that this card reaches. */
	if (ring_setup(fd, &setup))
		EXPECT(info.flags & ZCDMA_DEV_INFO_LIMITED && setup.blocks_fit < 2);
	else
		EXPECT(setup.chunks == 2 && setup.bounced == (is_bounced(model) ? 2 : 0));
	EXPECT(!close(fd));
}

/* There are 64 MiB of them. */
static void ring_exceeds_bounce_buffers(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	int fd = ring_open(O_RDONLY);
	unsigned fit;

	if (!is_bounced(model))
		tap_skip("nothing is bounced here");
	setup.block_size = 1024 * 1024;
	setup.blocks = 100;
	EXPECT(ring_setup(fd, &setup) == -ENOMEM);
	fit = setup.blocks_fit;
	EXPECT(fit >= 2 && fit <= 64);
	setup = ring_wanted(model);
	setup.block_size = 1024 * 1024;
	setup.blocks = fit;
	EXPECT(!ring_setup(fd, &setup) && setup.bounced == fit);
	EXPECT(!close(fd));
}

static struct zcdma_dev_block take_failed(const struct ring *r)
{
	for (;;) {
		struct zcdma_dev_block b = ring_take(r);

		if (b.flags & ZCDMA_DEV_BLOCK_ERROR)
			return b;
		EXPECT(is_pattern(ring_data(r, &b), b.length, b.offset) && !ring_give(r, b.index));
	}
}

/* It is kept from the bus: neither its data nor its interrupt comes through. */
static void stops_answering(unsigned model)
{
	struct ring r = small_ring(model, SMALL);
	struct pollfd p = { .fd = r.fd, .events = POLLIN };
	struct zcdma_dev_block b, none = { .size = sizeof(none) };

	ring_go(&r);
	EXPECT(!ring_give(&r, ring_take(&r).index));
	pci_command_clear(PCI_COMMAND_MASTER);
	b = take_failed(&r);
	EXPECT(b.error == ETIMEDOUT && !b.length);
	EXPECT(!ring_give(&r, b.index));

	EXPECT(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	EXPECT_ERRNO(ioctl(r.fd, ZCDMA_IOC_TAKE, &none), EIO);
	EXPECT_ERRNO(ioctl(r.fd, ZCDMA_IOC_START, 0), EIO);
	EXPECT_ERRNO(read(r.fd, &none, sizeof(none)), EIO);
	EXPECT(ring_stats(r.fd).failed == 1 && !ring_stats(r.fd).running);

	ring_stop(&r);
	EXPECT_ERRNO(ioctl(r.fd, ZCDMA_IOC_TAKE, &none), ENODATA);
	ring_go(&r);
	for (unsigned i = 1; i < 3; i++) {
		struct zcdma_dev_block next = ring_take(&r);

		EXPECT(next.seq == b.seq + i && next.offset == b.offset + i * SMALL);
		EXPECT(is_pattern(ring_data(&r, &next), next.length, next.offset));
		EXPECT(!ring_give(&r, next.index));
	}
	ring_end(&r);
}

static void read_tells(unsigned model)
{
	struct ring r = small_ring(model, SMALL);
	char data[SMALL];
	uint64_t offset;
	ssize_t n;

	ring_go(&r);
	EXPECT(read(r.fd, data, SMALL) == SMALL && is_pattern(data, SMALL, 0));
	pci_command_clear(PCI_COMMAND_MASTER);
	for (offset = SMALL; (n = read(r.fd, data, SMALL)) > 0; offset += n)
		EXPECT(is_pattern(data, n, offset));
	EXPECT(n == -1 && errno == EIO);
	EXPECT(ring_stats(r.fd).failed == 1 && !ring_stats(r.fd).full);
	ring_end(&r);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the device fills the block", device_fills_it, TAP_ALL },
		{ "the device fills several pieces", device_fills_pieces, 1 << ZCDMA_DEV_SCATTER },
		{ "the device hands over what it has", hands_over_what_it_has,
		  1 << ZCDMA_DEV_COMPOUND },
		{ "the stream goes on after a stop", goes_on_after_stop, 1 << ZCDMA_DEV_PAGES },
		{ "the device takes no rate", has_no_rate, 1 << ZCDMA_DEV_COMPOUND },
		{ "a piece is what can be mapped at once", pieces_can_be_mapped,
		  1 << ZCDMA_DEV_COMPOUND | 1 << ZCDMA_DEV_SCATTER },
		{ "a ring beyond the bounce buffers is refused, with what fits",
		  ring_exceeds_bounce_buffers, TAP_PAGED },
		{ "a device that stops answering, and starts again", stops_answering,
		  1 << ZCDMA_DEV_COMPOUND },
		{ "read() reports a block that failed", read_tells, 1 << ZCDMA_DEV_COMPOUND },
	};

	ring_device = "/dev/zcdma1";
	TAP_RUN_ALL(tests);
	return 0;
}
