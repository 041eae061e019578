// SPDX-License-Identifier: GPL-2.0-only
/*
 * sink [ADDRESS [PORT [COUNT]]]: a receiver that discards, for measurements. Listens on 127.0.0.1 and
 * any port unless told otherwise, prints its port, and takes COUNT connections, one after the other, or
 * any number until it is killed. It reads as iperf3 does, 128 KiB at a time.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	static char buf[128 * 1024];
	socklen_t len = sizeof(sa);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd, on = 1;

	if (!inet_aton(argc > 1 ? argv[1] : "127.0.0.1", &sa.sin_addr)) {
		fprintf(stderr, "sink: %s: not an IPv4 address\n", argv[1]);
		return 2;
	}
	sa.sin_port = htons((uint16_t)(argc > 2 ? atoi(argv[2]) : 0));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&sa, len) || listen(listener, 8) ||
	    getsockname(listener, (struct sockaddr *)&sa, &len)) {
		perror("sink");
		return 2;
	}
	printf("%d\n", ntohs(sa.sin_port));
	fflush(stdout);
	for (int left = argc > 3 ? atoi(argv[3]) : -1; left; left--) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return 2;
		while (recv(fd, buf, sizeof(buf), 0) > 0)
			;
		close(fd);
	}
	return 0;
}
