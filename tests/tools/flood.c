// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes a capture of many connections, each from a port of its own, to standard output:
 *
 *     flood udp COUNT    a datagram of 16 bytes of the pattern
 *     flood tcp COUNT    24 bytes and a reset; those of the first connection are not the pattern
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO 9000

/* A packet of raw IPv4 from 127.0.0.1 to 127.0.0.1. */
static void put(uint8_t protocol, const void *header, size_t header_len, const void *data,
		size_t len)
{
	const uint32_t size = (uint32_t)(sizeof(struct iphdr) + header_len + len);
	const uint32_t record[4] = { 1, 0, size, size };
	const struct iphdr ip = { .version = 4,
				  .ihl = 5,
				  .ttl = 64,
				  .protocol = protocol,
				  .tot_len = htons((uint16_t)size),
				  .saddr = htonl(INADDR_LOOPBACK),
				  .daddr = htonl(INADDR_LOOPBACK) };

	fwrite(record, sizeof(record), 1, stdout);
	fwrite(&ip, sizeof(ip), 1, stdout);
	fwrite(header, header_len, 1, stdout);
	fwrite(data, len, 1, stdout);
}

/* The checksum is that of the pseudo header, as for a network card. */
static void put_segment(uint16_t port, uint32_t seq, uint8_t flags, const void *data, size_t len)
{
	const uint32_t sum =
		2 * (0x7f00 + 1) + IPPROTO_TCP + (uint32_t)(sizeof(struct tcphdr) + len);
	const struct tcphdr tcp = { .th_sport = htons(port),
				    .th_dport = htons(TO),
				    .th_seq = htonl(seq),
				    .th_off = 5,
				    .th_flags = flags,
				    .th_sum = htons((uint16_t)sum) };

	put(IPPROTO_TCP, &tcp, sizeof(tcp), data, len);
}

static void put_tcp(uint16_t port)
{
	uint8_t data[24] = { [8] = 1, [16] = 2 };

	if (port == 1)
		memset(data, 0xff, sizeof(data));
	put_segment(port, 0, TH_ACK, data, sizeof(data));
	put_segment(port, sizeof(data), TH_RST, data, 0);
}

static void put_udp(uint16_t port)
{
	const uint8_t data[16] = { [8] = 1 };
	const struct udphdr udp = { .uh_sport = htons(port),
				    .uh_dport = htons(TO),
				    .uh_ulen = htons(sizeof(udp) + sizeof(data)) };

	put(IPPROTO_UDP, &udp, sizeof(udp), data, sizeof(data));
}

int main(int argc, char **argv)
{
	const struct pcap_file_header head = { 0xa1b2c3d4, 2, 4, 0, 0, 262144, DLT_RAW };
	unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (!count || count > UINT16_MAX) {
		fprintf(stderr, "usage: flood udp|tcp COUNT\n");
		return 2;
	}
	fwrite(&head, sizeof(head), 1, stdout);
	for (uint16_t port = 1; port <= count; port++)
		(strcmp(argv[1], "udp") ? put_tcp : put_udp)(port);
	return fflush(stdout) ? 1 : 0;
}
