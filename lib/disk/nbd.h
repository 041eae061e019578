/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NBD, the network block device protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md. The names of
 * constants are that document's, and its numbers are big-endian.
 */
#ifndef ZCDMA_DISK_NBD_H
#define ZCDMA_DISK_NBD_H

#include "internal.h"

/* The longest string of the protocol, as a name of an export is. */
#define ZC_NBD_NAME_MOST 4096

/* What one request may ask for, unless the server names another limit. */
#define ZC_NBD_PAYLOAD_MOST (32u << 20)

/* Flags of an export ("transmission flags"). */
enum {
	NBD_FLAG_HAS_FLAGS = 1 << 0,
	NBD_FLAG_READ_ONLY = 1 << 1,
	NBD_FLAG_SEND_FLUSH = 1 << 2,
	NBD_FLAG_SEND_FUA = 1 << 3,
	NBD_FLAG_ROTATIONAL = 1 << 4,
	NBD_FLAG_SEND_TRIM = 1 << 5,
	NBD_FLAG_SEND_WRITE_ZEROES = 1 << 6,
	NBD_FLAG_CAN_MULTI_CONN = 1 << 8, /* a flush is for what any connection wrote */
};

enum {
	NBD_CMD_READ,
	NBD_CMD_WRITE,
	NBD_CMD_DISC,
	NBD_CMD_FLUSH,
	NBD_CMD_TRIM,
	NBD_CMD_WRITE_ZEROES = 6,
};

enum {
	NBD_CMD_FLAG_FUA = 1 << 0,
	NBD_CMD_FLAG_NO_HOLE = 1 << 1,
};

#define NBD_REQUEST_MAGIC      0x25609513u
#define NBD_SIMPLE_REPLY_MAGIC 0x67446698u

struct zc_nbd_request {
	uint32_t magic;
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint64_t offset;
	uint32_t length;
} __attribute__((packed));

struct zc_nbd_reply {
	uint32_t magic;
	uint32_t error;
	uint64_t cookie;
} __attribute__((packed));

/* Where an export is. */
struct zc_nbd_target {
	struct zcdma_addr addr;
	char socket[108];		 /* a path; empty: it is at .addr */
	char name[ZC_NBD_NAME_MOST + 1]; /* of the export; empty: the server's default */
	char where[sizeof(((struct zcdma_addr *)0)->host) + 40]; /* for messages */
};

/* What the server says of it. */
struct zc_nbd_export {
	uint64_t size;
	uint16_t flags;
	uint32_t block_min; /* each request is a multiple of it, and aligned to it */
	uint32_t block_preferred;
	uint32_t payload_most;
};

/*
 * Parse @text: "HOST:PORT" with an address's options, "nbd://HOST[:PORT][/EXPORT]" or "nbd+unix:///[EXPORT]?socket=PATH".
 * @name, unless NULL, names the export instead. Returns 0, or a negative errno with the error message set.
 */
int zc_nbd_parse(struct zcdma_ctx *ctx, const char *text, const char *name,
		 struct zc_nbd_target *target);

/*
 * Connect to the server, and agree on the export, within @timeout_ms, but for the time that looking up its name takes. Returns
 * the socket, which blocks, or a negative errno with the error message set, but of -EINTR. Closing it resets the connection, so
 * that what it still has to send never leaves, even if the process is killed: zc_reset_on_close().
 */
int zc_nbd_connect(struct zcdma_ctx *ctx, const struct zc_nbd_target *target, int timeout_ms,
		   struct zc_nbd_export *e);

/* Agree on the export by the connected socket @fd. Returns 0, or a negative errno with the error message set. */
int zc_nbd_negotiate(struct zcdma_ctx *ctx, int fd, const struct zc_nbd_target *target,
		     int timeout_ms, struct zc_nbd_export *e);

/* Returns whether two connections agreed on the same export, by size and features. */
bool zc_nbd_is_same(const struct zc_nbd_export *a, const struct zc_nbd_export *b);

/* Returns the errno for the error number of a reply. */
int zc_nbd_errno(uint32_t error);

#endif
