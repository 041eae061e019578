// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whether this kernel's vmsplice() and splice() move pages or copy them. Names do not tell: sandboxes
 * implement vmsplice() by copying, and so may a later kernel. A page is filled, sent, changed, and read
 * at the other end: the old bytes were copied, the new ones were not.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"
#include "path/selftest.h"

#define OLD 'A'
#define NEW 'B'

/* A page, and where it goes. A descriptor that is not needed is -1. */
struct trial {
	size_t len;
	char *page;
	int memfd;
	int pipe[2];
	int socket[2];
};

static int open_trial(struct trial *t, bool memfd, bool socket)
{
	*t = (struct trial){ .len = (size_t)sysconf(_SC_PAGESIZE),
			     .page = MAP_FAILED,
			     .memfd = -1,
			     .pipe = { -1, -1 },
			     .socket = { -1, -1 } };
	if (memfd) {
		t->memfd = memfd_create("zcdma-selftest", MFD_CLOEXEC);
		if (t->memfd < 0 || ftruncate(t->memfd, (off_t)t->len) < 0)
			return -errno;
	}
	t->page = mmap(NULL, t->len, PROT_READ | PROT_WRITE,
		       memfd ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, t->memfd, 0);
	if (t->page == MAP_FAILED || pipe2(t->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (socket &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, t->socket) < 0)
		return -errno;
	memset(t->page, OLD, t->len);
	return 0;
}

static void close_trial(const struct trial *t)
{
	const int fds[] = { t->memfd, t->pipe[0], t->pipe[1], t->socket[0], t->socket[1] };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	if (t->page != MAP_FAILED)
		munmap(t->page, t->len);
}

/* Change the page, and read at @fd what was sent of it. */
static int compare(struct trial *t, int fd)
{
	char byte = 0;

	memset(t->page, NEW, t->len);
	if (read(fd, &byte, 1) != 1)
		return -EIO;
	return byte == OLD;
}

static int send_memory(struct trial *t)
{
	struct iovec iov = { .iov_base = t->page, .iov_len = t->len };
	ssize_t n = vmsplice(t->pipe[1], &iov, 1, SPLICE_F_NONBLOCK);

	return n < 0 ? -errno : n != (ssize_t)t->len ? -EIO : 0;
}

static int move(int from, int to, size_t len)
{
	ssize_t n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	return n < 0 ? -errno : n != (ssize_t)len ? -EIO : 0;
}

int zc_vmsplice_copies(void)
{
	struct trial t;
	int rc = open_trial(&t, false, false);

	if (!rc)
		rc = send_memory(&t);
	if (!rc)
		rc = compare(&t, t.pipe[0]);
	close_trial(&t);
	return rc;
}

int zc_memfd_splice_copies(void)
{
	struct trial t;
	int rc = open_trial(&t, true, false);

	if (!rc)
		rc = move(t.memfd, t.pipe[1], t.len);
	if (!rc)
		rc = compare(&t, t.pipe[0]);
	close_trial(&t);
	return rc;
}

int zc_socket_splice_copies(void)
{
	struct trial t;
	int rc = open_trial(&t, true, true);

	if (!rc)
		rc = move(t.memfd, t.pipe[1], t.len);
	if (!rc)
		rc = move(t.pipe[0], t.socket[1], t.len);
	if (!rc)
		rc = compare(&t, t.socket[0]);
	close_trial(&t);
	return rc;
}
