// SPDX-License-Identifier: GPL-2.0-only
/* What TCP_INFO says of a connection that sends. */
#include "cli/tcp_state.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

bool tcp_state_get(int fd, struct tcp_state *state)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return false;
	*state = (struct tcp_state){
		.acknowledged = info.tcpi_bytes_acked,
		.retransmitted = info.tcpi_total_retrans,
		.rtt_us = info.tcpi_rtt,
		.cwnd = info.tcpi_snd_cwnd,
		.busy_us = info.tcpi_busy_time,
		.receiver_us = info.tcpi_rwnd_limited,
		.buffer_us = info.tcpi_sndbuf_limited,
	};
	return true;
}

bool tcp_state_is_another(const struct tcp_state *before, const struct tcp_state *now)
{
	return now->acknowledged < before->acknowledged ||
	       now->retransmitted < before->retransmitted || now->busy_us < before->busy_us ||
	       now->receiver_us < before->receiver_us || now->buffer_us < before->buffer_us;
}

const char *tcp_state_limit(const struct tcp_state *before, const struct tcp_state *now,
			    uint64_t interval_us)
{
	const uint64_t busy = now->busy_us - before->busy_us;
	const uint64_t receiver = now->receiver_us - before->receiver_us;
	const uint64_t buffer = now->buffer_us - before->buffer_us;

	if (busy < interval_us / 2)
		return "source";
	if (receiver > busy / 2)
		return "receiver";
	return buffer > busy / 2 ? "send buffer" : "network";
}
