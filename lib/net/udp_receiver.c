// SPDX-License-Identifier: LGPL-2.1-or-later
/* Receives datagrams, many with one system call. */
#include "net/udp_receiver.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#ifndef UDP_GRO /* linux/udp.h, since 5.0; not in every libc's header */
#define UDP_GRO 104
#endif

#define BATCH 32

/* How long to let datagrams come in before the next call. */
#define NAP_NS 100000

/* So many calls in a row without merged datagrams make the receiver expect more of the same. */
#define UNMERGED_CALLS 4

/* A datagram, or several that are merged: what one struct msghdr took. */
struct message {
	uint8_t *data;
	size_t len, at; /* bytes, and those that are done with */
	size_t head_len;
	size_t segment;
	bool shortened, in_room;
};

struct zcdma_receiver {
	struct zcdma_ctx *ctx;
	int fds[ZCDMA_LISTEN_MOST];
	unsigned fd_count, fd_next; /* the socket to ask next, so that each has its turn */
	unsigned count, next;	    /* messages of the last call, and the one to hand out next */
	size_t expected;   /* bytes of a datagram after its head, as the last one had; 0: unknown */
	unsigned unmerged; /* calls in a row without merged ones */
	bool merges;
	bool came; /* something did since the last nap */
	struct message message[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH][3];
	struct sockaddr_storage from[BATCH];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control[BATCH];
	struct sockaddr_storage named; /* whose name .name is */
	socklen_t named_len;
	char name[72];
	uint8_t head[BATCH][ZC_DATAGRAM_HEAD];
	uint8_t data[BATCH][ZC_DATAGRAM_ROOM];
};

void zc_receiver_merge(struct zcdma_receiver *r, bool merge)
{
	const int on = merge;

	r->merges = true;
	for (unsigned i = 0; i < r->fd_count; i++)
		r->merges &= !setsockopt(r->fds[i], IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) && merge;
}

ZC_PUBLIC int zcdma_receiver_open(struct zcdma_ctx *ctx, const int *fds, unsigned count,
				  struct zcdma_receiver **out)
{
	struct zcdma_receiver *r;

	if (!count || count > ZCDMA_LISTEN_MOST)
		return zc_fail_plain(
			ctx, EINVAL,
			"receive datagrams from %u sockets: the number must be from 1 to %d", count,
			ZCDMA_LISTEN_MOST);
	r = malloc(sizeof(*r));
	if (!r)
		return zc_fail(ctx, ENOMEM, "receive datagrams");
	/* Its buffers are not cleared, so that they take memory only when datagrams come. */
	memset(r, 0, offsetof(struct zcdma_receiver, head));
	r->ctx = ctx;
	memcpy(r->fds, fds, count * sizeof(*fds));
	r->fd_count = count;
	zc_receiver_merge(r, true);
	*out = r;
	return 0;
}

/*
 * Receiving
 */

/* Where the pieces of a message go: its head, what is in its place, and the rest. */
struct slot {
	size_t head;
	uint8_t *place; /* NULL: all is the rest */
	size_t len;	/* of .place */
	bool cut;	/* the rest is of no use */
};

static void prepare(struct zcdma_receiver *r, unsigned i, const struct slot *s)
{
	struct iovec *iov = r->iov[i];
	size_t n = 0;

	if (s->head)
		iov[n++] = (struct iovec){ r->head[i], s->head };
	if (s->place)
		iov[n++] = (struct iovec){ s->place, s->len };
	/* The rest leaves room for what is in the place, to be put before it. */
	iov[n++] = (struct iovec){ r->data[i] + s->len, ZC_DATAGRAM_ROOM - s->len };
	r->msgs[i].msg_hdr = (struct msghdr){
		.msg_name = &r->from[i],
		.msg_namelen = sizeof(r->from[i]),
		.msg_iov = iov,
		.msg_iovlen = n,
		.msg_control = &r->control[i],
		.msg_controllen = sizeof(r->control[i].bytes),
	};
}

/* Returns the size of the datagrams that a message has merged, or 0. */
static size_t merged_size(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int size = 0;

		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		return size > 0 ? (size_t)size : 0;
	}
	return 0;
}

/* Note where the bytes of a message are. Returns whether it is merged. */
static bool note(struct zcdma_receiver *r, unsigned i, const struct slot *s)
{
	struct message *m = &r->message[i];
	size_t merged = merged_size(&r->msgs[i].msg_hdr), len = r->msgs[i].msg_len;

	m->at = 0;
	m->head_len = zc_min(len, s->head);
	m->len = len - m->head_len;
	m->shortened = s->cut && m->len > s->len;
	if (m->shortened)
		m->len = s->len;
	m->in_room = s->place && m->len <= s->len;
	m->data = m->in_room ? s->place : r->data[i];
	m->segment = merged && merged < m->len ? merged : m->len;
	if (s->place && !m->in_room)
		memcpy(m->data, s->place, s->len);
	r->expected = m->segment;
	return m->segment < m->len;
}

static int receive(struct zcdma_receiver *r, int fd, const struct slot *slots, unsigned count)
{
	bool merged = false;
	int n;

	for (unsigned i = 0; i < count; i++)
		prepare(r, i, &slots[i]);
	n = recvmmsg(fd, r->msgs, count, MSG_DONTWAIT, NULL);
	if (n < 0)
		return -errno;
	for (unsigned i = 0; i < (unsigned)n; i++)
		merged |= note(r, i, &slots[i]);
	r->unmerged = merged ? 0 : r->unmerged + 1;
	r->next = 0;
	r->count = (unsigned)n;
	return 0;
}

/* A merged message goes into a room as it is, whatever it holds; others each to where the one before ends. */
size_t zc_receiver_needs(const struct zcdma_receiver *r, const struct zc_udp_room *room)
{
	if (r->merges && !room->head && !room->size && r->unmerged < UNMERGED_CALLS)
		return ZC_DATAGRAM_ROOM;
	return room->size ? room->size : r->expected;
}

/* Choose where messages go. Returns how many of @slots are set. */
static unsigned choose_slots(const struct zcdma_receiver *r, const struct zc_udp_room *room,
			     struct slot *slots)
{
	const size_t size = room ? zc_receiver_needs(r, room) : 0;
	const size_t fit = size ? room->len / size : 0;
	const unsigned count = fit ? (unsigned)zc_min(fit, (size_t)BATCH) : BATCH;

	for (unsigned i = 0; i < count; i++) {
		slots[i] = (struct slot){ .head = room ? room->head : 0 };
		if (!fit)
			continue;
		slots[i].place = room->data + i * size;
		slots[i].len = size;
		slots[i].cut = room->size;
	}
	return size == ZC_DATAGRAM_ROOM && fit ? 1 : count;
}

int zc_receiver_fill(struct zcdma_receiver *r, const struct zc_udp_room *room)
{
	struct slot slots[BATCH];
	const unsigned count = choose_slots(r, room, slots);
	int rc = -EAGAIN;

	r->next = r->count = 0;
	for (unsigned i = 0; i < r->fd_count && rc == -EAGAIN; i++) {
		rc = receive(r, r->fds[r->fd_next], slots, count);
		r->fd_next = (r->fd_next + 1) % r->fd_count;
	}
	return rc == -EINTR ? -EAGAIN : rc;
}

bool zc_receiver_peek(const struct zcdma_receiver *r, struct zc_datagrams *d)
{
	const struct message *m = &r->message[r->next];

	if (r->next == r->count)
		return false;
	*d = (struct zc_datagrams){
		.head = r->head[r->next],
		.head_len = m->head_len,
		.data = m->data + m->at,
		.len = m->len - m->at,
		.segment = m->segment,
		.shortened = m->shortened,
		.from = &r->from[r->next],
		.from_len = r->msgs[r->next].msg_hdr.msg_namelen,
	};
	return true;
}

void zc_receiver_advance(struct zcdma_receiver *r, size_t len)
{
	struct message *m = &r->message[r->next];

	m->at += len;
	r->next += m->at == m->len;
}

void zc_receiver_evacuate(struct zcdma_receiver *r)
{
	for (unsigned i = r->next; i < r->count; i++) {
		struct message *m = &r->message[i];

		if (!m->in_room)
			continue;
		memcpy(r->data[i], m->data + m->at, m->len - m->at);
		m->data = r->data[i];
		m->len -= m->at;
		m->at = 0;
		m->in_room = false;
	}
}

/*
 * One datagram after the other
 */

/* Returns the name of a sender, which is cached, as the next datagram mostly has the same sender. */
static const char *name_of(struct zcdma_receiver *r, const struct sockaddr_storage *from,
			   socklen_t len)
{
	if (len != r->named_len || memcmp(from, &r->named, len)) {
		r->named = *from;
		r->named_len = len;
		zc_format_name(from, len, r->name, sizeof(r->name));
	}
	return r->name;
}

/*
 * Sleep until something comes. While datagrams come, nap first, so that the next call has many of them. Returns 0,
 * -ETIMEDOUT or -EINTR.
 */
static int wait_for_datagrams(struct zcdma_receiver *r, int timeout_ms)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };

	if (!r->came || !timeout_ms)
		return zc_poll_any(r->ctx, r->fds, r->fd_count, POLLIN, timeout_ms);
	r->came = false;
	nanosleep(&nap, NULL);
	return r->ctx->interrupted ? -EINTR : 0;
}

ZC_PUBLIC int zcdma_receiver_next(struct zcdma_receiver *r, int timeout_ms,
				  struct zcdma_datagram *d)
{
	struct zc_datagrams all;
	int rc;

	while (!zc_receiver_peek(r, &all)) {
		rc = zc_receiver_fill(r, NULL);
		if (rc && rc != -EAGAIN)
			return zc_fail(r->ctx, -rc, "receive a datagram");
		r->came |= !rc;
		rc = rc ? wait_for_datagrams(r, timeout_ms) : 0;
		if (rc)
			return rc;
	}
	*d = (struct zcdma_datagram){
		.data = all.data,
		.len = zc_min(all.len, all.segment),
		.from = name_of(r, all.from, all.from_len),
	};
	zc_receiver_advance(r, d->len);
	return 0;
}

ZC_PUBLIC uint64_t zcdma_receiver_drops(const struct zcdma_receiver *r, size_t *buffer)
{
	size_t room = 0;
	uint64_t drops = 0;

	for (unsigned i = 0; i < r->fd_count; i++) {
		uint32_t info[SK_MEMINFO_VARS] = { 0 };
		socklen_t len = sizeof(info);

		getsockopt(r->fds[i], SOL_SOCKET, SO_MEMINFO, info, &len);
		room += info[SK_MEMINFO_RCVBUF];
		drops += info[SK_MEMINFO_DROPS];
	}
	if (buffer)
		*buffer = room;
	return drops;
}

ZC_PUBLIC void zcdma_receiver_close(struct zcdma_receiver *r)
{
	free(r);
}
