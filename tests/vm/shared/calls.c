// SPDX-License-Identifier: GPL-2.0-only
/* Random calls with random arguments. Most are such that the call succeeds; what is odd is rare. */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "calls_parts.h"
#include "tap.h"

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
	{ "START_GROUP", do_start_group, 2 },
	{ "STOP", do_stop, 2 },
	{ "TAKE", do_take, 18 },
	{ "GIVE", do_give, 18 },
	{ "taking by the page", do_page_take, 8 },
	{ "giving by the page", do_page_give, 8 },
	{ "EXPORT", do_export, 4 },
	{ "mmap of a dma-buf", do_map_dmabuf, 2 },
	{ "SYNC", do_sync, 3 },
	{ "an import for DMA", do_import, 2 },
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
	{ "write", do_write, 4 },
	{ "fsync", do_fsync, 2 },
	{ "splice from the device", do_splice, 8 },
	{ "sendfile", do_sendfile, 2 },
	{ "splice to the device", do_splice_to, 6 },
	{ "sendfile to the device", do_sendfile_to, 3 },
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

bool calls_catch_faults(void)
{
	const struct sigaction action = { .sa_handler = on_fault };

	return !sigaction(SIGBUS, &action, NULL) && !sigaction(SIGSEGV, &action, NULL);
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

static bool make_call(const struct call *call, struct dice *d)
{
	struct counts *c = &counts[call - calls];
	const uint64_t began = now_us();
	bool worked;

	__atomic_add_fetch(&c->made, 1, __ATOMIC_RELAXED);
	worked = attempt(call->make, d);
	__atomic_add_fetch(&c->worked, worked, __ATOMIC_RELAXED);
	__atomic_add_fetch(&c->us, now_us() - began, __ATOMIC_RELAXED);
	return worked;
}

void call_random(struct session *s, uint64_t seed)
{
	struct dice d = { .state = seed, .s = s };

	make_call(any_call(&d), &d);
}

bool call_setup(struct session *s, uint64_t seed)
{
	struct dice d = { .state = seed, .s = s };
	size_t i = 0;

	while (calls[i].make != do_setup)
		i++;
	return make_call(&calls[i], &d);
}
