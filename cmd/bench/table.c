// SPDX-License-Identifier: GPL-2.0-only
/* The tables of a bench. */
#include "bench/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/xalloc.h"
#include "cli/report_text.h"

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

static void print_share(FILE *f, double value)
{
	fprintf(f, "%.1f", value * 100);
}

enum best { NO_BEST, LEAST, MOST };

/* Where a figure has a sense. */
enum {
	OUT = 1 << BENCH_OUT | 1 << BENCH_PLAY,
	IN = 1 << BENCH_IN,
	NET = 1 << BENCH_OUT | IN,
	ALL = OUT | IN
};

/* The table's figures, in order. */
static const struct figure {
	const char *key; /* in the JSON document, with its unit */
	const char *header;
	bench_figure *of;
	print_value *print;
	enum best best;
	unsigned where;
	unsigned rank; /* 0: always shown; else the columns of the highest rank give way first */
} figures[] = {
	{ "bytes_per_second", "GB/s", bench_rate, print_giga, MOST, ALL, 0 },
	{ "sender_cpu_seconds_per_gb", "SENDER s/GB", bench_sender_cpu, print_fine, LEAST, ALL, 0 },
	{ "receiver_cpu_seconds_per_gb", "RECEIVER", bench_receiver_cpu, print_fine, LEAST, NET,
	  1 },
	{ "system_cpu_seconds_per_gb", "SYSTEM", bench_system_cpu, print_fine, LEAST, ALL, 9 },
	{ "calls_per_gb", "CALLS/GB", bench_calls, print_count, NO_BEST, ALL, 10 },
	{ "copies_per_byte", "COPIES", bench_copies, print_copies, LEAST, ALL, 3 },
	{ "fell_back_share", "FELL BACK %", bench_fell_back, print_percent, NO_BEST, 1 << BENCH_OUT,
	  4 },
	{ "latency_p50_seconds", "P50 us", bench_p50, print_us, NO_BEST, OUT, 7 },
	{ "latency_p99_seconds", "P99 us", bench_p99, print_us, NO_BEST, OUT, 6 },
	{ "most_in_flight_blocks", "IN FLIGHT", bench_in_flight, print_count, NO_BEST, OUT, 8 },
	{ "lost_share", "LOST %", bench_lost, print_share, LEAST, IN, 0 },
	{ "overrun_blocks", "OVERRUNS", bench_overruns, print_count, NO_BEST, OUT, 2 },
};

#define FIGURES (sizeof(figures) / sizeof(figures[0]))

/* Columns before the figures, and after them. */
enum { MODE, MEMORY, BLOCK, FIRST_FIGURE, SPREAD = FIRST_FIGURE + FIGURES, BAR, COLUMNS };

#define BAR_WIDTH 12
#define BAR_RANK  5

static bool has(const struct bench_row *row, const struct figure *figure)
{
	return figure->where & 1u << bench_row_direction(row);
}

/* The best median of a figure among the rows that send, or NAN. */
static double best_of(const struct bench_rows *rows, const struct figure *figure)
{
	double best = NAN;

	for (unsigned i = 0; i < rows->count; i++) {
		double value = bench_spread(&rows->row[i], figure->of).median;

		if (!bench_moves(&rows->row[i]) || isnan(value))
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
		return NULL;
	f = xalloc(open_memstream(&text, &size));
	figure->print(f, value);
	fclose(f);
	return xalloc(text);
}

/* Half the range of the throughput, as a part of its median; NAN of a single run, which has none. */
static double spread_percent(const struct bench_row *row)
{
	struct bench_spread rate = bench_spread(row, bench_rate);

	return rate.count > 1 ? (rate.high - rate.low) / 2 / rate.median * 100 : NAN;
}

static char *print_spread(const struct bench_row *row)
{
	const double percent = spread_percent(row);
	char *text;

	if (isnan(percent))
		return NULL;
	xalloc(asprintf(&text, "%.0f", percent) < 0 ? NULL : text);
	return text;
}

static char *draw_bar(const struct bench_row *row, double longest)
{
	double part = bench_spread(row, bench_rate).median / longest;
	unsigned len = bench_moves(row) && part > 0 ? (unsigned)(part * BAR_WIDTH + 0.5) : 0;
	char *bar = xalloc(calloc(1, BAR_WIDTH + 1));

	memset(bar, '#', len < BAR_WIDTH ? len : BAR_WIDTH);
	return bar;
}

static json_t *number_or_null(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

/* Each repeat, for whoever wants to do his own statistics. */
static void add_repeats(json_t *json, const struct bench_row *row)
{
	json_t *repeats = json_array();

	for (unsigned i = 0; i < row->count; i++) {
		const struct bench_sample *s = &row->sample[i];
		json_t *one = json_pack("{s:I, s:f}",
					bench_row_direction(row) == BENCH_IN ? "received_bytes"
									     : "sent_bytes",
					(json_int_t)s->bytes, "elapsed_seconds", s->seconds);

		for (size_t f = 0; f < FIGURES; f++) {
			double value = figures[f].of(s);

			if (has(row, &figures[f]))
				json_object_set_new(one, figures[f].key, number_or_null(value));
		}
		json_array_append_new(repeats, one);
	}
	json_object_set_new(json, "repeats", repeats);
}

static void add_numbers(json_t *json, const struct bench_row *row)
{
	const struct bench_sample *s = &row->sample[0];

	json_object_set_new(json, "block_bytes", json_integer((json_int_t)s->block_bytes));
	if (row->source) {
		json_object_set_new(json, "source", json_string(row->source->name));
		json_object_set_new(json, "page_bytes", json_integer((json_int_t)s->page_bytes));
		json_object_set_new(json, "ring_bytes", json_integer((json_int_t)s->ring_bytes));
	}
	json_object_set_new(json, "spread_percent", number_or_null(spread_percent(row)));
	for (size_t f = 0; f < FIGURES; f++) {
		double value = bench_spread(row, figures[f].of).median;

		if (has(row, &figures[f]))
			json_object_set_new(json, figures[f].key, number_or_null(value));
	}
	json_object_set_new(json, "copies_reason",
			    s->copies_reason[0] ? json_string(s->copies_reason) : json_null());
	add_repeats(json, row);
}

/* The figures of a row as text: what is in its cells. The caller frees those from FIRST_FIGURE on. */
static void fill_cells(const struct bench_row *row, double fastest, char *block, size_t len,
		       char **cells)
{
	cells[MODE] = (char *)bench_mode(row);
	cells[MEMORY] = (char *)row->memory;
	cells[BLOCK] = (char *)zcdma_size_format(row->sample[0].block_bytes, block, len);
	for (size_t f = 0; f < FIGURES; f++)
		cells[FIRST_FIGURE + f] =
			printed(&figures[f], bench_spread(row, figures[f].of).median);
	cells[SPREAD] = print_spread(row);
	cells[BAR] = draw_bar(row, fastest);
}

static void free_cells(char **cells)
{
	for (unsigned i = FIRST_FIGURE; i < COLUMNS; i++)
		free(cells[i]);
}

static void show_row(struct report *r, const struct bench_row *row, const double *best)
{
	char block[32], *cells[COLUMNS] = { NULL };
	json_t *json;

	fill_cells(row, best[0], block, sizeof(block), cells);
	json = report_row(r, (const char *const *)cells);
	add_numbers(json, row);
	for (size_t f = 0; f < FIGURES; f++) {
		double value = bench_spread(row, figures[f].of).median;

		if (figures[f].best != NO_BEST && bench_moves(row) && value == best[f])
			report_mark(r, (unsigned)(FIRST_FIGURE + f));
	}
	free_cells(cells);
}

/* Put the width that each column takes with these rows into @width. */
static void measure_columns(const struct bench_rows *rows, const struct report_column *columns,
			    double fastest, size_t *width)
{
	char block[32], *cells[COLUMNS] = { NULL };

	for (unsigned c = 0; c < COLUMNS; c++)
		width[c] = columns[c].header ? strlen(columns[c].header) : 0;
	for (unsigned i = 0; i < rows->count; i++) {
		if (!rows->row[i].count)
			continue;
		fill_cells(&rows->row[i], fastest, block, sizeof(block), cells);
		for (unsigned c = 0; c < COLUMNS; c++) {
			size_t len = cells[c] ? strlen(cells[c]) : 1;

			width[c] = len > width[c] ? len : width[c];
		}
		free_cells(cells);
	}
}

static unsigned rank_of(unsigned column)
{
	if (column >= FIRST_FIGURE && column < SPREAD)
		return figures[column - FIRST_FIGURE].rank;
	return column == BAR ? BAR_RANK : 0;
}

/* Take headers away, and columns with them, until those of @width fit @room. */
static void fit_columns(struct report_column *columns, const size_t *width, size_t room)
{
	for (;;) {
		size_t used = 0;
		unsigned last = 0;

		for (unsigned c = 0; c < COLUMNS; c++) {
			if (!columns[c].header)
				continue;
			used += width[c] + 2;
			if (rank_of(c) > (last ? rank_of(last) : 0))
				last = c;
		}
		if (used <= room + 2 || !last)
			return;
		columns[last].header = NULL;
	}
}

/* All columns, but on a terminal those for which there is room, unless -v asks for more. */
static void choose_columns(struct report *r, const struct bench_rows *rows, bool sweep,
			   double fastest, struct report_column *columns)
{
	static const char *const memory_headers[] = {
		[BENCH_OUT] = "MEMORY",
		[BENCH_IN] = "INTO",
		[BENCH_PLAY] = "FROM",
	};
	size_t width[COLUMNS];
	bool lost = false;

	for (size_t f = 0; f < FIGURES; f++)
		columns[FIRST_FIGURE + f] =
			has(&rows->row[0], &figures[f])
				? (struct report_column){ figures[f].key, figures[f].header }
				: (struct report_column){ NULL, NULL };
	for (unsigned i = 0; i < rows->count; i++)
		lost |= rows->row[i].count && bench_spread(&rows->row[i], bench_overruns).high > 0;
	columns[MODE] = (struct report_column){ "mode", "MODE" };
	columns[MEMORY] = (struct report_column){ "memory", memory_headers[bench_direction(rows)] };
	columns[BLOCK] = (struct report_column){ "block_bytes", sweep ? "BLOCK" : NULL };
	columns[SPREAD] = (struct report_column){ "spread_percent", "+-%" };
	columns[BAR] = (struct report_column){ NULL, "" };
	if (!lost)
		columns[FIRST_FIGURE + FIGURES - 1].header = NULL;
	if (!isatty(STDOUT_FILENO) || report_is_verbose(r))
		return;
	measure_columns(rows, columns, fastest, width);
	fit_columns(columns, width, text_width(stdout));
}

static void show_figures(struct report *r, const struct bench_rows *rows, bool sweep)
{
	static struct report_column columns[COLUMNS]; /* the report keeps it */
	double best[FIGURES];

	for (size_t f = 0; f < FIGURES; f++)
		best[f] = best_of(rows, &figures[f]);
	choose_columns(r, rows, sweep, best[0], columns);
	report_table(r, "rows", columns, COLUMNS);
	for (unsigned i = 0; i < rows->count; i++) {
		if (rows->row[i].count)
			show_row(r, &rows->row[i], best);
	}
}

/* The sizes at which a path and memory failed like @i; 0 if an earlier row says it for this one. */
static json_t *failed_sizes(const struct bench_rows *rows, unsigned i)
{
	const struct bench_row *like = &rows->row[i];
	json_t *sizes = json_array();

	for (unsigned k = 0; k < rows->count; k++) {
		const struct bench_row *row = &rows->row[k];

		if (!bench_same_line(row, like) || row->failed.rc != like->failed.rc)
			continue;
		if (k < i) {
			json_decref(sizes);
			return NULL;
		}
		json_array_append_new(sizes, json_integer((json_int_t)row->block_bytes));
	}
	return sizes;
}

static void show_failures(struct report *r, const struct bench_rows *rows)
{
	static const struct report_column columns[] = {
		{ "mode", "MODE" },
		{ "memory", "MEMORY" },
		{ "error", "CANNOT BE HERE" },
	};
	static const struct report_column columns_in[] = {
		{ "mode", "MODE" },
		{ "memory", "INTO" },
		{ "error", "CANNOT BE HERE" },
	};

	report_table(r, "failures", bench_direction(rows) == BENCH_IN ? columns_in : columns, 3);
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];
		json_t *json, *sizes = row->failed.rc ? failed_sizes(rows, i) : NULL;

		if (!sizes)
			continue;
		json = report_row(r, (const char *const[]){ bench_mode(row), row->memory,
							    row->failed.error });
		json_object_set_new(json, "failed_block_bytes", sizes);
		json_object_set_new(json, "errno", json_string(strerrorname_np(-row->failed.rc)));
		json_object_set_new(json, "hint",
				    row->failed.hint[0] ? json_string(row->failed.hint)
							: json_null());
	}
}

/* "0.212 (0.190 to 0.253)" */
static char *print_range(const struct bench_row *row, bench_figure *figure)
{
	struct bench_spread s = bench_spread(row, figure);
	char *text = NULL;

	if (s.count)
		xalloc(asprintf(&text, "%.3f (%.3f to %.3f)", s.median, s.low, s.high) < 0 ? NULL
											   : text);
	return text;
}

static const char *which_costs_less(const struct bench_row *row, const struct bench_row *plain,
				    bench_figure *figure)
{
	struct bench_spread a = bench_spread(row, figure), b = bench_spread(plain, figure);

	if (!bench_distinct(&a, &b))
		return "not distinct";
	return bench_below(&a, &b) > 0 ? bench_mode(row) : bench_mode(plain);
}

static void show_size(struct report *r, const struct bench_row *plain, const struct bench_row *row,
		      const struct bench_cost *cost)
{
	char block[32], *a = print_range(plain, cost->of), *b = print_range(row, cost->of);
	json_t *json = report_row(
		r, (const char *const[]){ zcdma_size_format(row->block_bytes, block, sizeof(block)),
					  a, b, which_costs_less(row, plain, cost->of) });

	json_object_set_new(json, "block_bytes", json_integer((json_int_t)row->block_bytes));
	free(a);
	free(b);
}

/* What the answer from which block size on a path pays is made from. */
static void show_sizes(struct report *r, const struct bench_rows *rows)
{
	static char plain_header[64], header[64];
	static struct report_column columns[] = { { "block_bytes", "BLOCK" },
						  { NULL, plain_header },
						  { NULL, header },
						  { "costs_less", "COSTS LESS" } };
	const struct bench_cost *cost = bench_cost(rows);
	bool headed = false;

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i], *plain = bench_plain(rows, row);

		if (!row->count || !plain || plain == row)
			continue;
		if (!headed) {
			snprintf(plain_header, sizeof(plain_header), "%s CPU s/GB",
				 bench_mode(plain));
			snprintf(header, sizeof(header), "%s CPU s/GB", bench_mode(row));
			report_table(r, "block_sizes", columns, 4);
			headed = true;
		}
		show_size(r, plain, row, cost);
	}
}

/* Keep the figures of rows in the JSON document alone: no column has a header. */
static void keep_figures(struct report *r, const struct bench_rows *rows)
{
	static const struct report_column columns[] = { { "mode", NULL }, { "memory", NULL } };

	report_table(r, "crossing_rows", columns, 2);
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count)
			add_numbers(report_row(r, (const char *const[]){ bench_mode(row),
									 row->memory }),
				    row);
	}
}

/* Return true if an earlier row that ran has the same reason as row @i: rows share the network. */
static bool is_explained(const struct bench_rows *rows, unsigned i)
{
	for (unsigned k = 0; k < i; k++) {
		if (rows->row[k].count && !strcmp(rows->row[k].sample[0].copies_reason,
						  rows->row[i].sample[0].copies_reason))
			return true;
	}
	return false;
}

static void explain_copies(struct report *r, const struct bench_rows *rows)
{
	for (unsigned i = 0; i < rows->count; i++) {
		const char *reason = rows->row[i].sample[0].copies_reason;

		if (rows->row[i].count && reason[0] && !is_explained(rows, i))
			report_paragraph(r, "Copies of %s: %s.", bench_mode(&rows->row[i]), reason);
	}
}

void bench_show(struct report *r, const struct bench_outcome *o)
{
	show_figures(r, o->rows, o->sweep);
	explain_copies(r, o->rows);
	if (!o->sweep) {
		show_sizes(r, o->crossing);
		keep_figures(r, o->crossing);
	}
	show_failures(r, o->rows);
}
