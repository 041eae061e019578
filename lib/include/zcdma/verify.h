/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma: the pattern, manifests, and checks of a stream, received or captured from the wire
 *
 * The conventions of <zcdma.h> hold here too.
 */
#ifndef ZCDMA_VERIFY_H
#define ZCDMA_VERIFY_H

#include <zcdma.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Pattern and checks
 */

/*
 * Fill @buf with the pattern from stream offset @offset on: every aligned 64-bit little-endian word
 * holds its own stream offset divided by 8, xored with @seed. Neither @offset nor @len need be
 * multiples of 8. Thread-safe.
 */
void zcdma_pattern_fill(void *buf, size_t len, uint64_t offset, uint64_t seed);

/* How many bytes at the start of @buf follow the pattern: @len where all do. Thread-safe. */
size_t zcdma_pattern_match(const void *buf, size_t len, uint64_t offset, uint64_t seed);

/* What can be wrong with a stream. */
enum zcdma_fault_kind {
	ZCDMA_FAULT_GAP,	 /* data is missing */
	ZCDMA_FAULT_REPEAT,	 /* data came again, then the stream went on */
	ZCDMA_FAULT_STALE,	 /* older data stands in the place of the right data */
	ZCDMA_FAULT_OVERWRITTEN, /* newer data stands there: the block was overwritten in flight */
	ZCDMA_FAULT_GARBAGE,	 /* no data of this stream */
	ZCDMA_FAULT_KINDS
};

struct zcdma_fault {
	enum zcdma_fault_kind kind;
	uint64_t position; /* of its first byte in what was received */
	uint64_t length;   /* bytes missing (GAP), or wrong */
	uint64_t distance; /* bytes by which the data is too old or too new; 0 for GAP, GARBAGE */
};

struct zcdma_check_result {
	uint64_t bytes;		  /* received */
	uint64_t unseen_bytes;	  /* that were skipped: not received here, and no fault */
	uint64_t bad_bytes;	  /* of those, wrong */
	uint64_t missing_bytes;	  /* in gaps */
	uint64_t faults;	  /* all kinds */
	struct zcdma_fault first; /* valid where .faults is not 0 */
	struct {
		uint64_t count;
		uint64_t bytes;
	} kind[ZCDMA_FAULT_KINDS];
	bool other_seed;	  /* it is a pattern, but with ... */
	uint64_t seed;		  /* ... this seed */
	uint64_t blocks;	  /* manifest: blocks checked */
	uint64_t blocks_good;	  /* manifest: of those, right */
	uint64_t blocks_unseen;	  /* manifest: not checked, as not all of them was seen */
	uint64_t blocks_expected; /* manifest: blocks that it lists */
	bool unended;		  /* manifest: its last line is missing, so the recording failed */
	uint64_t blocks_lost;	 /* manifest: while it was recorded, by the sequence numbers; ... */
	uint64_t lost_seq;	 /* ... of the first, its number, and ... */
	uint64_t lost_offset;	 /* ... where in the stream it is missing */
	uint64_t datagrams;	 /* that came; of those ... */
	uint64_t datagram_bytes; /* the largest */
	uint64_t late;		 /* ... after one that was sent later */
	uint64_t duplicates;	 /* ... with nothing but what had come before */
	uint64_t duplicate_bytes;
	uint64_t unplaced; /* ... too short to tell where they belong, even together: not checked */
	uint64_t lost;	   /* that did not come, judged from the next line and the largest */
	uint64_t lost_bytes; /* before .end_offset */
	uint64_t end_offset; /* in the sent stream, behind the last byte that came */
};

/* A check of one stream. */
struct zcdma_check;

/* The name of a kind of fault: "gap", "repeat", ... Thread-safe. */
const char *zcdma_fault_name(enum zcdma_fault_kind kind);

/* Begin a check against the pattern with @seed. */
int zcdma_check_pattern(struct zcdma_ctx *ctx, uint64_t seed, struct zcdma_check **check);

/*
 * Begin a check against the manifest in @path. Where its last line is missing, data after its last block is
 * not checked. Returns 0, or -EINVAL if it is not a manifest.
 */
int zcdma_check_manifest(struct zcdma_ctx *ctx, const char *path, struct zcdma_check **check);

/*
 * Begin a check of datagrams that follow the pattern with @seed. Each goes to zcdma_check_feed() by
 * itself. They tell where they belong, so one that is lost, comes late or twice is counted and no
 * fault; what is not of the stream, or of several places of it, is.
 */
int zcdma_check_datagrams(struct zcdma_ctx *ctx, uint64_t seed, struct zcdma_check **check);

/* Check the stream's next @len bytes, or its next datagram. */
int zcdma_check_feed(struct zcdma_check *check, const void *data, size_t len);

/*
 * So many bytes of the stream were sent, and not seen here: they are no fault, and what is fed next comes
 * behind them. UINT64_MAX: all the rest, however much that is. Of datagrams it means nothing.
 */
int zcdma_check_skip(struct zcdma_check *check, uint64_t len);

/* The stream has ended: close open faults, so that the result is final. */
int zcdma_check_end(struct zcdma_check *check);

/* What has been found so far. */
void zcdma_check_get_result(const struct zcdma_check *check, struct zcdma_check_result *result);

/* Faults that a check remembers, and not only counts. */
#define ZCDMA_FAULTS_KEPT 64

/*
 * Get the @i-th fault, in the order of positions. Returns 1, or 0: there are no more, or they were only
 * counted. Those near the end
 * are among them after zcdma_check_end().
 */
int zcdma_check_get_fault(const struct zcdma_check *check, unsigned i, struct zcdma_fault *fault);

/* Free a check; NULL is fine. */
void zcdma_check_free(struct zcdma_check *check);

/*
 * Manifest: one line of text per block (sequence, offset in the output, length, XXH3), for checking
 * data that follows no pattern.
 */
struct zcdma_manifest;

/* Create the manifest @path, which must not be a directory. */
int zcdma_manifest_create(struct zcdma_ctx *ctx, const char *path, struct zcdma_manifest **m);

/* The same in what @fd has open, which is @name in messages and stays the caller's. */
int zcdma_manifest_create_fd(struct zcdma_ctx *ctx, int fd, const char *name,
			     struct zcdma_manifest **m);

/* Write a line that says something to a person. @text must not begin with "end". */
void zcdma_manifest_comment(struct zcdma_manifest *m, const char *text);

/* Add a block's bytes, in the order in which they are written. Reads .data. */
int zcdma_manifest_add(struct zcdma_manifest *m, const struct zcdma_block *b);

/*
 * Write the last line, without which a manifest counts as cut short, and close it, also on error. It
 * tells of the blocks that were added, whatever became of the rest.
 */
int zcdma_manifest_close(struct zcdma_manifest *m);

/* Close it without that line, as the data is not complete. NULL is fine. */
void zcdma_manifest_abandon(struct zcdma_manifest *m);

/*
 * On the wire
 *
 * Packets that were captured, from an interface or a file: each direction of a TCP connection is put in order
 * by its sequence numbers and checked, and so are datagrams. What is sent again is compared with what was sent
 * first: other bytes there were written to in flight, whatever the stream is. Bytes that were not captured are
 * unseen, and no fault. Memory is bounded, whatever comes.
 *
 *	zcdma_wire_open() -> zcdma_wire_run() ... -> zcdma_wire_end() -> zcdma_wire_next_stream() ...
 */
struct zcdma_wire;
struct zcdma_wire_stream;

struct zcdma_wire_options {
	const char *iface;    /* to capture from, which takes privileges; or NULL and ... */
	const char *file;     /* ... a capture of pcap or pcapng; "-": standard input */
	unsigned port;	      /* of either end; 0: every connection */
	size_t buffer_bytes;  /* of the kernel's ring; 0: a default */
	bool any_checksum;    /* take packets whose checksum proves that they were damaged */
	bool unchecked;	      /* only follow the streams; else check them against ... */
	const char *manifest; /* ... this or, where it is NULL, ... */
	uint64_t seed;	      /* ... the pattern with this seed */
	uint64_t block_bytes; /* to tell the block of an offset; unless the manifest does */
	/* Called with @arg before a stream is dropped from the list, as the list is full; may be NULL. */
	void (*dropped)(void *arg, const struct zcdma_wire_stream *stream);
	void *arg;
};

enum zcdma_wire_end {
	ZCDMA_WIRE_OPEN,  /* the capture ended first */
	ZCDMA_WIRE_FIN,	  /* its end was captured; of datagrams, their mark */
	ZCDMA_WIRE_RESET, /* the connection broke off */
	ZCDMA_WIRE_ENDS
};

/* One direction of a connection, which carried data. */
struct zcdma_wire_stream {
	char from[64], to[64]; /* "127.0.0.1:9000" */
	bool udp;
	bool from_start; /* its SYN was captured: offsets are the stream's */
	bool checked;	 /* .result is valid */
	enum zcdma_wire_end end;
	uint64_t packets;      /* with data */
	uint64_t bytes;	       /* of the stream, with those unseen */
	uint64_t unseen_bytes; /* of those, that were not captured, or too late to be checked */
	uint64_t cut_bytes;    /* of packets, beyond the snap length */
	uint64_t copies; /* packets captured more than once, as at a bridge; not in the next */
	uint64_t retransmitted; /* packets with bytes that had come before */
	uint64_t retransmitted_bytes;
	uint64_t differing; /* of those packets: where the bytes were others */
	uint64_t differing_bytes;
	uint64_t
		uncompared_bytes; /* retransmitted; what came first was not captured, or forgotten */
	uint64_t out_of_order;	  /* packets with bytes that come before others that had come */
	uint64_t late_bytes;	  /* captured when they counted as unseen already */
	uint64_t keepalives;
	uint64_t given_up;	 /* times that what is missing could be waited for no longer */
	uint64_t strayed;	 /* packets too far from the others: not followed */
	uint64_t ignored_resets; /* RST that the receiver did not believe (RFC 5961, 3) */
	struct zcdma_check_result result;
};

/* A packet that was sent again with other bytes. */
struct zcdma_wire_difference {
	char from[64], to[64];
	uint32_t seq;	      /* TCP's, of the first byte that differs */
	uint64_t offset;      /* of it in the stream */
	uint64_t block;	      /* that it is in; UINT64_MAX: nothing tells */
	uint64_t bytes;	      /* that differ in this packet */
	uint8_t first, again; /* the byte's values */
};

struct zcdma_wire_stats {
	uint64_t packets;	      /* captured; of those ... */
	uint64_t packet_bytes;	      /* ... on the wire */
	uint64_t tcp, udp;	      /* ... of connections that were asked for */
	uint64_t elsewhere;	      /* ... of others, and what is neither */
	uint64_t fragments;	      /* ... pieces of IP packets, which are not put together */
	uint64_t cut;		      /* ... without all of their headers */
	uint64_t malformed;	      /* ... that contradict themselves */
	uint64_t unfollowed;	      /* ... of connections for which there was no room */
	uint64_t checksums_right;     /* TCP's and UDP's */
	uint64_t checksums_offloaded; /* left to the network card */
	uint64_t checksums_wrong;
	uint64_t damaged; /* packets that were left out, as a wrong checksum proves damage */
	uint64_t checksums_unknown;  /* not all of the packet was captured, or it has none */
	uint64_t connections, ended; /* and of those with data, how many came to an end */
	uint64_t ignored_syns;	     /* that began no connection (RFC 5961, 4) */
	uint64_t unlisted; /* streams dropped from the list: first those with nothing to report */
	uint64_t differences;			/* in all streams */
	uint64_t dropped, dropped_by_interface; /* before they could be captured */
	uint64_t first_ns, last_ns; /* since 1970: the earliest packet's time, the latest one's */
};

/*
 * Open a capture. -EPERM, -EACCES: no privilege for that interface. Privileges that opening took may be given
 * up afterwards.
 */
int zcdma_wire_open(struct zcdma_ctx *ctx, const struct zcdma_wire_options *options,
		    struct zcdma_wire **wire);

/*
 * Take packets, for some 10 ms at most where many come, and wait for the first up to @timeout_ms; -1 is for
 * ever. 1; 0 at the end of the file; -ETIMEDOUT; -EINTR after zcdma_interrupt(). A file that is cut short is an
 * error at its end: what was before is followed.
 */
int zcdma_wire_run(struct zcdma_wire *wire, int timeout_ms);

/* Nothing more is taken: the results are final. */
int zcdma_wire_end(struct zcdma_wire *wire);

void zcdma_wire_get_stats(struct zcdma_wire *wire, struct zcdma_wire_stats *stats);

/* The next stream, the oldest first: 1 and *@stream, or 0 behind the last, and then from the first on again. */
int zcdma_wire_next_stream(struct zcdma_wire *wire, struct zcdma_wire_stream *stream);

/* The @i-th difference: 1 and *@d, or 0: there are no more, or there was no room to remember it. */
int zcdma_wire_get_difference(const struct zcdma_wire *wire, unsigned i,
			      struct zcdma_wire_difference *d);

/* NULL is fine. */
void zcdma_wire_close(struct zcdma_wire *wire);

#ifdef __cplusplus
}
#endif

#endif
