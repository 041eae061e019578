// SPDX-License-Identifier: LGPL-2.1-or-later
/* send(), plain and with MSG_ZEROCOPY, to a socket of this process. */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/copied.h"
#include "path/errqueue.h"
#include "path/pin_limit.h"
#include "probe/method.h"

/* Check that both sockets are of one connection: another process may have connected, and the bytes may be private. */
static bool own_connection(int fd, int peer)
{
	char ours[64], theirs[64];

	return !strcmp(zcdma_sockname(fd, false, ours, sizeof(ours)),
		       zcdma_sockname(peer, true, theirs, sizeof(theirs)));
}

static int tcp_pair(struct zc_attempt *a)
{
	static const struct zcdma_addr loopback = { .host = "127.0.0.1", .port = "0" };
	struct zcdma_addr to;
	char name[64];
	int fd, rc;

	fd = zcdma_listen(a->ctx, &loopback);
	if (fd < 0)
		return fd;
	rc = zcdma_addr_parse(a->ctx, zcdma_sockname(fd, false, name, sizeof(name)), &to);
	if (rc < 0)
		goto out;
	rc = a->fd = zcdma_connect(a->ctx, &to);
	if (rc < 0)
		goto out;
	rc = a->peer = zcdma_accept(a->ctx, fd, NULL, 0);
	if (rc < 0)
		goto out;
	rc = 0;
	if (!own_connection(a->fd, a->peer))
		rc = zc_fail_plain(a->ctx, ECONNABORTED,
				   "accept %s: another process connected first", name);
out:
	close(fd);
	return rc;
}

static int send_open(struct zc_attempt *a)
{
	int pair[2];
	int rc = tcp_pair(a);

	if (!rc || rc == -EINTR)
		return rc;
	zc_attempt_close(a);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		zc_method_untried(a->res, "no socket to send to: %s", strerror(errno));
		return -errno;
	}
	a->fd = pair[0];
	a->peer = pair[1];
	return 0;
}

/* Check that the kernel sends pages here: over MPTCP, or a device without scatter-gather, it copies at once. */
static bool takes_pages(int fd)
{
	struct zc_copied c = { .copied = ZC_COPIED_NONE };

	zc_copied_below(&c, fd);
	return c.copied == ZC_COPIED_NONE;
}

static int zerocopy_open(struct zc_attempt *a)
{
	const int on = 1;
	int rc = tcp_pair(a);

	if (rc) {
		zc_method_untried(a->res, "no TCP connection over 127.0.0.1: %s", strerror(-rc));
		return rc;
	}
	if (a->pin_only && !takes_pages(a->fd)) {
		zc_method_untried(a->res, "over 127.0.0.1 this kernel would read it to copy it");
		return -EOPNOTSUPP;
	}
	if (setsockopt(a->fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) < 0) {
		zc_method_untried(a->res, "no MSG_ZEROCOPY on this kernel: SO_ZEROCOPY: %s",
				  strerror(errno));
		return -errno;
	}
	return 0;
}

/* Throw away what has arrived. */
static void drain(int fd)
{
	char buf[16384];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

static ssize_t send_some(struct zc_attempt *a, const void *p, size_t len, int flags)
{
	for (;;) {
		ssize_t n = send(a->fd, p, len, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
		int rc;

		if (n >= 0) {
			drain(a->peer);
			return n;
		}
		if (errno != EAGAIN)
			return -errno;
		rc = zc_poll(a->ctx, a->peer, POLLIN, ZC_METHOD_LIMIT_MS);
		if (rc)
			return rc;
		drain(a->peer);
	}
}

static ssize_t send_step(struct zc_attempt *a, const void *p, size_t len)
{
	return send_some(a, p, len, 0);
}

/* Wait for the completion of each send, so that a limit on pending completions is not met by accident. */
static ssize_t zerocopy_step(struct zc_attempt *a, const void *p, size_t len)
{
	uint64_t end = zc_now_ns() + ZC_METHOD_LIMIT_MS * UINT64_C(1000000);
	struct zc_completions done = { .copied = false };
	ssize_t n = send_some(a, p, len, MSG_ZEROCOPY);
	int rc = 0;

	if (n <= 0)
		return n;
	while (!rc) {
		rc = zc_errqueue_read(a->fd, &done);
		if (rc)
			break;
		if (zc_now_ns() >= end)
			return -ETIMEDOUT;
		/* poll() always reports the error queue, as POLLERR. */
		rc = zc_poll(a->ctx, a->fd, 0, ZC_METHOD_LIMIT_MS);
		drain(a->peer);
	}
	if (rc < 0)
		return rc;
	if (done.copied)
		snprintf(a->res->text, sizeof(a->res->text),
			 "accepted, then fell back to a copy, as it always does on loopback");
	return n;
}

static void describe_zerocopy(int err, char *text, size_t len)
{
	char limit[32], optmem[32] = "unknown";

	switch (err) {
	case ENOBUFS:
		zc_read_line("/proc/sys/net/core/optmem_max", optmem, sizeof(optmem));
		snprintf(text, len,
			 "a limit is too small: net.core.optmem_max (%s) or RLIMIT_MEMLOCK (%s)",
			 optmem, zc_memlock_limit(limit, sizeof(limit)));
		break;
	case ETIMEDOUT:
		snprintf(text, len, "accepted, but no completion within %d s",
			 ZC_METHOD_LIMIT_MS / 1000);
		break;
	case EPERM:
	case EOPNOTSUPP:
		zc_method_describe_refusal(text, len);
		break;
	}
}

const struct zc_method zc_method_send = {
	.name = "send",
	.reads = true,
	.chunk = ZC_METHOD_CHUNK,
	.open = send_open,
	.step = send_step,
	.close = zc_attempt_close,
};

const struct zc_method zc_method_zerocopy = {
	.name = "MSG_ZEROCOPY",
	.reads = true,
	.chunk = ZC_METHOD_CHUNK,
	.open = zerocopy_open,
	.step = zerocopy_step,
	.close = zc_attempt_close,
	.describe = describe_zerocopy,
};
