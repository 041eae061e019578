/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hand-over of a ring through a pipe: the protocol alone, which zcdma(7) tells in words. Nothing
 * here waits, or believes what the other side says.
 */
#ifndef ZCDMA_HANDOVER_PROTOCOL_H
#define ZCDMA_HANDOVER_PROTOCOL_H

#include <stddef.h>

#include "memory/ring.h"

#define ZC_HO_MAGIC   0x6f68637au /* "zcho" */
#define ZC_HO_VERSION 1

/* How long the side that writes waits for the answer of one that reads and is there. */
#define ZC_HO_ANSWER_MS 3000

#define ZC_HO_BLOCKS   32 /* most in one message */
#define ZC_HO_RELEASES 64
#define ZC_HO_FDS      2

#define ZC_HO_RING_BLOCKS (1u << 20) /* most in a ring */
#define ZC_HO_FILE_BLOCKS 64	     /* that can be out at once, of a file */

enum zc_ho_type {
	/* from the producer */
	ZC_HO_HELLO = 1, /* with the pipe's name */
	ZC_HO_OFFER,	 /* a ring, with its descriptor and the writing end */
	ZC_HO_BLOCK,	 /* blocks that are full */
	ZC_HO_END,	 /* of the stream */
	/* from the consumer */
	ZC_HO_WELCOME, /* with the pipe's name */
	ZC_HO_ACCEPT,  /* the ring, with the reading end */
	ZC_HO_REFUSE,  /* the hello or the ring */
	ZC_HO_RELEASE, /* blocks */
	ZC_HO_LEAVE,   /* takes no more blocks */
	ZC_HO_TYPES
};

/* Every message begins so, in every version. */
struct zc_ho_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t count; /* of what follows */
	uint32_t reserved;
};

struct zc_ho_welcome {
	uint32_t flags; /* ZC_USE_REPLACE, ZC_USE_FD: for what the ring has to be good */
	uint32_t reserved;
};

enum zc_ho_ring {
	ZC_HO_MEMORY, /* a memfd that nobody can shrink */
	ZC_HO_DEVICE, /* a device of zcdma's with that ring */
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

/* What the data of a ring is; neither: unknown. */
enum zc_ho_origin {
	ZC_HO_SIMULATED = 1 << 0,
	ZC_HO_MEASURED = 1 << 1,
};

enum zc_ho_reason {
	ZC_HO_VERSION_UNKNOWN,
	ZC_HO_NO_PROOF, /* what was passed is not the pipe's other end */
	ZC_HO_BAD_RING, /* the offer is not what it says, or cannot be mapped */
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
_Static_assert(offsetof(struct zc_ho_msg, block) == 16, "bodies follow the head at once");

/*
 * What is in a message: no system calls here. 0 or a negative errno.
 */

/* An empty message of @type, for @count bodies. */
void zc_ho_begin(struct zc_ho_msg *msg, enum zc_ho_type type, uint32_t count);

/* The length that a message says to have; @msg is one of ours, or was parsed. */
size_t zc_ho_len(const struct zc_ho_msg *msg);

/*
 * Is what came, @len bytes with @fds descriptors, a message? -EPROTO: no. -EPROTONOSUPPORT: one of
 * another version.
 */
int zc_ho_parse(const struct zc_ho_msg *msg, size_t len, unsigned fds);

/*
 * Does a block lie within the ring of @offer, and is it the one after @id - 1? For a file, whether
 * it is that long is not asked.
 */
int zc_ho_check_block(const struct zc_ho_offer *offer, const struct zc_ho_block *b, uint64_t id);

/* A sentence's end: why a hand-over was refused. */
const char *zc_ho_reason(uint32_t reason);

/*
 * Sockets
 */

/*
 * Listen for, or connect to, the other end of the pipe @pipe_fd. Non-blocking. The socket, or a
 * negative errno: -ENOTSUP where it is no pipe, -EADDRINUSE, -ECONNREFUSED.
 */
int zc_ho_listen(int pipe_fd);
int zc_ho_connect(int pipe_fd);

/*
 * Does the process at the other end of @sock belong to our user? False too where that cannot be known: in a
 * user namespace every user that is not mapped has the same number, user_namespaces(7).
 */
bool zc_ho_same_user(int sock);

/*
 * A descriptor that names the pipe and is no end of it (O_PATH), so that it can be passed to somebody
 * who may keep it for ever: the pipe still ends when its ends are closed. Or a negative errno.
 */
int zc_ho_name_pipe(int pipe_fd);

/* Is @got such a name of the pipe that @pipe_fd is an end of? Who passed it can get at the pipe. */
bool zc_ho_is_name(int got, int pipe_fd);

/*
 * Is @got an end of that pipe, open for @access (O_RDONLY, O_WRONLY)? Who passed it holds it. To be
 * closed at once: it would hide that the other one is gone.
 */
bool zc_ho_is_end(int got, int pipe_fd, int access);

/* Is the descriptor of a ring what the offer says, and its memory sure to stay? 0 or -EPROTO. */
int zc_ho_check_ring(const struct zc_ho_offer *offer, int fd);

/* Send a message with the descriptors that go with its type. 0, -EAGAIN, or a negative errno. */
int zc_ho_send(int sock, const struct zc_ho_msg *msg, const int *fds);

/*
 * Receive and parse one. @fds gets the ZC_HO_FDS descriptors that came along, -1 for none; NULL: none
 * may come. 1; 0 when the other side has hung up; -EAGAIN; or an error as of zc_ho_parse().
 */
int zc_ho_recv(int sock, struct zc_ho_msg *msg, int *fds);

/* Close what came along. */
void zc_ho_close(int fds[ZC_HO_FDS]);

#endif
