// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * zerocopy: send(MSG_ZEROCOPY), with its completions read from the socket's error queue. Follows
 * Documentation/networking/msg_zerocopy.rst of the kernel, which also advises to go over to plain
 * sends where completions keep saying that the data was copied after all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/completion.h"
#include "path/errqueue.h"
#include "net/nic.h"
#include "path/path.h"
#include "path/pin_limit.h"
#include "path/refusal.h"

/* So many completions in a row say "copied" before plain sends take over ... */
#define PATIENCE 8
/* ... and blocks that are sent plainly before one is tried again; this doubles with each try, up to the most. */
#define RETRY_FIRST 256u
#define RETRY_MOST  4096u

struct zerocopy {
	struct zcdma_path path;
	struct zc_tracker tracker;
	struct zc_pin_limit pin_limit;
	unsigned fell_in_row; /* completions, since the last true one */
	bool emptied;	      /* the error queue, when the block reported last was found */
	bool no_room;	      /* for another completion: the next one makes it */
	bool never;	      /* MSG_ZEROCOPY is refused: only plain sends from now on */
	bool chosen;	      /* for the block being sent: ... */
	bool plain_block;     /* ... it is sent plainly */
	unsigned plain_left;  /* blocks until the next try */
	unsigned retry;	      /* blocks between tries */
	char reason[192];
	char hint[256];
};

/*
 * Limits and refusals
 */

static void describe_limits(char *text, size_t len)
{
	char optmem[32] = "?", memlock[32];

	zc_read_line("/proc/sys/net/core/optmem_max", optmem, sizeof(optmem));
	snprintf(text, len, "RLIMIT_MEMLOCK is %s, net.core.optmem_max is %s bytes",
		 zc_memlock_limit(memlock, sizeof(memlock)), optmem);
}

/* Go on with copies, if that is allowed, as MSG_ZEROCOPY is refused; else fail. */
static int refused(struct zerocopy *z, int err, const char *call, const char *hint)
{
	struct zcdma_path *path = &z->path;

	zc_fail(path->ctx, err, "%s to %s", call, path->sink.name);
	if (hint)
		zc_hint(path->ctx, "%s", hint);
	zc_error_keep(&path->refusal, path->ctx, err == ENOBUFS ? -ENOBUFS : -EOPNOTSUPP);
	if (path->fallback == ZCDMA_FALLBACK_KEEP)
		return path->refusal.rc;
	snprintf(z->reason, sizeof(z->reason), "%s: %s", call, strerror(err));
	path->stats.plain_reason = z->reason;
	path->stats.plain_hint = hint;
	path->stats.plain = true;
	z->never = true;
	return 0;
}

static int refused_setup(struct zerocopy *z, int err)
{
	static const char *const call = "setsockopt(SO_ZEROCOPY)";

	/* The kernel's own ENOTSUPP (524) has no name in user space. */
	if (err == 524)
		err = EOPNOTSUPP;
	return refused(z, err, call, zc_call_hint(call, err));
}

/*
 * Handle a refusal for lack of room with no completion outstanding: the limits are too small for a send of
 * @len bytes, at least while other processes use them too.
 */
static int refused_room(struct zerocopy *z, size_t len)
{
	char limits[160];

	if (zc_pin_limit_lower(&z->pin_limit, len))
		return 0;
	describe_limits(limits, sizeof(limits));
	snprintf(z->hint, sizeof(z->hint), "%s; raise them: ulimit -l, sysctl net.core.optmem_max",
		 limits);
	return refused(z, ENOBUFS, "send(MSG_ZEROCOPY)", z->hint);
}

/*
 * Completions
 */

static void count(struct zerocopy *z, struct zc_completed done, bool copied, bool merged)
{
	struct zcdma_path_stats *s = &z->path.stats;

	s->pending_bytes -= done.bytes;
	s->pending_calls -= done.sends;
	zc_pin_limit_completed(&z->pin_limit, done.sends);
	(merged ? zc_path_completed_merged : zc_path_completed)(&z->path, done.bytes, done.sends,
								copied);
	if (copied) {
		z->fell_in_row += done.sends;
		return;
	}
	if (done.sends) {
		z->fell_in_row = 0;
		z->retry = RETRY_FIRST;
		s->plain = false;
	}
}

static void read_completions(struct zerocopy *z)
{
	struct zc_completions c;

	while (zc_errqueue_read(z->path.sink.fd, &c) == 1) {
		count(z, zc_tracker_complete(&z->tracker, c.lo, c.lo), c.copied, false);
		if (c.lo != c.hi)
			count(z, zc_tracker_complete(&z->tracker, c.lo + 1, c.hi), c.copied, true);
	}
}

static int zerocopy_reap(struct zcdma_path *path, struct zcdma_block *b)
{
	struct zerocopy *z = (struct zerocopy *)path;

	/* Once a read found the queue empty, the blocks it brought are reported without another. */
	if (zc_tracker_pending(&z->tracker) && !z->tracker.done && !z->emptied)
		read_completions(z);
	z->emptied = zc_tracker_reap(&z->tracker, b);
	path->stats.pending_blocks = z->tracker.blocks;
	return z->emptied;
}

/*
 * Sending
 */

/* Choose, at the start of a block, how it is sent. */
static void choose(struct zerocopy *z)
{
	struct zcdma_path_stats *s = &z->path.stats;

	if (z->never || z->path.fallback == ZCDMA_FALLBACK_KEEP) {
		z->plain_block = z->never;
		return;
	}
	if (!s->plain && z->fell_in_row >= PATIENCE) {
		s->plain = true;
		s->plain_hint = zc_why_copied(z->path.sink.fd, z->reason, sizeof(z->reason));
		s->plain_reason = z->reason;
		z->plain_left = z->retry;
	}
	z->plain_block = s->plain && z->plain_left;
	if (z->plain_block) {
		z->plain_left--;
	} else if (s->plain) {
		z->retry = zc_min(z->retry * 2, RETRY_MOST);
		z->plain_left = z->retry;
	}
}

/* Handle ENOBUFS: with completions outstanding the next one makes room; without, a limit is too small. */
static int out_of_room(struct zerocopy *z, size_t len)
{
	int rc;

	z->path.stats.enobufs++;
	read_completions(z);
	if (zc_tracker_pending(&z->tracker)) {
		z->no_room = true;
		return ZC_SENT_BUSY;
	}
	rc = refused_room(z, len);
	z->plain_block = z->never;
	return rc;
}

static int send_zerocopy(struct zerocopy *z, const struct zcdma_block *b)
{
	struct zcdma_path *path = &z->path;
	const unsigned char *data = b->data;
	size_t len = zc_datagram_piece(path, b->len - path->sent, z->pin_limit.most);
	ssize_t n;

	if (zc_tracker_prepare(&z->tracker, b))
		return zc_fail(path->ctx, ENOMEM, "send(MSG_ZEROCOPY) to %s", path->sink.name);
	n = send(path->sink.fd, data + path->sent, len, MSG_ZEROCOPY | MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0) {
		zc_tracker_sent(&z->tracker, (size_t)n);
		path->stats.pending_bytes += (size_t)n;
		path->stats.pending_calls++;
		zc_path_advance(path, b, (size_t)n);
		return ZC_SENT_DONE;
	}
	if (errno == EAGAIN || errno == EINTR)
		return ZC_SENT_BUSY;
	if (zc_datagram_unbatch(path, errno))
		return ZC_SENT_DONE; /* nothing yet: again */
	if (errno == ENOBUFS)
		return out_of_room(z, len);
	if (errno == EFAULT)
		return zc_path_fault(path, b, "send(MSG_ZEROCOPY)");
	if (zc_is_refusal(errno)) {
		z->plain_block = true;
		return refused(z, errno, "send(MSG_ZEROCOPY)",
			       zc_call_hint("send(MSG_ZEROCOPY)", errno));
	}
	return zc_path_fail(path, errno, "send(MSG_ZEROCOPY)");
}

static int zerocopy_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct zerocopy *z = (struct zerocopy *)path;
	int rc;

	z->no_room = false;
	if (!z->chosen)
		choose(z);
	z->chosen = true;
	while (path->sent < b->len) {
		rc = z->plain_block ? zc_path_copy_block(path, b) : send_zerocopy(z, b);
		if (rc)
			return rc;
	}
	z->chosen = false;
	if (!zc_tracker_finish_block(&z->tracker))
		return ZC_SENT_DONE;
	path->stats.pending_blocks = z->tracker.blocks;
	return ZC_SENT_QUEUED;
}

/* Poll for completions, which make room where room in the socket does not. */
static unsigned zerocopy_poll(const struct zcdma_path *path, unsigned what, struct pollfd *p)
{
	if (((const struct zerocopy *)path)->no_room && what & ZC_WAIT_ROOM)
		what = ZC_WAIT_COMPLETION;
	return zc_path_poll_sink(path, what, p);
}

static int enable(int fd)
{
	const int one = 1;

	return setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) < 0 ? errno : 0;
}

static int zerocopy_probe(struct zcdma_ctx *ctx)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err, rc = 0;

	if (fd < 0)
		return zc_fail(ctx, errno, "socket");
	err = enable(fd);
	if (err) {
		zc_fail(ctx, err, "setsockopt(SO_ZEROCOPY)");
		rc = -EOPNOTSUPP;
	}
	close(fd);
	return rc;
}

static int zerocopy_open(struct zcdma_path *path)
{
	struct zerocopy *z = (struct zerocopy *)path;
	int used = 0, err;
	socklen_t len = sizeof(used);

	/* The kernel counts a socket's sends from the first one on, and so does the tracker. */
	if (!getsockopt(path->sink.fd, SOL_SOCKET, SO_ZEROCOPY, &used, &len) && used)
		return zc_fail_plain(path->ctx, EINVAL,
				     "path zerocopy to %s: the socket has been used for it before",
				     path->sink.name);
	err = enable(path->sink.fd);
	zc_tracker_init(&z->tracker);
	zc_pin_limit_init(&z->pin_limit, path->datagram);
	z->retry = RETRY_FIRST;
	return err ? refused_setup(z, err) : 0;
}

static void zerocopy_close(struct zcdma_path *path)
{
	zc_tracker_free(&((struct zerocopy *)path)->tracker);
}

const struct zc_path_ops zc_path_zerocopy = {
	.type = {
		.name = "zerocopy",
		.summary = "send(MSG_ZEROCOPY): no copy on a real network device, completions say whether",
		.required_caps = ZCDMA_CAP_MEMORY | ZCDMA_CAP_SOCKET,
		.reports_copied = true,
	},
	.size = sizeof(struct zerocopy),
	.datagrams = true,
	.join_most = ZC_JOIN_MOST,
	.takes = ZC_TAKES_MEMORY,
	.probe = zerocopy_probe,
	.open = zerocopy_open,
	.send = zerocopy_send,
	.reap = zerocopy_reap,
	.poll = zerocopy_poll,
	.close = zerocopy_close,
};
