// SPDX-License-Identifier: GPL-2.0-only
/* What the options of bench mean, and which of them go together. */
#include "bench/options.h"

#include <string.h>
#include <unistd.h>

#include "bench/machine.h"
#include "cli/cpu.h"
#include "cli/opts.h"
#include "cli/status.h"

static const char *const sweeps[] = { "block", NULL };

static bool parse_count(struct report *r, const char *name, const char *text, uint64_t most,
			uint64_t *value)
{
	if (!opts_count(r, name, text, value))
		return false;
	if (*value <= most)
		return true;
	report_error(r, STATUS_ERROR, NULL, "%s %s: at most %u", name, text, (unsigned)most);
	return false;
}

/* Captured data is cold: a ring that the cache holds would flatter whoever copies. */
static uint64_t cold_ring(uint64_t largest_block)
{
	uint64_t cache = 2 * bench_cache_bytes(), least = 64u << 20;

	least = least > 2 * largest_block ? least : 2 * largest_block;
	return cache > least ? cache : least;
}

#define SENDS  (1u << BENCH_OUT)
#define PLAYS  (1u << BENCH_PLAY)
#define BY_NET (1u << BENCH_OUT | 1u << BENCH_IN)

/* Check that no option was given that is of other directions alone. */
static bool check_options(const struct bench_options *o, struct report *r,
			  enum bench_direction direction)
{
	const struct {
		const char *name;
		bool given;
		unsigned of;
	} options[] = {
		{ "--memory", o->memory, SENDS | PLAYS },  { "--block", o->block, SENDS | PLAYS },
		{ "--ring", o->ring, SENDS | PLAYS },	   { "--sweep", o->sweep, SENDS | PLAYS },
		{ "--plot", o->plot, SENDS | PLAYS },	   { "--streams", o->streams, BY_NET },
		{ "--congestion", o->congestion, BY_NET }, { "--check", o->check, BY_NET },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!options[i].given || options[i].of & 1u << direction)
			continue;
		report_error(r, STATUS_ERROR, "leave it out", "%s is not for --direction=%s",
			     options[i].name, bench_directions[direction]);
		return false;
	}
	return true;
}

bool bench_options_job(const struct bench_options *o, struct report *r, uint64_t largest_block,
		       struct bench_job *job)
{
	const int direction =
		o->direction ? opts_choice(r, "--direction", o->direction, bench_directions) : 0;
	uint64_t streams = 1, repeats = 0;

	if (direction < 0 || !check_options(o, r, (enum bench_direction)direction))
		return false;

	*job = (struct bench_job){
		.direction = (enum bench_direction)direction,
		.congestion = o->congestion ? o->congestion : "reno",
		.ring_bytes = cold_ring(largest_block),
		.check = o->check,
	};
	if (!opts_size(r, "--ring", o->ring, &job->ring_bytes) ||
	    !parse_count(r, "--streams", o->streams, BENCH_STREAMS_MAX, &streams) ||
	    !parse_count(r, "--repeat", o->repeat, BENCH_REPEATS_MAX, &repeats) ||
	    !opts_seconds(r, "--seconds", o->seconds, &job->seconds) ||
	    !cpu_parse(r, o->cpu, &job->cpu))
		return false;
	if (job->ring_bytes / largest_block < 2) {
		report_error(r, STATUS_ERROR, NULL, "--ring %s: too small for two blocks", o->ring);
		return false;
	}
	job->streams = (unsigned)streams;
	job->repeats = (unsigned)repeats;
	return true;
}

unsigned bench_options_blocks(const struct bench_options *o, struct report *r, uint64_t *block)
{
	const unsigned page = (unsigned)sysconf(_SC_PAGESIZE);
	unsigned count = 0;

	*block = 1 << 20;
	if (!opts_size(r, "--block", o->block, block))
		return 0;
	if (*block % page) {
		report_error(r, STATUS_ERROR, NULL,
			     "--block %s: not a multiple of the page size, %u", o->block, page);
		return 0;
	}
	if (!o->sweep)
		return 1;
	if (opts_choice(r, "--sweep", o->sweep, sweeps) < 0)
		return 0;
	for (uint64_t size = BENCH_SWEEP_FIRST; size <= BENCH_SWEEP_LAST; size *= 4)
		block[count++] = size;
	return count;
}

const struct bench_net *bench_options_net(const struct bench_options *o, struct report *r)
{
	const char *names[16] = { NULL };
	int i;

	for (i = 0; i < 15 && bench_net_at((unsigned)i); i++)
		names[i] = bench_net_at((unsigned)i)->name;
	i = o->net ? opts_choice(r, "--net", o->net, names) : 0;
	return i < 0 ? NULL : bench_net_at((unsigned)i);
}

static int check_device(const struct bench_options *o, struct report *r)
{
	const struct zcdma_source_type *type = o->to ? zcdma_source_type_of(o->to) : NULL;

	if (type && !strcmp(type->name, "dev"))
		return STATUS_OK;
	return report_error(
		r, STATUS_ERROR,
		"name a device that plays: --to=dev:/dev/zcdma1 (modprobe zcdma_sim sinks=1 makes a simulated one)",
		"--direction=play: %s%s", o->to ? o->to : "no device was named",
		o->to ? " is not a device of the driver" : "");
}

int bench_options_check_to(const struct bench_options *o, struct report *r, struct zcdma_ctx *ctx,
			   const struct bench_job *job)
{
	struct zcdma_addr addr = { .udp = false };
	int rc;

	if (job->direction == BENCH_PLAY)
		return check_device(o, r);
	rc = o->to ? zcdma_addr_parse(ctx, o->to, &addr) : 0;
	if (rc)
		return report_ctx_error(r, STATUS_ERROR, ctx, rc);
	if (addr.udp && job->direction == BENCH_IN)
		return report_error(r, STATUS_ERROR, "start it there: zcdma bench --serve :9000",
				    "--to %s: the other end is reached by TCP", o->to);
	if (addr.congestion[0])
		return report_error(r, STATUS_ERROR,
				    "give it as an option of bench's: --congestion",
				    "--to %s: congestion= is not for bench", o->to);
	return STATUS_OK;
}
