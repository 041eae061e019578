// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Listens at the reading end of a pipe, which is standard input, for writers that hand a ring over, or write bytes and
 * say where they end. A writer proves that it can open the pipe, then that it holds the other end. Nothing it sends is
 * trusted, and nothing here waits.
 */
#include "handover/listener.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections to accept in one call, so that strangers cannot keep the source busy. */
#define LOOKS 64

static int watch(const struct zc_listener *c, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int zc_listener_open(struct zc_listener *c)
{
	int rc;

	*c = (struct zc_listener){ .epoll = -1 };
	c->listener = zc_ho_listen(STDIN_FILENO);
	if (c->listener < 0) {
		rc = c->listener;
		c->listener = -1;
		return rc;
	}
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	rc = c->epoll < 0 ? -errno : watch(c, c->listener);
	if (!rc)
		rc = watch(c, STDIN_FILENO);
	if (rc)
		zc_listener_close(c);
	return rc;
}

/* Every version has the message: a writer of another one learns from it which it is to speak. */
static void refuse(int sock, enum zc_ho_reason reason)
{
	struct zc_ho_msg msg;

	zc_ho_begin(&msg, ZC_HO_REFUSE, 1);
	msg.refuse.reason = reason;
	(void)!zc_ho_send(sock, &msg, NULL);
}

int zc_ring_offer_accept(const struct zc_ring_offer *offer)
{
	struct zc_ho_msg msg;

	zc_ho_begin(&msg, ZC_HO_ACCEPT, 0);
	msg.head.version = offer->page < 0 ? ZC_HO_OLDEST : ZC_HO_VERSION;
	return zc_ho_send(offer->sock, &msg, (const int[]){ STDIN_FILENO });
}

void zc_ring_offer_refuse(const struct zc_ring_offer *offer)
{
	refuse(offer->sock, ZC_HO_BAD_RING);
	close(offer->sock);
	close(offer->fd);
	if (offer->page >= 0)
		close(offer->page);
}

static void forget(struct zc_listener *c, unsigned i)
{
	memmove(&c->writer[i], &c->writer[i + 1], (--c->count - i) * sizeof(c->writer[0]));
}

static void drop(struct zc_listener *c, unsigned i)
{
	c->ended_early |= c->writer[i].writes;
	close(c->writer[i].sock);
	forget(c, i);
}

void zc_listener_close(struct zc_listener *c)
{
	while (c->count)
		drop(c, 0);
	if (c->listener >= 0)
		close(c->listener);
	if (c->epoll >= 0)
		close(c->epoll);
	c->listener = c->epoll = -1;
}

int zc_writer_ended_early(const struct zcdma_source *src)
{
	int rc = zc_fail_plain(src->ctx, EPIPE, "read %s: its writer ended early", src->name);

	zc_hint(src->ctx,
		"look why the writer failed or was killed; what it captured before that has arrived");
	return rc;
}

/* Make room for one more writer, by dropping one that has not sent a message. Returns false if it cannot. */
static bool make_room(struct zc_listener *c)
{
	for (unsigned i = 0; c->count == ZC_LISTENER_WRITERS && i < ZC_LISTENER_WRITERS; i++) {
		if (!c->writer[i].proved)
			drop(c, i);
	}
	return c->count < ZC_LISTENER_WRITERS;
}

/* Close the socket, so that no other writer connects. */
static void stop_listening(struct zc_listener *c)
{
	close(c->listener);
	c->listener = -1;
}

/* Accept the next pending connection. Returns false if none is pending. */
static bool accept_pending(struct zc_listener *c)
{
	int sock = c->listener < 0 ? -1
				   : accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (sock < 0) {
		/* Without a free descriptor the connection would stay pending, and wake us again and again. */
		if (c->listener >= 0 && (errno == EMFILE || errno == ENFILE))
			stop_listening(c);
		return false;
	}
	if (zc_local_same_user(sock) && make_room(c) && !watch(c, sock)) {
		c->writer[c->count++] = (struct zc_writer){ .sock = sock };
		return true;
	}
	refuse(sock, ZC_HO_BUSY);
	close(sock);
	return true;
}

/* Take a hello, with a name of the pipe. Returns 0, or a negative errno to drop the writer. */
static int take_hello(struct zc_writer *writer, unsigned flags, unsigned version, int theirs)
{
	const unsigned sent = ZC_USE_REPLACE | ZC_USE_FD;
	struct zc_ho_msg msg;
	int ours, rc;

	if (!zc_ho_is_name(theirs, STDIN_FILENO)) {
		refuse(writer->sock, ZC_HO_NO_PROOF);
		return -EPROTO;
	}
	ours = zc_ho_name_pipe(STDIN_FILENO);
	if (ours < 0)
		return ours;
	zc_ho_begin(&msg, ZC_HO_WELCOME, 1);
	msg.head.version = (uint16_t)version;
	msg.welcome.flags = flags & sent;
	rc = zc_ho_send(writer->sock, &msg, &ours);
	close(ours);
	writer->proved = writer->fresh = true;
	return rc;
}

/* Take an offer, with the ring and the page, which *@offer keeps, and the writing end. Returns 1, or -EPROTO. */
static int take_offer(const struct zc_writer *writer, const struct zc_ho_offer *body,
		      int fds[ZC_HO_FDS], struct zc_ring_offer *offer)
{
	if (!zc_ho_is_end(fds[1], STDIN_FILENO, O_WRONLY)) {
		refuse(writer->sock, ZC_HO_NO_PROOF);
		return -EPROTO;
	}
	*offer = (struct zc_ring_offer){
		.sock = writer->sock, .offer = *body, .fd = fds[0], .page = fds[2]
	};
	fds[0] = fds[2] = -1;
	return 1;
}

/*
 * Note that a writer, which passes its end of the pipe, writes bytes and will send an end, or failed before the first
 * one. Returns 0, or a negative errno to drop the writer.
 */
static int take_bytes(struct zc_listener *c, struct zc_writer *writer,
		      const struct zc_ho_bytes *body, int end)
{
	if (!zc_ho_is_end(end, STDIN_FILENO, O_WRONLY)) {
		refuse(writer->sock, ZC_HO_NO_PROOF);
		return -EPROTO;
	}
	c->failed = body->none;
	writer->writes = !body->none;
	return body->none ? -ESHUTDOWN : 0;
}

/* Take the end of what a writer wrote. Returns a negative errno to drop the writer, which has no more to send. */
static int take_end(struct zc_writer *writer)
{
	writer->writes = false;
	return -ESHUTDOWN;
}

/* Receive a message of a writer. Returns 1 with *@offer, 0, -EAGAIN, or another negative errno to drop the writer. */
static int receive_one(struct zc_listener *c, struct zc_writer *writer, unsigned flags,
		       struct zc_ring_offer *offer)
{
	int fds[ZC_HO_FDS], rc;
	struct zc_ho_msg msg;

	rc = zc_ho_recv(writer->sock, &msg, fds);
	if (rc == -EAGAIN)
		return rc;
	if (rc == -EPROTONOSUPPORT)
		refuse(writer->sock, ZC_HO_VERSION_UNKNOWN);
	if (rc != 1)
		return -EPROTO;
	if (msg.head.type == ZC_HO_HELLO && !writer->proved)
		rc = take_hello(writer, flags, msg.head.version, fds[0]);
	else if (msg.head.type == ZC_HO_OFFER && writer->proved && !writer->writes)
		rc = take_offer(writer, &msg.offer, fds, offer);
	else if (msg.head.type == ZC_HO_BYTES && writer->proved && !writer->writes)
		rc = take_bytes(c, writer, &msg.bytes, fds[0]);
	else if (msg.head.type == ZC_HO_END && writer->writes)
		rc = take_end(writer);
	else
		rc = -EPROTO;
	zc_local_close(fds, ZC_HO_FDS);
	return rc;
}

/* Receive what a writer has sent, which is three messages at most, up to its hello. Returns as receive_one(), but 0 for -EAGAIN. */
static int receive(struct zc_listener *c, struct zc_writer *writer, unsigned flags,
		   struct zc_ring_offer *offer)
{
	int rc = 0;

	while (!rc && !writer->fresh)
		rc = receive_one(c, writer, flags, offer);
	return rc == -EAGAIN ? 0 : rc;
}

/*
 * What the pipe had before a writer's hello comes before its ring. The caller has read the pipe, but what came into it since
 * may be older than a hello.
 */
static void begin_look(struct zc_listener *c)
{
	for (unsigned i = 0; i < c->count; i++)
		c->writer[i].fresh = false;
}

static bool receive_all(struct zc_listener *c, unsigned flags, struct zc_ring_offer *offer)
{
	for (unsigned i = 0; i < c->count;) {
		int rc = receive(c, &c->writer[i], flags, offer);

		if (rc == 1) {
			epoll_ctl(c->epoll, EPOLL_CTL_DEL, offer->sock, NULL);
			forget(c, i);
			c->failed = false;
			return true;
		}
		if (rc < 0)
			drop(c, i);
		else
			i++;
	}
	return false;
}

bool zc_listener_ended_early(struct zc_listener *c)
{
	struct zc_ring_offer offer;

	begin_look(c);
	/* An offer would have kept the pipe open. */
	if (receive_all(c, 0, &offer))
		zc_ring_offer_refuse(&offer);
	for (unsigned i = 0; i < c->count; i++)
		c->ended_early |= c->writer[i].writes;
	return c->ended_early || c->failed;
}

bool zc_listener_look(struct zc_listener *c, unsigned flags, struct zc_ring_offer *offer)
{
	int looks = 0;

	begin_look(c);
	/* Receive from the writers before another one, of many that send nothing, takes their place. */
	do {
		if (receive_all(c, flags, offer))
			return true;
	} while (looks++ < LOOKS && accept_pending(c));
	return false;
}
