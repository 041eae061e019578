// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz: calls in random order with random arguments, by pairs of processes of several threads, which share a ring
 * and are killed now and then. What the kernel says of it is the test; and that all is as before when they are
 * gone. Programs that reach a new place in the module (shared/kcov.h) are kept, and varied. Speaks TAP.
 *
 * FUZZ_SECONDS=N   how long (20, times LIMIT_SCALE)
 * FUZZ_SEED=N      the first number (the time), which is printed
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/calls.h"
#include "shared/kcov.h"
#include "shared/memory.h"
#include "shared/ring.h"
#include "shared/tap.h"

#define PROCESSES 2
#define THREADS	  2
#define STEPS	  12
#define CORPUS	  4096

struct program {
	unsigned steps;
	uint64_t seed[STEPS];
};

/* What the processes share. */
static struct shared {
	unsigned programs;
	struct program corpus[CORPUS];
	unsigned sessions;
	uint64_t session_us; /* to make them */
} * shared;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A new program; or one that reached something, with some of its steps changed. */
static struct program make_program(uint64_t *random)
{
	const unsigned known = __atomic_load_n(&shared->programs, __ATOMIC_ACQUIRE);
	struct program p = { .steps = 1 + next(random) % STEPS };
	unsigned changes = p.steps;

	if (known && next(random) % 2) {
		p = shared->corpus[next(random) % known % CORPUS];
		changes = next(random) % 3;
		if (p.steps < STEPS && next(random) % 2)
			p.seed[p.steps++] = next(random);
	} else {
		for (unsigned i = 0; i < p.steps; i++)
			p.seed[i] = next(random);
	}
	while (changes--)
		p.seed[next(random) % p.steps] = next(random);
	return p;
}

static void keep(const struct program *p)
{
	const unsigned i = __atomic_load_n(&shared->programs, __ATOMIC_RELAXED);

	if (i < CORPUS) {
		shared->corpus[i] = *p; /* of two at once one is lost, which does not matter */
		__atomic_store_n(&shared->programs, i + 1, __ATOMIC_RELEASE);
	}
}

struct thread {
	struct session *session;
	uint64_t random;
};

static timer_t make_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	timer_t timer;

	event._sigev_un._tid = gettid();
	EXPECT(!timer_create(CLOCK_MONOTONIC, &event, &timer));
	return timer;
}

/* Interrupt a call that waits for longer. Each call has a whole period, or slow ones never work. */
static void interrupt_late(timer_t timer)
{
	const long ns = tap_limit(20) * 1000000L;
	const struct itimerspec late = { .it_value = { ns / 1000000000, ns % 1000000000 },
					 .it_interval = { ns / 1000000000, ns % 1000000000 } };

	timer_settime(timer, 0, &late, NULL);
}

static void *run_thread(void *argument)
{
	const timer_t timer = make_timer();
	struct thread *t = argument;

	kcov_follow();
	for (;;) {
		const struct program p = make_program(&t->random);

		kcov_begin();
		for (unsigned i = 0; i < p.steps; i++) {
			interrupt_late(timer);
			call_random(t->session, p.seed[i]);
		}
		if (kcov_end())
			keep(&p);
	}
	return NULL;
}

static void ignore(int signo)
{
	(void)signo;
}

/* The first pair is at the simulated device, and of the others each fourth; the rest is at the others in turn. */
static const char *const devices[] = { DEVICE, "/dev/zcdma2", "/dev/zcdma3" };

static unsigned count_devices(void)
{
	unsigned n = 1;

	while (n < sizeof(devices) / sizeof(devices[0]) && !access(devices[n], R_OK | W_OK))
		n++;
	return n;
}

static void choose_device(unsigned process, unsigned started)
{
	const unsigned others = count_devices() - 1;

	if (process && started % 4)
		ring_device = devices[1 + started % others];
}

static struct session *make_session(uint64_t random)
{
	const double began = now();
	struct session *session;

	kcov_follow();
	kcov_begin();
	session = session_create(random);
	kcov_end();
	__atomic_add_fetch(&shared->sessions, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&shared->session_us, (uint64_t)((now() - began) * 1e6),
			   __ATOMIC_RELAXED);
	return session;
}

/*
 * It ends by itself while its threads are in the middle of calls, unless it is killed before. So does the other
 * one of the pair, which has the same files, pipes and sockets.
 */
static void run_process(uint64_t random)
{
	const struct sigaction action = { .sa_handler = ignore };
	struct session *session;
	pthread_t thread;

	sigaction(SIGALRM, &action, NULL);
	session = make_session(random);
	if (!fork())
		random = ~random;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; session && i < THREADS; i++) {
		struct thread *t = malloc(sizeof(*t));

		if (!t)
			break;
		*t = (struct thread){ session, next(&random) | 1 };
		pthread_create(&thread, NULL, run_thread, t);
	}
	usleep(tap_limit(1) * (100000 + next(&random) % 10000000));
	_exit(0);
}

/*
 * Have processes for that time: one that is gone is followed by another. Where the machine is slow all live longer,
 * as to make a session takes longer. Adds to @took how long it took.
 */
static unsigned run_processes(double seconds, uint64_t *random, double *took)
{
	const double began = now(), end = began + seconds;
	const unsigned pairs = count_devices() > 1 ? PROCESSES : 1;
	pid_t pid[PROCESSES] = { 0 };
	unsigned started = 0;

	while (now() < end) {
		for (unsigned i = 0; i < pairs; i++) {
			if (pid[i] > 0 && waitpid(pid[i], NULL, WNOHANG) == 0)
				continue;
			fflush(stdout);
			pid[i] = fork();
			if (!pid[i]) {
				choose_device(i, started);
				run_process(next(random) + started);
			}
			EXPECT(pid[i] > 0);
			next(random);
			started++;
		}
		usleep(50000);
		if (next(random) % (64 * tap_limit(1)) == 0)
			kill(pid[next(random) % pairs], SIGKILL);
	}
	for (unsigned i = 0; i < pairs; i++)
		kill(pid[i], SIGKILL);
	for (unsigned i = 0; i < pairs; i++)
		EXPECT(waitpid(pid[i], NULL, 0) == pid[i]);
	*took += now() - began;
	return started;
}

static void stream_is_right(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);

	for (unsigned i = 0; i < 4 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
		EXPECT(!ring_give(&r, b.index));
	}
	ring_end(&r);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* The ring of a process that was killed goes when its last call ends. */
static void leaves_no_ring(void)
{
	int fd = ring_open(O_RDONLY);

	WAIT_FOR(!ring_stats(fd).ring_blocks);
	EXPECT(!close(fd));
}

/* Returns a call that is to work and never did, or NULL. */
static const char *never_worked(void)
{
	static const char *const wanted[] = {
		"SETUP",
		"START",
		"START_GROUP",
		"TAKE",
		"GIVE",
		"taking by the page",
		"giving by the page",
		"EXPORT",
		"mmap of a dma-buf",
		"SYNC",
		"an import for DMA",
		"mmap",
		"write",
		"fsync",
		"splice from the device",
		"splice to the device",
		"sendfile",
		"sendfile to the device",
		"vmsplice",
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!calls_worked(wanted[i]))
			return wanted[i];
	}
	return NULL;
}

static void report(double seconds, unsigned pairs)
{
	const char *name = never_worked();

	calls_print();
	printf("# %" PRIu64
	       " calls in %.0f s, %.0f per second, by %u pairs of processes of %u threads; %zu places of the module reached, by %u programs\n",
	       calls_made(), seconds, (double)calls_made() / seconds, pairs, THREADS,
	       kcov_reached(), shared->programs);
	printf("# %u sessions took %.1f s each to make\n", shared->sessions,
	       (double)shared->session_us / 1e6 / shared->sessions);
	if (name)
		printf("# %s: it never worked\n", name);
	EXPECT(!name);
	puts("ok - random calls reach what they are to reach");
}

int main(void)
{
	const double seconds = (double)number("FUZZ_SECONDS", tap_limit(20));
	const uint64_t seed = number("FUZZ_SEED", time(NULL));
	uint64_t random = seed * 0x9e3779b97f4a7c15 | 1;
	struct memory before;
	double took = 0;
	unsigned pairs;

	memory_limit(8 << 20); /* so that no ring takes long to set up */
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	EXPECT(shared != MAP_FAILED);
	kcov_init();
	calls_init();
	printf("# FUZZ_SEED=%" PRIu64 "\n", seed);
	/* What is allocated once, and kept, is not leaked. */
	pairs = run_processes(seconds / 4, &random, &took);
	leaves_no_ring();
	for (unsigned model = 0; model < 4; model++)
		stream_is_right(model);
	before = memory_now();
	fflush(stdout);
	pairs += run_processes(seconds * 3 / 4, &random, &took);
	/* A machine that is slow makes few calls in that time, of which chance says which work. */
	for (unsigned i = 0; i < 20 && never_worked(); i++)
		pairs += run_processes(seconds / 4, &random, &took);
	report(took, pairs);

	leaves_no_ring();
	puts("ok - random calls leave no ring");
	for (unsigned model = 0; model < 4; model++)
		stream_is_right(model);
	puts("ok - after random calls the stream is right");
	expect_memory_back(&before, 0, 0);
	puts("ok - random calls leak nothing");
	if (kcov_reached())
		kcov_print_missed();
	return 0;
}
