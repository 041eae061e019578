/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes that one end of a TCP connection sent, in order. */
#ifndef ZCDMA_PACKET_TCP_PAYLOAD_H
#define ZCDMA_PACKET_TCP_PAYLOAD_H

#include "internal.h"
#include "packet/frame.h"

struct zc_tcp_payload;

/* @name is for messages. NULL: no memory. */
struct zc_tcp_payload *zc_tcp_payload_new(struct zcdma_ctx *ctx, const char *name);

/* NULL is fine. */
void zc_tcp_payload_free(struct zc_tcp_payload *t);

/*
 * A segment of whatever connection. The first data decides which stream it is; -EINVAL with a sentence
 * where data of another one comes.
 */
int zc_tcp_payload_put(struct zc_tcp_payload *t, const struct zc_frame *f, enum zc_checksum sum);

/* No more come: what is missing is not waited for. */
int zc_tcp_payload_end(struct zc_tcp_payload *t);

/* Bytes that have come since the last zc_tcp_payload_done(), or NULL. */
const uint8_t *zc_tcp_payload_get(const struct zc_tcp_payload *t, size_t *len);

/* So many of them have been taken. */
void zc_tcp_payload_done(struct zc_tcp_payload *t, size_t len);

/* Add what is known of the stream. */
void zc_tcp_payload_get_stats(const struct zc_tcp_payload *t, struct zcdma_packet_stats *stats);

#endif
