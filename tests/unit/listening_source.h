/* SPDX-License-Identifier: GPL-2.0-only */
/* A source of the network under test, and a sender to it: what tcp: and udp: share. Include it after cmocka.h. */
#ifndef TEST_LISTENING_SOURCE_H
#define TEST_LISTENING_SOURCE_H

#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zcdma/util.h>
#include <zcdma/verify.h>

#include "source/source.h"
#include "lab.h"
#include "source_figures.h"

#define BLOCKS	 16
#define LIMIT_MS 20000 /* for what happens at once on an idle machine */

static struct zcdma_ctx *ctx;
static struct zcdma_source *src;
static int out; /* the sender's end */

/* Begin a test, or a part of it, without a source. */
static int setup(void **state)
{
	(void)state;
	src = NULL;
	out = -1;
	return zcdma_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	if (out >= 0)
		close(out);
	zcdma_source_close(src);
	/* A child fails to send to a source that is closed, and ends. */
	while (wait(NULL) > 0)
		;
	zcdma_free(ctx);
	return 0;
}

/* Begin anew in one test, with another source. */
static inline void begin_anew(void)
{
	teardown(NULL);
	assert_int_equal(setup(NULL), 0);
}

static inline void open_source(const char *spec, unsigned uses)
{
	int rc = lab_open(ctx, spec, uses, &src);

	src = rc ? NULL : src;
	assert_int_equal(rc, 0);
	assert_int_equal(zcdma_source_start(src), 0);
}

static inline struct zcdma_source_info info(void)
{
	return source_info(src);
}

static inline struct zcdma_source_stats stats(void)
{
	return source_stats(src);
}

static inline int connect_to(const char *where)
{
	struct zcdma_addr to;

	assert_int_equal(zcdma_addr_parse(ctx, where, &to), 0);
	return zcdma_connect(ctx, &to);
}

/* Open @spec, and connect a sender to it. */
static inline void open_pair(const char *spec, unsigned uses)
{
	open_source(spec, uses);
	out = connect_to(info().listens);
	assert_true(out >= 0);
}

/* Take a block, and wait for it unless all are out. Returns as zc_source_take() does. */
static inline int take(size_t max, struct zcdma_block *b)
{
	int rc;

	while ((rc = zc_source_take(src, max, b)) == -EAGAIN && !src->starved)
		assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	return rc;
}

static inline void put(const struct zcdma_block *b)
{
	zc_source_put(src, b, ZC_PUT_REUSE);
}

static inline void assert_pattern(const struct zcdma_block *b)
{
	assert_int_equal(zcdma_pattern_match(b->data, b->len, b->offset, 0), b->len);
}

/* Of 1000 bytes of the pattern that were sent: check that a stop leaves what is there to be taken, and then is the end. */
static inline void expect_stop_takes_what_is_there(void)
{
	struct zcdma_block b;

	assert_int_equal(take(10, &b), 1);
	put(&b);
	zcdma_source_stop(src);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
	assert_int_equal(b.len, 990);
	assert_pattern(&b);
	zcdma_block_release(src, &b);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 0);
}

/* Wait for a child, which has to end with 0. */
static inline void assert_child(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Check that after the last block nothing but a timer that is set could wake the receiver, and none is. */
static inline void assert_asleep(void)
{
	struct zcdma_block b;

	assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);
	while (!zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, 200))
		assert_int_equal(zc_source_take(src, 0, &b), -EAGAIN);
}

/* Check that opening @spec fails with @err, and that the message and the hint have these texts. */
static inline void refuses(const char *spec, int err, const char *message, const char *hint)
{
	int rc = lab_open(ctx, spec, 0, &src);

	src = rc ? NULL : src;
	assert_int_equal(rc, -err);
	assert_non_null(strstr(zcdma_error(ctx), message));
	if (hint)
		assert_non_null(strstr(zcdma_hint(ctx), hint));
}

#endif
