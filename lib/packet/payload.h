/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Turns packets into the stream of their payloads. */
#ifndef ZCDMA_PACKET_PAYLOAD_H
#define ZCDMA_PACKET_PAYLOAD_H

#include "packet/reorder.h"
#include "packet/capture.h"

struct zc_payload;

/*
 * Create a stream. @field: the number that orders the datagrams; a .width of 0: they have none, and TCP is taken
 * too. @any_checksum: take packets whose checksum proves that they were damaged. @name is for messages.
 * Returns 0, or a negative errno with the error message set.
 */
int zc_payload_new(struct zcdma_ctx *ctx, const char *name, const struct zc_reorder_field *field,
		   bool any_checksum, struct zc_payload **out);

/* Free the stream; NULL is fine. */
void zc_payload_free(struct zc_payload *p);

/*
 * Take a packet, after zc_payload_get() has returned 0; it must stay valid until it returns 0 again. Returns 0, or a
 * negative errno with the error message set.
 */
int zc_payload_put(struct zc_payload *p, const struct zc_packet *packet);

/* Stop waiting for missing datagrams, until the next zc_payload_put(). */
void zc_payload_flush(struct zc_payload *p);

/* Pass on all that waits, as nothing more comes. Returns 0, or a negative errno with the error message set. */
int zc_payload_end(struct zc_payload *p);

/*
 * Get the next piece of the stream, the same one until zc_payload_done(). Returns 1; 0 if it takes another packet; or
 * a negative errno with the error message set.
 */
int zc_payload_get(struct zc_payload *p, const uint8_t **data, size_t *len);

/* Go on to the next piece. */
void zc_payload_done(struct zc_payload *p);

/* Returns whether a datagram waits for a missing one. */
bool zc_payload_waits(const struct zc_payload *p);

/* Set the statistics. */
void zc_payload_get_stats(const struct zc_payload *p, struct zcdma_packet_stats *stats);

#endif
