// SPDX-License-Identifier: GPL-2.0-only
/* Small blocks that go by one system call: what is kept back, when it is sent, and that each block comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <sys/mman.h>

#include "pair.h"
#include "paths.h"

#define SMALL  4096u
#define BLOCKS 16u
#define SPEC   "sim:blocks=16,block=4096,memory=memfd"
#define JOINED (BLOCKS / 4) /* a quarter of the ring */

/* One such block is what is worth to have in a call of most paths. */
#define LARGE	   (1u << 20)
#define LARGE_SPEC "sim:blocks=16,block=1M,memory=memfd"

static const char *const names[] = { "copy",	 "zerocopy", "vmsplice",   "splice",
				     "sendfile", "uring",    "uring-fixed" };

static struct zcdma_check *check;

static void begin(const char *which, const char *spec)
{
	name = which;
	assert_int_equal(open_transfer(NULL), 0);
	tcp_pair(ctx, &out, &in);
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	assert_int_equal(zcdma_path_open(ctx, src, name, out, &path), 0);
	assert_int_equal(zcdma_path_set_fallback(path, ZCDMA_FALLBACK_KEEP), 0);
	zcdma_path_set_timeout(path, LIMIT_MS);
	zcdma_path_set_join(path, ZCDMA_JOIN_BYTES);
	assert_int_equal(zcdma_check_pattern(ctx, 0, &check), 0);
}

static void end(void)
{
	zcdma_check_free(check);
	close_transfer(NULL);
}

/* Send blocks that are all there before the first is sent: else the device may have none, and what is kept back is sent. */
static void send_blocks(unsigned count)
{
	struct zcdma_block b[BLOCKS];

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b[i]), 1);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(zcdma_path_send(path, &b[i]), 0);
}

/* Wait until @bytes in all have been received, which have to be the pattern. */
static void receive_all(uint64_t bytes)
{
	struct zcdma_check_result result;

	do {
		struct pollfd p = { .fd = in, .events = POLLIN };

		receive(check);
		zcdma_check_get_result(check, &result);
		assert_true(result.bytes >= bytes || poll(&p, 1, LIMIT_MS) == 1);
	} while (result.bytes < bytes);
	assert_int_equal(result.bytes, bytes);
	assert_int_equal(result.bad_bytes, 0);
}

static void finish(void)
{
	assert_int_equal(zcdma_path_finish(path), 0);
	assert_int_equal(stats().pending_blocks, 0);
	assert_int_equal(src->lent.with_paths, 0);
}

/* Run @test along each path that this machine has. */
static void along_each(const char *spec, void (*test)(void))
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!can(names[i]))
			continue;
		begin(names[i], spec);
		test();
		end();
	}
}

static void kept_back(void)
{
	send_blocks(2 * JOINED - 1);
	/* One, or one to a pipe and one from there. */
	assert_in_range(stats().calls, 1, 2);
	assert_int_equal(stats().blocks, JOINED);
	assert_true(stats().pending_blocks >= JOINED - 1);
	receive_all(JOINED * SMALL);
	assert_int_equal(zcdma_path_flush(path), 0);
	receive_all((2 * JOINED - 1) * SMALL);
	assert_in_range(stats().calls, 2, 4);
	finish();
}

static void test_kept_back(void **state)
{
	(void)state;
	along_each(SPEC, kept_back);
}

/* What follows on the last block of the ring is not its first one. */
static void many_rounds(void)
{
	const unsigned count = 10 * BLOCKS + 3;

	for (unsigned sent = 0; sent < count; sent += 3) {
		send_blocks(zc_min(count - sent, 3u));
		receive(check);
	}
	finish();
	receive_all(count * SMALL);
	assert_int_equal(stats().blocks, count);
	assert_true(stats().calls < count);
}

static void test_many_rounds(void **state)
{
	(void)state;
	along_each(SPEC, many_rounds);
}

static void idle_source(void)
{
	struct zcdma_block b;
	unsigned sent = 0;
	int rc;

	send_blocks(1);
	for (sent = 1; (rc = zcdma_source_next(src, 0, &b)) == 1; sent++)
		assert_int_equal(zcdma_path_send(path, &b), 0);
	assert_int_equal(rc, -EAGAIN);
	receive_all(sent * SMALL);
	assert_int_equal(stats().blocks, sent);
}

static void test_idle_source(void **state)
{
	(void)state;
	along_each(SPEC ",rate=40K", idle_source);
}

/* Two thirds of what a call may have: as no other fits beside it, it waits for none. */
static void alone(void)
{
	send_blocks(1);
	assert_int_equal(stats().blocks, 1);
	receive_all(SMALL);
	finish();
}

static void test_alone(void **state)
{
	(void)state;
	along_each("sim:blocks=6,block=4096,memory=memfd", alone);
}

/* Only where a call of two such blocks costs less than two calls does the first wait for the second. */
static void large_blocks(void)
{
	const bool pair = !strcmp(name, "uring-fixed");
	struct zcdma_check_result result = { .bytes = 0 };
	const int small = 4096; /* so that no send is whole at once */

	assert_int_equal(setsockopt(out, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	zcdma_path_set_queue(path, 1);
	zcdma_path_set_timeout(path, 0);
	send_blocks(1);
	assert_int_equal(stats().calls == 0, pair);
	send_blocks(1);
	assert_true(stats().calls > 0);
	assert_int_equal(path->joined, 1 + pair);
	while (result.bytes < 2 * LARGE) {
		receive(check);
		zcdma_check_get_result(check, &result);
		assert_int_equal(zcdma_path_process(path), 0);
	}
	zcdma_path_set_timeout(path, LIMIT_MS);
	finish();
	assert_int_equal(result.bad_bytes, 0);
	assert_int_equal(stats().blocks, 2);
}

/* Returns whether the user may lock as much as the ring of LARGE_SPEC has, which uring-fixed does. */
static bool may_lock(void)
{
	void *map = mmap(NULL, 16 * LARGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool may;

	assert_ptr_not_equal(map, MAP_FAILED);
	may = !mlock(map, 16 * LARGE);
	munmap(map, 16 * LARGE);
	return may;
}

static void test_large_blocks(void **state)
{
	(void)state;
	if (!may_lock())
		skip();
	along_each(LARGE_SPEC, large_blocks);
}

static void closed(void)
{
	char byte;

	send_blocks(JOINED - 1);
	zcdma_path_close(path);
	path = NULL;
	assert_int_equal(src->lent.with_paths, 0);
	assert_int_equal(recv(in, &byte, 1, MSG_DONTWAIT), -1);
}

static void test_closed(void **state)
{
	(void)state;
	along_each(SPEC, closed);
}

static unsigned count_lost(void)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < src->lent.size; i++)
		count += src->lent.block[i].state == ZC_LENT_LOST;
	return count;
}

/* A receiver that goes while a send has not all of its blocks: as long as a part is in flight, none of those is used again. */
static void broken(void)
{
	const int small = 4096;
	struct zcdma_block b;
	unsigned joined;
	bool in_flight;
	int rc = 0;

	assert_int_equal(setsockopt(out, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	assert_int_equal(setsockopt(in, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	zcdma_path_set_timeout(path, 1);
	while (!rc) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		rc = zcdma_path_send(path, &b);
	}
	assert_int_equal(rc, -ETIMEDOUT);
	joined = path->joined;
	assert_true(joined > 1);
	close(in);
	in = -1;
	zcdma_path_set_timeout(path, LIMIT_MS);
	assert_true(zcdma_path_flush(path) < 0);
	zcdma_path_abandon(path);
	in_flight = stats().pending_calls > 0;
	zcdma_path_close(path);
	path = NULL;
	assert_int_equal(src->lent.with_paths, 0);
	assert_true(in_flight ? count_lost() >= joined : !count_lost());
}

static void test_broken(void **state)
{
	(void)state;
	along_each("sim:blocks=512,block=4096,memory=memfd", broken);
}

/* A send of which the sink has a part keeps its blocks, and no more: memory after those is not the ring's. */
static void changed(void)
{
	struct zcdma_check_result result = { .bytes = 0 };
	const int small = 65536; /* less than a quarter of the ring, which goes by a call */
	struct zcdma_block b;
	uint64_t sent = 0;
	int rc = 0;

	assert_int_equal(setsockopt(out, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	zcdma_path_set_timeout(path, 1);
	for (; !rc; sent += SMALL) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		rc = zcdma_path_send(path, &b);
	}
	assert_int_equal(rc, -ETIMEDOUT);
	assert_true(path->joined > 1);
	zcdma_path_set_join(path, 0);
	(void)!zcdma_path_set_gaps(path, ZCDMA_GAPS_ZERO);
	while (result.bytes < sent) {
		receive(check);
		zcdma_check_get_result(check, &result);
		assert_int_equal(zcdma_path_process(path), 0);
	}
	zcdma_path_set_timeout(path, LIMIT_MS);
	finish();
	assert_int_equal(result.bytes, sent);
	assert_int_equal(result.bad_bytes, 0);
	assert_int_equal(stats().bytes, sent);
	assert_int_equal(stats().blocks, sent / SMALL);
}

static void test_changed(void **state)
{
	(void)state;
	along_each("sim:blocks=512,block=4096,memory=memfd", changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_back),    cmocka_unit_test(test_many_rounds),
		cmocka_unit_test(test_idle_source),  cmocka_unit_test(test_closed),
		cmocka_unit_test(test_broken),	     cmocka_unit_test(test_alone),
		cmocka_unit_test(test_large_blocks), cmocka_unit_test(test_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
