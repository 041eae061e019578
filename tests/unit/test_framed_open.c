// SPDX-License-Identifier: GPL-2.0-only
/* Framed streams from a path: what cannot be set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "net/frame.h"
#include "program.h"

static int listener;
static char where[128];

static int setup(void **state)
{
	const struct zcdma_addr any = { .host = "127.0.0.1", .port = "0" };
	char name[64];

	if (open_transfer(state))
		return -1;
	listener = zcdma_listen(ctx, &any);
	snprintf(where, sizeof(where), "%s,framed,retry=60",
		 zcdma_sockname(listener, false, name, sizeof(name)));
	return listener < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	close(listener);
	return close_transfer(state);
}

/* Take a connection, and answer its greeting. Returns NULL if all went well. */
static void *welcome(void *arg)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	uint8_t head[ZC_FRAME_HEAD];
	struct zc_frame f;
	int fd;

	if (poll(&p, 1, LIMIT_MS) != 1)
		return arg;
	fd = accept(listener, NULL, NULL);
	if (fd < 0 || recv(fd, head, sizeof(head), MSG_WAITALL) != sizeof(head) ||
	    zc_frame_read(head, &f))
		return arg;
	f.kind = ZC_FRAME_WELCOME;
	zc_frame_write(&f, head);
	in = fd;
	return send(fd, head, sizeof(head), MSG_NOSIGNAL) == sizeof(head) ? NULL : arg;
}

static void connect_path(const char *type)
{
	pthread_t thread;
	void *failed;

	open_sim("sim:blocks=4,block=1M,memory=memfd");
	assert_int_equal(pthread_create(&thread, NULL, welcome, &listener), 0);
	assert_int_equal(zcdma_path_connect(ctx, src, type, where, &path), 0);
	pthread_join(thread, &failed);
	assert_null(failed);
	zcdma_path_set_timeout(path, 0);
}

/* Zeros would stand where the receiver wants a head. */
static void frames_have_no_zeros_between_them(void **state)
{
	(void)state;
	connect_path("copy");
	assert_int_equal(zcdma_path_set_gaps(path, ZCDMA_GAPS_ZERO), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "frames to 127.0.0.1:"));
	assert_int_equal(zcdma_path_set_gaps(path, ZCDMA_GAPS_SKIP), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_have_no_zeros_between_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
