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

/* Older headers lack it (asm-generic/socket.h). */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/*
 * Netlink
 */

struct request {
	struct nlmsghdr header;
	char body[256];
};

static void add(struct request *q, unsigned short type, const void *value, size_t len)
{
	struct rtattr *a = (struct rtattr *)((char *)q + NLMSG_ALIGN(q->header.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), value, len);
	q->header.nlmsg_len =
		(uint32_t)(NLMSG_ALIGN(q->header.nlmsg_len) + RTA_ALIGN(RTA_LENGTH(len)));
}

/* Takes one message of an answer. */
typedef void take_message(const struct nlmsghdr *message, void *arg);

/* Take the messages in @buf. Returns 1 if more will come, 0 at the end, or a negative errno. */
static int take_messages(const void *buf, size_t len, take_message *take, void *arg)
{
	const struct nlmsghdr *m = buf;

	for (; NLMSG_OK(m, len); m = NLMSG_NEXT(m, len)) {
		if (m->nlmsg_type == NLMSG_DONE)
			return 0;
		if (m->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(m))->error;
		take(m, arg);
		if (!(m->nlmsg_flags & NLM_F_MULTI))
			return 0;
	}
	return 1;
}

/* Send @q, and call @take with each message of the answer. Returns 0 or a negative errno. */
static int ask(struct request *q, take_message *take, void *arg)
{
	/* As large as the kernel makes a part of a dump (netlink_dump() in net/netlink/af_netlink.c). */
	enum { ANSWER_BYTES = 32768 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), rc = 1;
	char *buf = malloc(ANSWER_BYTES);
	ssize_t n;

	if (fd < 0 || !buf) {
		rc = fd < 0 ? -errno : -ENOMEM;
		goto out;
	}
	q->header.nlmsg_flags |= NLM_F_REQUEST;
	if (send(fd, q, q->header.nlmsg_len, 0) < 0) {
		rc = -errno;
		goto out;
	}
	while (rc > 0) {
		n = recv(fd, buf, ANSWER_BYTES, 0);
		rc = n < 0 ? -errno : take_messages(buf, (size_t)n, take, arg);
		if (rc == -EINTR)
			rc = 1;
	}
out:
	free(buf);
	if (fd >= 0)
		close(fd);
	return rc;
}

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
static void add_setting(struct request *q, unsigned short type, int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (!getsockopt(fd, SOL_SOCKET, name, &value, &len) && value)
		add(q, type, &value, sizeof(value));
}

static void take_route(const struct nlmsghdr *m, void *arg)
{
	const struct rtmsg *rt = NLMSG_DATA(m);
	const struct rtattr *a = RTM_RTA(rt);
	struct zc_route *route = arg;
	int left = (int)RTM_PAYLOAD(m);

	route->local = rt->rtm_type == RTN_LOCAL;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_OIF)
			memcpy(&route->device, RTA_DATA(a), sizeof(route->device));
		if (a->rta_type == RTA_ENCAP_TYPE)
			route->encapsulated = true;
	}
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

static void add_addresses(struct request *q, const union address *from, const union address *to)
{
	struct rtmsg *rt = NLMSG_DATA(&q->header);
	const bool v6 = to->any.sa_family == AF_INET6;

	rt->rtm_family = (unsigned char)to->any.sa_family;
	rt->rtm_dst_len = rt->rtm_src_len = v6 ? 128 : 32;
	if (v6) {
		add(q, RTA_DST, &to->v6.sin6_addr, sizeof(to->v6.sin6_addr));
		add(q, RTA_SRC, &from->v6.sin6_addr, sizeof(from->v6.sin6_addr));
	} else {
		add(q, RTA_DST, &to->v4.sin_addr, sizeof(to->v4.sin_addr));
		add(q, RTA_SRC, &from->v4.sin_addr, sizeof(from->v4.sin_addr));
	}
	/* A sockaddr_in and a sockaddr_in6 have the port in the same place. */
	add(q, RTA_SPORT, &from->v4.sin_port, sizeof(from->v4.sin_port));
	add(q, RTA_DPORT, &to->v4.sin_port, sizeof(to->v4.sin_port));
}

int zc_route_of(int fd, struct zc_route *route)
{
	union address from, to;
	struct request q = { .header = { .nlmsg_type = RTM_GETROUTE,
					 .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)) } };
	int rc = get_addresses(fd, &from, &to);

	*route = (struct zc_route){ .device = 0 };
	if (rc)
		return rc;
	if (is_foreign(fd))
		return -EXDEV;
	add_addresses(&q, &from, &to);
	add(&q, RTA_IP_PROTO, zc_is_udp(fd) ? "\x11" : "\x06", 1); /* IPPROTO_UDP, IPPROTO_TCP */
	if (to.any.sa_family == AF_INET6 && to.v6.sin6_scope_id)
		add(&q, RTA_OIF, &to.v6.sin6_scope_id, sizeof(to.v6.sin6_scope_id));
	else
		add_setting(&q, RTA_OIF, fd, SO_BINDTOIFINDEX);
	add_setting(&q, RTA_MARK, fd, SO_MARK);
	rc = ask(&q, take_route, route);
	return rc ? rc : route->device > 0 ? 0 : -ENODEV;
}

/*
 * Devices
 */

static int number(const struct rtattr *a)
{
	int value;

	memcpy(&value, RTA_DATA(a), sizeof(value));
	return value;
}

static void copy_text(char *to, size_t len, const struct rtattr *a)
{
	snprintf(to, len, "%.*s", (int)RTA_PAYLOAD(a), (const char *)RTA_DATA(a));
}

static void take_kind(struct zc_link *link, const struct rtattr *info)
{
	const struct rtattr *a = RTA_DATA(info);
	int left = (int)RTA_PAYLOAD(info);

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_INFO_KIND)
			copy_text(link->kind, sizeof(link->kind), a);
	}
}

static void parse_link(const struct nlmsghdr *m, struct zc_link *link)
{
	const struct ifinfomsg *info = NLMSG_DATA(m);
	const struct rtattr *a = IFLA_RTA(info);
	int left = (int)IFLA_PAYLOAD(m);

	*link = (struct zc_link){ .index = info->ifi_index };
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		switch (a->rta_type & NLA_TYPE_MASK) {
		case IFLA_IFNAME:
			copy_text(link->name, sizeof(link->name), a);
			break;
		case IFLA_MTU:
			link->mtu = (unsigned)number(a);
			break;
		case IFLA_LINK:
			link->lower = number(a);
			break;
		case IFLA_LINK_NETNSID:
			link->elsewhere = true;
			break;
		case IFLA_MASTER:
			link->master = number(a);
			break;
		case IFLA_LINKINFO:
			take_kind(link, a);
			break;
		}
	}
}

static void take_link(const struct nlmsghdr *m, void *arg)
{
	parse_link(m, arg);
}

static struct request link_request(int index, unsigned short flags)
{
	struct request q = { .header = { .nlmsg_type = RTM_GETLINK,
					 .nlmsg_flags = flags,
					 .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)) } };
	struct ifinfomsg *info = NLMSG_DATA(&q.header);

	info->ifi_index = index;
	return q;
}

int zc_link_get(int index, struct zc_link *link)
{
	struct request q = link_request(index, 0);
	int rc;

	*link = (struct zc_link){ .index = 0 };
	rc = ask(&q, take_link, link);
	return rc ? rc : link->index == index ? 0 : -ENODEV;
}

struct ports {
	int master, count;
	void (*each)(const struct zc_link *port, void *arg);
	void *arg;
};

static void take_port(const struct nlmsghdr *m, void *arg)
{
	struct ports *ports = arg;
	struct zc_link link;

	parse_link(m, &link);
	if (link.master != ports->master)
		return;
	ports->count++;
	ports->each(&link, ports->arg);
}

int zc_link_ports(int master, void (*each)(const struct zc_link *port, void *arg), void *arg)
{
	struct ports ports = { .master = master, .each = each, .arg = arg };
	struct request q = link_request(0, NLM_F_DUMP);
	int rc;

	add(&q, IFLA_MASTER, &master, sizeof(master)); /* the kernel need not send the others */
	rc = ask(&q, take_port, &ports);
	return rc ? rc : ports.count;
}

struct fq_search {
	int index;
	bool found;
};

/* Look whether a queueing discipline, which may be a child of another (mq), is fq. */
static void take_qdisc(const struct nlmsghdr *m, void *arg)
{
	const struct tcmsg *tc = NLMSG_DATA(m);
	const struct rtattr *a = TCA_RTA(tc);
	int left = (int)TCA_PAYLOAD(m);
	struct fq_search *search = arg;
	char kind[16];

	for (; tc->tcm_ifindex == search->index && RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type != TCA_KIND)
			continue;
		copy_text(kind, sizeof(kind), a);
		search->found |= !strcmp(kind, "fq");
	}
}

int zc_link_has_fq(int index)
{
	struct fq_search search = { .index = index };
	struct request q = { .header = { .nlmsg_type = RTM_GETQDISC,
					 .nlmsg_flags = NLM_F_DUMP,
					 .nlmsg_len = NLMSG_LENGTH(sizeof(struct tcmsg)) } };
	int rc;

	((struct tcmsg *)NLMSG_DATA(&q.header))->tcm_ifindex = index;
	rc = ask(&q, take_qdisc, &search);
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

void zc_link_driver(int fd, const char *name, char *driver, size_t len)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	driver[0] = '\0';
	if (ask_ethtool(fd, name, &info))
		snprintf(driver, len, "%.*s", (int)sizeof(info.driver), info.driver);
}
