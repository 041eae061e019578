// SPDX-License-Identifier: LGPL-2.1-or-later
/* Receives datagrams, many with one system call. */
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define BATCH 32
/* More bytes than a datagram can have, so that none is cut. */
#define ROOM 65536

struct zcdma_receiver {
	struct zcdma_ctx *ctx;
	int fds[ZCDMA_LISTEN_MOST];
	unsigned fd_count, fd_next; /* the socket to ask next, so that each has its turn */
	unsigned count, next;	    /* datagrams of the last call, and the one to hand out next */
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage from[BATCH];
	struct sockaddr_storage named; /* whose name .name is */
	socklen_t named_len;
	char name[72];
	unsigned char data[BATCH][ROOM];
};

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
	memset(r, 0, offsetof(struct zcdma_receiver, data));
	r->ctx = ctx;
	memcpy(r->fds, fds, count * sizeof(*fds));
	r->fd_count = count;
	*out = r;
	return 0;
}

static int receive(struct zcdma_receiver *r, int fd)
{
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		r->iov[i] = (struct iovec){ .iov_base = r->data[i], .iov_len = ROOM };
		r->msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &r->from[i],
			.msg_namelen = sizeof(r->from[i]),
			.msg_iov = &r->iov[i],
			.msg_iovlen = 1,
		};
	}
	n = recvmmsg(fd, r->msgs, BATCH, MSG_DONTWAIT, NULL);
	r->next = 0;
	r->count = n < 0 ? 0 : (unsigned)n;
	return n < 0 ? -errno : 0;
}

/* Receive from the first socket that has something. Returns 0, -EAGAIN if none has, or another negative errno. */
static int receive_any(struct zcdma_receiver *r)
{
	int rc = -EAGAIN;

	for (unsigned i = 0; i < r->fd_count && rc == -EAGAIN; i++) {
		rc = receive(r, r->fds[r->fd_next]);
		r->fd_next = (r->fd_next + 1) % r->fd_count;
	}
	return rc;
}

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

ZC_PUBLIC int zcdma_receiver_next(struct zcdma_receiver *r, int timeout_ms,
				  struct zcdma_datagram *d)
{
	int rc;

	while (r->next == r->count) {
		rc = receive_any(r);
		if (rc && rc != -EAGAIN && rc != -EINTR)
			return zc_fail(r->ctx, -rc, "receive a datagram");
		if (!rc)
			continue;
		rc = zc_poll_any(r->ctx, r->fds, r->fd_count, POLLIN, timeout_ms);
		if (rc)
			return rc;
	}
	*d = (struct zcdma_datagram){
		.data = r->data[r->next],
		.len = r->msgs[r->next].msg_len,
		.from = name_of(r, &r->from[r->next], r->msgs[r->next].msg_hdr.msg_namelen),
	};
	r->next++;
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
