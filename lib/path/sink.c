// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a path writes to: a socket, a pipe or a file, its name, and how it takes a write. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path/sink.h"
#include "source/dev_node.h"

/*
 * Open a pipe anew, with flags of our own, as it must not become non-blocking for other writers. If that is refused
 * (no /proc, another user's pipe), write() blocks, and a signal ends it.
 */
static int reopen_nonblocking(int fd)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

static void name_sink(struct zc_sink *sink)
{
	char link[32];
	ssize_t len;

	if (sink->kind == ZC_SINK_SOCKET) {
		zcdma_sockname(sink->fd, true, sink->name, sizeof(sink->name));
		return;
	}
	if (sink->fd == STDOUT_FILENO) {
		strcpy(sink->name, "standard output");
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", sink->fd);
	len = readlink(link, sink->name, sizeof(sink->name) - 1);
	if (len < 0)
		snprintf(sink->name, sizeof(sink->name), "descriptor %d", sink->fd);
}

/* On a pipe, O_DIRECT means packets: pipe(2). */
bool zc_sink_is_direct(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) &&
	       fcntl(fd, F_GETFL) & O_DIRECT;
}

int zc_sink_open(struct zc_sink *sink, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*sink = (struct zc_sink){ .fd = fd, .own_fd = -1, .direct = zc_sink_is_direct(fd) };
	sink->kind = S_ISSOCK(st.st_mode)   ? ZC_SINK_SOCKET
		     : S_ISFIFO(st.st_mode) ? ZC_SINK_PIPE
		     : zc_dev_is_fd(fd)	    ? ZC_SINK_DEVICE
					    : ZC_SINK_FILE;
	sink->opaque = sink->kind == ZC_SINK_FILE && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode);
	name_sink(sink);
	if (sink->kind == ZC_SINK_PIPE)
		sink->own_fd = reopen_nonblocking(fd);
	if (sink->own_fd >= 0)
		sink->fd = sink->own_fd;
	return 0;
}

void zc_sink_close(struct zc_sink *sink)
{
	if (sink->own_fd >= 0)
		close(sink->own_fd);
}
