// SPDX-License-Identifier: LGPL-2.1-or-later
/* The checksum of a frame. */
#include "packet/frame.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/*
 * Checksums are sums of 16-bit words, to which the carry is added. They come out the same, as bytes, in
 * either byte order and from wider words.
 */

static uint64_t sum(const uint8_t *data, uint32_t len)
{
	uint64_t total = 0, word;

	for (; len >= sizeof(word); data += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		total += (uint32_t)word;
		total += word >> 32;
	}
	word = 0;
	memcpy(&word, data, len);
	return total + (uint32_t)word + (word >> 32);
}

static uint16_t fold(uint64_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

enum zc_checksum zc_frame_checksum(const struct zc_frame *f)
{
	const bool udp = f->kind == ZC_FRAME_UDP;
	uint64_t addresses;
	uint16_t field;

	if ((f->kind != ZC_FRAME_TCP && !udp) || f->routed || f->segment_captured < f->segment_len)
		return ZC_CHECKSUM_UNKNOWN;
	memcpy(&field, f->segment + (udp ? 6 : 16), sizeof(field));
	if (udp && !field)
		return ZC_CHECKSUM_UNKNOWN;
	addresses = sum(f->src, 16) + sum(f->dst, 16) + htonl(udp ? IPPROTO_UDP : IPPROTO_TCP);
	if (fold(addresses + htonl(f->segment_len) + sum(f->segment, f->segment_len)) == 0xffff)
		return ZC_CHECKSUM_RIGHT;
	/*
	 * CHECKSUM_PARTIAL of Linux is the pseudo header's sum; before the packet is cut into segments, some
	 * drivers have the length left out.
	 */
	if (!field)
		return ZC_CHECKSUM_ZERO;
	if (field == fold(addresses + htonl(f->segment_len)) || field == fold(addresses))
		return ZC_CHECKSUM_OFFLOADED;
	return ZC_CHECKSUM_WRONG;
}
