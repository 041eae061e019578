// SPDX-License-Identifier: LGPL-2.1-or-later
/* One direction of a captured connection: its stream goes into a check. */
#include "packet/wire_stream.h"

#include <endian.h>
#include <string.h>

#include "verify/check.h"
#include "verify/pattern_words.h"

/*
 * Into the check
 */

static int make_check(struct zc_wire_stream *s)
{
	const struct zcdma_wire_options *o = s->all->options;

	if (s->flow->key.kind == ZC_FRAME_UDP)
		return zcdma_check_datagrams(s->all->ctx, o->seed, &s->check);
	if (o->manifest)
		return zc_check_manifest_again(s->all->manifest, &s->check);
	return zcdma_check_pattern(s->all->ctx, o->seed, &s->check);
}

/* Returns whether the stream can be checked: a manifest places neither datagrams nor a stream without its beginning. */
static bool can_be_checked(const struct zc_wire_stream *s)
{
	const struct zcdma_wire_options *o = s->all->options;

	if (o->unchecked)
		return false;
	return !o->manifest || (s->flow->key.kind == ZC_FRAME_TCP && s->reassembly.from_syn);
}

static void drop_check(struct zc_wire_stream *s)
{
	if (s->checked)
		zc_budget_return(&s->all->checks, s->check->size);
	zcdma_check_free(s->check);
	s->check = NULL;
}

/* Returns the check of the stream, which is made on first use, or NULL if it cannot be checked. */
static struct zcdma_check *check_of(struct zc_wire_stream *s)
{
	if (s->check || s->checked || s->refused || s->all->rc || !can_be_checked(s))
		return s->check;
	s->all->rc = make_check(s);
	if (s->all->rc)
		return NULL;
	s->checked = zc_budget_take(&s->all->checks, s->check->size);
	s->refused = !s->checked;
	if (s->checked)
		s->check->budget = &s->all->checks;
	else
		drop_check(s);
	return s->check;
}

/* Find where in the stream the capture began, from the pattern. */
static void find_place(struct zc_wire_stream *s, const uint8_t *data, size_t len)
{
	uint64_t offset, word;
	size_t at = 0;

	if (!zc_pattern_find(data, len, s->all->options->seed, &at))
		return;
	memcpy(&word, data + at, sizeof(word));
	offset = (le64toh(word) ^ s->all->options->seed) * sizeof(word);
	if (offset < at)
		return;
	s->shift = offset - at - s->begins;
	zcdma_check_skip(s->check, offset - at);
}

static void place(struct zc_wire_stream *s, const uint8_t *data, size_t len)
{
	s->placed = true;
	if (!s->reassembly.from_syn && !s->all->options->manifest)
		find_place(s, data, len);
	zcdma_check_feed(s->check, data, len);
}

/* Collect the first bytes until they are enough to place them. */
static void place_early(struct zc_wire_stream *s, const uint8_t *data, size_t len)
{
	size_t n = zc_min(len, (size_t)(ZC_WIRE_STREAM_PLACED - s->early_len));

	if (s->reassembly.from_syn || (!s->early_len && len >= ZC_WIRE_STREAM_PLACED)) {
		place(s, data, len);
		return;
	}
	memcpy(s->early + s->early_len, data, n);
	s->early_len += (unsigned)n;
	if (s->early_len < ZC_WIRE_STREAM_PLACED)
		return;
	place(s, s->early, s->early_len);
	s->early_len = 0;
	zcdma_check_feed(s->check, data + n, len - n);
}

static void on_data(void *arg, const uint8_t *data, size_t len)
{
	struct zc_wire_stream *s = arg;

	if (!s->placed && !s->early_len)
		s->begins = s->bytes;
	s->bytes += len;
	if (!check_of(s))
		return;
	if (s->placed)
		zcdma_check_feed(s->check, data, len);
	else
		place_early(s, data, len);
}

/* Leave the first bytes unchecked: they are too few to place them. */
static void skip_early(struct zc_wire_stream *s)
{
	s->reassembly.counters.uncaptured_bytes += s->early_len;
	s->early_len = 0;
}

static void on_uncaptured(void *arg, uint64_t len)
{
	struct zc_wire_stream *s = arg;

	s->bytes += len;
	if (!check_of(s))
		return;
	if (!s->placed && s->reassembly.from_syn)
		place(s, s->early, 0);
	skip_early(s);
	/* Before a byte is placed, offsets count from nothing. */
	if (s->placed)
		zcdma_check_skip(s->check, len);
}

/*
 * Late and retransmitted data
 */

/* Returns whether the pattern gives the bytes of each offset: the stream has not left its place. */
static bool is_in_place(const struct zc_wire_stream *s)
{
	return s->check && !s->all->options->manifest && s->placed && !s->check->judge.home &&
	       !zc_judge_waiting(&s->check->judge);
}

/* Add the faults that another check lists. */
static void add_faults(struct zcdma_check *to, const struct zcdma_check *from)
{
	struct zcdma_fault f, first = to->result.first;
	bool had = to->result.faults;

	for (unsigned i = 0; zcdma_check_get_fault(from, i, &f); i++) {
		zc_check_fault(to, f.kind, f.position, f.length, f.distance);
		if (!had || f.position < first.position)
			first = f;
		had = true;
	}
	to->result.first = first;
}

/* Check bytes alone, as what is before and after them has been checked. */
static int check_alone(struct zc_wire_stream *s, uint64_t offset, const uint8_t *data, size_t len)
{
	struct zcdma_check *check;
	int rc;

	if (zcdma_pattern_match(data, len, offset, s->all->options->seed) == len)
		return 0;
	rc = zcdma_check_pattern(s->all->ctx, s->all->options->seed, &check);
	if (rc)
		return rc;
	zcdma_check_skip(check, offset);
	zcdma_check_feed(check, data, len);
	zcdma_check_skip(check, UINT64_MAX);
	zcdma_check_end(check);
	add_faults(s->check, check);
	zcdma_check_free(check);
	return 0;
}

static bool on_late(void *arg, uint64_t offset, const uint8_t *data, size_t len)
{
	struct zc_wire_stream *s = arg;

	if (s->all->options->unchecked)
		return true;
	if (s->all->rc || !is_in_place(s))
		return false;
	s->all->rc = check_alone(s, offset + s->shift, data, len);
	s->check->result.bytes += len;
	s->check->result.uncaptured_bytes -= len;
	return true;
}

/* Write what was sent, which is known as long as the stream has been the pattern. */
static bool on_recall(void *arg, uint64_t offset, uint8_t *buf, size_t len)
{
	struct zc_wire_stream *s = arg;

	if (!is_in_place(s) || s->check->result.faults)
		return false;
	zcdma_pattern_fill(buf, len, offset + s->shift, s->all->options->seed);
	return true;
}

/* Returns the number of the block that @offset is in, or UINT64_MAX. */
static uint64_t block_of(const struct zc_wire_stream *s, uint64_t offset)
{
	if (s->check && s->check->ops->block)
		return s->check->ops->block(s->check, offset);
	return s->all->options->block_bytes ? offset / s->all->options->block_bytes : UINT64_MAX;
}

static void on_difference(void *arg, uint32_t seq, const struct zc_segment_result *what)
{
	struct zc_wire_stream *s = arg;
	struct zcdma_wire_difference *d;

	if (s->all->differences == ZC_WIRE_STREAM_DIFFERENCES)
		return;
	d = &s->all->difference[s->all->differences++];
	*d = (struct zcdma_wire_difference){
		.seq = seq,
		.offset = what->first + s->shift,
		.block = block_of(s, what->first + s->shift),
		.bytes = what->differing,
		.was = what->was,
		.is = what->is,
	};
	zc_flow_name(&s->flow->key, s->from, d->from, sizeof(d->from));
	zc_flow_name(&s->flow->key, !s->from, d->to, sizeof(d->to));
}

static const struct zc_reassembly_ops follow_ops = {
	.data = on_data,
	.uncaptured = on_uncaptured,
	.late = on_late,
	.recall = on_recall,
	.differs = on_difference,
};

/*
 * Interface
 */

void zc_wire_stream_begin(struct zc_wire_stream *s, struct zc_wire_streams *all,
			  const struct zc_flow *flow, unsigned from)
{
	*s = (struct zc_wire_stream){ .all = all, .flow = flow, .from = from };
	zc_reassembly_init(&s->reassembly, &follow_ops, s, &all->budget);
}

void zc_wire_stream_datagram(struct zc_wire_stream *s, const struct zc_frame *frame, bool duplicate)
{
	if (duplicate) {
		s->reassembly.counters.capture_duplicates++;
		return;
	}
	if (!frame->len) {
		/* An empty datagram ends the stream, unless nothing else of it was captured. */
		s->reassembly.has_end = s->reassembly.counters.packets > 0;
		return;
	}
	s->reassembly.counters.packets++;
	s->bytes += frame->len;
	s->reassembly.counters.cut_bytes += frame->len - zc_min(frame->captured, frame->len);
	if (frame->captured >= frame->len && check_of(s))
		zcdma_check_feed(s->check, frame->payload, frame->len);
}

bool zc_wire_stream_is_reset(const struct zc_wire_stream *s)
{
	const struct zc_reassembly *peer = s->reassembly.peer;

	return s->reassembly.reset || (peer && peer->reset);
}

void zc_wire_stream_leftover(struct zc_wire_stream *s, const struct zc_frame *frame, bool duplicate)
{
	struct zcdma_wire_counters *f = &s->reassembly.counters;

	f->packets++;
	f->capture_duplicates += duplicate;
	if (duplicate)
		return;
	f->retransmitted++;
	f->retransmitted_bytes += frame->len;
	f->uncompared_bytes += frame->len;
}

bool zc_wire_stream_is_clean(const struct zc_wire_stream *s)
{
	const struct zcdma_wire_counters *f = &s->reassembly.counters;
	const struct zcdma_check_result *r = &s->result;

	if (!zc_wire_stream_has_data(s))
		return !zc_wire_stream_is_reset(s);
	return s->reassembly.has_end && !f->differing && !f->uncaptured_bytes && !f->strayed &&
	       (s->checked || s->all->options->unchecked) && !r->faults && !r->unplaced &&
	       !r->lost_bytes && !f->cut_bytes;
}

bool zc_wire_stream_has_data(const struct zc_wire_stream *s)
{
	const struct zcdma_wire_counters *f = &s->reassembly.counters;

	return s->bytes || f->packets || f->strayed;
}

/* Keep the stream's faults, as far as there is room: they go with its check. */
static void keep_faults(struct zc_wire_stream *s)
{
	struct zc_wire_streams *all = s->all;
	struct zcdma_fault fault;

	for (unsigned i = 0;
	     all->faults < ZCDMA_FAULTS_KEPT && zcdma_check_get_fault(s->check, i, &fault); i++) {
		struct zcdma_wire_fault *f = &all->fault[all->faults++];

		f->fault = fault;
		zc_flow_name(&s->flow->key, s->from, f->from, sizeof(f->from));
		zc_flow_name(&s->flow->key, !s->from, f->to, sizeof(f->to));
	}
}

void zc_wire_stream_end(struct zc_wire_stream *s)
{
	if (s->ended)
		return;
	zc_reassembly_end(&s->reassembly);
	s->ended = true;
	if (!s->check)
		return;
	skip_early(s);
	/* What a manifest lists after the end of the capture was not captured. */
	if (!s->reassembly.has_end)
		zcdma_check_skip(s->check, UINT64_MAX);
	zcdma_check_end(s->check);
	zcdma_check_get_result(s->check, &s->result);
	keep_faults(s);
	drop_check(s);
}

static enum zcdma_wire_end end_of(const struct zc_wire_stream *s)
{
	if (s->reassembly.has_end)
		return ZCDMA_WIRE_FIN;
	return zc_wire_stream_is_reset(s) ? ZCDMA_WIRE_RESET : ZCDMA_WIRE_OPEN;
}

void zc_wire_stream_get(const struct zc_wire_stream *s, struct zcdma_wire_stream *out)
{
	*out = (struct zcdma_wire_stream){
		.udp = s->flow->key.kind == ZC_FRAME_UDP,
		.from_start = s->reassembly.from_syn,
		.checked = s->checked,
		.end = end_of(s),
		.bytes = s->bytes,
		.counters = s->reassembly.counters,
		.result = s->result,
	};
	zc_flow_name(&s->flow->key, s->from, out->from, sizeof(out->from));
	zc_flow_name(&s->flow->key, !s->from, out->to, sizeof(out->to));
	if (s->check)
		zcdma_check_get_result(s->check, &out->result);
}
