// SPDX-License-Identifier: GPL-2.0-only
/*
 * minimal WAY PORT BYTES: the shortest loop of the system calls of a path (send, sendfile, splice),
 * from a 16 MiB memfd that is written once, 1 MiB at a time, to 127.0.0.1. What a path is measured
 * against; no completion, no check, no statistics.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK (1 << 20)
#define RING  (16 << 20)

static int memfd, sock, pipe_fd[2];
static char *ring;

static ssize_t by_send(off_t offset, size_t len)
{
	return send(sock, ring + offset, len, 0);
}

static ssize_t by_sendfile(off_t offset, size_t len)
{
	return sendfile(sock, memfd, &offset, len);
}

static ssize_t by_splice(off_t offset, size_t len)
{
	ssize_t n = splice(memfd, &offset, pipe_fd[1], NULL, len, SPLICE_F_MOVE);

	for (ssize_t left = n, moved; left > 0; left -= moved) {
		moved = splice(pipe_fd[0], NULL, sock, NULL, (size_t)left, SPLICE_F_MOVE);
		if (moved <= 0)
			return -1;
	}
	return n;
}

static const struct {
	const char *name;
	ssize_t (*move)(off_t offset, size_t len);
} ways[] = {
	{ "send", by_send },
	{ "sendfile", by_sendfile },
	{ "splice", by_splice },
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
		fprintf(stderr, "usage: minimal send|sendfile|splice PORT BYTES\n");
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
