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
 * A bench whose time the user did not choose ends within this limit, with as much more for each row above
 * LIMIT_ROWS. It plans for the least number of runs in less: what is left goes to the rows that are not settled.
 */
#define LIMIT_SECONDS 19.0
#define SPARE_SECONDS 6.0
#define LIMIT_ROWS    50
#define CUT_ROWS      4 /* go on however little time there is */
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

static double seconds_left(const struct bench_pace *pace)
{
	return ((double)pace->deadline_ns - (double)now_ns()) / 1e9;
}

/* What a run takes beside what is measured, by those up to now. */
static double extra_seconds(const struct bench_pace *pace)
{
	return pace->timed ? pace->extra_seconds / pace->timed : 0;
}

/* Return true if @runs more of @seconds end before the deadline, or without one. */
static bool has_time(const struct bench_pace *pace, unsigned runs, double seconds)
{
	return !pace->deadline_ns || runs * (extra_seconds(pace) + seconds) <= seconds_left(pace);
}

/* Run a row once for @seconds, and note how long it took. Returns false after a signal: an error would be its. */
static bool run(const struct bench_job *job, const struct bench_row *row, double seconds,
		struct bench_pace *pace, struct bench_sample *s)
{
	uint64_t start = now_ns();

	bench_run(job, row, seconds, s);
	if (signals_stop())
		return false;
	if (!s->rc) {
		pace->timed++;
		pace->extra_seconds += seconds_since(start) - seconds;
	}
	return true;
}

void bench_rows_limit(const struct bench_job *job, struct bench_pace *pace, unsigned rows)
{
	unsigned parts = rows > LIMIT_ROWS ? rows : LIMIT_ROWS;

	if (!job->repeats && job->seconds <= 0)
		pace->deadline_ns = now_ns() + (uint64_t)(LIMIT_SECONDS * 1e9 / LIMIT_ROWS) * parts;
}

/* Try a row, which counts or not. Returns false after a signal. */
static bool try_row(const struct bench_job *job, struct bench_row *row, bool counts,
		    struct bench_pace *pace, struct bench_sample *s)
{
	show(pace, row);
	if (!run(job, row, pace->deadline_ns ? BENCH_LEAST_SECONDS : TRY_SECONDS, pace, s))
		return false;
	pace->done++;
	if (s->rc)
		fail_row(row, s);
	else
		row->sample[row->count] = *s;
	row->count += !s->rc && counts;
	return true;
}

unsigned bench_rows_try(const struct bench_job *job, struct bench_rows *rows,
			struct bench_pace *pace)
{
	const bool warm = !pace->deadline_ns || pace->done;
	struct bench_row *first = NULL; /* whose run warmed up */
	struct bench_sample s;
	unsigned good = 0;

	begin(pace, count_runnable(rows) + !warm);
	for (unsigned i = 0; i < rows->count; i++) {
		struct bench_row *row = &rows->row[i];

		if (row->given)
			continue;
		if (good && !has_time(pace, 1, BENCH_LEAST_SECONDS))
			break;
		if (!try_row(job, row, pace->deadline_ns && (warm || good), pace, &s))
			return good;
		if (s.unreachable && !good)
			break;
		if (!s.rc && !good++ && !warm)
			first = row;
	}
	if (first && has_time(pace, 1, BENCH_LEAST_SECONDS))
		try_row(job, first, true, pace, &s);
	else if (first)
		first->count = 1; /* it is all there is */
	return good;
}

static double within(double value, double least, double most)
{
	return value < least ? least : value > most ? most : value;
}

/* Choose both: short runs, and as many as there is time for. */
static double schedule_all(struct bench_job *job, struct bench_pace *pace, unsigned runs)
{
	double left = seconds_left(pace), each = extra_seconds(pace);

	job->repeats = MOST_REPEATS;
	job->seconds =
		within((left - SPARE_SECONDS) / runs - each, BENCH_LEAST_SECONDS, MOST_SECONDS);
	return within(runs * (each + job->seconds), 0, left);
}

double bench_rows_schedule(struct bench_job *job, struct bench_pace *pace, unsigned good,
			   unsigned more)
{
	double left = TOTAL_SECONDS - seconds_since(pace->begin_ns), each;
	unsigned rows = good + more;

	if (!rows)
		return 0;
	if (pace->deadline_ns)
		return schedule_all(job, pace,
				    good * (BENCH_LEAST_REPEATS - 1) + more * BENCH_LEAST_REPEATS);
	each = extra_seconds(pace) + (job->seconds > 0 ? job->seconds : BENCH_LEAST_SECONDS);
	if (!job->repeats)
		job->repeats =
			(unsigned)within(left / (rows * each), BENCH_LEAST_REPEATS, MOST_REPEATS);
	if (job->seconds <= 0)
		job->seconds = within(left / (rows * job->repeats) - extra_seconds(pace),
				      BENCH_LEAST_SECONDS, MOST_SECONDS);
	return rows * job->repeats * (extra_seconds(pace) + job->seconds);
}

/* Return how many runs are left until each row that can run has run three times. */
static unsigned runs_to_least(const struct bench_rows *rows)
{
	unsigned runs = 0;

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (is_runnable(row) && row->count < BENCH_LEAST_REPEATS)
			runs += BENCH_LEAST_REPEATS - row->count;
	}
	return runs;
}

/* Return true if there is less to be learned from @a than from @b. */
static bool says_less(const struct bench_rows *rows, const struct bench_row *a,
		      const struct bench_row *b, bench_in_doubt *in_doubt)
{
	if (in_doubt(rows, a) != in_doubt(rows, b))
		return in_doubt(rows, b);
	return bench_spread(a, bench_rate).median < bench_spread(b, bench_rate).median;
}

/* Return the row that can run of which there is the least to be learned. */
static struct bench_row *least_of(const struct bench_rows *rows, bench_in_doubt *in_doubt)
{
	struct bench_row *least = NULL;

	for (unsigned i = 0; i < rows->count; i++) {
		struct bench_row *row = &rows->row[i];

		if (is_runnable(row) && (!least || says_less(rows, row, least, in_doubt)))
			least = row;
	}
	return least;
}

void bench_rows_cut(const struct bench_job *job, struct bench_rows *rows, struct bench_pace *pace,
		    bench_in_doubt *in_doubt)
{
	while (count_runnable(rows) > CUT_ROWS) {
		struct bench_row *least = least_of(rows, in_doubt);
		unsigned later = in_doubt(rows, least) ? 0 : pace->later;

		if (has_time(pace, runs_to_least(rows) + later, job->seconds))
			return;
		least->settled = true;
	}
}

/*
 * Run each row that can run, is not settled and has run @before times, once. Returns false after a signal, or if the
 * time is up.
 */
static bool run_once(const struct bench_job *job, struct bench_rows *rows, struct bench_pace *pace,
		     unsigned before)
{
	for (unsigned i = 0; i < rows->count; i++) {
		struct bench_row *row = &rows->row[i];
		struct bench_sample *s = &row->sample[row->count];

		if (!is_runnable(row) || row->count > before)
			continue;
		show(pace, row);
		if (!has_time(pace, 1, job->seconds) || !run(job, row, job->seconds, pace, s))
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
	unsigned runs = count_runnable(rows);

	begin(pace, pace->deadline_ns ? runs_to_least(rows) : runs * job->repeats);
	for (unsigned repeat = 0; repeat < job->repeats; repeat++) {
		if (pace->deadline_ns && repeat >= BENCH_LEAST_REPEATS) {
			settle(rows, in_doubt);
			runs = count_runnable(rows);
			if (!runs || !has_time(pace, runs + pace->later, job->seconds))
				return;
			pace->planned = pace->done + runs;
		}
		if (!run_once(job, rows, pace, repeat))
			return;
	}
}
