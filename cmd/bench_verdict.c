// SPDX-License-Identifier: GPL-2.0-only
/* What a bench means, in words. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "bench_show.h"

/* Rows this near to the fastest one count as fast: what they cost decides. */
#define FAST 0.9

const struct bench_row *bench_plain(const struct bench_rows *rows, const struct bench_row *like)
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
 * What an operator pays for is what both ends do. Where the receiver does not tell, all CPUs are the next
 * best, though they do other work too; where a run is too short to tell that, the sender's is left.
 */
static const struct cost {
	bench_figure *of;
	const char *whose;
} costs[] = {
	{ bench_both_cpu, "at both ends" },
	{ bench_system_cpu, "in the whole system" },
	{ bench_sender_cpu, "of the sender" },
};

static bool all_have(const struct bench_rows *rows, bench_figure *figure)
{
	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (row->count && bench_sends(row) && isnan(bench_spread(row, figure).median))
			return false;
	}
	return true;
}

/* The first one that all rows have, so that they can be compared. */
static const struct cost *choose_cost(const struct bench_rows *rows)
{
	const struct cost *cost = costs;

	while (cost->of != bench_sender_cpu && !all_have(rows, cost->of))
		cost++;
	return cost;
}

double bench_cost(const struct bench_rows *rows, const struct bench_row *row)
{
	return bench_spread(row, choose_cost(rows)->of).median;
}

const char *bench_cost_whose(const struct bench_rows *rows)
{
	return choose_cost(rows)->whose;
}

/* May this row be the best one? */
typedef bool is_wanted(const struct bench_rows *rows, const struct bench_row *row);

static bool any(const struct bench_rows *rows, const struct bench_row *row)
{
	(void)rows;
	return row->count && bench_sends(row);
}

static bool uncopied(const struct bench_rows *rows, const struct bench_row *row)
{
	const struct bench_row *plain = bench_plain(rows, row);

	return any(rows, row) && plain && plain != row;
}

static const struct bench_row *fastest(const struct bench_rows *rows, is_wanted *wanted)
{
	const struct bench_row *best = NULL;

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (wanted(rows, row) && (!best || bench_spread(row, bench_rate).median >
							   bench_spread(best, bench_rate).median))
			best = row;
	}
	return best;
}

static const struct bench_row *cheapest_fast(const struct bench_rows *rows, is_wanted *wanted)
{
	const struct bench_row *fast = fastest(rows, wanted), *best = fast;

	for (unsigned i = 0; i < rows->count; i++) {
		const struct bench_row *row = &rows->row[i];

		if (wanted(rows, row) &&
		    bench_spread(row, bench_rate).median >=
			    FAST * bench_spread(fast, bench_rate).median &&
		    bench_cost(rows, row) < bench_cost(rows, best))
			best = row;
	}
	return best;
}

const struct bench_row *bench_best_uncopied(const struct bench_rows *rows)
{
	return cheapest_fast(rows, uncopied);
}

static void tell_best(struct report *r, const struct bench_rows *rows, const char *net)
{
	const struct bench_row *best = cheapest_fast(rows, any), *plain;
	struct bench_spread a, b;
	char size[32];

	report_paragraph(
		r,
		"Over %s, in blocks of %s: %s from %s memory, with %.2f GB/s for %.3f CPU seconds per GB %s, is the cheapest of the fastest.",
		net, zcdma_size_format(best->sample[0].block_bytes, size, sizeof(size)),
		best->path->name, best->memory, bench_spread(best, bench_rate).median / 1e9,
		bench_cost(rows, best), bench_cost_whose(rows));
	report_line(r, NULL, "%S{best_mode}%S{best_memory}", best->path->name, best->memory);
	plain = bench_plain(rows, best);
	if (!plain || plain == best)
		return;
	a = bench_spread(best, bench_rate);
	b = bench_spread(plain, bench_rate);
	if (!bench_distinct(&a, &b))
		report_paragraph(
			r,
			"Too noisy to tell its throughput from that of %s: more --repeat, longer --seconds, or a quieter machine may.",
			plain->path->name);
	else
		report_paragraph(
			r,
			"That is %.2f times the throughput of %s from the same memory, at %.2f of the sender's CPU and %.2f of that %s.",
			a.median / b.median, plain->path->name,
			bench_spread(best, bench_sender_cpu).median /
				bench_spread(plain, bench_sender_cpu).median,
			bench_cost(rows, best) / bench_cost(rows, plain), bench_cost_whose(rows));
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
		const struct bench_row *row = &rows->row[i], *plain = bench_plain(rows, row);

		if (!same_line(row, like) || !row->count || !plain || row == plain)
			continue;
		if (bench_cost(rows, row) >= bench_cost(rows, plain))
			from = 0;
		else if (!from)
			from = row->sample[0].block_bytes;
	}
	return from;
}

void bench_verdict_crossings(struct report *r, const struct bench_rows *rows)
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
				"%s from %s memory costs less than copying from blocks of %s on.",
				row->path->name, row->memory,
				zcdma_size_format(from, size, sizeof(size)));
		else
			report_paragraph(
				r,
				"%s from %s memory costs more than copying here, whatever the size of a block.",
				row->path->name, row->memory);
	}
}

void bench_verdict(struct report *r, const struct bench_rows *rows, const char *net)
{
	if (!fastest(rows, any))
		return;
	tell_best(r, rows, net);
	tell_fallback(r, rows);
	tell_fault(r, rows);
}
