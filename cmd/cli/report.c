// SPDX-License-Identifier: GPL-2.0-only
/* A run's report: kept as a JSON document and as text, of which one is printed at the end. */
#include <errno.h>
#include <libsmartcols.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "cli/status.h"
#include "cli/xalloc.h"
#include "cli/report_text.h"
#include "cli/report_value.h"

/* Between the columns of a table. */
#define GAP "  "

/* Columns of a terminal that a table's last column takes at least where its lines are broken to fit. */
#define NARROWEST 16

struct report {
	const char *applet; /* NULL: zcdma itself */
	bool json, quiet, verbose, to_stderr, lines_of_json;

	json_t *document; /* in the order in which it is printed */
	json_t *notes;
	json_t *error; /* or NULL */

	struct libscols_table *lines;
	struct libscols_line *line; /* the last one, or NULL: its values are not shown */
	struct libscols_table **tables;
	size_t table_count;
	json_t *rows; /* of the last table, with its columns */
	const struct report_column *columns;
	unsigned column_count;
	char *paragraphs;
};

__attribute__((format(printf, 1, 0))) static char *vformat(const char *fmt, va_list ap)
{
	char *text;

	return xalloc(vasprintf(&text, fmt, ap) < 0 ? NULL : text);
}

__attribute__((format(printf, 1, 2))) static char *format(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = vformat(fmt, ap);
	va_end(ap);
	return text;
}

struct report *report_new(const char *applet)
{
	struct report *r = xalloc(calloc(1, sizeof(*r)));

	r->applet = applet;
	r->document = xalloc(json_object());
	r->notes = xalloc(json_array());
	json_object_set_new(r->document, "schema", value_count(REPORT_SCHEMA));
	json_object_set_new(r->document, "applet", value_text(applet));
	json_object_set_new(r->document, "version", value_text(ZCDMA_VERSION));

	r->lines = xalloc(scols_new_table());
	scols_table_enable_noheadings(r->lines, 1);
	scols_table_set_column_separator(r->lines, "   ");
	xalloc(scols_table_new_column(r->lines, "label", 0, 0));
	xalloc(scols_table_new_column(r->lines, "text", 0, 0));
	return r;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	json_decref(r->document);
	json_decref(r->notes);
	json_decref(r->error);
	scols_unref_table(r->lines);
	for (size_t i = 0; i < r->table_count; i++)
		scols_unref_table(r->tables[i]);
	free(r->tables);
	free(r->paragraphs);
	free(r);
}

void report_set_mode(struct report *r, bool json, bool quiet, bool verbose)
{
	r->json = json;
	r->quiet = quiet;
	r->verbose = verbose;
}

void report_use_stderr(struct report *r, bool use)
{
	r->to_stderr = use;
}

/* Check whether the port of an address, before its options, is 0. */
static bool has_port_0(const char *address)
{
	const char *end = strchrnul(address, ','), *port = end;

	while (port > address && port[-1] == '0')
		port--;
	return port < end && port > address && port[-1] == ':';
}

void report_listening(const struct report *r, const char *where, const char *asked)
{
	if (!r->quiet && (!r->json || !r->to_stderr || has_port_0(asked)))
		fprintf(stderr, "zcdma %s: listening on %s\n", r->applet, where);
}

void report_use_lines(struct report *r)
{
	r->lines_of_json = true;
}

const char *report_applet(const struct report *r)
{
	return r->applet;
}

bool report_is_json(const struct report *r)
{
	return r->json;
}

bool report_is_quiet(const struct report *r)
{
	return r->quiet;
}

bool report_is_verbose(const struct report *r)
{
	return r->verbose;
}

/* One call, so that lines of processes that share a terminal or a file do not mix. */
static void say(const struct report *r, const char *message, const char *hint)
{
	char *text = text_clean(xalloc(strdup(message)));
	char *advice = text_clean(xalloc(strdup(hint ? hint : "")));

	fprintf(stderr, "zcdma%s%s: %s\n%s%s%s", r->applet ? " " : "", r->applet ? r->applet : "",
		text, hint ? "  " : "", advice, hint ? "\n" : "");
	free(advice);
	free(text);
}

__attribute__((format(printf, 3, 0))) static void vnote(struct report *r, bool print,
							const char *fmt, va_list ap)
{
	char *message = vformat(fmt, ap);

	json_array_append_new(r->notes, value_text(message));
	if (print && !r->json)
		say(r, message, NULL);
	free(message);
}

void report_note(struct report *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vnote(r, !r->quiet, fmt, ap);
	va_end(ap);
}

void report_warn(struct report *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vnote(r, true, fmt, ap);
	va_end(ap);
}

void report_verbose(struct report *r, const char *fmt, ...)
{
	va_list ap;

	if (!r->verbose)
		return;
	va_start(ap, fmt);
	vnote(r, !r->quiet, fmt, ap);
	va_end(ap);
}

static int fail(struct report *r, int status, const char *errname, const char *hint,
		const char *message)
{
	if (r->error)
		return status;
	r->error = xalloc(json_object());
	json_object_set_new(r->error, "message", value_text(message));
	json_object_set_new(r->error, "hint", value_text(hint));
	json_object_set_new(r->error, "status", value_count(status));
	json_object_set_new(r->error, "errno", value_text(errname));
	if (!r->json)
		say(r, message, hint);
	return status;
}

int report_error(struct report *r, int status, const char *hint, const char *fmt, ...)
{
	char *message;
	va_list ap;

	va_start(ap, fmt);
	message = vformat(fmt, ap);
	va_end(ap);
	fail(r, status, NULL, hint, message);
	free(message);
	return status;
}

int report_system_error(struct report *r, int status, int rc, const char *hint, const char *fmt,
			...)
{
	char *message;
	va_list ap;

	va_start(ap, fmt);
	message = vformat(fmt, ap);
	va_end(ap);
	if (rc == -EOPNOTSUPP || rc == -ENOSYS)
		status = STATUS_IMPOSSIBLE;
	if (rc == -EMFILE && !hint)
		hint = "raise the limit on open files (ulimit -n)";
	status = fail(r, status, strerrorname_np(-rc), hint, message);
	free(message);
	return status;
}

int report_ctx_error(struct report *r, int status, const struct zcdma_ctx *ctx, int rc)
{
	return report_system_error(r, status, rc, zcdma_hint(ctx), "%s", zcdma_error(ctx));
}

void report_line(struct report *r, const char *label, const char *before)
{
	r->line = NULL;
	if (!label)
		return;
	r->line = xalloc(scols_table_new_line(r->lines, NULL));
	scols_line_refer_data(r->line, 0, format("  %s", label));
	scols_line_set_data(r->line, 1, before ? before : "");
}

void report_value(struct report *r, const char *key, json_t *value, const char *text,
		  const char *after)
{
	json_object_set_new(r->document, key, value);
	if (r->line)
		scols_line_refer_data(r->line, 1,
				      format("%s%s%s",
					     scols_cell_get_data(scols_line_get_cell(r->line, 1)),
					     json_is_null(value) ? "-" : text, after));
}

void report_table(struct report *r, const char *key, const struct report_column *columns,
		  unsigned count)
{
	struct libscols_table *table = xalloc(scols_new_table());

	scols_table_set_column_separator(table, GAP);
	for (unsigned i = 0; i < count; i++)
		xalloc(scols_table_new_column(table, columns[i].header ? columns[i].header : "", 0,
					      columns[i].header ? 0 : SCOLS_FL_HIDDEN));
	r->tables = xalloc(reallocarray(r->tables, r->table_count + 1, sizeof(*r->tables)));
	r->tables[r->table_count++] = table;
	r->columns = columns;
	r->column_count = count;
	r->rows = xalloc(json_array());
	json_object_set_new(r->document, key, r->rows);
}

json_t *report_row(struct report *r, const char *const cells[])
{
	struct libscols_table *table = r->tables[r->table_count - 1];
	struct libscols_line *line = xalloc(scols_table_new_line(table, NULL));
	json_t *row = xalloc(json_object());

	for (unsigned i = 0; i < r->column_count; i++) {
		scols_line_set_data(line, i, cells[i] ? cells[i] : "-");
		json_object_set_new(row, r->columns[i].key, value_text(cells[i]));
	}
	json_array_append_new(r->rows, row);
	return row;
}

void report_mark(struct report *r, unsigned column)
{
	struct libscols_table *table = r->tables[r->table_count - 1];
	struct libscols_line *line = scols_table_get_line(table, scols_table_get_nlines(table) - 1);

	scols_cell_set_color(scols_line_get_cell(line, column), "bold");
}

json_t *report_array(struct report *r, const char *key)
{
	json_t *array = xalloc(json_array());

	json_object_set_new(r->document, key, array);
	return array;
}

void report_paragraph(struct report *r, const char *fmt, ...)
{
	char *text, *all;
	va_list ap;

	va_start(ap, fmt);
	text = vformat(fmt, ap);
	va_end(ap);
	all = format("%s%s%s", r->paragraphs ? r->paragraphs : "", r->paragraphs ? "\n\n" : "",
		     text);
	free(r->paragraphs);
	free(text);
	r->paragraphs = all;
}

/* Return false if no column has a header: then the table is for the JSON document only. */
static bool shows_a_column(struct libscols_table *table)
{
	for (size_t i = 0; i < scols_table_get_ncols(table); i++) {
		if (!scols_column_is_hidden(scols_table_get_column(table, i)))
			return true;
	}
	return false;
}

/* no-color.org; and terminfo's "dumb" cannot. */
static bool wants_color(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no && *no) && term && *term && strcmp(term, "dumb");
}

/* Return where the last column of a table that was printed begins. */
static unsigned last_column(struct libscols_table *table)
{
	size_t count = scols_table_get_ncols(table), at = 0;

	for (size_t i = 0; i + 1 < count; i++) {
		const struct libscols_column *column = scols_table_get_column(table, i);

		if (!scols_column_is_hidden(column))
			at += scols_column_get_width(column) + strlen(GAP);
	}
	return (unsigned)at;
}

/* Print to @f what libsmartcols makes of a table, with the last column in lines that fit @width columns. */
static void print_broken(struct libscols_table *table, FILE *f, unsigned width)
{
	unsigned indent;
	char *text;

	if (scols_print_table_to_string(table, &text))
		xalloc(NULL);
	indent = last_column(table);
	if (indent + NARROWEST > width)
		width = UINT_MAX;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		size_t len = text_bytes(line, indent);

		fwrite(line, 1, len, f);
		text_wrap(f, line + len, indent, width);
	}
	free(text);
}

static void print_table(struct libscols_table *table, FILE *f, FILE *screen)
{
	bool terminal = isatty(fileno(screen));
	size_t last = scols_table_get_ncols(table) - 1;

	if (!scols_table_get_nlines(table) || !shows_a_column(table))
		return;
	if (ftell(f) > 0)
		fputc('\n', f);
	scols_table_set_stream(table, f);
	scols_table_enable_colors(table, terminal && wants_color());
	/*
	 * libsmartcols is never told of a terminal: its 2.39 does not return for some tables with a column
	 * that it is to wrap (SCOLS_FL_WRAP).
	 */
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	/* A cell of a table would break the lines below it; a line is the terminal's to break. */
	if (terminal && !scols_table_is_noheadings(table) &&
	    !scols_column_is_hidden(scols_table_get_column(table, last)))
		print_broken(table, f, text_width(screen));
	else
		scols_print_table(table);
}

/* Print to @f what goes to @screen. */
static void print_text(const struct report *r, FILE *f, FILE *screen)
{
	print_table(r->lines, f, screen);
	for (size_t i = 0; i < r->table_count; i++)
		print_table(r->tables[i], f, screen);
	if (!r->paragraphs)
		return;
	if (ftell(f) > 0)
		fputc('\n', f);
	text_wrap(f, r->paragraphs, 0, text_width(screen));
}

static void print_json(struct report *r, FILE *f, int status)
{
	json_object_set(r->document, "notes", r->notes);
	json_object_set(r->document, "error", r->error ? r->error : json_null());
	json_object_set_new(r->document, "exit_status", value_count(status));
	json_dumpf(r->document, f,
		   (r->lines_of_json ? JSON_COMPACT : JSON_INDENT(2)) | JSON_REAL_PRECISION(15));
	fputc('\n', f);
}

void report_print_object(const struct report *r, const json_t *object)
{
	FILE *f = r->to_stderr ? stderr : stdout;
	char *text = xalloc(json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)));

	/* What cannot be written is found at the end, where it has a status. */
	fprintf(f, "%s\n", text);
	fflush(f);
	free(text);
}

int report_finish(struct report *r, int status)
{
	FILE *screen = r->to_stderr ? stderr : stdout;
	size_t size;
	char *text, *message;
	FILE *f = xalloc(open_memstream(&text, &size));

	if (r->json)
		print_json(r, f, status);
	else if (!r->quiet)
		print_text(r, f, screen);
	fclose(f);

	errno = EIO; /* unless the calls below know better */
	if (fputs(xalloc(text), screen) == EOF || fflush(screen) || ferror(screen)) {
		message = format("writing the report: %s", strerror(errno));
		say(r, message, NULL);
		free(message);
		status = status ? status : STATUS_ERROR;
	}
	free(text);
	return status;
}
