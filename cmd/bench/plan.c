// SPDX-License-Identifier: GPL-2.0-only
/* Which rows there are: paths x memories x block sizes, ways to receive, or what is played. Nothing here knows any of them by name. */
#include "bench/plan.h"

#include <stdlib.h>
#include <string.h>

#include "cli/status.h"
#include "bench/net.h"
#include "bench/play.h"
#include "bench/receive.h"
#include "bench/rows.h"

/* Return true if @list, names with commas or "all", contains @name. */
static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	if (!strcmp(list, "all"))
		return true;
	for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		if (!strncmp(p, name, len) && (p[len] == ',' || !p[len]))
			return true;
	}
	return false;
}

/* Return the @i-th memory of all kinds of source, and its source in *@source; NULL after the last. */
static const char *memory_at(unsigned i, const struct zcdma_source_type **source)
{
	for (unsigned type = 0; (*source = zcdma_source_type_at(type)); type++) {
		for (unsigned m = 0; (*source)->memories && (*source)->memories[m]; m++) {
			if (!i--)
				return (*source)->memories[m];
		}
	}
	return NULL;
}

static const char *path_name(unsigned i)
{
	const struct zcdma_path_type *type = zcdma_path_type_at(i);

	return type ? type->name : NULL;
}

static const char *way_name(unsigned i)
{
	const struct bench_way *way = bench_way_at(i);

	return way ? way->name : NULL;
}

static const char *feed_name(unsigned i)
{
	const struct bench_feed *feed = bench_feed_at(i);

	return feed ? feed->name : NULL;
}

static const char *memory_name(unsigned i)
{
	const struct zcdma_source_type *source;

	return memory_at(i, &source);
}

static bool is_name(const char *(*name)(unsigned i), const char *word, size_t len)
{
	for (unsigned i = 0; name(i); i++) {
		if (strlen(name(i)) == len && !strncmp(name(i), word, len))
			return true;
	}
	return false;
}

/* Each word of @list has to be a name. */
static int check_list(struct report *r, const char *option, const char *list,
		      const char *(*name)(unsigned i))
{
	size_t len;

	if (!strcmp(list, "all"))
		return STATUS_OK;
	for (const char *p = list;; p += len + 1) {
		len = strcspn(p, ",");
		if (!is_name(name, p, len))
			return report_error(r, STATUS_ERROR, "zcdma bench --list prints the names",
					    "%s %s: unknown name \"%.*s\"", option, list, (int)len,
					    p);
		if (!p[len])
			return STATUS_OK;
	}
}

/* The driver's memories are for where it is. */
static bool is_here(const struct zcdma_source_type *source, const char *memories)
{
	return strcmp(memories, "all") || !source->tracks_pages ||
	       zcdma_source_type_of(zcdma_source_default()) == source;
}

int bench_plan(struct report *r, const char *modes, const char *memories,
	       const uint64_t *block_bytes, unsigned count, struct bench_rows *rows)
{
	static struct bench_row row; /* its samples are large */
	int status = check_list(r, "--mode", modes, path_name);

	if (!status)
		status = check_list(r, "--memory", memories, memory_name);
	if (status)
		return status;
	for (unsigned m = 0; (row.memory = memory_at(m, &row.source)); m++) {
		if (!is_listed(memories, row.memory) || !is_here(row.source, memories))
			continue;
		for (unsigned p = 0; (row.path = zcdma_path_type_at(p)); p++) {
			if (!is_listed(modes, row.path->name))
				continue;
			for (unsigned b = 0; b < count; b++) {
				row.block_bytes = block_bytes[b];
				bench_rows_add(rows, &row);
			}
		}
	}
	return STATUS_OK;
}

int bench_plan_in(struct report *r, const char *modes, struct bench_rows *rows)
{
	static struct bench_row row; /* its samples are large */
	int status = check_list(r, "--mode", modes, way_name);

	if (status)
		return status;
	for (unsigned i = 0; (row.way = bench_way_at(i)); i++) {
		row.memory = row.way->into;
		row.block_bytes = row.way->bytes;
		if (is_listed(modes, row.way->name))
			bench_rows_add(rows, &row);
	}
	return STATUS_OK;
}

/* Add the rows of a feed for the paths in @modes that take it. */
static void plan_feed(const struct bench_feed *feed, const char *modes, const uint64_t *block_bytes,
		      unsigned count, struct bench_rows *rows)
{
	static struct bench_row row; /* its samples are large */

	row.feed = feed;
	row.source = zcdma_source_type_of(feed->kind);
	row.memory = feed->name;
	for (unsigned p = 0; (row.path = zcdma_path_type_at(p)); p++) {
		if (!is_listed(modes, row.path->name) || !bench_feed_takes(feed, row.path->name))
			continue;
		for (unsigned b = 0; b < count; b++) {
			row.block_bytes = block_bytes[b];
			bench_rows_add(rows, &row);
		}
	}
}

int bench_plan_play(struct report *r, const char *modes, const char *names,
		    const uint64_t *block_bytes, unsigned count, struct bench_rows *rows)
{
	const struct bench_feed *feed;
	int status = check_list(r, "--mode", modes, path_name);

	if (!status)
		status = check_list(r, "--memory", names, feed_name);
	for (unsigned i = 0; !status && (feed = bench_feed_at(i)); i++) {
		if (is_listed(names, feed->name))
			plan_feed(feed, modes, block_bytes, count, rows);
	}
	return status;
}

/* A header is the name of the option that takes the names: completion goes by that. */
static const struct report_column modes[] = { { "name", "MODE" }, { "summary", "" } };
static const struct report_column ways[] = { { "name", "MODE" },
					     { "summary", "OF --direction=in" } };
static const struct report_column memories[] = { { "name", "MEMORY" }, { "summary", "" } };
static const struct report_column feeds[] = { { "name", "MEMORY" },
					      { "summary", "OF --direction=play" } };
static const struct report_column networks[] = { { "name", "NET" }, { "summary", "" } };

/* What the memories are; coherent memory and the [vvar] are those that fail. */
static const char *const about_memory[][2] = {
	{ "anon", "sim: anonymous memory in small pages" },
	{ "memfd", "sim: a memfd in small pages, which can be spliced and sent as a file too" },
	{ "huge", "sim: huge pages, of the administrator's pool or as the kernel grants them" },
	{ "file", "sim: the page cache of a file without a name" },
	{ "vvar",
	  "sim: the kernel's [vvar], mapped without pages, which nothing writes to: only copies are sent" },
	{ "coherent", "dev: DMA memory, mapped without pages: only copies are sent" },
	{ "pages", "dev: single pages, which every way of sending accepts" },
	{ "compound", "dev: compound pages, which every way of sending accepts" },
	{ "scatter", "dev: compound pages of decreasing size, which every way of sending accepts" },
};

static const char *summary_of_memory(const char *name, const struct zcdma_source_type *source)
{
	for (size_t i = 0; i < sizeof(about_memory) / sizeof(about_memory[0]); i++) {
		if (!strcmp(about_memory[i][0], name))
			return about_memory[i][1];
	}
	return source->summary;
}

void bench_list(struct report *r)
{
	const char *name;
	const struct zcdma_source_type *source;
	const struct bench_feed *feed;
	const struct bench_net *net;
	const struct bench_way *way;

	report_table(r, "modes", modes, 2);
	for (unsigned i = 0; path_name(i); i++)
		report_row(r,
			   (const char *const[]){ path_name(i), zcdma_path_type_at(i)->summary });
	report_table(r, "ways", ways, 2);
	for (unsigned i = 0; (way = bench_way_at(i)); i++)
		report_row(r, (const char *const[]){ way->name, way->summary });
	report_table(r, "memories", memories, 2);
	for (unsigned i = 0; (name = memory_at(i, &source)); i++)
		report_row(r, (const char *const[]){ name, summary_of_memory(name, source) });
	report_table(r, "feeds", feeds, 2);
	for (unsigned i = 0; (feed = bench_feed_at(i)); i++)
		report_row(r, (const char *const[]){ feed->name, feed->summary });
	report_table(r, "nets", networks, 2);
	for (unsigned i = 0; (net = bench_net_at(i)); i++)
		report_row(r, (const char *const[]){ net->name, net->summary });
}
