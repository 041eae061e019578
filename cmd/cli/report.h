/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A run's report: what an applet says, once, as text for a person or as one JSON document.
 *
 * In text mode notes and errors go to stderr at once and lines to the report's stream at the end.
 * With --json nothing is printed until report_finish() writes the one document that holds it all.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include <zcdma.h>

/* Version of the JSON document; see zcdma(1) for when it changes. */
#define REPORT_SCHEMA 1

struct report;

/* @applet NULL: zcdma itself. The caller frees it with report_free(). */
struct report *report_new(const char *applet);
void report_free(struct report *r);

/* Set by the options. Quiet: errors only. */
void report_set_mode(struct report *r, bool json, bool quiet, bool verbose);

/* Where data goes to stdout, the report goes to stderr. */
void report_use_stderr(struct report *r, bool use);

/* One JSON value a line, the document too: report_print_object() prints others before it. */
void report_use_lines(struct report *r);

const char *report_applet(const struct report *r);
bool report_is_quiet(const struct report *r);
bool report_is_json(const struct report *r);
bool report_is_verbose(const struct report *r);

/* "zcdma APPLET: MESSAGE" on stderr, or an entry of "notes". Not with -q. */
void report_note(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same with -q too: what a person must not overlook. */
void report_warn(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, only with -v. */
void report_verbose(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The run failed: "zcdma APPLET: MESSAGE", then @hint on a line of its own unless NULL.
 * Only the first error of a run is reported; the later ones follow from it. Returns @status.
 */
int report_error(struct report *r, int status, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * The same for an error with a number, @rc (negative errno), whose name goes into the document.
 * Returns @status or, for what this machine cannot do (-EOPNOTSUPP, -ENOSYS), STATUS_IMPOSSIBLE.
 */
int report_system_error(struct report *r, int status, int rc, const char *hint, const char *fmt,
			...) __attribute__((format(printf, 5, 6)));

/* The same for an error of a library call, with the context's message and hint. */
int report_ctx_error(struct report *r, int status, const struct zcdma_ctx *ctx, int rc);

/*
 * Print at once to standard error, unless quiet, that connections or datagrams are taken at @where, which was @asked for. With
 * --json too, but where the document goes there: then only where the kernel chose the port, which is needed before the end.
 */
void report_listening(const struct report *r, const char *where, const char *asked);

/*
 * Begin a line of the report, "  LABEL   BEFORE", with @before NULL for nothing. The values that
 * follow are printed in it. With @label NULL they are in the JSON document only.
 */
void report_line(struct report *r, const char *label, const char *before);

/*
 * Add a value to the JSON document under @key, and to the line begun last, with the text @after.
 * REPORT_UNKNOWN, NULL and a double that is not finite are null, and "-" in text.
 */
#define REPORT_UNKNOWN UINT64_MAX

/* "1024" */
void report_count(struct report *r, const char *key, uint64_t count, const char *after);

/* "1.50 GiB" */
void report_bytes(struct report *r, const char *key, uint64_t bytes, const char *after);

/* "210 us" */
void report_nanoseconds(struct report *r, const char *key, uint64_t ns, const char *after);

/* "0.312 s" */
void report_seconds(struct report *r, const char *key, double seconds, const char *after);

/* "3.44 GB/s"; unknown where @seconds is 0. */
void report_rate(struct report *r, const char *key, uint64_t bytes, double seconds,
		 const char *after);

/* "0.34" */
void report_number(struct report *r, const char *key, double value, const char *after);

void report_text(struct report *r, const char *key, const char *text, const char *after);

/* "yes" or "no"; less than 0 is unknown. */
void report_flag(struct report *r, const char *key, int flag, const char *after);

/*
 * Any other value. Put @value, which is consumed, into the document, and print it as @text, or as "-" where it is
 * null, in the line begun last.
 */
void report_value(struct report *r, const char *key, json_t *value, const char *text,
		  const char *after);

/*
 * Begin a table, which is an array of objects under @key. A column without a header is for JSON only, one
 * without a key for text only. The array of columns has to outlive the report.
 */
struct report_column {
	const char *key;
	const char *header;
};

void report_table(struct report *r, const char *key, const struct report_column *columns,
		  unsigned count);

/*
 * Add a row to the table begun last; NULL cells are null, and "-" in text. Returns the row's JSON
 * object, which the report owns, for values other than strings.
 */
json_t *report_row(struct report *r, const char *const cells[]);

/* Let a cell of the row added last stand out on a terminal. */
void report_mark(struct report *r, unsigned column);

/* An empty array under @key, for the JSON document only. The report owns it. */
json_t *report_array(struct report *r, const char *key);

/* A paragraph under the lines and tables, wrapped to the terminal; text only. */
void report_paragraph(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print @object at once, on a line where the document goes: with --json and report_use_lines() only. */
void report_print_object(const struct report *r, const json_t *object);

/*
 * Print everything. Returns @status, or STATUS_ERROR where @status was 0 and the report could not
 * be written.
 */
int report_finish(struct report *r, int status);

#endif
