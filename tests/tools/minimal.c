// SPDX-License-Identifier: GPL-2.0-only
/*
 * minimal WAY PORT BYTES: the shortest loop of the system calls of a path (send, zerocopy, sendfile, splice, vmsplice),
 * from a 16 MiB memfd that is written once, 1 MiB at a time, to 127.0.0.1. What a path is measured
 * against; no check, no statistics, and of completions no more than that they are read.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK (1 << 20)
#define RING  (16 << 20)

static int memfd, sock, pipe_fd[2];
static char *ring;

static ssize_t by_send(off_t offset, size_t len)
{
	return send(sock, ring + offset, len, 0);
}

/* All completions that are there; they merge, so it is a few at a time. */
static void read_completions(void)
{
	char control[128];
	struct msghdr msg = { .msg_control = control };

	do
		msg.msg_controllen = sizeof(control);
	while (recvmsg(sock, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0);
}

static ssize_t by_zerocopy(off_t offset, size_t len)
{
	ssize_t n;

	while ((n = send(sock, ring + offset, len, MSG_ZEROCOPY)) < 0 && errno == ENOBUFS)
		poll(&(struct pollfd){ .fd = sock }, 1, -1);
	read_completions();
	return n;
}

static ssize_t by_sendfile(off_t offset, size_t len)
{
	return sendfile(sock, memfd, &offset, len);
}

static ssize_t drain(ssize_t n)
{
	for (ssize_t left = n, moved; left > 0; left -= moved) {
		moved = splice(pipe_fd[0], NULL, sock, NULL, (size_t)left, SPLICE_F_MOVE);
		if (moved <= 0)
			return -1;
	}
	return n;
}

static ssize_t by_splice(off_t offset, size_t len)
{
	return drain(splice(memfd, &offset, pipe_fd[1], NULL, len, SPLICE_F_MOVE));
}

static ssize_t by_vmsplice(off_t offset, size_t len)
{
	struct iovec iov = { .iov_base = ring + offset, .iov_len = len };

	return drain(vmsplice(pipe_fd[1], &iov, 1, 0));
}

static const struct {
	const char *name;
	ssize_t (*move)(off_t offset, size_t len);
} ways[] = {
	{ "send", by_send },	 { "zerocopy", by_zerocopy }, { "sendfile", by_sendfile },
	{ "splice", by_splice }, { "vmsplice", by_vmsplice },
};

static int prepare(const char *port)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	memfd = memfd_create("minimal", 0);
	if (memfd < 0 || ftruncate(memfd, RING) || pipe(pipe_fd))
		return -1;
	fcntl(pipe_fd[1], F_SETPIPE_SZ, BLOCK);
	ring = mmap(NULL, RING, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (ring == MAP_FAILED)
		return -1;
	memset(ring, 'x', RING);
	sock = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(sock, SOL_SOCKET, SO_ZEROCOPY, &(int){ 1 }, sizeof(int));
	return connect(sock, (struct sockaddr *)&sa, sizeof(sa));
}

int main(int argc, char **argv)
{
	long long left = argc == 4 ? atoll(argv[3]) : 0;
	size_t way = 0;
	char byte;

	while (argc == 4 && way < sizeof(ways) / sizeof(ways[0]) && strcmp(argv[1], ways[way].name))
		way++;
	if (argc != 4 || way == sizeof(ways) / sizeof(ways[0]) || prepare(argv[2])) {
		fprintf(stderr,
			"usage: minimal send|zerocopy|sendfile|splice|vmsplice PORT BYTES\n");
		return 2;
	}
	for (off_t offset = 0; left > 0; offset %= RING) {
		size_t end = BLOCK - (size_t)offset % BLOCK;
		ssize_t n = ways[way].move(offset, left < (long long)end ? (size_t)left : end);

		if (n <= 0) {
			perror(argv[1]);
			return 1;
		}
		offset += n;
		left -= n;
	}
	shutdown(sock, SHUT_WR);
	return read(sock, &byte, 1) == 0 ? 0 : 1; /* until the receiver has all of it */
}
