// SPDX-License-Identifier: GPL-2.0-only
/*
 * udpsink PORT: takes datagrams by the loop that most receivers have, recvmmsg() into 64 buffers, until an empty one
 * comes. Prints how many came and their bytes. The buffer of its socket is as large as zcdma's.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64
#define ROOM  2048

static int listen_on(const char *port)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					.sin_port = htons((uint16_t)atoi(port)) };
	const int buffer = 32 << 20;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at))) {
		perror("udpsink");
		exit(2);
	}
	return fd;
}

int main(int argc, char **argv)
{
	static unsigned char data[BATCH][ROOM];
	struct mmsghdr msgs[BATCH] = { 0 };
	struct iovec iov[BATCH];
	uint64_t count = 0, bytes = 0;
	int fd = listen_on(argc > 1 ? argv[1] : "9000"), n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ data[i], ROOM };
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	while ((n = recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL)) > 0) {
		for (int i = 0; i < n; i++) {
			if (!msgs[i].msg_len) {
				printf("%" PRIu64 " %" PRIu64 "\n", count, bytes);
				return 0;
			}
			count++;
			bytes += msgs[i].msg_len;
		}
	}
	perror("udpsink: recvmmsg");
	return 2;
}
