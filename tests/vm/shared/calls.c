// SPDX-License-Identifier: GPL-2.0-only
/* Random calls with random arguments. Most are such that the call succeeds; what is odd is rare. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
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
#include "tap.h"

#define FILES	3
#define MAPS	8
#define PIPES	3
#define SOCKETS 3
#define TAKEN	16
#define WINDOW	(64UL << 20) /* of addresses for a mapping, where nothing else is ever mapped */
#define ARENA	0x200000000000UL

struct session {
	int file[FILES];
	unsigned owner;	   /* the file that has the ring, as far as is known ... */
	size_t ring_bytes; /* ... and how large that is */
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

static unsigned any_slot(struct dice *d)
{
	return rarely(d, 8) ? below(d, FILES) : d->s->owner % FILES;
}

static int any_file(struct dice *d)
{
	return d->s->file[any_slot(d)];
}

static char *map_address(size_t slot)
{
	return (char *)(uintptr_t)(ARENA + slot * WINDOW);
}

/* A place in a mapping, and how many bytes there are from there on, or nearly. */
static char *any_place(struct dice *d, size_t *len)
{
	size_t slot = below(d, MAPS), have, at;

	for (unsigned i = 0; i < MAPS && !d->s->length[slot] && !rarely(d, 32); i++)
		slot = (slot + 1) % MAPS;
	have = d->s->length[slot];
	at = have ? below(d, have) : 0;

	if (!rarely(d, 4))
		at &= ~(PAGE - 1UL);
	*len = have > at ? 1 + below(d, have - at) : PAGE;
	if (rarely(d, 2))
		*len = (*len + PAGE - 1) & ~(PAGE - 1UL);
	return map_address(slot) + at;
}

/* One of those that were taken last. */
static const struct zcdma_dev_block *any_taken(struct dice *d)
{
	return &d->s->taken[(d->s->takes - 1 - below(d, rarely(d, 8) ? TAKEN : 3)) % TAKEN];
}

static uint32_t size_of(struct dice *d, size_t size)
{
	return rarely(d, 64) ? (uint32_t)below(d, 2 * PAGE) : (uint32_t)size;
}

/*
 * Calls of the driver's
 */

/* Put @fd in the place of another file. What maps the other one's ring goes too, mostly: it keeps the ring. */
static bool replace_file(struct dice *d, int fd)
{
	const unsigned slot = below(d, FILES);
	const int before = __atomic_exchange_n(&d->s->file[slot], fd, __ATOMIC_RELAXED);

	if (before >= 0)
		close(before);
	for (unsigned i = 0; slot == d->s->owner && i < MAPS && !rarely(d, 32); i++) {
		if (d->s->length[i])
			munmap(map_address(i), d->s->length[i]);
		d->s->length[i] = 0;
	}
	return fd >= 0;
}

static bool do_open(struct dice *d)
{
	return replace_file(d, open(ring_device, (rarely(d, 3) ? O_RDONLY : O_RDWR) | O_CLOEXEC |
							 (rarely(d, 32) ? 0 : O_NONBLOCK)));
}

static bool do_close(struct dice *d)
{
	replace_file(d, -1);
	return true;
}

static bool do_dup(struct dice *d)
{
	return replace_file(d, fcntl(any_file(d), F_DUPFD_CLOEXEC, 3));
}

static size_t map_all(struct dice *d, size_t slot, int prot)
{
	if (mmap(map_address(slot), d->s->ring_bytes, prot, MAP_SHARED | MAP_FIXED,
		 d->s->file[d->s->owner], 0) != MAP_FAILED)
		d->s->length[slot] = d->s->ring_bytes;
	return d->s->length[slot];
}

static struct zcdma_dev_setup usual_setup(struct dice *d)
{
	static const uint64_t sizes[] = { PAGE, 2 * PAGE, 3 * PAGE, 8 * PAGE, 16 * PAGE };
	struct zcdma_dev_setup setup = {
		.size = size_of(d, sizeof(setup)),
		.model = below(d, 4),
		.policy = below(d, 2),
		.block_size = sizes[below(d, 5)],
		.blocks = 2 + below(d, 5),
		.seed = roll(d),
	};

	if (!rarely(d, 3))
		setup.rate = (1 + below(d, 1000)) * setup.block_size;
	return setup;
}

static void make_odd(struct dice *d, struct zcdma_dev_setup *setup)
{
	switch (below(d, 7)) {
	case 0:
		setup->model = below(d, 6);
		break;
	case 1:
		setup->policy = below(d, 4);
		break;
	case 2:
		setup->flags = roll(d);
		break;
	case 3:
		setup->block_size = below(d, 1UL << below(d, 40));
		break;
	case 4:
		setup->blocks = below(d, 1UL << below(d, 32));
		break;
	case 5:
		setup->rate = below(d, 1UL << below(d, 64));
		break;
	case 6:
		setup->reserved[below(d, 4)] = roll(d);
		break;
	}
}

/* What is set up is started and mapped at once, mostly, so that there is something to call. */
static bool do_setup(struct dice *d)
{
	struct zcdma_dev_setup setup = usual_setup(d);
	const unsigned slot = any_slot(d);

	if (rarely(d, 8))
		make_odd(d, &setup);
	if (ioctl(d->s->file[slot], ZCDMA_IOC_SETUP, &setup))
		return false;
	d->s->ring_bytes = setup.ring_bytes;
	d->s->owner = slot;
	if (!rarely(d, 4))
		map_all(d, below(d, MAPS), PROT_READ);
	if (!rarely(d, 4))
		ioctl(d->s->file[slot], ZCDMA_IOC_START, 0);
	return true;
}

static bool do_start(struct dice *d)
{
	return !ioctl(any_file(d), ZCDMA_IOC_START, rarely(d, 32) ? roll(d) : 0);
}

static bool do_stop(struct dice *d)
{
	return !ioctl(any_file(d), ZCDMA_IOC_STOP, rarely(d, 32) ? roll(d) : 0);
}

static bool do_take(struct dice *d)
{
	struct zcdma_dev_block b = { .size = size_of(d, sizeof(b)) };

	if (ioctl(any_file(d), ZCDMA_IOC_TAKE, &b))
		return false;
	d->s->taken[__atomic_fetch_add(&d->s->takes, 1, __ATOMIC_RELAXED) % TAKEN] = b;
	return true;
}

static bool do_give(struct dice *d)
{
	struct zcdma_dev_give g = {
		.size = size_of(d, sizeof(g)),
		.index = rarely(d, 16) ? below(d, 70) : any_taken(d)->index,
		.reserved = rarely(d, 32) ? roll(d) : 0,
	};

	return !ioctl(any_file(d), ZCDMA_IOC_GIVE, &g);
}

static bool do_info(struct dice *d)
{
	struct zcdma_dev_info i = { .size = size_of(d, sizeof(i)) };

	return !ioctl(any_file(d), ZCDMA_IOC_INFO, &i);
}

static bool do_stats(struct dice *d)
{
	struct zcdma_dev_stats s = { .size = size_of(d, sizeof(s)) };

	return !ioctl(any_file(d), ZCDMA_IOC_STATS, &s);
}

/* A structure in the driver's own memory, in memory that is not there, or full of anything. */
static bool do_wild_ioctl(struct dice *d)
{
	uint32_t words[PAGE / 4] = { 0 };
	size_t len;
	void *at = rarely(d, 2) ? (void *)words : any_place(d, &len);

	for (size_t i = 0; i < 64; i++)
		words[i] = rarely(d, 2) ? 0 : (uint32_t)roll(d);
	words[0] = (uint32_t)below(d, 300);
	return !ioctl(any_file(d), _IO(ZCDMA_IOC_MAGIC, below(d, 8)),
		      rarely(d, 8) ? (void *)(uintptr_t)roll(d) : at);
}

static bool do_poll(struct dice *d)
{
	struct pollfd p = { .fd = any_file(d), .events = (short)roll(d) };

	return poll(&p, 1, (int)below(d, 3)) > 0;
}

static bool do_nonblock(struct dice *d)
{
	return !fcntl(any_file(d), F_SETFL, rarely(d, 16) ? 0 : O_NONBLOCK);
}

/*
 * Mappings
 */

static bool do_mmap(struct dice *d)
{
	const size_t slot = below(d, MAPS);
	const size_t pages = 1 + below(d, rarely(d, 16) ? WINDOW / PAGE : 32);
	const int prot = rarely(d, 2) ? PROT_READ : PROT_READ | PROT_WRITE;
	const int flags = (rarely(d, 16) ? MAP_PRIVATE : MAP_SHARED) |
			  (rarely(d, 4) ? MAP_POPULATE : 0) | MAP_FIXED;
	const off_t offset = rarely(d, 2) ? 0 : (off_t)(below(d, 64) * PAGE);

	if (rarely(d, 2))
		return map_all(d, slot, prot) > 0;
	if (mmap(map_address(slot), pages * PAGE, rarely(d, 16) ? (int)below(d, 8) : prot, flags,
		 any_file(d), offset) == MAP_FAILED)
		return false;
	d->s->length[slot] = pages * PAGE;
	return true;
}

static bool do_munmap(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	return !munmap((void *)((uintptr_t)at & ~(PAGE - 1UL)), len);
}

static bool do_madvise(struct dice *d)
{
	static const int advice[] = { MADV_DONTNEED,  MADV_DOFORK,	  MADV_DONTFORK,
				      MADV_WILLNEED,  MADV_REMOVE,	  MADV_HUGEPAGE,
				      MADV_MERGEABLE, MADV_DODUMP,	  MADV_COLD,
				      MADV_PAGEOUT,   MADV_POPULATE_READ, MADV_POPULATE_WRITE };
	size_t len;
	char *at = any_place(d, &len);

	return !madvise((void *)((uintptr_t)at & ~(PAGE - 1UL)), len,
			advice[below(d, sizeof(advice) / sizeof(advice[0]))]);
}

static bool do_mprotect(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	return !mprotect((void *)((uintptr_t)at & ~(PAGE - 1UL)), len, (int)below(d, 4));
}

static bool do_mremap(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	return mremap((void *)((uintptr_t)at & ~(PAGE - 1UL)), len, below(d, WINDOW),
		      MREMAP_MAYMOVE | MREMAP_FIXED, map_address(below(d, MAPS))) != MAP_FAILED;
}

static bool do_touch(struct dice *d)
{
	size_t len;
	volatile char *at = any_place(d, &len);

	for (size_t i = 0; i < len && i < 8UL * PAGE; i += PAGE) {
		if (rarely(d, 4))
			at[i] = 1;
		else
			(void)at[i];
	}
	return true;
}

/* By get_user_pages(), which a fault of the process's own is not. */
static bool do_remote_read(struct dice *d)
{
	static __thread char data[8 * PAGE];
	size_t len;
	struct iovec remote = { .iov_base = any_place(d, &len) };
	struct iovec local = { data, sizeof(data) };

	remote.iov_len = len < sizeof(data) ? len : sizeof(data);
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) > 0;
}

static bool do_fork(struct dice *d)
{
	const pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(1); /* it has none of the timers of its parent */
		if (rarely(d, 2))
			do_take(d);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

/*
 * The stream, and where its pages go
 */

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

static bool do_read(struct dice *d)
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

static int *any_pipe(struct dice *d)
{
	return d->s->pipe[below(d, PIPES)];
}

static bool do_splice(struct dice *d)
{
	off_t at = any_position(d);

	return splice(any_file(d), rarely(d, 2) ? NULL : &at, any_pipe(d)[1], NULL, any_length(d),
		      SPLICE_F_NONBLOCK) > 0;
}

static bool do_sendfile(struct dice *d)
{
	off_t at = any_position(d);

	return sendfile(d->s->socket[below(d, SOCKETS)][0], any_file(d), rarely(d, 8) ? NULL : &at,
			any_length(d)) > 0;
}

static bool do_vmsplice(struct dice *d)
{
	size_t len;
	struct iovec v = { .iov_base = any_place(d, &len) };

	v.iov_len = len;
	return vmsplice(any_pipe(d)[1], &v, 1,
			SPLICE_F_NONBLOCK | (rarely(d, 4) ? SPLICE_F_GIFT : 0)) > 0;
}

static bool do_tee(struct dice *d)
{
	return tee(any_pipe(d)[0], any_pipe(d)[1], any_length(d), SPLICE_F_NONBLOCK) > 0;
}

static bool do_pipe_to_socket(struct dice *d)
{
	return splice(any_pipe(d)[0], NULL, d->s->socket[below(d, SOCKETS)][0], NULL, any_length(d),
		      SPLICE_F_NONBLOCK) > 0;
}

static bool do_send(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	return send(d->s->socket[below(d, SOCKETS)][0], at, len,
		    MSG_DONTWAIT | MSG_NOSIGNAL | (rarely(d, 4) ? 0 : MSG_ZEROCOPY)) > 0;
}

static bool do_drain(struct dice *d)
{
	static __thread char data[BLOCK], control[256];
	struct msghdr message = { .msg_control = control, .msg_controllen = sizeof(control) };
	const int *sockets = d->s->socket[below(d, SOCKETS)];

	(void)!read(any_pipe(d)[0], data, any_length(d) % sizeof(data));
	recv(sockets[1], data, sizeof(data), MSG_DONTWAIT);
	return recvmsg(sockets[0], &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0;
}

static bool do_direct_write(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	return pwrite(d->s->disk, at, len & ~511UL, (off_t)(below(d, 1000) * 512)) > 0;
}

static bool do_files(struct dice *d)
{
	static const char *const names[] = { "/sys/class/zcdma/zcdma0/stats",
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

/* The device goes on meanwhile. */
static bool do_wait(struct dice *d)
{
	return !nanosleep(&(struct timespec){ 0, (long)below(d, 2000000) }, NULL);
}

/* In the order of the numbers by which they are counted. */
static const struct call {
	const char *name;
	bool (*make)(struct dice *d); /* whether it worked */
	unsigned weight;
} calls[] = {
	{ "open", do_open, 2 },
	{ "close", do_close, 1 },
	{ "dup", do_dup, 1 },
	{ "SETUP", do_setup, 6 },
	{ "START", do_start, 4 },
	{ "STOP", do_stop, 2 },
	{ "TAKE", do_take, 18 },
	{ "GIVE", do_give, 18 },
	{ "INFO", do_info, 1 },
	{ "STATS", do_stats, 2 },
	{ "ioctl of anything", do_wild_ioctl, 2 },
	{ "poll", do_poll, 3 },
	{ "O_NONBLOCK", do_nonblock, 1 },
	{ "mmap", do_mmap, 5 },
	{ "munmap", do_munmap, 2 },
	{ "madvise", do_madvise, 3 },
	{ "mprotect", do_mprotect, 1 },
	{ "mremap", do_mremap, 1 },
	{ "touch", do_touch, 5 },
	{ "process_vm_readv", do_remote_read, 2 },
	{ "fork", do_fork, 1 },
	{ "read, pread", do_read, 6 },
	{ "splice from the device", do_splice, 8 },
	{ "sendfile", do_sendfile, 2 },
	{ "vmsplice", do_vmsplice, 3 },
	{ "tee", do_tee, 1 },
	{ "splice to a socket", do_pipe_to_socket, 3 },
	{ "send", do_send, 4 },
	{ "drain", do_drain, 10 },
	{ "O_DIRECT write", do_direct_write, 2 },
	{ "debugfs and smaps", do_files, 1 },
	{ "a wait", do_wait, 3 },
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* What all processes made. */
static struct counts {
	uint64_t made, worked, us;
} * counts;

void calls_init(void)
{
	counts = mmap(NULL, CALLS * sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(counts != MAP_FAILED);
}

uint64_t calls_made(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < CALLS; i++)
		sum += counts[i].made;
	return sum;
}

uint64_t calls_worked(const char *name)
{
	for (size_t i = 0; i < CALLS; i++) {
		if (!strcmp(calls[i].name, name))
			return counts[i].worked;
	}
	return 0;
}

void calls_print(void)
{
	for (size_t i = 0; i < CALLS; i++)
		printf("# %7" PRIu64 " %7" PRIu64 " worked, %5" PRIu64 " us each: %s\n",
		       counts[i].made, counts[i].worked,
		       counts[i].made ? counts[i].us / counts[i].made : 0, calls[i].name);
}

static const struct call *any_call(struct dice *d)
{
	const struct call *call = calls;
	unsigned sum = 0;
	uint64_t at;

	for (size_t i = 0; i < CALLS; i++)
		sum += calls[i].weight;
	for (at = below(d, sum); at >= call->weight; call++)
		at -= call->weight;
	return call;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* A mapping that is revoked, or was never there, is a signal: the call ends there. */
static __thread sigjmp_buf fault;
static __thread volatile sig_atomic_t calling;

static void on_fault(int signo)
{
	if (calling)
		siglongjmp(fault, signo);
	_exit(128 + signo);
}

/* Returns whether the call worked. One that a signal ends did not. */
static bool attempt(bool (*make)(struct dice *d), struct dice *d)
{
	bool worked;

	if (sigsetjmp(fault, 1)) {
		calling = false;
		return false;
	}
	calling = true;
	worked = make(d);
	calling = false;
	return worked;
}

void call_random(struct session *s, uint64_t seed)
{
	struct dice d = { .state = seed, .s = s };
	const struct call *call = any_call(&d);
	struct counts *c = &counts[call - calls];
	const uint64_t began = now_us();

	__atomic_add_fetch(&c->made, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&c->worked, attempt(call->make, &d), __ATOMIC_RELAXED);
	__atomic_add_fetch(&c->us, now_us() - began, __ATOMIC_RELAXED);
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

/* The ring of those before may still be going. */
static void begin_with_ring(struct session *s, uint64_t seed)
{
	struct dice d = { .state = seed, .s = s };

	for (unsigned i = 0; i < 100 && !do_setup(&d); i++)
		usleep(5000);
}

struct session *session_create(uint64_t seed)
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
	begin_with_ring(s, seed);
	s->disk = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC); /* where there is one */
	return s;
}
