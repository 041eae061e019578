/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parses packets into frames. */
#ifndef ZCDMA_PACKET_FRAME_PARSE_H
#define ZCDMA_PACKET_FRAME_PARSE_H

#include "packet/frame.h"
#include "packet/packet.h"

/*
 * Parse @packet by the layers in layers.c: the innermost TCP or UDP is the result, which points into
 * the packet. A length field of 0, as offload leaves it in packets over 64 KiB, stands for the frame's.
 */
void zc_frame_parse(const struct zc_packet *packet, struct zc_frame *out);

/* Returns whether @linktype, a DLT_* of libpcap's, is the number of a known link layer. */
bool zc_frame_knows(int linktype);

#endif
