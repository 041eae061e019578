// SPDX-License-Identifier: GPL-2.0-only
/* Several receivers of one transfer, or several outputs of a capture. */
#include "transfer/fanout.h"

#include <errno.h>
#include <stdio.h>

#include "cli/clock.h"
#include "cli/opts.h"
#include "cli/report_value.h"
#include "cli/signals.h"
#include "cli/status.h"
#include "cli/tcp_state.h"
#include "transfer/discard.h"
#include "transfer/ending.h"

/* Blocks that wait for a receiver of a source without a ring. */
#define QUEUE_BLOCKS 16u

/* How long to finish one receiver before the next one has its turn. */
#define FINISH_MS 10

static const char *drop_slow;

struct poptOption fanout_options[] = {
	{ "drop-slow", 0, POPT_ARG_STRING, &drop_slow, 0,
	  "of several: drop one that holds N blocks too many", "N" },
	POPT_TABLEEND,
};

int fanout_parse(struct fanout *f, struct report *r, unsigned count, const char *what)
{
	f->what = what;
	if (!opts_count(r, "--drop-slow", drop_slow, &f->drop_slow))
		return STATUS_ERROR;
	if (drop_slow && count == 1)
		return report_error(r, STATUS_ERROR, "leave it out: one alone is waited for",
				    "--drop-slow is for several %ss", what);
	return STATUS_OK;
}

int fanout_check_ring(const struct fanout *f, const struct transfer *t, struct report *r)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	if (!info.blocks || f->drop_slow < info.blocks)
		return STATUS_OK;
	return report_error(r, STATUS_ERROR, "give fewer, or a larger ring (blocks=N)",
			    "--drop-slow %s: the ring has %u blocks, and no %s can hold more",
			    drop_slow, info.blocks, f->what);
}

static struct fanout *fanout_of(const struct transfer *t)
{
	return (struct fanout *)t->several;
}

void fanout_add(struct fanout *f, struct transfer *t, const char *to)
{
	struct fanout_receiver *receiver = &f->receiver[f->count++];
	struct zcdma_source_info info;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	zcdma_path_set_queue(t->path, info.blocks ? info.blocks : QUEUE_BLOCKS);
	receiver->path = t->path;
	receiver->acknowledged = ZCDMA_UNKNOWN;
	snprintf(receiver->to, sizeof(receiver->to), "%s", to);
	f->left = f->count;
	t->path = f->receiver[0].path;
}

static struct zcdma_path_stats stats_of(const struct fanout_receiver *to)
{
	struct zcdma_path_stats s;

	zcdma_path_get_stats(to->path, &s, sizeof(s));
	return s;
}

/* Note what the receiver has acknowledged, while its connection can still be asked. */
static void note_acknowledged(struct fanout_receiver *to)
{
	const struct zcdma_path_stats s = stats_of(to);
	const uint64_t sent = s.bytes;
	struct tcp_state tcp;

	/* The kernel counts the heads of frames as well, and of several connections the last one. */
	if (s.frames || !tcp_state_get(zcdma_path_get_sink(to->path), &tcp))
		return;
	/* The SYN counts as one byte (tcp_rcv_synsent_state_process() in net/ipv4/tcp_input.c). */
	to->acknowledged = tcp.acknowledged ? tcp.acknowledged - 1 : 0;
	if (to->acknowledged > sent)
		to->acknowledged = sent;
}

/* End a receiver after the error @rc, or 0 where it did nothing wrong itself. */
static void end(struct transfer *t, struct fanout_receiver *to, int rc, const char *why)
{
	struct fanout *f = fanout_of(t);

	to->ended = true;
	f->left--;
	f->failed += !rc || !ending_explains(rc);
	snprintf(to->why, sizeof(to->why), "%s", why);
	note_acknowledged(to);
	if (f->left)
		report_warn(t->report, "%s %s: %s; going on with the other%s", f->what, to->to,
			    to->why, f->left > 1 ? "s" : "");
	zcdma_path_drop(to->path);
}

int fanout_fail(struct fanout *f, struct transfer *t, unsigned i, int rc, const char *why)
{
	if (!f->receiver[i].ended)
		end(t, &f->receiver[i], rc, why);
	return f->left ? 0 : rc;
}

/* End a receiver after the error @rc of the library. Returns the same. */
static int fail(struct transfer *t, const struct fanout_receiver *to, int rc)
{
	struct fanout *f = fanout_of(t);

	return fanout_fail(f, t, (unsigned)(to - f->receiver), rc, zcdma_error(t->ctx));
}

static int fanout_send(struct transfer *t, const struct zcdma_block *b)
{
	struct fanout *f = fanout_of(t);
	struct zcdma_block share;
	int rc = 0;

	f->sending = true;
	for (unsigned i = 0; !rc && i < f->count; i++) {
		struct fanout_receiver *to = &f->receiver[i];

		if (to->ended)
			continue;
		rc = zcdma_block_share(t->src, b, &share);
		if (rc)
			break;
		t->waits_for = to->to;
		rc = transfer_send_along(t, to->path, &share);
		if (rc)
			rc = fail(t, to, rc);
	}
	f->sending = false;
	zcdma_block_release(t->src, b);
	return rc;
}

static bool fanout_survives(struct transfer *t)
{
	struct fanout *f = fanout_of(t);
	bool any = false;

	for (unsigned i = 0; i < f->count; i++) {
		struct fanout_receiver *to = &f->receiver[i];
		int rc = to->ended ? 0 : zcdma_path_process(to->path);

		if (rc)
			any |= !fail(t, to, rc);
	}
	return any && f->left;
}

static void fanout_drop_slow(struct transfer *t)
{
	struct fanout *f = fanout_of(t);
	uint64_t least = UINT64_MAX, held[FANOUT_MOST];
	char why[96];

	if (!f->drop_slow)
		return;
	for (unsigned i = 0; i < f->count; i++) {
		held[i] = stats_of(&f->receiver[i]).pending_blocks;
		if (!f->receiver[i].ended && held[i] < least)
			least = held[i];
	}
	for (unsigned i = 0; i < f->count; i++) {
		if (f->receiver[i].ended || held[i] - least < f->drop_slow)
			continue;
		snprintf(why, sizeof(why), "dropped: it held %llu blocks more than the fastest",
			 (unsigned long long)(held[i] - least));
		end(t, &f->receiver[i], 0, why);
	}
}

/*
 * Finish a receiver, or abandon what is not @complete. Returns 0 if that is done, or others go on without it; -EAGAIN
 * after FINISH_MS; or the error of the last one.
 */
static int finish_one(struct transfer *t, struct fanout_receiver *to, bool complete)
{
	int rc;

	zcdma_path_set_timeout(to->path, FINISH_MS);
	rc = (complete ? zcdma_path_finish : zcdma_path_abandon)(to->path);
	if (transfer_is_pause(t, rc)) {
		transfer_look_around(t);
		return -EAGAIN;
	}
	if (rc)
		return fail(t, to, rc);
	to->acknowledged = stats_of(to).datagram_bytes ? ZCDMA_UNKNOWN : stats_of(to).bytes;
	return 0;
}

static int fanout_finish(struct transfer *t, bool complete)
{
	const uint64_t begin_ns = now_ns();
	struct fanout *f = fanout_of(t);
	bool done[FANOUT_MOST] = { false };
	const char *waits_for;
	int rc = 0;

	do {
		waits_for = NULL;
		for (unsigned i = 0; !rc && i < f->count; i++) {
			struct fanout_receiver *to = &f->receiver[i];

			if (done[i] || to->ended)
				continue;
			rc = finish_one(t, to, complete);
			done[i] = !rc;
			if (rc != -EAGAIN)
				continue;
			rc = 0;
			waits_for = to->to;
			transfer_note_wait(t, begin_ns, waits_for);
		}
	} while (!rc && waits_for);
	return rc;
}

static uint64_t fanout_get_total(const struct transfer *t, uint64_t each)
{
	const struct fanout *f = fanout_of(t);
	uint64_t total = f->left * each;

	for (unsigned i = 0; i < f->count; i++)
		total += f->receiver[i].ended ? stats_of(&f->receiver[i]).bytes : 0;
	return total;
}

#define ADD(field) (sum->field += s.field)

/* Add to a sum, which is unknown if a part of it is. */
static void add_known(uint64_t *sum, uint64_t value)
{
	*sum = *sum == ZCDMA_UNKNOWN || value == ZCDMA_UNKNOWN ? ZCDMA_UNKNOWN : *sum + value;
}

static void fanout_get_stats(const struct transfer *t, struct zcdma_path_stats *sum)
{
	const struct fanout *f = fanout_of(t);
	struct zcdma_path_stats most = { 0 };

	*sum = (struct zcdma_path_stats){ 0 };
	for (unsigned i = 0; i < f->count; i++) {
		const struct zcdma_path_stats s = stats_of(&f->receiver[i]);

		ADD(bytes), ADD(calls), ADD(copied_bytes), ADD(copied_calls), ADD(gathered_bytes);
		ADD(zerocopy_bytes), ADD(zerocopy_calls), ADD(fell_back_bytes),
			ADD(fell_back_calls);
		ADD(unknown_bytes), ADD(unknown_calls), ADD(pending_bytes), ADD(pending_calls);
		ADD(pending_blocks), ADD(datagrams), ADD(enobufs), ADD(breaks);
		ADD(frames);
		add_known(&sum->lost_blocks, s.lost_blocks);
		add_known(&sum->lost_bytes, s.lost_bytes);
		ADD(direct_bytes), ADD(filled_bytes), ADD(unfilled_gaps);
		sum->plain |= s.plain;
		if (s.datagram_bytes > sum->datagram_bytes)
			sum->datagram_bytes = s.datagram_bytes;
		if (!sum->plain_reason) {
			sum->plain_reason = s.plain_reason;
			sum->plain_hint = s.plain_hint;
		}
		if (!sum->copies_reason) {
			sum->copies_reason = s.copies_reason;
			sum->copies_hint = s.copies_hint;
		}
		if (s.blocks >= most.blocks)
			most = s;
	}
	sum->blocks = most.blocks;
	sum->last_seq = most.last_seq;
	sum->sent_ns = most.sent_ns;
}

void fanout_begin(struct fanout *f, struct transfer *t)
{
	f->several = (struct transfer_several){
		.drops_slow = f->drop_slow,
		.send = fanout_send,
		.survives = fanout_survives,
		.look = fanout_drop_slow,
		.finish = fanout_finish,
		.get_total = fanout_get_total,
		.get_stats = fanout_get_stats,
	};
	t->several = &f->several;
}

static const struct report_column columns[] = {
	{ "to", "RECEIVER" }, { NULL, "SENT" },	    { NULL, "ACKNOWLEDGED" },
	{ NULL, "NOT SENT" }, { "ended", "ENDED" },
};

static const char *format(uint64_t bytes, char *buf, size_t len)
{
	return bytes == ZCDMA_UNKNOWN ? NULL : zcdma_size_format(bytes, buf, len);
}

void fanout_report(const struct transfer *t, struct report *r)
{
	const struct fanout *f = fanout_of(t);
	char text[3][32];
	struct zcdma_source_stats src;

	zcdma_source_get_stats(t->src, &src, sizeof(src));
	report_table(r, "receivers", columns, sizeof(columns) / sizeof(columns[0]));
	for (unsigned i = 0; i < f->count; i++) {
		const struct fanout_receiver *to = &f->receiver[i];
		const uint64_t sent = path_discards(to->path) ? 0 : stats_of(to).bytes;
		const uint64_t rest = src.bytes > sent ? src.bytes - sent : 0;
		const char *const cells[] = { to->to, format(sent, text[0], sizeof(text[0])),
					      format(to->acknowledged, text[1], sizeof(text[1])),
					      format(rest, text[2], sizeof(text[2])),
					      to->ended ? to->why : "complete" };
		json_t *row = report_row(r, cells);

		json_object_set_new(row, "sent_bytes", value_known(sent));
		json_object_set_new(row, "acknowledged_bytes", value_known(to->acknowledged));
		json_object_set_new(row, "unsent_bytes", value_known(rest));
	}
}

int fanout_check(const struct fanout *f, struct report *r, int status)
{
	if ((status && status < 128) || f->left == f->count)
		return status;
	if (!f->failed)
		return 128 + signals_stop();
	return report_error(r, STATUS_INCOMPLETE, NULL, "%u of %u %ss did not get everything",
			    f->count - f->left, f->count, f->what);
}

void fanout_close(struct fanout *f)
{
	for (unsigned i = 0; i < f->count; i++)
		zcdma_path_close(f->receiver[i].path);
	f->count = 0;
}
