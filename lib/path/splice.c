// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * splice: from a descriptor to the sink through a pipe, unless one of them is a pipe. As for sendfile, the kernel
 * does not report when the pages are free.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "path/path.h"
#include "path/refusal.h"

struct splice_path {
	struct zcdma_path path;
	struct zc_splice_pipe pipe; /* opened when a block needs it: most never do */
	bool has_pipe;
};

/* Splice up to @len bytes of @b into @fd by one call. Returns the bytes moved, or a negative errno. */
static ssize_t splice_once(const struct zcdma_path *path, const struct zcdma_block *b, int fd,
			   size_t len)
{
	loff_t offset = b->fd_offset + (loff_t)path->sent;
	ssize_t n = splice(b->fd, b->fd_offset < 0 ? NULL : &offset, fd, NULL, len,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	return n < 0 ? -errno : n;
}

/* Returns whether the source has lost the block that it had; then waiting for room in the sink would not end. */
static bool is_empty(int fd)
{
	int n;

	return !ioctl(fd, FIONREAD, &n) && !n;
}

/* Splice directly, as the source or the sink is a pipe. */
static int splice_direct(struct zcdma_path *path, const struct zcdma_block *b)
{
	bool whole = path->sent == b->len;
	ssize_t n;

	while (!whole) {
		n = splice_once(path, b, path->sink.fd, b->len - path->sent);
		if (n == -EAGAIN && b->fd_offset < 0 && is_empty(b->fd))
			return zc_fail_plain(path->ctx, EIO,
					     "splice from %s: another process reads from it too",
					     path->src->name);
		if (n == -EAGAIN || n == -EINTR)
			return ZC_SENT_BUSY;
		if (n < 0)
			return zc_path_fail(path, (int)-n, "splice");
		if (!n)
			return zc_fail_plain(path->ctx, EIO, "splice from %s: it ended early",
					     path->src->name);
		whole = zc_path_advance(path, b, (size_t)n);
	}
	return ZC_SENT_DONE;
}

/* Returns how many bytes must be in the pipe before they go on; 0: any number. */
static size_t wanted(const struct zcdma_path *path, const struct zcdma_block *b)
{
	return path->datagram ? zc_datagram_piece(path, b->len - path->sent, SIZE_MAX) : 0;
}

static int fail_source(struct zcdma_path *path, int err)
{
	zc_fail(path->ctx, err, "splice from %s", path->src->name);
	if (!zc_is_refusal(err))
		return -err;
	zc_hint(path->ctx, "%s", zc_call_hint("splice", err));
	return -EOPNOTSUPP;
}

static int splice_through(struct splice_path *s, const struct zcdma_block *b)
{
	struct zcdma_path *path = &s->path;
	struct zc_splice_pipe *t = &s->pipe;
	bool whole = path->sent == b->len;
	ssize_t n;
	int rc;

	for (;;) {
		rc = t->held < t->want ? 0 : zc_splice_pipe_drain(path, t, !whole);
		if (rc)
			return rc == -EAGAIN ? ZC_SENT_BUSY : rc;
		if (whole)
			return ZC_SENT_DONE;
		if (!t->held)
			t->want = wanted(path, b);
		n = splice_once(path, b, t->wr, t->want ? t->want - t->held : b->len - path->sent);
		if (n == -EAGAIN && t->held)
			return zc_datagram_whole(path, "splice", t->held, t->want);
		if (n == -EAGAIN || n == -EINTR)
			return ZC_SENT_BUSY;
		if (n < 0)
			return fail_source(path, (int)-n);
		if (!n)
			return zc_fail_plain(path->ctx, EIO,
					     "splice from %s: it was cut short meanwhile",
					     path->src->name);
		t->held += (size_t)n;
		whole = zc_path_took(path, b, (size_t)n);
	}
}

/* Refuse a pipe as the source of datagrams, as the way it holds its bytes would decide where a datagram ends. */
static int refuse_pipe(struct zcdma_path *path)
{
	int rc = zc_fail_plain(path->ctx, EINVAL,
			       "splice from %s to %s: what comes from a pipe has no datagrams",
			       path->src->name, path->sink.name);

	zc_hint(path->ctx, "--path=vmsplice and --path=copy read it first");
	return rc;
}

static int splice_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct splice_path *s = (struct splice_path *)path;
	struct stat st;
	int rc;

	if (path->datagram && b->fd_offset < 0)
		return refuse_pipe(path);
	if (!s->has_pipe) {
		if (path->sink.kind == ZC_SINK_PIPE || (!fstat(b->fd, &st) && S_ISFIFO(st.st_mode)))
			return splice_direct(path, b);
		rc = zc_splice_pipe_open(path, &s->pipe);
		if (rc)
			return rc;
		s->has_pipe = true;
	}
	return splice_through(s, b);
}

static void splice_close(struct zcdma_path *path)
{
	struct splice_path *s = (struct splice_path *)path;

	if (s->has_pipe)
		zc_splice_pipe_close(&s->pipe);
}

const struct zc_path_ops zc_path_splice = {
	.type = {
		.name = "splice",
		.summary = "splice() from a pipe, a file or the ring's memfd: no copy, no completion",
		.required_caps = ZCDMA_CAP_FD,
		.replaces_pages = true,
	},
	.size = sizeof(struct splice_path),
	.datagrams = true,
	.join_most = ZC_JOIN_MOST,
	.takes = ZC_TAKES_FILE,
	.send = splice_send,
	.close = splice_close,
};
