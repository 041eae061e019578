// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Network devices as rtnetlink(7) and ethtool describe them. Netlink, and not /sys/class/net: a sysfs
 * that was mounted in another network namespace shows the devices of that one.
 */
#include <linux/ethtool.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/link.h"
#include "net/netlink.h"

/* Older headers lack it (asm-generic/socket.h). */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/*
 * Routes
 */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Convert an IPv4 address that is mapped into IPv6 back, as the kernel routes it. */
static void unmap(union address *a)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = a->v6.sin6_port };

	if (a->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
		return;
	memcpy(&v4.sin_addr, &a->v6.sin6_addr.s6_addr[12], sizeof(v4.sin_addr));
	a->v4 = v4;
}

/* Put a socket's setting into the request, unless it is 0. */
static void add_setting(struct nlmsghdr *q, uint16_t type, int fd, int name)
{
	uint32_t value = 0;
	socklen_t len = sizeof(value);

	if (!getsockopt(fd, SOL_SOCKET, name, &value, &len) && value)
		mnl_attr_put_u32(q, type, value);
}

static int take_route(const struct nlmsghdr *m, void *arg)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(m);
	const struct nlattr *a;
	struct zc_route *route = arg;

	route->local = rt->rtm_type == RTN_LOCAL;
	mnl_attr_for_each(a, m, sizeof(*rt))
	{
		if (mnl_attr_get_type(a) == RTA_OIF)
			route->device = (int)mnl_attr_get_u32(a);
		if (mnl_attr_get_type(a) == RTA_ENCAP_TYPE)
			route->encapsulated = true;
	}
	return MNL_CB_OK;
}

/* Returns whether the socket is of another network namespace, which our netlink does not see. */
static bool is_foreign(int fd)
{
	uint64_t theirs = 0, ours = 0;
	socklen_t len = sizeof(theirs);
	int own;

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &theirs, &len) < 0)
		return false; /* before Linux 5.14 */
	own = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (own < 0)
		return false;
	getsockopt(own, SOL_SOCKET, SO_NETNS_COOKIE, &ours, &len);
	close(own);
	return ours != theirs;
}

/* Get both addresses of the connected socket @fd, of one family. Returns 0 or a negative errno. */
static int get_addresses(int fd, union address *from, union address *to)
{
	socklen_t from_len = sizeof(*from), to_len = sizeof(*to);

	if (getsockname(fd, &from->any, &from_len) < 0 || getpeername(fd, &to->any, &to_len) < 0)
		return -errno;
	if (from->any.sa_family != AF_INET && from->any.sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	unmap(from);
	unmap(to);
	return 0;
}

static void add_addresses(struct nlmsghdr *q, const union address *from, const union address *to)
{
	struct rtmsg *rt = mnl_nlmsg_get_payload(q);
	const bool v6 = to->any.sa_family == AF_INET6;

	rt->rtm_family = (unsigned char)to->any.sa_family;
	rt->rtm_dst_len = rt->rtm_src_len = v6 ? 128 : 32;
	if (v6) {
		mnl_attr_put(q, RTA_DST, sizeof(to->v6.sin6_addr), &to->v6.sin6_addr);
		mnl_attr_put(q, RTA_SRC, sizeof(from->v6.sin6_addr), &from->v6.sin6_addr);
	} else {
		mnl_attr_put(q, RTA_DST, sizeof(to->v4.sin_addr), &to->v4.sin_addr);
		mnl_attr_put(q, RTA_SRC, sizeof(from->v4.sin_addr), &from->v4.sin_addr);
	}
	/* A sockaddr_in and a sockaddr_in6 have the port in the same place. */
	mnl_attr_put_u16(q, RTA_SPORT, from->v4.sin_port);
	mnl_attr_put_u16(q, RTA_DPORT, to->v4.sin_port);
}

int zc_route_of(int fd, struct zc_route *route)
{
	union address from, to;
	struct zc_netlink_request q;
	int rc = get_addresses(fd, &from, &to);

	*route = (struct zc_route){ .device = 0 };
	if (rc)
		return rc;
	if (is_foreign(fd))
		return -EXDEV;
	zc_netlink_begin(&q, RTM_GETROUTE, 0, sizeof(struct rtmsg));
	add_addresses(&q.header, &from, &to);
	mnl_attr_put_u8(&q.header, RTA_IP_PROTO, zc_is_udp(fd) ? IPPROTO_UDP : IPPROTO_TCP);
	if (to.any.sa_family == AF_INET6 && to.v6.sin6_scope_id)
		mnl_attr_put_u32(&q.header, RTA_OIF, to.v6.sin6_scope_id);
	else
		add_setting(&q.header, RTA_OIF, fd, SO_BINDTOIFINDEX);
	add_setting(&q.header, RTA_MARK, fd, SO_MARK);
	rc = zc_netlink_ask(NETLINK_ROUTE, &q, take_route, route);
	return rc ? rc : route->device > 0 ? 0 : -ENODEV;
}

/*
 * Devices
 */

static void copy_text(char *to, size_t len, const struct nlattr *a)
{
	snprintf(to, len, "%.*s", (int)mnl_attr_get_payload_len(a),
		 (const char *)mnl_attr_get_payload(a));
}

static void take_kind(struct zc_link *link, const struct nlattr *info)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, info)
	{
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
			copy_text(link->kind, sizeof(link->kind), a);
	}
}

static void take_attribute(struct zc_link *link, const struct nlattr *a)
{
	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		copy_text(link->name, sizeof(link->name), a);
		break;
	case IFLA_MTU:
		link->mtu = mnl_attr_get_u32(a);
		break;
	case IFLA_LINK:
		link->lower = (int)mnl_attr_get_u32(a);
		break;
	case IFLA_LINK_NETNSID:
		link->elsewhere = true;
		break;
	case IFLA_MASTER:
		link->master = (int)mnl_attr_get_u32(a);
		break;
	case IFLA_LINKINFO:
		take_kind(link, a);
		break;
	}
}

static int take_link(const struct nlmsghdr *m, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(m);
	const struct nlattr *a;
	struct zc_link *link = arg;

	*link = (struct zc_link){ .index = info->ifi_index };
	mnl_attr_for_each(a, m, sizeof(*info)) take_attribute(link, a);
	return MNL_CB_OK;
}

static void begin_link(struct zc_netlink_request *q, int index, uint16_t flags)
{
	struct ifinfomsg *info = zc_netlink_begin(q, RTM_GETLINK, flags, sizeof(*info));

	info->ifi_index = index;
}

int zc_link_get(int index, struct zc_link *link)
{
	struct zc_netlink_request q;
	int rc;

	*link = (struct zc_link){ .index = 0 };
	begin_link(&q, index, 0);
	rc = zc_netlink_ask(NETLINK_ROUTE, &q, take_link, link);
	return rc ? rc : link->index == index ? 0 : -ENODEV;
}

struct ports {
	int master, count;
	void (*each)(const struct zc_link *port, void *arg);
	void *arg;
};

static int take_port(const struct nlmsghdr *m, void *arg)
{
	struct ports *ports = arg;
	struct zc_link link;

	take_link(m, &link);
	if (link.master != ports->master)
		return MNL_CB_OK;
	ports->count++;
	ports->each(&link, ports->arg);
	return MNL_CB_OK;
}

int zc_link_ports(int master, void (*each)(const struct zc_link *port, void *arg), void *arg)
{
	struct ports ports = { .master = master, .each = each, .arg = arg };
	struct zc_netlink_request q;
	int rc;

	begin_link(&q, 0, NLM_F_DUMP);
	mnl_attr_put_u32(&q.header, IFLA_MASTER,
			 (uint32_t)master); /* the kernel need not send the others */
	rc = zc_netlink_ask(NETLINK_ROUTE, &q, take_port, &ports);
	return rc ? rc : ports.count;
}

struct fq_search {
	int index;
	bool found;
};

/* Look whether a queueing discipline, which may be a child of another (mq), is fq. */
static int take_qdisc(const struct nlmsghdr *m, void *arg)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(m);
	struct fq_search *search = arg;
	const struct nlattr *a;
	char kind[16];

	if (tc->tcm_ifindex != search->index)
		return MNL_CB_OK;
	mnl_attr_for_each(a, m, sizeof(*tc))
	{
		if (mnl_attr_get_type(a) != TCA_KIND)
			continue;
		copy_text(kind, sizeof(kind), a);
		search->found |= !strcmp(kind, "fq");
	}
	return MNL_CB_OK;
}

int zc_link_has_fq(int index)
{
	struct fq_search search = { .index = index };
	struct zc_netlink_request q;
	struct tcmsg *tc = zc_netlink_begin(&q, RTM_GETQDISC, NLM_F_DUMP, sizeof(*tc));
	int rc;

	tc->tcm_ifindex = index;
	rc = zc_netlink_ask(NETLINK_ROUTE, &q, take_qdisc, &search);
	return rc ? rc : search.found;
}

/*
 * ethtool
 */

static bool ask_ethtool(int fd, const char *name, void *request)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_data = request;
	return !ioctl(fd, SIOCETHTOOL, &ifr);
}

/* Names as in netdev_features_strings[] in net/ethtool/common.c. */
static const struct {
	const char *name;
	enum zc_link_feature feature;
} features[] = {
	{ "tx-scatter-gather", ZC_LINK_SG },	 { "tx-checksum-ip-generic", ZC_LINK_CSUM_ANY },
	{ "tx-checksum-ipv4", ZC_LINK_CSUM_V4 }, { "tx-checksum-ipv6", ZC_LINK_CSUM_V6 },
	{ "tx-tcp-segmentation", ZC_LINK_TSO },	 { "highdma", ZC_LINK_HIGHDMA },
	{ "tx-udp-segmentation", ZC_LINK_USO },	 { "rx-gro", ZC_LINK_GRO },
	{ "rx-gro-hw", ZC_LINK_GRO_HW },
};

/* Returns how many names of features the kernel has, or 0 if that is unknown. */
static uint32_t count_features(int fd, const char *name)
{
	union {
		struct ethtool_sset_info info;
		char room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} q = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1u << ETH_SS_FEATURES } };

	return ask_ethtool(fd, name, &q) && q.info.sset_mask ? q.info.data[0] : 0;
}

static unsigned match_features(const struct ethtool_gstrings *names,
			       const struct ethtool_gfeatures *blocks, uint32_t count)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < count; i++) {
		const char *name = (const char *)names->data + (size_t)i * ETH_GSTRING_LEN;

		for (size_t f = 0; f < ARRAY_SIZE(features); f++) {
			if (!strncmp(name, features[f].name, ETH_GSTRING_LEN) &&
			    blocks->features[i / 32].active & 1u << i % 32)
				found |= features[f].feature;
		}
	}
	return found;
}

int zc_link_features(int fd, const char *name)
{
	uint32_t count = count_features(fd, name), blocks = (count + 31) / 32;
	struct ethtool_gstrings *names =
		calloc(1, sizeof(*names) + (size_t)count * ETH_GSTRING_LEN);
	struct ethtool_gfeatures *active =
		calloc(1, sizeof(*active) + blocks * sizeof(active->features[0]));
	int found = -EOPNOTSUPP;

	if (!names || !active || !count)
		goto out;
	*names = (struct ethtool_gstrings){ .cmd = ETHTOOL_GSTRINGS,
					    .string_set = ETH_SS_FEATURES,
					    .len = count };
	*active = (struct ethtool_gfeatures){ .cmd = ETHTOOL_GFEATURES, .size = blocks };
	if (ask_ethtool(fd, name, names) && ask_ethtool(fd, name, active))
		found = (int)match_features(names, active, count);
out:
	free(names);
	free(active);
	return found;
}

bool zc_link_has_checksum(unsigned has)
{
	const unsigned both = ZC_LINK_CSUM_V4 | ZC_LINK_CSUM_V6;

	return has & ZC_LINK_CSUM_ANY || (has & both) == both;
}

unsigned zc_link_queues(int fd, const char *name)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };

	return ask_ethtool(fd, name, &channels) ? channels.combined_count + channels.rx_count : 0;
}

void zc_link_driver(int fd, const char *name, char *driver, size_t len)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	driver[0] = '\0';
	if (ask_ethtool(fd, name, &info))
		snprintf(driver, len, "%.*s", (int)sizeof(info.driver), info.driver);
}
