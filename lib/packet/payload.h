/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From packets to the stream of their payloads. */
#ifndef ZCDMA_PACKET_PAYLOAD_H
#define ZCDMA_PACKET_PAYLOAD_H

#include "packet/reorder.h"
#include "packet/capture.h"

struct zc_payload;

/*
 * @field: the number that gives datagrams their order; with a .width of 0 there is none, and TCP will do as
 * well. @any_checksum: take packets whose checksum proves that they were damaged, too. @name is for messages.
 */
int zc_payload_new(struct zcdma_ctx *ctx, const char *name, const struct zc_order_field *field,
		   bool any_checksum, struct zc_payload **out);

/* NULL is fine. */
void zc_payload_free(struct zc_payload *p);

/*
 * A packet came, and zc_payload_get() has nothing more. It has to stay until that is so again. 0, or a
 * negative errno with its sentence.
 */
int zc_payload_put(struct zc_payload *p, const struct zc_packet *packet);

/* No datagram that is missing is waited for, until the next zc_payload_put(). */
void zc_payload_flush(struct zc_payload *p);

/* Nothing more comes. 0, or a negative errno with its sentence. */
int zc_payload_end(struct zc_payload *p);

/*
 * 1 and the next piece of the stream, the same until zc_payload_done(); 0: there is none without another
 * packet; a negative errno with its sentence.
 */
int zc_payload_get(struct zc_payload *p, const uint8_t **data, size_t *len);
void zc_payload_done(struct zc_payload *p);

/* Does anything wait for what is missing? */
bool zc_payload_waits(const struct zc_payload *p);

/* Add what is known of the payload. */
void zc_payload_get_stats(const struct zc_payload *p, struct zcdma_packet_stats *stats);

#endif
