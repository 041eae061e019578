// SPDX-License-Identifier: GPL-2.0-only
/* Random calls with random arguments. Most arguments are such that the call may succeed. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "ring.h"

#define FILES	3
#define MAPS	8
#define PIPES	3
#define SOCKETS 3
#define TAKEN	16
#define WINDOW	(64UL << 20) /* of addresses for a mapping, where nothing else is ever mapped */
#define ARENA	0x200000000000UL

struct session {
	int file[FILES];
	size_t length[MAPS];
	int pipe[PIPES][2];
	int socket[SOCKETS][2]; /* two of TCP, one of UNIX */
	int disk;		/* O_DIRECT */
	struct zcdma_dev_block taken[TAKEN];
	unsigned takes;
};

/* Where the numbers of one call come from (splitmix64). */
struct dice {
	uint64_t state;
	struct session *s;
};

static uint64_t roll(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(struct dice *d, uint64_t limit)
{
	return roll(d) % limit;
}

/* One of @of is such. */
static bool rarely(struct dice *d, unsigned of)
{
	return below(d, of) == 0;
}

static int any_file(struct dice *d)
{
	return d->s->file[below(d, FILES)];
}

static char *map_address(size_t slot)
{
	return (char *)(ARENA + slot * WINDOW);
}

/* A place in a mapping, and how many bytes there are from there on, or nearly. */
static char *any_place(struct dice *d, size_t *len)
{
	const size_t slot = below(d, MAPS), have = d->s->length[slot];
	size_t at = have ? below(d, have) : 0;

	if (!rarely(d, 4))
		at &= ~(PAGE - 1UL);
	*len = have > at ? 1 + below(d, have - at) : PAGE;
	if (rarely(d, 2))
		*len = (*len + PAGE - 1) & ~(PAGE - 1UL);
	return map_address(slot) + at;
}

static const struct zcdma_dev_block *any_taken(struct dice *d)
{
	return &d->s->taken[below(d, TAKEN)];
}

static uint32_t size_of(struct dice *d, size_t size)
{
	return rarely(d, 16) ? (uint32_t)below(d, 2 * PAGE) : (uint32_t)size;
}

/*
 * Calls of the driver's
 */

static void do_open(struct dice *d)
{
	int *file = &d->s->file[below(d, FILES)];
	const int fd = open(ring_device, (rarely(d, 3) ? O_RDONLY : O_RDWR) | O_CLOEXEC |
						 (rarely(d, 8) ? 0 : O_NONBLOCK));
	const int before = __atomic_exchange_n(file, fd, __ATOMIC_RELAXED);

	if (before >= 0)
		close(before);
}

static void do_close(struct dice *d)
{
	const int fd = __atomic_exchange_n(&d->s->file[below(d, FILES)], -1, __ATOMIC_RELAXED);

	if (fd >= 0)
		close(fd);
}

static void do_dup(struct dice *d)
{
	const int fd = fcntl(any_file(d), F_DUPFD_CLOEXEC, 3);
	const int before = __atomic_exchange_n(&d->s->file[below(d, FILES)], fd, __ATOMIC_RELAXED);

	if (before >= 0)
		close(before);
}

static void do_setup(struct dice *d)
{
	static const uint64_t sizes[] = { PAGE, 2 * PAGE, 3 * PAGE, 16 * PAGE, BLOCK };
	struct zcdma_dev_setup setup = {
		.size = size_of(d, sizeof(setup)),
		.model = below(d, rarely(d, 16) ? 6 : 4),
		.policy = below(d, rarely(d, 16) ? 4 : 2),
		.flags = rarely(d, 32) ? roll(d) : 0,
		.block_size = rarely(d, 8) ? below(d, 1 << 24) : sizes[below(d, 5)],
		.blocks = rarely(d, 8) ? below(d, 70) : 2 + below(d, 7),
		.rate = rarely(d, 2) ? 0 : below(d, 1UL << below(d, rarely(d, 8) ? 64 : 32)),
		.seed = roll(d),
	};

	if (rarely(d, 32))
		setup.block_size = roll(d);
	ioctl(any_file(d), ZCDMA_IOC_SETUP, &setup);
}

static void do_start(struct dice *d)
{
	ioctl(any_file(d), ZCDMA_IOC_START, rarely(d, 32) ? roll(d) : 0);
}

static void do_stop(struct dice *d)
{
	ioctl(any_file(d), ZCDMA_IOC_STOP, rarely(d, 32) ? roll(d) : 0);
}

static void do_take(struct dice *d)
{
	struct zcdma_dev_block b = { .size = size_of(d, sizeof(b)) };

	if (ioctl(any_file(d), ZCDMA_IOC_TAKE, &b) == 0)
		d->s->taken[__atomic_fetch_add(&d->s->takes, 1, __ATOMIC_RELAXED) % TAKEN] = b;
}

static void do_give(struct dice *d)
{
	struct zcdma_dev_give g = {
		.size = size_of(d, sizeof(g)),
		.index = rarely(d, 4) ? below(d, 70) : any_taken(d)->index,
		.reserved = rarely(d, 32) ? roll(d) : 0,
	};

	ioctl(any_file(d), ZCDMA_IOC_GIVE, &g);
}

static void do_info(struct dice *d)
{
	struct zcdma_dev_info i = { .size = size_of(d, sizeof(i)) };

	ioctl(any_file(d), ZCDMA_IOC_INFO, &i);
}

static void do_stats(struct dice *d)
{
	struct zcdma_dev_stats s = { .size = size_of(d, sizeof(s)) };

	ioctl(any_file(d), ZCDMA_IOC_STATS, &s);
}

/* A structure in the driver's own memory, in memory that is not there, or full of anything. */
static void do_wild_ioctl(struct dice *d)
{
	uint32_t words[PAGE / 4];
	size_t len;
	void *at = rarely(d, 2) ? (void *)words : any_place(d, &len);

	for (size_t i = 0; i < PAGE / 4; i++)
		words[i] = rarely(d, 2) ? 0 : (uint32_t)roll(d);
	words[0] = (uint32_t)below(d, 300);
	ioctl(any_file(d), _IO(ZCDMA_IOC_MAGIC, below(d, 8)), rarely(d, 8) ? (void *)roll(d) : at);
}

static void do_poll(struct dice *d)
{
	struct pollfd p = { .fd = any_file(d), .events = (short)roll(d) };

	poll(&p, 1, (int)below(d, 3));
}

static void do_nonblock(struct dice *d)
{
	fcntl(any_file(d), F_SETFL, rarely(d, 8) ? 0 : O_NONBLOCK);
}

/*
 * Mappings
 */

static void do_mmap(struct dice *d)
{
	const size_t slot = below(d, MAPS);
	const size_t pages = 1 + below(d, rarely(d, 4) ? WINDOW / PAGE : 512);
	const int prot = rarely(d, 2) ? PROT_READ : PROT_READ | PROT_WRITE;
	const int flags = (rarely(d, 16) ? MAP_PRIVATE : MAP_SHARED) |
			  (rarely(d, 4) ? MAP_POPULATE : 0) | MAP_FIXED;
	const off_t offset = rarely(d, 2) ? 0 : (off_t)(below(d, 600) * PAGE);

	if (mmap(map_address(slot), pages * PAGE, rarely(d, 16) ? (int)below(d, 8) : prot, flags,
		 any_file(d), offset) != MAP_FAILED)
		d->s->length[slot] = pages * PAGE;
}

static void do_munmap(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	munmap((void *)((uintptr_t)at & ~(PAGE - 1UL)), len);
}

static void do_madvise(struct dice *d)
{
	static const int advice[] = { MADV_DONTNEED,  MADV_DOFORK,	  MADV_DONTFORK,
				      MADV_WILLNEED,  MADV_REMOVE,	  MADV_HUGEPAGE,
				      MADV_MERGEABLE, MADV_DODUMP,	  MADV_COLD,
				      MADV_PAGEOUT,   MADV_POPULATE_READ, MADV_POPULATE_WRITE };
	size_t len;
	char *at = any_place(d, &len);

	madvise((void *)((uintptr_t)at & ~(PAGE - 1UL)), len,
		advice[below(d, sizeof(advice) / sizeof(advice[0]))]);
}

static void do_mprotect(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	mprotect((void *)((uintptr_t)at & ~(PAGE - 1UL)), len, (int)below(d, 4));
}

static void do_mremap(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	mremap((void *)((uintptr_t)at & ~(PAGE - 1UL)), len, below(d, WINDOW),
	       MREMAP_MAYMOVE | MREMAP_FIXED, map_address(below(d, MAPS)));
}

static void do_touch(struct dice *d)
{
	size_t len;
	volatile char *at = any_place(d, &len);

	for (size_t i = 0; i < len && i < 64UL * PAGE; i += PAGE) {
		if (rarely(d, 4))
			at[i] = 1;
		else
			(void)at[i];
	}
}

/* By get_user_pages(), which a fault of the process's own is not. */
static void do_remote_read(struct dice *d)
{
	static __thread char data[64 * PAGE];
	size_t len;
	struct iovec remote = { .iov_base = any_place(d, &len) };
	struct iovec local = { data, sizeof(data) };

	remote.iov_len = len < sizeof(data) ? len : sizeof(data);
	process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static void do_fork(struct dice *d)
{
	const pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(1); /* it has none of the timers of its parent */
		if (rarely(d, 2))
			do_take(d);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/*
 * The stream, and where its pages go
 */

static off_t any_position(struct dice *d)
{
	if (rarely(d, 8))
		return (off_t)(roll(d) >> below(d, 64));
	return (off_t)(any_taken(d)->position + (rarely(d, 2) ? 0 : below(d, BLOCK)));
}

static size_t any_length(struct dice *d)
{
	return rarely(d, 16) ? 0 : 1 + below(d, 1UL << below(d, 20));
}

static void do_read(struct dice *d)
{
	static __thread char data[BLOCK];
	size_t len = any_length(d), have;
	void *to = data;

	if (rarely(d, 16))
		to = any_place(d, &have);
	else if (len > sizeof(data))
		len = sizeof(data);
	if (rarely(d, 2))
		(void)!read(any_file(d), to, len);
	else
		(void)!pread(any_file(d), to, len, any_position(d));
}

static int *any_pipe(struct dice *d)
{
	return d->s->pipe[below(d, PIPES)];
}

static void do_splice(struct dice *d)
{
	off_t at = any_position(d);

	splice(any_file(d), rarely(d, 2) ? NULL : &at, any_pipe(d)[1], NULL, any_length(d),
	       SPLICE_F_NONBLOCK);
}

static void do_sendfile(struct dice *d)
{
	off_t at = any_position(d);

	sendfile(d->s->socket[below(d, SOCKETS)][0], any_file(d), rarely(d, 8) ? NULL : &at,
		 any_length(d));
}

static void do_vmsplice(struct dice *d)
{
	size_t len;
	struct iovec v = { .iov_base = any_place(d, &len) };

	v.iov_len = len;
	(void)!vmsplice(any_pipe(d)[1], &v, 1,
			SPLICE_F_NONBLOCK | (rarely(d, 4) ? SPLICE_F_GIFT : 0));
}

static void do_tee(struct dice *d)
{
	(void)!tee(any_pipe(d)[0], any_pipe(d)[1], any_length(d), SPLICE_F_NONBLOCK);
}

static void do_pipe_to_socket(struct dice *d)
{
	(void)!splice(any_pipe(d)[0], NULL, d->s->socket[below(d, SOCKETS)][0], NULL, any_length(d),
		      SPLICE_F_NONBLOCK);
}

static void do_send(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	send(d->s->socket[below(d, SOCKETS)][0], at, len,
	     MSG_DONTWAIT | MSG_NOSIGNAL | (rarely(d, 4) ? 0 : MSG_ZEROCOPY));
}

static void do_drain(struct dice *d)
{
	static __thread char data[BLOCK], control[256];
	struct msghdr message = { .msg_control = control, .msg_controllen = sizeof(control) };
	const int *sockets = d->s->socket[below(d, SOCKETS)];

	(void)!read(any_pipe(d)[0], data, any_length(d) % sizeof(data));
	recv(sockets[1], data, sizeof(data), MSG_DONTWAIT);
	recvmsg(sockets[0], &message, MSG_ERRQUEUE | MSG_DONTWAIT);
}

static void do_direct_write(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	(void)!pwrite(d->s->disk, at, len & ~511UL, (off_t)(below(d, 1000) * 512));
}

static void do_files(struct dice *d)
{
	static const char *const names[] = { "/sys/class/zcdma/zcdma0/stats",
					     "/sys/kernel/debug/zcdma/zcdma0/blocks",
					     "/sys/kernel/debug/zcdma/zcdma0/pages",
					     "/proc/self/smaps" };
	static __thread char data[16 * PAGE];
	const int fd = open(names[below(d, 4)], O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while (read(fd, data, sizeof(data)) > 0 && !rarely(d, 16))
		;
	close(fd);
}

/* The device goes on meanwhile. */
static void do_wait(struct dice *d)
{
	nanosleep(&(struct timespec){ 0, (long)below(d, 2000000) }, NULL);
}

static void (*const calls[])(struct dice *d) = {
	do_open,       do_close,    do_dup,   do_setup,		 do_setup,
	do_start,      do_start,    do_stop,  do_take,		 do_take,
	do_take,       do_take,	    do_give,  do_give,		 do_give,
	do_give,       do_info,	    do_stats, do_poll,		 do_nonblock,
	do_wild_ioctl, do_mmap,	    do_mmap,  do_munmap,	 do_madvise,
	do_mprotect,   do_mremap,   do_touch, do_touch,		 do_remote_read,
	do_fork,       do_read,	    do_read,  do_splice,	 do_splice,
	do_sendfile,   do_vmsplice, do_tee,   do_pipe_to_socket, do_send,
	do_send,       do_drain,    do_drain, do_drain,		 do_direct_write,
	do_files,      do_wait,
};

/* A mapping that is revoked, or was never there, is a signal: the call ends there. */
static __thread sigjmp_buf fault;
static __thread volatile sig_atomic_t calling;

static void on_fault(int signo)
{
	if (calling)
		siglongjmp(fault, signo);
	_exit(128 + signo);
}

void call_random(struct session *s, uint64_t seed)
{
	struct dice d = { .state = seed, .s = s };

	if (!sigsetjmp(fault, 1)) {
		calling = true;
		calls[below(&d, sizeof(calls) / sizeof(calls[0]))](&d);
	}
	calling = false;
}

static bool connect_pair(int pair[2])
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool done;

	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	done = !bind(listener, (struct sockaddr *)&to, sizeof(to)) && !listen(listener, 1) &&
	       !getsockname(listener, (struct sockaddr *)&to, &len) &&
	       !connect(pair[0], (struct sockaddr *)&to, len) &&
	       (pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;
	close(listener);
	return done;
}

struct session *session_create(void)
{
	const struct sigaction action = { .sa_handler = on_fault };
	struct session *s = calloc(1, sizeof(*s));
	const int yes = 1;
	bool done = s && !sigaction(SIGBUS, &action, NULL) && !sigaction(SIGSEGV, &action, NULL);

	for (size_t i = 0; done && i < FILES; i++)
		s->file[i] = open(ring_device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	for (size_t i = 0; done && i < PIPES; i++)
		done = !pipe2(s->pipe[i], O_CLOEXEC | O_NONBLOCK);
	for (size_t i = 0; done && i < SOCKETS; i++) {
		done = i < 2 ? connect_pair(s->socket[i])
			     : !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->socket[i]);
		fcntl(s->socket[i][0], F_SETFL, O_NONBLOCK);
		setsockopt(s->socket[i][0], SOL_SOCKET, SO_ZEROCOPY, &yes, sizeof(yes));
	}
	if (!done)
		return NULL;
	s->disk = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC); /* where there is one */
	return s;
}
