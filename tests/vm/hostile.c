// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile: what no program should do, or do all at once. The data must still be right, and the kernel's
 * log without a fault. Speaks TAP. SEED=N makes other random calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/counts.h"
#include "shared/fault.h"
#include "shared/flight.h"
#include "shared/memory.h"
#include "shared/tap.h"

static uint64_t seed = 1;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t below(uint64_t *state, uint64_t limit)
{
	return next_random(state) % limit;
}

/*
 * Random calls
 */

struct fuzz {
	uint64_t random;
	int fd[3];
	char *arg_end; /* the page after it is not mapped */
	void *map;
	size_t mapped;
	int pipe[2];
	unsigned done[_IOC_NR(ZCDMA_IOC_STATS) + 1]; /* calls that succeeded */
};

static const unsigned numbers[] = { ZCDMA_IOC_INFO, ZCDMA_IOC_SETUP, ZCDMA_IOC_START,
				    ZCDMA_IOC_STOP, ZCDMA_IOC_TAKE,  ZCDMA_IOC_GIVE,
				    ZCDMA_IOC_STATS };
static const __u32 sizes[] = { sizeof(struct zcdma_dev_info),
			       sizeof(struct zcdma_dev_setup),
			       0,
			       0,
			       sizeof(struct zcdma_dev_block),
			       sizeof(struct zcdma_dev_give),
			       sizeof(struct zcdma_dev_stats) };

static uint64_t odd_value(uint64_t *random)
{
	switch (below(random, 6)) {
	case 0:
		return 0;
	case 1:
		return below(random, 10);
	case 2:
		return 64 << below(random, 20);
	case 3:
		return -below(random, 10);
	case 4:
		return 1ULL << below(random, 64);
	default:
		return next_random(random);
	}
}

/* Make an argument, in most cases a structure of which most fields may be valid. */
static void *odd_argument(struct fuzz *f, size_t call)
{
	__u32 size = sizes[call];
	char *arg;

	if (!below(&f->random, 10))
		return (void *)(uintptr_t)odd_value(&f->random);
	if (!below(&f->random, 8))
		size = (__u32)below(&f->random, 2 * PAGE);
	arg = f->arg_end - (size > 8 ? size : 8);
	memset(arg, 0, (size_t)(f->arg_end - arg));
	if (numbers[call] == ZCDMA_IOC_SETUP && size >= sizes[call]) {
		struct zcdma_dev_setup s = ring_wanted((unsigned)below(&f->random, 4));

		s.policy = (unsigned)below(&f->random, 2);
		s.block_size = 64 * (1 + below(&f->random, 4096));
		s.rate = below(&f->random, 3) ? 0 : odd_value(&f->random);
		memcpy(arg, &s, sizeof(s));
	}
	if (numbers[call] == ZCDMA_IOC_GIVE)
		((struct zcdma_dev_give *)arg)->index = (__u32)below(&f->random, BLOCKS + 1);
	for (uint64_t n = below(&f->random, 8) ? 0 : below(&f->random, 4); n; n--) {
		uint64_t value = odd_value(&f->random);
		size_t at = below(&f->random, (uint64_t)(f->arg_end - arg - 7));

		memcpy(arg + at, &value, sizeof(value));
	}
	memcpy(arg, &size, below(&f->random, 20) ? sizeof(size) : 1);
	return arg;
}

static void odd_ioctl(struct fuzz *f, int fd)
{
	size_t call = below(&f->random, sizeof(numbers) / sizeof(numbers[0]));
	unsigned number = below(&f->random, 20) ? numbers[call] : (unsigned)odd_value(&f->random);
	void *arg = sizes[call] ? odd_argument(f, call) : NULL;

	if (!ioctl(fd, number, arg) && number == numbers[call])
		f->done[call]++;
}

static void odd_mapping(struct fuzz *f, int fd)
{
	if (f->mapped)
		munmap(f->map, f->mapped);
	f->mapped = below(&f->random, 64) * PAGE;
	f->map = mmap(NULL, f->mapped, (int)below(&f->random, 4),
		      below(&f->random, 9) ? MAP_SHARED : MAP_PRIVATE, fd,
		      (off_t)(below(&f->random, 5) ? below(&f->random, 64) * PAGE
						   : odd_value(&f->random) & ~(PAGE - 1ULL)));
	if (f->map == MAP_FAILED)
		f->mapped = 0;
	for (size_t at = 0; at < f->mapped; at += PAGE)
		fault_of_reading((char *)f->map + at);
}

static void odd_transfer(struct fuzz *f, int fd)
{
	static char data[4 * PAGE];
	off64_t position = (off64_t)(below(&f->random, 2) ? 1ULL << 40 | below(&f->random, 1 << 22)
							  : odd_value(&f->random));
	size_t len = below(&f->random, sizeof(data));

	switch (below(&f->random, 5)) {
	case 0:
		(void)!read(fd, data, len);
		break;
	case 1:
		(void)!pread(fd, data, len, position);
		break;
	case 2:
		splice(fd, NULL, f->pipe[1], NULL, len, SPLICE_F_NONBLOCK);
		break;
	case 3:
		splice(fd, &position, f->pipe[1], NULL, len, SPLICE_F_NONBLOCK);
		break;
	default:
		(void)!read(f->pipe[0], data, sizeof(data));
	}
}

/*
 * A call that was always refused was not tested. Require one success, not more: how many blocks can be taken depends
 * on the machine.
 */
static bool each_succeeded(const struct fuzz *f)
{
	for (size_t call = 0; call < sizeof(f->done) / sizeof(f->done[0]); call++) {
		if (!f->done[call])
			return false;
	}
	return true;
}

static void random_calls_do_no_harm(unsigned unused)
{
	struct fuzz f = { .random = seed };
	char *pages =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ring r;

	(void)unused;
	memory_limit(4 << 20); /* so that no ring takes long to set up */
	EXPECT(pages != MAP_FAILED && !munmap(pages + 3 * PAGE, PAGE));
	f.arg_end = pages + 3 * PAGE;
	EXPECT(!pipe2(f.pipe, O_NONBLOCK));
	for (size_t i = 0; i < 3; i++)
		f.fd[i] = ring_open((i ? O_RDWR : O_RDONLY) | O_NONBLOCK);
	for (unsigned n = 0; n < 15000 && !(n >= tap_repeat(15000) && each_succeeded(&f)); n++) {
		size_t i = below(&f.random, 3);

		if (below(&f.random, 4))
			odd_ioctl(&f, f.fd[i]);
		else if (below(&f.random, 2))
			odd_transfer(&f, f.fd[i]);
		else
			odd_mapping(&f, f.fd[i]);
		if (below(&f.random, 80))
			continue;
		close(f.fd[i]);
		f.fd[i] = ring_open((i ? O_RDWR : O_RDONLY) | O_NONBLOCK);
	}
	if (f.mapped)
		munmap(f.map, f.mapped);
	for (size_t i = 0; i < 3; i++)
		close(f.fd[i]);
	for (size_t call = 0; call < sizeof(f.done) / sizeof(f.done[0]); call++)
		printf("# %u of call %zu succeeded\n", f.done[call], call);
	EXPECT(each_succeeded(&f));
	r = ring_start(ZCDMA_DEV_COMPOUND, ZCDMA_DEV_TRACK);
	ring_expect_works(&r);
}

/*
 * All at once
 */

#define SMALL_BLOCK (16 * PAGE)

struct crowd {
	struct ring r;
	uint64_t random;
	unsigned operations;
};

/* Some pages go to a pipe, stay there while the block is given back, and must be as they were. */
static void *crowd_take(void *arg)
{
	struct crowd *c = arg;
	uint64_t random = c->random;
	bool coherent = c->r.setup.model == ZCDMA_DEV_COHERENT;
	int fd[2];

	EXPECT(!pipe(fd));
	for (unsigned i = 0; i < c->operations; i++) {
		struct zcdma_dev_block b = ring_take(&c->r);
		size_t page = below(&random, 12), pages = 1 + below(&random, 4);
		off64_t position = (off64_t)(b.position + page * PAGE);

		EXPECT(is_pattern(ring_data(&c->r, &b), b.length, b.offset));
		if (coherent || below(&random, 2))
			flight_splice(c->r.fd, &position, fd[1], pages * PAGE);
		else
			flight_vmsplice(ring_data(&c->r, &b) + page * PAGE, fd[1], pages * PAGE);
		EXPECT(!ring_give(&c->r, b.index));
		if (!below(&random, 4))
			sched_yield();
		flight_receive(fd[0], b.offset + page * PAGE, pages * PAGE);
	}
	return NULL;
}

/* Whole pages, so that each says by its first word where it belongs. */
static void expect_pages(const char *data, ssize_t len)
{
	EXPECT(len > 0 && len % PAGE == 0);
	for (ssize_t at = 0; at < len; at += PAGE) {
		uint64_t word;

		memcpy(&word, data + at, sizeof(word));
		EXPECT(is_pattern(data + at, PAGE, (word ^ SEED) * 8));
	}
}

static void *crowd_read(void *arg)
{
	struct crowd *c = arg;
	uint64_t random = c->random;
	static char data[4 * PAGE];

	for (unsigned i = 0; i < c->operations; i++)
		expect_pages(data, read(c->r.fd, data, (1 + below(&random, 4)) * PAGE));
	return NULL;
}

static void *crowd_splice(void *arg)
{
	struct crowd *c = arg;
	uint64_t random = c->random;
	static char data[4 * PAGE];
	int fd[2];

	EXPECT(!pipe(fd));
	for (unsigned i = 0; i < c->operations; i++) {
		ssize_t n = splice(c->r.fd, NULL, fd[1], NULL, (1 + below(&random, 4)) * PAGE, 0);

		if (n < 0) {
			EXPECT(errno == EAGAIN);
			sched_yield();
			continue;
		}
		EXPECT(read(fd[0], data, sizeof(data)) == n);
		expect_pages(data, n);
	}
	return NULL;
}

static void *crowd_map(void *arg)
{
	struct crowd *c = arg;
	uint64_t random = c->random, pages = c->r.setup.ring_bytes / PAGE;

	for (unsigned i = 0; i < c->operations; i++) {
		uint64_t first = below(&random, pages), len = 1 + below(&random, pages - first);
		char *map = mmap(NULL, len * PAGE, PROT_READ, MAP_SHARED, c->r.fd,
				 (off_t)(first * PAGE));

		EXPECT(map != MAP_FAILED);
		for (unsigned touch = 0; touch < 8; touch++)
			EXPECT(fault_of_reading(map + below(&random, len) * PAGE) != SIGSEGV);
		if (below(&random, 2))
			madvise(map, len * PAGE, MADV_DONTNEED);
		EXPECT(fault_of_reading(map) != SIGSEGV);
		EXPECT(!munmap(map, len * PAGE));
	}
	return NULL;
}

static void everything_at_once(unsigned model, unsigned policy)
{
	static const struct {
		void *(*run)(void *);
		unsigned operations;
	} people[] = { { crowd_take, 250 },   { crowd_take, 250 }, { crowd_read, 500 },
		       { crowd_splice, 500 }, { crowd_map, 150 },  { crowd_map, 150 } };
	struct zcdma_dev_setup s = ring_wanted(model);
	struct crowd crowd[6];
	pthread_t thread[6];
	struct ring r;

	s.policy = policy;
	s.block_size = SMALL_BLOCK;
	r = ring_create(O_RDONLY, s);
	ring_go(&r);
	for (size_t i = 0; i < 6; i++) {
		crowd[i] =
			(struct crowd){ r, seed + 77 * (i + 1), tap_repeat(people[i].operations) };
		EXPECT(!pthread_create(&thread[i], NULL, people[i].run, &crowd[i]));
	}
	for (size_t i = 0; i < 6; i++)
		EXPECT(!pthread_join(thread[i], NULL));
	/* A block that is half read is still held; all others come back. */
	WAIT_FOR(ring_stats(r.fd).full + ring_stats(r.fd).held == BLOCKS);
	EXPECT(ring_stats(r.fd).held <= 1);
}

static void everything_at_once_track(unsigned model)
{
	everything_at_once(model, ZCDMA_DEV_TRACK);
}

static void everything_at_once_strict(unsigned model)
{
	everything_at_once(model, ZCDMA_DEV_STRICT);
}

static void *race_setup(void *arg)
{
	struct zcdma_dev_setup s = ring_wanted(ZCDMA_DEV_PAGES);

	s.block_size = PAGE;
	return (void *)(intptr_t)ring_setup(*(int *)arg, &s);
}

static void one_setup_wins(unsigned unused)
{
	(void)unused;
	for (unsigned round = 0; round < tap_repeat(100); round++) {
		int same = ring_open(O_RDONLY),
		    fd[4] = { same, same, ring_open(O_RDONLY), ring_open(O_RDONLY) };
		pthread_t thread[4];
		unsigned won = 0;

		for (size_t i = 0; i < 4; i++)
			EXPECT(!pthread_create(&thread[i], NULL, race_setup, &fd[i]));
		for (size_t i = 0; i < 4; i++) {
			void *ret;

			EXPECT(!pthread_join(thread[i], &ret));
			won += !ret;
			EXPECT(!ret || (intptr_t)ret == -EBUSY || (intptr_t)ret == -EALREADY);
		}
		EXPECT(won == 1);
		EXPECT(!close(same) && !close(fd[2]) && !close(fd[3]));
	}
}

struct giver {
	const struct ring *r;
	bool stop;
};

static void *give_them_all(void *arg)
{
	const struct giver *g = arg;

	while (!__atomic_load_n(&g->stop, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < BLOCKS; i++)
			ring_give(g->r, i);
	}
	return NULL;
}

/* Another thread gives a block back while it is being taken: what TAKE says of it is of one filling, not of two. */
static void a_block_is_described_as_it_was_taken(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	struct giver g = { 0 };
	pthread_t thread;
	struct ring r;

	s.block_size = PAGE;
	r = ring_create(O_RDONLY, s);
	g.r = &r;
	ring_go(&r);
	EXPECT(!pthread_create(&thread, NULL, give_them_all, &g));
	for (unsigned i = 0; i < tap_repeat(4000); i++) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(b.length == PAGE && b.offset == b.seq * PAGE);
	}
	__atomic_store_n(&g.stop, true, __ATOMIC_RELAXED);
	EXPECT(!pthread_join(thread, NULL));
}

/*
 * Pipes
 */

static void a_pipe_of_one_page(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	int fd[2];

	EXPECT(!pipe(fd) && fcntl(fd[1], F_SETPIPE_SZ, PAGE) == PAGE);
	for (uint64_t offset = 0; offset < 2 * BLOCK; offset += PAGE) {
		WAIT_FOR(ring_stats(r.fd).full || offset % BLOCK);
		EXPECT(splice(r.fd, NULL, fd[1], NULL, BLOCK, 0) == PAGE);
		EXPECT_ERRNO(splice(r.fd, NULL, fd[1], NULL, BLOCK, SPLICE_F_NONBLOCK), EAGAIN);
		flight_receive(fd[0], offset, PAGE);
	}
}

/* The data in the pipe stays, and the pages that it has room for come after it. */
static void a_pipe_that_is_partly_filled(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	uint64_t offset = 0;
	int fd[2];

	EXPECT(!pipe(fd) && fcntl(fd[1], F_SETPIPE_SZ, 4 * PAGE) == 4 * PAGE);
	WAIT_FOR(ring_stats(r.fd).full == BLOCKS);
	for (unsigned lap = 0; lap < 5; lap++) {
		size_t moved = 0;
		char data[5];
		ssize_t n;

		EXPECT(write(fd[1], "first", 5) == 5);
		/* A slot takes as much as is contiguous, so this may well be more than three pages. */
		while ((n = splice(r.fd, NULL, fd[1], NULL, BLOCK, SPLICE_F_NONBLOCK)) > 0)
			moved += (size_t)n;
		EXPECT(n < 0 && errno == EAGAIN && moved >= 3 * PAGE);
		EXPECT(read(fd[0], data, 5) == 5 && !memcmp(data, "first", 5));
		flight_receive(fd[0], offset, moved);
		offset += moved;
	}
}

static void lengths_of_any_kind(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	uint64_t random = seed, offset = 0;
	int fd[2];

	EXPECT(!pipe(fd));
	while (offset < 3 * BLOCK) {
		size_t want = below(&random, 3) ? 1 + below(&random, 3 * PAGE) : 1;
		ssize_t n = splice(r.fd, NULL, fd[1], NULL, want, 0);

		if (n < 0) {
			EXPECT(errno == EAGAIN);
			continue;
		}
		EXPECT(n > 0 && (size_t)n <= want);
		flight_receive(fd[0], offset, (size_t)n);
		offset += (uint64_t)n;
	}
	EXPECT(splice(r.fd, NULL, fd[1], NULL, 0, 0) == 0);
}

static void a_pipe_without_a_reader_loses_nothing(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	int broken[2], fd[2];

	signal(SIGPIPE, SIG_IGN);
	EXPECT(!pipe(broken) && !pipe(fd) && !close(broken[0]));
	WAIT_FOR(ring_stats(r.fd).full == BLOCKS);
	EXPECT_ERRNO(splice(r.fd, NULL, broken[1], NULL, PAGE, 0), EPIPE);
	EXPECT(splice(r.fd, NULL, fd[1], NULL, PAGE, 0) == PAGE);
	flight_receive(fd[0], 0, PAGE);
}

/* Pages go through many pipes, and each of them counts. */
static void tees_of_tees(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	int fd[64][2];

	EXPECT(!pipe(fd[0]));
	flight_vmsplice(ring_data(&r, &b), fd[0][1], 4 * PAGE);
	for (unsigned i = 1; i < 64; i++)
		EXPECT(!pipe(fd[i]) && tee(fd[i - 1][0], fd[i][1], 4 * PAGE, 0) == 4 * PAGE);
	EXPECT(!ring_give(&r, b.index));
	for (unsigned i = 0; i < 64; i++) {
		ring_run_for(&r, BLOCKS);
		EXPECT(ring_stats(r.fd).draining == 1);
		flight_receive(fd[i][0], b.offset, 4 * PAGE);
	}
	ring_run_until(&r, b.index);
}

static const struct tap_test tests[] = {
	{ "random calls do no harm", random_calls_do_no_harm, 0 },
	{ "of many setups at once one wins", one_setup_wins, 0 },
	{ "everything at once", everything_at_once_track, TAP_ALL },
	{ "strict: everything at once", everything_at_once_strict, TAP_PAGED },
	{ "a block that is given back while it is taken is described as it was",
	  a_block_is_described_as_it_was_taken, 0x4 },
	{ "a pipe of one page", a_pipe_of_one_page, TAP_ALL },
	{ "a pipe that is partly filled", a_pipe_that_is_partly_filled, TAP_ALL },
	{ "splice() of any length", lengths_of_any_kind, TAP_ALL },
	{ "a pipe without a reader loses nothing", a_pipe_without_a_reader_loses_nothing, TAP_ALL },
	{ "tees of tees are waited for, each", tees_of_tees, TAP_PAGED },
};

int main(void)
{
	const char *other = getenv("SEED");

	if (other)
		seed = strtoull(other, NULL, 0) | 1;
	printf("# SEED=%llu\n", (unsigned long long)seed);
	TAP_RUN_ALL(tests);
	return 0;
}
