/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sources of packets, whole or their payload. Several of them go into a block, each whole; a block goes on when nothing
 * more is there.
 */
#ifndef ZCDMA_SOURCE_PACKETS_H
#define ZCDMA_SOURCE_PACKETS_H

#include "packet/capture.h"
#include "packet/payload.h"
#include "source/pool_source.h"
#include "util/alarm.h"

struct zc_packet_source;

struct zc_packet_ops {
	/* Get the next packet, as zc_capture_next() does. */
	int (*next)(struct zc_packet_source *p, struct zc_packet *packet);
	/*
	 * Set the piece for a packet that goes on whole. Returns 0, or a negative errno with the error message set. NULL: the
	 * source takes the payload always.
	 */
	int (*take_whole)(struct zc_packet_source *p, const struct zc_packet *packet);
	/* Set the last piece, if there is one, of packets that go on whole; as .take_whole. */
	int (*end_whole)(struct zc_packet_source *p);
};

/* What the sources share; a kind embeds it as its first member. Call zc_packets_init() when it is opened. */
struct zc_packet_source {
	struct zc_pool_source base;
	const struct zc_packet_ops *from;
	struct zc_payload *payload; /* or NULL: whole packets */
	bool kernel_copies; /* each packet into memory of this process, before it is copied from there */
	struct zc_alarm alarm; /* for packets, and the end of patience; or not open */
	uint64_t patience_ns;  /* when that is; 0: nothing is waited for */
	bool ended, stopped;

	/* The next piece of the stream: what is in .header, then .data. */
	bool has_piece;
	size_t header_len, len;
	const uint8_t *data;
	uint8_t header[ZC_CAPTURE_HEADER + ZC_PACKET_HEADER];
};

/* Begin, with nothing open. */
void zc_packets_init(struct zc_packet_source *p, const struct zc_packet_ops *from);

/*
 * Take the payload, ordered by the number that @seq describes, from zc_packets_parse_seq(); 0: in the order of arrival.
 * @name is for messages. Returns 0, or a negative errno with the error message set.
 */
int zc_packets_open_payload(struct zc_packet_source *p, const char *name, uint64_t seq,
			    bool any_checksum);

/* Poll @fd for packets, beside the alarm. Returns 0, or a negative errno with the error message set. */
int zc_packets_watch(struct zc_packet_source *p, int fd);

/* Free what the two opened. */
void zc_packets_close(struct zc_packet_source *p);

/* Implement a source, as struct zc_source_ops describes; zc_pool_source_ has the rest. */
int zc_packets_next(struct zcdma_source *src, size_t max, struct zcdma_block *b);
void zc_packets_stop(struct zcdma_source *src);

/* Set what is known without knowing where the packets come from. */
void zc_packets_get_stats(struct zc_packet_source *p, struct zcdma_source_stats *stats);

/* Parse the values of the options seq= and checksum=. */
int zc_packets_parse_seq(const char *text, uint64_t *value);
int zc_packets_parse_checksum(const char *text, uint64_t *value);

/* Returns the field that a value of seq= stands for; .width is 0 for 0. */
struct zc_reorder_field zc_packets_seq_field(uint64_t seq);

#define ZC_PACKETS_SEQ_TAKES "OFFSET:WIDTHbe or OFFSET:WIDTHle, of 1 to 8 bytes, for example 0:4be"

#endif
