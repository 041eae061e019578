// SPDX-License-Identifier: LGPL-2.1-or-later
/* copy: send() or write() from the block. The kernel copies; the block is free when that returns. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/path.h"

static ssize_t send_datagrams(struct zcdma_path *path, const void *data, size_t len)
{
	ssize_t n;

	do {
		n = send(path->sink.fd, data, zc_datagram_piece(path, len, len),
			 MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && zc_datagram_unbatch(path, errno));
	if (n >= 0)
		return n;
	/* A device's queue is full: send(2). */
	return errno == ENOBUFS ? -EAGAIN : -errno;
}

ssize_t zc_path_write(struct zcdma_path *path, const void *data, size_t len)
{
	ssize_t n;

	if (path->datagram)
		return send_datagrams(path, data, len);
	if (path->sink.kind == ZC_SINK_SOCKET)
		n = send(path->sink.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	else
		n = write(path->sink.fd, data, len);
	return n < 0 ? -errno : n;
}

int zc_path_copy_block(struct zcdma_path *path, const struct zcdma_block *b)
{
	const unsigned char *data = b->data;
	const char *call = path->sink.kind == ZC_SINK_SOCKET ? "send" : "write";
	bool whole = path->sent == b->len;
	ssize_t n;

	while (!whole) {
		n = zc_path_write(path, data + path->sent, b->len - path->sent);
		if (n == -EINTR || n == -EAGAIN)
			return ZC_SENT_BUSY;
		if (n == -EFAULT)
			return zc_path_fault(path, b, call);
		if (n < 0)
			return zc_path_fail(path, (int)-n, call);
		/* Where it is not sure to copy, zc_copied_count() counts it. */
		if (!path->sink.opaque) {
			path->stats.copied_bytes += (size_t)n;
			path->stats.copied_calls++;
		}
		whole = zc_path_advance(path, b, (size_t)n);
	}
	return ZC_SENT_DONE;
}

const struct zc_path_ops zc_path_copy = {
	.type = {
		.name = "copy",
		.summary = "send() or write() from memory: one copy, works on every mapping",
		.required_caps = ZCDMA_CAP_MEMORY,
	},
	.size = sizeof(struct zcdma_path),
	.datagrams = true,
	.takes = ZC_TAKES_COPY,
	.send = zc_path_copy_block,
};
