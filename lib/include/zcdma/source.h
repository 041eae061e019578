/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma: sources, and the blocks that they deliver
 *
 * The conventions of <zcdma.h> hold here; it includes this header.
 */
#ifndef ZCDMA_SOURCE_H
#define ZCDMA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zcdma_ctx;

/*
 * Blocks
 */

enum zcdma_block_flags {
	ZCDMA_BLOCK_LOST = 1 << 0, /* data was lost right before this block */
	/* Data may be missing right before this block; the device cannot tell how much, or whether. */
	ZCDMA_BLOCK_DISCONTINUITY = 1 << 2,
};

/* A number that is not known. */
#define ZCDMA_UNKNOWN UINT64_MAX

/* Where data can be lost before a block is delivered. */
enum zcdma_loss_cause {
	ZCDMA_LOST_DEVICE, /* the device found no free block, or its driver numbers what did not come: in blocks */
	ZCDMA_LOST_HANDOVER, /* between two processes: in blocks */
	ZCDMA_LOST_NETWORK,  /* on the way, or by the capture: in datagrams or packets */
	ZCDMA_LOSS_CAUSES
};

/* What is known to be lost there. */
struct zcdma_loss {
	uint64_t
		count; /* of blocks or datagrams; ZCDMA_UNKNOWN: it is unknown how many, and whether any are */
	uint64_t bytes; /* in them, or ZCDMA_UNKNOWN */
};

/* One capture buffer of a ring. What a caller changes in it has no effect on what is sent. */
struct zcdma_block {
	const void *data; /* its bytes in memory, or NULL if the block is only in @fd */
	size_t len;	  /* bytes of data; may be less than the ring's block size */
	uint64_t offset;  /* of its first byte in the source's stream; an overrun makes it jump */
	uint64_t seq;	  /* counts what the device produced, lost blocks included */
	uint64_t time_ns; /* when the block became full: at the device, through a hand-over too */
	/* When its first byte came to the device, by the clock that its source's .clock names; 0: unknown. */
	uint64_t device_time;
	uint32_t index;	   /* in the ring */
	uint32_t flags;	   /* enum zcdma_block_flags */
	int fd;		   /* the file or pipe that holds the bytes too, or -1 */
	int64_t fd_offset; /* where they begin in @fd, or -1 if it is a pipe or a socket */
	/* What was lost since the block before; of packets that a capture gathered, also within this one. */
	struct zcdma_loss lost[ZCDMA_LOSS_CAUSES];
	uint64_t ticket; /* of this delivery: by it the library knows the block again */
};

/* Returns how many bytes were lost before @b, or ZCDMA_UNKNOWN if that is not known of a part of them. Thread-safe. */
uint64_t zcdma_block_lost_bytes(const struct zcdma_block *b);

/* Capabilities: what the blocks of a source and the sink have, and what a path requires of them. */
enum zcdma_caps {
	ZCDMA_CAP_MEMORY = 1 << 0, /* a block's .data */
	ZCDMA_CAP_FD = 1 << 1,	   /* a block's .fd */
	ZCDMA_CAP_OFFSET = 1 << 2, /* and its .fd_offset */
	ZCDMA_CAP_SOCKET = 1 << 3, /* the sink is a socket */
	ZCDMA_CAP_STREAM = 1 << 4, /* the sink is a socket or a pipe */
	ZCDMA_CAP_RING = 1 << 5,   /* .data is in a ring that io_uring can register */
};

/*
 * Sources
 */

/* What a stream has of packets. */
enum zcdma_packets {
	ZCDMA_PACKETS_NONE,
	ZCDMA_PACKETS_RECEIVED,		 /* datagrams that a socket received ... */
	ZCDMA_PACKETS_RECEIVED_NUMBERED, /* ... by sequence numbers */
	ZCDMA_PACKETS_WHOLE,		 /* a pcap stream of them */
	ZCDMA_PACKETS_PAYLOAD,		 /* their payload ... */
	ZCDMA_PACKETS_NUMBERED,		 /* ... by sequence numbers */
};

/* What a source of packets came across; else all 0. */
struct zcdma_packet_stats {
	uint64_t packets;	       /* that were read */
	uint64_t dropped;	       /* by the kernel, as they were not read in time */
	uint64_t dropped_by_interface; /* before that */
	/* If only their payload was asked for, of .packets: */
	uint64_t cut;	     /* left out, as the snap length cut their payload */
	uint64_t fragments;  /* left out: pieces of IP packets */
	uint64_t malformed;  /* left out: contradictory lengths, or damaged by their checksum */
	uint64_t others;     /* left out: no UDP, nor TCP where that is looked for */
	uint64_t wrong_sums; /* taken with a wrong checksum, which proved nothing */
	uint64_t flows;	     /* of UDP, each from one address to another, or one of TCP */
	/* Of TCP: */
	uint64_t missing_bytes; /* that were sent, and not captured; ZCDMA_UNKNOWN of other data */
	uint64_t differing_bytes; /* that came again as others: the first to come are taken */
	uint64_t zero_sums;	  /* packets with data whose checksum is 0 */
	uint64_t
		unchecked; /* of those, where others of the sender are right: nothing checks their data */
	/* By the sequence numbers in datagrams: */
	uint64_t unnumbered; /* left out: too short to hold one */
	uint64_t lost;	     /* numbers that did not come in time; ZCDMA_UNKNOWN without numbers */
	uint64_t late;	     /* left out: they came after that, or before the first */
	uint64_t duplicates; /* left out */
	uint64_t reordered;  /* that waited for one that came later */
	uint64_t restarts;   /* times that the numbers began anew */
	uint64_t overflows;  /* waits that ended early, as the buffer was full */
	/* The rest is of datagrams that a socket received, for which .dropped counts merged ones once. */
	uint64_t ignored;     /* left out: of another sender */
	uint64_t unwanted;    /* left out: of a sender that source= does not name */
	uint64_t undersized;  /* left out: too short for what was asked for */
	uint64_t shortened;   /* taken without what is beyond the size that was asked for */
	size_t socket_buffer; /* bytes, as the kernel granted them */
};

struct zcdma_source_stats {
	uint64_t blocks;     /* delivered */
	uint64_t bytes;	     /* in them */
	uint64_t overruns;   /* blocks the device had to drop, as none was free; or ZCDMA_UNKNOWN */
	uint64_t lost_bytes; /* in those, and in datagrams that did not come; or ZCDMA_UNKNOWN */
	uint64_t gap_blocks; /* lost between the blocks that were delivered */
	uint64_t gap_bytes;  /* in those, or ZCDMA_UNKNOWN */
	/* Places where data may be missing, unknown how much; ZCDMA_UNKNOWN where nothing shows them. */
	uint64_t discontinuities;
	uint64_t replaced; /* blocks that got fresh pages, as the old ones may still be read */
	uint64_t next_seq; /* sequence number that the device is at */
	uint64_t busy_at_release;     /* blocks in flight when the driver got them back */
	uint64_t driver_copied_bytes; /* by the driver, where a splice() had to */
	uint64_t copied_bytes;	      /* by this process, from one place in its memory to another */
	uint64_t
		kernel_copied_bytes; /* by the kernel, as they were read or received into memory of this process */
	uint64_t handovers; /* rings taken from the writer at the other end of a pipe */
	/* Why bytes came instead of a ring, or NULL if they did not. Valid as long as the source. */
	const char *plain_reason;
	struct zcdma_packet_stats packets;
	/* These are of a framed stream. */
	uint64_t frames;
	uint64_t wrong_frames;	  /* whose data is not what its hash says ... */
	uint64_t wrong_offset;	  /* ... and where the first of them begins */
	uint64_t unhashed_frames; /* that have no hash, as their sender could not read the data */
	uint64_t breaks;	  /* connections that ended without the mark of the end */
	uint64_t ignored_connections; /* that did not send this stream */
	/*
	 * Blocks that the sender had, and that did not come; ZCDMA_UNKNOWN after a connection broke, until the sender
	 * has come back.
	 */
	uint64_t connection_lost_blocks;
	uint64_t connection_lost_bytes; /* in those, or in parts of them; or ZCDMA_UNKNOWN */
	/* Read with O_DIRECT, or mapped, where it is unknown whether the kernel copied all the same. */
	uint64_t unknown_bytes;
	/* These are of a connection whose pages are mapped (receive=map), where ... */
	uint64_t mapped_bytes;
	uint64_t unmapped_bytes; /* ... these were received into memory instead */
	const char *
		copies_reason; /* why the kernel copied what was received, or NULL; the source's own */
	const char *copies_hint; /* what helps, or NULL */
	/* Why it is unknown whether data was lost before it could be read, or NULL if it is known. */
	const char *loss_reason;
	const char *loss_hint; /* what helps, or NULL */
};

/* What .block_size, .blocks, .page_size, .pieces and .caps say is known once the ring is made. */
struct zcdma_source_info {
	const char *
		type; /* "sim", "dev", "v4l2", "iio", "read", "file", "pipe", "pcap", "xdp", "tcp", "udp", "memory" */
	/* As the user gave it, with what zcdma_source_set() added; valid until that is called, and as long as the source. */
	const char *name;
	size_t block_size; /* bytes */
	unsigned blocks;   /* in the ring; 0 without a ring */
	size_t page_size;  /* of the ring's memory, as the kernel gave it */
	const char *model; /* of the driver's memory, "compound"; NULL without a driver */
	unsigned pieces;   /* contiguous ones that its blocks consist of */
	unsigned caps;	   /* of enum zcdma_caps, what its blocks have */
	bool endless;	   /* produces until it is stopped */
	bool lossy;	   /* has overruns when the reader is late */
	bool tracks_pages; /* its driver waits by itself for pages in flight */
	bool bounced;	   /* the device writes to bounce buffers, which the kernel copies */
	int simulated;	   /* 1: nothing of it is measured; 0: all is; -1: unknown */
	bool privileged;   /* opening it took privileges, which nothing else of it needs */
	enum zcdma_packets packets;
	const char *
		mode; /* how xdp: fills its frames, "zero-copy", "native" or "generic"; else NULL */
	/* These are valid as long as the source, and NULL unless it is of the network. */
	const char
		*listens; /* once its ring is made, where: "127.0.0.1:9000", or several, by ", " */
	const char *peer; /* the sender's address, once a sender has come */
	bool framed;	  /* the sender frames its blocks, and their hashes are checked */
	/* What .device_time of its blocks counts: "monotonic", "tai" or "counter"; NULL: the device has no clock. */
	const char *clock;
	unsigned clock_hz; /* units in a second; 0 without a clock */
	/* These are of v4l2:, known once its ring is made, and NULL of other sources. */
	const char *format;	    /* of a frame: "YUYV 1280x720, 30 frames/s" */
	const char *frame_clock;    /* what the times of its blocks are, once one has come */
	const char *buffers;	    /* what memory the driver fills ... */
	const char *buffers_reason; /* ... and why not what is tried before that, or NULL */
	/* These are of dev: with together=, and 0 or NULL of other sources. */
	unsigned channels;	   /* how many of its device start at the same time, itself too */
	unsigned channels_missing; /* how many of them have not come yet, as far as that is known */
	uint64_t start_time; /* when they started, by .clock; 0: they have not, or it is unknown */
	const char *device;  /* the device, "zcdma-sim.0"; valid as long as the source */
	/* It is at a limit of zcdma_source_set_limit(), also where the next whole packet would pass that. */
	bool at_limit;
};

/* A kind of source, for lists and help. */
struct zcdma_source_type {
	const char *name;
	const char *syntax; /* "sim:[blocks=N,block=SIZE,...]" */
	const char *summary;
	bool tracks_pages;	     /* as of its info */
	const char *memory;	     /* the option that says what its ring is made of, or NULL */
	const char *const *memories; /* the values of that option, then NULL */
};

struct zcdma_source;

/* Returns the @i-th kind of source, or NULL after the last. Thread-safe. */
const struct zcdma_source_type *zcdma_source_type_at(unsigned i);

/* Returns the kind of source that @spec names, or NULL if there is no such kind. Opens nothing. */
const struct zcdma_source_type *zcdma_source_type_of(const char *spec);

/* Returns the spec to use if the user gives none: "dev:" if there is such a device, else "sim:". */
const char *zcdma_source_default(void);

/*
 * Open the source that @spec names: "sim:OPTIONS", "dev:PATH,OPTIONS", "v4l2:PATH,OPTIONS", "iio:PATH,OPTIONS",
 * "read:PATH,OPTIONS", "file:PATH", "pcap:NAME,OPTIONS", "xdp:IFACE,OPTIONS", "tcp:HOST:PORT,OPTIONS",
 * "udp:HOST:PORT,OPTIONS", "-" (standard input), or a bare path. Its ring is not made yet, and nothing listens.
 * Returns 0, -EINVAL if @spec is wrong, -EOPNOTSUPP if there is no such driver here, or another errno
 * (-ENOENT) of what it names.
 */
int zcdma_source_open(struct zcdma_ctx *ctx, const char *spec, struct zcdma_source **src);

/*
 * Open a source that reads @fd (a pipe, a socket, a regular file from its current position) to its
 * end. The caller closes @fd after the source. @name is for messages, and is copied.
 */
int zcdma_source_open_fd(struct zcdma_ctx *ctx, int fd, const char *name,
			 struct zcdma_source **src);

/* Memory of the program's own. */
struct zcdma_region {
	void *data;
	size_t len; /* bytes */
};

/*
 * Open a source of the program's own memory, such as the mapping of its driver. The program submits pieces
 * of the @count @regions, which are delivered as blocks, sent, and reclaimed. The regions must stay valid
 * until the source is closed; the array is copied. A path that cannot prove that pages are free (its
 * type's .replaces_pages) is refused. While no piece is submitted, zcdma_source_next() answers -EAGAIN with a
 * timeout of 0, and else -ENOBUFS once nothing is in flight.
 * Returns 0, -EINVAL if a region is not in the address space, or -ENOMEM.
 */
int zcdma_source_open_memory(struct zcdma_ctx *ctx, const struct zcdma_region *regions,
			     unsigned count, struct zcdma_source **src);

/*
 * Submit @len bytes at @data, within one region, to become the next block of zcdma_source_next(). They must
 * not be written to until zcdma_source_reclaim() returns their @cookie. Returns 0, -EINVAL if they are
 * not within a region, or the source was stopped, or -EBUSY if a part of them was submitted before and is
 * not free.
 */
int zcdma_source_submit(struct zcdma_source *src, const void *data, size_t len, uint64_t cookie);

/*
 * Reclaim a piece that was submitted, once nothing reads it: by the proof of the path that it was sent
 * along, or since it was released. Waits for one up to @timeout_ms.
 * An event loop reclaims until -EAGAIN each time before it waits: a path that copies has a piece back at
 * once, and what comes back later makes zcdma_path_fd() readable first.
 * Returns 1 and its *@cookie; 0 if nothing is in flight that could come back; -EAGAIN if @timeout_ms is 0;
 * -ETIMEDOUT; -EINTR after zcdma_interrupt(); or an error of a path that broke off meanwhile.
 */
int zcdma_source_reclaim(struct zcdma_source *src, int timeout_ms, uint64_t *cookie);

/*
 * Set an option of a source whose ring is not made yet: one of its kind's, as in a spec ("rate",
 * "360M"), or
 *   "read", NULL: the program itself reads the blocks' bytes. A file is then read, and not mapped, so
 *	that cutting it short meanwhile cannot raise SIGBUS. A source without a path does so anyway.
 *   "repeat", NULL: of a file or "-", begin anew where it ends. What fits into the ring is kept there, and what does
 *	not is read again, which takes a file.
 *   "direct", NULL: of a file, read it with O_DIRECT.
 *   "handover", "auto", "require" or "never": of "-", whether to take a ring from a writer that has
 *	one. "require" makes its bytes an error, -EOPNOTSUPP.
 * @value is NULL for an option without a value.
 * Returns 0, -EINVAL if the source has no such option or value, or if it was set before, or -EBUSY if
 * the ring is made.
 */
int zcdma_source_set(struct zcdma_source *src, const char *name, const char *value);

/*
 * End the stream after @bytes bytes and after @blocks blocks; 0 does not limit it. What a file or a pipe has
 * beyond the limit is left to its next reader; the rest of a ring's block is left out.
 */
void zcdma_source_set_limit(struct zcdma_source *src, uint64_t bytes, uint64_t blocks);

/*
 * Make the ring for the path named @path, or, if @path is NULL, for a program that reads the blocks.
 * Opening a path, zcdma_source_start() and zcdma_source_next() do so by themselves; call this to find out
 * what does not work before a receiver is connected or a file is created.
 * Returns 0, -EINVAL if the source's blocks cannot take that path, -EBUSY if the ring was made for
 * something else and is in use, or another negative errno if its memory cannot be allocated.
 */
int zcdma_source_prepare(struct zcdma_source *src, const char *path);

/*
 * Start the device: its clock, its sequence numbers and its overruns count from here. Without this
 * call, the first zcdma_source_next() starts it. A device that starts together with others (dev: with together=) has only
 * begun to wait for them; zcdma_source_next() goes on waiting, and fails where they cannot start.
 * Each of them needs a process or a thread of its own that waits.
 * Returns -EBUSY if it was started before.
 */
int zcdma_source_start(struct zcdma_source *src);

/*
 * Take the next full block, and wait for it up to @timeout_ms. Blocks come in stream order. The block
 * is the caller's until it is passed to zcdma_path_send() or zcdma_block_release(), one of which each
 * block needs. While it waits, the source's paths go on sending and give blocks back.
 * Returns 1 and fills in *@b; 0 at the end of the stream; -EAGAIN if no block is full and @timeout_ms
 * is 0; -ETIMEDOUT; -EINTR after zcdma_interrupt(), whether or not there is a block; -ENOBUFS if the
 * caller holds every block of the ring, so that no wait can end; or an error of the source, or of a
 * path that broke off meanwhile.
 */
int zcdma_source_next(struct zcdma_source *src, int timeout_ms, struct zcdma_block *b);

/*
 * Returns a descriptor that is readable when zcdma_source_next() is worth another try, or a negative
 * errno. It is the source's. Paths have descriptors of their own.
 */
int zcdma_source_fd(struct zcdma_source *src);

/*
 * Give back a block of @src that was not sent. The caller must not read it afterwards. A block that was
 * sent goes back by itself. Returns 0, or -EINVAL, which changes nothing, if *@b is not the caller's: it was
 * sent or released before, or is not a block of @src.
 */
int zcdma_block_release(struct zcdma_source *src, const struct zcdma_block *b);

/*
 * Share a block of the caller's, so that several paths of @src send it: *@share is the same block once more, which has to be
 * sent or released as *@b has. The block goes back to its source when the last of its shares does, each by the proof of
 * its own path. Returns 0, -EINVAL if *@b is not the caller's, or if its bytes are only in a pipe or a socket, or -ENOMEM.
 */
int zcdma_block_share(struct zcdma_source *src, const struct zcdma_block *b,
		      struct zcdma_block *share);

/*
 * Export a block of the caller's as a dma-buf, which other drivers import: V4L2, DRM, RDMA. The block's bytes are the first
 * ones of the dma-buf. Importers can map it until the block is sent or released, and the driver then waits until
 * they have unmapped it. Returns a descriptor, which the caller closes; -EINVAL if *@b is not the caller's; -EOPNOTSUPP
 * where the memory is not a driver's, or coherent, which goes with the device; or another negative errno.
 */
int zcdma_block_export(struct zcdma_source *src, const struct zcdma_block *b);

/* Produce no further block. The full ones can still be taken, then zcdma_source_next() returns 0. */
void zcdma_source_stop(struct zcdma_source *src);

/* Close the source and free its ring; NULL is fine. Close its paths first. */
void zcdma_source_close(struct zcdma_source *src);

/*
 * Fill in *@stats of @size bytes, sizeof(*@stats) of the program: one that was built with an older
 * header gets what it knows.
 */
void zcdma_source_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats,
			    size_t size);

/* Fill in *@info of @size bytes likewise. */
void zcdma_source_get_info(struct zcdma_source *src, struct zcdma_source_info *info, size_t size);

/*
 * Check whether @src reads the regular file that @fd has open, so that writing to it would destroy the
 * source: itself, or through the program at the other end of its pipe, as far as /proc shows. That
 * program is described in @buf of @len bytes, which is empty otherwise.
 */
bool zcdma_source_reads(const struct zcdma_source *src, int fd, char *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif
