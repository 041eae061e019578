// SPDX-License-Identifier: GPL-2.0-only
/* Runs the rows of a bench, in the time that there is, and shows how far it is. */
#include "bench/rows.h"

#include <stdlib.h>

#include "bench/run.h"
#include "bench/stats.h"
#include "cli/clock.h"
#include "cli/xalloc.h"
#include "cli/signals.h"

/* A run to see whether a row runs at all, which also warms up what every later one shares. */
#define TRY_SECONDS 0.02

/*
 * A bench whose time the user did not choose ends within this limit if it can, and plans for the least number of runs in
 * less. What is left goes to the rows that are not settled.
 */
#define LIMIT_SECONDS 19
#define LEAST_IN      13
#define MOST_SECONDS  1.0

#define MOST_REPEATS 9

/* Where the user chose one of the two: all runs take about this long. */
#define TOTAL_SECONDS 45

void bench_rows_add(struct bench_rows *rows, const struct bench_row *row)
{
	rows->row = xalloc(reallocarray(rows->row, rows->count + 1, sizeof(*row)));
	rows->row[rows->count++] = *row;
}

static void fail_row(struct bench_row *row, const struct bench_sample *s)
{
	row->failed = *s;
	row->count = 0;
}

/* Show which run comes next, and how long the rest takes. */
static void show(struct bench_pace *pace, const struct bench_row *row)
{
	char run[64], rest[64] = "", which[96], size[32];
	double elapsed = (double)(now_ns() - pace->begin_ns) / 1e9;

	if (!progress_due(&pace->progress))
		return;
	snprintf(run, sizeof(run), "run %u of %u", pace->done + 1, pace->planned);
	if (pace->done > pace->before)
		snprintf(rest, sizeof(rest), ", %.0f s left",
			 elapsed / (pace->done - pace->before) * (pace->planned - pace->done));
	if (bench_row_direction(row) == BENCH_IN)
		snprintf(which, sizeof(which), ": %s", bench_mode(row));
	else
		snprintf(which, sizeof(which), ": %s from %s, %s", bench_mode(row), row->memory,
			 zcdma_size_format(row->block_bytes, size, sizeof(size)));
	progress_say(&pace->progress, (const char *const[]){ run, rest, which, NULL });
}

static void begin(struct bench_pace *pace, unsigned planned)
{
	pace->begin_ns = now_ns();
	pace->before = pace->done;
	pace->planned = pace->done + planned;
}

static bool is_runnable(const struct bench_row *row)
{
	return !row->failed.rc && !row->given && !row->settled;
}

static unsigned count_runnable(const struct bench_rows *rows)
{
	unsigned count = 0;

	for (unsigned i = 0; i < rows->count; i++)
		count += is_runnable(&rows->row[i]);
	return count;
}

static double seconds_since(uint64_t ns)
{
	return (double)(now_ns() - ns) / 1e9;
}

unsigned bench_rows_try(const struct bench_job *job, struct bench_rows *rows,
			struct bench_pace *pace)
{
	unsigned good = 0;
	double seconds = 0;

	begin(pace, count_runnable(rows));
	for (unsigned i = 0; i < rows->count; i++) {
		struct bench_sample s;
		uint64_t start = now_ns();

		if (rows->row[i].given)
			continue;
		show(pace, &rows->row[i]);
		bench_run(job, &rows->row[i], TRY_SECONDS, &s);
		if (signals_stop())
			break; /* an error would be the signal's */
		pace->done++;
		if (!s.rc) {
			good++;
			seconds += seconds_since(start) - TRY_SECONDS;
			continue;
		}
		fail_row(&rows->row[i], &s);
		if (s.unreachable && !good)
			break;
	}
	if (good)
		pace->each_seconds = seconds / good;
	return good;
}

static double within(double value, double least, double most)
{
	return value < least ? least : value > most ? most : value;
}

/* Choose both: short runs, and as many as there is time for. */
static double schedule_all(struct bench_job *job, struct bench_pace *pace, unsigned rows)
{
	unsigned runs = rows * BENCH_LEAST_REPEATS;

	pace->deadline_ns = pace->begin_ns + LIMIT_SECONDS * 1000000000ull;
	job->repeats = MOST_REPEATS;
	job->seconds =
		within((LEAST_IN - seconds_since(pace->begin_ns)) / runs - pace->each_seconds,
		       BENCH_LEAST_SECONDS, MOST_SECONDS);
	return runs * (pace->each_seconds + job->seconds);
}

double bench_rows_schedule(struct bench_job *job, struct bench_pace *pace, unsigned rows)
{
	double left = TOTAL_SECONDS - seconds_since(pace->begin_ns), each;

	if (!rows)
		return 0;
	if (!job->repeats && job->seconds <= 0)
		return schedule_all(job, pace, rows);
	each = pace->each_seconds + (job->seconds > 0 ? job->seconds : BENCH_LEAST_SECONDS);
	if (!job->repeats)
		job->repeats =
			(unsigned)within(left / (rows * each), BENCH_LEAST_REPEATS, MOST_REPEATS);
	if (job->seconds <= 0)
		job->seconds = within(left / (rows * job->repeats) - pace->each_seconds,
				      BENCH_LEAST_SECONDS, MOST_SECONDS);
	return rows * job->repeats * (pace->each_seconds + job->seconds);
}

/* Return true if @runs more, and those that come later, end before the deadline, where one takes @each seconds. */
static bool has_time(const struct bench_pace *pace, unsigned runs, double each)
{
	return now_ns() + (uint64_t)((runs + pace->later) * each * 1e9) <= pace->deadline_ns;
}

/* Run each row that can run, and is not settled, once. Returns false after a signal. */
static bool run_once(const struct bench_job *job, struct bench_rows *rows, struct bench_pace *pace)
{
	for (unsigned i = 0; i < rows->count; i++) {
		struct bench_row *row = &rows->row[i];
		struct bench_sample *s = &row->sample[row->count];

		if (!is_runnable(row))
			continue;
		show(pace, row);
		bench_run(job, row, job->seconds, s);
		if (signals_stop())
			return false;
		pace->done++;
		if (s->rc)
			fail_row(row, s);
		else
			row->count++;
	}
	return true;
}

/* A row that is settled stays so: if it ran again later, other rows would have run at other times. */
static void settle(struct bench_rows *rows, bench_in_doubt *in_doubt)
{
	for (unsigned i = 0; i < rows->count; i++)
		rows->row[i].settled |= !in_doubt(rows, &rows->row[i]);
}

void bench_rows_run(const struct bench_job *job, struct bench_rows *rows, struct bench_pace *pace,
		    bench_in_doubt *in_doubt)
{
	unsigned runs = count_runnable(rows), before = pace->done;
	uint64_t start = now_ns();

	begin(pace, runs * (pace->deadline_ns ? BENCH_LEAST_REPEATS : job->repeats));
	for (unsigned repeat = 0; repeat < job->repeats; repeat++) {
		if (pace->deadline_ns && repeat >= BENCH_LEAST_REPEATS) {
			settle(rows, in_doubt);
			runs = count_runnable(rows);
			if (!runs ||
			    !has_time(pace, runs, seconds_since(start) / (pace->done - before)))
				return;
			pace->planned = pace->done + runs;
		}
		if (!run_once(job, rows, pace))
			return;
	}
}
