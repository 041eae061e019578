// SPDX-License-Identifier: GPL-2.0-only
/* What the report of a transfer says of its source, the ring, and how long blocks waited. */
#include "transfer/transfer.h"

#include "transfer/frames.h"
#include "transfer/handover.h"
#include "transfer/packet_stats.h"

/* A transfer without blocks has no latency. */
static uint64_t quantile(const struct zcdma_hist *h, double q)
{
	return h->count ? zcdma_hist_quantile(h, q) : REPORT_UNKNOWN;
}

static void report_latency(const struct zcdma_path *path, struct report *r)
{
	static struct zcdma_hist waited, in_flight; /* they are large */

	zcdma_path_get_latency(path, &waited, &in_flight);
	report_line(r, waited.count ? "waited" : NULL, "p50 ");
	report_nanoseconds(r, "device_to_sent_p50_ns", quantile(&waited, 0.5), ", p99 ");
	report_nanoseconds(r, "device_to_sent_p99_ns", quantile(&waited, 0.99), ", max ");
	report_nanoseconds(r, "device_to_sent_max_ns", waited.count ? waited.max : REPORT_UNKNOWN,
			   " from the device to the send");
	report_line(r, in_flight.count ? "latency" : NULL, "p50 ");
	report_nanoseconds(r, "latency_p50_ns", quantile(&in_flight, 0.5), ", p99 ");
	report_nanoseconds(r, "latency_p99_ns", quantile(&in_flight, 0.99), ", max ");
	report_nanoseconds(r, "latency_max_ns", in_flight.count ? in_flight.max : REPORT_UNKNOWN,
			   "");
}

static void report_ring(const struct zcdma_source_info *info, struct report *r)
{
	report_line(r, NULL, NULL);
	report_flag(r, "simulated", info->simulated, "");
	report_line(r, info->blocks ? "ring" : NULL, NULL);
	report_count(r, "ring_blocks", info->blocks, " x ");
	report_bytes(r, "block_bytes", info->block_size, ", pages of ");
	report_bytes(r, "page_bytes", info->page_size, "");
	report_line(r, info->model ? "memory" : NULL, "model ");
	report_text(r, "model", info->model, ", pieces of a block: ");
	report_count(r, "pieces", info->pieces, ", bounce buffers: ");
	report_flag(r, "bounced", info->bounced, "");
	report_line(r, info->format ? "frames" : NULL, NULL);
	report_text(r, "frame_format", info->format, ", timestamps: ");
	report_text(r, "frame_clock", info->frame_clock, "");
	report_line(r, info->buffers ? "buffers" : NULL, NULL);
	report_text(r, "frame_buffers", info->buffers, "");
	report_line(r, info->buffers_reason ? "as" : NULL, NULL);
	report_text(r, "frame_buffers_reason", info->buffers_reason, "");
}

static void report_start(const struct zcdma_source_info *info, struct report *r)
{
	if (!info->channels)
		return;
	report_line(r, "started", "together: ");
	report_count(r, "channels", info->channels, " channels of ");
	report_text(r, "device", info->device, ", device time ");
	report_count(r, "start_device_time", info->start_time ? info->start_time : REPORT_UNKNOWN,
		     " (");
	report_text(r, "device_clock", info->clock, ")");
}

/* Returns whether a number is known, and not 0. */
static bool is_some(uint64_t number)
{
	return number && number != ZCDMA_UNKNOWN;
}

static bool has_overruns(const struct zcdma_source_info *info, const struct zcdma_source_stats *s)
{
	return s->overruns != ZCDMA_UNKNOWN && (info->lossy || s->overruns);
}

void transfer_report_source(const struct transfer *t, struct report *r)
{
	struct zcdma_source_info info;
	struct zcdma_source_stats stats;
	struct zcdma_path_stats path;
	struct copies copies;

	zcdma_source_get_info(t->src, &info, sizeof(info));
	zcdma_source_get_stats(t->src, &stats, sizeof(stats));
	transfer_get_path_stats(t, &path);
	transfer_get_copies(t, &copies);
	report_latency(t->path, r);
	report_line(r, "source", NULL);
	report_text(r, "source", info.name, ", ");
	report_count(r, "blocks", path.blocks, " blocks, the last one number ");
	report_count(r, "last_seq", path.blocks ? path.last_seq : REPORT_UNKNOWN, "");
	report_line(r, info.peer ? "sender" : NULL, NULL);
	report_text(r, "sender", info.peer, "");
	report_start(&info, r);
	copies_report_mapped(r, &stats);
	report_ring(&info, r);
	report_line(r, stats.loss_reason ? "lost" : NULL, "unknown: ");
	report_text(r, "loss_reason", stats.loss_reason, "");
	report_line(r, has_overruns(&info, &stats) ? "overruns" : NULL, NULL);
	report_count(r, "overruns", stats.overruns, " blocks lost, ");
	report_bytes(r, "lost_bytes", stats.lost_bytes, "");
	report_line(r, is_some(stats.discontinuities) ? "unserved" : NULL, NULL);
	report_count(r, "discontinuities", stats.discontinuities,
		     " times, data may be missing there, of unknown length");
	packets_report(r, t->src);
	frames_report_received(r, &stats);
	report_line(r, stats.replaced ? "pages replaced" : NULL, NULL);
	report_count(r, "replaced_blocks", stats.replaced,
		     " blocks, as nothing proves when their pages are free");
	report_line(r, stats.busy_at_release ? "busy at release" : NULL, NULL);
	report_count(r, "busy_blocks", stats.busy_at_release, " blocks whose pages were in flight");
	report_line(r, stats.driver_copied_bytes ? "driver" : NULL, "copied ");
	report_bytes(r, "driver_copied_bytes", stats.driver_copied_bytes,
		     ", as its memory has no pages to splice");
	handover_report(r, t->by_handover || stats.handovers, &copies);
	report_line(r, "cpu", NULL);
	report_seconds(r, "cpu_seconds", t->cpu_seconds, " in this process, ");
	report_seconds(r, "sender_cpu_seconds", t->sender_cpu_seconds, " in the sending thread");
}
