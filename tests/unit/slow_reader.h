/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A source sent along a path to a receiver that is slower than the device, which fills a block as soon as it has it. Include
 * it after transfer.h.
 */
#ifndef TEST_SLOW_READER_H
#define TEST_SLOW_READER_H

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <zcdma.h>

#include "pair.h"

static unsigned char received[(1 << 20) + 3000];
static size_t received_len;

static inline void *receive_slowly(void *arg)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	ssize_t n;

	(void)arg;
	while (poll(&p, 1, -1) == 1) {
		n = recv(in, received + received_len, 3000, 0);
		if (n <= 0)
			break;
		received_len += (size_t)n;
		usleep(100);
	}
	return NULL;
}

/* Send all of src along the path @name; what arrives is in received. */
static inline void send_all(const char *name)
{
	const int small = 65536;
	struct zcdma_block b;
	pthread_t reader;
	int rc;

	tcp_pair(ctx, &out, &in);
	setsockopt(in, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(zcdma_path_open(ctx, src, name, out, &path), 0);
	received_len = 0;
	pthread_create(&reader, NULL, receive_slowly, NULL);
	while ((rc = zcdma_source_next(src, 10000, &b)) == 1)
		assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(zcdma_path_finish(path), 0);
	shutdown(out, SHUT_WR);
	pthread_join(reader, NULL);
}

#endif
