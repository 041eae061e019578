/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The protocol by which a ring is handed over through a pipe, which zcdma(7) describes. Nothing here waits, or trusts
 * the other side.
 */
#ifndef ZCDMA_HANDOVER_PROTOCOL_H
#define ZCDMA_HANDOVER_PROTOCOL_H

#include <stddef.h>

#include "memory/ring.h"
#include "util/local_socket.h"

#define ZC_HO_MAGIC   0x6f68637au /* "zcho" */
#define ZC_HO_VERSION 2		  /* blocks and releases go through a page that both map */
#define ZC_HO_OLDEST  1		  /* ... by messages: what we speak to those who know no other */

/* How long the writer waits for the answer of a reader that it has connected to. */
#define ZC_HO_ANSWER_MS 3000

#define ZC_HO_BLOCKS   32 /* most in one message */
#define ZC_HO_RELEASES 64
#define ZC_HO_FDS      ZC_LOCAL_FDS

#define ZC_HO_RING_BLOCKS (1u << 20) /* most in a ring */
#define ZC_HO_FILE_BLOCKS 64	     /* that can be out at once, of a file */

enum zc_ho_type {
	/* from the producer */
	ZC_HO_HELLO = 1, /* with the pipe's name */
	ZC_HO_OFFER,	 /* a ring, with its descriptor, the writing end, and the page */
	ZC_HO_BLOCK,	 /* blocks that are full, in version 1 */
	ZC_HO_END,	 /* of the stream */
	/* from the consumer */
	ZC_HO_WELCOME, /* with the pipe's name */
	ZC_HO_ACCEPT,  /* the ring, with the reading end */
	ZC_HO_REFUSE,  /* the hello or the ring */
	ZC_HO_RELEASE, /* blocks, in version 1 */
	ZC_HO_LEAVE,   /* takes no more blocks */
	/* from either, since version 2 */
	ZC_HO_WAKE, /* look into the page */
	/* from a producer without a ring, whose END follows, since version 2 */
	ZC_HO_BYTES, /* go through the pipe, with its writing end */
	/* from the producer, since version 2 */
	ZC_HO_DROP, /* gives the consumer up, and goes on with others */
	ZC_HO_TYPES
};

/* The beginning of every message, in every version. */
struct zc_ho_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t count; /* of what follows */
	uint32_t reserved;
};

struct zc_ho_welcome {
	uint32_t flags; /* ZC_USE_REPLACE, ZC_USE_FD: what the ring is used for */
	uint32_t reserved;
};

enum zc_ho_ring {
	ZC_HO_MEMORY, /* a memfd that is sealed against shrinking */
	ZC_HO_DEVICE, /* a zcdma device with that ring */
	ZC_HO_FILE,   /* a regular file, which may shrink: block i is anywhere in it */
	ZC_HO_RINGS
};

struct zc_ho_offer {
	uint32_t ring;	 /* enum zc_ho_ring */
	uint32_t blocks; /* that can be out at once */
	uint64_t block_size;
	uint64_t stride; /* from one block to the next */
	uint64_t page_size;
	uint64_t flags; /* enum zc_ho_origin */
};

/* The origin of a ring's data; neither flag: unknown. */
enum zc_ho_origin {
	ZC_HO_SIMULATED = 1 << 0,
	ZC_HO_MEASURED = 1 << 1,
};

enum zc_ho_reason {
	ZC_HO_VERSION_UNKNOWN,
	ZC_HO_NO_PROOF, /* what was passed is not the pipe's other end */
	ZC_HO_BAD_RING, /* the ring is not what the offer says, or cannot be mapped */
	ZC_HO_BUSY,
	ZC_HO_REASONS
};

struct zc_ho_refuse {
	uint32_t reason; /* enum zc_ho_reason */
	uint32_t reserved;
};

struct zc_ho_block {
	uint64_t id; /* 0, 1, 2, ... */
	uint64_t seq;
	uint64_t offset; /* in the stream */
	uint64_t time_ns;
	uint64_t ring_offset;
	uint64_t fd_offset; /* where its bytes are for pread() and splice() */
	uint64_t len;
	uint32_t flags; /* enum zcdma_block_flags */
	uint32_t slot;	/* comes back with the block */
};

struct zc_ho_release {
	uint64_t id;
	uint32_t how; /* enum zc_put */
	uint32_t slot;
};

struct zc_ho_end {
	uint64_t blocks;
	uint64_t bytes;
};

struct zc_ho_leave {
	uint64_t id;   /* the first block that was not taken whole */
	uint64_t skip; /* bytes of it that were taken ... */
	uint32_t how;  /* ... and how its pages come back: enum zc_put */
	uint32_t reserved;
};

struct zc_ho_bytes {
	uint32_t none; /* 1: the writer failed before its first byte */
	uint32_t reserved;
};

struct zc_ho_msg {
	struct zc_ho_head head;
	union {
		struct zc_ho_welcome welcome;
		struct zc_ho_offer offer;
		struct zc_ho_refuse refuse;
		struct zc_ho_block block[ZC_HO_BLOCKS];
		struct zc_ho_release release[ZC_HO_RELEASES];
		struct zc_ho_end end;
		struct zc_ho_leave leave;
		struct zc_ho_bytes bytes;
	};
};

_Static_assert(sizeof(struct zc_ho_head) == 16, "the same for 32 and 64 bit");
_Static_assert(sizeof(struct zc_ho_welcome) == 8, "the same for 32 and 64 bit");
_Static_assert(sizeof(struct zc_ho_offer) == 40, "the same for 32 and 64 bit");
_Static_assert(sizeof(struct zc_ho_refuse) == 8, "the same for 32 and 64 bit");
_Static_assert(sizeof(struct zc_ho_block) == 64, "the same for 32 and 64 bit");
_Static_assert(sizeof(struct zc_ho_release) == 16, "the same for 32 and 64 bit");
_Static_assert(sizeof(struct zc_ho_end) == 16, "the same for 32 and 64 bit");
_Static_assert(sizeof(struct zc_ho_leave) == 24, "the same for 32 and 64 bit");
_Static_assert(sizeof(struct zc_ho_bytes) == 8, "the same for 32 and 64 bit");
_Static_assert(offsetof(struct zc_ho_msg, block) == 16, "bodies follow the head at once");

/*
 * Messages: these functions make no system calls
 */

/* Begin an empty message of @type with @count bodies, of the oldest version. */
void zc_ho_begin(struct zc_ho_msg *msg, enum zc_ho_type type, uint32_t count);

/* Describe a ring in *@offer, without the origin of its data. */
void zc_ho_describe(struct zc_ho_offer *offer, const struct zc_ring_desc *ring);

/* Returns the length of a message, which we made or parsed. */
size_t zc_ho_len(const struct zc_ho_msg *msg);

/*
 * Check a message of @len bytes that came with @fds descriptors. Returns 0, -EPROTO if it is not valid, or
 * -EPROTONOSUPPORT if it is of a version that we do not know.
 */
int zc_ho_parse(const struct zc_ho_msg *msg, size_t len, unsigned fds);

/* Check what a block, or a release, says apart from any ring. Return 0 or -EPROTO. */
int zc_ho_check_body(const struct zc_ho_block *b);
int zc_ho_check_release(const struct zc_ho_release *r);

/*
 * Check that a block lies within the ring of @offer and has that @id. The length of a file is not checked. Returns 0
 * or -EPROTO.
 */
int zc_ho_check_block(const struct zc_ho_offer *offer, const struct zc_ho_block *b, uint64_t id);

/* Returns the words for why a hand-over was refused. */
const char *zc_ho_reason(uint32_t reason);

/*
 * Sockets
 */

/*
 * Listen for, or connect to, the other end of the pipe @pipe_fd. Return a non-blocking socket, or a negative errno:
 * -ENOTSUP if it is not a pipe, -EADDRINUSE, -ECONNREFUSED, ...
 */
int zc_ho_listen(int pipe_fd);
int zc_ho_connect(int pipe_fd);

/*
 * Open a descriptor that names the pipe and is not an end of it (O_PATH): a process that keeps it does not keep the
 * pipe open. Returns it, or a negative errno.
 */
int zc_ho_name_pipe(int pipe_fd);

/* Returns whether @got is such a name of the pipe @pipe_fd; the process that passed it can open the pipe. */
bool zc_ho_is_name(int got, int pipe_fd);

/*
 * Returns whether @got is an end of that pipe, open for @access (O_RDONLY, O_WRONLY); the process that passed it holds
 * it. The caller closes it at once, as it would hide that the other process is gone.
 */
bool zc_ho_is_end(int got, int pipe_fd, int access);

/* Check that @fd is the ring that the offer describes, and that its memory cannot go away. Returns 0 or -EPROTO. */
int zc_ho_check_ring(const struct zc_ho_offer *offer, int fd);

/* Send a message with the descriptors of its type. Returns 0, -EAGAIN, or another negative errno. */
int zc_ho_send(int sock, const struct zc_ho_msg *msg, const int *fds);

/*
 * Receive and parse a message. Puts the ZC_HO_FDS descriptors that came with it into @fds, -1 for a missing one; with
 * NULL a message with descriptors is an error. Returns 1; 0 if the other side has hung up; -EAGAIN; or an error of
 * zc_ho_parse().
 */
int zc_ho_recv(int sock, struct zc_ho_msg *msg, int *fds);

#endif
