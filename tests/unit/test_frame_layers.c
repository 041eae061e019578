// SPDX-License-Identifier: GPL-2.0-only
/* Frames in layers: each way from a link layer to the datagram inside, whole and cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>

#include "packet/layer.h"
#include "frames.h"

/* IPv4 from 10.0.0.1 to 10.0.0.2 with a datagram of "hello" in it. */
#define INNER (20u + 8 + 5)

#define MACS "\2\0\0\0\0\1\2\0\0\0\0\2"

struct chain {
	const char *name;
	int linktype;
	const char *header; /* up to the inner packet, or to the outer one of a tunnel */
	uint32_t len;
	uint8_t protocol; /* of the outer packet; 0: the inner one follows the link layer */
	uint16_t port;	  /* of the outer datagram, or 0 */
	const char *tunnel;
	uint32_t tunnel_len;
	enum zc_net net;
	uint32_t id;
};

#define PLAIN(name, linktype, header, net, id)                                   \
	{                                                                        \
		name, linktype, header, sizeof(header) - 1, 0, 0, "", 0, net, id \
	}
#define IN_IP(name, protocol, tunnel, net, id)                                         \
	{                                                                              \
		name, DLT_RAW, "", 0, protocol, 0, tunnel, sizeof(tunnel) - 1, net, id \
	}
#define IN_UDP(name, port, tunnel, net, id)                                                  \
	{                                                                                    \
		name, DLT_RAW, "", 0, IPPROTO_UDP, port, tunnel, sizeof(tunnel) - 1, net, id \
	}

/* Its length, without padding, and the address family. */
static const char pflog[64] = "\x3d\2\0\0em0";

static const struct chain chains[] = {
	PLAIN("LLC/SNAP", DLT_EN10MB, MACS "\0\x29\xaa\xaa\3\0\0\0\x08\0", ZC_NET_NONE, 0),
	PLAIN("a bridge's SNAP", DLT_EN10MB, MACS "\0\x29\xaa\xaa\3\0\0\xf8\x08\0", ZC_NET_NONE, 0),
	PLAIN("cooked LLC", DLT_LINUX_SLL, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\0\4\xaa\xaa\3\0\0\0\x08\0",
	      ZC_NET_NONE, 0),
	PLAIN("VLAN", DLT_EN10MB, MACS "\x81\0\x60\x05\x08\0", ZC_NET_VLAN, 5),
	PLAIN("VLAN 0x9200", DLT_EN10MB, MACS "\x92\0\x0f\xff\x08\0", ZC_NET_VLAN, 4095),
	PLAIN("VLAN with LLC", DLT_EN10MB, MACS "\x81\0\0\7\0\x29\xaa\xaa\3\0\0\0\x08\0",
	      ZC_NET_VLAN, 7),
	PLAIN("VLAN 0, a priority", DLT_EN10MB, MACS "\x81\0\xe0\0\x08\0", ZC_NET_NONE, 0),
	PLAIN("MPLS", DLT_EN10MB, MACS "\x88\x47\0\1\0\x40\0\2\1\x40", ZC_NET_NONE, 0),
	PLAIN("MPLS multicast", DLT_EN10MB, MACS "\x88\x48\0\2\1\x40", ZC_NET_NONE, 0),
	PLAIN("MPLS pseudowire", DLT_EN10MB, MACS "\x88\x47\0\2\1\x40\0\0\0\0" MACS "\x08\0",
	      ZC_NET_NONE, 0),
	PLAIN("MPLS alone", DLT_MPLS, "\0\2\1\x40", ZC_NET_NONE, 0),
	PLAIN("PPPoE", DLT_EN10MB, MACS "\x88\x64\x11\0\x12\x34\0\x23\0\x21", ZC_NET_PPPOE, 0x1234),
	PLAIN("PPP_ETHER", DLT_PPP_ETHER, "\x11\0\0\1\0\x23\0\x21", ZC_NET_PPPOE, 1),
	PLAIN("PPP", DLT_PPP, "\xff\3\0\x21", ZC_NET_NONE, 0),
	PLAIN("PPP, compressed", DLT_PPP, "\x21", ZC_NET_NONE, 0),
	PLAIN("PPP, MPLS", DLT_PPP, "\xff\3\2\x81\0\2\1\x40", ZC_NET_NONE, 0),
	PLAIN("PPP_SERIAL", DLT_PPP_SERIAL, "\xff\3\0\x21", ZC_NET_NONE, 0),
	PLAIN("Cisco's HDLC", DLT_PPP_SERIAL, "\x0f\0\x08\0", ZC_NET_NONE, 0),
	PLAIN("C_HDLC", DLT_C_HDLC, "\x8f\0\x08\0", ZC_NET_NONE, 0),
	{ "pflog", DLT_PFLOG, pflog, sizeof(pflog), 0, 0, "", 0, ZC_NET_NONE, 0 },
	PLAIN("NFLOG", DLT_NFLOG, "\2\0\0\1\6\0\x0a\0ab\0\0\x25\0\x09\0", ZC_NET_NONE, 0),
	PLAIN("NFLOG, big endian", DLT_NFLOG,
	      "\2\0\0\1\0\6\0\x0a"
	      "ab\0\0\0\x25\0\x09",
	      ZC_NET_NONE, 0),
	PLAIN("PKTAP", DLT_PKTAP, "\x10\0\0\0\1\0\0\0\1\0\0\0more" MACS "\x08\0", ZC_NET_NONE, 0),
	PLAIN("IP over InfiniBand", DLT_IPOIB, MACS MACS MACS "gids\x08\0\0\0", ZC_NET_NONE, 0),
	PLAIN("802.11", DLT_IEEE802_11,
	      "\x08\2\0\0\2\0\0\0\0\1\2\0\0\0\0\2\2\0\0\0\0\3\x10\0\xaa\xaa\3\0\0\0\x08\0",
	      ZC_NET_NONE, 0),
	PLAIN("802.11 of four addresses, QoS, HT", DLT_IEEE802_11,
	      "\x88\x83\0\0\2\0\0\0\0\1\2\0\0\0\0\2\2\0\0\0\0\3\x10\0\2\0\0\0\0\4\7\0\0\0\0\0"
	      "\xaa\xaa\3\0\0\0\x08\0",
	      ZC_NET_NONE, 0),
	/* With a time, flags that say "padded", and a second word of fields. */
	PLAIN("radiotap, padded", DLT_IEEE802_11_RADIO,
	      "\0\0\x1c\0\3\0\0\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0"
	      "\x88\1\0\0\2\0\0\0\0\1\2\0\0\0\0\2\2\0\0\0\0\3\x10\0\7\0\0\0\xaa\xaa\3\0\0\0\x08\0",
	      ZC_NET_NONE, 0),
	IN_IP("IPIP", IPPROTO_IPIP, "", ZC_NET_TUNNEL, 0),
	IN_IP("GRE", IPPROTO_GRE, "\0\0\x08\0", ZC_NET_TUNNEL, 0),
	IN_IP("GRE, all fields", IPPROTO_GRE, "\xb0\0\x08\0\0\0\0\0\0\0\0\x2a\0\0\0\1", ZC_NET_GRE,
	      42),
	IN_IP("NVGRE", IPPROTO_GRE, "\x20\0\x65\x58\0\1\2\3" MACS "\x08\0", ZC_NET_GRE, 0x010203),
	IN_IP("PPTP", IPPROTO_GRE, "\x30\x81\x88\x0b\0\x25\0\7\0\0\0\1\0\0\0\2\xff\3\0\x21",
	      ZC_NET_TUNNEL, 0),
	IN_IP("ERSPAN I", IPPROTO_GRE, "\0\0\x88\xbe" MACS "\x08\0", ZC_NET_TUNNEL, 0),
	IN_IP("AH", IPPROTO_AH, "\4\4\0\0\0\0\0\1\0\0\0\1abcdefghijkl", ZC_NET_TUNNEL, 0),
	IN_IP("MPLS in IP", IPPROTO_MPLS, "\0\2\1\x40", ZC_NET_NONE, 0),
	IN_UDP("VXLAN", 4789, "\x08\0\0\0\0\1\2\0" MACS "\x08\0", ZC_NET_VXLAN, 258),
	IN_UDP("VXLAN of Linux", 8472, "\x08\0\0\0\0\0\x2a\0" MACS "\x08\0", ZC_NET_VXLAN, 42),
	IN_UDP("GENEVE", 6081, "\0\0\x65\x58\0\0\7\0" MACS "\x08\0", ZC_NET_GENEVE, 7),
	IN_UDP("GENEVE with options, IP", 6081, "\2\x40\x08\0\0\0\7\0options!", ZC_NET_GENEVE, 7),
	IN_UDP("GTP-U", 2152, "\x30\xff\0\x21\0\0\0\1", ZC_NET_TUNNEL, 0),
	IN_UDP("GTP-U with extensions", 2152, "\x34\xff\0\x2d\0\0\0\1\0\0\0\x85\1\0\0\x85\1\0\0\0",
	       ZC_NET_TUNNEL, 0),
};

static void build(const struct chain *c, struct bytes *b)
{
	const uint32_t udp = c->port ? 8 : 0;

	b->len = 0;
	put(b, c->header, c->len);
	if (c->protocol) {
		uint8_t *ip = put_ipv4(b, c->protocol, udp + c->tunnel_len + INNER, 0);

		set16(ip + 4, 0x9999);
	}
	if (c->port) {
		uint8_t *h = put_udp(b, "", 0);

		set16(h + 2, c->port);
		set16(h + 4, 8 + c->tunnel_len + INNER);
	}
	put(b, c->tunnel, c->tunnel_len);
	put_ipv4(b, IPPROTO_UDP, 8 + 5, 0);
	put_udp(b, "hello", 5);
}

static void assert_inner(const struct chain *c, const struct zc_frame *f)
{
	if (f->kind != ZC_FRAME_UDP || f->dport != 2000 || f->nets.kind[0] != c->net ||
	    f->nets.id[0] != c->id)
		fail_msg("%s: kind %d, port %u, in %u with %u", c->name, f->kind, f->dport,
			 f->nets.kind[0], f->nets.id[0]);
	assert_int_equal(f->version, 4);
	assert_int_equal(f->src[3], 1);
	assert_int_equal(f->ip_id, 0);
	assert_int_equal(f->len, 5);
	assert_memory_equal(f->payload, "hello", f->captured);
}

static void every_chain(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		const struct chain *c = &chains[i];
		struct bytes b;
		struct zc_frame f;

		build(c, &b);
		f = parse_frame(c->linktype, b.at, b.len, b.len);
		assert_inner(c, &f);
		assert_int_equal(f.captured, 5);
	}
}

static void assert_cut(const struct chain *c, const struct zc_frame *f, uint32_t captured)
{
	if (f->kind != ZC_FRAME_CUT)
		fail_msg("%s, cut at %u: kind %d", c->name, captured, f->kind);
}

/* In memory that ends with the frame. A tunnel's own datagram may be all that there is of it. */
static void cut_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		const struct chain *c = &chains[i];
		struct bytes b;

		build(c, &b);
		for (uint32_t captured = 0; captured < b.len; captured++) {
			uint8_t *frame = malloc(captured ? captured : 1);
			struct zc_frame f;

			memcpy(frame, b.at, captured);
			f = parse_frame(c->linktype, frame, captured, b.len);
			if (captured >= b.len - 5)
				assert_inner(c, &f);
			else if (!(c->port && f.kind == ZC_FRAME_UDP && f.dport == c->port))
				assert_cut(c, &f, captured);
			free(frame);
		}
	}
}

static struct zc_frame parse_text(int linktype, const char *text, uint32_t len)
{
	struct bytes b = { .len = 0 };

	put(&b, text, len);
	put_ipv4(&b, IPPROTO_UDP, 8 + 5, 0);
	put_udp(&b, "hello", 5);
	return parse_frame(linktype, b.at, b.len, b.len);
}

#define KIND(linktype, text) parse_text(linktype, text, sizeof(text) - 1).kind

/* Each looks like one of the above, but for one bit. */
static void what_is_left_alone(void **state)
{
	(void)state;
	/* Encrypted; no data; a management frame; several packets in one; a fragment; received damaged. */
	assert_int_equal(KIND(DLT_IEEE802_11, "\x08\x42" MACS MACS "\xaa\xaa\3\0\0\0\x08\0"),
			 ZC_FRAME_OTHER);
	assert_int_equal(KIND(DLT_IEEE802_11, "\x48\2" MACS MACS "\xaa\xaa\3\0\0\0\x08\0"),
			 ZC_FRAME_OTHER);
	assert_int_equal(KIND(DLT_IEEE802_11, "\x80\0" MACS MACS "\xaa\xaa\3\0\0\0\x08\0"),
			 ZC_FRAME_OTHER);
	assert_int_equal(KIND(DLT_IEEE802_11,
			      "\x88\2\0\0" MACS "\2\0\0\0\0\3\x10\0\x80\0\xaa\xaa\3\0\0\0\x08\0"),
			 ZC_FRAME_OTHER);
	assert_int_equal(
		KIND(DLT_IEEE802_11, "\x08\2\0\0" MACS "\2\0\0\0\0\3\x11\0\xaa\xaa\3\0\0\0\x08\0"),
		ZC_FRAME_FRAGMENT);
	assert_int_equal(KIND(DLT_IEEE802_11_RADIO, "\0\0\x09\0\2\0\0\0\x40\x08\2\0\0" MACS
						    "\2\0\0\0\0\3\x10\0\xaa\xaa\3\0\0\0\x08\0"),
			 ZC_FRAME_MALFORMED);
	/* Shorter than its header, though captured whole. */
	assert_int_equal(
		parse_frame(DLT_IEEE802_11, (const uint8_t *)"\x08\2\0\0" MACS, 16, 16).kind,
		ZC_FRAME_OTHER);
	assert_int_equal(
		parse_frame(DLT_IEEE802_11, (const uint8_t *)"\x08\2\0\0" MACS, 16, 90).kind,
		ZC_FRAME_CUT);
	/* Another vendor's SNAP; PPPoE discovery; routed GRE; MPLS' own messages. */
	assert_int_equal(KIND(DLT_EN10MB, MACS "\0\x29\xaa\xaa\3\0\0\x0c\x08\0"), ZC_FRAME_OTHER);
	assert_int_equal(KIND(DLT_EN10MB, MACS "\x88\x64\x11\x09\0\1\0\x23\0\x21"), ZC_FRAME_OTHER);
	assert_int_equal(KIND(DLT_EN10MB, MACS "\x88\x47\0\2\1\x40\x10\0\0\0"), ZC_FRAME_OTHER);
	assert_int_equal(KIND(DLT_PFLOG, "\1\2\0\0"), ZC_FRAME_MALFORMED);
	assert_int_equal(KIND(DLT_NFLOG, "\2\0\0\1\3\0\x0a\0"), ZC_FRAME_MALFORMED);
	assert_int_equal(KIND(DLT_PKTAP, "\x0b\0\0\0\1\0\0\0\1\0\0\0"), ZC_FRAME_MALFORMED);
}

/* A sender's own datagrams may go to a tunnel's port. */
static void port_of_a_tunnel(void **state)
{
	static const struct {
		uint16_t port;
		char data[14]; /* 13 bytes, padded with 0 */
	} cases[] = {
		{ 4789, "\x08\0\0\1\0\0\0\0" },
		{ 4789, "\x08\0\0\0\0\0\0\1" },
		{ 6081, "\x40\0\x65\x58\0\0\7\0" },
		{ 6081, "\0\0\0\0\0\0\7\0" },
		{ 2152, "\x30\xff\0\x22\0\0\0\1hello" },
		{ 2152, "\x10\xff\0\5\0\0\0\1hello" },
		{ 4789, "short" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bytes b = { .len = 0 };
		struct zc_frame f;

		put_ipv4(&b, IPPROTO_UDP, 8 + 13, 0);
		set16(put_udp(&b, cases[i].data, 13) + 2, cases[i].port);
		f = parse_frame(DLT_RAW, b.at, b.len, b.len);
		assert_int_equal(f.kind, ZC_FRAME_UDP);
		assert_int_equal(f.dport, cases[i].port);
		assert_int_equal(f.len, 13);
		assert_int_equal(f.nets.kind[0], ZC_NET_NONE);
	}
}

/* 6in4, 4in6: the addresses that are left are the inner ones. */
static void tunnels_of_both_versions(void **state)
{
	struct bytes b = { .len = 0 };
	struct zc_frame f;

	(void)state;
	put_ipv4(&b, IPPROTO_IPV6, 40 + INNER - 20, 0);
	put_ipv6(&b, IPPROTO_UDP, 8 + 5);
	put_udp(&b, "hello", 5);
	f = parse_frame(DLT_RAW, b.at, b.len, b.len);
	assert_int_equal(f.kind, ZC_FRAME_UDP);
	assert_int_equal(f.version, 6);
	assert_int_equal(f.src[15], 1);
	assert_int_equal(f.ip_id, -1);
	b.len = 0;
	put_ipv6(&b, IPPROTO_IPIP, INNER);
	set16(put_ipv4(&b, IPPROTO_UDP, 8 + 5, 0) + 4, 77);
	put_udp(&b, "hello", 5);
	f = parse_frame(DLT_RAW, b.at, b.len, b.len);
	assert_int_equal(f.kind, ZC_FRAME_UDP);
	assert_int_equal(f.version, 4);
	assert_int_equal(f.ip_id, 77);
	for (int i = 4; i < 16; i++)
		assert_int_equal(f.src[i] | f.dst[i], 0);
}

static void networks_in_networks(void **state)
{
	struct zc_frame f;

	(void)state;
	f = parse_text(DLT_EN10MB, MACS "\x88\xa8\0\1\x81\0\0\2\x88\x64\x11\0\0\3\0\x23\0\x21",
		       12 + 4 + 4 + 2 + 8);
	assert_int_equal(f.kind, ZC_FRAME_UDP);
	assert_int_equal(f.nets.kind[0], ZC_NET_VLAN);
	assert_int_equal(f.nets.id[0], 1);
	assert_int_equal(f.nets.id[1], 2);
	assert_int_equal(f.nets.kind[2], ZC_NET_PPPOE);
	assert_int_equal(f.nets.id[2], 3);
	assert_int_equal(f.nets.kind[3], ZC_NET_NONE);
}

/* An IPv4 packet below @labels of MPLS. */
static struct zc_frame parse_below_labels(unsigned labels)
{
	struct bytes b = { .len = 0 };

	for (unsigned i = 0; i < labels; i++)
		put(&b, i + 1 < labels ? "\0\0\0\0" : "\0\0\1\0", 4);
	put_ipv4(&b, IPPROTO_UDP, 8 + 5, 0);
	put_udp(&b, "hello", 5);
	return parse_frame(DLT_MPLS, b.at, b.len, b.len);
}

static void as_many_layers_as_there_may_be(void **state)
{
	(void)state;
	assert_int_equal(parse_below_labels(29).kind, ZC_FRAME_UDP);
	assert_int_equal(parse_below_labels(30).kind, ZC_FRAME_UDP);
	assert_int_equal(parse_below_labels(31).kind, ZC_FRAME_OTHER);
}

/* A frame may be anything, and takes a bounded time. */
static void endless_layers(void **state)
{
	struct bytes b = { .len = 0 };

	(void)state;
	put_ethernet(&b, 0x8100);
	for (int i = 0; i < ZC_FRAME_NETS + 1; i++)
		put(&b, "\0\1\x81\0", 4);
	assert_int_equal(parse_frame(DLT_EN10MB, b.at, b.len, b.len).kind, ZC_FRAME_OTHER);
	b.len = 0;
	for (int i = 0; i < 10000; i++)
		put(&b, "\0\0\0\0", 4);
	assert_int_equal(parse_frame(DLT_MPLS, b.at, b.len, b.len).kind, ZC_FRAME_OTHER);
}

static void where_it_was_captured(void **state)
{
	struct zc_frame f;

	(void)state;
	f = parse_text(DLT_LINUX_SLL, "\0\4\0\1\0\6\2\0\0\0\0\1\0\0\x08\0", 16);
	assert_int_equal(f.kind, ZC_FRAME_UDP);
	assert_int_equal(f.packet_type, PACKET_OUTGOING);
	assert_int_equal(f.interface, 0);
	f = parse_text(DLT_LINUX_SLL2, "\x08\0\0\0\0\0\1\2\0\1\0\6\2\0\0\0\0\1\0\0", 20);
	assert_int_equal(f.kind, ZC_FRAME_UDP);
	assert_int_equal(f.packet_type, PACKET_HOST);
	assert_int_equal(f.interface, 258);
	f = parse_text(DLT_EN10MB, MACS "\x08\0", 14);
	assert_int_equal(f.packet_type, -1);
}

static void find_names(const struct zc_layer_table *table, const char *page)
{
	for (size_t i = 0; i < table->rows; i++) {
		if (!strstr(page, table->row[i].name))
			fail_msg("zcdma(7) does not list %s", table->row[i].name);
	}
}

static void man_page_lists_all(void **state)
{
	static char page[131072];
	FILE *file = fopen("man/zcdma.7", "r");
	char *section;

	(void)state;
	assert_non_null(file);
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
	section = strstr(page, ".Sh CAPTURED PACKETS\n");
	assert_non_null(section);
	*strstr(section + 4, "\n.Sh ") = '\0';
	find_names(&zc_link_layers, section);
	find_names(&zc_ethertypes, section);
	find_names(&zc_ip_protocols, section);
	find_names(&zc_udp_ports, section);
	find_names(&zc_ppp_protocols, section);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_chain),
		cmocka_unit_test(cut_chains),
		cmocka_unit_test(what_is_left_alone),
		cmocka_unit_test(port_of_a_tunnel),
		cmocka_unit_test(tunnels_of_both_versions),
		cmocka_unit_test(networks_in_networks),
		cmocka_unit_test(as_many_layers_as_there_may_be),
		cmocka_unit_test(endless_layers),
		cmocka_unit_test(where_it_was_captured),
		cmocka_unit_test(man_page_lists_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
