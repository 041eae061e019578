// SPDX-License-Identifier: GPL-2.0-only
/* The lines of a run that goes on, where what they are made of falls: a reader leaves, a connection is made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/progress.h"

static struct report *r;
static struct live live;

static int setup(void **state)
{
	(void)state;
	r = report_new("capture");
	*(const char **)live_options[0].arg = "100";
	if (!live_parse(r))
		return -1;
	live_begin(&live, r, "capture");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	live_end(&live, NULL);
	report_free(r);
	return 0;
}

/* Returns what is written to standard error while @show shows @now. */
static const char *shown(void (*show)(const struct figures *), const struct figures *now)
{
	const int saved = dup(STDERR_FILENO), file = memfd_create("stderr", MFD_CLOEXEC);
	static char line[512];
	ssize_t len;

	assert_true(saved >= 0 && file >= 0);
	dup2(file, STDERR_FILENO);
	show(now);
	dup2(saved, STDERR_FILENO);
	len = pread(file, line, sizeof(line) - 1, 0);
	close(saved);
	close(file);
	assert_true(len > 0);
	line[len] = '\0';
	return line;
}

static void show_live(const struct figures *now)
{
	live.next_ns = 0; /* it is due */
	live_show(&live, now);
}

static void bytes_that_are_taken_back_have_no_rate(void **state)
{
	(void)state;
	shown(show_live, &(struct figures){ .bytes = 16 << 20 });
	assert_non_null(strstr(shown(show_live, &(struct figures){ .bytes = 6 << 20 }),
			       ", 6.00 MiB, 0 B/s, "));
}

static void another_connection_counts_from_0(void **state)
{
	const struct tcp_state one = {
		.acknowledged = 1000, .retransmitted = 10, .busy_us = 1, .receiver_us = 1
	};
	const struct tcp_state other = { .acknowledged = 5000, .retransmitted = 3, .rtt_us = 7 };

	(void)state;
	shown(show_live, &(struct figures){ .tcp = &one });
	assert_non_null(strstr(shown(show_live, &(struct figures){ .tcp = &other }),
			       ", retransmitted 3, rtt 7 us, cwnd 0, limited by the source"));
}

static struct progress progress;

static void show_progress(const struct figures *now)
{
	progress.stats_seen = 1; /* statistics are asked for */
	progress_show(&progress, now);
}

static void progress_has_no_rate_of_them_either(void **state)
{
	(void)state;
	progress_begin_line(&progress, r, "capture", false);
	shown(show_progress, &(struct figures){ .bytes = 16 << 20 });
	assert_non_null(strstr(shown(show_progress, &(struct figures){ .bytes = 6 << 20 }),
			       ", now 0.00 MB/s"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_that_are_taken_back_have_no_rate),
		TEST(another_connection_counts_from_0),
		TEST(progress_has_no_rate_of_them_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
