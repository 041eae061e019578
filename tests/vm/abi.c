// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi: the promises of <linux/zcdma.h>, tried on /dev/zcdma0. Speaks TAP.
 *
 * Each test is a child, so that one that hangs or dies ends alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/zcdma.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEVICE "/dev/zcdma0"
#define SEED   0x1234
#define BLOCK  (256 * 1024)
#define BLOCKS 8
#define LIMIT  60 /* seconds for a test */

static const char *const models[] = { "coherent", "pages", "compound", "scatter" };

/* End the test: it failed. */
#define EXPECT(condition)                                                            \
	do {                                                                         \
		if (!(condition)) {                                                  \
			printf("# %s:%d: %s (%s)\n", __func__, __LINE__, #condition, \
			       strerror(errno));                                     \
			fflush(stdout);                                              \
			_exit(1);                                                    \
		}                                                                    \
	} while (0)

struct ring {
	int fd;
	struct zcdma_dev_setup setup;
	const char *map;
};

static int setup(int fd, unsigned model, unsigned policy, uint64_t block, struct zcdma_dev_setup *s)
{
	*s = (struct zcdma_dev_setup){
		.size = sizeof(*s),
		.model = model,
		.policy = policy,
		.block_size = block,
		.blocks = BLOCKS,
		.seed = SEED,
	};
	return ioctl(fd, ZCDMA_IOC_SETUP, s) ? -errno : 0;
}

static struct ring start(unsigned model, unsigned policy, uint64_t block)
{
	struct ring r = { .fd = open(DEVICE, O_RDONLY | O_CLOEXEC) };

	EXPECT(r.fd >= 0);
	EXPECT(!setup(r.fd, model, policy, block, &r.setup));
	r.map = mmap(NULL, r.setup.ring_bytes, PROT_READ, MAP_SHARED, r.fd, 0);
	EXPECT(r.map != MAP_FAILED);
	EXPECT(!ioctl(r.fd, ZCDMA_IOC_START, 0));
	return r;
}

static struct zcdma_dev_block take(const struct ring *r)
{
	struct zcdma_dev_block b = { .size = sizeof(b) };

	EXPECT(!ioctl(r->fd, ZCDMA_IOC_TAKE, &b));
	return b;
}

static int give(const struct ring *r, unsigned index)
{
	struct zcdma_dev_give g = { .size = sizeof(g), .index = index };

	return ioctl(r->fd, ZCDMA_IOC_GIVE, &g) ? -errno : 0;
}

static struct zcdma_dev_stats stats(const struct ring *r)
{
	struct zcdma_dev_stats s = { .size = sizeof(s) };

	EXPECT(!ioctl(r->fd, ZCDMA_IOC_STATS, &s));
	return s;
}

static bool is_pattern(const void *data, size_t len, uint64_t offset)
{
	const uint64_t *word = data;

	for (size_t i = 0; i < len / 8; i++) {
		if (word[i] != ((offset / 8 + i) ^ SEED))
			return false;
	}
	return true;
}

static ssize_t splice_page(const struct ring *r, const struct zcdma_dev_block *b, int pipe_fd)
{
	struct iovec iov = { .iov_base = (void *)(r->map + b->mmap_offset), .iov_len = 4096 };

	return vmsplice(pipe_fd, &iov, 1, 0);
}

/*
 * Tests; the argument is a memory model
 */

static void stream_is_right(unsigned model)
{
	for (unsigned policy = ZCDMA_DEV_TRACK; policy <= ZCDMA_DEV_STRICT; policy++) {
		struct ring r;
		uint64_t offset = 0;

		if (policy == ZCDMA_DEV_STRICT && model == ZCDMA_DEV_COHERENT)
			continue;
		r = start(model, policy, BLOCK);
		for (unsigned i = 0; i < 3 * BLOCKS; i++, offset += BLOCK) {
			struct zcdma_dev_block b = take(&r);

			EXPECT(b.seq == i && b.offset == offset && b.length == BLOCK);
			EXPECT(is_pattern(r.map + b.mmap_offset, b.length, b.offset));
			EXPECT(!give(&r, b.index));
			EXPECT(give(&r, b.index) == -EINVAL);
		}
		EXPECT(!munmap((void *)r.map, r.setup.ring_bytes));
		EXPECT(!close(r.fd));
	}
}

/* The heart: a page that a pipe holds is not written to, though its block was given back. */
static void pages_in_flight_are_waited_for(unsigned model)
{
	static char page[4096];
	struct ring r = start(model, ZCDMA_DEV_TRACK, BLOCK);
	struct zcdma_dev_block held = take(&r);
	int fd[2];

	EXPECT(!pipe(fd));
	EXPECT(splice_page(&r, &held, fd[1]) == 4096);
	EXPECT(!give(&r, held.index));
	for (unsigned i = 0; i < 4 * BLOCKS; i++) {
		struct zcdma_dev_block b = take(&r);

		EXPECT(b.index != held.index);
		EXPECT(!give(&r, b.index));
	}
	EXPECT(stats(&r).draining == 1);
	EXPECT(read(fd[0], page, sizeof(page)) == sizeof(page));
	EXPECT(is_pattern(page, sizeof(page), held.offset));
	/* The page came back, so the block does too. */
	for (unsigned i = 0;; i++) {
		struct zcdma_dev_block b = take(&r);

		EXPECT(!give(&r, b.index));
		if (b.index == held.index)
			break;
		EXPECT(i < 100000);
	}
	EXPECT(stats(&r).drained == 1);
}

/* They outlive the ring and its file. */
static void pages_in_flight_outlive_the_file(unsigned model)
{
	static char page[4096];
	struct ring r = start(model, ZCDMA_DEV_TRACK, BLOCK);
	struct zcdma_dev_block held = take(&r);
	int fd[2];

	EXPECT(!pipe(fd));
	EXPECT(splice_page(&r, &held, fd[1]) == 4096);
	EXPECT(!munmap((void *)r.map, r.setup.ring_bytes));
	EXPECT(!close(r.fd));
	EXPECT(read(fd[0], page, sizeof(page)) == sizeof(page));
	EXPECT(is_pattern(page, sizeof(page), held.offset));
}

static void splice_moves_the_stream(unsigned model)
{
	static char data[65536];
	struct ring r = start(model, ZCDMA_DEV_TRACK, BLOCK);
	struct pollfd p = { .fd = r.fd, .events = POLLIN };
	uint64_t offset = 0;
	int fd[2];

	EXPECT(!pipe(fd));
	while (offset < 8 * BLOCK) {
		ssize_t n;

		EXPECT(poll(&p, 1, 10000) == 1);
		n = splice(r.fd, NULL, fd[1], NULL, sizeof(data), 0);
		EXPECT(n > 0 && n % 8 == 0);
		EXPECT(read(fd[0], data, (size_t)n) == n);
		EXPECT(is_pattern(data, (size_t)n, offset));
		offset += (uint64_t)n;
	}
	EXPECT(!stats(&r).splice_copied_bytes == (model != ZCDMA_DEV_COHERENT));
}

static void coherent_memory_has_no_pages(unsigned model)
{
	struct ring r = start(model, ZCDMA_DEV_TRACK, BLOCK);
	struct zcdma_dev_block b = take(&r);
	int fd[2];

	EXPECT(!pipe(fd));
	EXPECT(splice_page(&r, &b, fd[1]) == -1 && errno == EFAULT);
	EXPECT(write(fd[1], r.map + b.mmap_offset, 4096) == 4096);
}

static void one_owner(unsigned model)
{
	struct ring r = start(model, ZCDMA_DEV_TRACK, BLOCK);
	struct zcdma_dev_setup s;
	int other = open(DEVICE, O_RDONLY);

	EXPECT(other >= 0);
	EXPECT(setup(other, model, ZCDMA_DEV_TRACK, BLOCK, &s) == -EBUSY);
	EXPECT(setup(r.fd, model, ZCDMA_DEV_TRACK, BLOCK, &s) == -EALREADY);
	EXPECT(stats(&(struct ring){ .fd = other }).running);
	EXPECT(!munmap((void *)r.map, r.setup.ring_bytes) && !close(r.fd));
	EXPECT(!setup(other, model, ZCDMA_DEV_TRACK, BLOCK, &s));
}

static void wrong_values_are_refused(unsigned model)
{
	struct zcdma_dev_setup s = {
		.size = sizeof(s), .model = model, .block_size = BLOCK, .blocks = BLOCKS
	};
	struct zcdma_dev_setup wrong[6];
	int fd = open(DEVICE, O_RDONLY);

	for (size_t i = 0; i < 6; i++)
		wrong[i] = s;
	wrong[0].reserved[3] = 1;
	wrong[1].flags = 1;
	wrong[2].model = 99;
	wrong[3].block_size = BLOCK + 1;
	wrong[4].blocks = 0;
	wrong[5].size = 4;
	for (size_t i = 0; i < 6; i++)
		EXPECT(ioctl(fd, ZCDMA_IOC_SETUP, &wrong[i]) && errno == EINVAL);
	s.block_size = UINT64_MAX - 4095;
	EXPECT(ioctl(fd, ZCDMA_IOC_SETUP, &s));
	EXPECT(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	EXPECT(!setup(fd, model, ZCDMA_DEV_TRACK, BLOCK, &s));
	EXPECT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL);
	EXPECT(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
}

static void stop_ends_the_stream(unsigned model)
{
	struct ring r = start(model, ZCDMA_DEV_TRACK, BLOCK);
	struct zcdma_dev_block b = { .size = sizeof(b) };
	unsigned left = 0;

	take(&r);
	EXPECT(!ioctl(r.fd, ZCDMA_IOC_STOP, 0));
	while (!ioctl(r.fd, ZCDMA_IOC_TAKE, &b))
		EXPECT(++left < BLOCKS);
	EXPECT(errno == ENODATA);
}

static const struct {
	const char *name;
	void (*run)(unsigned model);
	unsigned models; /* bit 1 << model for each that it is for */
} tests[] = {
	{ "the stream is right", stream_is_right, 0xf },
	{ "pages in flight are waited for", pages_in_flight_are_waited_for, 0xe },
	{ "pages in flight outlive the file", pages_in_flight_outlive_the_file, 0xe },
	{ "splice moves the stream", splice_moves_the_stream, 0xf },
	{ "there are no pages behind it", coherent_memory_has_no_pages, 0x1 },
	{ "one owner", one_owner, 0xf },
	{ "wrong values are refused", wrong_values_are_refused, 0xf },
	{ "stop ends the stream", stop_ends_the_stream, 0xf },
};

static bool passes(void (*run)(unsigned model), unsigned model)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(LIMIT);
		run(model);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       !WEXITSTATUS(status);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		for (unsigned model = 0; model < 4; model++) {
			if (!(tests[i].models & 1 << model))
				continue;
			printf("%sok - %s: %s\n", passes(tests[i].run, model) ? "" : "not ",
			       models[model], tests[i].name);
		}
	}
	return 0;
}
