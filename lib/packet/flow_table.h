/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections by the addresses of both ends: a table that finds, adds and forgets them. */
#ifndef ZCDMA_PACKET_FLOW_TABLE_H
#define ZCDMA_PACKET_FLOW_TABLE_H

#include "internal.h"
#include "packet/frame.h"

/* Both ends in an order of their own, so that both directions have the same key. No padding: it is hashed. */
struct zc_flow_key {
	uint8_t addr[2][16];
	uint16_t port[2];
	uint8_t version; /* of IP */
	uint8_t kind;	 /* enum zc_frame_kind: TCP or UDP */
	uint8_t zero[2];
	struct zc_frame_nets nets;
};

/* What a connection's structure begins with. */
struct zc_flow {
	struct zc_flow_key key;
	struct zc_flow *chain;
};

struct zc_flow_table;

/* The key of @frame's connection. Returns the end that sent it, 0 or 1. */
unsigned zc_flow_key_of(const struct zc_frame *frame, struct zc_flow_key *key);

/* NULL: no memory. */
struct zc_flow_table *zc_flow_table_new(void);

/* NULL is fine. The connections are their owner's. */
void zc_flow_table_free(struct zc_flow_table *flows);

/* NULL: there is none. */
struct zc_flow *zc_flow_table_find(const struct zc_flow_table *flows,
				   const struct zc_flow_key *key);

/* Add @flow, whose key no other one in there has. */
void zc_flow_table_add(struct zc_flow_table *flows, struct zc_flow *flow);

/* It is found no more. */
void zc_flow_table_remove(struct zc_flow_table *flows, struct zc_flow *flow);

/* An end as "127.0.0.1:9000", into @buf. */
const char *zc_flow_name(const struct zc_flow_key *key, unsigned end, char *buf, size_t len);

#endif
