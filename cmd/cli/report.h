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

bool report_is_quiet(const struct report *r);
bool report_is_verbose(const struct report *r);

/* "zcdma APPLET: SENTENCE" on stderr, or an entry of "notes". Not with -q. */
void report_note(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same with -q too: what a person must not overlook. */
void report_warn(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, only with -v. */
void report_verbose(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The run failed: "zcdma APPLET: SENTENCE", then the cure @hint on a line of its own unless NULL.
 * Only the first error of a run is reported; the later ones follow from it. Returns @status.
 */
int report_error(struct report *r, int status, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * The same for an error with a number, @rc (negative errno), whose name goes into the document.
 * Returns
 * @status or, for what this machine cannot do (-EOPNOTSUPP, -ENOSYS), STATUS_IMPOSSIBLE.
 */
int report_system_error(struct report *r, int status, int rc, const char *hint, const char *fmt,
			...) __attribute__((format(printf, 5, 6)));

/* The same for a library call's error, with the context's sentence and hint. */
int report_ctx_error(struct report *r, int status, const struct zcdma_ctx *ctx, int rc);

/*
 * A line of the report, "  LABEL   TEXT", and the same values in the JSON document, in one call.
 * @fmt holds text and conversions, each with its JSON key in braces (which is not printed):
 *
 *	%B{key_bytes}	uint64_t: "1.50 GiB"		%N{key}		uint64_t: "1024"
 *	%T{key_seconds}	double: "0.312 s"		%L{key_ns}	uint64_t: "210 us"
 *	%R{key_bytes_per_second}  double: "3.44 GB/s"	%D{key}		double: "0.34"
 *	%S{key}		const char *, NULL is null	%F{key}		int: "yes" or "no", true or false; less than 0: "-", null
 *	%%
 *
 * REPORT_UNKNOWN as a uint64_t, and a double that is not finite, are "-" and null.
 *
 * A @label of NULL puts values into the JSON document only.
 */
#define REPORT_UNKNOWN UINT64_MAX

void report_line(struct report *r, const char *label, const char *fmt, ...);

/* A table, or an array of objects under @key. NULL headers: columns for JSON only; NULL keys: for text. */
/* The array of columns has to outlive the report. */
struct report_column {
	const char *key;
	const char *header;
};

void report_table(struct report *r, const char *key, const struct report_column *columns,
		  unsigned count);

/*
 * Add a row to the table begun last; NULL cells are null, and "-" in text. Returns the row's JSON
 * object, which the report owns, for values that are no strings.
 */
json_t *report_row(struct report *r, const char *const cells[]);

/* Let a cell of the row added last stand out on a terminal. */
void report_mark(struct report *r, unsigned column);

/* An empty array under @key, for the JSON document only. The report owns it. */
json_t *report_array(struct report *r, const char *key);

/* A paragraph under the lines and tables, wrapped to the terminal; text only. */
void report_paragraph(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Print everything. Returns @status, or STATUS_ERROR where @status was 0 and the report could not
 * be written.
 */
int report_finish(struct report *r, int status);

#endif
