// SPDX-License-Identifier: GPL-2.0-only
/*
 * park: a small ring comes back from a socket though nothing else is sent. Since 5.19 packets that
 * were read on another processor than the one that sent them are parked there until it takes part in
 * receiving again (skb_attempt_defer_free() in net/core/skbuff.c). Speaks TAP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/zcdma.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/tap.h"

#define DEVICE "/dev/zcdma0"
#define NAME   "a ring of 4 blocks comes back from an idle loopback"
#define BLOCK  65536
#define BLOCKS 4
#define ROUNDS 5
#define LIMIT  10000 /* ms without a block */

static pid_t reader;

static void fail(const char *what)
{
	printf("# %s: %s\nnot ok - " NAME "\n", what, strerror(errno));
	if (reader > 0)
		kill(reader, SIGKILL);
	exit(1);
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

/* Read the whole ring each time that a byte comes by @go. */
static void run_reader(int fd, int go)
{
	static char data[BLOCKS * BLOCK];
	char byte;

	run_on(1);
	while (read(go, &byte, 1) == 1) {
		if (recv(fd, data, sizeof(data), MSG_WAITALL) != sizeof(data))
			_exit(1);
	}
	_exit(0);
}

/* A connection over loopback, with room for the whole ring. */
static int connect_to_reader(int go[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener, fd, room = 8 * BLOCKS * BLOCK;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || fd < 0 || pipe(go) || bind(listener, (void *)&addr, len) ||
	    setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) ||
	    getsockname(listener, (void *)&addr, &len) || listen(listener, 1) ||
	    connect(fd, (void *)&addr, len))
		fail("loopback");

	reader = fork();
	if (reader < 0)
		fail("fork");
	if (!reader) {
		close(fd);
		close(go[1]);
		run_reader(accept(listener, NULL, NULL), go[0]);
	}
	close(listener);
	close(go[0]);
	return fd;
}

static int start(void)
{
	struct zcdma_dev_setup setup = {
		.size = sizeof(setup),
		.model = ZCDMA_DEV_COMPOUND,
		.block_size = BLOCK,
		.blocks = BLOCKS,
	};
	int fd = open(DEVICE, O_RDONLY);

	if (fd < 0 || ioctl(fd, ZCDMA_IOC_SETUP, &setup) || ioctl(fd, ZCDMA_IOC_START, 0))
		fail(DEVICE);
	return fd;
}

static void wait_for_block(int dev)
{
	struct pollfd p = { .fd = dev, .events = POLLIN };

	errno = ETIMEDOUT;
	if (poll(&p, 1, (int)tap_limit(LIMIT)) != 1)
		fail("poll for a block");
}

static void move(int from, int to, size_t bytes)
{
	while (bytes) {
		ssize_t n = splice(from, NULL, to, NULL, bytes, 0);

		if (n <= 0)
			fail("splice to the socket");
		bytes -= (size_t)n;
	}
}

/* All blocks go to the socket before the first of them is read: none is left to send with. */
static void send_ring(int dev, int fd, const int pipe_fd[2])
{
	for (size_t done = 0; done < BLOCKS * BLOCK;) {
		ssize_t n;

		wait_for_block(dev);
		n = splice(dev, NULL, pipe_fd[1], NULL, BLOCKS * BLOCK - done, 0);
		if (n <= 0)
			fail("splice from the device");
		move(pipe_fd[0], fd, (size_t)n);
		done += (size_t)n;
	}
}

int main(void)
{
	int dev, fd, pipe_fd[2], go[2], status;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		puts("ok - " NAME " # skip it takes two processors");
		return 0;
	}
	fd = connect_to_reader(go);
	run_on(0);
	dev = start();
	if (pipe(pipe_fd))
		fail("pipe");
	for (int i = 0; i < ROUNDS; i++) {
		send_ring(dev, fd, pipe_fd);
		if (write(go[1], "", 1) != 1)
			fail("the reader");
	}
	close(go[1]);
	if (waitpid(reader, &status, 0) != reader || status)
		fail("the reader's end");
	puts("ok - " NAME);
	return 0;
}
