// SPDX-License-Identifier: GPL-2.0-only
/* probe: what is this mapping, and which methods of sending accept it? */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zcdma/probe.h>

#include "applet.h"
#include "cli/xalloc.h"
#include "cli/opts.h"
#include "cli/report_value.h"

#define DEVICE "/dev/zcdma0"

/* Enough to see what a BAR answers; a server has dozens of devices that all answer the same. */
#define PCI_ROWS       4
#define PCI_DEVICES    "/sys/bus/pci/devices"
#define IORESOURCE_MEM 0x200 /* linux/ioport.h */

struct row {
	struct zcdma_probe p;
	bool asked; /* for by name */
};

struct probe {
	struct report *r;
	struct zcdma_ctx *ctx;
	uint64_t bytes, offset;
	int read_device, writable;
	struct row *rows;
	size_t count;
};

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

/*
 * Probing
 */

static struct zcdma_probe *new_row(struct probe *all, bool asked)
{
	struct row *row;

	all->rows = xalloc(reallocarray(all->rows, all->count + 1, sizeof(*all->rows)));
	row = &all->rows[all->count++];
	row->asked = asked;
	return &row->p;
}

static int probe_builtins(struct probe *all)
{
	int rc = 0;

	for (unsigned i = 0; !rc && zcdma_probe_name(i); i++)
		rc = zcdma_probe_builtin(all->ctx, i, new_row(all, false));
	return rc;
}

static int probe_path(struct probe *all, const char *path, bool asked)
{
	unsigned flags = (all->read_device ? ZCDMA_PROBE_READ_DEVICE : 0) |
			 (all->writable ? ZCDMA_PROBE_WRITABLE : 0);
	int rc = 0;

	for (unsigned i = 0; !rc && i < zcdma_probe_count(path); i++)
		rc = zcdma_probe_path(all->ctx, path, i, all->offset, (size_t)all->bytes, flags,
				      new_row(all, asked));
	return rc;
}

/* Only a device of the driver has several models. */
static int probe_device(struct probe *all)
{
	return zcdma_probe_count(DEVICE) > 1 ? probe_path(all, DEVICE, false) : 0;
}

/* Find the first BAR of @device that is memory and can be mapped. Returns false if there is not one. */
static bool find_bar(const char *device, char *path, size_t len)
{
	uint64_t flags;
	bool found = false;
	FILE *f;

	snprintf(path, len, "%s/resource", device);
	f = fopen(path, "re");
	if (!f)
		return false;
	for (int bar = 0; bar < 6 && fscanf(f, "%*x %*x %" SCNx64, &flags) == 1; bar++) {
		snprintf(path, len, "%s/resource%d", device, bar);
		found = flags & IORESOURCE_MEM && !access(path, F_OK);
		if (found)
			break;
	}
	fclose(f);
	return found;
}

static int probe_pci(struct probe *all)
{
	size_t bars = 0, unreadable = 0;
	glob_t devices;
	int rc = 0;

	if (glob(PCI_DEVICES "/*", 0, NULL, &devices))
		return 0;
	for (size_t i = 0; i < devices.gl_pathc && !rc; i++) {
		char path[256];

		if (!find_bar(devices.gl_pathv[i], path, sizeof(path)))
			continue;
		if (access(path, R_OK))
			unreadable++;
		else if (bars++ < PCI_ROWS)
			rc = probe_path(all, path, false);
	}
	globfree(&devices);
	if (unreadable)
		report_note(all->r,
			    "PCI resources of %zu devices are skipped: only root may map them",
			    unreadable);
	if (bars > PCI_ROWS)
		report_note(
			all->r,
			"PCI resources of %zu more devices are skipped; give their names: " PCI_DEVICES
			"/*/resource0",
			bars - PCI_ROWS);
	return rc;
}

static int probe_paths(struct probe *all, const char *const *paths)
{
	int rc = 0;

	while (!rc && *paths)
		rc = probe_path(all, *paths++, true);
	return rc;
}

/*
 * The table
 */

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

static void print_row(const struct probe *all, const struct zcdma_probe *p)
{
	const char *cells[COLUMNS] = { [COLUMN_NAME] = p->name };
	char flags[128];
	char *size = size_cell(p);
	json_t *row;

	if (p->bytes) {
		cells[COLUMN_SIZE] = size;
		cells[COLUMN_FLAGS] =
			or_null(zcdma_vmflags_words(p->vmflags, flags, sizeof(flags)));
	}
	for (int method = 0; p->bytes && method < ZCDMA_METHODS; method++)
		cells[COLUMN_METHODS + method] = answer_label(&p->method[method]);
	row = report_row(all->r, cells);
	free(size);

	for (int method = 0; p->bytes && method < ZCDMA_METHODS; method++)
		set_answer(row, columns[COLUMN_METHODS + method].key, &p->method[method]);
	json_object_set_new(row, "bytes", value_count(p->bytes));
	json_object_set_new(row, "model", value_text(or_null(p->model)));
	json_object_set_new(row, "bounced", json_boolean(p->bounced));
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
static char *mappings_with(const struct probe *all, size_t first, const char *text,
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

static bool has_cause(const struct zcdma_probe *p, const char *text)
{
	return !strcmp(p->cause, text);
}

/* Return true if one of the mappings before @end has it. */
static bool is_said(const struct probe *all, size_t end, const char *text,
		    bool (*has)(const struct zcdma_probe *p, const char *text))
{
	for (size_t i = 0; i < end; i++)
		if (has(&all->rows[i].p, text))
			return true;
	return false;
}

static void print_cause(const struct probe *all, size_t i)
{
	const struct zcdma_probe *p = &all->rows[i].p;
	char *names;

	if (!p->cause[0] || is_said(all, i, p->cause, has_cause))
		return;
	names = mappings_with(all, i, p->cause, has_cause);
	report_paragraph(all->r, "EFAULT, %s: %s. Hint: %s.", names, p->cause, p->hint);
	free(names);
}

static bool is_bounced(const struct zcdma_probe *p, const char *text)
{
	(void)text;
	return p->bounced;
}

static void print_bounced(const struct probe *all)
{
	char *names = mappings_with(all, 0, NULL, is_bounced);

	if (names[0])
		report_paragraph(
			all->r,
			"bounced, %s: the device writes to bounce buffers, from which the kernel copies each block.",
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

static void print_remark(const struct probe *all, size_t i, const struct zcdma_method_result *res)
{
	char *where = mappings_with(all, i, res->text, has_remark), *which;
	unsigned mask = 0;

	for (size_t j = i; j < all->count; j++)
		mask |= methods_with(&all->rows[j].p, res->text);
	which = method_names(mask);
	report_paragraph(all->r, "%s, %s from %s: %s.", answer_label(res), which, where, res->text);
	free(which);
	free(where);
}

static void print_remarks(const struct probe *all, size_t i)
{
	const struct zcdma_probe *p = &all->rows[i].p;

	for (int method = 0; method < ZCDMA_METHODS; method++) {
		const char *text = p->method[method].text;

		/* The first of a mapping's methods speaks for all of them. */
		if (needs_remark(&p->method[method]) &&
		    !(methods_with(p, text) & ((1u << method) - 1)) &&
		    !is_said(all, i, text, has_remark))
			print_remark(all, i, &p->method[method]);
	}
}

/* Find what was asked for by name and cannot be mapped. What is only tried is not an error. */
static const struct row *first_error(const struct probe *all)
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
static void print_absence(const struct probe *all, size_t i)
{
	const struct row *row = &all->rows[i];

	if (!row->p.err || row == first_error(all))
		return;
	/* What keeps a device from being probed is the same for all of its models. */
	if (row->p.model[0] && is_said(all, i, row->p.reason, has_reason))
		return;
	if (row->p.hint[0])
		report_paragraph(all->r, "%s: %s. Hint: %s.", row->p.name, row->p.reason,
				 row->p.hint);
	else
		report_paragraph(all->r, "%s: %s.", row->p.name, row->p.reason);
}

/* Name --read-device if reading was skipped, and not because a socket or a file is missing. */
static void print_read_device(const struct probe *all)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct zcdma_method_result *send = &all->rows[i].p.method[ZCDMA_METHOD_SEND];

		if (!send->text[0] || send->answer != ZCDMA_ANSWER_UNTRIED ||
		    !(methods_with(&all->rows[i].p, send->text) & 1u << ZCDMA_METHOD_DIRECT))
			continue;
		report_paragraph(all->r, "--read-device tries these too.");
		return;
	}
}

/* Registered buffers are left untried if only the mapping prevents it. */
static void print_writable(const struct probe *all)
{
	for (size_t i = 0; i < all->count && !all->writable; i++) {
		const struct row *row = &all->rows[i];
		const struct zcdma_method_result *res = &row->p.method[ZCDMA_METHOD_REGISTERED];

		if (!row->asked || row->p.model[0] || !strstr(res->text, "writable memory only"))
			continue;
		report_paragraph(all->r, "--writable maps it for writing too.");
		return;
	}
}

static void print_all(const struct probe *all)
{
	report_table(all->r, "mappings", columns, COLUMNS);
	for (size_t i = 0; i < all->count; i++)
		print_row(all, &all->rows[i].p);
	for (size_t i = 0; i < all->count; i++)
		print_cause(all, i);
	for (size_t i = 0; i < all->count; i++)
		print_remarks(all, i);
	print_bounced(all);
	print_read_device(all);
	print_writable(all);
	for (size_t i = 0; i < all->count; i++)
		print_absence(all, i);
}

static int probe_all(struct probe *all, const char *const *paths)
{
	int rc = zcdma_new(&all->ctx);
	const struct row *error;

	if (rc)
		return report_error(all->r, STATUS_ERROR, NULL, "start: %s", strerror(-rc));
	if (*paths)
		rc = probe_paths(all, paths);
	else if (!(rc = probe_builtins(all)) && !(rc = probe_device(all)))
		rc = probe_pci(all);
	if (rc)
		return report_ctx_error(all->r, STATUS_ERROR, all->ctx, rc);
	print_all(all);
	error = first_error(all);
	if (error)
		return report_error(all->r, STATUS_ERROR, or_null(error->p.hint), "%s: %s",
				    error->p.name, error->p.reason);
	return STATUS_OK;
}

static bool check_values(struct probe *all, const char *bytes, const char *offset, bool paths)
{
	if (!opts_size(all->r, "--bytes", bytes, &all->bytes))
		return false;
	/* 0 is a good offset, though no good size. */
	if (offset && strcmp(offset, "0") && !opts_size(all->r, "--offset", offset, &all->offset))
		return false;
	if (all->bytes > SIZE_MAX / 2) {
		report_error(all->r, STATUS_ERROR, NULL, "--bytes %s: too large", bytes);
		return false;
	}
	if ((bytes || offset || all->writable) && !paths) {
		report_error(all->r, STATUS_ERROR, NULL, "%s: needs a PATH",
			     bytes    ? "--bytes"
			     : offset ? "--offset"
				      : "--writable");
		return false;
	}
	return true;
}

int probe_main(struct report *r, int argc, char **argv)
{
	struct probe all = { .r = r };
	const char *bytes = NULL, *offset = NULL;
	const struct poptOption table[] = {
		{ "bytes", 0, POPT_ARG_STRING, &bytes, 0,
		  "how much of each PATH (default: 64K, or what there is)", "SIZE" },
		{ "offset", 0, POPT_ARG_STRING, &offset, 0,
		  "where in each PATH to begin, a multiple of the page size", "SIZE" },
		{ "read-device", 0, POPT_ARG_NONE, &all.read_device, 0,
		  "let send, MSG_ZEROCOPY and O_DIRECT read device memory, which can have side effects",
		  NULL },
		{ "writable", 0, POPT_ARG_NONE, &all.writable, 0,
		  "map each PATH for writing too, as io_uring wants it; nothing is written", NULL },
		POPT_TABLEEND,
	};
	struct opts opts = {
		.usage = "[OPTION...] [PATH...]",
		.about =
			"Maps memory of every kind that a process can have, or each PATH (a device, a file), and tries which methods of sending the kernel accepts from there. PATHs are mapped read-only, unless --writable is given.",
		.table = table,
		.max_args = -1,
	};
	int status;

	if (opts_parse(&opts, r, argc, argv, &status)) {
		status = STATUS_ERROR;
		if (check_values(&all, bytes, offset, opts.count > 0))
			status = probe_all(&all, opts.args);
	}
	zcdma_free(all.ctx);
	free(all.rows);
	opts_free(&opts);
	return status;
}
