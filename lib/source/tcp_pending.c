// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * tcp: with frames - a connection that comes while another one has the place. Where it greets with the stream of that one,
 * its sender has given the other up: it gets the place, as this end may not learn for long that the machine of a sender is
 * gone, or the way to it. All others are ended.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"
#include "source/tcp.h"

int zc_tcp_listen(struct tcp_source *t)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < t->end.count; i++)
		rc = zc_alarm_add(&t->alarm, t->end.fds[i]);
	return rc;
}

/* Have the next one be taken. */
static void end_pending(struct tcp_source *t)
{
	if (!t->pending.due_ns)
		return;
	t->pending.fd = -1;
	t->pending.due_ns = 0;
	zc_tcp_listen(t);
}

/* Take a connection, if one is there, and no other until its greeting is due. */
static void take(struct tcp_source *t)
{
	struct zc_tcp_pending *p = &t->pending;
	int fd = -EAGAIN;

	for (unsigned i = 0; fd == -EAGAIN && i < t->end.count; i++)
		fd = zc_take_connection(t->end.fds[i], p->peer, sizeof(p->peer));
	if (fd == -EAGAIN)
		return;
	p->head_len = 0;
	p->due_ns = zc_now_ns() + ZC_TCP_HELLO_NS;
	for (unsigned i = 0; i < t->end.count; i++)
		zc_alarm_remove(&t->alarm, t->end.fds[i]);
	if (fd < 0)
		return; /* no descriptor is left, say: the one that has the place goes on */
	p->fd = fd;
	zc_alarm_add(&t->alarm, fd);
}

/* Read the greeting. Returns 0, -EAGAIN, or another negative errno. */
static int read_greeting(struct zc_tcp_pending *p, struct zc_frame *hello)
{
	ssize_t n = recv(p->fd, p->head + p->head_len, ZC_FRAME_HEAD - p->head_len, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -errno;
	if (!n)
		return -ECONNRESET;
	p->head_len += (size_t)n;
	if (!zc_frame_begins(p->head, p->head_len))
		return -EPROTO;
	return p->head_len < ZC_FRAME_HEAD ? -EAGAIN : zc_frame_read(p->head, hello);
}

/* Returns whether what greets gets the place: one that has not greeted has no claim to it. */
static bool fits(const struct tcp_source *t, const struct zc_frame *hello)
{
	const struct zc_tcp_frames *f = &t->frames;

	return hello->kind == ZC_FRAME_HELLO && (!f->greeted || hello->stream == f->stream);
}

bool zc_tcp_pending_look(struct tcp_source *t)
{
	struct zc_tcp_pending *p = &t->pending;
	struct zc_frame hello;
	int rc;

	if (!p->due_ns)
		take(t);
	if (!p->due_ns)
		return false;
	rc = p->fd < 0			    ? -EAGAIN
	     : p->head_len == ZC_FRAME_HEAD ? zc_frame_read(p->head, &hello)
					    : read_greeting(p, &hello);
	if (rc == -EAGAIN && zc_now_ns() < p->due_ns)
		return false;
	if (!rc && fits(t, &hello))
		return true;
	if (p->fd >= 0) {
		t->base.src.stats.ignored_connections++;
		close(p->fd);
	}
	end_pending(t);
	return false;
}

bool zc_tcp_pending_begin(struct tcp_source *t)
{
	struct zc_tcp_pending *p = &t->pending;
	struct zc_tcp_frames *f = &t->frames;

	if (p->fd < 0) {
		end_pending(t);
		return false;
	}
	t->fd = p->fd;
	t->lowat = 1;
	memcpy(t->end.peer, p->peer, sizeof(t->end.peer));
	t->base.src.info.peer = t->end.peer;
	memcpy(f->head, p->head, p->head_len);
	f->head_len = p->head_len;
	f->hello_ns = p->due_ns;
	end_pending(t);
	return true;
}

void zc_tcp_pending_close(struct tcp_source *t)
{
	if (t->pending.fd >= 0)
		close(t->pending.fd);
	t->pending.fd = -1;
}
