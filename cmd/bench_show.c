// SPDX-License-Identifier: GPL-2.0-only
/* The table of a bench. */
#include "bench_show.h"

#include <math.h>
#include <string.h>

#include "must.h"

/* How a median looks to a person. */
typedef void print_value(FILE *f, double value);

static void print_giga(FILE *f, double value)
{
	fprintf(f, "%.2f", value / 1e9);
}

static void print_fine(FILE *f, double value)
{
	fprintf(f, "%.3f", value);
}

static void print_count(FILE *f, double value)
{
	fprintf(f, "%.0f", value);
}

static void print_percent(FILE *f, double value)
{
	fprintf(f, "%.0f", value * 100);
}

static void print_copies(FILE *f, double value)
{
	fprintf(f, "%.1f", value);
}

static void print_us(FILE *f, double value)
{
	fprintf(f, value < 1e-5 ? "%.1f" : "%.0f", value * 1e6);
}

enum best { NO_BEST, LEAST, MOST };

/* The table's figures, in order. */
static const struct figure {
	const char *key; /* in the JSON document, with its unit */
	const char *header;
	bench_figure *of;
	print_value *print;
	enum best best;
} figures[] = {
	{ "bytes_per_second", "GB/s", bench_rate, print_giga, MOST },
	{ "sender_cpu_seconds_per_gb", "SENDER s/GB", bench_sender_cpu, print_fine, LEAST },
	{ "receiver_cpu_seconds_per_gb", "RECEIVER", bench_receiver_cpu, print_fine, LEAST },
	{ "system_cpu_seconds_per_gb", "SYSTEM", bench_system_cpu, print_fine, LEAST },
	{ "calls_per_gb", "CALLS/GB", bench_calls, print_count, NO_BEST },
	{ "copies_per_byte", "COPIES", bench_copies, print_copies, LEAST },
	{ "fell_back_share", "FELL BACK %", bench_fell_back, print_percent, NO_BEST },
	{ "latency_p50_seconds", "P50 us", bench_p50, print_us, NO_BEST },
	{ "latency_p99_seconds", "P99 us", bench_p99, print_us, NO_BEST },
	{ "most_waiting_blocks", "WAITING", bench_waiting, print_count, NO_BEST },
	{ "overrun_blocks", "LOST", bench_overruns, print_count, NO_BEST },
};

#define FIGURES (sizeof(figures) / sizeof(figures[0]))

/* Columns before the figures, and behind them. */
enum { MODE, MEMORY, BLOCK, FIRST_FIGURE, SPREAD = FIRST_FIGURE + FIGURES, BAR, COLUMNS };

#define BAR_WIDTH 12

bool bench_sends(const struct bench_row *row)
{
	return row->path->needs;
}

/* The best median of a figure among the rows that send, or NAN. */
static double best_of(const struct bench_rows *rows, const struct figure *figure)
{
	double best = NAN;

	for (unsigned i = 0; i < rows->count; i++) {
		double value = bench_spread(&rows->row[i], figure->of).median;

		if (!bench_sends(&rows->row[i]) || isnan(value))
			continue;
		if (isnan(best) || (figure->best == MOST ? value > best : value < best))
			best = value;
	}
	return best;
}

static char *printed(const struct figure *figure, double value)
{
	size_t size;
	char *text;
	FILE *f;

	if (isnan(value))
		return figure->of == bench_copies ? must(strdup("unknown")) : NULL;
	f = must(open_memstream(&text, &size));
	figure->print(f, value);
	fclose(f);
	return must(text);
}

/* Half the range of the throughput, as a part of its median. */
static double spread_percent(const struct bench_row *row)
{
	struct bench_spread rate = bench_spread(row, bench_rate);

	return (rate.high - rate.low) / 2 / rate.median * 100;
}

static char *print_spread(const struct bench_row *row)
{
	char *text;

	must(asprintf(&text, "%.0f", spread_percent(row)) < 0 ? NULL : text);
	return text;
}

static char *draw_bar(const struct bench_row *row, double longest)
{
	double part = bench_spread(row, bench_rate).median / longest;
	unsigned len = bench_sends(row) && part > 0 ? (unsigned)(part * BAR_WIDTH + 0.5) : 0;
	char *bar = must(calloc(1, BAR_WIDTH + 1));

	memset(bar, '#', len < BAR_WIDTH ? len : BAR_WIDTH);
	return bar;
}

/* Each repeat, for whoever wants to do his own statistics. */
static void add_repeats(json_t *json, const struct bench_row *row)
{
	json_t *repeats = json_array();

	for (unsigned i = 0; i < row->count; i++) {
		const struct bench_sample *s = &row->sample[i];
		json_t *one = json_pack("{s:I, s:f}", "sent_bytes", (json_int_t)s->bytes,
					"elapsed_seconds", s->seconds);

		for (size_t f = 0; f < FIGURES; f++) {
			double value = figures[f].of(s);

			json_object_set_new(one, figures[f].key,
					    isnan(value) ? json_null() : json_real(value));
		}
		json_array_append_new(repeats, one);
	}
	json_object_set_new(json, "repeats", repeats);
}

static void add_numbers(json_t *json, const struct bench_row *row)
{
	const struct bench_sample *s = &row->sample[0];

	json_object_set_new(json, "source", json_string(row->source->name));
	json_object_set_new(json, "block_bytes", json_integer((json_int_t)s->block_bytes));
	json_object_set_new(json, "page_bytes", json_integer((json_int_t)s->page_bytes));
	json_object_set_new(json, "ring_bytes", json_integer((json_int_t)s->ring_bytes));
	json_object_set_new(json, "spread_percent", json_real(spread_percent(row)));
	for (size_t f = 0; f < FIGURES; f++) {
		double value = bench_spread(row, figures[f].of).median;

		json_object_set_new(json, figures[f].key,
				    isnan(value) ? json_null() : json_real(value));
	}
	json_object_set_new(json, "copies_reason",
			    s->copies_reason[0] ? json_string(s->copies_reason) : json_null());
	add_repeats(json, row);
}

static void show_row(struct report *r, const struct bench_row *row, const double *best)
{
	char block[32], *cells[COLUMNS] = { NULL };
	json_t *json;

	cells[MODE] = (char *)row->path->name;
	cells[MEMORY] = (char *)row->memory;
	cells[BLOCK] = (char *)zcdma_size_format(row->sample[0].block_bytes, block, sizeof(block));
	for (size_t f = 0; f < FIGURES; f++)
		cells[FIRST_FIGURE + f] =
			printed(&figures[f], bench_spread(row, figures[f].of).median);
	cells[SPREAD] = print_spread(row);
	cells[BAR] = draw_bar(row, best[0]);
	json = report_row(r, (const char *const *)cells);
	add_numbers(json, row);
	for (size_t f = 0; f < FIGURES; f++) {
		double value = bench_spread(row, figures[f].of).median;

		if (figures[f].best != NO_BEST && bench_sends(row) && value == best[f])
			report_mark(r, (unsigned)(FIRST_FIGURE + f));
	}
	for (unsigned i = FIRST_FIGURE; i < COLUMNS; i++)
		free(cells[i]);
}

static void show_figures(struct report *r, const struct bench_rows *rows, bool sweep)
{
	static struct report_column columns[COLUMNS]; /* the report keeps it */
	double best[FIGURES];
	bool lost = false;

	for (size_t f = 0; f < FIGURES; f++) {
		best[f] = best_of(rows, &figures[f]);
		columns[FIRST_FIGURE + f] =
			(struct report_column){ figures[f].key, figures[f].header };
	}
	for (unsigned i = 0; i < rows->count; i++)
		lost |= rows->row[i].count && bench_spread(&rows->row[i], bench_overruns).high > 0;
	columns[MODE] = (struct report_column){ "mode", "MODE" };
	columns[MEMORY] = (struct report_column){ "memory", "MEMORY" };
	columns[BLOCK] = (struct report_column){ "block_bytes", sweep ? "BLOCK" : NULL };
	columns[SPREAD] = (struct report_column){ "spread_percent", "+-%" };
	columns[BAR] = (struct report_column){ NULL, "" };
	if (!lost)
		columns[FIRST_FIGURE + FIGURES - 1].header = NULL;
	report_table(r, "rows", columns, COLUMNS);
	for (unsigned i = 0; i < rows->count; i++) {
		if (rows->row[i].count)
			show_row(r, &rows->row[i], best);
	}
}

static void show_failures(struct report *r, const struct bench_rows *rows)
{
	static const struct report_column columns[] = {
		{ "mode", "MODE" },
		{ "memory", "MEMORY" },
		{ "error", "CANNOT BE HERE" },
	};

	report_table(r, "failures", columns, 3);
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];
		json_t *json;

		if (!row->failed.rc)
			continue;
		json = report_row(r, (const char *const[]){ row->path->name, row->memory,
							    row->failed.error });
		json_object_set_new(json, "errno", json_string(strerrorname_np(-row->failed.rc)));
		json_object_set_new(json, "hint",
				    row->failed.hint[0] ? json_string(row->failed.hint)
							: json_null());
	}
}

/* In the JSON document alone: no column has a header. */
static void keep_figures(struct report *r, const struct bench_rows *rows)
{
	static const struct report_column columns[] = { { "mode", NULL }, { "memory", NULL } };

	report_table(r, "crossing_rows", columns, 2);
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count)
			add_numbers(report_row(r, (const char *const[]){ row->path->name,
									 row->memory }),
				    row);
	}
}

/* Each reason once: rows share the network. */
static void explain_copies(struct report *r, const struct bench_rows *rows)
{
	const char *last = "";

	for (unsigned i = 0; i < rows->count; i++) {
		const char *reason = rows->row[i].sample[0].copies_reason;

		if (!rows->row[i].count || !reason[0] || !strcmp(reason, last))
			continue;
		last = reason;
		report_paragraph(r, "Copies of %s: %s.", rows->row[i].path->name, reason);
	}
}

void bench_show(struct report *r, const struct bench_rows *rows, const struct bench_rows *crossing,
		bool sweep)
{
	show_figures(r, rows, sweep);
	explain_copies(r, rows);
	keep_figures(r, crossing);
	show_failures(r, rows);
}
