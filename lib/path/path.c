// SPDX-License-Identifier: LGPL-2.1-or-later
/* What all paths share: from a call to a path's operation, counting, and errors. */
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "path/path.h"
#include "path/refusal.h"

/*
 * Sending
 */

static void look_for_copies(struct zcdma_path *path, const struct zcdma_block *b)
{
	const struct zc_block_route route = { .takes = path->ops->takes,
					      .source_fd = b->fd,
					      .source_name = path->src->name,
					      .sink = &path->sink };

	zc_copied_look(&path->copied, &route);
}

int zc_path_try(struct zcdma_path *path, const struct zcdma_block *b)
{
	int rc;

	if (!path->copied.looked)
		look_for_copies(path, b);
	rc = path->framing ? zc_framing_head(path, b) : 0;
	if (rc)
		return rc == -EAGAIN ? ZC_SENT_BUSY : rc;
	rc = path->ops->send(path, b);
	/* After an error, what was sent of it may be in flight. */
	if (rc != ZC_SENT_DONE && rc != ZC_SENT_QUEUED)
		return rc;
	path->sent = 0;
	if (path->framing)
		zc_framing_sent(path, b);
	return rc;
}

int zc_path_reap(struct zcdma_path *path, struct zcdma_block *b)
{
	return path->ops->reap && !zc_framing_is_down(path) ? path->ops->reap(path, b) : 0;
}

/* Returns whether the connection is closed; not by POLLHUP, which comes once both sides have sent a FIN, with data in flight. */
static bool is_closed(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) && info.tcpi_state == TCP_CLOSE;
}

/*
 * Wait until every byte is acknowledged. The kernel does not report it, so poll SIOCOUTQ, which counts bytes that
 * are not acknowledged, sent or not (tcp(7)).
 */
static int wait_acknowledged(struct zcdma_path *path, uint64_t deadline_ns)
{
	int nap_ms = 1;

	for (;;) {
		/* Asked first: an end in good order closes it too, with nothing left unacknowledged. */
		bool closed = is_closed(path->sink.fd);
		int unacked = 0, err = 0, left_ms, rc;
		socklen_t len = sizeof(err);

		if (!getsockopt(path->sink.fd, SOL_SOCKET, SO_ERROR, &err, &len) && err)
			return zc_path_fail(path, err, "send");
		if (ioctl(path->sink.fd, SIOCOUTQ, &unacked) < 0 || !unacked)
			return 0;
		if (closed)
			return zc_path_fail(path, ECONNRESET, "send");
		left_ms = zc_time_left(deadline_ns);
		if (!left_ms)
			return -ETIMEDOUT;
		zc_path_look_gone(path);
		rc = zc_poll(path->ctx, -1, 0, left_ms < 0 ? nap_ms : zc_min(nap_ms, left_ms));
		if (rc != -ETIMEDOUT)
			return rc;
		nap_ms = zc_min(nap_ms * 2, 20);
	}
}

int zc_path_end(struct zcdma_path *path, bool complete, uint64_t deadline_ns)
{
	if (path->fetcher)
		return zc_play_finish(path, complete, deadline_ns);
	if (path->ops->finish)
		return path->ops->finish(path, complete, deadline_ns);
	/* A connection that was dropped acknowledges nothing. */
	if (path->sink.kind != ZC_SINK_SOCKET || path->dropped)
		return 0;
	if (path->datagram)
		return zc_datagram_finish(path, complete);
	if (path->framing)
		return zc_framing_end(path, complete, deadline_ns);
	return zc_path_end_connection(path, complete, deadline_ns);
}

int zc_path_end_connection(struct zcdma_path *path, bool complete, uint64_t deadline_ns)
{
	int rc;

	if (complete && shutdown(path->sink.fd, SHUT_WR) < 0 && errno != ENOTCONN)
		return zc_path_fail(path, errno, "shutdown");
	rc = wait_acknowledged(path, deadline_ns);
	if (!rc && complete)
		zc_reset_on_close(path->sink.fd, false);
	return rc;
}

ZC_PUBLIC const struct zcdma_path_type *zcdma_path_get_type(const struct zcdma_path *path)
{
	return &path->ops->type;
}

/* Say why completions do not say whether their bytes were copied. */
static void explain_unknown(const struct zcdma_path *path, struct zcdma_path_stats *s)
{
	if (!s->unknown_bytes)
		return;
	if (path->broken) {
		s->copies_reason = "what a reset drops completes like what was sent";
		return;
	}
	if (path->differed) {
		s->copies_reason =
			"the kernel reported several sends at once, of which some were copied";
		return;
	}
	s->copies_reason = "the notifications of this kernel's io_uring do not say so";
	s->copies_hint = "use --path=zerocopy, or Linux 6.2 and later";
}

ZC_PUBLIC void zcdma_path_get_stats(const struct zcdma_path *path, struct zcdma_path_stats *out,
				    size_t size)
{
	struct zcdma_path_stats stats, *s = size == sizeof(stats) ? out : &stats;

	/* At once into the caller's, where it is as long: commands ask at each block. */
	*s = path->stats;
	explain_unknown(path, s);
	zc_copied_count(&path->copied, path->ops->type.reports_copied, s);
	if (path->fetcher)
		zc_play_get_stats(path, s);
	else if (path->ops->get_stats)
		path->ops->get_stats(path, s);
	s->pending_blocks += path->queued + path->joined_more;
	/* Only a receiver that is there again says what it has. */
	if (path->broken || zc_framing_is_broken(path))
		s->lost_blocks = s->lost_bytes = ZCDMA_UNKNOWN;
	if (s != out)
		zc_copy_sized(out, size, s, sizeof(*s));
}

/*
 * Settings
 */

ZC_PUBLIC int zcdma_path_set_fallback(struct zcdma_path *path, enum zcdma_fallback fallback)
{
	path->fallback = fallback;
	if (fallback == ZCDMA_FALLBACK_KEEP && path->refusal.rc)
		return zc_error_again(&path->refusal, path->ctx);
	return 0;
}

ZC_PUBLIC void zcdma_path_set_timeout(struct zcdma_path *path, int timeout_ms)
{
	path->timeout_ms = timeout_ms;
}

ZC_PUBLIC void zcdma_path_set_queue(struct zcdma_path *path, unsigned blocks)
{
	path->queue_most = blocks;
}

ZC_PUBLIC void zcdma_path_set_join(struct zcdma_path *path, size_t bytes)
{
	const struct zcdma_source_info *info = &path->src->info;
	const size_t most = info->blocks * info->block_size / 4;

	path->join = info->blocks ? zc_min(bytes, most) : bytes;
}

ZC_PUBLIC int zcdma_path_set_unsafe_reuse(struct zcdma_path *path)
{
	int rc;

	if (!path->src->info.tracks_pages) {
		path->unsafe_reuse = true;
		return 0;
	}
	rc = zc_fail_plain(path->ctx, EINVAL,
			   "unsafe reuse of %s: its driver waits for pages in flight by itself",
			   path->src->name);
	zc_hint(path->ctx, "sim: shows it");
	return rc;
}

ZC_PUBLIC void zcdma_path_get_latency(const struct zcdma_path *path,
				      struct zcdma_hist *device_to_sent,
				      struct zcdma_hist *sent_to_free)
{
	if (device_to_sent)
		*device_to_sent = path->device_to_sent;
	if (sent_to_free)
		*sent_to_free = path->sent_to_free;
}

ZC_PUBLIC void zcdma_path_reset_latency(struct zcdma_path *path)
{
	memset(&path->device_to_sent, 0, sizeof(path->device_to_sent));
	memset(&path->sent_to_free, 0, sizeof(path->sent_to_free));
}

/*
 * Waiting
 */

unsigned zc_path_wants(const struct zcdma_path *path)
{
	return (path->queued ? ZC_WAIT_ROOM : 0) |
	       (path->stats.pending_blocks ? ZC_WAIT_COMPLETION : 0);
}

unsigned zc_path_poll_sink(const struct zcdma_path *path, unsigned what, struct pollfd *p)
{
	if (!(what & (ZC_WAIT_ROOM | ZC_WAIT_COMPLETION)))
		return 0;
	/* A completion is POLLERR, which cannot be asked for: it always comes. */
	*p = (struct pollfd){ .fd = path->sink.fd, .events = what & ZC_WAIT_ROOM ? POLLOUT : 0 };
	return 1;
}

unsigned zc_path_poll(const struct zcdma_path *path, unsigned what, struct pollfd *p)
{
	unsigned n;

	/* A connection that was reset reports nothing but that: see add_path() in wait.c. */
	if (path->dropped && !path->ops->drop)
		return 0;
	if (path->fetcher)
		return zc_play_poll(path, what, p);
	n = zc_framing_poll(path, p);
	return n ? n : (path->ops->poll ? path->ops->poll : zc_path_poll_sink)(path, what, p);
}

int zc_path_flush_held(struct zcdma_path *path)
{
	if (path->fetcher)
		return zc_play_flush(path);
	return path->ops->flush ? path->ops->flush(path) : 0;
}

bool zc_path_attends(const struct zcdma_path *path)
{
	return path->fetcher || path->ops->attend;
}

int zc_path_attend(struct zcdma_path *path, short events)
{
	if (path->fetcher)
		return zc_play_attend(path, events);
	return path->ops->attend ? path->ops->attend(path, events) : 0;
}

/*
 * What paths share
 */

bool zc_path_took(struct zcdma_path *path, const struct zcdma_block *b, size_t len)
{
	path->sent += len;
	path->stats.calls++;
	return path->sent == b->len;
}

void zc_path_arrived(struct zcdma_path *path, size_t len)
{
	/* The connection is there, so nothing of it was dropped until now. */
	path->fresh = path->merged = (struct zc_sends){ 0 };
	path->trailing_is_fresh = false;
	path->stats.bytes += len;
	if (path->datagram)
		path->stats.datagrams += (len + path->datagram - 1) / path->datagram;
}

bool zc_path_advance(struct zcdma_path *path, const struct zcdma_block *b, size_t len)
{
	zc_path_arrived(path, len);
	return zc_path_took(path, b, len);
}

static void count_sends(struct zc_sends *sends, uint64_t bytes, uint64_t calls)
{
	sends->bytes += bytes;
	sends->calls += calls;
}

/* Count sends, and those of @open, which a reset may show to have been dropped. */
static void count(struct zcdma_path *path, uint64_t bytes, uint64_t calls, bool copied,
		  struct zc_sends *open)
{
	struct zcdma_path_stats *s = &path->stats;

	if (path->broken && open) {
		s->unknown_bytes += bytes;
		s->unknown_calls += calls;
		return;
	}
	if (copied) {
		s->fell_back_bytes += bytes;
		s->fell_back_calls += calls;
	} else {
		s->zerocopy_bytes += bytes;
		s->zerocopy_calls += calls;
	}
	if (open)
		count_sends(open, bytes, calls);
}

/* Take sends out of the count of those that were @copied or not: it is unknown. */
static void doubt(struct zcdma_path *path, const struct zc_sends *sends, bool copied)
{
	struct zcdma_path_stats *s = &path->stats;

	if (copied) {
		s->fell_back_bytes -= sends->bytes;
		s->fell_back_calls -= sends->calls;
	} else {
		s->zerocopy_bytes -= sends->bytes;
		s->zerocopy_calls -= sends->calls;
	}
	s->unknown_bytes += sends->bytes;
	s->unknown_calls += sends->calls;
}

/* Handle a report that is @copied: did the one before say the same, for what was merged with it? */
static void compare_reports(struct zcdma_path *path, bool copied)
{
	struct zc_sends *t = &path->trailing;
	struct zc_sends *open = path->trailing_copied ? &path->merged : &path->fresh;

	if (t->calls && path->trailing_copied != copied) {
		path->differed = true;
		doubt(path, t, path->trailing_copied);
		if (path->trailing_is_fresh) {
			open->bytes -= t->bytes;
			open->calls -= t->calls;
		}
	}
	*t = (struct zc_sends){ 0 };
}

void zc_path_completed(struct zcdma_path *path, uint64_t bytes, uint64_t calls, bool copied)
{
	if (!calls)
		return;
	compare_reports(path, copied);
	count(path, bytes, calls, copied, copied ? NULL : &path->fresh);
}

void zc_path_completed_merged(struct zcdma_path *path, uint64_t bytes, uint64_t calls, bool copied)
{
	count(path, bytes, calls, copied, copied ? &path->merged : &path->fresh);
	if (path->broken)
		return;
	path->trailing = (struct zc_sends){ bytes, calls };
	path->trailing_copied = copied;
	path->trailing_is_fresh = true;
}

/*
 * Correct the statistics after a reset: what it drops from the queue (tcp_write_queue_purge() in net/ipv4/tcp.c)
 * completes as if it had been sent, also where the kernel merges it into the completion of a send that was copied
 * (skb_zerocopy_notify_extend() in net/core/skbuff.c), and the completions may have been read before the error.
 */
static void break_off(struct zcdma_path *path)
{
	if (path->sink.kind != ZC_SINK_SOCKET || path->broken || !is_closed(path->sink.fd))
		return;
	path->broken = true;
	doubt(path, &path->fresh, false);
	doubt(path, &path->merged, true);
	if (path->trailing_is_fresh)
		path->trailing = (struct zc_sends){ 0 };
}

/* A pipe and a connection break with the same error. */
static const char *hint_for(const struct zcdma_path *path, int err, const char *call)
{
	if (err == EPIPE && path->sink.kind == ZC_SINK_SOCKET)
		return "the receiver closed the connection; anything it had not read is lost";
	return zc_call_hint(call, err);
}

int zc_path_fail(struct zcdma_path *path, int err, const char *call)
{
	const char *hint;

	if (path->gone.ended && (err == ECONNRESET || err == EPIPE || err == ENOTCONN))
		err = ETIMEDOUT;
	hint = hint_for(path, err, call);

	if (path->fetcher)
		return zc_play_fail(path, err);
	break_off(path);
	zc_fail(path->ctx, err, "%s to %s", call, path->sink.name);
	if (hint)
		zc_hint(path->ctx, "%s", hint);
	else if (err == ECONNREFUSED)
		zc_hint(path->ctx, "start the receiver first: zcdma verify --listen udp:%s",
			strrchr(path->sink.name, ':') ?: ":PORT");
	if (err == ETIMEDOUT) /* of the connection; -ETIMEDOUT is the answer of a wait */
		return -ECONNABORTED;
	return zc_is_refusal(err) ? -EOPNOTSUPP : -err;
}

static bool was_cut_short(const struct zcdma_source *src, const struct zcdma_block *b)
{
	struct stat st;

	return src->file_fd >= 0 && b->fd_offset >= 0 && !fstat(src->file_fd, &st) &&
	       st.st_size < b->fd_offset + (int64_t)b->len;
}

int zc_path_fault(struct zcdma_path *path, const struct zcdma_block *b, const char *call)
{
	if (was_cut_short(path->src, b))
		return zc_fail_plain(path->ctx, EIO, "read %s: it was cut short meanwhile",
				     path->src->name);
	zc_fail(path->ctx, EFAULT, "%s from %s", call, path->src->name);
	zc_hint(path->ctx, "%s",
		path->src->fault_hint
			? path->src->fault_hint
			: "the kernel has no pages for this memory (VM_PFNMAP or VM_IO): see why with \"zcdma probe\", or send with \"zcdma copysend\"");
	return -EFAULT;
}
