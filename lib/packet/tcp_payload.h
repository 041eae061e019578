/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes that one end of a TCP connection sent, in order. */
#ifndef ZCDMA_PACKET_TCP_PAYLOAD_H
#define ZCDMA_PACKET_TCP_PAYLOAD_H

#include "internal.h"
#include "packet/frame.h"

struct zc_tcp_payload;

/* Create a stream; @name is for messages. Returns NULL if no memory is left. */
struct zc_tcp_payload *zc_tcp_payload_new(struct zcdma_ctx *ctx, const char *name);

/* Free the stream; NULL is fine. */
void zc_tcp_payload_free(struct zc_tcp_payload *t);

/*
 * Take a segment, of any connection. The first data chooses the stream. Returns 0, or -EINVAL with the error message
 * set if data of another stream comes.
 */
int zc_tcp_payload_put(struct zc_tcp_payload *t, const struct zc_frame *f, enum zc_checksum sum);

/* Pass on what waits, as nothing more comes. Returns 0, or a negative errno with the error message set. */
int zc_tcp_payload_end(struct zc_tcp_payload *t);

/* Returns the bytes that are in order and not taken yet, or NULL. */
const uint8_t *zc_tcp_payload_get(const struct zc_tcp_payload *t, size_t *len);

/* Take @len of these bytes off. */
void zc_tcp_payload_done(struct zc_tcp_payload *t, size_t len);

/* Set what is known of the stream. */
void zc_tcp_payload_get_stats(const struct zc_tcp_payload *t, struct zcdma_packet_stats *stats);

#endif
