/* SPDX-License-Identifier: GPL-2.0-only */
/* What TCP_INFO says of a connection that sends. */
#ifndef CLI_TCP_STATE_H
#define CLI_TCP_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_state {
	uint64_t acknowledged;	/* bytes, the SYN among them */
	uint64_t retransmitted; /* segments */
	unsigned rtt_us, cwnd;	/* smoothed; in segments */
	/* Since the connection began: while data was on the way or waited, and of that, for what. */
	uint64_t busy_us, receiver_us, buffer_us;
};

/* Get the state of the socket @fd. Returns false if it is not one of TCP. */
bool tcp_state_get(int fd, struct tcp_state *state);

/* Returns whether @now is known to be of another connection than @before, as one counts from 0, and never down. */
bool tcp_state_is_another(const struct tcp_state *before, const struct tcp_state *now);

/*
 * Say what held the sender back for most of the @interval_us between two states: "receiver" (its window), "send buffer",
 * "network" (the congestion window, or the device), or "source", where nothing was there to send.
 */
const char *tcp_state_limit(const struct tcp_state *before, const struct tcp_state *now,
			    uint64_t interval_us);

#endif
