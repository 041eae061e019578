/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma: the pattern, manifests, and checks of a stream, received or captured from the wire
 *
 * The conventions of <zcdma.h> hold here too.
 * The structures carry no size, unlike the statistics there: a program does not hold them from one version of the
 * library to the next, and a field that is added changes the library's soname.
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

/* Returns how many bytes at the start of @buf follow the pattern, at most @len. Thread-safe. */
size_t zcdma_pattern_match(const void *buf, size_t len, uint64_t offset, uint64_t seed);

/* What can be wrong with a stream. */
enum zcdma_fault_kind {
	ZCDMA_FAULT_GAP,	 /* data is missing */
	ZCDMA_FAULT_REPEAT,	 /* data was repeated, then the stream went on */
	ZCDMA_FAULT_STALE,	 /* older data stands in the place of the right data */
	ZCDMA_FAULT_OVERWRITTEN, /* newer data stands there: the block was overwritten in flight */
	ZCDMA_FAULT_GARBAGE,	 /* data that is not of this stream */
	ZCDMA_FAULT_KINDS
};

struct zcdma_fault {
	enum zcdma_fault_kind kind;
	uint64_t position; /* of its first byte in what was received */
	uint64_t length;   /* bytes missing (GAP), or wrong */
	uint64_t distance; /* bytes by which the data is too old or too new; 0 for GAP, GARBAGE */
};

struct zcdma_check_result {
	uint64_t bytes;		   /* received; of those ... */
	uint64_t uncaptured_bytes; /* sent, but not captured (zcdma_check_skip()): not a fault */
	uint64_t bad_bytes;	   /* ... wrong */
	uint64_t missing_bytes;	   /* in gaps */
	uint64_t faults;	   /* all kinds */
	struct zcdma_fault first;  /* valid if .faults is not 0 */
	struct {
		uint64_t count;
		uint64_t bytes;
	} kind[ZCDMA_FAULT_KINDS];
	bool other_seed;	    /* it is a pattern, but with ... */
	uint64_t seed;		    /* ... this seed */
	uint64_t blocks;	    /* manifest: blocks checked */
	uint64_t blocks_good;	    /* manifest: of those, right */
	uint64_t blocks_uncaptured; /* manifest: not checked, as not all of them was captured */
	uint64_t blocks_expected;   /* manifest: blocks that it lists */
	bool unended; /* manifest: its last line is missing, so the recording failed */
	/* Manifest: places where data was lost while it was recorded, of which the first ... */
	uint64_t recorded_losses;
	uint64_t lost_offset; /* ... is there in the stream */
	uint64_t lost_seq; /* ... and begins with this block, as far as the device numbers them */
	uint64_t losses_unknown; /* places where it is unknown how much, or whether anything */
	/* What is known to be lost in all of them; .bytes is ZCDMA_UNKNOWN where it is so of one. */
	struct zcdma_loss recorded_lost[ZCDMA_LOSS_CAUSES];
	uint64_t datagrams;	 /* that came; of those ... */
	uint64_t datagram_bytes; /* the largest */
	uint64_t late;		 /* ... after one that was sent later */
	uint64_t duplicates;	 /* ... with nothing but what had come before */
	uint64_t duplicate_bytes;
	uint64_t unplaced;   /* ... too short to place in the stream, even together: not checked */
	uint64_t lost;	     /* that did not come, judged from the next line and the largest */
	uint64_t lost_bytes; /* before .end_offset */
	uint64_t end_offset; /* in the sent stream, after the last byte that came */
};

/* A check of one stream. */
struct zcdma_check;

/* Returns the name of a kind of fault: "gap", "repeat", ... Thread-safe. */
const char *zcdma_fault_name(enum zcdma_fault_kind kind);

/* Begin a check against the pattern with @seed. Returns 0 or -ENOMEM. */
int zcdma_check_pattern(struct zcdma_ctx *ctx, uint64_t seed, struct zcdma_check **check);

/*
 * Begin a check against the manifest in @path. If its last line is missing, data after its last block is not
 * checked. Returns 0, -EINVAL if it is not a manifest, or another negative errno.
 */
int zcdma_check_manifest(struct zcdma_ctx *ctx, const char *path, struct zcdma_check **check);

/*
 * Begin a check of datagrams that follow the pattern with @seed. Feed each of them alone. The pattern places
 * them in the stream, so that one that is lost, late or duplicate is counted, which is not a fault. A datagram
 * with bytes of another stream, or of several places, is a fault. Returns 0 or -ENOMEM.
 */
int zcdma_check_datagrams(struct zcdma_ctx *ctx, uint64_t seed, struct zcdma_check **check);

/* Check the next @len bytes of the stream, or the next datagram. Returns 0, or -EINVAL after zcdma_check_end(). */
int zcdma_check_feed(struct zcdma_check *check, const void *data, size_t len);

/*
 * Skip @len bytes of the stream, which were sent but not captured; UINT64_MAX skips all the rest. This is not a
 * fault. A check of datagrams ignores it. Returns 0, or -EINVAL after zcdma_check_end().
 */
int zcdma_check_skip(struct zcdma_check *check, uint64_t len);

/* End the check: close open faults, so that the result is final. Returns 0. */
int zcdma_check_end(struct zcdma_check *check);

/* Get what the check has found until now. */
void zcdma_check_get_result(const struct zcdma_check *check, struct zcdma_check_result *result);

/* Faults that a check remembers; it counts all. */
#define ZCDMA_FAULTS_KEPT 64

/*
 * Get the @i-th fault, in the order of positions; those near the end only after zcdma_check_end(). Returns 1, or 0 if
 * there are no more, or they were only counted.
 */
int zcdma_check_get_fault(const struct zcdma_check *check, unsigned i, struct zcdma_fault *fault);

/* A place where data was lost while a stream was recorded, as its manifest has it. */
struct zcdma_recorded_loss {
	uint64_t offset;       /* in the recording */
	uint64_t seq;	       /* number of the block that follows */
	uint64_t time_ns;      /* when that became full, since 1970; 0: unknown */
	uint64_t filled_bytes; /* zeros that stand in its place */
	struct zcdma_loss lost[ZCDMA_LOSS_CAUSES];
};

/* Get the @i-th of these places of a check against a manifest. Returns 1, or 0 if there are no more. */
int zcdma_check_get_recorded_loss(const struct zcdma_check *check, unsigned i,
				  struct zcdma_recorded_loss *loss);

/* Returns the name of a cause of losses: "device", "hand-over", "network". Thread-safe. */
const char *zcdma_loss_cause_name(enum zcdma_loss_cause cause);

/* Free a check; NULL is fine. */
void zcdma_check_free(struct zcdma_check *check);

/*
 * Manifest: one line of text per block (sequence, offset in the output, length, time, what was lost before it, hash),
 * for checking data that follows no pattern.
 */
struct zcdma_manifest;

/* Create the manifest @path. Returns 0 or a negative errno. */
int zcdma_manifest_create(struct zcdma_ctx *ctx, const char *path, struct zcdma_manifest **m);

/* Create a manifest in @fd, which stays the caller's, and is @name in messages. Returns 0 or a negative errno. */
int zcdma_manifest_create_fd(struct zcdma_ctx *ctx, int fd, const char *name,
			     struct zcdma_manifest **m);

/*
 * Choose the hash of the blocks before the first is added: "xxh3", as at first, or "sha256". Returns 0, -EINVAL, or
 * -EOPNOTSUPP if the library was built without it.
 */
int zcdma_manifest_set_hash(struct zcdma_manifest *m, const char *hash);

/* Write a comment line. @text must not begin with "end", "hash" or "clock". */
void zcdma_manifest_comment(struct zcdma_manifest *m, const char *text);

/* Add a block, in the order in which blocks are written; reads .data. Returns 0 or a negative errno. */
int zcdma_manifest_add(struct zcdma_manifest *m, const struct zcdma_block *b);

/*
 * Write the last line, without which a manifest counts as cut short, and close the manifest, also on error. The
 * last line counts the blocks that were added. Returns 0 or a negative errno.
 */
int zcdma_manifest_close(struct zcdma_manifest *m);

/* Close the manifest without its last line, as the data is not complete. NULL is fine. */
void zcdma_manifest_abandon(struct zcdma_manifest *m);

/*
 * On the wire
 *
 * Packets that were captured, from an interface or a file: each direction of a TCP connection is put in order
 * by its sequence numbers and checked, and so are datagrams. Retransmitted bytes are compared with those that were
 * sent first: if they differ, the buffer was written to in flight. Bytes that were not captured are counted, and
 * are not a fault. Memory is bounded.
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
	bool unchecked;	      /* reassemble the streams only; else check them against ... */
	const char *manifest; /* ... this or, if it is NULL, ... */
	uint64_t seed;	      /* ... the pattern with this seed */
	uint64_t block_bytes; /* to name the block of an offset, where the manifest does not */
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

/* What is counted of one direction of a connection. Packets are those with data. */
struct zcdma_wire_counters {
	uint64_t packets;
	uint64_t uncaptured_bytes; /* of the stream; or captured too late to be checked */
	uint64_t late_bytes;	   /* captured after they counted as not captured */
	uint64_t cut_bytes;	   /* of packets, beyond the snap length */
	uint64_t
		capture_duplicates; /* packets captured more than once, as at a bridge; not in the next */
	uint64_t retransmitted;	      /* packets with bytes that were sent before, and ... */
	uint64_t retransmitted_bytes; /* ... those bytes */
	uint64_t differing;	      /* retransmitted packets with other bytes, and ... */
	uint64_t differing_bytes;     /* ... those bytes */
	uint64_t uncompared_bytes; /* retransmitted, when what they repeat was not known any more */
	uint64_t out_of_order;	   /* packets captured after others that follow them */
	uint64_t keepalives;
	uint64_t given_up; /* times that there was not enough memory to wait for missing bytes */
	uint64_t strayed;  /* packets too far from the others, which were skipped */
	uint64_t ignored_resets; /* RST that the receiver did not accept (RFC 5961, 3) */
};

/* One direction of a connection, which carried data. */
struct zcdma_wire_stream {
	char from[64], to[64]; /* "127.0.0.1:9000" */
	bool udp;
	bool from_start; /* its SYN was captured: offsets are the stream's */
	bool checked;	 /* .result is valid */
	enum zcdma_wire_end end;
	uint64_t bytes; /* of the stream, captured or not */
	struct zcdma_wire_counters counters;
	struct zcdma_check_result result;
};

/* A packet that was retransmitted with other bytes. */
struct zcdma_wire_difference {
	char from[64], to[64];
	uint32_t seq;	 /* TCP's, of the first byte that differs */
	uint64_t offset; /* of it in the stream */
	uint64_t block;	 /* that it is in; UINT64_MAX: unknown */
	uint64_t bytes;	 /* that differ in this packet */
	uint8_t was, is; /* the values of the first byte that differs */
};

/* A place where a stream is wrong, by its check. */
struct zcdma_wire_fault {
	char from[64], to[64];
	struct zcdma_fault fault;
};

struct zcdma_wire_stats {
	uint64_t packets;	      /* captured; of those ... */
	uint64_t packet_bytes;	      /* ... on the wire */
	uint64_t tcp, udp;	      /* ... of connections that were asked for */
	uint64_t others;	      /* ... of other connections or protocols */
	uint64_t fragments;	      /* ... pieces of IP packets, which are not put together */
	uint64_t cut;		      /* ... without all of their headers */
	uint64_t malformed;	      /* ... that contradict themselves */
	uint64_t unfollowed;	      /* ... of connections for which no memory was left */
	uint64_t checksums_right;     /* TCP's and UDP's */
	uint64_t checksums_offloaded; /* left to the network card */
	uint64_t checksums_wrong;
	uint64_t damaged; /* packets that were skipped, as a wrong checksum proves damage */
	uint64_t checksums_unknown;  /* not all of the packet was captured, or it has none */
	uint64_t connections, ended; /* and of those with data, how many came to an end */
	uint64_t ignored_syns;	     /* that began no connection (RFC 5961, 4) */
	uint64_t unlisted; /* streams dropped from the list: first those with nothing to report */
	uint64_t dropped, dropped_by_interface; /* before they could be captured */
	uint64_t first_ns, last_ns; /* since 1970: the earliest packet's time, the latest one's */
};

/*
 * Open a capture. Privileges that this takes may be dropped afterwards. Returns 0; -EINVAL if neither an interface nor a
 * file is named; -EPERM or -EACCES without the privilege for the interface; or another negative errno.
 */
int zcdma_wire_open(struct zcdma_ctx *ctx, const struct zcdma_wire_options *options,
		    struct zcdma_wire **wire);

/*
 * Take packets, for about 10 ms at most if many come, and wait up to @timeout_ms for the first; -1 waits without
 * limit. Returns 1; 0 at the end of the file; -ETIMEDOUT; -EINTR after zcdma_interrupt(); or another negative errno.
 * A file that is cut short is an error at its end; the packets before that are taken.
 */
int zcdma_wire_run(struct zcdma_wire *wire, int timeout_ms);

/* Make the results final. Returns 0, or a negative errno if a stream could not be checked. */
int zcdma_wire_end(struct zcdma_wire *wire);

/* Get the statistics. */
void zcdma_wire_get_stats(struct zcdma_wire *wire, struct zcdma_wire_stats *stats);

/* Get the next stream, the oldest first. Returns 1, or 0 after the last; then the first is next again. */
int zcdma_wire_next_stream(struct zcdma_wire *wire, struct zcdma_wire_stream *stream);

/* Get the @i-th difference. Returns 1, or 0 if there are no more that are remembered. */
int zcdma_wire_get_difference(const struct zcdma_wire *wire, unsigned i,
			      struct zcdma_wire_difference *d);

/*
 * Get the @i-th fault of the streams that have ended. Only the first ZCDMA_FAULTS_KEPT of all streams are
 * kept, but each stream counts all of its own. Returns 1 and sets *@f, or 0 if no fault @i is kept.
 */
int zcdma_wire_get_fault(const struct zcdma_wire *wire, unsigned i, struct zcdma_wire_fault *f);

/* Close the capture; NULL is fine. */
void zcdma_wire_close(struct zcdma_wire *wire);

#ifdef __cplusplus
}
#endif

#endif
