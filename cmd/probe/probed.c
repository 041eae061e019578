// SPDX-License-Identifier: GPL-2.0-only
/* What probe found: a table of mappings, and the remarks below it, each said once. */
#include "probe/probed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zcdma/util.h>

#include "cli/report_text.h"
#include "cli/report_value.h"
#include "cli/xalloc.h"

enum {
	COLUMN_NAME,
	COLUMN_SIZE,
	COLUMN_METHODS,
	COLUMN_FLAGS = COLUMN_METHODS + ZCDMA_METHODS,
	COLUMNS
};

/* With short headers, so that a table of the builtin mappings fits into 80 columns. */
static const struct report_column columns[COLUMNS] = {
	[COLUMN_NAME] = { "mapping", "mapping" },
	[COLUMN_SIZE] = { "bytes", "size" },
	[COLUMN_METHODS + ZCDMA_METHOD_SEND] = { "send", "send" },
	[COLUMN_METHODS + ZCDMA_METHOD_ZEROCOPY] = { "zerocopy", "zerocopy" },
	[COLUMN_METHODS + ZCDMA_METHOD_VMSPLICE] = { "vmsplice", "vmsplice" },
	[COLUMN_METHODS + ZCDMA_METHOD_DIRECT] = { "direct", "O_DIRECT" },
	[COLUMN_METHODS + ZCDMA_METHOD_REGISTERED] = { "registered", "io_uring" },
	[COLUMN_FLAGS] = { "flags", "flags" },
};

static const char *const answers[] = {
	[ZCDMA_ANSWER_UNTRIED] = "untried",
	[ZCDMA_ANSWER_WORKS] = "works",
	[ZCDMA_ANSWER_FAILS] = "fails",
};

/* Print the size in K if that is a whole number, else in bytes: the column has five places. */
static char *size_cell(const struct zcdma_probe *p)
{
	char *text;
	int n = p->bytes % 1024 ? asprintf(&text, "%zu", p->bytes)
				: asprintf(&text, "%zuK", p->bytes / 1024);

	return xalloc(n < 0 ? NULL : text);
}

/* What is in a cell, and before the remark that explains it. */
static const char *answer_label(const struct zcdma_method_result *res)
{
	if (res->answer == ZCDMA_ANSWER_FAILS)
		return strerrorname_np(res->err) ?: answers[res->answer];
	return res->answer == ZCDMA_ANSWER_WORKS && res->text[0] ? "works*" : answers[res->answer];
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static json_t *count_or_null(uint64_t n)
{
	return n ? value_count(n) : json_null();
}

static json_t *error_name(int err)
{
	return value_text(err ? strerrorname_np(err) : NULL);
}

static void set_answer(json_t *row, const char *key, const struct zcdma_method_result *res)
{
	json_t *object = xalloc(json_object());

	json_object_set_new(object, "answer", value_text(answers[res->answer]));
	json_object_set_new(object, "errno", error_name(res->err));
	json_object_set_new(object, "text", value_text(or_null(res->text)));
	json_object_set_new(row, key, object);
}

/* Name the flags of a mapping, or the error that left it unmapped: the reason is a remark below, or the run's error. */
static const char *flags_cell(const struct zcdma_probe *p, char *buf, size_t len)
{
	if (p->bytes)
		return or_null(zcdma_vmflags_words(p->vmflags, buf, len));
	snprintf(buf, len, "unmapped: %s", strerrorname_np(p->err) ?: "?");
	return p->err ? buf : NULL;
}

static void print_row(struct report *r, const struct zcdma_probe *p)
{
	char flags[128];
	const char *cells[COLUMNS] = {
		[COLUMN_NAME] = p->name,
		[COLUMN_FLAGS] = flags_cell(p, flags, sizeof(flags)),
	};
	char *size = size_cell(p);
	json_t *row;

	if (p->bytes)
		cells[COLUMN_SIZE] = size;
	for (int method = 0; p->bytes && method < ZCDMA_METHODS; method++)
		cells[COLUMN_METHODS + method] = answer_label(&p->method[method]);
	row = report_row(r, cells);
	free(size);
	if (!p->bytes)
		json_object_set_new(row, columns[COLUMN_FLAGS].key, json_null());

	for (int method = 0; p->bytes && method < ZCDMA_METHODS; method++)
		set_answer(row, columns[COLUMN_METHODS + method].key, &p->method[method]);
	json_object_set_new(row, "read_bytes_per_second", count_or_null(p->read_bytes_per_second));
	json_object_set_new(row, "anonymous_bytes_per_second",
			    count_or_null(p->anonymous_bytes_per_second));
	json_object_set_new(row, "sync_read_bytes_per_second",
			    count_or_null(p->sync_read_bytes_per_second));
	json_object_set_new(row, "uncached",
			    p->read_bytes_per_second ? json_boolean(p->uncached) : json_null());
	json_object_set_new(row, "bytes", value_count(p->bytes));
	json_object_set_new(row, "model", value_text(or_null(p->model)));
	json_object_set_new(row, "bounced",
			    p->bytes && p->model[0] ? json_boolean(p->bounced) : json_null());
	json_object_set_new(row, "dma_buf",
			    p->exports < 0 ? json_null() : json_boolean(p->exports));
	json_object_set_new(row, "vmflags", value_text(or_null(p->vmflags)));
	json_object_set_new(row, "errno", error_name(p->err));
	json_object_set_new(row, "reason", value_text(or_null(p->reason)));
	json_object_set_new(row, "cause", value_text(or_null(p->cause)));
	json_object_set_new(row, "hint", value_text(or_null(p->hint)));
}

/*
 * The remarks below it, each said once
 */

/* Methods of @p with this remark. */
static unsigned methods_with(const struct zcdma_probe *p, const char *text)
{
	unsigned mask = 0;

	for (int method = 0; method < ZCDMA_METHODS; method++)
		if (!strcmp(p->method[method].text, text))
			mask |= 1u << method;
	return mask;
}

/* Append to a list with commas. */
static void list(FILE *f, const char *name)
{
	fprintf(f, "%s%s", ftell(f) ? ", " : "", name);
}

/* Names of the mappings from @first on for which @has is true, in a string to free. */
static char *mappings_with(const struct probed *all, size_t first, const char *text,
			   bool (*has)(const struct zcdma_probe *p, const char *text))
{
	char *names;
	size_t size;
	FILE *f = xalloc(open_memstream(&names, &size));

	for (size_t i = first; i < all->count; i++)
		if (has(&all->rows[i].p, text))
			list(f, all->rows[i].p.name);
	fclose(f);
	return xalloc(names);
}

static bool has_remark(const struct zcdma_probe *p, const char *text)
{
	return methods_with(p, text);
}

/* Say that a device maps its memory uncached where it is opened with O_SYNC, and only then. */
static void print_sync(struct report *r, const struct zcdma_probe *p)
{
	char with[32], without[32];

	if (p->uncached || !p->sync_uncached)
		return;
	report_paragraph(
		r,
		"O_SYNC, %s: opened with it, the mapping is uncached: it is read at %s, and at %s without. Hint: open it without O_SYNC, and let the driver synchronize its memory.",
		p->name, text_rate((double)p->sync_read_bytes_per_second, with, sizeof(with)),
		text_rate((double)p->read_bytes_per_second, without, sizeof(without)));
}

/* Say that a mapping is slow to read, with the figures. */
static void print_uncached(struct report *r, const struct zcdma_probe *p)
{
	char here[32], there[32], sync[32], with_sync[80] = "";

	if (!p->uncached)
		return;
	if (p->sync_read_bytes_per_second)
		snprintf(with_sync, sizeof(with_sync), " at %s where it is opened with O_SYNC,",
			 text_rate((double)p->sync_read_bytes_per_second, sync, sizeof(sync)));
	report_paragraph(
		r,
		"uncached, %s: it is read at %s,%s and anonymous memory at %s. Hint: copying from it is as slow; have the driver map cached memory, and synchronize it.",
		p->name, text_rate((double)p->read_bytes_per_second, here, sizeof(here)), with_sync,
		text_rate((double)p->anonymous_bytes_per_second, there, sizeof(there)));
}

static bool has_cause(const struct zcdma_probe *p, const char *text)
{
	return !strcmp(p->cause, text);
}

/* Return true if one of the mappings before @end has it. */
static bool is_said(const struct probed *all, size_t end, const char *text,
		    bool (*has)(const struct zcdma_probe *p, const char *text))
{
	for (size_t i = 0; i < end; i++)
		if (has(&all->rows[i].p, text))
			return true;
	return false;
}

static void print_cause(struct report *r, const struct probed *all, size_t i)
{
	const struct zcdma_probe *p = &all->rows[i].p;
	char *names;

	if (!p->cause[0] || is_said(all, i, p->cause, has_cause))
		return;
	names = mappings_with(all, i, p->cause, has_cause);
	report_paragraph(r, "EFAULT, %s: %s. Hint: %s.", names, p->cause, p->hint);
	free(names);
}

static bool is_bounced(const struct zcdma_probe *p, const char *text)
{
	(void)text;
	return p->bounced;
}

static void print_bounced(struct report *r, const struct probed *all)
{
	char *names = mappings_with(all, 0, NULL, is_bounced);

	if (names[0])
		report_paragraph(
			r,
			"bounced, %s: the device writes to bounce buffers, from which the kernel copies each block.",
			names);
	free(names);
}

static bool is_exported(const struct zcdma_probe *p, const char *text)
{
	(void)text;
	return p->exports > 0;
}

static void print_exported(struct report *r, const struct probed *all)
{
	char *names = mappings_with(all, 0, NULL, is_exported);

	if (names[0])
		report_paragraph(
			r,
			"dma-buf, %s: blocks can be exported to other drivers, as V4L2, DRM and RDMA.",
			names);
	free(names);
}

/* An EFAULT has its cause, unless it says from where on. */
static bool needs_remark(const struct zcdma_method_result *res)
{
	return res->text[0] && !(res->err == EFAULT && !strcmp(res->text, strerror(EFAULT)));
}

/* Names of the methods in @mask, in a string to free. */
static char *method_names(unsigned mask)
{
	char *names;
	size_t size;
	FILE *f = xalloc(open_memstream(&names, &size));

	for (int method = 0; method < ZCDMA_METHODS; method++)
		if (mask & 1u << method)
			list(f, zcdma_method_name(method));
	fclose(f);
	return xalloc(names);
}

static void print_remark(struct report *r, const struct probed *all, size_t i,
			 const struct zcdma_method_result *res)
{
	char *where = mappings_with(all, i, res->text, has_remark), *which;
	unsigned mask = 0;

	for (size_t j = i; j < all->count; j++)
		mask |= methods_with(&all->rows[j].p, res->text);
	which = method_names(mask);
	report_paragraph(r, "%s, %s from %s: %s.", answer_label(res), which, where, res->text);
	free(which);
	free(where);
}

static void print_remarks(struct report *r, const struct probed *all, size_t i)
{
	const struct zcdma_probe *p = &all->rows[i].p;

	for (int method = 0; method < ZCDMA_METHODS; method++) {
		const char *text = p->method[method].text;

		/* The first of a mapping's methods speaks for all of them. */
		if (needs_remark(&p->method[method]) &&
		    !(methods_with(p, text) & ((1u << method) - 1)) &&
		    !is_said(all, i, text, has_remark))
			print_remark(r, all, i, &p->method[method]);
	}
}

/* What is only tried is not an error. */
const struct probed_row *probed_error(const struct probed *all)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->rows[i].asked && all->rows[i].p.err)
			return &all->rows[i];
	return NULL;
}

static bool has_reason(const struct zcdma_probe *p, const char *text)
{
	return !strcmp(p->reason, text);
}

/* Say why a mapping is missing, but for the first error: that is the report's. */
static void print_absence(struct report *r, const struct probed *all, size_t i)
{
	const struct probed_row *row = &all->rows[i];

	if (!row->p.err || row == probed_error(all))
		return;
	/* What keeps a device from being probed is the same for all of its models. */
	if (row->p.model[0] && is_said(all, i, row->p.reason, has_reason))
		return;
	if (row->p.hint[0])
		report_paragraph(r, "%s: %s. Hint: %s.", row->p.name, row->p.reason, row->p.hint);
	else
		report_paragraph(r, "%s: %s.", row->p.name, row->p.reason);
}

/* Name --read-device if reading was skipped, and not because a socket or a file is missing. */
static void print_read_device(struct report *r, const struct probed *all)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct zcdma_method_result *send = &all->rows[i].p.method[ZCDMA_METHOD_SEND];

		if (!send->text[0] || send->answer != ZCDMA_ANSWER_UNTRIED ||
		    !(methods_with(&all->rows[i].p, send->text) & 1u << ZCDMA_METHOD_DIRECT))
			continue;
		report_paragraph(r, "--read-device tries these too.");
		return;
	}
}

/* Registered buffers are left untried if only the mapping prevents it. */
static void print_writable(struct report *r, const struct probed *all)
{
	for (size_t i = 0; i < all->count && !all->writable; i++) {
		const struct probed_row *row = &all->rows[i];
		const struct zcdma_method_result *res = &row->p.method[ZCDMA_METHOD_REGISTERED];

		if (!row->asked || row->p.model[0] || !strstr(res->text, "writable memory only"))
			continue;
		report_paragraph(r, "--writable maps it for writing too.");
		return;
	}
}

void probed_report(const struct probed *all, struct report *r)
{
	report_table(r, "mappings", columns, COLUMNS);
	for (size_t i = 0; i < all->count; i++)
		print_row(r, &all->rows[i].p);
	for (size_t i = 0; i < all->count; i++) {
		print_uncached(r, &all->rows[i].p);
		print_sync(r, &all->rows[i].p);
	}
	for (size_t i = 0; i < all->count; i++)
		print_cause(r, all, i);
	for (size_t i = 0; i < all->count; i++)
		print_remarks(r, all, i);
	print_bounced(r, all);
	print_exported(r, all);
	print_read_device(r, all);
	print_writable(r, all);
	for (size_t i = 0; i < all->count; i++)
		print_absence(r, all, i);
}
