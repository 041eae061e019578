// SPDX-License-Identifier: GPL-2.0-only
/* Random calls on the stream, and on where its pages go. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls_parts.h"

static off_t any_position(struct dice *d)
{
	if (rarely(d, 8))
		return (off_t)(roll(d) >> below(d, 64));
	return (off_t)(any_taken(d)->position + (rarely(d, 2) ? 0 : below(d, PAGE)));
}

static size_t any_length(struct dice *d)
{
	return rarely(d, 32) ? 0 : 1 + below(d, 1UL << below(d, 18));
}

bool do_read(struct dice *d)
{
	static __thread char data[BLOCK];
	size_t len = any_length(d), have;
	void *to = data;

	if (rarely(d, 16))
		to = any_place(d, &have);
	else if (len > sizeof(data))
		len = sizeof(data);
	if (rarely(d, 2))
		return read(any_file(d), to, len) > 0;
	return pread(any_file(d), to, len, any_position(d)) > 0;
}

bool do_write(struct dice *d)
{
	static __thread char data[BLOCK];
	size_t len = any_length(d), have;
	const void *from = rarely(d, 8) ? any_place(d, &have) : data;

	return write(any_file(d), from, len < sizeof(data) ? len : sizeof(data)) > 0;
}

bool do_fsync(struct dice *d)
{
	return !fsync(any_file(d));
}

static int *any_pipe(struct dice *d)
{
	return d->s->pipe[below(d, PIPES)];
}

bool do_splice(struct dice *d)
{
	off_t at = any_position(d);

	return splice(any_file(d), rarely(d, 2) ? NULL : &at, any_pipe(d)[1], NULL, any_length(d),
		      SPLICE_F_NONBLOCK) > 0;
}

bool do_sendfile(struct dice *d)
{
	off_t at = any_position(d);

	return sendfile(d->s->socket[below(d, SOCKETS)][0], any_file(d), rarely(d, 8) ? NULL : &at,
			any_length(d)) > 0;
}

/* What the pipe has of a ring goes first, but it seldom has anything. */
bool do_splice_to(struct dice *d)
{
	const int *pipe = any_pipe(d);
	off_t at = (off_t)below(d, SOURCE_BYTES);

	if (!rarely(d, 4))
		splice(d->s->source, &at, pipe[1], NULL, any_length(d), SPLICE_F_NONBLOCK);
	return splice(pipe[0], NULL, any_file(d), NULL, any_length(d),
		      rarely(d, 16) ? 0 : SPLICE_F_NONBLOCK) > 0;
}

bool do_sendfile_to(struct dice *d)
{
	off_t at = (off_t)below(d, SOURCE_BYTES);

	return sendfile(any_file(d), d->s->source, &at, any_length(d)) > 0;
}

bool do_vmsplice(struct dice *d)
{
	size_t len;
	struct iovec v = { .iov_base = any_place(d, &len) };

	v.iov_len = len;
	return vmsplice(any_pipe(d)[1], &v, 1,
			SPLICE_F_NONBLOCK | (rarely(d, 4) ? SPLICE_F_GIFT : 0)) > 0;
}

bool do_tee(struct dice *d)
{
	return tee(any_pipe(d)[0], any_pipe(d)[1], any_length(d), SPLICE_F_NONBLOCK) > 0;
}

bool do_pipe_to_socket(struct dice *d)
{
	return splice(any_pipe(d)[0], NULL, d->s->socket[below(d, SOCKETS)][0], NULL, any_length(d),
		      SPLICE_F_NONBLOCK) > 0;
}

bool do_send(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	return send(d->s->socket[below(d, SOCKETS)][0], at, len,
		    MSG_DONTWAIT | MSG_NOSIGNAL | (rarely(d, 4) ? 0 : MSG_ZEROCOPY)) > 0;
}

bool do_drain(struct dice *d)
{
	static __thread char data[BLOCK], control[256];
	struct msghdr message = { .msg_control = control, .msg_controllen = sizeof(control) };
	const int *sockets = d->s->socket[below(d, SOCKETS)];

	(void)!read(any_pipe(d)[0], data, any_length(d) % sizeof(data));
	recv(sockets[1], data, sizeof(data), MSG_DONTWAIT);
	return recvmsg(sockets[0], &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0;
}

bool do_direct_write(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	return pwrite(d->s->disk, at, len & ~511UL, (off_t)(below(d, 1000) * 512)) > 0;
}

bool do_files(struct dice *d)
{
	static const char *const names[] = { "/sys/kernel/debug/zcdma/zcdma0/stats",
					     "/sys/kernel/debug/zcdma/zcdma0/blocks",
					     "/sys/kernel/debug/zcdma/zcdma0/pages",
					     "/proc/self/smaps" };
	static __thread char data[16 * PAGE];
	const int fd = open(names[below(d, 4)], O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while (read(fd, data, sizeof(data)) > 0 && !rarely(d, 16))
		;
	close(fd);
	return true;
}
