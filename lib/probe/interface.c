// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a network interface can do for sending and receiving without a copy. */
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcdma/probe.h>

#include "net/link.h"
#include "net/netlink.h"

static const char *const names[ZCDMA_ABILITIES] = {
	[ZCDMA_ABILITY_SCATTER_GATHER] = "scatter-gather",
	[ZCDMA_ABILITY_CHECKSUM] = "checksum",
	[ZCDMA_ABILITY_TCP_SEGMENTATION] = "TCP segmentation",
	[ZCDMA_ABILITY_UDP_SEGMENTATION] = "UDP segmentation",
	[ZCDMA_ABILITY_GRO] = "GRO",
	[ZCDMA_ABILITY_GRO_HARDWARE] = "GRO in hardware",
	[ZCDMA_ABILITY_HEADER_SPLIT] = "header split",
	[ZCDMA_ABILITY_XDP] = "XDP",
	[ZCDMA_ABILITY_XDP_FRAGMENTS] = "XDP fragments",
	[ZCDMA_ABILITY_XDP_ZEROCOPY] = "XDP zero-copy",
};

ZC_PUBLIC const char *zcdma_ability_name(enum zcdma_ability ability)
{
	return (unsigned)ability < ZCDMA_ABILITIES ? names[ability] : NULL;
}

/* Those that ethtool -k shows. */
static void look_at_features(struct zcdma_interface *i, int fd)
{
	const int features = zc_link_features(fd, i->name);
	int8_t *can = i->can;

	if (features < 0)
		return;
	can[ZCDMA_ABILITY_SCATTER_GATHER] = !!(features & ZC_LINK_SG);
	can[ZCDMA_ABILITY_CHECKSUM] = zc_link_has_checksum((unsigned)features);
	can[ZCDMA_ABILITY_TCP_SEGMENTATION] = !!(features & ZC_LINK_TSO);
	can[ZCDMA_ABILITY_UDP_SEGMENTATION] = !!(features & ZC_LINK_USO);
	can[ZCDMA_ABILITY_GRO] = !!(features & ZC_LINK_GRO);
	can[ZCDMA_ABILITY_GRO_HARDWARE] = !!(features & ZC_LINK_GRO_HW);
}

/*
 * The "netdev" family (Documentation/netlink/specs/netdev.yaml in the kernel's source), from Linux 6.3 on. Its header is
 * newer than those of Debian 12.
 */
enum {
	NETDEV_GET_DEVICE = 1,

	NETDEV_IFINDEX = 1,
	NETDEV_XDP_FEATURES = 3,
	NETDEV_XDP_SEGMENTS = 4, /* from Linux 6.6 on */

	NETDEV_XDP_BASIC = 1 << 0,
	NETDEV_XDP_ZEROCOPY = 1 << 3,
	NETDEV_XDP_FRAGMENTS = 1 << 5,
};

static int take_xdp(const struct nlmsghdr *m, void *arg)
{
	const struct nlattr *a;
	struct zcdma_interface *i = arg;
	uint64_t features;

	mnl_attr_for_each(a, m, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(a) == NETDEV_XDP_SEGMENTS)
			i->zerocopy_segments = mnl_attr_get_u32(a);
		if (mnl_attr_get_type(a) != NETDEV_XDP_FEATURES)
			continue;
		features = mnl_attr_get_u64(a);
		i->can[ZCDMA_ABILITY_XDP] = !!(features & NETDEV_XDP_BASIC);
		i->can[ZCDMA_ABILITY_XDP_FRAGMENTS] = !!(features & NETDEV_XDP_FRAGMENTS);
		i->can[ZCDMA_ABILITY_XDP_ZEROCOPY] = !!(features & NETDEV_XDP_ZEROCOPY);
	}
	return MNL_CB_OK;
}

static void look_at_xdp(struct zcdma_interface *i, unsigned index)
{
	struct zc_netlink_request q;

	if (zc_netlink_begin_generic(&q, "netdev", NETDEV_GET_DEVICE))
		return;
	mnl_attr_put_u32(&q.header, NETDEV_IFINDEX, index);
	zc_netlink_ask(NETLINK_GENERIC, &q, take_xdp, i);
}

static int take_header_split(const struct nlmsghdr *m, void *arg)
{
	const struct nlattr *a;
	struct zcdma_interface *i = arg;

	mnl_attr_for_each(a, m, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(a) == ETHTOOL_A_RINGS_TCP_DATA_SPLIT &&
		    mnl_attr_get_u8(a) != ETHTOOL_TCP_DATA_SPLIT_UNKNOWN)
			i->can[ZCDMA_ABILITY_HEADER_SPLIT] =
				mnl_attr_get_u8(a) == ETHTOOL_TCP_DATA_SPLIT_ENABLED;
	}
	return MNL_CB_OK;
}

static void look_at_header_split(struct zcdma_interface *i, unsigned index)
{
	struct zc_netlink_request q;
	struct nlattr *header;

	if (zc_netlink_begin_generic(&q, ETHTOOL_GENL_NAME, ETHTOOL_MSG_RINGS_GET))
		return;
	header = mnl_attr_nest_start(&q.header, ETHTOOL_A_RINGS_HEADER);
	mnl_attr_put_u32(&q.header, ETHTOOL_A_HEADER_DEV_INDEX, index);
	mnl_attr_nest_end(&q.header, header);
	zc_netlink_ask(NETLINK_GENERIC, &q, take_header_split, i);
}

ZC_PUBLIC int zcdma_probe_interface(struct zcdma_ctx *ctx, const char *name,
				    struct zcdma_interface *i)
{
	const unsigned index = if_nametoindex(name);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct zc_link link;
	int rc;

	memset(i, 0, sizeof(*i));
	memset(i->can, -1, sizeof(i->can));
	rc = fd < 0 ? -errno : index ? zc_link_get((int)index, &link) : -ENODEV;
	if (rc) {
		rc = zc_fail(ctx, -rc, "probe %s", name);
		goto out;
	}
	snprintf(i->name, sizeof(i->name), "%s", link.name);
	zc_link_driver(fd, link.name, i->driver, sizeof(i->driver));
	i->mtu = link.mtu;
	i->queues = zc_link_queues(fd, link.name);
	look_at_features(i, fd);
	look_at_header_split(i, index);
	look_at_xdp(i, index);
out:
	if (fd >= 0)
		close(fd);
	return rc;
}
