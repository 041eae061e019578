// SPDX-License-Identifier: GPL-2.0-only
/* How often rows of a bench run in the time that there is, by a clock that runs alone move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bench/rows.h"
#include "bench/run.h"
#include "bench/stats.h"

#define ROWS	     29
#define BEST	     7 /* rows that are about as fast as the fastest */
#define CROSSING     10
#define WITHIN	     20.0
#define COPY	     (ROWS - 1) /* slow, and what the best is compared to */
#define NS_A_SECOND  1000000000u
#define JITTER(n, i) (1 + 0.01 * (double)((n)*7 + (i)*3 % 5))

static uint64_t clock_ns;
static double slow_seconds; /* what a run takes beside what is measured */
static unsigned ran[ROWS];

/* The clock of this program. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	(void)clock;
	t->tv_sec = (time_t)(clock_ns / NS_A_SECOND);
	t->tv_nsec = (long)(clock_ns % NS_A_SECOND);
	return 0;
}

/* What a run would do. The rows' numbers are their block sizes. */
void bench_run(const struct bench_job *job, const struct bench_row *row, double seconds,
	       struct bench_sample *s)
{
	unsigned i = (unsigned)row->block_bytes;
	double rate = (i < BEST ? 1000 : i == COPY ? 100 : 300) * JITTER(ran[i], i);

	(void)job;
	ran[i]++;
	clock_ns += (uint64_t)((slow_seconds + seconds) * NS_A_SECOND);
	*s = (struct bench_sample){ .bytes = (uint64_t)(rate * seconds * 1e6), .seconds = seconds };
}

/* As the verdict's: the fast ones, and the one that they are compared to. */
static bool is_in_doubt(const struct bench_rows *rows, const struct bench_row *row)
{
	(void)rows;
	return row->block_bytes < BEST || row->block_bytes == COPY;
}

/* Run a bench of @rows rows, and return how many seconds it took. */
static double bench(struct bench_rows *rows, unsigned count, double slow)
{
	static struct bench_row row[ROWS];
	struct bench_job job = { .streams = 1 };
	struct bench_pace pace = { 0 };
	unsigned good;

	memset(row, 0, sizeof(row));
	memset(ran, 0, sizeof(ran));
	for (unsigned i = 0; i < count; i++)
		row[i].block_bytes = i;
	*rows = (struct bench_rows){ row, count };
	clock_ns = NS_A_SECOND;
	slow_seconds = slow;
	bench_rows_limit(&job, &pace, count);
	good = bench_rows_try(&job, rows, &pace);
	bench_rows_schedule(&job, &pace, good, CROSSING);
	pace.later = CROSSING * BENCH_LEAST_REPEATS;
	bench_rows_cut(&job, rows, &pace, is_in_doubt);
	bench_rows_run(&job, rows, &pace, is_in_doubt);
	return (double)(clock_ns - NS_A_SECOND) / NS_A_SECOND;
}

/* Return how many rows ran three times at least. */
static unsigned count_sure(const struct bench_rows *rows)
{
	unsigned count = 0;

	for (unsigned i = 0; i < rows->count; i++)
		count += rows->row[i].count >= BENCH_LEAST_REPEATS;
	return count;
}

static void an_idle_machine_runs_all_three_times(void **state)
{
	struct bench_rows rows;

	(void)state;
	assert_true(bench(&rows, ROWS, 0.02) < WITHIN);
	assert_int_equal(count_sure(&rows), ROWS);
	assert_true(rows.row[0].count > BENCH_LEAST_REPEATS);
	assert_int_equal(rows.row[BEST].count, BENCH_LEAST_REPEATS);
}

/* Then it leaves those that say least. */
static void a_busy_machine_runs_the_best_three_times(void **state)
{
	struct bench_rows rows;

	(void)state;
	assert_true(bench(&rows, ROWS, 0.2) < WITHIN);
	for (unsigned i = 0; i < BEST; i++)
		assert_true(rows.row[i].count >= BENCH_LEAST_REPEATS);
	assert_true(rows.row[COPY].count >= BENCH_LEAST_REPEATS);
	assert_true(count_sure(&rows) < ROWS);
	for (unsigned i = 0; i < ROWS; i++)
		assert_true(rows.row[i].count > 0);
}

static void it_ends_in_time_however_slow_runs_are(void **state)
{
	struct bench_rows rows;

	(void)state;
	for (double slow = 0.01; slow < 9; slow *= 1.3) {
		assert_true(bench(&rows, ROWS, slow) < WITHIN);
		assert_true(rows.row[0].count > 0);
	}
	/* A single run that is slower than that cannot be helped. */
	assert_true(bench(&rows, ROWS, 30) < 2 * 31);
	assert_int_equal(rows.row[0].count, 1);
}

static void few_rows_run_until_they_are_clear(void **state)
{
	struct bench_rows rows;

	(void)state;
	assert_true(bench(&rows, 2, 0.3) < WITHIN);
	assert_true(rows.row[0].count > BENCH_LEAST_REPEATS);
	assert_true(rows.row[1].count > BENCH_LEAST_REPEATS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_machine_runs_all_three_times),
		cmocka_unit_test(a_busy_machine_runs_the_best_three_times),
		cmocka_unit_test(it_ends_in_time_however_slow_runs_are),
		cmocka_unit_test(few_rows_run_until_they_are_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
