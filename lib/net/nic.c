// SPDX-License-Identifier: LGPL-2.1-or-later
/* The interface that a socket sends through, and why the kernel copies MSG_ZEROCOPY sends on it. */
#include <stdio.h>
#include <string.h>

#include "net/link.h"
#include "net/nic.h"

#define COPIES "the kernel copies MSG_ZEROCOPY sends all the same: "

ZC_PUBLIC int zcdma_nic_of(int fd, struct zcdma_nic *nic)
{
	struct zc_route route;
	struct zc_link link;
	int rc = zc_route_of(fd, &route), features;

	*nic = (struct zcdma_nic){ .mtu = 0 };
	if (!rc)
		rc = zc_link_get(route.device, &link);
	if (rc)
		return rc;
	snprintf(nic->name, sizeof(nic->name), "%s", link.name);
	zc_link_driver(fd, link.name, nic->driver, sizeof(nic->driver));
	nic->mtu = link.mtu;
	features = zc_link_features(fd, link.name);
	if (features < 0)
		return 0;
	nic->scatter_gather = features & ZC_LINK_SG;
	nic->checksum = zc_link_has_checksum((unsigned)features);
	nic->segmentation = features & ZC_LINK_TSO;
	return 0;
}

static const char *why_link(int fd, const struct zc_link *link, char *why, size_t len)
{
	int features = zc_link_features(fd, link->name);

	if (features >= 0 && !(features & ZC_LINK_SG)) {
		snprintf(why, len, COPIES "%s has no scatter-gather", link->name);
		return "where the device can do it, ethtool -K DEVICE sg on tx on";
	}
	if (!strcmp(link->kind, "veth")) {
		snprintf(why, len, COPIES "%s is a veth, so the receiver is on this machine",
			 link->name);
		return NULL;
	}
	snprintf(why, len, COPIES "something beyond %s keeps the packets on this machine",
		 link->name);
	return "a packet capture on it (tcpdump), a bridge or a tap does that";
}

const char *zc_why_copied(int fd, char *why, size_t len)
{
	struct zc_route route;
	struct zc_link link;

	if (zc_route_of(fd, &route) || zc_link_get(route.device, &link)) {
		snprintf(why, len, COPIES "the reason is unknown");
		return NULL;
	}
	if (route.local) {
		snprintf(why, len,
			 COPIES
			 "loopback, where the receiver's queue would refer to the sender's memory");
		return NULL;
	}
	return why_link(fd, &link, why, len);
}
