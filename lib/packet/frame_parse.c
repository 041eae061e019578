// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parses frames layer by layer. */
#include "packet/frame_parse.h"

#include "packet/layer.h"

/* The most layers of a frame; networks make fewer. */
#define LAYERS 32

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
