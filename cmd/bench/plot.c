// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sweep as a picture, drawn by gnuplot, to which it goes as a script on standard input: for each path throughput and
 * CPU time against the size of a block, beside those of copying. Two lines to a panel are what an eye can compare.
 */
#include "bench/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/place.h"
#include "cli/status.h"
#include "bench/table.h"

#define MOST_PANELS 16

/* Columns of the data: a median, and its range in the next two. */
enum { RATE = 2, COST = 5 };

/* Check that the file can be made, which gnuplot would tell after the measurement. Returns 0 or an exit status. */
static int check_file(struct report *r, const char *path)
{
	const bool was_there = !access(path, F_OK);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	char hint[256];

	if (fd < 0) {
		int err = errno;

		place_hint(path, err, hint, sizeof(hint));
		return report_system_error(r, STATUS_ERROR, -err, *hint ? hint : NULL,
					   "--plot: open %s: %s", path, strerror(err));
	}
	close(fd);
	if (!was_there)
		unlink(path);
	return STATUS_OK;
}

int bench_plot_check(struct report *r, bool sweep, const char *path)
{
	if (!sweep)
		return report_error(r, STATUS_ERROR, NULL,
				    "--plot: draws a sweep, so it needs --sweep=block");
	if (system("gnuplot --version >/dev/null 2>&1"))
		return report_error(
			r, STATUS_IMPOSSIBLE,
			"install gnuplot (Debian: gnuplot-nox), or use the table, or --json",
			"--plot: gnuplot is not installed");
	return check_file(r, path);
}

/* A panel: a path from the memory that it costs least from, and copying from there. */
struct panel {
	const struct bench_row *row;
	struct bench_crossing crossing;
};

static bool is_line(const struct bench_row *row, const struct bench_row *like)
{
	return row->count && bench_same_line(row, like);
}

/* Return the mean cost of a line over all sizes: that of its logarithm, as sizes and costs span decades. */
static double mean_cost(const struct bench_rows *rows, const struct bench_row *like)
{
	double sum = 0;
	unsigned count = 0;

	for (unsigned i = 0; i < rows->count; i++) {
		if (!is_line(&rows->row[i], like))
			continue;
		sum += log(bench_spread(&rows->row[i], bench_cost(rows)->of).median);
		count++;
	}
	return sum / count;
}

/* Find a panel for each path that can be compared to copying, at most @most. Returns their number. */
static unsigned choose_panels(const struct bench_rows *rows, struct panel *panel, unsigned most)
{
	unsigned count = 0;

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];
		struct bench_crossing c;
		unsigned p = 0;

		if (!bench_begins_line(rows, i))
			continue;
		c = bench_crossing(rows, row, bench_cost(rows)->of);
		if (!c.row)
			continue;
		while (p < count && panel[p].row->path != row->path)
			p++;
		if (p == count && count == most)
			continue;
		if (p < count && mean_cost(rows, panel[p].row) <= mean_cost(rows, row))
			continue;
		panel[p] = (struct panel){ row, c };
		count += p == count;
	}
	return count;
}

static void write_line(FILE *f, const struct bench_rows *rows, const struct bench_row *like,
		       const char *name, unsigned number)
{
	bench_figure *cost = bench_cost(rows)->of;

	fprintf(f, "$%s%u << END\n", name, number);
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];
		struct bench_spread rate = bench_spread(row, bench_rate);
		struct bench_spread cpu = bench_spread(row, cost);

		if (is_line(row, like))
			fprintf(f, "%" PRIu64 " %g %g %g %g %g %g\n", row->block_bytes,
				rate.median / 1e9, rate.low / 1e9, rate.high / 1e9, cpu.median,
				cpu.low, cpu.high);
	}
	fputs("END\n", f);
}

/* Plot median and range: @column is the median's, the range's follow. */
static void write_panel(FILE *f, const struct panel *panel, unsigned number, unsigned column,
			const char *what)
{
	fprintf(f, "set title \"%s from %s: %s\"\nplot ", bench_mode(panel->row),
		panel->row->memory, what);
	fprintf(f,
		"$copy%u using 1:%u:%u with filledcurves fs transparent solid 0.5 lc rgb '#cccccc' notitle, $path%u using 1:%u:%u with filledcurves fs transparent solid 0.5 lc rgb '#a0c8f0' notitle, ",
		number, column + 1, column + 2, number, column + 1, column + 2);
	fprintf(f,
		"$copy%u using 1:%u with linespoints lw 2 pt 7 ps 0.4 lc rgb '#777777' title '%s', $path%u using 1:%u with linespoints lw 2 pt 7 ps 0.4 lc rgb '#0060c0' title '%s'",
		number, column, bench_mode(panel->crossing.than), number, column,
		bench_mode(panel->row));
	if (panel->crossing.from && column == COST)
		fprintf(f,
			", $path%u using ($1 == %" PRIu64
			" ? $1 : NaN):%u with points pt 6 ps 2 lw 2 lc rgb '#000000' title 'costs less from here on'",
			number, panel->crossing.from, column);
	fputc('\n', f);
}

/* One tic for each second size of a block. */
static void write_tics(FILE *f)
{
	const char *separator = "";
	char size[32];

	fputs("set xtics (", f);
	for (uint64_t block = BENCH_SWEEP_FIRST; block <= BENCH_SWEEP_LAST; block *= 4) {
		zcdma_size_format(block, size, sizeof(size));
		/* "4.00 KiB" */
		fprintf(f, "%s\"%.*s%s\" %" PRIu64, separator, (int)strcspn(size, "."), size,
			strchr(size, ' '), block);
		separator = ", ";
	}
	fputs(")\n", f);
}

static void write_quoted(FILE *f, const char *text)
{
	/* Within single quotes, only they are special to gnuplot. */
	fputc('\'', f);
	for (; *text; text++) {
		if (*text == '\'')
			fputc('\'', f);
		fputc(*text, f);
	}
	fputc('\'', f);
}

static void write_head(FILE *f, const char *path, unsigned panels)
{
	fprintf(f,
		"set terminal svg size 900,%u background '#ffffff' enhanced font 'sans,12'\nset output ",
		60 + 260 * panels);
	write_quoted(f, path);
	fprintf(f,
		"\n"
		"set multiplot layout %u,2 title 'zcdma bench: each path beside copying (median and range)' font ',15'\n"
		"set logscale x 2\n"
		"set lmargin 9\nset rmargin 3\n"
		"set grid lc rgb '#eeeeee'\n"
		"set key top left reverse Left font ',10'\n",
		panels);
	write_tics(f);
}

static void write_script(FILE *f, const struct bench_rows *rows, const struct panel *panel,
			 unsigned panels, const char *path)
{
	char cost[64];

	snprintf(cost, sizeof(cost), "CPU time %s", bench_cost(rows)->whose);
	write_head(f, path, panels);
	for (unsigned i = 0; i < panels; i++) {
		write_line(f, rows, panel[i].row, "path", i);
		write_line(f, rows, panel[i].crossing.than, "copy", i);
		fputs("unset logscale y\nset yrange [0:*]\nset ylabel 'GB/s'\n", f);
		write_panel(f, &panel[i], i, RATE, "throughput");
		fputs("set logscale y\nset yrange [*:*]\nset ylabel 's per GB'\n", f);
		write_panel(f, &panel[i], i, COST, cost);
	}
	fputs("unset multiplot\n", f);
}

int bench_plot(struct report *r, const struct bench_rows *rows, const char *path)
{
	struct panel panel[MOST_PANELS];
	unsigned panels = choose_panels(rows, panel, MOST_PANELS);
	int status;
	FILE *f;

	if (!panels)
		return report_error(r, STATUS_ERROR, "add copy to --mode",
				    "--plot: a path to compare to copying is missing");
	f = popen("gnuplot", "we");
	if (!f)
		return report_system_error(r, STATUS_ERROR, -errno, NULL, "start gnuplot: %s",
					   strerror(errno));
	write_script(f, rows, panel, panels, path);
	status = pclose(f);
	if (status)
		return report_error(r, STATUS_ERROR, NULL, "--plot %s: gnuplot failed", path);
	report_line(r, "plot", NULL);
	report_text(r, "plot", path, "");
	return STATUS_OK;
}
