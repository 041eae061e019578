// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/local_socket.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

union control {
	char buf[CMSG_SPACE(ZC_LOCAL_FDS * sizeof(int))];
	struct cmsghdr align;
};

int zc_local_send(int sock, const void *data, size_t len, const int *fds, unsigned count)
{
	const size_t size = count * sizeof(*fds);
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	union control control = { { 0 } };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (count) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(size);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(c), fds, size);
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Take the descriptors out of @m, which has room for no more. Returns whether there were any. */
static bool take_fds(struct msghdr *m, int *fds)
{
	bool any = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
		any = true;
	}
	return any;
}

/* Receive a message; a peer that hung up on unread messages leaves an error before its last message. */
static ssize_t receive(int sock, struct msghdr *m)
{
	const struct msghdr fresh = *m;
	const int flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
	ssize_t n = recvmsg(sock, m, flags);

	if (n < 0 && errno == ECONNRESET) {
		*m = fresh;
		n = recvmsg(sock, m, flags);
	}
	if (n >= 0 || errno == ECONNRESET)
		return n < 0 ? 0 : n;
	return errno == EINTR ? -EAGAIN : -errno;
}

ssize_t zc_local_recv(int sock, void *data, size_t size, int *fds, unsigned most)
{
	struct iovec iov = { .iov_base = data, .iov_len = size };
	union control control;
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		/* Not CMSG_SPACE(), which may be rounded up to room for one more. */
		.msg_controllen = CMSG_LEN(most * sizeof(*fds)),
	};
	ssize_t n = receive(sock, &m);
	bool any;

	for (unsigned i = 0; i < most; i++)
		fds[i] = -1;
	if (n < 0)
		return n;
	any = take_fds(&m, fds);
	/* The kernel closes descriptors that have no room. An empty message looks like the end. */
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || (!n && any)) {
		zc_local_close(fds, most);
		return -EPROTO;
	}
	return n;
}

void zc_local_close(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* Check that every user is mapped here, as in the first user namespace. Returns false where /proc does not say. */
static bool every_user_is_mapped(void)
{
	unsigned long length, mapped = 0;
	FILE *f = fopen("/proc/self/uid_map", "re");

	while (f && fscanf(f, "%*u %*u %lu", &length) == 1)
		mapped += length;
	if (f)
		fclose(f);
	return mapped >= UINT32_MAX; /* (uid_t)-1 is not a user */
}

/* Check whether @uid stands for all users that are not mapped. Returns true where /proc does not say. */
static bool is_overflow_uid(uid_t uid)
{
	char line[16];

	return !zc_read_line("/proc/sys/kernel/overflowuid", line, sizeof(line)) ||
	       uid == strtoul(line, NULL, 10);
}

bool zc_local_same_user(int sock)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) || peer.uid != geteuid())
		return false;
	return !is_overflow_uid(peer.uid) || every_user_is_mapped();
}
