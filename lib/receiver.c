// SPDX-License-Identifier: LGPL-2.1-or-later
/* Receiving datagrams, many with one system call. */
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define BATCH 32
/* More than a datagram can have, so none is ever cut. */
#define ROOM 65536

struct zcdma_receiver {
	struct zcdma_ctx *ctx;
	int fd;
	unsigned count, next; /* datagrams of the last call, and the one to hand out next */
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage from[BATCH];
	struct sockaddr_storage named; /* whose name .name is */
	socklen_t named_len;
	char name[72];
	unsigned char data[BATCH][ROOM];
};

ZC_PUBLIC int zcdma_receiver_open(struct zcdma_ctx *ctx, int fd, struct zcdma_receiver **out)
{
	struct zcdma_receiver *r = malloc(sizeof(*r));

	if (!r)
		return zc_fail(ctx, ENOMEM, "receive datagrams");
	/* Not its buffers, which take their memory when datagrams come. */
	memset(r, 0, offsetof(struct zcdma_receiver, data));
	r->ctx = ctx;
	r->fd = fd;
	*out = r;
	return 0;
}

static int receive(struct zcdma_receiver *r)
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
	n = recvmmsg(r->fd, r->msgs, BATCH, MSG_DONTWAIT, NULL);
	r->next = 0;
	r->count = n < 0 ? 0 : (unsigned)n;
	return n < 0 ? -errno : 0;
}

/* Names are seldom new ones: the sender before is asked for first. */
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
		rc = receive(r);
		if (rc && rc != -EAGAIN && rc != -EINTR)
			return zc_fail(r->ctx, -rc, "receive a datagram");
		if (!rc)
			continue;
		rc = zc_poll(r->ctx, r->fd, POLLIN, timeout_ms);
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
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	getsockopt(r->fd, SOL_SOCKET, SO_MEMINFO, info, &len);
	if (buffer)
		*buffer = info[SK_MEMINFO_RCVBUF];
	return info[SK_MEMINFO_DROPS];
}

ZC_PUBLIC void zcdma_receiver_close(struct zcdma_receiver *r)
{
	free(r);
}
