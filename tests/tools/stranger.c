// SPDX-License-Identifier: GPL-2.0-only
/*
 * stranger MODE [PORT]: a peer on 127.0.0.1 that misbehaves. reset: connects to PORT, and resets the
 * connection at once. cut: the same after some data. Both print their own address. deaf: listens with
 * a full queue, so that a connect() to it hangs; prints its port and waits to be killed.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int reset(int port, const char *data)
{
	const struct linger now = { .l_onoff = 1 };
	struct sockaddr_in to = address(port);
	socklen_t len = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, len) < 0 ||
	    send(fd, data, strlen(data), 0) < 0 ||
	    getsockname(fd, (struct sockaddr *)&to, &len) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0 || close(fd) < 0) {
		perror("stranger");
		return 1;
	}
	printf("127.0.0.1:%u\n", ntohs(to.sin_port));
	return 0;
}

/* Fill the queue of a listener: the kernel then drops each SYN silently, and the last connect() hangs. */
static int deaf(void)
{
	struct sockaddr_in me = address(0);
	struct pollfd last = { .events = POLLOUT };
	socklen_t len = sizeof(me);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&me, len) < 0 || listen(listener, 0) < 0 ||
	    getsockname(listener, (struct sockaddr *)&me, &len) < 0) {
		perror("stranger");
		return 1;
	}
	do {
		last.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(last.fd, (struct sockaddr *)&me, len);
	} while (poll(&last, 1, 500) == 1);
	printf("%u\n", ntohs(me.sin_port));
	fflush(stdout);
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "deaf"))
		return deaf();
	if (argc == 3 && !strcmp(argv[1], "reset"))
		return reset(atoi(argv[2]), "");
	if (argc == 3 && !strcmp(argv[1], "cut"))
		return reset(atoi(argv[2]), "GET / HTTP/1.0\r\n\r\n");
	fprintf(stderr, "usage: stranger reset|cut PORT, or stranger deaf\n");
	return 2;
}
