/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who calls at the reading end of a pipe, which is standard input, to hand a ring over. */
#ifndef ZCDMA_HANDOVER_LISTENER_H
#define ZCDMA_HANDOVER_LISTENER_H

#include "handover/protocol.h"

/* Writers to one pipe that wait for their turn. */
#define ZC_CALLERS 8

/* Somebody who connected. */
struct zc_caller {
	int sock;
	bool welcome; /* can get at the pipe, and was told so */
};

struct zc_callers {
	int listener; /* -1: nobody can call */
	int epoll;    /* readable when there is a call, or something in the pipe */
	struct zc_caller caller[ZC_CALLERS]; /* the oldest first */
	unsigned count;
};

/* A ring that is offered, by one who holds the pipe. */
struct zc_call {
	int sock;
	struct zc_ho_offer offer;
	int fd; /* the ring's */
};

/* Be there for the writers. 0 or a negative errno, as of zc_ho_listen(). */
int zc_callers_open(struct zc_callers *c);
void zc_callers_close(struct zc_callers *c);

/*
 * Hear what the callers have to say. True where one offers a ring: *@call, to be accepted or refused.
 * @flags: for what a ring has to be good (enum zc_use).
 */
bool zc_callers_look(struct zc_callers *c, unsigned flags, struct zc_call *call);

/* The answer to an offer. 0, or a negative errno: it could not be sent. Refused, the call ends. */
int zc_call_accept(const struct zc_call *call);
void zc_call_refuse(const struct zc_call *call);

#endif
