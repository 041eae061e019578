// SPDX-License-Identifier: LGPL-2.1-or-later
/* The protocol by which a ring is handed over through a pipe: messages, their validity, and how two ends meet. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "handover/protocol.h"
#include "source/dev_node.h"

/* The most pending connections; others try again. */
#define BACKLOG 16

#define LARGEST ((uint64_t)INT64_MAX) /* offset in a file */

/*
 * Messages
 */

static int check_welcome(const struct zc_ho_msg *msg)
{
	const unsigned known = ZC_USE_REPLACE | ZC_USE_FD;

	return msg->welcome.flags & ~known || msg->welcome.reserved ? -EPROTO : 0;
}

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static int check_offer(const struct zc_ho_msg *msg)
{
	const struct zc_ho_offer *o = &msg->offer;

	if (o->ring >= ZC_HO_RINGS || o->flags > ZC_HO_MEASURED)
		return -EPROTO;
	if (!o->blocks || o->blocks > ZC_HO_RING_BLOCKS || !is_power_of_two(o->page_size))
		return -EPROTO;
	/* The other end may have more address space. */
	if (o->block_size > SIZE_MAX)
		return -EPROTO;
	if (o->ring == ZC_HO_FILE)
		return o->blocks > ZC_HO_FILE_BLOCKS || !o->block_size || o->stride ? -EPROTO : 0;
	if (!o->block_size || o->block_size > o->stride || o->stride > LARGEST / o->blocks ||
	    o->stride > SIZE_MAX / o->blocks)
		return -EPROTO;
	return 0;
}

static int check_refuse(const struct zc_ho_msg *msg)
{
	return msg->refuse.reason >= ZC_HO_REASONS || msg->refuse.reserved ? -EPROTO : 0;
}

int zc_ho_check_body(const struct zc_ho_block *b)
{
	const unsigned known = ZCDMA_BLOCK_LOST | ZCDMA_BLOCK_DISCONTINUITY;

	return !b->len || b->flags & ~known ? -EPROTO : 0;
}

static int check_blocks(const struct zc_ho_msg *msg)
{
	for (uint32_t i = 0; i < msg->head.count; i++) {
		if (zc_ho_check_body(&msg->block[i]))
			return -EPROTO;
	}
	return 0;
}

static bool is_put(uint32_t how)
{
	return how == ZC_PUT_REUSE || how == ZC_PUT_REPLACE;
}

int zc_ho_check_release(const struct zc_ho_release *r)
{
	return is_put(r->how) ? 0 : -EPROTO;
}

static int check_releases(const struct zc_ho_msg *msg)
{
	for (uint32_t i = 0; i < msg->head.count; i++) {
		if (zc_ho_check_release(&msg->release[i]))
			return -EPROTO;
	}
	return 0;
}

static int check_leave(const struct zc_ho_msg *msg)
{
	return !is_put(msg->leave.how) || msg->leave.reserved ? -EPROTO : 0;
}

static int check_bytes(const struct zc_ho_msg *msg)
{
	return msg->bytes.none > 1 || msg->bytes.reserved ? -EPROTO : 0;
}

static const struct {
	size_t body; /* size of each that follows the head ... */
	uint32_t least, most;
	unsigned fds[ZC_HO_VERSION + 1];	   /* by version ... */
	unsigned first, last;			   /* ... which have the message; 0: all others */
	int (*check)(const struct zc_ho_msg *msg); /* of their values; NULL: any are valid */
} types[ZC_HO_TYPES] = {
	[ZC_HO_HELLO] = { .fds = { 0, 1, 1 } },
	[ZC_HO_OFFER] = { sizeof(struct zc_ho_offer), 1, 1, { 0, 2, 3 }, .check = check_offer },
	[ZC_HO_BLOCK] = { sizeof(struct zc_ho_block), 1, ZC_HO_BLOCKS, .last = 1,
			  .check = check_blocks },
	[ZC_HO_END] = { sizeof(struct zc_ho_end), 1, 1 },
	[ZC_HO_WELCOME] = { sizeof(struct zc_ho_welcome),
			    1,
			    1,
			    { 0, 1, 1 },
			    .check = check_welcome },
	[ZC_HO_ACCEPT] = { .fds = { 0, 1, 1 } },
	[ZC_HO_REFUSE] = { sizeof(struct zc_ho_refuse), 1, 1, .check = check_refuse },
	[ZC_HO_RELEASE] = { sizeof(struct zc_ho_release), 1, ZC_HO_RELEASES, .last = 1,
			    .check = check_releases },
	[ZC_HO_LEAVE] = { sizeof(struct zc_ho_leave), 1, 1, .check = check_leave },
	[ZC_HO_WAKE] = { .first = 2 },
	[ZC_HO_BYTES] = { sizeof(struct zc_ho_bytes),
			  1,
			  1,
			  { 0, 0, 1 },
			  .first = 2,
			  .check = check_bytes },
	[ZC_HO_DROP] = { .first = 2 },
};

/* Returns how many descriptors come with the message. */
static unsigned count_fds(const struct zc_ho_head *h)
{
	return h->version > ZC_HO_VERSION ? 0 : types[h->type].fds[h->version];
}

static bool has_message(unsigned version, unsigned type)
{
	return type && type < ZC_HO_TYPES && version >= types[type].first &&
	       (!types[type].last || version <= types[type].last);
}

void zc_ho_begin(struct zc_ho_msg *msg, enum zc_ho_type type, uint32_t count)
{
	memset(&msg->head, 0, sizeof(msg->head) + types[type].body * count);
	msg->head.magic = ZC_HO_MAGIC;
	msg->head.version = ZC_HO_OLDEST;
	msg->head.type = (uint16_t)type;
	msg->head.count = count;
}

void zc_ho_describe(struct zc_ho_offer *offer, const struct zc_ring_desc *ring)
{
	static const enum zc_ho_ring kinds[] = {
		[ZC_RING_MEMORY] = ZC_HO_MEMORY,
		[ZC_RING_DEVICE] = ZC_HO_DEVICE,
		[ZC_RING_FILE] = ZC_HO_FILE,
	};

	*offer = (struct zc_ho_offer){
		.ring = kinds[ring->kind],
		.blocks = ring->kind == ZC_RING_FILE ? ZC_HO_FILE_BLOCKS : ring->blocks,
		.block_size = ring->block_size,
		.stride = ring->stride,
		.page_size = ring->page_size,
	};
}

size_t zc_ho_len(const struct zc_ho_msg *msg)
{
	return sizeof(msg->head) + types[msg->head.type].body * msg->head.count;
}

int zc_ho_parse(const struct zc_ho_msg *msg, size_t len, unsigned fds)
{
	const struct zc_ho_head *h = &msg->head;

	if (len < sizeof(*h) || h->magic != ZC_HO_MAGIC)
		return -EPROTO;
	if (h->version < ZC_HO_OLDEST || h->version > ZC_HO_VERSION)
		return -EPROTONOSUPPORT;
	if (!has_message(h->version, h->type) || h->reserved)
		return -EPROTO;
	if (h->count < types[h->type].least || h->count > types[h->type].most)
		return -EPROTO;
	if (len != zc_ho_len(msg) || fds != count_fds(h))
		return -EPROTO;
	return types[h->type].check ? types[h->type].check(msg) : 0;
}

int zc_ho_check_block(const struct zc_ho_offer *offer, const struct zc_ho_block *b, uint64_t id)
{
	/* What a driver puts before its data is in the place too. */
	const bool may_begin_later = offer->ring == ZC_HO_MEMORY;

	if (b->id != id || b->len > offer->block_size || b->fd_offset > LARGEST - b->len)
		return -EPROTO;
	if (offer->ring == ZC_HO_FILE)
		return b->ring_offset > LARGEST - b->len || b->fd_offset != b->ring_offset ? -EPROTO
											   : 0;
	if (offer->ring == ZC_HO_MEMORY && b->fd_offset != b->ring_offset)
		return -EPROTO;
	if (b->ring_offset / offer->stride >= offer->blocks)
		return -EPROTO;
	return b->ring_offset % offer->stride > (may_begin_later ? offer->block_size - b->len : 0)
		       ? -EPROTO
		       : 0;
}

const char *zc_ho_reason(uint32_t reason)
{
	static const char *const reasons[ZC_HO_REASONS] = {
		[ZC_HO_VERSION_UNKNOWN] = "it is another version of zcdma",
		[ZC_HO_NO_PROOF] = "it could not verify the pipe",
		[ZC_HO_BAD_RING] = "it cannot map the ring",
		[ZC_HO_BUSY] = "too many others write to its pipe",
	};

	return reasons[reason];
}

/*
 * Where two ends meet
 */

/* Make a name that both ends of a pipe find, and no other pipe has. Returns its length, or a negative errno. */
static int make_name(int pipe_fd, struct sockaddr_un *sa)
{
	struct stat st;
	int n;

	if (fstat(pipe_fd, &st) < 0)
		return -errno;
	if (!S_ISFIFO(st.st_mode))
		return -ENOTSUP;
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* The first byte stays 0: unix(7), abstract. */
	n = snprintf(sa->sun_path + 1, sizeof(sa->sun_path) - 1, "zcdma-handover-%llx-%llx",
		     (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return (int)offsetof(struct sockaddr_un, sun_path) + 1 + n;
}

/* Open a socket, and have @meet bind or connect it to the pipe's name. Returns it, or a negative errno. */
static int open_named(int pipe_fd, int (*meet)(int fd, const struct sockaddr *sa, socklen_t len))
{
	struct sockaddr_un sa;
	int len = make_name(pipe_fd, &sa), fd, rc;

	if (len < 0)
		return len;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!meet(fd, (const struct sockaddr *)&sa, (socklen_t)len))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int bind_and_listen(int fd, const struct sockaddr *sa, socklen_t len)
{
	return bind(fd, sa, len) ? -1 : listen(fd, BACKLOG);
}

int zc_ho_listen(int pipe_fd)
{
	return open_named(pipe_fd, bind_and_listen);
}

int zc_ho_connect(int pipe_fd)
{
	return open_named(pipe_fd, connect);
}

static bool is_same_pipe(int a, int b)
{
	struct stat sa, sb;

	return !fstat(a, &sa) && !fstat(b, &sb) && S_ISFIFO(sa.st_mode) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

int zc_ho_name_pipe(int pipe_fd)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", pipe_fd);
	fd = open(name, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool zc_ho_is_name(int got, int pipe_fd)
{
	int flags = fcntl(got, F_GETFL);

	return flags >= 0 && flags & O_PATH && is_same_pipe(got, pipe_fd);
}

bool zc_ho_is_end(int got, int pipe_fd, int access)
{
	int flags = fcntl(got, F_GETFL);

	if (flags < 0 || flags & O_PATH || !is_same_pipe(got, pipe_fd))
		return false;
	/* A named one may be open for both. */
	return (flags & O_ACCMODE) == access || (flags & O_ACCMODE) == O_RDWR;
}

static bool is_sealed_memory(const struct zc_ho_offer *offer, int fd, const struct stat *st)
{
	const int needed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int seals = fcntl(fd, F_GET_SEALS);

	/* Only memory has seals; reading a block after its end would raise SIGBUS. */
	return S_ISREG(st->st_mode) && seals >= 0 && (seals & needed) == needed &&
	       (uint64_t)st->st_size >= offer->stride * offer->blocks;
}

static bool is_device(const struct zc_ho_offer *offer, int fd, const struct stat *st)
{
	(void)st;
	return zc_dev_has_ring(fd, offer->blocks, offer->stride * offer->blocks);
}

static bool is_file(const struct zc_ho_offer *offer, int fd, const struct stat *st)
{
	(void)offer;
	(void)fd;
	return S_ISREG(st->st_mode);
}

int zc_ho_check_ring(const struct zc_ho_offer *offer, int fd)
{
	static bool (*const is_ring[ZC_HO_RINGS])(const struct zc_ho_offer *, int,
						  const struct stat *) = {
		[ZC_HO_MEMORY] = is_sealed_memory,
		[ZC_HO_DEVICE] = is_device,
		[ZC_HO_FILE] = is_file,
	};
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY || fstat(fd, &st) < 0)
		return -EPROTO;
	return is_ring[offer->ring](offer, fd, &st) ? 0 : -EPROTO;
}

/*
 * Sending and receiving
 */

int zc_ho_send(int sock, const struct zc_ho_msg *msg, const int *fds)
{
	return zc_local_send(sock, msg, zc_ho_len(msg), fds, count_fds(&msg->head));
}

int zc_ho_recv(int sock, struct zc_ho_msg *msg, int *fds)
{
	int none[ZC_HO_FDS], *got = fds ? fds : none;
	ssize_t n = zc_local_recv(sock, msg, sizeof(*msg), got, ZC_HO_FDS);
	unsigned count = 0;
	int rc;

	if (n <= 0)
		return (int)n;
	while (count < ZC_HO_FDS && got[count] >= 0)
		count++;
	rc = zc_ho_parse(msg, (size_t)n, count);
	if (!rc && count && !fds)
		rc = -EPROTO;
	if (rc)
		zc_local_close(got, ZC_HO_FDS);
	return rc ? rc : 1;
}
