// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * sendfile: from a file's pages (a ring's memfd is one too) to the sink. The kernel does not report when the sink has
 * dropped its references to the pages.
 */
#include <sys/sendfile.h>

#include "path/path.h"

static int sendfile_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	bool whole = path->sent == b->len;
	size_t piece;
	off_t offset;
	ssize_t n;
	int rc;

	while (!whole) {
		piece = zc_datagram_piece(path, b->len - path->sent, SIZE_MAX);
		offset = (off_t)b->fd_offset + (off_t)path->sent;
		n = sendfile(path->sink.fd, b->fd, &offset, piece);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return ZC_SENT_BUSY;
		if (n < 0)
			return zc_path_fail(path, errno, "sendfile");
		if (!n)
			return zc_fail_plain(path->ctx, EIO,
					     "sendfile from %s: it was cut short meanwhile",
					     path->src->name);
		rc = zc_datagram_whole(path, "sendfile", (size_t)n, piece);
		if (rc)
			return rc;
		whole = zc_path_advance(path, b, (size_t)n);
	}
	return ZC_SENT_DONE;
}

const struct zc_path_ops zc_path_sendfile = {
	.type = {
		.name = "sendfile",
		.summary = "sendfile() from the file or the ring's memfd: no copy, no completion",
		.required_caps = ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET,
		.replaces_pages = true,
	},
	.size = sizeof(struct zcdma_path),
	.datagrams = true,
	.join_most = ZC_JOIN_MOST,
	.takes = ZC_TAKES_FILE,
	.open = zc_datagram_splices,
	.send = sendfile_send,
};
