// SPDX-License-Identifier: GPL-2.0-only
/*
 * fail: a device that cannot fill, or play, every block, and goes on. Speaks TAP. Wants the module with
 * mutant=fail, whose simulated devices, the second of which plays, fail for block 1 of the ring, each time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/ring.h"
#include "shared/tap.h"

#define ROUNDS 3

static void is_told_in_its_turn(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	unsigned failed = 0;

	for (unsigned i = 0; i < ROUNDS * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);
		char byte;

		EXPECT(b.seq == i && b.offset == (uint64_t)i * BLOCK);
		EXPECT(!(b.flags & ZCDMA_DEV_BLOCK_ERROR) == (b.index != 1));
		if (b.index == 1) {
			EXPECT(b.error == EIO && !b.length && ++failed);
			EXPECT(!pread(r.fd, &byte, 1, (off_t)b.position));
		} else {
			EXPECT(!b.error && is_pattern(ring_data(&r, &b), b.length, b.offset));
		}
		EXPECT(!ring_give(&r, b.index));
	}
	EXPECT(failed >= ROUNDS - 1 && ring_stats(r.fd).failed >= failed);
	ring_end(&r);
}

/* The block that failed is not waited with, also after a TAKE that could not write its answer. */
static void is_not_waited_with(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	struct zcdma_dev_block *b =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pollfd p = { .events = POLLIN };
	struct ring r;

	EXPECT(b != MAP_FAILED);
	b->size = sizeof(*b);
	EXPECT(!mprotect(b, PAGE, PROT_READ));
	s.watermark = 2;
	s.rate = BLOCK;
	r = ring_create(O_RDONLY, s);
	p.fd = r.fd;
	ring_go(&r);
	EXPECT(!ring_give(&r, ring_take(&r).index));
	EXPECT(poll(&p, 1, (int)tap_limit(20000)) == 1);
	EXPECT_ERRNO(ioctl(r.fd, ZCDMA_IOC_TAKE, b), EFAULT);
	EXPECT(poll(&p, 1, 0) == 1 && ring_take(&r).error == EIO);
	EXPECT(!munmap(b, PAGE));
	ring_end(&r);
}

/* The data before the failed block comes first, however it is read; then one EIO; then the rest. */
static void is_one_error(unsigned model, ssize_t (*get)(int fd, char *data, size_t len))
{
	static char data[BLOCK];
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	uint64_t offset = 0;
	unsigned errors = 0;

	ring_go(&r);
	while (offset < ROUNDS * BLOCKS * BLOCK) {
		ssize_t n = get(r.fd, data, BLOCK - 100);

		if (n < 0) {
			EXPECT(errno == EIO && offset % BLOCK == 0);
			errors++;
			offset += BLOCK;
			continue;
		}
		EXPECT(n && is_pattern(data, n, offset));
		offset += n;
	}
	EXPECT(errors >= ROUNDS - 1 && ring_stats(r.fd).failed >= errors);
	ring_end(&r);
}

static ssize_t get_by_read(int fd, char *data, size_t len)
{
	return read(fd, data, len);
}

static ssize_t get_by_splice(int fd, char *data, size_t len)
{
	static int pipe_fd[2];
	ssize_t n;

	if (!pipe_fd[1])
		EXPECT(!pipe(pipe_fd));
	while ((n = splice(fd, NULL, pipe_fd[1], NULL, len < PAGE ? len : PAGE, 0)) < 0 &&
	       errno == EAGAIN)
		usleep(100);
	return n < 0 ? n : read(pipe_fd[0], data, n);
}

static void is_one_error_of_read(unsigned model)
{
	is_one_error(model, get_by_read);
}

static void is_one_error_of_splice(unsigned model)
{
	is_one_error(model, get_by_splice);
}

/* An output device: the block says so when it comes empty again, and never after that. */
static void is_told_of_what_was_played(unsigned model)
{
	struct ring r;
	unsigned failed = 0;

	ring_device = "/dev/zcdma1";
	r = ring_create(O_RDWR, ring_wanted(model));
	ring_go(&r);
	for (unsigned i = 0; i < ROUNDS * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);
		struct zcdma_dev_give g = { .size = sizeof(g),
					    .index = b.index,
					    .length = i % 2 ? PAGE : 0 };

		EXPECT(!(b.flags & ZCDMA_DEV_BLOCK_ERROR) == !b.error);
		EXPECT(!b.error || (b.error == EIO && b.index == 1));
		failed += !!b.error;
		EXPECT(!ioctl(r.fd, ZCDMA_IOC_GIVE, &g));
		WAIT_FOR(ring_stats(r.fd).free == BLOCKS);
	}
	EXPECT(failed && ring_stats(r.fd).failed - failed <= 1);
	EXPECT_ERRNO(fsync(r.fd), EIO);
	ring_end(&r);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a block that failed is delivered in order", is_told_in_its_turn, TAP_ALL },
		{ "a block that failed is not waited with", is_not_waited_with, 0x4 },
		{ "a block that failed is one error of read()", is_one_error_of_read,
		  1 << ZCDMA_DEV_COMPOUND },
		{ "a block that failed is one error of splice()", is_one_error_of_splice,
		  1 << ZCDMA_DEV_PAGES },
		{ "a block that was not played says so", is_told_of_what_was_played, TAP_ALL },
	};

	TAP_RUN_ALL(tests);
	return 0;
}
