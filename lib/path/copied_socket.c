// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is known of the kernel's copies below a connected socket.
 *
 * validate_xmit_skb() in net/core/dev.c makes a packet fit its device: without scatter-gather it is
 * copied into one piece (skb_segment(), __skb_linearize()), and without checksums too, as its pages
 * might change while they are summed up (skb_has_shared_frag() in skb_segment() and
 * skb_checksum_help()). No completion reports that: see "Deferred copies" in
 * Documentation/networking/msg_zerocopy.rst. A TCP socket takes pages nevertheless: sk_setup_caps() in
 * net/core/sock.c assumes scatter-gather, as the kernel can cut packets up in software.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "path/copied.h"
#include "net/link.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* Devices below devices: no more than these are followed. */
#define DEPTH_MOST 8

/*
 * Devices
 */

static void look_at_link(struct zc_copied *c, int fd, int index, unsigned depth);

struct ports {
	struct zc_copied *all; /* what is known of the ports before */
	int fd;
	unsigned depth, count;
};

/* Look at a port: which port a packet takes is unknown, so ports that differ leave the result unknown. */
static void look_at_port(const struct zc_link *port, void *arg)
{
	struct zc_copied one = { .copied = ZC_COPIED_NONE };
	struct ports *ports = arg;

	look_at_link(&one, ports->fd, port->index, ports->depth);
	if (!ports->count++ || one.copied == ports->all->copied) {
		*ports->all = one;
		return;
	}
	ports->all->copied = ZC_COPIED_NONE;
	zc_copied_find(ports->all, ZC_COPIED_UNKNOWN, "not all ports copy alike, %s for one",
		       port->name);
}

static void look_at_ports(struct zc_copied *c, int fd, const struct zc_link *link, unsigned depth)
{
	struct zc_copied all = { .copied = ZC_COPIED_NONE };
	struct ports ports = { .all = &all, .fd = fd, .depth = depth };

	if (zc_link_ports(link->index, look_at_port, &ports) <= 0)
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "the ports of %s, a %s, are not seen",
			       link->name, link->kind);
	else if (all.copied > c->copied)
		*c = all;
}

static void look_below(struct zc_copied *c, int fd, const struct zc_link *link, unsigned depth)
{
	if (link->elsewhere || !link->lower)
		zc_copied_find(c, ZC_COPIED_UNKNOWN,
			       "the device below %s is in another network namespace", link->name);
	else
		look_at_link(c, fd, link->lower, depth);
}

/* Kinds of devices that can be seen through. Tunnels, veths and taps are not among them. */
static const struct {
	const char *kind;
	void (*look)(struct zc_copied *c, int fd, const struct zc_link *link, unsigned depth);
} kinds[] = {
	{ "", NULL }, /* a driver's, or loopback: nothing is below */
	{ "dummy", NULL },
	{ "vlan", look_below },
	{ "macvlan", look_below },
	{ "macvtap", look_below },
	{ "ipvlan", look_below },
	{ "ipvtap", look_below },
	{ "bridge", look_at_ports },
	{ "bond", look_at_ports },
	{ "team", look_at_ports },
};

static void look_by_kind(struct zc_copied *c, int fd, const struct zc_link *link, unsigned depth)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].kind, link->kind))
			continue;
		if (kinds[i].look)
			kinds[i].look(c, fd, link, depth);
		return;
	}
	zc_copied_find(c, ZC_COPIED_UNKNOWN, "what comes after %s, a %s, is not seen", link->name,
		       link->kind);
}

static bool is_v6(int fd)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);

	return !getpeername(fd, (struct sockaddr *)&sa, &len) && sa.sin6_family == AF_INET6 &&
	       !IN6_IS_ADDR_V4MAPPED(&sa.sin6_addr);
}

static void look_at_features(struct zc_copied *c, int fd, const char *name)
{
	int has = zc_link_features(fd, name);
	int sums = ZC_LINK_CSUM_ANY | (is_v6(fd) ? ZC_LINK_CSUM_V6 : ZC_LINK_CSUM_V4);

	if (has < 0) {
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "%s does not tell its features", name);
	} else if (!(has & ZC_LINK_SG)) {
		zc_copied_find(c, ZC_COPIED_ALL,
			       "%s has no scatter-gather, so the kernel copies below the socket",
			       name);
		snprintf(c->hint, sizeof(c->hint),
			 "ethtool -K %s sg on, where the device can do that", name);
	} else if (!(has & sums)) {
		zc_copied_find(c, ZC_COPIED_ALL,
			       "%s leaves checksums to the kernel, which copies what it sums up",
			       name);
		snprintf(c->hint, sizeof(c->hint),
			 "ethtool -K %s tx on, where the device can do that", name);
	} else if (sizeof(long) == 4 && !(has & ZC_LINK_HIGHDMA)) {
		/* illegal_highdma() in net/core/dev.c */
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "%s does not reach all memory", name);
	}
}

static void look_at_link(struct zc_copied *c, int fd, int index, unsigned depth)
{
	struct zc_link link;
	int rc = depth < DEPTH_MOST ? zc_link_get(index, &link) : -ELOOP;

	if (rc) {
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "device number %d: %s", index, strerror(-rc));
		return;
	}
	look_at_features(c, fd, link.name);
	if (c->copied != ZC_COPIED_ALL)
		look_by_kind(c, fd, &link, depth + 1);
}

/*
 * Sockets
 */

/* Look at the MTU: IPsec and tunnels take room in each packet, so a route with the MTU of its device has neither. */
static void look_at_mtu(struct zc_copied *c, int fd, int index)
{
	bool v6 = is_v6(fd);
	int mtu = 0;
	socklen_t len = sizeof(mtu);
	struct zc_link link;

	if (zc_link_get(index, &link) ||
	    getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &len) < 0)
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "the MTU of the route is not known");
	/* ip_mtu() in include/net/ip.h: no more than 65535 */
	else if ((unsigned)mtu < zc_min(link.mtu, 65535u))
		zc_copied_find(
			c, ZC_COPIED_UNKNOWN,
			"the MTU of the route is %d and that of %s is %u: IPsec, or a smaller link",
			mtu, link.name, link.mtu);
}

static void look_at_route(struct zc_copied *c, int fd)
{
	struct zc_route route;
	int rc = zc_route_of(fd, &route);

	if (rc == -EXDEV)
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "the socket is in another network namespace");
	else if (rc == -EAFNOSUPPORT)
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "the socket is not an Internet socket");
	else if (rc)
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "the route is not known: %s", strerror(-rc));
	else if (route.encapsulated)
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "the route adds headers");
	if (rc)
		return;
	look_at_link(c, fd, route.device, 0);
	look_at_mtu(c, fd, route.device);
}

static void look_at_protocol(struct zc_copied *c, int fd)
{
	int protocol = 0;
	socklen_t len = sizeof(protocol), ulp_len;
	char ulp[16] = "";

	ulp_len = sizeof(ulp) - 1;
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len);
	if (protocol == IPPROTO_MPTCP) /* mptcp_sendmsg() in net/mptcp/protocol.c */
		zc_copied_find(c, ZC_COPIED_ALL, "the connection is MPTCP, which copies");
	if (protocol != IPPROTO_TCP)
		return;
	if (!getsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp, &ulp_len) && ulp[0])
		zc_copied_find(
			c, ZC_COPIED_UNKNOWN,
			"the socket has the upper protocol \"%s\", which may write each byte anew",
			ulp);
}

void zc_copied_below(struct zc_copied *c, int fd)
{
	look_at_protocol(c, fd);
	if (c->copied != ZC_COPIED_ALL)
		look_at_route(c, fd);
}
