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

/* What an option may be for: a direction that is measured, or being the other end. */
#define SENDS	 (1u << BENCH_OUT)
#define RECEIVES (1u << BENCH_IN)
#define PLAYS	 (1u << BENCH_PLAY)
#define MEASURES (SENDS | RECEIVES | PLAYS)
#define SERVES	 (1u << (BENCH_PLAY + 1))

/* Returns the first option that was given and is not for @use, one of the above; or NULL. */
static const char *find_misplaced(const struct bench_options *o, unsigned use)
{
	const struct {
		const char *name;
		bool given;
		unsigned of;
	} options[] = {
		{ "--direction", o->direction, MEASURES },
		{ "--mode", o->mode, MEASURES },
		{ "--memory", o->memory, SENDS | PLAYS },
		{ "--block", o->block, SENDS | PLAYS },
		{ "--ring", o->ring, SENDS | PLAYS },
		{ "--streams", o->streams, SENDS | RECEIVES },
		{ "--repeat", o->repeat, MEASURES },
		{ "--seconds", o->seconds, MEASURES },
		{ "--check", o->check, SENDS | RECEIVES | SERVES },
		{ "--cpu", o->cpu, MEASURES },
		{ "--congestion", o->congestion, SENDS | RECEIVES },
		{ "--sweep", o->sweep, SENDS | PLAYS },
		{ "--plot", o->plot, SENDS | PLAYS },
		{ "--compare", o->compare, MEASURES },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].given && !(options[i].of & use))
			return options[i].name;
	}
	return NULL;
}

/* Check that no option was given that is of other directions alone. */
static bool check_options(const struct bench_options *o, struct report *r,
			  enum bench_direction direction)
{
	const char *name = find_misplaced(o, 1u << direction);

	if (name)
		report_error(r, STATUS_ERROR, "leave it out", "%s is not for --direction=%s", name,
			     bench_directions[direction]);
	return !name;
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

/* Check that the other end does what the options ask for. Returns 0, or an exit status after a reported error. */
static int check_far_end(const struct bench_options *o, struct report *r,
			 const struct bench_net *net, const struct zcdma_addr *addr)
{
	if (o->check && !o->to && !net->receives)
		return report_error(r, STATUS_ERROR, "use --net=loopback or --net=veth",
				    "--check: nothing arrives at --net=%s to be verified",
				    net->name);
	if (o->congestion && (o->to ? addr->udp : net->datagrams))
		return report_error(r, STATUS_ERROR, "leave it out",
				    "--congestion is not for %s=%s, which takes datagrams",
				    o->to ? "--to" : "--net", o->to ? o->to : net->name);
	return STATUS_OK;
}

int bench_options_check_to(const struct bench_options *o, struct report *r, struct zcdma_ctx *ctx,
			   const struct bench_net *net, const struct bench_job *job)
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
	return check_far_end(o, r, net, &addr);
}

int bench_options_check_serve(const struct bench_options *o, struct report *r,
			      struct zcdma_ctx *ctx, struct zcdma_addr *addr)
{
	const char *name = find_misplaced(o, SERVES);
	int rc;

	if (name)
		return report_error(r, STATUS_ERROR, "leave it out", "%s is not for --serve", name);
	rc = zcdma_addr_parse(ctx, o->serve, addr);
	if (rc)
		return report_ctx_error(r, STATUS_ERROR, ctx, rc);
	if (addr->udp)
		return report_error(
			r, STATUS_ERROR,
			"leave udp: out, or receive datagrams with zcdma verify --listen",
			"--serve %s: the other end is reached by TCP", o->serve);
	return STATUS_OK;
}
