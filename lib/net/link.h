/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Network devices as rtnetlink(7) and ethtool describe them. */
#ifndef ZCDMA_NET_LINK_H
#define ZCDMA_NET_LINK_H

#include <net/if.h>

#include "internal.h"

/* What a device does by itself: enum zc_link_features. */
enum zc_link_feature {
	ZC_LINK_SG = 1 << 0,
	ZC_LINK_CSUM_ANY = 1 << 1, /* checksums of every protocol */
	ZC_LINK_CSUM_V4 = 1 << 2,
	ZC_LINK_CSUM_V6 = 1 << 3,
	ZC_LINK_TSO = 1 << 4,
	ZC_LINK_HIGHDMA = 1 << 5, /* reaches all memory */
	ZC_LINK_USO = 1 << 6,	  /* segmentation of UDP */
	ZC_LINK_GRO = 1 << 7,
	ZC_LINK_GRO_HW = 1 << 8,
};

struct zc_link {
	int index;
	int lower;	/* index of the device that it sends through, or 0 */
	bool elsewhere; /* .lower is in another network namespace */
	int master;	/* index of the bridge, bond or team that it is a port of, or 0 */
	unsigned mtu;
	char name[IFNAMSIZ];
	char kind[16]; /* "veth", "bridge", ...; empty: a driver's device, or loopback */
};

/* Where a connected socket sends. */
struct zc_route {
	int device;	   /* its index */
	bool local;	   /* the receiver's address is this machine's own */
	bool encapsulated; /* the route adds headers (ip-route(8), ENCAP) */
};

/* Look up the route of the connected socket @fd. Returns 0 or a negative errno. */
int zc_route_of(int fd, struct zc_route *route);

/* Describe the device with @index. Returns 0 or a negative errno. */
int zc_link_get(int index, struct zc_link *link);

/*
 * Call @each with every port of the bridge, bond or team @master. Returns the number of ports, or a
 * negative errno.
 */
int zc_link_ports(int master, void (*each)(const struct zc_link *port, void *arg), void *arg);

/*
 * Ask ethtool for the features of the device @name, through any socket @fd of its namespace. Returns
 * enum zc_link_feature, or a negative errno.
 */
int zc_link_features(int fd, const char *name);

/* Returns whether a device with the features @has makes the checksums of IPv4 and IPv6. */
bool zc_link_has_checksum(unsigned has);

/* Returns how many receive queues the device has, or 0 if its driver does not say. */
unsigned zc_link_queues(int fd, const char *name);

/*
 * Returns 1 if the device with @index has a queueing discipline fq, which paces what sockets ask it to; 0 if not; or a
 * negative errno.
 */
int zc_link_has_fq(int index);

/* Put the name of the device's driver into @driver, or an empty one if it has no driver. */
void zc_link_driver(int fd, const char *name, char *driver, size_t len);

#endif
