// SPDX-License-Identifier: GPL-2.0-only
/* The lines of a run that goes on, where what they are made of falls: a reader leaves, a connection is made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdio.h>
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

/* Returns what the file of metrics says of @name once it has @now. */
static double metric(const char *name, const struct figures *now)
{
	const size_t len = strlen(name);
	char line[256];
	double value = -1;
	FILE *f;

	show_live(now);
	f = fopen(live_file(), "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, len) && line[len] == '{')
			value = strtod(strchr(line, ' '), NULL);
	}
	fclose(f);
	return value;
}

static int use_metrics(void **state)
{
	static char name[] = "/tmp/zcdma-metrics-XXXXXX";

	strcpy(name + sizeof(name) - 7, "XXXXXX");
	close(mkstemp(name));
	*(const char **)live_options[1].arg = name;
	return setup(state);
}

static int drop_metrics(void **state)
{
	live_end(&live, &(struct figures){ .bytes = 0 });
	unlink(live_file());
	*(const char **)live_options[1].arg = NULL;
	return teardown(state);
}

/* A counter of OpenMetrics does not fall: a reader leaves, and what it had not taken is taken back. */
static void bytes_that_are_taken_back_stay_counted(void **state)
{
	static const char name[] = "zcdma_bytes_total";

	(void)state;
	assert_true(metric(name, &(struct figures){ .bytes = 16000 }) == 16000);
	assert_true(metric(name, &(struct figures){ .bytes = 6000 }) == 16000);
	assert_true(metric(name, &(struct figures){ .bytes = 16001 }) == 16001);
	live_end(&live, &(struct figures){ .bytes = 5000 });
	assert_true(metric(name, &(struct figures){ .bytes = 0 }) == 16001);
}

static void retransmissions_add_up_over_connections(void **state)
{
	static const char name[] = "zcdma_tcp_retransmitted_segments_total";
	const struct tcp_state one = { .acknowledged = 1000, .retransmitted = 10 };
	const struct tcp_state two = { .acknowledged = 5, .retransmitted = 3 };
	const struct tcp_state three = { .acknowledged = 4, .retransmitted = 0 };

	(void)state;
	assert_true(metric(name, &(struct figures){ .tcp = &one }) == 10);
	assert_true(metric(name, &(struct figures){ .tcp = NULL }) == -1);
	assert_true(metric(name, &(struct figures){ .tcp = &two }) == 13);
	assert_true(metric(name, &(struct figures){ .tcp = &two }) == 13);
	assert_true(metric(name, &(struct figures){ .tcp = &three }) == 13);
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
		cmocka_unit_test_setup_teardown(bytes_that_are_taken_back_stay_counted, use_metrics,
						drop_metrics),
		cmocka_unit_test_setup_teardown(retransmissions_add_up_over_connections,
						use_metrics, drop_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
