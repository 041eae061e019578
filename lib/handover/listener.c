// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who calls at the reading end of a pipe, which is standard input, to hand a ring over. A caller shows
 * that it can get at the pipe, then that it holds it; nobody is believed, and nobody is waited for.
 */
#include "handover/listener.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections looked at in one go: there is more to do than to turn strangers away. */
#define LOOKS 64

static int watch(const struct zc_callers *c, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int zc_callers_open(struct zc_callers *c)
{
	int rc;

	*c = (struct zc_callers){ .epoll = -1 };
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
		zc_callers_close(c);
	return rc;
}

static void refuse(int sock, enum zc_ho_reason reason)
{
	struct zc_ho_msg msg;

	zc_ho_begin(&msg, ZC_HO_REFUSE, 1);
	msg.refuse.reason = reason;
	(void)!zc_ho_send(sock, &msg, NULL);
}

int zc_call_accept(const struct zc_call *call)
{
	struct zc_ho_msg msg;

	zc_ho_begin(&msg, ZC_HO_ACCEPT, 0);
	return zc_ho_send(call->sock, &msg, (const int[]){ STDIN_FILENO });
}

void zc_call_refuse(const struct zc_call *call)
{
	refuse(call->sock, ZC_HO_BAD_RING);
	close(call->sock);
	close(call->fd);
}

static void forget(struct zc_callers *c, unsigned i)
{
	memmove(&c->caller[i], &c->caller[i + 1], (--c->count - i) * sizeof(c->caller[0]));
}

static void drop(struct zc_callers *c, unsigned i)
{
	close(c->caller[i].sock);
	forget(c, i);
}

void zc_callers_close(struct zc_callers *c)
{
	while (c->count)
		drop(c, 0);
	if (c->listener >= 0)
		close(c->listener);
	if (c->epoll >= 0)
		close(c->epoll);
	c->listener = c->epoll = -1;
}

/* Room for one more, at the expense of one that did not say a word yet. */
static bool make_way(struct zc_callers *c)
{
	for (unsigned i = 0; c->count == ZC_CALLERS && i < ZC_CALLERS; i++) {
		if (!c->caller[i].welcome)
			drop(c, i);
	}
	return c->count < ZC_CALLERS;
}

static void stop_listening(struct zc_callers *c)
{
	close(c->listener);
	c->listener = -1;
}

/* Let in the next one that waits at the door. False: there is none. */
static bool answer_call(struct zc_callers *c)
{
	int sock = c->listener < 0 ? -1
				   : accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (sock < 0) {
		/* Without descriptors left it would wait there, and wake us, for ever. */
		if (c->listener >= 0 && (errno == EMFILE || errno == ENFILE))
			stop_listening(c);
		return false;
	}
	if (zc_ho_same_user(sock) && make_way(c) && !watch(c, sock)) {
		c->caller[c->count++] = (struct zc_caller){ .sock = sock };
		return true;
	}
	refuse(sock, ZC_HO_BUSY);
	close(sock);
	return true;
}

/* A hello, with a name of the pipe: 0, or an error after which the caller is dropped. */
static int take_hello(struct zc_caller *caller, unsigned flags, int theirs)
{
	const unsigned told = ZC_USE_REPLACE | ZC_USE_FD;
	struct zc_ho_msg msg;
	int ours, rc;

	if (!zc_ho_is_name(theirs, STDIN_FILENO)) {
		refuse(caller->sock, ZC_HO_NO_PROOF);
		return -EPROTO;
	}
	ours = zc_ho_name_pipe(STDIN_FILENO);
	if (ours < 0)
		return ours;
	zc_ho_begin(&msg, ZC_HO_WELCOME, 1);
	msg.welcome.flags = flags & told;
	rc = zc_ho_send(caller->sock, &msg, &ours);
	close(ours);
	caller->welcome = true;
	return rc;
}

/* An offer, with a ring and the writing end: 1 and *@call, which leaves no fds[0], or an error. */
static int take_offer(const struct zc_caller *caller, const struct zc_ho_offer *offer,
		      int fds[ZC_HO_FDS], struct zc_call *call)
{
	if (!zc_ho_is_end(fds[1], STDIN_FILENO, O_WRONLY)) {
		refuse(caller->sock, ZC_HO_NO_PROOF);
		return -EPROTO;
	}
	*call = (struct zc_call){ .sock = caller->sock, .offer = *offer, .fd = fds[0] };
	fds[0] = -1;
	return 1;
}

/* What a caller has to say: 1 and *@call, 0, or an error after which it is dropped. */
static int hear(struct zc_caller *caller, unsigned flags, struct zc_call *call)
{
	int fds[ZC_HO_FDS], rc;
	struct zc_ho_msg msg;

	rc = zc_ho_recv(caller->sock, &msg, fds);
	if (rc == -EAGAIN)
		return 0;
	if (rc == -EPROTONOSUPPORT)
		refuse(caller->sock, ZC_HO_VERSION_UNKNOWN);
	if (rc != 1)
		return -EPROTO;
	if (msg.head.type == ZC_HO_HELLO && !caller->welcome)
		rc = take_hello(caller, flags, fds[0]);
	else if (msg.head.type == ZC_HO_OFFER && caller->welcome)
		rc = take_offer(caller, &msg.offer, fds, call);
	else
		rc = -EPROTO;
	zc_ho_close(fds);
	return rc;
}

static bool hear_all(struct zc_callers *c, unsigned flags, struct zc_call *call)
{
	for (unsigned i = 0; i < c->count;) {
		int rc = hear(&c->caller[i], flags, call);

		if (rc == 1) {
			epoll_ctl(c->epoll, EPOLL_CTL_DEL, call->sock, NULL);
			forget(c, i);
			return true;
		}
		if (rc < 0)
			drop(c, i);
		else
			i++;
	}
	return false;
}

bool zc_callers_look(struct zc_callers *c, unsigned flags, struct zc_call *call)
{
	int looks = 0;

	/* Each is heard before the next, who may be many and have nothing to say, takes its place. */
	do {
		if (hear_all(c, flags, call))
			return true;
	} while (looks++ < LOOKS && answer_call(c));
	return false;
}
