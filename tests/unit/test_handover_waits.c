// SPDX-License-Identifier: GPL-2.0-only
/* When the two ends of a hand-over wake each other: neither may sleep while it has all that the other one waits for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "handover_producer.h"
#include "handover_consumer.h"
#include "handover_reader.h"

/* A producer that sends blocks, keeps others, and then waits for one more, or for the end. */
struct run {
	pthread_t thread;
	const char *spec;
	unsigned sends, keeps;
	bool ends;
	_Atomic bool go;     /* it may, after it has sent */
	_Atomic pid_t waits; /* the thread that does */
	int rc;
};

static void pause_ms(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static int send_and_keep(struct run *r, struct zcdma_source *src, struct zcdma_path *path)
{
	struct zcdma_block b;
	int rc = 0;

	for (unsigned i = 0; !rc && i < r->sends + r->keeps; i++) {
		rc = zcdma_source_next(src, LIMIT_MS, &b);
		if (rc == 1)
			rc = i < r->sends ? zcdma_path_send(path, &b) : 0;
	}
	while (!r->go)
		pause_ms();
	if (rc)
		return rc;
	r->waits = gettid();
	return r->ends ? zcdma_path_finish(path) : zcdma_source_next(src, LIMIT_MS, &b);
}

static void *run(void *arg)
{
	struct run *r = arg;
	struct zcdma_handover *reader;
	struct zcdma_source *src = NULL;
	struct zcdma_path *path = NULL;
	struct zcdma_ctx *c;

	r->rc = zcdma_new(&c);
	if (r->rc)
		return NULL;
	r->rc = zcdma_handover_find(c, pipe_fd[1], LIMIT_MS, &reader);
	if (!r->rc)
		r->rc = zcdma_source_open(c, r->spec, &src);
	if (!r->rc)
		r->rc = zcdma_path_open_handover(reader, src, &path);
	if (!r->rc) {
		zcdma_path_set_timeout(path, LIMIT_MS);
		r->rc = send_and_keep(r, src, path);
	}
	zcdma_path_close(path);
	zcdma_source_close(src);
	zcdma_free(c);
	return NULL;
}

static void start_run(struct run *r)
{
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

static int end_run(struct run *r)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 2 * LIMIT_MS / 1000;
	if (pthread_timedjoin_np(r->thread, NULL, &limit))
		fail_msg("the producer has not ended in %u ms", 2 * LIMIT_MS);
	return r->rc;
}

static bool sleeps(pid_t thread)
{
	char name[64], state = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", thread);
	f = fopen(name, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
	fclose(f);
	return state == 'S';
}

/* Wait until the producer sleeps, and stays asleep: one that is about to would find what is released. */
static void until_asleep(struct run *r)
{
	int looks = 0;

	for (int ms = 0; looks < 20; ms++) {
		if (ms == LIMIT_MS)
			fail_msg("the producer does not sleep after %u ms", LIMIT_MS);
		pause_ms();
		looks = r->waits && sleeps(r->waits) ? looks + 1 : 0;
	}
}

/* Take @count blocks, and when the producer sleeps release one of them, and be about to sleep. */
static void release_one(struct run *r, unsigned count)
{
	struct zcdma_block b[16], none;

	r->go = true;
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(next(&b[i]), 1);
	until_asleep(r);
	zc_source_put(in, &b[0], ZC_PUT_REUSE);
	assert_int_equal(zc_source_take(in, 0, &none), -EAGAIN);
}

/* Check that a reader that holds three quarters of a ring gives back the fourth, as `zcdma capture --trigger` does. */
static void test_reader_holds_three_of_four(void **state)
{
	struct run r = { .spec = "sim:blocks=4,block=4K", .sends = 4 };

	(void)state;
	start_run(&r);
	release_one(&r, 4);
	assert_int_equal(end_run(&r), 1);
}

/* Check that a block goes back at once where the reader holds all others. */
static void test_reader_holds_the_others(void **state)
{
	struct run r = { .spec = "sim:blocks=16,block=4K", .sends = 16 };

	(void)state;
	start_run(&r);
	release_one(&r, 16);
	assert_int_equal(end_run(&r), 1);
}

static void test_program_holds_the_others(void **state)
{
	struct run r = { .spec = "sim:blocks=16,block=4K", .sends = 1, .keeps = 15 };

	(void)state;
	start_run(&r);
	release_one(&r, 1);
	assert_int_equal(end_run(&r), 1);
}

static void release_in_page(const struct zc_ho_block *b)
{
	const struct zc_ho_release r = { .id = b->id, .slot = b->slot };

	zc_lane_put(&page.releases, &r);
}

/* Check that a producer that found a release as it went to sleep at the end is woken for the next one, too. */
static void test_last_release(void **state)
{
	struct run r = { .spec = "sim:blocks=4,block=64K", .sends = 2, .ends = true };
	int listener = zc_ho_listen(pipe_fd[0]), sock;
	struct zc_ho_block b[2];
	struct zc_ho_msg msg;

	(void)state;
	start_run(&r);
	sock = take_ring(listener);
	for (int i = 0; i < 2; i++) {
		for (int ms = 0; ms < LIMIT_MS && zc_lane_take(&page.blocks, 4, &b[i]) != 1; ms++)
			pause_ms();
	}
	release_in_page(&b[0]);
	r.go = true;
	receive(sock, ZC_HO_END, NULL);
	until_asleep(&r);
	release_in_page(&b[1]);
	if (zc_lane_must_wake(&page.releases)) {
		msg = paged(ZC_HO_WAKE);
		assert_int_equal(say(sock, &msg, -1, -1), 0);
	}
	assert_int_equal(end_run(&r), 0);
	close(sock);
	close(listener);
	zc_shared_page_unmap(&page);
}

static void assert_sleeps(const char *spec, enum zc_lane_sleeps how)
{
	struct run r = { .spec = spec, .sends = 4, .go = true };
	int listener = zc_ho_listen(pipe_fd[0]), sock;
	const struct zc_ho_msg msg = paged(ZC_HO_WAKE);
	struct zc_ho_block b;

	start_run(&r);
	sock = take_ring(listener);
	until_asleep(&r);
	assert_int_equal(atomic_load(&page.releases.head->sleeps), how);
	assert_int_equal(zc_lane_take(&page.blocks, 4, &b), 1);
	release_in_page(&b);
	assert_true(zc_lane_must_wake(&page.releases));
	assert_int_equal(say(sock, &msg, -1, -1), 0);
	assert_int_equal(end_run(&r), 1);
	close(sock);
	close(listener);
	zc_shared_page_unmap(&page);
}

/* Check that only a producer whose device waits for blocks is patient. */
static void test_device_that_waits(void **state)
{
	(void)state;
	assert_sleeps("sim:blocks=4,block=4K", ZC_LANE_PATIENT);
}

static void test_device_that_loses(void **state)
{
	(void)state;
	assert_sleeps("sim:blocks=4,block=4K,rate=100M", ZC_LANE_SLEEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CONSUMER(test_reader_holds_three_of_four),
		WITH_CONSUMER(test_reader_holds_the_others),
		WITH_CONSUMER(test_program_holds_the_others),
		WITH_PIPE(test_last_release),
		WITH_PIPE(test_device_that_waits),
		WITH_PIPE(test_device_that_loses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
