// SPDX-License-Identifier: LGPL-2.1-or-later
/* The connection of a framed stream that broke: what was in flight is waited for, and another connection made. */
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "net/socket.h"
#include "path/framing_parts.h"
#include "path/reuse.h"

/* How long a connection has to be made. */
#define CONNECT_NS 10000000000u

/* Between two tries. */
#define NAP_NS 1000000000u

/* How long what is in flight of a connection that broke may stay there. */
#define DRAIN_NS     2000000000u
#define DRAIN_NAP_NS 5000000u

static void set_timer(const struct zc_framing *f, uint64_t at_ns)
{
	const struct itimerspec t = {
		.it_value = { .tv_sec = (time_t)(at_ns / 1000000000u),
			      .tv_nsec = (long)(at_ns % 1000000000u) },
	};

	timerfd_settime(f->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static void enter(struct zc_framing *f, enum zc_link_state state, uint64_t due_ns)
{
	f->state = state;
	f->due_ns = due_ns;
	set_timer(f, due_ns);
}

bool zc_framing_is_down(const struct zcdma_path *path)
{
	return path->framing && path->framing->state > ZC_LINK_DRAINING;
}

bool zc_framing_is_broken(const struct zcdma_path *path)
{
	return path->framing && path->framing->state != ZC_LINK_UP;
}

bool zc_framing_survives(struct zcdma_path *path, int rc)
{
	struct zc_framing *f = path->framing;

	/* ETIMEDOUT is the answer of a wait: zc_path_fail() gives that of a connection another name. */
	if (!f || !f->addr.retry || f->state != ZC_LINK_UP || !zc_connection_is_lost(rc))
		return false;
	zc_error_keep(&f->failed, path->ctx, rc);
	f->broke_ns = zc_now_ns();
	path->stats.breaks++;
	enter(f, ZC_LINK_DRAINING, f->broke_ns + DRAIN_NS);
	return true;
}

/* Forget the connection, when what was in flight has completed, or will not. The block that is being sent begins anew. */
static void tear_down(struct zcdma_path *path)
{
	struct zcdma_path_stats *s = &path->stats;
	struct zc_framing *f = path->framing;

	zc_reuse_forget(path, s->pending_calls && path->sent);
	s->unknown_bytes += s->pending_bytes;
	s->unknown_calls += s->pending_calls;
	s->pending_bytes = s->pending_calls = s->pending_blocks = 0;
	s->plain = false;
	s->plain_reason = s->plain_hint = NULL;
	if (path->ops->close)
		path->ops->close(path);
	memset((char *)path + sizeof(*path), 0, path->ops->size - sizeof(*path));
	zc_sink_close(&path->sink);
	path->sink.fd = path->sink.own_fd = -1;
	path->sent = 0;
	f->has_head = false;
	enter(f, ZC_LINK_NAPPING, zc_now_ns());
}

/* Wait for what is in flight. The socket reports its error all the time, so that it is looked at now and then. */
static int drain(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;
	const uint64_t now = zc_now_ns();

	zc_reuse_reap(path);
	if (path->stats.pending_calls && now < f->due_ns) {
		set_timer(f, zc_min(now + DRAIN_NAP_NS, f->due_ns));
		return -EAGAIN;
	}
	tear_down(path);
	return 0;
}

/* Keep why the last try failed: -ETIMEDOUT is the answer of a wait, as zc_path_fail() says, and not that of a path. */
static void keep_failure(struct zcdma_path *path, int rc)
{
	zc_error_keep(&path->framing->failed, path->ctx, rc == -ETIMEDOUT ? -ECONNABORTED : rc);
}

/* Returns -EAGAIN to try again in a while, or the error of the last try if the time for that is over. */
static int try_later(struct zcdma_path *path, int rc)
{
	struct zc_framing *f = path->framing;
	const uint64_t now = zc_now_ns();

	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	/* Without a message: the kernel's answer to a try. */
	if (rc)
		keep_failure(path, zc_fail(path->ctx, -rc, "connect again to %s", path->sink.name));
	if (f->addr.retry != UINT64_MAX && now - f->broke_ns >= f->addr.retry * 1000000000u)
		return zc_error_again(&f->failed, path->ctx);
	enter(f, ZC_LINK_NAPPING, now + NAP_NS);
	return -EAGAIN;
}

static int connect_again(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;

	f->fd = zc_connection_begin(&f->addr, &f->to, f->to_len);
	if (f->fd < 0)
		return try_later(path, f->fd);
	enter(f, ZC_LINK_CONNECTING, zc_now_ns() + CONNECT_NS);
	return 0;
}

static int greet_again(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;
	int rc = zc_connection_end(f->fd);

	if (rc == -EAGAIN && zc_now_ns() < f->due_ns)
		return rc;
	if (!rc)
		rc = zc_framing_greet(f, f->fd);
	if (rc)
		return try_later(path, rc == -EAGAIN ? -ETIMEDOUT : rc);
	enter(f, ZC_LINK_GREETING, zc_now_ns() + ZC_FRAMING_ANSWER_NS);
	return 0;
}

/* Count what the receiver does not have, of what was sent whole. */
static void count_gap(struct zcdma_path *path, const struct zc_frame *welcome)
{
	const struct zc_framing *f = path->framing;

	if (f->offset > welcome->offset)
		path->stats.lost_bytes += f->offset - welcome->offset;
	if (f->seq > welcome->seq)
		path->stats.lost_blocks += f->seq - welcome->seq;
}

/* Take the answer of the receiver, and open the path to the new socket. */
static int resume(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;
	struct zc_frame welcome;
	int rc = zc_framing_read_answer(path->ctx, f, f->fd, path->sink.name, &welcome);

	if (rc == -EAGAIN && zc_now_ns() < f->due_ns)
		return rc;
	if (rc == -EPROTO)
		return rc;
	if (rc) {
		if (rc != -EAGAIN)
			keep_failure(path, rc);
		return try_later(path, rc == -EAGAIN ? -ETIMEDOUT : 0);
	}
	rc = zc_path_set_sink(path, f->fd);
	if (rc)
		return rc;
	path->sink.own_fd = f->fd;
	f->fd = -1;
	path->broken = path->gone.ended = false;
	path->gone.since_ns = 0;
	memset(&path->fresh, 0, sizeof(path->fresh));
	memset(&path->merged, 0, sizeof(path->merged));
	count_gap(path, &welcome);
	/* Without that it stays down, as there is nothing to close. */
	rc = path->ops->open ? path->ops->open(path) : 0;
	if (!rc)
		enter(f, ZC_LINK_UP, 0);
	return rc;
}

/* Make a step. Returns 0 if another may follow, -EAGAIN, or another negative errno. */
static int step(struct zcdma_path *path)
{
	struct zc_framing *f = path->framing;

	switch (f->state) {
	case ZC_LINK_DRAINING:
		return drain(path);
	case ZC_LINK_NAPPING:
		return zc_now_ns() < f->due_ns ? -EAGAIN : connect_again(path);
	case ZC_LINK_CONNECTING:
		return greet_again(path);
	case ZC_LINK_GREETING:
		return resume(path);
	default:
		return 0;
	}
}

int zc_framing_ready(struct zcdma_path *path)
{
	int rc = 0;

	while (!rc && path->framing->state != ZC_LINK_UP)
		rc = step(path);
	return rc;
}

unsigned zc_framing_poll(const struct zcdma_path *path, struct pollfd p[ZC_PATH_POLLS])
{
	const struct zc_framing *f = path->framing;
	unsigned n = 0;

	if (!f || f->state == ZC_LINK_UP)
		return 0;
	p[n++] = (struct pollfd){ .fd = f->timer_fd, .events = POLLIN };
	if (f->state == ZC_LINK_CONNECTING)
		p[n++] = (struct pollfd){ .fd = f->fd, .events = POLLOUT };
	else if (f->state == ZC_LINK_GREETING)
		p[n++] = (struct pollfd){ .fd = f->fd, .events = POLLIN };
	return n;
}
