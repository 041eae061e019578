// SPDX-License-Identifier: GPL-2.0-only
/* What a bench means, in words. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/table.h"
#include "cli/xalloc.h"

/* Rows this near to the fastest one count as fast: what they cost decides. */
#define FAST 0.9

/*
 * What an operator pays for is what both ends do. Where the other end does not report it, the measured one's own is left: all
 * CPUs together do other work too. It is so with datagrams too, as their sender pays for what is lost as well.
 */
static const struct bench_cost both = { bench_both_cpu, "of both ends", "both_ends" };
static const struct bench_cost sender = { bench_sender_cpu, "of the sender", "sender" };
static const struct bench_cost receiver = { bench_receiver_cpu, "of the receiver", "receiver" };

static bool all_have(const struct bench_rows *rows, bench_figure *figure)
{
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count && bench_moves(row) && isnan(bench_spread(row, figure).median))
			return false;
	}
	return true;
}

const struct bench_cost *bench_cost(const struct bench_rows *rows)
{
	const struct bench_way *way = rows->count ? rows->row[0].way : NULL;

	if (!(way && way->datagrams) && all_have(rows, both.of))
		return &both;
	return way ? &receiver : &sender;
}

/* Return true if this row may be the best one. */
typedef bool is_wanted(const struct bench_rows *rows, const struct bench_row *row);

static bool any(const struct bench_rows *rows, const struct bench_row *row)
{
	(void)rows;
	return row->count && bench_moves(row);
}

static bool uncopied(const struct bench_rows *rows, const struct bench_row *row)
{
	const struct bench_row *plain = bench_plain(rows, row);

	return any(rows, row) && plain && plain != row;
}

static const struct bench_row *fastest(const struct bench_rows *rows, is_wanted *wanted)
{
	const struct bench_row *best = NULL;

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (wanted(rows, row) && (!best || bench_spread(row, bench_rate).median >
							   bench_spread(best, bench_rate).median))
			best = row;
	}
	return best;
}

static bool is_distinct(const struct bench_row *a, const struct bench_row *b, bench_figure *figure)
{
	struct bench_spread x = bench_spread(a, figure), y = bench_spread(b, figure);

	return bench_distinct(&x, &y);
}

/* Return true if @row is about as fast as @fast, or not distinct from it. */
static bool is_fast(const struct bench_row *row, const struct bench_row *fast)
{
	return bench_spread(row, bench_rate).median >=
		       FAST * bench_spread(fast, bench_rate).median ||
	       (row->count >= BENCH_LEAST_REPEATS && !is_distinct(row, fast, bench_rate));
}

static const struct bench_row *cheapest_fast(const struct bench_rows *rows, is_wanted *wanted)
{
	const struct bench_row *fast = fastest(rows, wanted), *best = fast;
	bench_figure *cost = bench_cost(rows)->of;

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (wanted(rows, row) && is_fast(row, fast) &&
		    bench_spread(row, cost).median < bench_spread(best, cost).median)
			best = row;
	}
	return best;
}

/* Return true if @row is as good as @best, which is the cheapest of the fast ones, as far as rows are distinct. */
static bool is_as_good(const struct bench_rows *rows, const struct bench_row *row,
		       const struct bench_row *best, is_wanted *wanted)
{
	return row == best ||
	       (wanted(rows, row) && is_fast(row, fastest(rows, wanted)) &&
		row->count >= BENCH_LEAST_REPEATS && !is_distinct(row, best, bench_cost(rows)->of));
}

/* Return the first one of those that are as good as the best: its order is not that of chance. */
static const struct bench_row *choose(const struct bench_rows *rows, is_wanted *wanted)
{
	const struct bench_row *best = cheapest_fast(rows, wanted);
	unsigned i = 0;

	if (!best)
		return NULL;
	while (!is_as_good(rows, &rows->row[i], best, wanted))
		i++;
	return &rows->row[i];
}

const struct bench_row *bench_best(const struct bench_rows *rows)
{
	return choose(rows, any);
}

bool bench_is_best(const struct bench_rows *rows, const struct bench_row *row)
{
	return is_as_good(rows, row, cheapest_fast(rows, any), any);
}

const struct bench_row *bench_best_uncopied(const struct bench_rows *rows)
{
	return choose(rows, uncopied);
}

/*
 * One that is distinctly slower than the fastest is settled: it is not the best, and no more runs make it so. What the
 * verdict compares the best to goes on with it.
 */
bool bench_may_be_best(const struct bench_rows *rows, const struct bench_row *row)
{
	const struct bench_row *best = bench_best(rows), *apart = bench_best_uncopied(rows);

	if (bench_direction(rows) == BENCH_IN)
		return true; /* streams and datagrams have a verdict each, and their losses count too */
	return (any(rows, row) && is_fast(row, fastest(rows, any))) ||
	       (uncopied(rows, row) && is_fast(row, fastest(rows, uncopied))) ||
	       (best && row == bench_plain(rows, best)) ||
	       (apart && row == bench_plain(rows, apart));
}

bool bench_cross_in_doubt(const struct bench_rows *crossing, const struct bench_row *row)
{
	bench_figure *cost = bench_cost(crossing)->of;

	for (unsigned i = 0; i < crossing->count; i++) {
		const struct bench_row *other = &crossing->row[i];
		struct bench_spread a, b;

		if (other == row || other->block_bytes != row->block_bytes || other->failed.rc)
			continue;
		a = bench_spread(row, cost);
		b = bench_spread(other, cost);
		return !bench_distinct(&a, &b);
	}
	return false;
}

/* List the others that are as good as the best, in the JSON document too. */
static void list_equals(struct report *r, const struct bench_rows *rows,
			const struct bench_row *chosen, char *text, size_t len)
{
	static const struct report_column columns[] = { { "mode", NULL }, { "memory", NULL } };
	const struct bench_row *best = cheapest_fast(rows, any);
	size_t used = 0;

	report_table(r, "best_equals", columns, 2);
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];
		char size[32];

		if (row == chosen || !is_as_good(rows, row, best, any))
			continue;
		json_object_set_new(
			report_row(r, (const char *const[]){ bench_mode(row), row->memory }),
			"block_bytes", json_integer((json_int_t)row->block_bytes));
		if (used >= len)
			continue;
		used += (size_t)snprintf(text + used, len - used, "%s%s from %s", used ? ", " : "",
					 bench_mode(row), row->memory);
		if (row->block_bytes != chosen->block_bytes && used < len)
			used += (size_t)snprintf(
				text + used, len - used, " (%s)",
				zcdma_size_format(row->block_bytes, size, sizeof(size)));
	}
}

/* Write "1.37 times (1.10 to 1.62)" into @text, and that it may be chance where the rows are not distinct. */
static void describe_ratio(const struct bench_row *a, const struct bench_row *b,
			   bench_figure *figure, char *text, size_t len)
{
	struct bench_spread x = bench_spread(a, figure), y = bench_spread(b, figure);

	snprintf(text, len, "%.2f times (%.2f to %.2f%s)", x.median / y.median, x.low / y.high,
		 x.high / y.low, bench_distinct(&x, &y) ? "" : ", so not distinct");
}

void bench_say_ratios(struct report *r, const struct bench_rows *rows, const struct bench_row *best,
		      const struct bench_row *plain, const char *name)
{
	const struct bench_cost *cost = bench_cost(rows);
	char rate[80], cpu[80];

	describe_ratio(best, plain, bench_rate, rate, sizeof(rate));
	describe_ratio(best, plain, cost->of, cpu, sizeof(cpu));
	report_paragraph(r, "Compared to %s: throughput %s; CPU time %s %s.", name, rate,
			 cost->whose, cpu);
}

static void compare_to_plain(struct report *r, const struct bench_rows *rows,
			     const struct bench_row *best)
{
	const struct bench_row *plain = bench_plain(rows, best);
	const struct bench_cost *cost = bench_cost(rows);
	char name[80];

	if (!plain || plain == best)
		return;
	snprintf(name, sizeof(name), "%s from %s", bench_mode(plain), plain->memory);
	bench_say_ratios(r, rows, best, plain, name);
	report_line(r, NULL, NULL);
	report_number(
		r, "throughput_ratio",
		bench_spread(best, bench_rate).median / bench_spread(plain, bench_rate).median, "");
	report_flag(r, "throughput_distinct", is_distinct(best, plain, bench_rate), "");
	report_number(r, "cpu_ratio",
		      bench_spread(best, cost->of).median / bench_spread(plain, cost->of).median,
		      "");
	report_flag(r, "cpu_distinct", is_distinct(best, plain, cost->of), "");
}

void bench_say_few(struct report *r, const struct bench_rows *rows)
{
	unsigned few = 0, all = 0;

	for (unsigned i = 0; i < rows->count; i++) {
		if (rows->row[i].failed.rc)
			continue;
		all++;
		few += rows->row[i].count < BENCH_LEAST_REPEATS;
	}
	if (few)
		report_paragraph(
			r,
			"One or two runs of a row are never distinct from those of another, and %u of %u rows have no more: use --repeat=3 or more, which has no limit of time.",
			few, all);
}

static void say_best(struct report *r, const struct bench_outcome *o)
{
	const struct bench_row *best = choose(o->rows, any);
	const struct bench_cost *cost = bench_cost(o->rows);
	char size[32], equals[1024] = "";

	list_equals(r, o->rows, best, equals, sizeof(equals));
	report_paragraph(
		r,
		"Best %s %s with blocks of %s: %s from %s (%.2f GB/s, %.3f CPU s/GB %s), the least CPU time %s among the paths within 10 %% of the highest throughput, as far as they are distinct.%s%s%s",
		bench_row_direction(best) == BENCH_PLAY ? "to play to" : "over", o->net,
		zcdma_size_format(best->sample[0].block_bytes, size, sizeof(size)),
		bench_mode(best), best->memory, bench_spread(best, bench_rate).median / 1e9,
		bench_spread(best, cost->of).median, cost->whose, cost->whose,
		*equals ? " Not distinct from it: " : "", equals, *equals ? "." : "");
	report_line(r, NULL, NULL);
	report_text(r, "best_mode", bench_mode(best), "");
	report_text(r, "best_memory", best->memory, "");
	report_bytes(r, "best_block_bytes", best->sample[0].block_bytes, "");
	report_text(r, "cost_of", cost->key, "");
	compare_to_plain(r, o->rows, best);
	bench_say_few(r, o->rows);
}

static void say_fallback(struct report *r, const struct bench_rows *rows)
{
	for (unsigned i = 0; i < rows->count; i++) {
		double share = bench_spread(&rows->row[i], bench_fell_back).median;

		if (!rows->row[i].count || isnan(share) || share < 0.5)
			continue;
		report_paragraph(
			r,
			"%s fell back: the kernel copied %.0f %% of what it was asked not to, as it does where the receiver is on this machine. Over a network card, or --net=blackhole or wire, it need not.",
			bench_mode(&rows->row[i]), share * 100);
		return;
	}
}

/* Return true if a path that does not copy ran from this memory: then it has pages. */
static bool has_pages(const struct bench_rows *rows, const char *memory)
{
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count && row->memory == memory && bench_moves(row) &&
		    row->path->required_caps != ZCDMA_CAP_MEMORY)
			return true;
	}
	return false;
}

/* A ring that cannot be registered may be a file's as well: that answer says nothing of its pages. */
static bool lacks_pages(const struct bench_rows *rows, const struct bench_row *row)
{
	return row->failed.rc == -EFAULT && !(row->path->required_caps & ZCDMA_CAP_RING) &&
	       !has_pages(rows, row->memory);
}

static void say_fault(struct report *r, const struct bench_rows *rows)
{
	for (unsigned i = 0; i < rows->count; i++) {
		if (!lacks_pages(rows, &rows->row[i]))
			continue;
		report_paragraph(
			r,
			"Bad address: %s has no pages (VM_PFNMAP), so only what copies can send it. That is what most drivers' mappings answer; \"zcdma probe /dev/DRIVER\" says more.",
			rows->row[i].memory);
		return;
	}
}

bool bench_begins_line(const struct bench_rows *rows, unsigned i)
{
	const struct bench_row *row = &rows->row[i];

	while (i && bench_same_line(&rows->row[i - 1], row) && !rows->row[i - 1].count)
		i--;
	return row->count && bench_moves(row) && (!i || !bench_same_line(&rows->row[i - 1], row));
}

/* Print @before and the size, unless it is 0. */
static void put_size(FILE *f, const char *before, uint64_t size)
{
	char text[32];

	if (size)
		fprintf(f, "%s%s", before, zcdma_size_format(size, text, sizeof(text)));
}

/* Say from which size on the path pays, and between which sizes the answer lies. */
static void say_crossing(struct report *r, const struct bench_crossing *c, const char *whose)
{
	size_t size;
	char *text;
	FILE *f = xalloc(open_memstream(&text, &size));

	if (!c->is_known) {
		report_paragraph(
			r,
			"%s from %s and %s are nowhere distinct in CPU time %s: from which size of a block on either costs less is unknown.",
			bench_mode(c->row), c->row->memory, bench_mode(c->than), whose);
		return;
	}
	fprintf(f, "%s from %s costs %s CPU time %s than %s ", bench_mode(c->row), c->row->memory,
		c->from ? "less" : "no less", whose, bench_mode(c->than));
	if (!c->from)
		fputs("at any size of a block", f);
	else if (c->from == c->first)
		fputs("at every size of a block", f);
	else
		put_size(f, "from blocks of ", c->from), fputs(" on", f);
	put_size(f, ", but not at ", c->but_not);
	put_size(f, "; surely more up to ", c->surely_less);
	put_size(f, "; surely less from ", c->surely_from);
	fputs(".", f);
	fclose(f);
	xalloc(text);
	report_paragraph(r, "%s", text);
	free(text);
}

static json_t *size_or_null(uint64_t size)
{
	return size ? json_integer((json_int_t)size) : json_null();
}

static char *size_or_dash(uint64_t size, char *text, size_t len)
{
	return size ? (char *)zcdma_size_format(size, text, len) : NULL;
}

/* One row for each path and memory that can be compared; with a sweep people see it too. */
static void list_crossings(struct report *r, const struct bench_outcome *o,
			   const struct bench_cost *cost)
{
	static const struct report_column seen[] = {
		{ "mode", "MODE" },    { "memory", "MEMORY" },	   { "than_mode", "COMPARED TO" },
		{ NULL, "LESS FROM" }, { NULL, "SURELY MORE TO" }, { NULL, "SURELY LESS FROM" },
	};
	static const struct report_column hidden[] = {
		{ "mode", NULL },
		{ "memory", NULL },
		{ "than_mode", NULL },
	};

	report_table(r, "crossings", o->sweep ? seen : hidden, o->sweep ? 6 : 3);
	for (unsigned i = 0; i < o->crossing->count; i++) {
		const struct bench_row *row = &o->crossing->row[i];
		struct bench_crossing c = bench_crossing(o->crossing, row, cost->of);
		char from[32], less[32], sure[32];
		json_t *json;

		if (!c.row || c.first != row->block_bytes || !row->count)
			continue;
		json = report_row(r, (const char *const[]){
					     bench_mode(row), row->memory, bench_mode(c.than),
					     c.from ? zcdma_size_format(c.from, from, sizeof(from))
					     : c.is_known ? "never"
							  : "unknown",
					     size_or_dash(c.surely_less, less, sizeof(less)),
					     size_or_dash(c.surely_from, sure, sizeof(sure)) });
		json_object_set_new(json, "cost_of", json_string(cost->key));
		json_object_set_new(json, "from_block_bytes", size_or_null(c.from));
		json_object_set_new(json, "surely_more_to_block_bytes",
				    size_or_null(c.surely_less));
		json_object_set_new(json, "surely_less_from_block_bytes",
				    size_or_null(c.surely_from));
		json_object_set_new(json, "but_not_block_bytes", size_or_null(c.but_not));
	}
}

static void say_crossings(struct report *r, const struct bench_outcome *o)
{
	const struct bench_cost *cost = bench_cost(o->crossing);
	const struct bench_row *like = bench_best_uncopied(o->crossing);
	struct bench_crossing c;

	list_crossings(r, o, cost);
	if (!like || !o->crossing->count)
		return;
	c = bench_crossing(o->crossing, like, cost->of);
	if (c.row && c.first != c.last)
		say_crossing(r, &c, cost->whose);
}

void bench_headline(struct report *r, const struct bench_outcome *o)
{
	const struct bench_row *best = o->interrupted ? NULL : choose(o->rows, any);
	const struct bench_cost *cost = bench_cost(o->rows);
	unsigned equals = 0;
	char text[256];

	if (!best || bench_direction(o->rows) == BENCH_IN)
		return;
	for (unsigned i = 0; i < o->rows->count; i++)
		equals += bench_is_best(o->rows, &o->rows->row[i]);
	snprintf(text, sizeof(text), "%s from %s: %.2f GB/s, %.3f CPU s/GB %s%s", bench_mode(best),
		 best->memory, bench_spread(best, bench_rate).median / 1e9,
		 bench_spread(best, cost->of).median, cost->whose,
		 equals > 1 ? "; others are not distinct from it" : "");
	report_line(r, "best", text);
}

void bench_verdict(struct report *r, const struct bench_outcome *o)
{
	report_line(r, NULL, NULL);
	report_flag(r, "interrupted", o->interrupted, "");
	report_count(r, "runs_done", o->done, "");
	report_count(r, "runs_planned", o->planned, "");
	if (o->interrupted) {
		report_paragraph(
			r,
			"Interrupted by a signal after %u of %u runs: rows that are missing were not measured, and a verdict needs all runs.",
			o->done, o->planned);
		return;
	}
	if (!fastest(o->rows, any))
		return;
	if (bench_direction(o->rows) == BENCH_IN) {
		bench_verdict_in(r, o);
		return;
	}
	say_best(r, o);
	say_crossings(r, o);
	say_fallback(r, o->rows);
	say_fault(r, o->rows);
}
