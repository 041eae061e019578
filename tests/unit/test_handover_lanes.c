// SPDX-License-Identifier: GPL-2.0-only
/* The lanes of the page of a hand-over: order, limits, and who wakes whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "handover_page.h"

/* Check that what one end puts in is what the other takes out, in order, however often the numbers wrap. */
static void test_lanes(void **state)
{
	struct zc_shared_page ours, theirs;
	struct zc_ho_release r;
	int fd = make_page(&ours);

	(void)state;
	assert_int_equal(zc_shared_page_map(&theirs, fd, ring_offer.blocks), 0);
	close(fd);
	ours.releases.done = theirs.releases.done = UINT32_MAX - 5;
	atomic_store(&ours.releases.head->put, UINT32_MAX - 5);
	for (uint64_t id = 0; id < 100; id += 4) {
		for (unsigned i = 0; i < 4; i++)
			zc_lane_put(&ours.releases, &(struct zc_ho_release){ .id = id + i });
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(zc_lane_take(&theirs.releases, 4 - i, &r), 1);
			assert_int_equal(r.id, id + i);
		}
		assert_int_equal(zc_lane_take(&theirs.releases, 4, &r), 0);
	}
	zc_shared_page_unmap(&ours);
	zc_shared_page_unmap(&theirs);
}

/* Check that the number of entries is believed up to what can be there. */
static void test_jumps(void **state)
{
	static const int64_t jumps[] = { 5, 6, 1000, INT32_MAX, INT64_C(1) << 31, -1, -2, -1000 };
	struct zc_shared_page page;
	struct zc_ho_release r;
	int fd = make_page(&page);

	(void)state;
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		atomic_store(&page.releases.head->put, (uint32_t)jumps[i]);
		assert_int_equal(zc_lane_take(&page.releases, 4, &r), -EPROTO);
		assert_int_equal(zc_lane_take(&page.releases, 4, &r), -EPROTO);
	}
	atomic_store(&page.releases.head->put, 4);
	assert_int_equal(zc_lane_take(&page.releases, 3, &r), -EPROTO);
	assert_int_equal(zc_lane_take(&page.releases, 4, &r), 1);
	zc_shared_page_unmap(&page);
}

/* Check that an end that sleeps is woken once, and that it does not sleep if something has come. */
static void test_sleep(void **state)
{
	const struct zc_ho_release r = { .id = 7 };
	struct zc_shared_page page;
	struct zc_ho_release got;
	struct zc_lane putter;
	int fd = make_page(&page);

	(void)state;
	close(fd);
	putter = page.releases;
	assert_false(zc_lane_must_wake(&putter));
	assert_true(zc_lane_sleep(&page.releases, ZC_LANE_SLEEPS));
	zc_lane_put(&putter, &r);
	assert_true(zc_lane_must_wake(&putter));
	assert_false(zc_lane_must_wake(&putter));
	assert_int_equal(zc_lane_take(&page.releases, 4, &got), 1);
	assert_true(page.releases.rung);
	/* It came between the last look and the sleep. */
	zc_lane_put(&putter, &r);
	assert_false(zc_lane_sleep(&page.releases, ZC_LANE_SLEEPS));
	page.releases.rung = false;
	assert_int_equal(zc_lane_take(&page.releases, 4, &got), 1);
	assert_false(page.releases.rung);
	assert_false(zc_lane_must_wake(&putter));
	zc_shared_page_unmap(&page);
}

#define WAKES 1000

/* A reader of a lane that sleeps by a pipe. */
struct sleeper {
	struct zc_lane lane;
	int wake; /* reading end */
	uint64_t next;
};

static void *take_all(void *arg)
{
	struct sleeper *s = arg;
	struct pollfd p = { .fd = s->wake, .events = POLLIN };
	struct zc_ho_release r;
	char byte;

	while (s->next < WAKES) {
		if (zc_lane_take(&s->lane, 4, &r) == 1) {
			if (r.id != s->next)
				return NULL;
			s->next++;
		} else if (zc_lane_sleep(&s->lane, ZC_LANE_SLEEPS)) {
			if (poll(&p, 1, LIMIT_MS) != 1 || read(s->wake, &byte, 1) != 1)
				return NULL;
		}
	}
	return NULL;
}

/* Check that no wake-up is lost between two threads, one of which sleeps whenever it can. */
static void test_no_lost_wake(void **state)
{
	struct zc_shared_page page;
	struct zc_lane putter;
	struct sleeper s;
	int fd = make_page(&page), wake[2];
	pthread_t thread;

	(void)state;
	close(fd);
	assert_int_equal(pipe2(wake, O_CLOEXEC), 0);
	s = (struct sleeper){ .lane = page.releases, .wake = wake[0] };
	putter = page.releases;
	assert_int_equal(pthread_create(&thread, NULL, take_all, &s), 0);
	for (uint64_t id = 0; id < WAKES; id++) {
		/* Not more than there is room for; the reader is awake, or woken. */
		while (id - __atomic_load_n(&s.next, __ATOMIC_ACQUIRE) >= 4)
			sched_yield();
		zc_lane_put(&putter, &(struct zc_ho_release){ .id = id });
		if (zc_lane_must_wake(&putter))
			assert_int_equal(write(wake[1], "", 1), 1);
	}
	pthread_join(thread, NULL);
	assert_int_equal(s.next, WAKES);
	close(wake[0]);
	close(wake[1]);
	zc_shared_page_unmap(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lanes),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_no_lost_wake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
