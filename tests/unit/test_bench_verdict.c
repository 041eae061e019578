// SPDX-License-Identifier: GPL-2.0-only
/* The verdict of a bench, from figures that are given. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../cmd/bench_stats.c"
#include "../../cmd/bench_verdict.c"

static const struct zcdma_path_type copy = { .name = "copy", .needs = ZCDMA_NEEDS_MEMORY };
static const struct zcdma_path_type gift = { .name = "gift", .needs = ZCDMA_NEEDS_STREAM };
static const struct zcdma_path_type null = { .name = "null" };

static char said[4096];

/* What the report would print. */
void report_paragraph(struct report *r, const char *fmt, ...)
{
	size_t len = strlen(said);
	va_list ap;

	(void)r;
	va_start(ap, fmt);
	vsnprintf(said + len, sizeof(said) - len, fmt, ap);
	va_end(ap);
}

void report_line(struct report *r, const char *label, const char *fmt, ...)
{
	(void)r;
	(void)label;
	(void)fmt;
}

bool bench_sends(const struct bench_row *row)
{
	return row->path->needs;
}

static struct bench_row row[16];
static struct bench_rows rows = { .row = row };

static int setup(void **state)
{
	(void)state;
	memset(row, 0, sizeof(row));
	rows.count = 0;
	said[0] = '\0';
	return 0;
}

/* A row of one run of a second: CPU seconds per GB of both ends. */
static struct bench_sample *add(const struct zcdma_path_type *path, const char *memory,
				uint64_t block, double gb, double sender, double receiver)
{
	struct bench_row *one = &row[rows.count++];

	*one = (struct bench_row){
		.path = path, .memory = memory, .block_bytes = block, .count = 1
	};
	one->sample[0] = (struct bench_sample){
		.bytes = (uint64_t)(gb * 1e9),
		.seconds = 1,
		.cpu_seconds = sender * gb,
		.receiver_cpu_ns = receiver,
		.system_seconds = 10,
		.block_bytes = block,
	};
	return &one->sample[0];
}

static const char memfd[] = "memfd", huge[] = "huge", vvar[] = "vvar";

static bool says(const char *text)
{
	return strstr(said, text);
}

static void the_cheapest_of_the_fastest_is_the_best(void **state)
{
	(void)state;
	add(&gift, vvar, 4096, 0, 0, 0)->seconds = 0; /* did not run */
	row[0].count = 0;
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	add(&gift, memfd, 4096, 9.5, 0.2, 0.1);
	add(&gift, huge, 4096, 10, 0.3, 0.1);
	add(&gift, vvar, 4096, 1, 0.01, 0.01); /* cheap, and slow */
	add(&null, memfd, 4096, 1000, 0, -1);  /* sends nothing */
	bench_verdict(NULL, &rows, "loopback");
	assert_true(says("gift from memfd memory, with 9.50 GB/s for 0.300 CPU"));
	assert_true(says("1.90 times the throughput of copy"));
	assert_true(says("1.00 of the sender's CPU and 1.00 of that at both ends"));
}

static void a_cost_is_one_that_all_rows_have(void **state)
{
	struct bench_sample *s;

	(void)state;
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	s = add(&gift, memfd, 4096, 5, 0.1, -1);
	bench_verdict(NULL, &rows, "loopback");
	assert_true(says("for 2.000 CPU seconds per GB in the whole system"));
	said[0] = '\0';
	s->system_seconds = 0.01;
	bench_verdict(NULL, &rows, "loopback");
	assert_true(says(
		"gift from memfd memory, with 5.00 GB/s for 0.100 CPU seconds per GB of the sender"));
}

static void it_pays_from_the_size_on_from_which_it_always_does(void **state)
{
	static const double cost[] = { 0.2, 0.35, 0.4, 0.2, 0.1 };

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		add(&gift, memfd, 4096u << i, 5, cost[i], 0.1);
	for (unsigned i = 0; i < 5; i++)
		add(&copy, memfd, 4096u << i, 5, i == 2 ? 0.5 : 0.3, 0.1);
	assert_int_equal(bench_crossing(&rows, &row[0]), 4096 << 2);
	bench_verdict_crossings(NULL, &rows);
	assert_true(
		says("gift from memfd memory costs less than copying from blocks of 16.00 KiB on"));
	row[4].sample[0].cpu_seconds *= 10;
	said[0] = '\0';
	bench_verdict_crossings(NULL, &rows);
	assert_true(says("costs more than copying here, whatever the size"));
}

static void only_what_copying_can_be_beside_is_compared_to_it(void **state)
{
	(void)state;
	add(&gift, huge, 4096, 10, 0.1, 0.1);
	assert_null(bench_best_uncopied(&rows));
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	assert_null(bench_best_uncopied(&rows));
	add(&gift, memfd, 4096, 5, 0.2, 0.1);
	assert_ptr_equal(bench_best_uncopied(&rows), &row[2]);
}

static void memory_without_pages_is_named(void **state)
{
	(void)state;
	add(&copy, vvar, 4096, 5, 0.2, 0.1);
	add(&gift, vvar, 4096, 0, 0, 0);
	row[1].count = 0;
	row[1].failed.rc = -EFAULT;
	bench_verdict(NULL, &rows, "loopback");
	assert_true(says("Bad address: vvar has no pages"));
	row[1].failed.rc = -EPERM;
	said[0] = '\0';
	bench_verdict(NULL, &rows, "loopback");
	assert_false(says("Bad address"));
}

static void where_nothing_ran_there_is_nothing_to_say(void **state)
{
	(void)state;
	add(&null, memfd, 4096, 1000, 0, 0);
	bench_verdict(NULL, &rows, "loopback");
	bench_verdict_crossings(NULL, &rows);
	assert_string_equal(said, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_cheapest_of_the_fastest_is_the_best, setup),
		cmocka_unit_test_setup(a_cost_is_one_that_all_rows_have, setup),
		cmocka_unit_test_setup(it_pays_from_the_size_on_from_which_it_always_does, setup),
		cmocka_unit_test_setup(only_what_copying_can_be_beside_is_compared_to_it, setup),
		cmocka_unit_test_setup(memory_without_pages_is_named, setup),
		cmocka_unit_test_setup(where_nothing_ran_there_is_nothing_to_say, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
