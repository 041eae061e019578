// SPDX-License-Identifier: GPL-2.0-only
/*
 * nth: the n-th thing in a call that can fail does, for n = 1, 2, 3, ... until the call passes without:
 * an allocation, or a copy from or to user space. Whatever the call returns, nothing leaks, the states of the
 * blocks add up, and the same call works right after. Wants a kernel with CONFIG_FAULT_INJECTION_DEBUG_FS
 * (Documentation/fault-injection/fault-injection.rst), root, and a second device, which plays. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/dmabuf.h"
#include "shared/memory.h"
#include "shared/ring.h"
#include "shared/tap.h"

#define FAIL_NTH   "/proc/thread-self/fail-nth"
#define INJECTIONS 2000		/* more than any call has */
#define LIMIT	   (64UL << 20) /* for rings, so that it shows what is charged */
#define PIECE	   (64 * 1024)
#define LENGTH	   (19 * PAGE) /* of a block: three pieces, where the model has pieces */

/* What the calls work on. A call takes the state as the calls before it in the table leave it. */
struct state {
	struct ring r;
	struct zcdma_dev_block block;
	int pipe[2];
	int dmabuf;
	char *dmabuf_map;
};

static int open_device(struct state *s)
{
	s->r.fd = open(ring_device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return s->r.fd < 0 ? -errno : 0;
}

static int set_up(struct state *s)
{
	struct zcdma_dev_setup setup = s->r.setup;
	int rc = ring_setup(s->r.fd, &setup);

	if (!rc)
		s->r.setup = setup;
	return rc;
}

static int map_ring(struct state *s)
{
	s->r.map =
		mmap(NULL, s->r.setup.ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->r.fd, 0);
	if (s->r.map != MAP_FAILED)
		return 0;
	s->r.map = NULL;
	return -errno;
}

static int start(struct state *s)
{
	return ioctl(s->r.fd, ZCDMA_IOC_START, 0) ? -errno : 0;
}

static int take(struct state *s)
{
	struct zcdma_dev_block b = { .size = sizeof(b) };

	if (ioctl(s->r.fd, ZCDMA_IOC_TAKE, &b))
		return -errno;
	s->block = b;
	return 0;
}

static int touch(struct state *s)
{
	return madvise(s->r.map + s->block.mmap_offset, LENGTH, MADV_POPULATE_READ) ? -errno : 0;
}

static int read_at(struct state *s)
{
	static char data[PIECE];

	return pread(s->r.fd, data, sizeof(data), (off_t)s->block.position) < 0 ? -errno : 0;
}

static int splice_at(struct state *s)
{
	off_t at = (off_t)s->block.position;

	return splice(s->r.fd, &at, s->pipe[1], NULL, PIECE, SPLICE_F_NONBLOCK) < 0 ? -errno : 0;
}

/* The stream's own read() and splice() take what is left of a block first. */
static int read_stream(struct state *s)
{
	static char data[PIECE];

	return read(s->r.fd, data, sizeof(data)) < 0 ? -errno : 0;
}

static int splice_stream(struct state *s)
{
	return splice(s->r.fd, NULL, s->pipe[1], NULL, PIECE, SPLICE_F_NONBLOCK) < 0 ? -errno : 0;
}

static int vmsplice_block(struct state *s)
{
	struct iovec v = { s->r.map + s->block.mmap_offset, PIECE };

	return vmsplice(s->pipe[1], &v, 1, SPLICE_F_NONBLOCK) < 0 ? -errno : 0;
}

static int export_block(struct state *s)
{
	int fd = dmabuf_try_export(&s->r, s->block.index, O_CLOEXEC);

	s->dmabuf = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

static int map_dmabuf(struct state *s)
{
	s->dmabuf_map = dmabuf_try_map(s->dmabuf, LENGTH);
	return s->dmabuf_map ? 0 : -errno;
}

static int touch_dmabuf(struct state *s)
{
	return madvise(s->dmabuf_map, LENGTH, MADV_POPULATE_READ) ? -errno : 0;
}

static int unmap_dmabuf(struct state *s)
{
	int rc = s->dmabuf_map ? munmap(s->dmabuf_map, LENGTH) : 0;

	if (rc)
		return -errno;
	s->dmabuf_map = NULL;
	return 0;
}

static int close_dmabuf(struct state *s)
{
	int fd = s->dmabuf;

	s->dmabuf = -1;
	return fd >= 0 && close(fd) ? -errno : 0;
}

static int give(struct state *s)
{
	return ring_give(&s->r, s->block.index);
}

static int queue(struct state *s)
{
	struct zcdma_dev_give g = {
		.size = sizeof(g),
		.index = s->block.index,
		.length = LENGTH,
	};

	return ioctl(s->r.fd, ZCDMA_IOC_GIVE, &g) ? -errno : 0;
}

/* More than a block, the rest of which is queued by the next call. */
static int write_stream(struct state *s)
{
	static const char data[LENGTH + PAGE];

	return write(s->r.fd, data, sizeof(data)) < 0 ? -errno : 0;
}

static int drain(struct state *s)
{
	return fsync(s->r.fd) ? -errno : 0;
}

static int get_info(struct state *s)
{
	struct zcdma_dev_info i = { .size = sizeof(i) };

	return ioctl(s->r.fd, ZCDMA_IOC_INFO, &i) ? -errno : 0;
}

static int get_stats(struct state *s)
{
	struct zcdma_dev_stats st = { .size = sizeof(st) };

	return ioctl(s->r.fd, ZCDMA_IOC_STATS, &st) ? -errno : 0;
}

static int stop(struct state *s)
{
	return ioctl(s->r.fd, ZCDMA_IOC_STOP, 0) ? -errno : 0;
}

static int unmap(struct state *s)
{
	int rc = s->r.map ? munmap(s->r.map, s->r.setup.ring_bytes) : 0;

	if (rc)
		return -errno;
	s->r.map = NULL;
	return 0;
}

static int close_device(struct state *s)
{
	int fd = s->r.fd;

	s->r.fd = -1;
	return fd >= 0 && close(fd) ? -errno : 0;
}

/* .paged is not for memory without pages. */
struct call {
	const char *name;
	int (*make)(struct state *s);
	bool paged;
};

/* In the order in which they are made. */
static const struct call captures[] = {
	{ "open", open_device, false },
	{ "INFO", get_info, false },
	{ "SETUP", set_up, false },
	{ "mmap", map_ring, false },
	{ "START", start, false },
	{ "read", read_stream, false },
	{ "splice", splice_stream, false },
	{ "TAKE", take, false },
	{ "a page fault", touch, true },
	{ "pread", read_at, false },
	{ "splice at an offset", splice_at, false },
	{ "vmsplice", vmsplice_block, true },
	{ "EXPORT", export_block, true },
	{ "mmap of a dma-buf", map_dmabuf, true },
	{ "a page fault in a dma-buf", touch_dmabuf, true },
	{ "STATS", get_stats, false },
	{ "GIVE", give, false },
	{ "munmap of a dma-buf", unmap_dmabuf, true },
	{ "STOP", stop, false },
	{ "munmap", unmap, false },
	{ "close", close_device, false },
	{ "close of a dma-buf", close_dmabuf, true },
};

static const struct call plays[] = {
	{ "open to play", open_device, false },
	{ "SETUP to play", set_up, false },
	{ "mmap to play", map_ring, false },
	{ "TAKE of an empty block", take, false },
	{ "a page fault in an empty block", touch, true },
	{ "GIVE of a block to play", queue, false },
	{ "START to play", start, false },
	{ "write", write_stream, false },
	{ "fsync", drain, false },
	{ "STOP of what plays", stop, false },
	{ "munmap of what played", unmap, false },
	{ "close of what played", close_device, false },
};

static const struct direction {
	const char *device;
	const struct call *calls;
	size_t count;
} directions[] = {
	{ DEVICE, captures, sizeof(captures) / sizeof(captures[0]) },
	{ "/dev/zcdma1", plays, sizeof(plays) / sizeof(plays[0]) },
};

static const struct direction *direction;

static bool is_for(const struct call *call, unsigned model)
{
	return !call->paged || model != ZCDMA_DEV_COHERENT;
}

/* Make the call where it may say that there is nothing yet. */
static int make(const struct call *call, struct state *s)
{
	int rc;

	for (unsigned n = 0; (rc = call->make(s)) == -EAGAIN && n < tap_limit(20000); n++)
		usleep(500);
	return rc;
}

static void wait_for_block(const struct state *s)
{
	EXPECT(poll(&(struct pollfd){ s->r.fd, POLLIN, 0 }, 1, (int)tap_limit(30000)) == 1);
}

static struct state state_before(size_t end, unsigned model)
{
	struct state s = {
		.r.fd = -1, .r.setup = ring_wanted(model), .pipe = { -1, -1 }, .dmabuf = -1
	};

	s.r.setup.block_size = LENGTH;
	s.r.setup.blocks = 4;
	EXPECT(!pipe2(s.pipe, O_CLOEXEC) && fcntl(s.pipe[1], F_SETPIPE_SZ, 1 << 20) > 0);
	for (size_t i = 0; i < end; i++) {
		const struct call *call = &direction->calls[i];

		if (is_for(call, model))
			EXPECT(!make(call, &s));
		/* What reads the stream has something to read. */
		if (call->make == start && direction->calls == captures)
			wait_for_block(&s);
	}
	return s;
}

static void end_state(struct state *s)
{
	EXPECT(!unmap_dmabuf(s) && !close_dmabuf(s));
	EXPECT(!unmap(s) && !close_device(s));
	EXPECT(!close(s->pipe[0]) && !close(s->pipe[1]));
}

static void expect_states_add_up(int fd)
{
	struct zcdma_dev_stats s;

	if (fd < 0)
		return;
	s = ring_stats(fd);
	if (s.free + s.filling + s.full + s.held + s.draining != s.ring_blocks)
		printf("# free %u filling %u full %u held %u draining %u of %u\n", s.free,
		       s.filling, s.full, s.held, s.draining, s.ring_blocks);
	EXPECT(s.free + s.filling + s.full + s.held + s.draining == s.ring_blocks);
}

static int fail_nth;

/*
 * Let the @n-th thing fail from here on; 0: nothing. Returns whether what was asked for before is still to
 * come: reading and writing the number may be what fails.
 */
static bool inject(int n)
{
	char text[16] = "";
	const bool failed = pread(fail_nth, text, sizeof(text) - 1, 0) < 0;

	for (int i = 0; dprintf(fail_nth, "%d", n) < 0; i++)
		EXPECT(i < 2 && errno == EFAULT);
	return failed || atoi(text);
}

/* Errors that say that something failed, and none that blames the caller. */
static bool is_plausible(int rc)
{
	static const int errors[] = { ENOMEM, EFAULT, EAGAIN, ENOBUFS, EINTR };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (rc == -errors[i])
			return true;
	}
	return !rc;
}

/* One injection. False: the call has fewer than @n places where something can fail. */
static bool try_nth(const struct call *call, unsigned model, int n, unsigned *failed)
{
	struct state s = state_before(call - direction->calls, model);
	bool left;
	int rc;

	/* A block that is half read is readable, and cannot be taken. */
	if (call->make == take && direction->calls == captures)
		WAIT_FOR(ring_stats(s.r.fd).full);
	inject(n);
	rc = call->make(&s);
	left = inject(0);
	if (!is_plausible(rc))
		printf("# n = %d: %s\n", n, strerror(-rc));
	EXPECT(is_plausible(rc));
	EXPECT(!left || !rc);
	*failed += !left && rc;
	expect_states_add_up(s.r.fd);
	/* It left nothing that stands in the way of the same call. */
	if (!left && rc)
		EXPECT(!make(call, &s));
	end_state(&s);
	return !left;
}

static const struct call *tested;

static void survives(unsigned model)
{
	unsigned failed = 0;
	int n;

	EXPECT((fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC)) >= 0);
	for (n = 1; n < INJECTIONS && try_nth(tested, model, n, &failed); n++)
		;
	EXPECT(n < INJECTIONS);
	printf("# %d injections survived, %u of them as an error\n", n - 1, failed);
}

/* So that the tests below are about what fails; and what is allocated once, and kept, is not leaked. */
static void works(unsigned model)
{
	for (unsigned i = 0; i < 2; i++) {
		struct state s = state_before(direction->count, model);

		end_state(&s);
	}
}

static struct memory before;

/* Have the driver take back the pages that came home from pipes: until then they are charged. */
static void settle(void)
{
	WAIT_FOR(ring_limits().memlock_bytes == LIMIT);
}

static void nothing_is_left(unsigned unused)
{
	(void)unused;
	settle();
	expect_memory_back(&before, 0, 0);
}

/*
 * Leave the allocations of dma-debug alone: it switches itself off when one fails. @points is the folder of a kind
 * of faults.
 */
static void spare_dma_debug(const char *points)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[256], name[64], path[128], text[32];
	unsigned long address, start = 0, end = ~0UL;

	EXPECT(symbols);
	while (fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%lx %*c %63s", &address, name) == 2 &&
		    !strcmp(name, "add_dma_entry"))
			start = address;
	}
	rewind(symbols);
	while (start && fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%lx", &address) == 1 && address > start && address < end)
			end = address;
	}
	fclose(symbols);
	if (!start)
		return;
	snprintf(path, sizeof(path), "%s/reject-end", points);
	snprintf(text, sizeof(text), "%#lx", end);
	memory_write(path, text);
	snprintf(path, sizeof(path), "%s/reject-start", points);
	snprintf(text, sizeof(text), "%#lx", start);
	memory_write(path, text);
}

/* Those of allocations that may wait fail as well, and none is written to the log with a backtrace. */
static void configure(void)
{
	spare_dma_debug("/sys/kernel/debug/failslab");
	spare_dma_debug("/sys/kernel/debug/fail_page_alloc");
	memory_write("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	memory_write("/sys/kernel/debug/failslab/verbose", "0");
	memory_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	memory_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	memory_write("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	memory_write("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	memory_write("/sys/kernel/debug/fail_usercopy/verbose", "0");
}

static void test_direction(void)
{
	static const char text[] = "whatever fails in it";

	for (unsigned model = 0; model < 4; model++)
		tap_run(works, model, "%s: every call of %s works where nothing fails",
			tap_models[model], direction->device);
	for (tested = direction->calls; tested < direction->calls + direction->count; tested++) {
		settle();
		before = memory_now();
		for (unsigned model = 0; model < 4; model++) {
			if (is_for(tested, model))
				tap_run(survives, model, "%s: %s survives %s", tap_models[model],
					tested->name, text);
		}
		tap_run(nothing_is_left, 0, "%s leaks nothing, %s", tested->name, text);
	}
}

int main(void)
{
	if (access(FAIL_NTH, W_OK)) {
		puts("ok - every call survives whatever fails in it # skip this kernel injects no faults");
		return 0;
	}
	configure();
	memory_limit(LIMIT);
	for (size_t i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
		direction = &directions[i];
		ring_device = direction->device;
		test_direction();
	}
	return 0;
}
