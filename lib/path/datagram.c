// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocks as UDP datagrams: how large they are, how many of them one system call takes, and the empty
 * ones that end a stream.
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "path/path.h"

/* As in the kernel's linux/udp.h: a call with more segments is EINVAL. */
#define MAX_SEGMENTS 64

/* The 16 bits of an IP packet's length cover the headers, but for IPv6 its own. We keep below both. */
#define MAX_BATCH_V4 (65535 - 20 - 8)
#define MAX_BATCH_V6 (65535 - 40 - 8)

/* An end of stream is sent at once, and again after these. */
static const int mark_naps_ms[] = { 0, 10, 40 };

/*
 * The size of datagrams
 */

static bool is_v6(int fd)
{
	int domain = AF_INET;
	socklen_t len = sizeof(domain);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	return domain == AF_INET6;
}

/* Returns how many bytes fit into a packet on the route of a connected socket, or a negative errno. */
static int room(int fd)
{
	bool v6 = is_v6(fd);
	int mtu;
	socklen_t len = sizeof(mtu);

	if (getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &len) < 0)
		return -errno;
	return zc_min(mtu - (v6 ? 48 : 28), v6 ? MAX_BATCH_V6 : MAX_BATCH_V4);
}

/* Set how many bytes go into a call: a batch that the kernel splits into datagrams, or one datagram. */
static void set_batch(struct zcdma_path *path)
{
	size_t most = zc_min(path->batch_most, path->datagram * MAX_SEGMENTS);
	int segment = (int)path->datagram;

	path->batch = most - most % path->datagram;
	if (path->batch == path->datagram)
		segment = 0;
	if (setsockopt(path->sink.fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) < 0)
		path->batch = path->datagram;
}

static int set_size(struct zcdma_path *path, size_t bytes)
{
	int rc;

	if (bytes > path->batch_most) {
		rc = zc_fail_plain(path->ctx, EINVAL,
				   "path %s to %s: datagrams of %zu bytes, and it can send %zu",
				   path->ops->type.name, path->sink.name, bytes, path->batch_most);
		zc_hint(path->ctx, "--datagram=%zu, or --path=copy",
			path->batch_most - path->batch_most % 8);
		return rc;
	}
	path->datagram = bytes;
	path->stats.datagram_bytes = bytes;
	set_batch(path);
	return 0;
}

int zc_datagram_open(struct zcdma_path *path)
{
	/* A packet that is too large is refused, and not cut into fragments: ip(7). */
	const int refuse4 = IP_PMTUDISC_DO, refuse6 = IPV6_PMTUDISC_DO;
	int fits;

	if (path->sink.kind != ZC_SINK_SOCKET || !zc_is_udp(path->sink.fd))
		return 0;
	if (!path->ops->datagrams)
		return zc_fail_plain(path->ctx, EINVAL, "path %s to %s: it does not send datagrams",
				     path->ops->type.name, path->sink.name);
	fits = room(path->sink.fd);
	if (fits < 8)
		return zc_fail(path->ctx, fits < 0 ? -fits : EMSGSIZE, "path %s to %s: its MTU",
			       path->ops->type.name, path->sink.name);
	setsockopt(path->sink.fd, IPPROTO_IP, IP_MTU_DISCOVER, &refuse4, sizeof(refuse4));
	setsockopt(path->sink.fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &refuse6, sizeof(refuse6));
	path->batch_most = is_v6(path->sink.fd) ? MAX_BATCH_V6 : MAX_BATCH_V4;
	return set_size(path, (size_t)fits - (size_t)fits % 8);
}

int zc_datagram_limit(struct zcdma_path *path, size_t most)
{
	if (!path->datagram)
		return 0;
	path->batch_most = zc_min(path->batch_most, most);
	return set_size(path, path->datagram);
}

ZC_PUBLIC int zcdma_path_set_datagram(struct zcdma_path *path, size_t bytes)
{
	int fits, rc;

	if (!path->datagram)
		return zc_fail_plain(path->ctx, EINVAL, "path %s to %s: it does not take datagrams",
				     path->ops->type.name, path->sink.name);
	fits = room(path->sink.fd);
	if (bytes && bytes <= (size_t)zc_max(fits, 0))
		return set_size(path, bytes);
	rc = zc_fail_plain(path->ctx, EMSGSIZE,
			   "path %s to %s: datagrams of %zu bytes do not fit its MTU",
			   path->ops->type.name, path->sink.name, bytes);
	zc_hint(path->ctx, "--datagram=%d is the most there, unless the MTU is raised", fits);
	return rc;
}

/*
 * Sending
 */

size_t zc_datagram_piece(const struct zcdma_path *path, size_t left, size_t most)
{
	if (!path->datagram)
		return zc_min(left, most);
	most = zc_max(zc_min(most, path->batch), path->datagram);
	return zc_min(left, most - most % path->datagram);
}

/* Returns whether the kernel, "6.5.0-1-amd64", has at least that version. */
static bool kernel_is(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned a, b;

	return !uname(&name) && sscanf(name.release, "%u.%u", &a, &b) == 2 &&
	       (a > major || (a == major && b >= minor));
}

/*
 * Until Linux 6.5 UDP over IPv6 has no sendpage operation, and splice() makes a datagram of each page.
 * Only the datagrams show it, and the receiver may be another machine.
 */
int zc_datagram_splices(struct zcdma_path *path)
{
	int rc;

	if (!path->datagram || !is_v6(path->sink.fd) || kernel_is(6, 5))
		return 0;
	rc = zc_fail_plain(path->ctx, EOPNOTSUPP,
			   "path %s to %s: before Linux 6.5 splice() cuts datagrams of IPv6 up",
			   path->ops->type.name, path->sink.name);
	zc_hint(path->ctx, "--path=copy and --path=zerocopy send whole ones");
	return rc;
}

bool zc_datagram_unbatch(struct zcdma_path *path, int err)
{
	/* Without checksums of the device, or with IPsec, older kernels do not split: udp_send_skb(). */
	if (err != EIO || !path->datagram || path->batch == path->datagram)
		return false;
	path->batch_most = path->datagram;
	set_batch(path);
	return true;
}

int zc_datagram_whole(struct zcdma_path *path, const char *call, size_t n, size_t len)
{
	int rc;

	if (!path->datagram || n == len)
		return 0;
	rc = zc_fail_plain(path->ctx, EIO,
			   "%s to %s: it took %zu of %zu bytes, so a datagram is cut", call,
			   path->sink.name, n, len);
	zc_hint(path->ctx, "--path=copy and --path=zerocopy send whole ones");
	return rc;
}

/*
 * The end
 */

static int pending_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ? 0 : err;
}

/* Send a mark of the end. Returns 0, -EINTR, or another negative errno without a message. */
static int send_mark(struct zcdma_path *path)
{
	int rc;

	while (send(path->sink.fd, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if (zc_datagram_unbatch(path, errno))
			continue;
		if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
			return -errno;
		rc = zc_poll(path->ctx, path->sink.fd, POLLOUT, mark_naps_ms[1]);
		if (rc == -EINTR)
			return rc;
	}
	return 0;
}

int zc_datagram_finish(struct zcdma_path *path, bool complete)
{
	int rc = 0;

	for (; complete && path->marks < ARRAY_SIZE(mark_naps_ms); path->marks++) {
		if (path->marks)
			rc = zc_poll(path->ctx, -1, 0, mark_naps_ms[path->marks]);
		if (rc == -EINTR)
			return rc;
		rc = -pending_error(path->sink.fd);
		if (!rc)
			rc = send_mark(path);
		if (rc == -EINTR)
			return rc;
		/* A receiver that has seen its end may be gone by the last one. */
		if (rc && path->marks < ARRAY_SIZE(mark_naps_ms) - 1)
			return zc_path_fail(path, -rc, "send");
	}
	return 0;
}
