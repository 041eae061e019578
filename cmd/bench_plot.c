// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sweep as a picture, drawn by gnuplot, to which it goes as a script on standard input: throughput
 * above, CPU time below, against the size of a block, both logarithmic.
 */
#include "bench_plot.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "applet.h"
#include "bench_show.h"

int bench_plot_check(struct report *r, bool sweep)
{
	if (!sweep)
		return report_error(r, STATUS_ERROR, NULL,
				    "--plot draws a sweep: add --sweep=block");
	if (system("gnuplot --version >/dev/null 2>&1"))
		return report_error(
			r, STATUS_IMPOSSIBLE,
			"install gnuplot (Debian: gnuplot-nox), or take the table, or --json",
			"--plot: there is no gnuplot here");
	return STATUS_OK;
}

static void write_point(FILE *f, const struct bench_rows *rows, const struct bench_row *row)
{
	fprintf(f, "%" PRIu64 " %g %g\n", row->sample[0].block_bytes,
		bench_spread(row, bench_rate).median / 1e9, bench_cost(rows, row));
}

static void write_data(FILE *f, const struct bench_rows *rows)
{
	unsigned line = 0;

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (bench_begins_line(rows, i))
			fprintf(f, "%s$line%u << END\n", line ? "END\n" : "", line), line++;
		if (!row->count || !bench_sends(row))
			continue;
		write_point(f, rows, row);
	}
	fprintf(f, "%s", line ? "END\n" : "");
}

static void write_plot(FILE *f, const struct bench_rows *rows, unsigned crossings, unsigned column)
{
	unsigned line = 0;

	fprintf(f, "plot ");
	for (unsigned i = 0; i < rows->count; i++) {
		if (!bench_begins_line(rows, i))
			continue;
		fprintf(f,
			"%s$line%u using 1:%u with linespoints lw 2 pt 7 ps 0.4 title \"%s, %s\"",
			line ? ", " : "", line, column, rows->row[i].path->name,
			rows->row[i].memory);
		line++;
	}
	if (crossings)
		fprintf(f,
			", $crossings using 1:%u with points pt 6 ps 2 lw 2 lc rgb '#000000' title 'from here on cheaper than copying'",
			column);
	fprintf(f, "\n");
}

/* One tic for each size of a block. */
static void write_tics(FILE *f, const struct bench_rows *rows)
{
	char size[32];

	fputs("set xtics (", f);
	for (unsigned i = 0; i < rows->count; i++) {
		uint64_t block = rows->row[i].block_bytes;

		fprintf(f, "%s\"%s\" %" PRIu64, i ? ", " : "",
			zcdma_size_format(block, size, sizeof(size)), block);
	}
	fputs(")\n", f);
}

/* Where a path begins to cost less than copying: points on its lines. How many. */
static unsigned write_crossings(FILE *f, const struct bench_rows *rows)
{
	unsigned count = 0;

	fputs("$crossings << END\n", f);
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (!row->count || bench_crossing(rows, row) != row->sample[0].block_bytes)
			continue;
		write_point(f, rows, row);
		count++;
	}
	fputs("END\n", f);
	return count;
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

static void write_script(FILE *f, const struct bench_rows *rows, const char *path)
{
	unsigned crossings;

	fputs("set terminal svg size 900,900 background '#ffffff' enhanced font 'sans,13'\nset output ",
	      f);
	write_quoted(f, path);
	fputs("\n"
	      "set multiplot layout 2,1 title 'zcdma bench: what a block costs'\n"
	      "set logscale x 2\n"
	      "set lmargin 10\nset rmargin 6\n"
	      "set xlabel 'size of a block'\n"
	      "set grid\n"
	      "set key below\n",
	      f);
	write_tics(f, rows);
	write_data(f, rows);
	crossings = write_crossings(f, rows);
	fputs("set ylabel 'throughput, GB/s'\nset yrange [0:*]\n", f);
	write_plot(f, rows, crossings, 2);
	fprintf(f, "set ylabel 'CPU %s, s per GB'\nset logscale y\nset yrange [*:*]\n",
		bench_cost_whose(rows));
	write_plot(f, rows, crossings, 3);
	fputs("unset multiplot\n", f);
}

int bench_plot(struct report *r, const struct bench_rows *rows, const char *path)
{
	FILE *f = popen("gnuplot", "we");
	int status;

	if (!f)
		return report_system_error(r, STATUS_ERROR, -errno, NULL, "start gnuplot: %s",
					   strerror(errno));
	write_script(f, rows, path);
	status = pclose(f);
	if (status)
		return report_error(r, STATUS_ERROR, NULL, "gnuplot could not draw %s", path);
	report_line(r, "plot", "%S{plot}", path);
	return STATUS_OK;
}
