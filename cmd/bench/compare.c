// SPDX-License-Identifier: GPL-2.0-only
/* What changed since an earlier bench, from the document that it wrote. */
#include "bench/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/status.h"
#include "bench/machine.h"
#include "bench/stats.h"
#include "cli/xalloc.h"

struct bench_compare {
	json_t *document;
	json_t *rows;
};

static json_t *find(const struct bench_compare *old, const struct bench_row *row,
		    uint64_t block_bytes)
{
	size_t i;
	json_t *one;

	json_array_foreach(old->rows, i, one)
	{
		const char *mode, *memory;
		json_int_t block;

		if (!json_unpack(one, "{s:s, s:s, s:I}", "mode", &mode, "memory", &memory,
				 "block_bytes", &block) &&
		    !strcmp(mode, bench_mode(row)) && !strcmp(memory, row->memory) &&
		    (uint64_t)block == block_bytes)
			return one;
	}
	return NULL;
}

/* What has to be the same in both, as the document has it. */
static json_t *conditions(const struct bench_job *job, const char *net)
{
	char cpu[128];

	bench_cpu_name(cpu, sizeof(cpu));
	return xalloc(json_pack("{s:i, s:s, s:s, s:i, s:I, s:s, s:i, s:b}", "schema", REPORT_SCHEMA,
				"direction", bench_directions[job->direction], "cpu", cpu, "cpus",
				(int)sysconf(_SC_NPROCESSORS_ONLN), "cache_bytes",
				(json_int_t)bench_cache_bytes(), "net", net, "streams",
				(int)job->streams, "checked", job->check));
}

static int check_conditions(struct report *r, const struct bench_compare *c, const char *path,
			    json_t *here)
{
	const char *key;
	json_t *now;

	json_object_foreach(here, key, now)
	{
		json_t *then = json_object_get(c->document, key);
		char *was = then ? json_dumps(then, JSON_ENCODE_ANY) : NULL;
		char *is = json_dumps(now, JSON_ENCODE_ANY);

		if (!json_equal(now, then))
			report_error(r, STATUS_ERROR,
				     "compare runs that differ in the kernel or in zcdma alone",
				     "--compare %s: %s is %s there, and %s here", path, key,
				     was ? was : "missing", is);
		free(was);
		free(is);
		if (!json_equal(now, then))
			return STATUS_ERROR;
	}
	return STATUS_OK;
}

static int check_rows(struct report *r, const struct bench_compare *c, const char *path,
		      const struct bench_rows *rows)
{
	for (unsigned i = 0; i < rows->count; i++) {
		if (find(c, &rows->row[i], rows->row[i].block_bytes))
			return STATUS_OK;
	}
	return report_error(r, STATUS_ERROR, "give --block, --mode and --memory as for that run",
			    "--compare %s: none of the rows of this run is in it", path);
}

/* Where a document is read from, and the errno of a read that failed, which else looks like the end of the text. */
struct reading {
	int fd, err;
};

static size_t read_more(void *buffer, size_t len, void *data)
{
	struct reading *from = data;
	ssize_t n;

	do
		n = read(from->fd, buffer, len);
	while (n < 0 && errno == EINTR);
	from->err = n < 0 ? errno : 0;
	return n < 0 ? (size_t)-1 : (size_t)n;
}

int bench_compare_load(struct report *r, const char *path, const struct bench_job *job,
		       const struct bench_rows *rows, const char *net, struct bench_compare **old)
{
	struct bench_compare *c = xalloc(calloc(1, sizeof(*c)));
	static const char hint[] = "write one with zcdma bench --json";
	json_error_t error;
	const char *applet;
	json_t *here;
	struct reading from = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
	int status;

	*old = c;
	if (from.fd < 0)
		return report_system_error(r, STATUS_ERROR, -errno, hint, "open %s: %s", path,
					   strerror(errno));
	c->document = json_load_callback(read_more, &from, 0, &error);
	close(from.fd);
	if (from.err)
		return report_system_error(r, STATUS_ERROR, -from.err, hint, "read %s: %s", path,
					   strerror(from.err));
	if (!c->document)
		return report_error(r, STATUS_ERROR, hint,
				    "--compare %s: not a document of bench: line %d: %s", path,
				    error.line, error.text);
	if (json_unpack(c->document, "{s:s, s:o}", "applet", &applet, "rows", &c->rows) ||
	    strcmp(applet, "bench") || !json_is_array(c->rows))
		return report_error(r, STATUS_ERROR, hint, "--compare %s: not a document of bench",
				    path);
	here = conditions(job, net);
	status = check_conditions(r, c, path, here);
	json_decref(here);
	return status ? status : check_rows(r, c, path, rows);
}

void bench_compare_free(struct bench_compare *old)
{
	if (!old)
		return;
	json_decref(old->document);
	free(old);
}

/* The spread of a figure over the repeats of an old row. */
static struct bench_spread old_spread(json_t *row, const char *key)
{
	double values[BENCH_REPEATS_MAX];
	unsigned count = 0;
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(row, "repeats"), i, one)
	{
		json_t *value = json_object_get(one, key);

		if (count < BENCH_REPEATS_MAX && json_is_number(value))
			values[count++] = json_number_value(value);
	}
	return bench_spread_of(values, count);
}

static json_t *ratio(const struct bench_spread *now, const struct bench_spread *then)
{
	double value = now->median / then->median;

	return isfinite(value) ? json_real(value) : json_null();
}

static char *describe(const struct bench_spread *now, const struct bench_spread *then)
{
	char *text;

	if (!now->count || !then->count)
		return NULL;
	xalloc(asprintf(&text, "%.2f%s", now->median / then->median,
			bench_distinct(now, then) ? "" : " (not distinct)") < 0
		       ? NULL
		       : text);
	return text;
}

static void compare_row(struct report *r, const struct bench_row *row, json_t *then)
{
	const bool in = bench_row_direction(row) == BENCH_IN;
	struct bench_spread rate = bench_spread(row, bench_rate);
	struct bench_spread cpu = bench_spread(row, in ? bench_receiver_cpu : bench_sender_cpu);
	struct bench_spread old_rate = old_spread(then, "bytes_per_second");
	struct bench_spread old_cpu =
		old_spread(then, in ? "receiver_cpu_seconds_per_gb" : "sender_cpu_seconds_per_gb");
	char *rate_text = describe(&rate, &old_rate), *cpu_text = describe(&cpu, &old_cpu);
	char block[32];
	json_t *json;

	zcdma_size_format(row->sample[0].block_bytes, block, sizeof(block));
	json = report_row(r, (const char *const[]){ bench_mode(row), row->memory, block, rate_text,
						    cpu_text });
	json_object_set_new(json, "throughput_ratio", ratio(&rate, &old_rate));
	json_object_set_new(json, in ? "receiver_cpu_ratio" : "sender_cpu_ratio",
			    ratio(&cpu, &old_cpu));
	json_object_set_new(json, "block_bytes",
			    json_integer((json_int_t)row->sample[0].block_bytes));
	json_object_set_new(json, "throughput_changed",
			    json_boolean(bench_distinct(&rate, &old_rate)));
	json_object_set_new(json, in ? "receiver_cpu_changed" : "sender_cpu_changed",
			    json_boolean(bench_distinct(&cpu, &old_cpu)));
	free(rate_text);
	free(cpu_text);
}

void bench_compare_show(struct report *r, const struct bench_compare *old,
			const struct bench_rows *rows)
{
	static const struct report_column columns[] = {
		{ "mode", "MODE" },
		{ "memory", "MEMORY" },
		{ "block_bytes", "BLOCK" },
		{ "throughput_ratio", "THROUGHPUT NOW/THEN" },
		{ "sender_cpu_ratio", "SENDER CPU NOW/THEN" },
	};
	static const struct report_column columns_in[] = {
		{ "mode", "MODE" },
		{ "memory", "INTO" },
		{ "block_bytes", "BLOCK" },
		{ "throughput_ratio", "THROUGHPUT NOW/THEN" },
		{ "receiver_cpu_ratio", "RECEIVER CPU NOW/THEN" },
	};

	report_table(r, "comparison", bench_direction(rows) == BENCH_IN ? columns_in : columns, 5);
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];
		json_t *then = row->count ? find(old, row, row->sample[0].block_bytes) : NULL;

		if (then)
			compare_row(r, row, then);
	}
}
