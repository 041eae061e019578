// SPDX-License-Identifier: LGPL-2.1-or-later
/* All known layers, by the number that announces them. zcdma(7) lists them, too. */
#include <net/ethernet.h>
#include <netinet/in.h>
#include <pcap/dlt.h>

#include "packet/layer.h"

#define TABLE(rows)                       \
	{                                 \
		(rows), ARRAY_SIZE(rows), \
	}

static const struct zc_layer_row links[] = {
	{ DLT_EN10MB, { zc_take_ethernet }, "Ethernet" },
	{ DLT_LINUX_SLL, { zc_take_cooked }, "Linux cooked" },
	{ DLT_LINUX_SLL2, { zc_take_cooked2 }, "Linux cooked v2" },
	{ DLT_RAW, { zc_take_raw }, "raw IP" },
	{ DLT_IPV4, { zc_take_raw }, "raw IP" },
	{ DLT_IPV6, { zc_take_raw }, "raw IP" },
	{ DLT_NULL, { zc_take_loopback }, "BSD loopback" },
	{ DLT_LOOP, { zc_take_loopback }, "BSD loopback" },
	{ DLT_PPP, { zc_take_ppp }, "PPP" },
	{ DLT_PPP_SERIAL, { zc_take_hdlc }, "PPP" },
	{ DLT_C_HDLC, { zc_take_hdlc }, "Cisco HDLC" },
	{ DLT_PPP_ETHER, { zc_take_pppoe }, "PPPoE" },
	{ DLT_IEEE802_11, { zc_take_wifi }, "802.11" },
	{ DLT_IEEE802_11_RADIO, { zc_take_radiotap }, "radiotap" },
	{ DLT_PFLOG, { zc_take_pflog }, "pflog" },
	{ DLT_MPLS, { zc_take_mpls }, "MPLS" },
	{ DLT_NFLOG, { zc_take_nflog }, "NFLOG" },
	{ DLT_PKTAP, { zc_take_pktap }, "PKTAP" },
	{ DLT_IPOIB, { zc_take_ipoib }, "IP over InfiniBand" },
};

static const struct zc_layer_row types[] = {
	{ ETHERTYPE_IP, { zc_take_ipv4 }, "IPv4" },
	{ ETHERTYPE_IPV6, { zc_take_ipv6 }, "IPv6" },
	{ ETHERTYPE_VLAN, { zc_take_vlan }, "VLAN" },
	{ 0x88a8, { zc_take_vlan }, "VLAN" }, /* IEEE 802.1ad, and what came before it */
	{ 0x9100, { zc_take_vlan }, "VLAN" },
	{ 0x9200, { zc_take_vlan }, "VLAN" },
	{ 0x9300, { zc_take_vlan }, "VLAN" },
	{ 0x8847, { zc_take_mpls }, "MPLS" },
	{ 0x8848, { zc_take_mpls }, "MPLS" }, /* upstream-assigned: RFC 5332 */
	{ 0x8864, { zc_take_pppoe }, "PPPoE" },
	{ 0x6558, { zc_take_ethernet }, "Ethernet" }, /* bridged: RFC 1701, 7637, 8926 */
	{ 0x880b, { zc_take_ppp }, "PPP" },	      /* in PPTP's GRE: RFC 2637 */
	{ 0x88be, { zc_take_erspan2 }, "ERSPAN" },
	{ 0x22eb, { zc_take_erspan3 }, "ERSPAN" },
};

static const struct zc_layer_row protocols[] = {
	{ IPPROTO_TCP, { zc_take_tcp }, "TCP" },
	{ IPPROTO_UDP, { zc_take_udp }, "UDP" },
	{ IPPROTO_HOPOPTS, { zc_take_options }, "IPv6 extension headers" },
	{ IPPROTO_DSTOPTS, { zc_take_options }, "IPv6 extension headers" },
	{ IPPROTO_MH, { zc_take_options }, "IPv6 extension headers" },
	{ 139, { zc_take_options }, "IPv6 extension headers" }, /* HIP */
	{ 140, { zc_take_options }, "IPv6 extension headers" }, /* Shim6 */
	{ IPPROTO_ROUTING, { zc_take_routing }, "IPv6 extension headers" },
	{ IPPROTO_FRAGMENT, { zc_take_fragment }, "IPv6 extension headers" },
	{ IPPROTO_AH, { zc_take_authentication }, "AH" },
	{ IPPROTO_IPIP, { zc_take_ipip }, "IP in IP" },
	{ IPPROTO_IPV6, { zc_take_ipip }, "IP in IP" },
	{ IPPROTO_GRE, { zc_take_gre }, "GRE" },
	{ IPPROTO_MPLS, { zc_take_mpls }, "MPLS" },
};

static const struct zc_layer_row ports[] = {
	{ 4789, { zc_take_vxlan }, "VXLAN" },
	{ 8472, { zc_take_vxlan }, "VXLAN" }, /* what Linux used before that was assigned */
	{ 6081, { zc_take_geneve }, "GENEVE" },
	{ 2152, { zc_take_gtp }, "GTP-U" },
};

static const struct zc_layer_row ppp_types[] = {
	{ 0x0021, { zc_take_ipv4 }, "IPv4" },
	{ 0x0057, { zc_take_ipv6 }, "IPv6" },
	{ 0x0281, { zc_take_mpls }, "MPLS" },
	{ 0x0283, { zc_take_mpls }, "MPLS" },
};

const struct zc_layer_table zc_link_layers = TABLE(links);
const struct zc_layer_table zc_ethertypes = TABLE(types);
const struct zc_layer_table zc_ip_protocols = TABLE(protocols);
const struct zc_layer_table zc_udp_ports = TABLE(ports);
const struct zc_layer_table zc_ppp_protocols = TABLE(ppp_types);

struct zc_layer zc_layer_find(const struct zc_layer_table *table, unsigned number)
{
	for (size_t i = 0; i < table->rows; i++) {
		if (table->row[i].number == number)
			return table->row[i].layer;
	}
	return ZC_LAYER_END;
}
