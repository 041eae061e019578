// SPDX-License-Identifier: LGPL-2.1-or-later
/* What lies between a socket and its receiver, and why the kernel copies on it. */
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "nic.h"

#define COPIES "the kernel copies MSG_ZEROCOPY sends all the same: "

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage storage;
};

/* The bytes of an IP address; an IPv4 address in IPv6 clothes counts as IPv4. */
static const void *ip_bytes(const union address *a, size_t *len)
{
	if (a->any.sa_family == AF_INET) {
		*len = sizeof(a->v4.sin_addr);
		return &a->v4.sin_addr;
	}
	if (a->any.sa_family != AF_INET6)
		return NULL;
	if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
		*len = sizeof(a->v4.sin_addr);
		return &a->v6.sin6_addr.s6_addr[12];
	}
	*len = sizeof(a->v6.sin6_addr);
	return &a->v6.sin6_addr;
}

static bool same_ip(const union address *a, const union address *b)
{
	size_t a_len = 0, b_len = 0;
	const void *a_ip = ip_bytes(a, &a_len), *b_ip = ip_bytes(b, &b_len);

	return a_ip && b_ip && a_len == b_len && !memcmp(a_ip, b_ip, a_len);
}

/* The interface that has the address @local. */
static bool find_interface(const union address *local, char name[IFNAMSIZ])
{
	struct ifaddrs *all, *i;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (i = all; i && !found; i = i->ifa_next) {
		if (!i->ifa_addr || !same_ip((const union address *)i->ifa_addr, local))
			continue;
		snprintf(name, IFNAMSIZ, "%s", i->ifa_name);
		found = true;
	}
	freeifaddrs(all);
	return found;
}

static bool ask_ethtool(int fd, const char *name, void *request)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_data = request;
	return !ioctl(fd, SIOCETHTOOL, &ifr);
}

static bool has_feature(int fd, const char *name, uint32_t question)
{
	struct ethtool_value value = { .cmd = question };

	return ask_ethtool(fd, name, &value) && value.data;
}

ZC_PUBLIC int zcdma_nic_of(int fd, struct zcdma_nic *nic)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	union address local;
	socklen_t len = sizeof(local);
	struct ifreq ifr = { 0 };

	*nic = (struct zcdma_nic){ .mtu = 0 };
	if (getsockname(fd, &local.any, &len) < 0)
		return -errno;
	if (!find_interface(&local, nic->name))
		return -ENODEV;
	if (ask_ethtool(fd, nic->name, &driver))
		snprintf(nic->driver, sizeof(nic->driver), "%s", driver.driver);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", nic->name);
	if (!ioctl(fd, SIOCGIFMTU, &ifr))
		nic->mtu = (unsigned)ifr.ifr_mtu;
	nic->scatter_gather = has_feature(fd, nic->name, ETHTOOL_GSG);
	nic->checksum = has_feature(fd, nic->name, ETHTOOL_GTXCSUM);
	nic->segmentation = has_feature(fd, nic->name, ETHTOOL_GTSO);
	return 0;
}

static const char *why_interface(int fd, const char *name, char *why, size_t len)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_value sg = { .cmd = ETHTOOL_GSG };

	if (ask_ethtool(fd, name, &sg) && !sg.data) {
		snprintf(why, len, COPIES "%s has no scatter-gather", name);
		return "where the device can do it, ethtool -K DEVICE sg on tx on";
	}
	if (ask_ethtool(fd, name, &driver) && !strcmp(driver.driver, "veth")) {
		snprintf(why, len, COPIES "%s is a veth, so the receiver is on this machine", name);
		return NULL;
	}
	snprintf(why, len, COPIES "something behind %s keeps the packets on this machine", name);
	return "a packet capture on it (tcpdump), a bridge or a tap does that";
}

const char *zc_why_copied(int fd, char *why, size_t len)
{
	union address local, peer;
	socklen_t local_len = sizeof(local), peer_len = sizeof(peer);
	char name[IFNAMSIZ];

	if (getsockname(fd, &local.any, &local_len) < 0 ||
	    getpeername(fd, &peer.any, &peer_len) < 0 || same_ip(&local, &peer)) {
		snprintf(why, len,
			 COPIES
			 "loopback, where the receiver's queue would refer to the sender's memory");
		return NULL;
	}
	if (!find_interface(&local, name)) {
		snprintf(why, len, COPIES "the reason is not known");
		return NULL;
	}
	return why_interface(fd, name, why, len);
}
