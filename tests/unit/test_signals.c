// SPDX-License-Identifier: GPL-2.0-only
/* Signals that ask a run to stop: which of them counts, and what it makes of the exit status. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/clock.h"
#include "cli/signals.h"

/* A clock that advances only when a test sets it. */
static uint64_t clock_ns = 1;
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	(void)clock;
	ts->tv_sec = (time_t)(clock_ns / 1000000000u);
	ts->tv_nsec = (long)(clock_ns % 1000000000u);
	return 0;
}

/* Run @body in a child, as handlers and what they recorded stay. Returns the wait status. */
static int in_child(void (*body)(struct zcdma_ctx *ctx))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		struct zcdma_ctx *ctx;

		if (zcdma_new(&ctx) || !signals_watch(ctx))
			_exit(2);
		body(ctx);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void two_at_once(struct zcdma_ctx *ctx)
{
	(void)ctx;
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGTERM);
	clock_ns += SIGNALS_SAME_REQUEST_NS - 1;
	kill(getpid(), SIGINT);
	if (signals_stop() != SIGTERM)
		_exit(1);
}

static void two_at_once_are_one(void **state)
{
	(void)state;
	assert_int_equal(in_child(two_at_once), 0);
}

static void another_later(struct zcdma_ctx *ctx)
{
	(void)ctx;
	kill(getpid(), SIGTERM);
	clock_ns += SIGNALS_SAME_REQUEST_NS;
	kill(getpid(), SIGINT);
}

static void another_one_later_ends_the_process(void **state)
{
	int status = in_child(another_later);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static void interrupted(struct zcdma_ctx *ctx)
{
	kill(getpid(), SIGTERM);
	if (zcdma_sleep(ctx, -1) != -EINTR)
		_exit(1);
}

static void a_request_wakes_who_waits(void **state)
{
	(void)state;
	assert_int_equal(in_child(interrupted), 0);
}

static const struct {
	int stop, endless, bounded;
} statuses[] = {
	{ 0, 0, 0 },
	{ SIGTERM, 0, 143 },
	{ SIGINT, 130, 130 },
	{ SIGHUP, 129, 129 },
};
static unsigned row;

static void status_of_a_row(struct zcdma_ctx *ctx)
{
	(void)ctx;
	if (statuses[row].stop)
		kill(getpid(), statuses[row].stop);
	if (signals_status(true) != statuses[row].endless ||
	    signals_status(false) != statuses[row].bounded)
		_exit(1);
}

static void the_status_of_a_run(void **state)
{
	(void)state;
	for (row = 0; row < sizeof(statuses) / sizeof(statuses[0]); row++)
		assert_int_equal(in_child(status_of_a_row), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_at_once_are_one),
		cmocka_unit_test(another_one_later_ends_the_process),
		cmocka_unit_test(a_request_wakes_who_waits),
		cmocka_unit_test(the_status_of_a_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
