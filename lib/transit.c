// SPDX-License-Identifier: LGPL-2.1-or-later
/* The pipe between a block and a sink that is no pipe itself: splice() wants one on one side. */
#include <fcntl.h>
#include <unistd.h>

#include "path.h"

#define TRANSIT_SIZE (1 << 20)

int zc_transit_open(struct zcdma_path *path, struct zc_transit *t)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return zc_fail(path->ctx, errno, "path %s: its pipe", path->ops->type.name);
	/* Where the limit of /proc/sys/fs/pipe-max-size or of the user's pages refuses, 64 KiB do. */
	fcntl(fd[1], F_SETPIPE_SZ, TRANSIT_SIZE);
	*t = (struct zc_transit){ .rd = fd[0], .wr = fd[1] };
	return 0;
}

void zc_transit_close(struct zc_transit *t)
{
	close(t->rd);
	close(t->wr);
}

int zc_transit_drain(struct zcdma_path *path, struct zc_transit *t, bool more)
{
	unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0);
	ssize_t n;

	while (t->held) {
		n = splice(t->rd, NULL, path->fd, NULL, t->held, flags);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return -EAGAIN;
		if (n < 0)
			return zc_path_fail(path, errno, "splice");
		t->held -= (size_t)n;
		path->stats.bytes += (size_t)n;
		path->stats.calls++;
	}
	return 0;
}
