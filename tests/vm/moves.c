// SPDX-License-Identifier: GPL-2.0-only
/*
 * moves: what moving a MiB to an output device costs the thread that does it, by each way that a program has: write(),
 * splice() of a file and of a socket, and from one device to another. In instructions, where a nanosecond is one: see
 * speed.sh. The device is the second one, a simulated sink, which checks the pattern. Speaks TAP.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "shared/ring.h"
#include "shared/sink.h"
#include "shared/tap.h"
#include "shared/task.h"

#define MIB   (1u << 20)
#define TOTAL (32 * MIB)
#define SIZE  (256u << 10) /* of a call, and of a pipe */

static const char *const devices[] = { "/dev/zcdma0", "/dev/zcdma1" };

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static struct ring create(unsigned device, int access)
{
	struct zcdma_dev_setup s = ring_wanted(ZCDMA_DEV_COMPOUND);
	struct ring r;

	s.block_size = MIB;
	s.blocks = 16;
	ring_device = devices[device];
	r = ring_create(access, s);
	ring_go(&r);
	return r;
}

/* Pipes, of which one call moves as much as the other ways do. */
static void make_pipe(int fd[2])
{
	EXPECT(!pipe2(fd, O_CLOEXEC) && fcntl(fd[1], F_SETPIPE_SZ, SIZE) >= (int)SIZE);
}

static void splice_all(int from, off64_t *position, int to, size_t bytes)
{
	while (bytes) {
		ssize_t n = splice(from, position, to, NULL, bytes, 0);

		EXPECT(n > 0);
		bytes -= (size_t)n;
	}
}

/* Move TOTAL bytes, which come through the pipe in pieces of SIZE at most. */
static void pipe_to_device(int from, int to)
{
	int through[2];
	size_t left = TOTAL;

	make_pipe(through);
	while (left) {
		ssize_t n = splice(from, NULL, through[1], NULL, SIZE, 0);

		EXPECT(n > 0);
		splice_all(through[0], NULL, to, (size_t)n);
		left -= (size_t)n;
	}
	EXPECT(!close(through[0]) && !close(through[1]));
}

static char *pattern(void)
{
	char *data = mmap(NULL, TOTAL, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	EXPECT(data != MAP_FAILED);
	sink_fill(data, TOTAL, 0);
	return data;
}

static uint64_t by_write(const struct ring *to)
{
	const char *data = pattern();
	uint64_t start = cpu_ns();

	for (size_t at = 0; at < TOTAL; at += SIZE)
		EXPECT(write(to->fd, data + at, SIZE) == (ssize_t)SIZE);
	return cpu_ns() - start;
}

/* The file is in the page cache. */
static uint64_t by_splice_of_a_file(const struct ring *to)
{
	int fd = memfd_create("zcdma", MFD_CLOEXEC);
	const char *data = pattern();
	uint64_t start;

	EXPECT(fd >= 0);
	for (size_t at = 0, n; at < TOTAL; at += n) {
		n = (size_t)write(fd, data + at, TOTAL - at);
		EXPECT((ssize_t)n > 0);
	}
	EXPECT(!lseek(fd, 0, SEEK_SET));
	start = cpu_ns();
	pipe_to_device(fd, to->fd);
	return cpu_ns() - start;
}

static void *send_pattern(void *arg)
{
	const char *data = pattern();

	for (size_t at = 0, n; at < TOTAL; at += n) {
		n = (size_t)send(*(int *)arg, data + at, TOTAL - at, 0);
		EXPECT((ssize_t)n > 0);
	}
	return NULL;
}

/* A connection of TCP over loopback. */
static void connect_pair(int fd[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT(!bind(listener, (struct sockaddr *)&addr, len) && !listen(listener, 1));
	EXPECT(!getsockname(listener, (struct sockaddr *)&addr, &len));
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(!connect(fd[0], (struct sockaddr *)&addr, len));
	fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	EXPECT(fd[1] >= 0 && !close(listener));
}

static uint64_t by_splice_of_a_socket(const struct ring *to)
{
	struct task sender;
	uint64_t start;
	int fd[2];

	connect_pair(fd);
	sender = task_start(send_pattern, &fd[0]);
	start = cpu_ns();
	pipe_to_device(fd[1], to->fd);
	start = cpu_ns() - start;
	task_join(&sender);
	return start;
}

/* The pages of a block of the first device are what the second one fetches. */
static uint64_t from_device_to_device(const struct ring *to)
{
	struct ring from = create(0, O_RDONLY);
	uint64_t start = cpu_ns();
	int through[2];

	EXPECT(!pipe2(through, O_CLOEXEC) && fcntl(through[1], F_SETPIPE_SZ, MIB) >= (int)MIB);
	for (size_t done = 0; done < TOTAL; done += MIB) {
		struct zcdma_dev_block b = ring_take(&from);
		off64_t position = (off64_t)b.position;

		splice_all(from.fd, &position, through[1], b.length);
		splice_all(through[0], NULL, to->fd, b.length);
		EXPECT(!ring_give(&from, b.index));
	}
	start = cpu_ns() - start;
	EXPECT(!fsync(to->fd));
	ring_end(&from);
	return start;
}

/* What the same takes without a pipe. */
static uint64_t from_device_by_write(const struct ring *to)
{
	struct ring from = create(0, O_RDONLY);
	uint64_t start = cpu_ns();

	for (size_t done = 0; done < TOTAL; done += MIB) {
		struct zcdma_dev_block b = ring_take(&from);

		EXPECT(write(to->fd, ring_data(&from, &b), b.length) == (ssize_t)b.length);
		EXPECT(!ring_give(&from, b.index));
	}
	start = cpu_ns() - start;
	ring_end(&from);
	return start;
}

static const struct way {
	const char *name;
	uint64_t (*move)(const struct ring *to);
	bool copies;
} ways[] = {
	{ "write", by_write, true },
	{ "splice from a file", by_splice_of_a_file, false },
	{ "splice from a socket", by_splice_of_a_socket, false },
	{ "device to device", from_device_to_device, false },
	{ "device to device by write", from_device_by_write, true },
};

static void every_way_is_right(unsigned unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct ring to = create(1, O_RDWR);
		struct zcdma_dev_stats s;
		uint64_t ns = ways[i].move(&to);

		EXPECT(!fsync(to.fd));
		sink_expect_played(&to, TOTAL);
		s = ring_stats(to.fd);
		printf("# %-25s  %8" PRIu64 " instructions per MiB\n", ways[i].name,
		       ns / (TOTAL / MIB));
		EXPECT(ways[i].copies ? s.write_bytes == TOTAL : s.splice_bytes == TOTAL);
		ring_end(&to);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "data moves to a device by each way, and is right", every_way_is_right, 0 },
	};

	TAP_RUN_ALL(tests);
	return 0;
}
