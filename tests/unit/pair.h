/* SPDX-License-Identifier: GPL-2.0-only */
/* Two connected sockets. Include it after cmocka.h. */
#ifndef PAIR_H
#define PAIR_H

#include <unistd.h>

#include <zcdma/util.h>

/* Connect *@out to *@in over TCP. The caller closes both. */
static inline void tcp_pair(struct zcdma_ctx *ctx, int *out, int *in)
{
	const struct zcdma_addr any = { .host = "127.0.0.1", .port = "0" };
	struct zcdma_addr to;
	int fd = zcdma_listen(ctx, &any);
	char at[64];

	assert_true(fd >= 0);
	assert_int_equal(zcdma_addr_parse(ctx, zcdma_sockname(fd, false, at, sizeof(at)), &to), 0);
	*out = zcdma_connect(ctx, &to);
	*in = zcdma_accept(ctx, fd, NULL, 0);
	assert_true(*out >= 0 && *in >= 0);
	close(fd);
}

#endif
