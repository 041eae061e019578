// SPDX-License-Identifier: GPL-2.0-only
/* What a bench means, in words. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "bench_show.h"

/* Rows this near to the fastest one count as fast: what they cost decides. */
#define FAST 0.9

/* What everything is compared to: a path that needs memory alone, and no receiver of a kind. */
static const struct bench_row *plain_row(const struct bench_rows *rows,
					 const struct bench_row *like)
{
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count && row->path->needs == ZCDMA_NEEDS_MEMORY &&
		    row->memory == like->memory && row->block_bytes == like->block_bytes)
			return row;
	}
	return NULL;
}

/*
 * All CPUs are what an operator pays for; but a run too short to tell that of one row makes it no measure
 * for any: then it is the sender's.
 */
static bench_figure *cost_of_all(const struct bench_rows *rows)
{
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count && bench_sends(row) &&
		    isnan(bench_spread(row, bench_system_cpu).median))
			return bench_sender_cpu;
	}
	return bench_system_cpu;
}

static double cost_of(const struct bench_rows *rows, const struct bench_row *row)
{
	return bench_spread(row, cost_of_all(rows)).median;
}

static const char *whose_cost(const struct bench_rows *rows)
{
	return cost_of_all(rows) == bench_system_cpu ? "the whole system" : "the sender";
}

static const struct bench_row *fastest(const struct bench_rows *rows)
{
	const struct bench_row *best = NULL;

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count && bench_sends(row) &&
		    (!best ||
		     bench_spread(row, bench_rate).median > bench_spread(best, bench_rate).median))
			best = row;
	}
	return best;
}

static const struct bench_row *cheapest_fast(const struct bench_rows *rows)
{
	const struct bench_row *fast = fastest(rows), *best = fast;

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count && bench_sends(row) &&
		    bench_spread(row, bench_rate).median >=
			    FAST * bench_spread(fast, bench_rate).median &&
		    cost_of(rows, row) < cost_of(rows, best))
			best = row;
	}
	return best;
}

static void tell_best(struct report *r, const struct bench_rows *rows, const char *net)
{
	const struct bench_row *best = cheapest_fast(rows), *plain;
	struct bench_spread a, b;
	char size[32], whole[48] = "";

	report_paragraph(
		r,
		"Over %s, in blocks of %s: %s from %s memory, with %.2f GB/s for %.3f CPU seconds per GB in %s, is the cheapest of the fastest.",
		net, zcdma_size_format(best->sample[0].block_bytes, size, sizeof(size)),
		best->path->name, best->memory, bench_spread(best, bench_rate).median / 1e9,
		cost_of(rows, best), whose_cost(rows));
	report_line(r, NULL, "%S{best_mode}%S{best_memory}", best->path->name, best->memory);
	plain = plain_row(rows, best);
	if (!plain || plain == best)
		return;
	a = bench_spread(best, bench_rate);
	b = bench_spread(plain, bench_rate);
	if (cost_of_all(rows) == bench_system_cpu)
		snprintf(whole, sizeof(whole), " and %.2f of the system's",
			 cost_of(rows, best) / cost_of(rows, plain));
	if (!bench_distinct(&a, &b))
		report_paragraph(
			r,
			"Too noisy to tell its throughput from that of %s: more --repeat, longer --seconds, or a quieter machine may.",
			plain->path->name);
	else
		report_paragraph(
			r,
			"That is %.2f times the throughput of %s from the same memory, at %.2f of the sender's CPU%s.",
			a.median / b.median, plain->path->name,
			bench_spread(best, bench_sender_cpu).median /
				bench_spread(plain, bench_sender_cpu).median,
			whole);
}

static void tell_fallback(struct report *r, const struct bench_rows *rows)
{
	for (unsigned i = 0; i < rows->count; i++) {
		double share = bench_spread(&rows->row[i], bench_fell_back).median;

		if (!rows->row[i].count || isnan(share) || share < 0.5)
			continue;
		report_paragraph(
			r,
			"%s fell back: the kernel copied %.0f %% of what it was asked not to, as it does where the receiver is on this machine. Over a network card, or --net=blackhole, it need not.",
			rows->row[i].path->name, share * 100);
		return;
	}
}

/* Did a path that does not copy run from this memory? Then it has pages. */
static bool has_pages(const struct bench_rows *rows, const char *memory)
{
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count && row->memory == memory && bench_sends(row) &&
		    row->path->needs != ZCDMA_NEEDS_MEMORY)
			return true;
	}
	return false;
}

static void tell_fault(struct report *r, const struct bench_rows *rows)
{
	for (unsigned i = 0; i < rows->count; i++) {
		if (rows->row[i].failed.rc != -EFAULT || has_pages(rows, rows->row[i].memory))
			continue;
		report_paragraph(
			r,
			"Bad address: %s has no pages (VM_PFNMAP), so only what copies can send it. That is what most drivers' mappings answer; \"zcdma probe /dev/DRIVER\" tells.",
			rows->row[i].memory);
		return;
	}
}

static bool same_line(const struct bench_row *a, const struct bench_row *b)
{
	return a->path == b->path && a->memory == b->memory;
}

bool bench_begins_line(const struct bench_rows *rows, unsigned i)
{
	const struct bench_row *row = &rows->row[i];

	while (i && same_line(&rows->row[i - 1], row) && !rows->row[i - 1].count)
		i--;
	return row->count && bench_sends(row) && (!i || !same_line(&rows->row[i - 1], row));
}

uint64_t bench_crossing(const struct bench_rows *rows, const struct bench_row *like)
{
	uint64_t from = 0;

	/* The rows of a path and memory are in order of block size. */
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i], *plain = plain_row(rows, row);

		if (!same_line(row, like) || !row->count || !plain || row == plain)
			continue;
		if (cost_of(rows, row) >= cost_of(rows, plain))
			from = 0;
		else if (!from)
			from = row->sample[0].block_bytes;
	}
	return from;
}

static void tell_crossings(struct report *r, const struct bench_rows *rows)
{
	char size[32];

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];
		uint64_t from;

		if (!bench_begins_line(rows, i) || row->path->needs == ZCDMA_NEEDS_MEMORY)
			continue;
		from = bench_crossing(rows, row);
		if (from)
			report_paragraph(
				r,
				"%s from %s memory costs the system less than copying from blocks of %s on.",
				row->path->name, row->memory,
				zcdma_size_format(from, size, sizeof(size)));
		else
			report_paragraph(
				r,
				"%s from %s memory never costs the system less than copying here.",
				row->path->name, row->memory);
	}
}

void bench_verdict(struct report *r, const struct bench_rows *rows, const char *net, bool sweep)
{
	if (!fastest(rows))
		return;
	tell_best(r, rows, net);
	tell_fallback(r, rows);
	tell_fault(r, rows);
	if (sweep)
		tell_crossings(r, rows);
	else
		report_paragraph(
			r,
			"From which block size on it pays: zcdma bench --sweep=block with the same options.");
}
