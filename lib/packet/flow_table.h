/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A table of connections by the addresses of both ends. */
#ifndef ZCDMA_PACKET_FLOW_TABLE_H
#define ZCDMA_PACKET_FLOW_TABLE_H

#include "internal.h"
#include "packet/frame.h"

/* Both ends, sorted, so that both directions have the same key. Without padding, as it is hashed. */
struct zc_flow_key {
	uint8_t addr[2][16];
	uint16_t port[2];
	uint8_t version; /* of IP */
	uint8_t kind;	 /* enum zc_frame_kind: TCP or UDP */
	uint8_t zero[2];
	struct zc_frame_nets nets;
};

/* The first member of a connection's structure. */
struct zc_flow {
	struct zc_flow_key key;
	struct zc_flow *chain;
};

struct zc_flow_table;

/* Set *@key to that of @frame's connection. Returns the end that sent the frame, 0 or 1. */
unsigned zc_flow_key_of(const struct zc_frame *frame, struct zc_flow_key *key);

/* Create a table. Returns NULL if no memory is left. */
struct zc_flow_table *zc_flow_table_new(void);

/* Free the table, without the connections; NULL is fine. */
void zc_flow_table_free(struct zc_flow_table *flows);

/* Returns the connection with @key, or NULL. */
struct zc_flow *zc_flow_table_find(const struct zc_flow_table *flows,
				   const struct zc_flow_key *key);

/* Add @flow, whose key no other connection in the table has. */
void zc_flow_table_add(struct zc_flow_table *flows, struct zc_flow *flow);

/* Remove @flow. */
void zc_flow_table_remove(struct zc_flow_table *flows, struct zc_flow *flow);

/* Format an end as "127.0.0.1:9000" into @buf, and return @buf. */
const char *zc_flow_name(const struct zc_flow_key *key, unsigned end, char *buf, size_t len);

#endif
