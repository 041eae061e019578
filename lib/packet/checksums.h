/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a wrong checksum proves, which depends on the sender's other checksums. */
#ifndef ZCDMA_PACKET_CHECKSUMS_H
#define ZCDMA_PACKET_CHECKSUMS_H

#include "packet/frame.h"

/* The checksums of one direction of a connection; all-zero before its first packet. */
struct zc_checksums {
	uint64_t right, others; /* .others are wrong, 0, or left to the network card */
	uint64_t zero;		/* packets with data whose checksum is 0 */
};

/*
 * Note the checksum of a packet. Returns whether it proves that the packet was damaged, so that its receiver drops
 * it: it is wrong, and nearly all before it were right. Where a packet was captured before the network card
 * completed it, or its addresses were rewritten afterwards, a wrong checksum proves nothing.
 */
bool zc_checksums_prove_damage(struct zc_checksums *s, enum zc_checksum sum);

/*
 * Count the packets with data that nothing shows to be as they were sent: their checksum is 0, although others of
 * the same sender are right. RFC 9293, 3.1: a sender must generate the checksum, and a receiver must check it.
 */
uint64_t zc_checksums_unchecked(const struct zc_checksums *s);

#endif
