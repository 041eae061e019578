// SPDX-License-Identifier: LGPL-2.1-or-later
/* copy: send() or write() from the block. The kernel copies; the block is free when that returns. */
#include <errno.h>
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

/* Returns where a file ends that can have a hole there, or -1. */
static off_t end_of_file(int fd)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (at < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > at)
		return -1;
	return fcntl(fd, F_GETFL) & O_APPEND ? -1 : at;
}

/* Give a file the length, and go to its end. Without its length, a hole is gone if no data comes. Returns 0 or -errno. */
static int go_to_new_end(int fd, off_t end)
{
	return ftruncate(fd, end) < 0 || lseek(fd, end, SEEK_SET) < 0 ? -errno : 0;
}

/* Leave a hole at the end of a file, which takes no time from a device that loses data already; else write zeros. */
static int64_t copy_zeros(struct zcdma_path *path, uint64_t len)
{
	static const unsigned char zeros[65536];
	const off_t end = end_of_file(path->sink.fd);
	ssize_t n;

	if (end < 0) {
		len = zc_min(len, sizeof(zeros));
		n = zc_path_write(path, zeros, (size_t)len);
		len = n > 0 ? (uint64_t)n : 0;
	} else {
		n = go_to_new_end(path->sink.fd, end + (off_t)len);
	}
	if (n == -EAGAIN || n == -EINTR)
		return -EAGAIN;
	if (n < 0)
		return zc_path_fail(path, (int)-n, "write");
	path->stats.filled_bytes += len;
	return (int64_t)len;
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
