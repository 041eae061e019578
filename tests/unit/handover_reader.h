/* SPDX-License-Identifier: GPL-2.0-only */
/* A reader of a hand-over that speaks by the page, played by a test. Include it after cmocka.h. */
#ifndef TEST_HANDOVER_READER_H
#define TEST_HANDOVER_READER_H

#include <poll.h>
#include <sys/socket.h>

#include "handover_page.h"

static struct zc_shared_page page;

/* Receive a message of @type. */
static inline struct zc_ho_msg receive(int sock, enum zc_ho_type type, int *fds)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct zc_ho_msg msg;

	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	assert_int_equal(zc_ho_recv(sock, &msg, fds), 1);
	assert_int_equal(msg.head.type, type);
	return msg;
}

static inline int accept_call(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	int sock;

	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(sock >= 0);
	return sock;
}

/* Take the ring of the next producer, with its page. Returns the socket. */
static inline int take_ring(int listener)
{
	int sock = accept_call(listener), fds[ZC_HO_FDS];
	struct zc_ho_msg msg = paged(ZC_HO_WELCOME);

	msg.welcome.flags = ZC_USE_REPLACE;
	assert_int_equal(receive(sock, ZC_HO_HELLO, fds).head.version, ZC_HO_VERSION);
	zc_local_close(fds, ZC_HO_FDS);
	assert_int_equal(say_name(sock, &msg, pipe_fd[0]), 0);
	msg = receive(sock, ZC_HO_OFFER, fds);
	assert_int_equal(msg.head.version, ZC_HO_VERSION);
	assert_int_equal(zc_shared_page_map(&page, fds[2], msg.offer.blocks), 0);
	zc_local_close(fds, ZC_HO_FDS);
	msg = paged(ZC_HO_ACCEPT);
	assert_int_equal(say(sock, &msg, pipe_fd[0], -1), 0);
	return sock;
}

#endif
