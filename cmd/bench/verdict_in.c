// SPDX-License-Identifier: GPL-2.0-only
/* What a bench of ways to receive means, in words: what sends, a stream or datagrams, is not for the receiver to choose. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/table.h"

/* Return the rows of streams, or of datagrams, which follow each other. */
static struct bench_rows rows_of(const struct bench_rows *rows, bool datagrams)
{
	struct bench_rows part = { .row = rows->row };

	for (unsigned i = 0; i < rows->count; i++) {
		if (rows->row[i].way->datagrams != datagrams)
			part.row += !part.count;
		else
			part.count++;
	}
	return part;
}

static const char *sent_as(bool datagrams)
{
	return datagrams ? "datagrams" : "a stream";
}

static json_t *known(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* Add the ratios to the row that most programs have, unless it is the best one. */
static void add_ratios(json_t *json, const struct bench_rows *rows, const struct bench_row *best)
{
	const struct bench_row *plain = bench_plain(rows, best);
	bench_figure *cost = bench_cost(rows)->of;
	struct bench_spread rate = bench_spread(best, bench_rate), cpu = bench_spread(best, cost);
	struct bench_spread plain_rate, plain_cpu;

	if (!plain || plain == best)
		return;
	plain_rate = bench_spread(plain, bench_rate);
	plain_cpu = bench_spread(plain, cost);
	json_object_set_new(json, "than_mode", json_string(bench_mode(plain)));
	json_object_set_new(json, "throughput_ratio", known(rate.median / plain_rate.median));
	json_object_set_new(json, "throughput_distinct",
			    json_boolean(bench_distinct(&rate, &plain_rate)));
	json_object_set_new(json, "cpu_ratio", known(cpu.median / plain_cpu.median));
	json_object_set_new(json, "cpu_distinct", json_boolean(bench_distinct(&cpu, &plain_cpu)));
}

static void list_best(struct report *r, const struct bench_rows *rows, bool datagrams)
{
	const struct bench_row *best = bench_best(rows);
	json_t *json, *equals = json_array();

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row != best && bench_is_best(rows, row))
			json_array_append_new(equals, json_string(bench_mode(row)));
	}
	json = report_row(r, (const char *const[]){ datagrams ? "datagrams" : "stream",
						    bench_mode(best), best->memory });
	json_object_set_new(json, "cost_of", json_string(bench_cost(rows)->key));
	json_object_set_new(json, "equals", equals);
	add_ratios(json, rows, best);
}

static void compare_to_plain(struct report *r, const struct bench_rows *rows,
			     const struct bench_row *best)
{
	const struct bench_row *plain = bench_plain(rows, best);

	if (plain && plain != best)
		bench_say_ratios(r, rows, best, plain, bench_mode(plain));
}

static void list_equals(const struct bench_rows *rows, const struct bench_row *best, char *text,
			size_t len)
{
	size_t used = 0;

	for (unsigned i = 0; i < rows->count && used < len; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row != best && bench_is_best(rows, row))
			used += (size_t)snprintf(text + used, len - used, "%s%s", used ? ", " : "",
						 bench_mode(row));
	}
}

static void say_best(struct report *r, const struct bench_outcome *o, const struct bench_rows *rows,
		     bool datagrams)
{
	const struct bench_row *best = bench_best(rows);
	const struct bench_cost *cost = bench_cost(rows);
	const double lost = bench_spread(best, bench_lost).median;
	char equals[256] = "", losses[64] = "";

	list_equals(rows, best, equals, sizeof(equals));
	if (!isnan(lost))
		snprintf(losses, sizeof(losses), ", %.1f %% of the datagrams lost", lost * 100);
	report_paragraph(
		r,
		"Best to receive %s over %s: %s (%.2f GB/s, %.3f CPU s/GB %s%s), the least CPU time %s among the ways within 10 %% of the highest throughput, as far as they are distinct.%s%s%s",
		sent_as(datagrams), o->net, bench_mode(best),
		bench_spread(best, bench_rate).median / 1e9, bench_spread(best, cost->of).median,
		cost->whose, losses, cost->whose, *equals ? " Not distinct from it: " : "", equals,
		*equals ? "." : "");
	compare_to_plain(r, rows, best);
	bench_say_few(r, rows);
}

void bench_verdict_in(struct report *r, const struct bench_outcome *o)
{
	static const struct report_column columns[] = { { "sent_as", NULL },
							{ "best_mode", NULL },
							{ "best_memory", NULL } };
	struct bench_rows part[] = { rows_of(o->rows, false), rows_of(o->rows, true) };

	report_table(r, "best_ways", columns, 3);
	for (unsigned i = 0; i < 2; i++) {
		if (bench_best(&part[i]))
			list_best(r, &part[i], i);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (bench_best(&part[i]))
			say_best(r, o, &part[i], i);
	}
}
