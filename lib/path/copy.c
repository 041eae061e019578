// SPDX-License-Identifier: LGPL-2.1-or-later
/* copy: send() or write() from the block. The kernel copies; the block is free when that returns. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
	if (n < 0)
		return -errno;
	/* A driver that takes nothing would be asked again without end. */
	return n || !len ? n : -EIO;
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

/* Leave a hole at the end of a file, which takes no time from a device that loses data already; else write zeros. */
static int64_t copy_zeros(struct zcdma_path *path, uint64_t len)
{
	static const unsigned char zeros[65536];
	off_t at = lseek(path->sink.fd, 0, SEEK_CUR);
	struct stat st;
	ssize_t n;

	if (at >= 0 && !fstat(path->sink.fd, &st) && S_ISREG(st.st_mode) && st.st_size <= at &&
	    !(fcntl(path->sink.fd, F_GETFL) & O_APPEND))
		return lseek(path->sink.fd, (off_t)len, SEEK_CUR) < 0
			       ? zc_path_fail(path, errno, "lseek")
			       : (int64_t)len;
	n = zc_path_write(path, zeros, (size_t)zc_min(len, sizeof(zeros)));
	if (n >= 0 || n == -EAGAIN)
		return n;
	return n == -EINTR ? -EAGAIN : zc_path_fail(path, (int)-n, "write");
}

const struct zc_path_ops zc_path_copy = {
	.type = {
		.name = "copy",
		.summary = "send() or write() from memory: one copy, works on every mapping",
		.required_caps = ZCDMA_CAP_MEMORY,
	},
	.size = sizeof(struct zcdma_path),
	.datagrams = true,
	.join_most = ZC_JOIN_MOST,
	.takes = ZC_TAKES_COPY,
	.send = zc_path_copy_block,
	.zeros = copy_zeros,
};
