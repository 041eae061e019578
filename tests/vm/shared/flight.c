// SPDX-License-Identifier: GPL-2.0-only
/* The ways in which pages of a block stay in use: pipes, sockets, a slow disk, a pin. */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "disk.h"
#include "flight.h"
#include "tap.h"

/* What a pipe holds. */
#define PIPE (64 * 1024)

void flight_vmsplice(const void *from, int to, size_t bytes)
{
	struct iovec iov = { .iov_base = (void *)from, .iov_len = bytes };

	while (iov.iov_len) {
		ssize_t n = vmsplice(to, &iov, 1, 0);

		EXPECT(n > 0);
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
	}
}

void flight_splice(int from, off64_t *position, int to, size_t bytes)
{
	while (bytes) {
		ssize_t n = splice(from, position, to, NULL, bytes, 0);

		EXPECT(n > 0);
		bytes -= (size_t)n;
	}
}

void flight_receive(int fd, uint64_t offset, size_t bytes)
{
	char data[PIPE];

	while (bytes) {
		ssize_t n = read(fd, data, bytes < PIPE ? bytes : PIPE);

		EXPECT(n > 0);
		EXPECT(is_pattern(data, (size_t)n, offset));
		offset += (uint64_t)n;
		bytes -= (size_t)n;
	}
}

/*
 * A packet that is read on another processor than the one that allocated it is kept for that one, until it receives
 * again (skb_attempt_defer_free() in net/core/skbuff.c). Where there is no other traffic that is never, and the driver
 * has it flushed only while the device starves.
 */
static void stay_on_this_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)sched_getcpu(), &set);
	EXPECT(!sched_setaffinity(0, sizeof(set), &set));
}

void flight_tcp_pair(int fd[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), room = PIPE, one = 1;

	EXPECT(!setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)));
	EXPECT(!bind(listener, (struct sockaddr *)&addr, sizeof(addr)) && !listen(listener, 1));
	EXPECT(!getsockname(listener, (struct sockaddr *)&addr, &len));
	fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	room = 4 * BLOCK;
	EXPECT(!setsockopt(fd[1], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)));
	EXPECT(!setsockopt(fd[1], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)));
	EXPECT(!setsockopt(fd[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	EXPECT(!connect(fd[1], (struct sockaddr *)&addr, sizeof(addr)));
	fd[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	EXPECT(fd[0] >= 0);
	close(listener);
}

static void take_ends(struct flight *f, const int fd[2])
{
	f->out = fd[0];
	f->in = fd[1];
}

static void receive(struct flight *f)
{
	flight_receive(f->out, f->offset, f->bytes);
	EXPECT(!close(f->in) && !close(f->out));
}

/*
 * Pipes
 */

static void leave_vmsplice(struct flight *f, const struct ring *r, const struct zcdma_dev_block *b)
{
	int fd[2];

	EXPECT(!pipe(fd));
	flight_vmsplice(ring_data(r, b), fd[1], f->bytes);
	take_ends(f, fd);
}

static void leave_splice(struct flight *f, const struct ring *r, const struct zcdma_dev_block *b)
{
	off64_t position = (off64_t)b->position;
	int fd[2];

	EXPECT(!pipe(fd));
	flight_splice(r->fd, &position, fd[1], f->bytes);
	take_ends(f, fd);
}

/* The first pipe is empty again; what the second has came from there. */
static void leave_tee(struct flight *f, const struct ring *r, const struct zcdma_dev_block *b)
{
	struct flight first = *f;
	int fd[2];

	leave_splice(&first, r, b);
	EXPECT(!pipe(fd));
	EXPECT(tee(first.out, fd[1], f->bytes, 0) == (ssize_t)f->bytes);
	receive(&first);
	take_ends(f, fd);
}

/*
 * Sockets that nobody reads
 */

static void leave_through_pipe(struct flight *f, const struct ring *r,
			       const struct zcdma_dev_block *b, const int fd[2])
{
	off64_t position = (off64_t)b->position;
	int through[2];

	EXPECT(!pipe(through));
	flight_splice(r->fd, &position, through[1], f->bytes);
	flight_splice(through[0], NULL, fd[1], f->bytes);
	EXPECT(!close(through[0]) && !close(through[1]));
	take_ends(f, fd);
}

static void leave_tcp(struct flight *f, const struct ring *r, const struct zcdma_dev_block *b)
{
	int fd[2];

	stay_on_this_processor();
	flight_tcp_pair(fd);
	leave_through_pipe(f, r, b, fd);
}

static void leave_unix(struct flight *f, const struct ring *r, const struct zcdma_dev_block *b)
{
	int fd[2];

	EXPECT(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	leave_through_pipe(f, r, b, fd);
}

/* Loopback copies what it delivers, so what is in flight is what the receiver has no room for. */
static void leave_zerocopy(struct flight *f, const struct ring *r, const struct zcdma_dev_block *b)
{
	int fd[2];

	stay_on_this_processor();
	flight_tcp_pair(fd);
	EXPECT(send(fd[1], ring_data(r, b), f->bytes, MSG_ZEROCOPY | MSG_DONTWAIT) ==
	       (ssize_t)f->bytes);
	take_ends(f, fd);
}

/*
 * A write that waits for the disk
 */

static void leave_direct(struct flight *f, const struct ring *r, const struct zcdma_dev_block *b)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PWRITE,
			   .aio_buf = (uintptr_t)ring_data(r, b),
			   .aio_nbytes = f->bytes },
		    *list = &cb;

	f->in = f->out = disk_suspended();
	cb.aio_fildes = (unsigned)f->in;
	EXPECT(!syscall(SYS_io_setup, 1, &f->aio));
	EXPECT(syscall(SYS_io_submit, f->aio, 1, &list) == 1);
}

static void arrive_direct(struct flight *f)
{
	static char data[PIPE] __attribute__((aligned(PAGE)));
	struct io_event event;

	disk_resume();
	EXPECT(syscall(SYS_io_getevents, f->aio, 1, 1, &event, NULL) == 1);
	EXPECT(event.res == (int64_t)f->bytes);
	EXPECT(pread(f->out, data, f->bytes, 0) == (ssize_t)f->bytes);
	EXPECT(is_pattern(data, f->bytes, f->offset));
	EXPECT(!syscall(SYS_io_destroy, f->aio) && !close(f->out));
}

/*
 * A pin that lasts until it is removed
 */

static void leave_registered(struct flight *f, const struct ring *r,
			     const struct zcdma_dev_block *b)
{
	struct iovec iov = { .iov_base = (void *)ring_data(r, b), .iov_len = f->bytes };
	struct io_uring_params params = { 0 };

	f->in = f->out = (int)syscall(SYS_io_uring_setup, 1, &params);
	if (f->in < 0)
		tap_skip("io_uring is not available");
	if (syscall(SYS_io_uring_register, f->in, IORING_REGISTER_BUFFERS, &iov, 1)) {
		EXPECT(errno == EOPNOTSUPP);
		tap_skip("this kernel does not register buffers in a device's mapping");
	}
}

static void arrive_registered(struct flight *f)
{
	EXPECT(!syscall(SYS_io_uring_register, f->in, IORING_UNREGISTER_BUFFERS, NULL, 0));
	EXPECT(!close(f->in));
}

const struct way flight_ways[] = {
	{ "a pipe (vmsplice)", PIPE, leave_vmsplice, receive },
	{ "a pipe (splice)", PIPE, leave_splice, receive },
	{ "a pipe (tee)", PIPE, leave_tee, receive },
	{ "an unread TCP socket (splice)", PIPE, leave_tcp, receive },
	{ "an unread TCP socket (MSG_ZEROCOPY)", BLOCK, leave_zerocopy, receive },
	{ "an unread UNIX socket (splice)", PIPE, leave_unix, receive },
	{ "a direct write", PIPE, leave_direct, arrive_direct },
	{ "a registered buffer of io_uring", PIPE, leave_registered, arrive_registered },
};
const size_t flight_way_count = sizeof(flight_ways) / sizeof(flight_ways[0]);

struct flight flight_leave(const struct way *way, const struct ring *r,
			   const struct zcdma_dev_block *b)
{
	struct flight f = { .way = way, .offset = b->offset, .bytes = way->bytes };

	EXPECT(b->length >= f.bytes);
	way->leave(&f, r, b);
	return f;
}

void flight_arrive(struct flight *f)
{
	f->way->arrive(f);
}
