/* SPDX-License-Identifier: GPL-2.0-only */
/* A program that sends by the library's public calls. Include it after cmocka.h. */
#ifndef TEST_PROGRAM_H
#define TEST_PROGRAM_H

#include <sys/socket.h>

#include <zcdma/util.h>
#include <zcdma/verify.h>

#include "pair.h"
#include "transfer.h"

#define LIMIT_MS 10000
#define SEED	 5

static struct zcdma_block b;

static inline void open_sim(const char *spec)
{
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
}

/* Connect @out to @in by a socket pair, whose buffer does not grow as that of TCP does. */
static inline void unix_pair(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	out = fds[0];
	in = fds[1];
}

static inline struct zcdma_path_stats stats(void)
{
	struct zcdma_path_stats s;

	zcdma_path_get_stats(path, &s, sizeof(s));
	return s;
}

/* Returns whether @rc is the answer to a block that is not the program's. */
static inline bool refused(int rc)
{
	return rc == -EINVAL && *zcdma_error(ctx);
}

#endif
