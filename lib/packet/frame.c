// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parses frames layer by layer. It reads captured bytes only. */
#include "packet/frame.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "packet/layer.h"

/* The most layers of a frame; networks make fewer. */
#define LAYERS 32

struct zc_layer zc_layer_end(struct zc_frame *f, enum zc_frame_kind kind)
{
	f->kind = kind;
	return ZC_LAYER_END;
}

const uint8_t *zc_layer_peek(const struct zc_rest *r, uint32_t bytes)
{
	return r->captured < bytes ? NULL : r->at;
}

const uint8_t *zc_layer_take(struct zc_rest *r, uint32_t bytes, struct zc_frame *f)
{
	const uint8_t *taken = r->at;

	if (r->captured < bytes) {
		f->kind = r->len < bytes ? ZC_FRAME_MALFORMED : ZC_FRAME_CUT;
		return NULL;
	}
	r->at += bytes;
	r->captured -= bytes;
	r->len -= bytes;
	return taken;
}

void zc_layer_limit(struct zc_rest *r, uint32_t len)
{
	r->len = len;
	r->captured = zc_min(r->captured, len);
}

bool zc_layer_enter(struct zc_frame *f, enum zc_net kind, uint32_t id)
{
	for (unsigned i = 0; i < ZC_FRAME_NETS; i++) {
		if (f->nets.kind[i])
			continue;
		f->nets.kind[i] = (uint8_t)kind;
		f->nets.id[i] = id;
		return true;
	}
	return false;
}

bool zc_frame_knows(int linktype)
{
	return zc_layer_find(&zc_link_layers, (unsigned)linktype).take;
}

void zc_frame_parse(const struct zc_packet *packet, struct zc_frame *out)
{
	struct zc_layer layer = zc_layer_find(&zc_link_layers, (unsigned)packet->linktype);
	struct zc_rest r = {
		.at = packet->data,
		.captured = zc_min(packet->captured, packet->len),
		.len = packet->len,
	};

	*out = (struct zc_frame){
		.kind = ZC_FRAME_OTHER,
		.interface = packet->interface,
		.packet_type = packet->packet_type,
		.ip_id = -1,
	};
	for (unsigned i = 0; layer.take && i < LAYERS; i++)
		layer = layer.take(&r, out);
	if (layer.take)
		out->kind = ZC_FRAME_OTHER;
}

/*
 * Checksums: sums of 16-bit words whose carry goes round. They come out the same, as bytes, in
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
