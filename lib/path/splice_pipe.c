// SPDX-License-Identifier: LGPL-2.1-or-later
/* The pipe between a block and a sink that is not a pipe: splice() needs one on one side. */
#include <fcntl.h>
#include <unistd.h>

#include "path/path.h"

#define TRANSIT_SIZE (1 << 20)

/* The pipe has a place for each page, of which bytes that begin in the middle of one take one more. */
static size_t pipe_room(int fd)
{
	int size = fcntl(fd, F_GETPIPE_SZ), page = getpagesize();

	return size > page ? (size_t)(size - page) : 0;
}

int zc_splice_pipe_open(struct zcdma_path *path, struct zc_splice_pipe *t)
{
	int fd[2], rc;

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return zc_fail(path->ctx, errno, "path %s: its pipe", path->ops->type.name);
	/* Where the limit of /proc/sys/fs/pipe-max-size or of the user's pages refuses, 64 KiB do. */
	fcntl(fd[1], F_SETPIPE_SZ, TRANSIT_SIZE);
	*t = (struct zc_splice_pipe){ .rd = fd[0], .wr = fd[1] };
	rc = zc_datagram_splices(path);
	if (!rc)
		rc = zc_datagram_limit(path, pipe_room(fd[1]));
	if (rc)
		zc_splice_pipe_close(t);
	return rc;
}

void zc_splice_pipe_close(struct zc_splice_pipe *t)
{
	close(t->rd);
	close(t->wr);
}

int zc_splice_pipe_drain(struct zcdma_path *path, struct zc_splice_pipe *t, bool more)
{
	unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0);
	ssize_t n;
	int rc;

	if (path->datagram)
		flags &= ~(unsigned)SPLICE_F_MORE; /* the call's bytes are whole ones */
	while (t->held) {
		n = splice(t->rd, NULL, path->sink.fd, NULL, t->held, flags);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return -EAGAIN;
		/* A driver that takes nothing would be asked again without end. */
		if (n <= 0)
			return zc_path_fail(path, n ? errno : EIO, "splice");
		rc = zc_datagram_whole(path, "splice", (size_t)n, t->held);
		if (rc)
			return rc;
		t->held -= (size_t)n;
		zc_path_arrived(path, (size_t)n);
		path->stats.calls++;
	}
	return 0;
}
