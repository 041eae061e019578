// SPDX-License-Identifier: GPL-2.0-only
/*
 * splice: the ways that pages of the ring go through pipes, and what those make of them who read from
 * a pipe. A slot of a pipe may hold far more than a page. Speaks TAP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/zcdma.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "shared/tap.h"

#define DEVICE "/dev/zcdma0"
#define DISK   "/dev/ram0"
#define BLOCK  (768 * 1024)
#define BLOCKS 4
#define PAGE   ((size_t)getpagesize())

static int dev;
static struct zcdma_dev_block block; /* held */
static char want[BLOCK];	     /* its bytes */
static char got[BLOCK];

static void take_block(unsigned model)
{
	struct zcdma_dev_setup setup = {
		.size = sizeof(setup), .model = model, .block_size = BLOCK, .blocks = BLOCKS
	};

	dev = open(DEVICE, O_RDONLY);
	block.size = sizeof(block);
	EXPECT(dev >= 0 && !ioctl(dev, ZCDMA_IOC_SETUP, &setup));
	EXPECT(!ioctl(dev, ZCDMA_IOC_START, 0) && !ioctl(dev, ZCDMA_IOC_TAKE, &block));
	EXPECT(pread(dev, want, BLOCK, (off_t)block.position) == BLOCK);
}

static void give_block(void)
{
	struct zcdma_dev_give give = { .size = sizeof(give), .index = block.index };

	EXPECT(!ioctl(dev, ZCDMA_IOC_GIVE, &give));
}

static bool drains(void)
{
	struct zcdma_dev_stats stats = { .size = sizeof(stats) };

	EXPECT(!ioctl(dev, ZCDMA_IOC_STATS, &stats));
	return stats.draining;
}

/* As much of the block from @off as there is room for in the pipe. */
static size_t fill_pipe(int fd, size_t off)
{
	off_t pos = (off_t)(block.position + off);
	ssize_t n = splice(dev, &pos, fd, NULL, BLOCK - off, SPLICE_F_NONBLOCK);

	EXPECT(n > 0 && pos == (off_t)(block.position + off) + n);
	return (size_t)n;
}

/* @len bytes come out of the pipe, @step at a time, which are those of the block from @off. */
static void expect_bytes(int fd, size_t off, size_t len, size_t step)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, got, len - done < step ? len - done : step);

		EXPECT(n > 0 && !memcmp(got, want + off + done, (size_t)n));
		done += (size_t)n;
	}
}

/*
 * Tests; the argument is a memory model
 */

static void one_slot_read_in_parts(unsigned model)
{
	int fd[2];

	take_block(model);
	EXPECT(!pipe(fd) && fcntl(fd[1], F_SETPIPE_SZ, PAGE) == getpagesize());
	for (size_t off = 0; off < BLOCK;) {
		size_t n = fill_pipe(fd[1], off);

		EXPECT(n >= PAGE - off % PAGE || off + n == BLOCK);
		expect_bytes(fd[0], off, n, 1234);
		off += n;
	}
	/* And from the middle of a page. */
	expect_bytes(fd[0], 5000, fill_pipe(fd[1], 5000), 70000);
}

/* A call moves no more than a page for each free slot, but there are free slots left after it. */
static void a_slot_takes_a_compound_page(unsigned model)
{
	int fd[2];
	size_t n;

	take_block(model);
	EXPECT(!pipe(fd) && fcntl(fd[1], F_SETPIPE_SZ, 16 * PAGE) == 16 * getpagesize());
	n = fill_pipe(fd[1], 0);
	EXPECT(n == 16 * PAGE);
	EXPECT(fill_pipe(fd[1], n) == 15 * PAGE);
	expect_bytes(fd[0], 0, 31 * PAGE, BLOCK);
}

static void behind_other_bytes(unsigned model)
{
	int fd[2];
	size_t n;

	take_block(model);
	EXPECT(!pipe(fd) && write(fd[1], "0123456789", 10) == 10);
	n = fill_pipe(fd[1], 0);
	EXPECT(read(fd[0], got, 10) == 10 && !memcmp(got, "0123456789", 10));
	expect_bytes(fd[0], 0, n, BLOCK);
}

static void tee_holds_the_block(unsigned model)
{
	int fd[2], other[2];
	size_t n;

	take_block(model);
	EXPECT(!pipe(fd) && !pipe(other));
	n = fill_pipe(fd[1], 0);
	EXPECT(tee(fd[0], other[1], n, 0) == (ssize_t)n);
	give_block();
	expect_bytes(fd[0], 0, n, 30000);
	EXPECT(drains());
	expect_bytes(other[0], 0, n, BLOCK);
}

static void from_pipe_to_pipe_in_part(unsigned model)
{
	int fd[2], other[2];
	size_t n;

	take_block(model);
	EXPECT(!pipe(fd) && !pipe(other));
	n = fill_pipe(fd[1], 0);
	EXPECT(splice(fd[0], NULL, other[1], NULL, 5000, 0) == 5000);
	expect_bytes(fd[0], 5000, n - 5000, 10000);
	expect_bytes(other[0], 0, 5000, 100);
}

static void to_a_disk(unsigned model)
{
	int fd[2], disk = open(DISK, O_RDWR | O_DIRECT);
	off_t at = 0;

	if (disk < 0)
		tap_skip("there is no disk " DISK);
	take_block(model);
	EXPECT(!pipe(fd));
	while (at < BLOCK) {
		size_t left = fill_pipe(fd[1], (size_t)at);

		while (left) {
			ssize_t n = splice(fd[0], NULL, disk, &at, left, 0);

			EXPECT(n > 0);
			left -= (size_t)n;
		}
	}
	close(disk);
	disk = open(DISK, O_RDONLY);
	EXPECT(pread(disk, got, BLOCK, 0) == BLOCK && !memcmp(got, want, BLOCK));
}

/* A pair of connected sockets, on loopback. */
static void connect_tcp(int fd[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	EXPECT(!bind(listener, (void *)&addr, len) && !listen(listener, 1));
	EXPECT(!getsockname(listener, (void *)&addr, &len));
	EXPECT(!connect(fd[1], (void *)&addr, len));
	fd[0] = accept(listener, NULL, NULL);
	EXPECT(fd[0] >= 0);
}

static void to_a_socket(unsigned model)
{
	int fd[2], tcp[2];

	take_block(model);
	connect_tcp(tcp);
	EXPECT(!pipe(fd));
	for (size_t off = 0; off < BLOCK;) {
		size_t n = fill_pipe(fd[1], off);

		/* Parts that end anywhere. */
		for (size_t left = n; left;) {
			ssize_t sent =
				splice(fd[0], NULL, tcp[1], NULL, left < 33333 ? left : 33333, 0);

			EXPECT(sent > 0);
			expect_bytes(tcp[0], off + n - left, (size_t)sent, BLOCK);
			left -= (size_t)sent;
		}
		off += n;
	}
}

static void sendfile_from_a_block(unsigned model)
{
	struct utsname u;
	int tcp[2];

	uname(&u);
	if (!strncmp(u.release, "5.10.", 5))
		tap_skip("no sendfile() from character devices before 5.11");
	take_block(model);
	connect_tcp(tcp);
	for (off_t off = 0; off < BLOCK;) {
		off_t pos = (off_t)block.position + off;
		size_t left = (size_t)(BLOCK - off);
		ssize_t n = sendfile(tcp[1], dev, &pos, left < 100000 ? left : 100000);

		EXPECT(n > 0 && pos == (off_t)block.position + off + n);
		expect_bytes(tcp[0], (size_t)off, (size_t)n, BLOCK);
		off += n;
	}
}

static void sendfile_of_the_stream_is_refused(unsigned model)
{
	int tcp[2];

	take_block(model);
	connect_tcp(tcp);
	EXPECT(sendfile(tcp[1], dev, NULL, BLOCK) == -1 && errno == EINVAL);
	EXPECT(lseek(dev, BLOCK, SEEK_SET) == -1 && errno == ESPIPE);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "splice, a pipe of one slot, read in parts", one_slot_read_in_parts, TAP_ALL },
		{ "splice, a slot takes a compound page", a_slot_takes_a_compound_page, 0xc },
		{ "splice, after other bytes in the pipe", behind_other_bytes, TAP_ALL },
		{ "splice, tee holds the block", tee_holds_the_block, TAP_PAGED },
		{ "splice, from pipe to pipe in part", from_pipe_to_pipe_in_part, TAP_ALL },
		{ "splice, to a disk with O_DIRECT", to_a_disk, TAP_ALL },
		{ "splice, to a socket", to_a_socket, TAP_ALL },
		{ "splice, sendfile from a block", sendfile_from_a_block, TAP_ALL },
		{ "splice, sendfile of the stream is refused", sendfile_of_the_stream_is_refused,
		  TAP_ALL },
	};

	TAP_RUN_ALL(tests);
	return 0;
}
