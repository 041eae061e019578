// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmabuf: what an importer of a block has mapped is not filled again, what it has not mapped is, and the memory
 * stays good for as long as an importer has it. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/dmabuf.h"
#include "shared/fault.h"
#include "shared/flight.h"
#include "shared/memory.h"
#include "shared/module.h"
#include "shared/tap.h"

/* No power of two, so that scatter and pages have more than one piece for a block. */
#define ODD_BLOCK (25 * PAGE)

/* A huge page, of most machines. */
#define HUGE (2 << 20)

/* The most dma-bufs of a block, and mappings of one. */
#define EXPORTS	 64
#define MAPPINGS 4096

static const struct way *way;

/* The device goes round, and does not come to the block: it drains. */
static void expect_is_kept(const struct ring *r, unsigned index)
{
	for (unsigned i = 0; i < 4 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(r);

		EXPECT(b.index != index);
		EXPECT(!ring_give(r, b.index));
	}
	EXPECT(ring_stats(r->fd).draining == 1);
}

/* Nothing keeps it any more, and the device fills it again. */
static void expect_comes_home(const struct ring *r, unsigned index)
{
	WAIT_FOR(!ring_stats(r->fd).draining);
	ring_run_until(r, index);
}

static struct ring odd_ring(int flags, unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);

	setup.block_size = ODD_BLOCK;
	return ring_create(flags, setup);
}

static void a_mapping_shows_the_block(unsigned model)
{
	struct ring r = odd_ring(O_RDWR, model);
	struct zcdma_dev_block b;
	char *map;
	int fd;

	ring_go(&r);
	b = ring_take(&r);
	fd = dmabuf_export(&r, b.index, O_RDWR);
	EXPECT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	EXPECT(lseek(fd, 0, SEEK_END) == (off_t)r.setup.stride);
	map = mmap(NULL, r.setup.stride, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	dmabuf_sync(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	EXPECT(is_pattern(map, ODD_BLOCK, b.offset));
	memset(map, 0x5a, PAGE);
	dmabuf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	EXPECT(!memcmp(map, ring_data(&r, &b), PAGE));
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL);
	EXPECT(!dmabuf_try_map(fd, r.setup.stride + PAGE) && errno == EINVAL);
}

static void what_is_mapped_is_kept(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	int fd = dmabuf_export(&r, b.index, O_RDONLY);
	char *map = dmabuf_map(fd, BLOCK);

	EXPECT(!close(fd));
	EXPECT(!ring_give(&r, b.index));
	expect_is_kept(&r, b.index);
	EXPECT(is_pattern(map, BLOCK, b.offset));
	/* Half of it keeps all of it, and so do two parts. */
	EXPECT(!munmap(map + BLOCK / 4, BLOCK / 4));
	expect_is_kept(&r, b.index);
	EXPECT(!munmap(map, BLOCK / 4));
	expect_is_kept(&r, b.index);
	EXPECT(is_pattern(map + BLOCK / 2, BLOCK / 2, b.offset + BLOCK / 2));
	EXPECT(!munmap(map + BLOCK / 2, BLOCK / 2));
	expect_comes_home(&r, b.index);
	EXPECT(ring_stats(r.fd).busy_at_release == 1);
}

static void a_child_keeps_it_as_well(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	char *map = dmabuf_map(dmabuf_export(&r, b.index, O_RDONLY), BLOCK);
	int gate[2], status;
	pid_t child;
	char c;

	/* With whatever madvise() makes of it. */
	EXPECT(is_pattern(map, BLOCK, b.offset) && !madvise(map, BLOCK / 2, MADV_KEEPONFORK));
	EXPECT(!pipe2(gate, O_CLOEXEC));
	child = fork();
	if (!child) {
		close(gate[1]);
		_exit(read(gate[0], &c, 1) || !is_pattern(map, BLOCK, b.offset));
	}
	EXPECT(child > 0 && !close(gate[0]));
	EXPECT(!munmap(map, BLOCK));
	EXPECT(!ring_give(&r, b.index));
	expect_is_kept(&r, b.index);
	EXPECT(!close(gate[1]));
	EXPECT(waitpid(child, &status, 0) == child && !status);
	expect_comes_home(&r, b.index);
}

/*
 * A mapping at a multiple of the size of a huge page has one, where the kernel has them. It counts as one reference, or
 * as many.
 */
static void a_huge_page_is_kept(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct zcdma_dev_block b;
	int fd, pipe[2];
	struct ring r;
	char *at, *map;

	setup.block_size = HUGE;
	r = ring_create(O_RDONLY, setup);
	at = mmap(NULL, 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(at != MAP_FAILED && !pipe2(pipe, O_CLOEXEC));
	at += HUGE - (uintptr_t)at % HUGE;
	ring_go(&r);
	b = ring_take(&r);
	fd = dmabuf_export(&r, b.index, O_RDONLY);
	map = mmap(at, HUGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	EXPECT(map == at && is_pattern(map, HUGE, b.offset));
	EXPECT(!ring_give(&r, b.index));
	flight_vmsplice(map + HUGE / 2, pipe[1], PAGE);
	expect_is_kept(&r, b.index);
	/* A part of it. */
	EXPECT(!munmap(map, HUGE / 2));
	EXPECT(is_pattern(map + HUGE / 2, HUGE / 2, b.offset + HUGE / 2));
	expect_is_kept(&r, b.index);
	EXPECT(!munmap(map + HUGE / 2, HUGE / 2));
	expect_is_kept(&r, b.index);
	flight_receive(pipe[0], b.offset + HUGE / 2, PAGE);
	expect_comes_home(&r, b.index);
}

static void a_descriptor_keeps_nothing(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	int fd = dmabuf_export(&r, b.index, O_RDONLY);
	char *map;

	EXPECT(!ring_give(&r, b.index));
	EXPECT(!ring_stats(r.fd).busy_at_release);
	EXPECT(!dmabuf_try_map(fd, BLOCK) && errno == EBUSY);
	/* The same descriptor, for what is in the block the next time. */
	do {
		b = ring_take(&r);
		map = dmabuf_try_map(fd, BLOCK);
		EXPECT(map || (errno == EBUSY && !ring_give(&r, b.index)));
	} while (!map);
	EXPECT(is_pattern(map, BLOCK, b.offset));
}

static void what_is_sent_from_it_is_kept(unsigned model)
{
	struct ring r = ring_create(FLIGHT_OPEN, ring_wanted(model)), alias = r;
	struct zcdma_dev_block b;
	struct flight f;
	char *map;

	ring_go(&r);
	b = ring_take(&r);
	map = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED,
		   dmabuf_export(&r, b.index, O_RDWR), 0);
	EXPECT(map != MAP_FAILED);
	alias.map = map - b.mmap_offset;
	f = flight_leave(way, &alias, &b);
	EXPECT(!munmap(map, BLOCK));
	EXPECT(!ring_give(&r, b.index));
	expect_is_kept(&r, b.index);
	flight_arrive(&f);
	expect_comes_home(&r, b.index);
}

static void the_whole_ring(unsigned model)
{
	struct ring r = odd_ring(O_RDONLY, model);
	int fd = dmabuf_export(&r, ZCDMA_DEV_EXPORT_RING, O_RDONLY);
	size_t bytes = r.setup.ring_bytes;
	char *map;

	EXPECT(lseek(fd, 0, SEEK_END) == (off_t)bytes);
	ring_go(&r);
	EXPECT(!dmabuf_try_map(fd, bytes) && errno == EBUSY);
	WAIT_FOR(ring_stats(r.fd).full == BLOCKS);
	ring_stop(&r);
	map = dmabuf_map(fd, bytes);
	EXPECT_ERRNO(ioctl(r.fd, ZCDMA_IOC_START, 0), EBUSY);
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(is_pattern(map + b.mmap_offset, b.length, b.offset));
		EXPECT(!ring_give(&r, b.index));
	}
	EXPECT(!munmap(map, bytes));
	ring_go(&r);
	ring_run_for(&r, 2 * BLOCKS);
}

/* The block is empty when it is sent, and nothing maps the ring when the device starts again. */
static void what_is_sent_from_the_whole_ring_is_kept(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	struct zcdma_dev_block b;
	int fd[2];
	char *map;

	EXPECT(!pipe2(fd, O_CLOEXEC));
	ring_go(&r);
	WAIT_FOR(ring_stats(r.fd).full == BLOCKS);
	ring_stop(&r);
	map = dmabuf_map(dmabuf_export(&r, ZCDMA_DEV_EXPORT_RING, O_RDONLY), r.setup.ring_bytes);
	b = ring_take(&r);
	EXPECT(!ring_give(&r, b.index) && ring_stats(r.fd).free == 1);
	flight_vmsplice(map + b.mmap_offset, fd[1], PAGE);
	EXPECT(!munmap(map, r.setup.ring_bytes));
	ring_go(&r);
	expect_is_kept(&r, b.index);
	flight_receive(fd[0], b.offset, PAGE);
	expect_comes_home(&r, b.index);
}

static void it_stays_when_the_file_is_closed(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	int fd = dmabuf_export(&r, b.index, O_RDONLY);
	char *map = dmabuf_map(fd, BLOCK);

	ring_end(&r);
	r = ring_start(model, ZCDMA_DEV_TRACK);
	ring_run_for(&r, 4 * BLOCKS);
	EXPECT(is_pattern(map, BLOCK, b.offset));
	EXPECT(!munmap(map, BLOCK));
	/* Nothing is filled any more, so it can be mapped again. */
	map = dmabuf_map(fd, BLOCK);
	EXPECT(is_pattern(map, BLOCK, b.offset));
	ring_run_for(&r, BLOCKS);
}

/* One block of a ring that is gone: that much, and no more, is paid for until the descriptor is closed. */
static void it_is_paid_for(unsigned model)
{
	const size_t limit = 64 << 20;
	struct ring r;
	int fd;

	memory_limit(limit);
	WAIT_FOR(ring_limits().memlock_bytes == limit);
	r = ring_start(model, ZCDMA_DEV_TRACK);
	fd = dmabuf_export(&r, 1, O_RDONLY);
	ring_end(&r);
	WAIT_FOR(ring_limits().memlock_bytes == limit - BLOCK);
	EXPECT(!close(fd));
	WAIT_FOR(ring_limits().memlock_bytes == limit);
}

static void it_stays_when_the_device_goes(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	int fd = dmabuf_export(&r, b.index, O_RDONLY);
	char *map = dmabuf_map(fd, BLOCK);

	device_unbind();
	EXPECT(dmabuf_try_export(&r, b.index, 0) == -ENODEV);
	EXPECT(!munmap(map, BLOCK / 2));
	EXPECT(is_pattern(map + BLOCK / 2, BLOCK / 2, b.offset + BLOCK / 2));
	EXPECT(!munmap(map + BLOCK / 2, BLOCK / 2));
	map = dmabuf_map(fd, BLOCK);
	device_bind();
	ring_end(&r);
	EXPECT(is_pattern(map, BLOCK, b.offset));
	EXPECT(!munmap(map, BLOCK));
}

static void wrong_calls_are_refused(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	struct zcdma_dev_export e = { .size = sizeof(e), .reserved = { 1 } };
	int next = dup(r.fd), other = ring_open(O_RDONLY);
	struct ring none = { .fd = other };

	EXPECT(dmabuf_try_export(&r, BLOCKS, 0) == -EINVAL);
	EXPECT(dmabuf_try_export(&r, ZCDMA_DEV_EXPORT_RING - 1, 0) == -EINVAL);
	EXPECT(dmabuf_try_export(&r, 0, O_NONBLOCK) == -EINVAL);
	EXPECT(dmabuf_try_export(&r, 0, O_WRONLY) == -EINVAL);
	EXPECT(dmabuf_try_export(&r, 0, O_RDWR) == -EACCES);
	EXPECT(dmabuf_try_export(&none, 0, 0) == -EBADFD);
	EXPECT_ERRNO(ioctl(r.fd, ZCDMA_IOC_EXPORT, &e), EINVAL);
	EXPECT(!close(other));
	/* A descriptor that the caller does not learn of is closed. */
	e = (struct zcdma_dev_export){ .size = sizeof(e) };
	{
		struct zcdma_dev_export *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
						     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		EXPECT(page != MAP_FAILED);
		*page = e;
		EXPECT(!mprotect(page, PAGE, PROT_READ));
		EXPECT_ERRNO(ioctl(r.fd, ZCDMA_IOC_EXPORT, page), EFAULT);
	}
	EXPECT(dup(r.fd) == next + 1);
	EXPECT(ring_info(r.fd).flags & ZCDMA_DEV_INFO_EXPORT);
}

/* Each descriptor is a dma-buf of its own. */
static void they_are_limited(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	static const unsigned of[] = { 0, BLOCKS - 1, ZCDMA_DEV_EXPORT_RING };
	int fd;

	for (size_t i = 0; i < 3; i++) {
		for (unsigned n = 0; n < EXPORTS; n++)
			fd = dmabuf_export(&r, of[i], O_RDONLY);
		EXPECT(dmabuf_try_export(&r, of[i], 0) == -EMFILE);
		EXPECT(!close(fd));
		EXPECT(dmabuf_export(&r, of[i], O_RDONLY) == fd);
		EXPECT(dmabuf_try_export(&r, of[i], 0) == -EMFILE);
	}
}

/* Those of a child, which are too many, have nothing to touch, nor what was there; what is unmapped makes room. */
static void mappings_are_limited(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	int fd = dmabuf_export(&r, b.index, O_RDONLY), status;
	static char *map[MAPPINGS];
	pid_t child;

	for (unsigned n = 0; n < MAPPINGS; n++)
		map[n] = dmabuf_map(fd, PAGE);
	EXPECT(!dmabuf_try_map(fd, PAGE) && errno == ENOMEM);
	EXPECT(is_pattern(map[0], PAGE, b.offset) && !madvise(map[0], PAGE, MADV_KEEPONFORK));
	child = fork();
	if (!child)
		_exit(fault_of_reading(map[0]) != SIGBUS ||
		      fault_of_reading(map[MAPPINGS - 1]) != SIGBUS);
	EXPECT(child > 0 && waitpid(child, &status, 0) == child && !status);
	EXPECT(is_pattern(map[0], PAGE, b.offset));
	EXPECT(!munmap(map[0], PAGE));
	map[0] = dmabuf_map(fd, PAGE);
	EXPECT(!dmabuf_try_map(fd, PAGE) && errno == ENOMEM);
	EXPECT(!ring_give(&r, b.index));
	for (unsigned n = 0; n < MAPPINGS; n++)
		EXPECT(!munmap(map[n], PAGE));
	expect_comes_home(&r, b.index);
}

static void coherent_memory_is_refused(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));

	EXPECT(dmabuf_try_export(&r, 0, 0) == -EOPNOTSUPP);
	EXPECT(dmabuf_try_export(&r, ZCDMA_DEV_EXPORT_RING, 0) == -EOPNOTSUPP);
}

/*
 * vgem: a driver that maps what it imports for DMA
 */

/*
 * A block that is not held can be imported, but not mapped. Newer kernels have vgem map nothing by itself:
 * drm_gem_shmem_prime_import_no_map() in drivers/gpu/drm/drm_gem_shmem_helper.c.
 */
static bool vgem_maps(int vgem, const struct ring *r)
{
	int fd = dmabuf_export(r, 0, O_RDONLY), handle = vgem_import(vgem, fd);

	EXPECT(handle > 0 || handle == -EBUSY);
	if (handle > 0)
		vgem_close_handle(vgem, handle);
	EXPECT(!close(fd));
	return handle < 0;
}

static void what_a_driver_imports_is_kept(unsigned model)
{
	int vgem = vgem_open(), handle;
	struct ring r = odd_ring(O_RDONLY, model);
	struct zcdma_dev_block b;
	int fd;

	if (!vgem_maps(vgem, &r))
		tap_skip("vgem maps nothing for DMA on this kernel");
	ring_go(&r);
	b = ring_take(&r);
	fd = dmabuf_export(&r, b.index, O_RDONLY);
	handle = vgem_import(vgem, fd);
	EXPECT(handle > 0);
	EXPECT(!ring_give(&r, b.index));
	expect_is_kept(&r, b.index);
	dmabuf_sync(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
	dmabuf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	vgem_close_handle(vgem, handle);
	expect_comes_home(&r, b.index);
	/* It is not held now. */
	EXPECT(vgem_import(vgem, fd) == -EBUSY);
}

static void a_driver_outlives_the_ring(unsigned model)
{
	int vgem = vgem_open(), handle, fd;
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	char *map;

	fd = dmabuf_export(&r, b.index, O_RDONLY);
	handle = vgem_import(vgem, fd);
	EXPECT(handle > 0);
	device_unbind();
	ring_end(&r);
	map = dmabuf_map(fd, BLOCK);
	EXPECT(is_pattern(map, BLOCK, b.offset));
	device_bind();
	r = ring_start(model, ZCDMA_DEV_TRACK);
	ring_run_for(&r, 2 * BLOCKS);
	vgem_close_handle(vgem, handle);
	EXPECT(is_pattern(map, BLOCK, b.offset));
}

/* The core stays for a dma-buf; the device's own module is free to go. */
static void the_module_stays(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	int fd = dmabuf_export(&r, b.index, O_RDONLY);

	ring_end(&r);
	EXPECT(module_unload() == -EAGAIN);
	EXPECT(access(DEVICE, F_OK));
	EXPECT(is_pattern(dmabuf_map(fd, BLOCK), BLOCK, b.offset));
	EXPECT(!module_load("devices=1"));
	r = ring_start(model, ZCDMA_DEV_TRACK);
	ring_run_for(&r, 2 * BLOCKS);
}

static const struct tap_test tests[] = {
	{ "a dma-buf shows the block, and what is written to it", a_mapping_shows_the_block,
	  TAP_PAGED },
	{ "a block is not filled while it is mapped through a dma-buf", what_is_mapped_is_kept,
	  TAP_PAGED },
	{ "a child that inherits the mapping keeps the block", a_child_keeps_it_as_well,
	  TAP_PAGED },
	{ "a huge page is kept while it is mapped or sent", a_huge_page_is_kept, TAP_PAGED },
	{ "a descriptor keeps nothing, and is good for the next time", a_descriptor_keeps_nothing,
	  TAP_PAGED },
	{ "a dma-buf of the whole ring is for a stream that is stopped", the_whole_ring,
	  TAP_PAGED },
	{ "what is sent from a dma-buf of the whole ring is waited for",
	  what_is_sent_from_the_whole_ring_is_kept, TAP_PAGED },
	{ "a dma-buf outlives the file", it_stays_when_the_file_is_closed, TAP_PAGED },
	{ "a dma-buf that outlives the file is charged for", it_is_paid_for, TAP_PAGED },
	{ "a dma-buf outlives the device", it_stays_when_the_device_goes, TAP_PAGED },
	{ "wrong exports are refused", wrong_calls_are_refused, TAP_PAGED },
	{ "dma-bufs of a block are limited", they_are_limited, TAP_PAGED },
	{ "mappings of a dma-buf are limited", mappings_are_limited, TAP_PAGED },
	{ "memory that goes with the device is not exported", coherent_memory_is_refused, 0x1 },
	{ "a block is not filled while a driver has imported it", what_a_driver_imports_is_kept,
	  TAP_PAGED },
	{ "a driver's import outlives device and file", a_driver_outlives_the_ring, TAP_PAGED },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	for (size_t i = 0; i < flight_way_count; i++) {
		way = &flight_ways[i];
		tap_run(what_is_sent_from_it_is_kept, ZCDMA_DEV_COMPOUND,
			"compound: what is sent from a dma-buf's mapping is waited for in %s",
			way->name);
	}
	/* Programs of 32 bits run without the folder of the modules. */
	if (sizeof(long) == 8)
		tap_run(the_module_stays, ZCDMA_DEV_COMPOUND,
			"compound: the module stays for a dma-buf");
	return 0;
}
