// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Connects to an NBD server, and agrees on an export: the fixed newstyle handshake. It is our own, and not libnbd's, as the
 * socket then belongs to an io_uring, which receives into the pages of requests; libnbd would also load TLS and XML libraries
 * into each program that uses this one.
 */
#include <ctype.h>
#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "disk/nbd.h"
#include "net/keep_alive.h"
#include "net/socket.h"

#define INIT_MAGIC    0x4e42444d41474943u /* "NBDMAGIC" */
#define OPTS_MAGIC    0x49484156454f5054u /* "IHAVEOPT" */
#define CLISERV_MAGIC 0x0000420281861253u /* of the protocol before newstyle */
#define REP_MAGIC     0x0003e889045565a9u

enum {
	NBD_FLAG_FIXED_NEWSTYLE = 1 << 0,
	NBD_FLAG_NO_ZEROES = 1 << 1,
};

enum {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_GO = 7,
};

#define NBD_REP_ACK	    1u
#define NBD_REP_INFO	    3u
#define NBD_REP_ERROR	    0x80000000u
#define NBD_INFO_EXPORT	    0u
#define NBD_INFO_BLOCK_SIZE 3u

/* The longest reply to an option that is read: a message, or a name. */
#define REPLY_MOST 4096u

/* Replies to one option that a server may send before its last. */
#define REPLIES_MOST 64

/* What follows the flags of an export, unless NBD_FLAG_NO_ZEROES was agreed on. */
#define ZEROES 124

/* How often the queue of a Unix socket is tried while it is full. */
#define LOCAL_NAP_MS 20

/* The kernel sends what is not acknowledged again for longer than this by itself: tcp_retries2 in tcp(7). */
#define UNACKNOWLEDGED_SECONDS 600u

/* The largest block of a device: a page of the smallest kind. */
#define BLOCK_MOST 4096u

struct talk {
	struct zcdma_ctx *ctx;
	int fd;
	const struct zc_nbd_target *target;
	uint64_t deadline;
	bool no_zeroes;
};

struct option_reply {
	uint64_t magic;
	uint32_t option;
	uint32_t type;
	uint32_t length;
} __attribute__((packed));

static int fail(const struct talk *t, int err, const char *what)
{
	return zc_fail_plain(t->ctx, err, "negotiate with %s: %s", t->target->where, what);
}

/* Wait for @events until the deadline. Returns 0, or a negative errno with the error message set, but of -EINTR. */
static int wait_for(const struct talk *t, short events)
{
	int rc = zc_poll(t->ctx, t->fd, events, zc_time_left(t->deadline));

	if (rc == -ETIMEDOUT)
		return fail(t, ETIMEDOUT, "the server does not answer");
	return rc;
}

static int closed(const struct talk *t, int err)
{
	if (!err || err == ECONNRESET || err == EPIPE)
		return fail(t, ECONNRESET, "the server closed the connection");
	return zc_fail(t->ctx, err, "negotiate with %s", t->target->where);
}

static int receive(const struct talk *t, void *data, size_t len)
{
	while (len) {
		ssize_t n = recv(t->fd, data, len, MSG_DONTWAIT);
		int rc;

		if (n > 0) {
			data = (char *)data + n;
			len -= (size_t)n;
			continue;
		}
		if (!n || (errno != EAGAIN && errno != EINTR))
			return closed(t, n ? errno : 0);
		rc = wait_for(t, POLLIN);
		if (rc)
			return rc;
	}
	return 0;
}

static int transmit(const struct talk *t, const void *data, size_t len)
{
	while (len) {
		ssize_t n = send(t->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		int rc;

		if (n >= 0) {
			data = (const char *)data + n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return closed(t, errno);
		rc = wait_for(t, POLLOUT);
		if (rc)
			return rc;
	}
	return 0;
}

/* Agree on the protocol. */
static int greet(struct talk *t)
{
	struct {
		uint64_t init, style;
	} magic;
	uint16_t flags;
	uint32_t answer;
	int rc = receive(t, &magic, sizeof(magic));

	if (rc)
		return rc;
	if (be64toh(magic.init) != INIT_MAGIC)
		return fail(t, EPROTO, "the other end does not speak NBD");
	if (be64toh(magic.style) == CLISERV_MAGIC) {
		fail(t, EPROTO, "the server speaks oldstyle NBD, which has no options");
		zc_hint(t->ctx, "have it speak newstyle: nbdkit does without -o");
		return -EPROTO;
	}
	if (be64toh(magic.style) != OPTS_MAGIC)
		return fail(t, EPROTO, "the other end does not speak NBD");
	rc = receive(t, &flags, sizeof(flags));
	if (rc)
		return rc;
	flags = be16toh(flags);
	t->no_zeroes = flags & NBD_FLAG_NO_ZEROES;
	if (!(flags & NBD_FLAG_FIXED_NEWSTYLE))
		return fail(t, EPROTO, "the server does not speak fixed newstyle NBD");
	answer = htobe32(NBD_FLAG_FIXED_NEWSTYLE | (t->no_zeroes ? NBD_FLAG_NO_ZEROES : 0u));
	return transmit(t, &answer, sizeof(answer));
}

static int send_option(const struct talk *t, uint32_t option, const void *data, size_t len)
{
	const struct {
		uint64_t magic;
		uint32_t option, length;
	} head = { htobe64(OPTS_MAGIC), htobe32(option), htobe32((uint32_t)len) };
	int rc = transmit(t, &head, sizeof(head));

	return rc ? rc : transmit(t, data, len);
}

/* NBD_OPT_GO: the name, and what the server should say of the export beyond its size. */
static int send_go(const struct talk *t)
{
	const size_t len = strlen(t->target->name);
	char data[4 + ZC_NBD_NAME_MOST + 4];
	const uint32_t length = htobe32((uint32_t)len);
	const uint16_t infos[] = { htobe16(1), htobe16(NBD_INFO_BLOCK_SIZE) };

	memcpy(data, &length, 4);
	memcpy(data + 4, t->target->name, len);
	memcpy(data + 4 + len, infos, sizeof(infos));
	return send_option(t, NBD_OPT_GO, data, 4 + len + sizeof(infos));
}

/* Fail as the server refuses: @text of @len bytes is its own reason. */
static int refused(const struct talk *t, uint32_t type, char *text)
{
	static const struct {
		int err;
		const char *why;
	} reasons[] = {
		[2] = { EACCES, "the server's policy refuses the export" },
		[3] = { EINVAL, "the server finds the request invalid" },
		[4] = { EOPNOTSUPP, "the server's platform lacks the export" },
		[5] = { EPROTONOSUPPORT, "the server wants TLS, which zcdma does not speak" },
		[6] = { ENOENT, "the server has no such export" },
		[7] = { ESHUTDOWN, "the server is shutting down" },
		[8] = { EINVAL, "the server wants its block size to be asked for" },
	};
	const uint32_t n = type & ~NBD_REP_ERROR;
	const bool known = n < ARRAY_SIZE(reasons) && reasons[n].why;
	const int err = known ? reasons[n].err : EPROTO;

	for (char *c = text; *c; c++) {
		if (!isprint((unsigned char)*c))
			*c = '?';
	}
	zc_fail_plain(t->ctx, err, "negotiate with %s: export '%.64s': %s%s%.160s",
		      t->target->where, t->target->name,
		      known ? reasons[n].why : "the server refuses it", *text ? ": " : "", text);
	if (err == ENOENT)
		zc_hint(t->ctx, "name one with --export; nbdinfo --list nbd://%s lists them",
			t->target->where);
	else if (err == EPROTONOSUPPORT)
		zc_hint(t->ctx,
			"have the server take connections without TLS, through a tunnel such as "
			"WireGuard where the network is not trusted");
	return -err;
}

/* Take what the server says of the export. */
static void take_info(struct zc_nbd_export *e, const unsigned char *data, uint32_t len, bool *sized)
{
	uint64_t size;
	uint32_t blocks[3];
	uint16_t type, flags;

	if (len < sizeof(type))
		return;
	memcpy(&type, data, sizeof(type));
	type = be16toh(type);
	if (type == NBD_INFO_EXPORT && len == 12) {
		memcpy(&size, data + 2, sizeof(size));
		memcpy(&flags, data + 10, sizeof(flags));
		e->size = be64toh(size);
		e->flags = be16toh(flags);
		*sized = true;
	} else if (type == NBD_INFO_BLOCK_SIZE && len == 14) {
		memcpy(blocks, data + 2, sizeof(blocks));
		e->block_min = be32toh(blocks[0]);
		e->block_preferred = be32toh(blocks[1]);
		e->payload_most = be32toh(blocks[2]);
	}
}

/* The server is one of before NBD_OPT_GO. It closes the connection where it does not have the export. */
static int ask_by_name(const struct talk *t, struct zc_nbd_export *e)
{
	struct {
		uint64_t size;
		uint16_t flags;
	} __attribute__((packed)) answer;
	char zeroes[ZEROES];
	int rc = send_option(t, NBD_OPT_EXPORT_NAME, t->target->name, strlen(t->target->name));

	if (!rc)
		rc = receive(t, &answer, sizeof(answer));
	if (!rc && !t->no_zeroes)
		rc = receive(t, zeroes, sizeof(zeroes));
	if (rc == -ECONNRESET)
		return refused(t, NBD_REP_ERROR | 6, (char[]){ "" });
	if (rc)
		return rc;
	e->size = be64toh(answer.size);
	e->flags = be16toh(answer.flags);
	return 0;
}

/* Receive a reply to NBD_OPT_GO, and its data, with a zero after it, into @data. */
static int receive_reply(const struct talk *t, struct option_reply *reply, char *data)
{
	int rc = receive(t, reply, sizeof(*reply));

	if (rc)
		return rc;
	reply->type = be32toh(reply->type);
	reply->length = be32toh(reply->length);
	if (be64toh(reply->magic) != REP_MAGIC || be32toh(reply->option) != NBD_OPT_GO ||
	    reply->length > REPLY_MOST)
		return fail(t, EPROTO, "the server's reply is not one of NBD");
	data[reply->length] = '\0';
	return receive(t, data, reply->length);
}

static int ask(const struct talk *t, struct zc_nbd_export *e)
{
	char data[REPLY_MOST + 1];
	struct option_reply reply;
	bool sized = false;
	int rc = send_go(t);

	if (rc)
		return rc;
	for (int i = 0; i < REPLIES_MOST; i++) {
		rc = receive_reply(t, &reply, data);
		if (rc)
			return rc;
		if (reply.type == NBD_REP_ACK)
			return sized ? 0
				     : fail(t, EPROTO,
					    "the server does not say how large the export is");
		if (reply.type == (NBD_REP_ERROR | 1))
			return ask_by_name(t, e);
		if (reply.type & NBD_REP_ERROR)
			return refused(t, reply.type, data);
		if (reply.type == NBD_REP_INFO)
			take_info(e, (const unsigned char *)data, reply.length, &sized);
	}
	return fail(t, EPROTO, "the server's replies do not end");
}

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* Fail as the export has @value, which is not @wanted. */
static int bad_export(const struct talk *t, const char *what, uint64_t value, const char *wanted)
{
	return zc_fail_plain(t->ctx, EINVAL, "export '%.64s' of %s: its %s %llu bytes, and %s",
			     t->target->name, t->target->where, what, (unsigned long long)value,
			     wanted);
}

/* Check that a device can be made of what the server offers. */
static int check(const struct talk *t, const struct zc_nbd_export *e)
{
	char least[64];

	if (e->size > INT64_MAX)
		return bad_export(t, "size is", e->size, "the largest device has 2^63 - 1");
	if (!is_power_of_two(e->block_min) || e->block_min > BLOCK_MOST)
		return bad_export(t, "smallest request is", e->block_min,
				  "that of a device is a power of two up to 4096");
	if (e->payload_most < BLOCK_MOST)
		return bad_export(t, "largest request is", e->payload_most,
				  "that of a device is 4096 at least");
	snprintf(least, sizeof(least), "a device has %u at least", zc_max(e->block_min, 512u));
	if (e->size < zc_max(e->block_min, 512u))
		return bad_export(t, "size is", e->size, least);
	return 0;
}

int zc_nbd_negotiate(struct zcdma_ctx *ctx, int fd, const struct zc_nbd_target *target,
		     int timeout_ms, struct zc_nbd_export *e)
{
	struct talk t = {
		.ctx = ctx,
		.fd = fd,
		.target = target,
		.deadline = zc_deadline(timeout_ms),
	};
	int rc = greet(&t);

	*e = (struct zc_nbd_export){
		.block_min = 1,
		.block_preferred = BLOCK_MOST,
		.payload_most = ZC_NBD_PAYLOAD_MOST,
	};
	if (!rc)
		rc = ask(&t, e);
	return rc ? rc : check(&t, e);
}

/*
 * Connect to a Unix socket. Nothing tells when a server that accepts nothing has room in its queue, so try again until the
 * deadline. Returns 0, or a negative errno with the error message set, but of -EINTR.
 */
static int connect_local(const struct talk *t)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	strcpy(to.sun_path, t->target->socket);
	while (connect(t->fd, (const struct sockaddr *)&to, sizeof(to))) {
		const int left = zc_time_left(t->deadline);
		int rc;

		if (errno != EAGAIN || !left)
			return zc_fail(t->ctx, errno == EAGAIN ? ETIMEDOUT : errno, "connect to %s",
				       t->target->socket);
		rc = zc_poll(t->ctx, -1, 0, left < 0 ? LOCAL_NAP_MS : zc_min(left, LOCAL_NAP_MS));
		if (rc != -ETIMEDOUT)
			return rc;
	}
	return 0;
}

/* Open and connect a Unix socket. Returns it, or a negative errno with the error message set, but of -EINTR. */
static int reach_local(struct zcdma_ctx *ctx, const struct zc_nbd_target *target, uint64_t deadline)
{
	const struct talk t = {
		.ctx = ctx,
		.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		.target = target,
		.deadline = deadline,
	};
	int rc;

	if (t.fd < 0)
		return zc_fail(ctx, errno, "make a socket for %s", target->socket);
	rc = connect_local(&t);
	if (!rc)
		return t.fd;
	close(t.fd);
	return rc;
}

/*
 * Keep a silent connection as long as its requests may wait, unless the address says for how long. What rounding takes is a
 * ninth at most.
 */
static void keep(int fd, const struct zc_nbd_target *target, int timeout_ms)
{
	const unsigned seconds = (unsigned)timeout_ms / 1000 + 1,
		       longer = seconds + seconds / 8 + 1;

	if (target->socket[0])
		return;
	if (!target->addr.keepalive && longer > ZC_KEEPALIVE_SECONDS)
		zc_keep_alive(fd, longer);
	if (longer > UNACKNOWLEDGED_SECONDS)
		zc_limit_unacknowledged(fd, longer);
}

/* Connect. Returns the socket, or a negative errno with the error message set, but of -EINTR. */
static int reach(struct zcdma_ctx *ctx, const struct zc_nbd_target *target, uint64_t deadline)
{
	int fd = target->socket[0] ? reach_local(ctx, target, deadline)
				   : zc_connect_within(ctx, &target->addr, zc_time_left(deadline));

	if (fd == -ECONNREFUSED)
		zc_hint(ctx, "start an NBD server there: nbdkit -p PORT file disk.img");
	if (fd < 0)
		return fd;
	/* io_uring waits for room and data by itself, unless the socket is non-blocking. */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

int zc_nbd_connect(struct zcdma_ctx *ctx, const struct zc_nbd_target *target, int timeout_ms,
		   struct zc_nbd_export *e)
{
	const uint64_t deadline = zc_deadline(timeout_ms);
	int fd = reach(ctx, target, deadline), rc;

	if (fd < 0)
		return fd;
	if (timeout_ms >= 0)
		keep(fd, target, timeout_ms);
	rc = zc_nbd_negotiate(ctx, fd, target, zc_time_left(deadline), e);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

bool zc_nbd_is_same(const struct zc_nbd_export *a, const struct zc_nbd_export *b)
{
	return a->size == b->size && a->flags == b->flags && a->block_min == b->block_min &&
	       a->payload_most == b->payload_most;
}

int zc_nbd_errno(uint32_t error)
{
	/* The protocol names the numbers of Linux that a server may send. */
	static const int known[] = { EPERM,  EIO,	ENOMEM,	    EINVAL,
				     ENOSPC, EOVERFLOW, EOPNOTSUPP, ESHUTDOWN };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if ((uint32_t)known[i] == error)
			return known[i];
	}
	return EIO;
}
