// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/xdp.h"

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/link.h"
#include "net/xdp_program.h"
#include "net/xdp_queue.h"

/* Frames for all queues together, 64 MiB, and the least and the most for one. */
#define FRAMES	     16384
#define FRAMES_LEAST 1024
#define FRAMES_MOST  8192

/* Half a second. */
#define BUSY_NAP_NS 10000000
#define BUSY_NAPS   50

/* What the kernel says where a driver lacks something; errno.h has no name for it. */
#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

struct zc_xdp {
	struct zcdma_ctx *ctx;
	struct zc_link link;
	enum zc_xdp_mode mode;
	int map, attachment; /* or -1 */
	int changes;	     /* of interfaces, as rtnetlink(7) reports them, or -1 */
	struct zc_xdp_queue *queue;
	unsigned first, queues;
	unsigned next; /* queue to look at */
};

/* How a mode is asked for: of bind(), and of the program. */
static const struct {
	const char *name;
	uint16_t bind;
	uint32_t attach;
} modes[ZC_XDP_MODES] = {
	[ZC_XDP_ZEROCOPY] = { "zero-copy", XDP_ZEROCOPY, XDP_FLAGS_DRV_MODE },
	[ZC_XDP_NATIVE] = { "native", XDP_COPY, XDP_FLAGS_DRV_MODE },
	[ZC_XDP_GENERIC] = { "generic", XDP_COPY, XDP_FLAGS_SKB_MODE },
};

const char *zc_xdp_mode_name(enum zc_xdp_mode mode)
{
	return modes[mode].name;
}

enum zc_xdp_mode zc_xdp_mode(const struct zc_xdp *x)
{
	return x->mode;
}

int zc_xdp_fd(const struct zc_xdp *x, unsigned i)
{
	return !i ? x->changes : i <= x->queues ? x->queue[i - 1].fd : -1;
}

/* Returns how many receive queues the interface has; where its driver does not say, one. */
static unsigned count_queues(const char *name)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const unsigned queues = fd < 0 ? 0 : zc_link_queues(fd, name);

	if (fd >= 0)
		close(fd);
	return queues ?: 1;
}

static uint32_t frames_of_one(unsigned queues)
{
	uint32_t frames = FRAMES_MOST;

	while (frames > FRAMES_LEAST && frames * queues > FRAMES)
		frames /= 2;
	return frames;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int fail_attach(struct zc_xdp *x, int rc)
{
	static const struct {
		int err;
		const char *hint;
	} hints[] = {
		{ EPERM, "start it with sudo, or take udp: instead, which needs no privilege" },
		{ EBUSY, "bpftool net shows the program that is on it; take it off, or use udp:" },
		{ ENOBUFS, "raise RLIMIT_MEMLOCK (ulimit -l), or give one queue=" },
		{ EAFNOSUPPORT, "this kernel has no AF_XDP; take udp: or pcap: instead" },
		{ EOPNOTSUPP, "take udp: or pcap: instead" },
	};
	const int err = rc == -ENOTSUPP ? EOPNOTSUPP : -rc;

	if (err == EBUSY)
		rc = zc_fail_plain(x->ctx, err,
				   "attach to %s: another XDP program or socket is on it",
				   x->link.name);
	else
		rc = zc_fail(x->ctx, err, "attach to %s", x->link.name);
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].err == err)
			zc_hint(x->ctx, "%s", hints[i].hint);
	}
	return rc;
}

/* Returns whether the map, the first of what attaching takes, needs a privilege that is not there. */
static bool lacks_privilege(void)
{
	int map = zc_xdp_create_map(1);
	const bool lacks = map == -EPERM;

	close_fd(&map);
	return lacks;
}

/* Check that the interface is there, has the queue, and packets that fit. Returns 0, or a negative errno. */
static int look_at_interface(struct zc_xdp *x, const struct zc_xdp_options *options)
{
	const unsigned index = if_nametoindex(options->iface);
	const unsigned longest = ZC_XDP_FRAME_MAX - ETH_HLEN - 4; /* and the tag of a VLAN */
	unsigned queues;
	int rc = index ? zc_link_get((int)index, &x->link) : -ENODEV;

	if (rc) {
		zc_fail(x->ctx, -rc, "attach to %s", options->iface);
		if (rc == -ENODEV)
			zc_hint(x->ctx, "list the interfaces: ip -brief link");
		return rc;
	}
	if (lacks_privilege()) /* first, as nothing else helps */
		return fail_attach(x, -EPERM);
	if (x->link.mtu > longest) {
		rc = zc_fail_plain(x->ctx, EINVAL,
				   "attach to %s: its MTU of %u is above %u, the most that fits",
				   x->link.name, x->link.mtu, longest);
		zc_hint(x->ctx, "ip link set %s mtu %u, or take udp: instead", x->link.name,
			longest);
		return rc;
	}
	queues = count_queues(x->link.name);
	if (options->queue >= (int)queues) {
		rc = zc_fail_plain(x->ctx, EINVAL, "attach to %s: no queue %d", x->link.name,
				   options->queue);
		zc_hint(x->ctx, "its queues are 0 to %u", queues - 1);
		return rc;
	}
	x->first = options->queue < 0 ? 0 : (unsigned)options->queue;
	x->queues = options->queue < 0 ? queues : 1;
	return 0;
}

static void detach(struct zc_xdp *x)
{
	/* The program first: no packet goes to a socket that is closing. */
	close_fd(&x->attachment);
	close_fd(&x->changes);
	for (unsigned i = 0; i < x->queues; i++)
		zc_xdp_queue_close(&x->queue[i]);
	close_fd(&x->map);
}

/* An AF_XDP socket does not wake a poll when its interface is gone (xsk_poll(), net/xdp/xsk.c). */
static int open_changes(struct zc_xdp *x)
{
	const struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	x->changes = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (x->changes < 0)
		return -errno;
	return bind(x->changes, (const struct sockaddr *)&links, sizeof(links)) ? -errno : 0;
}

/* Attach the program for the sockets that are open. Returns 0, or a negative errno. */
static int attach_program(struct zc_xdp *x, uint16_t port)
{
	const int program = zc_xdp_load(x->map, port);

	if (program < 0)
		return program;
	x->attachment = zc_xdp_attach(program, (unsigned)x->link.index, modes[x->mode].attach);
	close(program); /* the attachment holds it */
	return x->attachment < 0 ? x->attachment : 0;
}

/* Attach in x->mode. Returns 0, or a negative errno without anything left. */
static int attach(struct zc_xdp *x, uint16_t port)
{
	int rc;

	x->map = zc_xdp_create_map(x->first + x->queues);
	rc = x->map < 0 ? x->map : 0;
	for (unsigned i = 0; !rc && i < x->queues; i++) {
		rc = zc_xdp_queue_open(&x->queue[i], (unsigned)x->link.index, x->first + i,
				       frames_of_one(x->queues), modes[x->mode].bind);
		if (!rc)
			rc = zc_xdp_set_socket(x->map, x->first + i, x->queue[i].fd);
	}
	if (!rc)
		rc = attach_program(x, port);
	if (!rc)
		rc = open_changes(x);
	if (rc)
		detach(x);
	return rc;
}

/* Attach as soon as the one before has left: the kernel frees a closed socket's queue later (xp_put_pool()). */
static int attach_in_time(struct zc_xdp *x, uint16_t port)
{
	const struct timespec nap = { .tv_nsec = BUSY_NAP_NS };
	int rc;

	for (unsigned i = 0; (rc = attach(x, port)) == -EBUSY && i < BUSY_NAPS; i++)
		nanosleep(&nap, NULL);
	return rc;
}

/* Returns whether another mode may do. */
static bool lacks_mode(int rc)
{
	return rc == -EOPNOTSUPP || rc == -ENOTSUPP || rc == -EINVAL;
}

int zc_xdp_open(struct zcdma_ctx *ctx, const struct zc_xdp_options *options, struct zc_xdp **out)
{
	struct zc_xdp *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return zc_fail(ctx, ENOMEM, "attach to %s", options->iface);
	*x = (struct zc_xdp){ .ctx = ctx, .map = -1, .attachment = -1, .changes = -1 };
	rc = look_at_interface(x, options);
	if (rc)
		goto err_free;
	x->queue = calloc(x->queues, sizeof(*x->queue));
	if (!x->queue) {
		rc = zc_fail(ctx, ENOMEM, "attach to %s", options->iface);
		goto err_free;
	}
	for (unsigned i = 0; i < x->queues; i++)
		x->queue[i].fd = -1;
	x->mode = options->from;
	while ((rc = attach_in_time(x, options->port)) && lacks_mode(rc) &&
	       x->mode + 1 < ZC_XDP_MODES)
		x->mode++;
	if (rc) {
		rc = fail_attach(x, rc);
		goto err_free;
	}
	*out = x;
	return 0;

err_free:
	free(x->queue);
	free(x);
	return rc;
}

/* Returns -EAGAIN, or -ENODEV if the interface is gone. */
static int none_is_there(struct zc_xdp *x)
{
	char name[IFNAMSIZ];
	uint8_t message[4096];
	bool changed = false;

	/* Too many for the socket's buffer are an error of recv() here, ENOBUFS, and a change as well. */
	while (recv(x->changes, message, sizeof(message), 0) > 0 || errno == ENOBUFS)
		changed = true;
	if (!changed || if_indextoname((unsigned)x->link.index, name))
		return -EAGAIN;
	return zc_fail(x->ctx, ENODEV, "receive on %s", x->link.name);
}

int zc_xdp_next(struct zc_xdp *x, struct zc_packet *packet)
{
	for (unsigned i = 0; i < x->queues; i++) {
		struct zc_xdp_queue *q = &x->queue[x->next];
		const uint8_t *data;
		uint32_t len;

		x->next = (x->next + 1) % x->queues;
		if (!zc_xdp_queue_next(q, &data, &len))
			continue;
		*packet = (struct zc_packet){
			.data = data,
			.captured = len,
			.len = len,
			.linktype = DLT_EN10MB,
			.packet_type = -1,
		};
		return 1;
	}
	return none_is_there(x);
}

void zc_xdp_get_stats(const struct zc_xdp *x, struct zc_xdp_stats *stats)
{
	struct xdp_statistics s;

	*stats = (struct zc_xdp_stats){ 0 };
	for (unsigned i = 0; i < x->queues; i++) {
		socklen_t len = sizeof(s);

		memset(&s, 0, sizeof(s)); /* before Linux 5.9 the last ones are not there */
		if (getsockopt(x->queue[i].fd, SOL_XDP, XDP_STATISTICS, &s, &len))
			continue;
		stats->dropped += s.rx_dropped + s.rx_ring_full;
		stats->starved |= s.rx_fill_ring_empty_descs != 0;
	}
}

void zc_xdp_close(struct zc_xdp *x)
{
	if (!x)
		return;
	detach(x);
	free(x->queue);
	free(x);
}
