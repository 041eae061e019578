// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A receiver that is out of reach: its machine, or the way to it, has failed. The kernel's keepalive is for connections that
 * are silent: where data waits for its acknowledgement, TCP sends it again for a quarter of an hour, ever more rarely
 * (tcp_retries2 in tcp(7)). TCP_USER_TIMEOUT would also end the connection to a receiver that is there, and does not read.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "path/path.h"

/* How often to look. */
#define LOOK_MS 500

void zc_path_gone_after(struct zcdma_path *path, uint64_t seconds)
{
	path->gone.limit_ns = seconds * 1000000000u;
}

static bool looks(const struct zcdma_path *path)
{
	return path->gone.limit_ns && !path->gone.ended && !path->dropped && path->sink.fd >= 0 &&
	       !zc_framing_is_down(path);
}

int zc_path_gone_timeout(const struct zcdma_path *path)
{
	return looks(path) ? LOOK_MS : -1;
}

/* Returns whether data, or the question whether there is room for it, has gone without an answer. */
static bool is_unanswered(int fd, uint64_t *silent_ns)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return false;
	*silent_ns = info.tcpi_last_ack_recv * UINT64_C(1000000);
	return info.tcpi_unacked || info.tcpi_probes;
}

void zc_path_look_gone(struct zcdma_path *path)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	const uint64_t now = zc_now_ns();
	uint64_t silent_ns = 0;

	if (!looks(path) || now < path->gone.next_ns)
		return;
	path->gone.next_ns = now + LOOK_MS * UINT64_C(1000000);
	if (!is_unanswered(path->sink.fd, &silent_ns)) {
		path->gone.since_ns = 0;
		return;
	}
	if (!path->gone.since_ns)
		path->gone.since_ns = now;
	if (now - path->gone.since_ns < path->gone.limit_ns || silent_ns < path->gone.limit_ns)
		return;
	/* As a reset by the receiver would: what is in flight completes, and the next call fails. */
	path->gone.ended = !connect(path->sink.fd, &none, sizeof(none));
}
