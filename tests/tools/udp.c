// SPDX-License-Identifier: GPL-2.0-only
/*
 * udp PORT ITEM...: sends datagrams to 127.0.0.1 that zcdma would not send. OFFSET+LENGTH sends that part
 * of the pattern; !LENGTH sends garbage; "." sends an empty datagram; "/" goes on from another port; @N
 * repeats all items N times.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcdma.h>
#include <zcdma/verify.h>

static int open_to(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_port = htons((uint16_t)atoi(port));
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror("udp");
		exit(2);
	}
	return fd;
}

static void send_item(int *fd, const char *port, const char *item)
{
	static char buf[65507];
	size_t len = 0;
	char *end;

	if (*item == '/') {
		close(*fd);
		*fd = open_to(port);
		return;
	}
	if (*item == '!') {
		len = strtoul(item + 1, NULL, 10);
		memset(buf, 0xa5, len);
	} else if (*item != '.') {
		uint64_t offset = strtoull(item, &end, 10);

		len = strtoul(end, NULL, 10);
		zcdma_pattern_fill(buf, len, offset, 0);
	}
	/* A send fails if the receiver has closed its port, which is not an error here. */
	send(*fd, buf, len, 0);
}

int main(int argc, char **argv)
{
	unsigned long times = 1;
	int fd;

	if (argc < 3)
		return 2;
	fd = open_to(argv[1]);
	if (*argv[argc - 1] == '@')
		times = strtoul(argv[--argc] + 1, NULL, 10);
	while (times--) {
		for (int i = 2; i < argc; i++)
			send_item(&fd, argv[1], argv[i]);
	}
	return 0;
}
