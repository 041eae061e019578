/* SPDX-License-Identifier: GPL-2.0-only */
/* A path under test, from a simulated device to a socket, one step at a time. Include it after cmocka.h. */
#ifndef TEST_PATHS_H
#define TEST_PATHS_H

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "lab.h"
#include "transfer.h"

#define BLOCK	 32768
#define LIMIT_MS 10000 /* for what happens at once on an idle machine */

static const char *name; /* of the path under test */

static inline void open_path(const char *spec, unsigned flags, enum zcdma_fallback fallback)
{
	const struct zcdma_path_type *type = zcdma_path_find(name);

	flags |= type->required_caps & ZCDMA_CAP_RING ? ZC_USE_WRITE : 0;
	assert_int_equal(lab_open(ctx, spec, flags, &src), 0);
	assert_int_equal(lab_path(ctx, type, src, out, fallback, &path), 0);
	assert_int_equal(zcdma_source_start(src), 0);
}

static inline void reap(void)
{
	struct zcdma_block b;

	while (zc_path_reap(path, &b))
		zc_source_put(src, &b, ZC_PUT_REUSE);
}

static inline struct zcdma_path_stats stats(void)
{
	struct zcdma_path_stats s;

	zcdma_path_get_stats(path, &s, sizeof(s));
	return s;
}

/* Check that this machine supports the path @which. Returns false, and prints the reason, if not. */
static inline bool can(const char *which)
{
	struct zcdma_ctx *c;
	int rc;

	assert_int_equal(zcdma_new(&c), 0);
	rc = zcdma_path_probe(c, zcdma_path_find(which));
	if (rc)
		print_message("no path %s: %s\n", which, zcdma_error(c));
	zcdma_free(c);
	return !rc;
}

/* Wait for the next block. */
static inline struct zcdma_block take(void)
{
	struct zcdma_block b;
	int rc;

	while ((rc = zc_source_take(src, 0, &b)) == -EAGAIN)
		assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	assert_int_equal(rc, 1);
	return b;
}

/* Feed all received data to the check. */
static inline void receive(struct zcdma_check *check)
{
	static char buf[100000];
	ssize_t n;

	while ((n = recv(in, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		assert_int_equal(zcdma_check_feed(check, buf, (size_t)n), 0);
}

#endif
