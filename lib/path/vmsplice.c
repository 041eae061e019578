// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * vmsplice: the block's pages into a pipe, and from there to the sink. Nothing says when the sink
 * is done with them, not even an acknowledgement from the receiver (over loopback its queue refers
 * to the very same pages), so the pages are replaced.
 */
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "path/path.h"
#include "path/refusal.h"

struct vmsplice_path {
	struct zcdma_path path;
	struct zc_splice_pipe pipe; /* unused where the sink is a pipe */
};

static int fail(struct zcdma_ctx *ctx, int err, const char *source)
{
	zc_fail(ctx, err, "vmsplice from %s", source);
	if (!zc_is_refusal(err))
		return -err;
	zc_hint(ctx, "%s", zc_call_hint("vmsplice", err));
	return -EOPNOTSUPP;
}

static int vmsplice_probe(struct zcdma_ctx *ctx)
{
	static const char byte;
	struct iovec iov = { .iov_base = (void *)&byte, .iov_len = 1 };
	int fd[2], rc = 0;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return zc_fail(ctx, errno, "pipe");
	if (vmsplice(fd[1], &iov, 1, 0) < 0)
		rc = fail(ctx, errno, "memory");
	close(fd[0]);
	close(fd[1]);
	return rc;
}

/* The driver copies what it is not handed as pages. */
static int copy_to_device(struct zcdma_path *path, const struct zcdma_block *b)
{
	path->stats.copies_reason = "the memory of the source has no pages (VM_PFNMAP)";
	return zc_path_copy_block(path, b);
}

static int vmsplice_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct vmsplice_path *v = (struct vmsplice_path *)path;
	bool to_pipe = path->sink.kind == ZC_SINK_PIPE;
	bool whole = path->sent == b->len;
	struct iovec iov;
	ssize_t n;
	int rc;

	for (;;) {
		rc = to_pipe ? 0 : zc_splice_pipe_drain(path, &v->pipe, !whole);
		if (rc)
			return rc == -EAGAIN ? ZC_SENT_BUSY : rc;
		if (whole)
			return ZC_SENT_DONE;
		iov.iov_base = (char *)b->data + path->sent;
		iov.iov_len = zc_datagram_piece(path, b->len - path->sent, SIZE_MAX);
		n = vmsplice(to_pipe ? path->sink.fd : v->pipe.wr, &iov, 1, SPLICE_F_NONBLOCK);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return ZC_SENT_BUSY;
		if (n < 0 && errno == EPIPE)
			return zc_path_fail(path, errno, "vmsplice");
		if (n < 0 && errno == EFAULT && path->fetcher &&
		    path->fallback == ZCDMA_FALLBACK_COPY)
			return copy_to_device(path, b);
		if (n < 0 && errno == EFAULT)
			return zc_path_fault(path, b, "vmsplice");
		if (n < 0)
			return fail(path->ctx, errno, path->src->name);
		rc = zc_datagram_whole(path, "vmsplice", (size_t)n, iov.iov_len);
		if (rc)
			return rc;
		if (to_pipe) {
			whole = zc_path_advance(path, b, (size_t)n);
		} else {
			v->pipe.held = (size_t)n;
			whole = zc_path_took(path, b, (size_t)n);
		}
	}
}

static int vmsplice_open(struct zcdma_path *path)
{
	struct vmsplice_path *v = (struct vmsplice_path *)path;

	return path->sink.kind == ZC_SINK_PIPE ? 0 : zc_splice_pipe_open(path, &v->pipe);
}

static void vmsplice_close(struct zcdma_path *path)
{
	struct vmsplice_path *v = (struct vmsplice_path *)path;

	if (path->sink.kind != ZC_SINK_PIPE)
		zc_splice_pipe_close(&v->pipe);
}

const struct zc_path_ops zc_path_vmsplice = {
	.type = {
		.name = "vmsplice",
		.summary = "vmsplice() from memory and splice(): no copy, no completion",
		.required_caps = ZCDMA_CAP_MEMORY | ZCDMA_CAP_STREAM,
		.replaces_pages = true,
	},
	.size = sizeof(struct vmsplice_path),
	.datagrams = true,
	.join_most = ZC_JOIN_MOST,
	.takes = ZC_TAKES_VMSPLICE,
	.probe = vmsplice_probe,
	.open = vmsplice_open,
	.send = vmsplice_send,
	.close = vmsplice_close,
};
