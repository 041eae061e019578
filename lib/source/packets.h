/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sources of packets, whole or their payload. Several of them go into a block, each whole; a block goes on when nothing
 * more is there.
 */
#ifndef ZCDMA_SOURCE_PACKETS_H
#define ZCDMA_SOURCE_PACKETS_H

#include "memory/block_pool.h"
#include "packet/capture.h"
#include "packet/payload.h"
#include "source/source.h"

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

/* What the sources share; a kind embeds it as its first member. Set .from and .timer_fd, to -1, when it is opened. */
struct zc_packet_source {
	struct zcdma_source src;
	const struct zc_packet_ops *from;
	struct zc_payload *payload; /* or NULL: whole packets */
	struct zc_pool pool;
	bool kernel_copies; /* each packet into memory of this process, before it is copied from there */
	int packets_fd; /* to poll for packets, or -1 */
	int timer_fd;	/* that patience has an end; or -1 */
	bool patient;	/* it runs */
	bool ended, stopped;
	struct zc_error failed; /* after the blocks before, or .rc 0 */

	/* The next piece of the stream: what is in .header, then .data. */
	bool has_piece;
	size_t header_len, len;
	const uint8_t *data;
	uint8_t header[ZC_CAPTURE_HEADER + ZC_PACKET_HEADER];

	uint64_t offset, seq;
};

/*
 * Take the payload, ordered by the number that @seq describes, from zc_packets_parse_seq(); 0: in the order of arrival.
 * @name is for messages. Returns 0, or a negative errno with the error message set.
 */
int zc_packets_open_payload(struct zc_packet_source *p, const char *name, uint64_t seq,
			    bool any_checksum);

/*
 * Set what to poll: @fd for packets (-1: they never wait), and with numbers, @ordered, a timer. Returns 0, or a
 * negative errno with the error message set.
 */
int zc_packets_open_poll(struct zc_packet_source *p, int fd, bool ordered);

/* Free what the two opened, but not @fd. */
void zc_packets_close(struct zc_packet_source *p);

/* Implement a source, as struct zc_source_ops describes. */
int zc_packets_make_ring(struct zc_packet_source *p, unsigned uses);
void zc_packets_deactivate(struct zcdma_source *src);
int zc_packets_next(struct zcdma_source *src, size_t max, struct zcdma_block *b);
void zc_packets_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how);
void zc_packets_stop(struct zcdma_source *src);
int zc_packets_share(const struct zcdma_source *src, struct zc_ring_desc *desc);

/* Set what is known without knowing where the packets come from. */
void zc_packets_get_stats(const struct zc_packet_source *p, struct zcdma_source_stats *stats);

/* Parse the values of the options seq= and checksum=. */
int zc_packets_parse_seq(const char *text, uint64_t *value);
int zc_packets_parse_checksum(const char *text, uint64_t *value);

/* Returns the field that a value of seq= stands for; .width is 0 for 0. */
struct zc_reorder_field zc_packets_seq_field(uint64_t seq);

#define ZC_PACKETS_SEQ_TAKES "OFFSET:WIDTHbe or OFFSET:WIDTHle, of 1 to 8 bytes, for example 0:4be"

#endif
