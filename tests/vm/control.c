// SPDX-License-Identifier: GPL-2.0-only
/*
 * control: blocks go both ways through the control page, without a call while both sides are busy; the reuse rule holds
 * there too; and whatever is written to the page harms only its writer. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/control.h"
#include "shared/fault.h"
#include "shared/flight.h"
#include "shared/inherit.h"
#include "shared/tap.h"
#include "shared/task.h"

static int poll_now(const struct control *c)
{
	struct pollfd p = { .fd = c->ring.fd, .events = POLLIN };

	EXPECT(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static uint32_t refused(const struct control *c)
{
	return __atomic_load_n(&c->page->refused, __ATOMIC_ACQUIRE);
}

static uint32_t flags(const struct control *c)
{
	return __atomic_load_n(&c->page->flags, __ATOMIC_ACQUIRE);
}

/* How many blocks user space has and the kernel knows of. */
static uint32_t held(const struct control *c)
{
	return ring_stats(c->ring.fd).held;
}

/*
 * The way of a block
 */

static void blocks_go_round(unsigned model)
{
	struct control c = control_start(model);
	struct zcdma_dev_stats s;

	EXPECT(ring_info(c.ring.fd).flags & ZCDMA_DEV_INFO_CONTROL);
	control_run_for(&c, 50 * BLOCKS);
	s = ring_stats(c.ring.fd);
	EXPECT(s.delivered >= 50 * BLOCKS && !s.overruns && !refused(&c));
	control_end(&c);
}

/*
 * While the device has blocks, no call is needed. Where others keep this process waiting so long that it has none, the
 * test shows nothing.
 */
static void no_call_is_needed_while_the_device_has_blocks(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	struct zcdma_dev_block b;
	struct control c;
	unsigned done = 0;

	s.block_size = PAGE;
	s.blocks = 64;
	s.rate = s.block_size * 2000;
	c = control_create(s);
	ring_go(&c.ring);
	while (done < 20 * s.blocks) {
		if (!control_try_take(&c, &b)) {
			usleep(500);
			continue;
		}
		control_give(&c, b.index, 0);
		done++;
	}
	printf("# %lu calls for %u blocks, %llu lost\n", c.kicks, done,
	       (unsigned long long)ring_stats(c.ring.fd).lost_bytes / s.block_size);
	EXPECT(c.kicks <= done / 10 || ring_stats(c.ring.fd).overruns);
	control_end(&c);
}

static void a_block_is_described_as_by_take(unsigned unused)
{
	struct zcdma_dev_block by_take, by_page;
	struct control c;
	struct ring r;

	(void)unused;
	r = ring_start(ZCDMA_DEV_COMPOUND, ZCDMA_DEV_TRACK);
	ring_take(&r);
	by_take = ring_take(&r);
	ring_end(&r);
	c = control_start(ZCDMA_DEV_COMPOUND);
	control_take(&c);
	by_page = control_take(&c);
	EXPECT(by_page.time_ns > by_take.time_ns && by_page.device_time > by_take.device_time);
	by_page.time_ns = by_take.time_ns;
	by_page.device_time = by_take.device_time;
	EXPECT(!memcmp(&by_page, &by_take, sizeof(by_take)));
	control_end(&c);
}

static void poll_waits_and_wakes(unsigned model)
{
	struct control c = control_create(ring_wanted(model));
	struct zcdma_dev_block b;

	EXPECT(!poll_now(&c) && !flags(&c) && !control_try_take(&c, &b));
	ring_go(&c.ring);
	for (unsigned i = 0; i < BLOCKS; i++)
		b = control_take(&c);
	/* All are taken. */
	EXPECT(!control_try_take(&c, &b) && !poll_now(&c));
	EXPECT(flags(&c) == ZCDMA_DEV_CONTROL_KICK);
	control_give(&c, 3, 0);
	EXPECT(c.kicks == 1);
	b = control_take(&c);
	EXPECT(b.index == 3 && b.seq == BLOCKS);
	control_end(&c);
}

static void what_was_full_can_be_taken_after_stop(unsigned model)
{
	struct control c = control_start(model);
	struct zcdma_dev_block b;

	WAIT_FOR(held(&c) == BLOCKS);
	ring_stop(&c.ring);
	EXPECT(flags(&c) == ZCDMA_DEV_CONTROL_ENDED);
	for (unsigned i = 0; i < BLOCKS; i++) {
		EXPECT(poll_now(&c) & POLLIN);
		EXPECT(control_try_take(&c, &b) && b.seq == i);
		control_put(&c, b.index, 0);
	}
	EXPECT(!control_try_take(&c, &b));
	/* The end is news too. */
	EXPECT(poll_now(&c) & POLLIN);
	ring_go(&c.ring);
	EXPECT(!(flags(&c) & ZCDMA_DEV_CONTROL_ENDED));
	b = control_take(&c);
	EXPECT(b.seq == BLOCKS && is_pattern(ring_data(&c.ring, &b), b.length, b.offset));
	control_end(&c);
}

/* What was given while the device was stopped is collected as it starts. */
static void start_collects(unsigned model)
{
	struct control c = control_start(model);

	for (unsigned i = 0; i < BLOCKS; i++)
		control_take(&c);
	ring_stop(&c.ring);
	for (unsigned i = 0; i < BLOCKS; i++)
		control_put(&c, i, 0);
	EXPECT(held(&c) == BLOCKS);
	ring_go(&c.ring);
	control_run_for(&c, 2 * BLOCKS);
	control_end(&c);
}

static void other_calls_go_on(unsigned model)
{
	struct control c = control_start(model);
	struct zcdma_dev_block b = control_take(&c), taken = { .size = sizeof(taken) };
	char data[PAGE];
	int fd[2];

	EXPECT(!pipe(fd));
	EXPECT_ERRNO(ioctl(c.ring.fd, ZCDMA_IOC_TAKE, &taken), EBUSY);
	EXPECT_ERRNO(read(c.ring.fd, data, sizeof(data)), EBUSY);
	EXPECT_ERRNO(splice(c.ring.fd, NULL, fd[1], NULL, PAGE, 0), EBUSY);
	EXPECT(pread(c.ring.fd, data, sizeof(data), (off_t)b.position) == sizeof(data));
	EXPECT(is_pattern(data, sizeof(data), b.offset));
	EXPECT(!ring_give(&c.ring, b.index));
	control_run_for(&c, 2 * BLOCKS);
	control_end(&c);
}

/*
 * The reuse rule
 */

static void a_block_in_flight_is_not_filled(unsigned model)
{
	struct control c = control_start(model);
	struct zcdma_dev_block b = control_take(&c);
	struct zcdma_dev_stats s;
	int fd[2];

	EXPECT(!pipe(fd));
	flight_vmsplice(ring_data(&c.ring, &b), fd[1], PAGE);
	control_give(&c, b.index, 0);
	control_kick(&c);
	s = ring_stats(c.ring.fd);
	EXPECT(s.draining == 1 && s.busy_at_release == 1);
	/* The others go round, and it does not come. */
	for (unsigned i = 0; i < 4 * BLOCKS; i++) {
		struct zcdma_dev_block other = control_take(&c);

		EXPECT(other.index != b.index);
		control_give(&c, other.index, 0);
	}
	flight_receive(fd[0], b.offset, PAGE);
	WAIT_FOR(!ring_stats(c.ring.fd).draining);
	control_end(&c);
}

/*
 * Hostile contents
 */

static void expect_refused(struct control *c, unsigned index, uint64_t length)
{
	const uint32_t before = refused(c), had = held(c);

	control_put(c, index, length);
	control_kick(c);
	EXPECT(refused(c) == before + 1);
	EXPECT(held(c) == had);
}

static void what_is_not_held_is_refused(unsigned model)
{
	struct control c = control_start(model);
	static const unsigned wrong[] = { BLOCKS, BLOCKS + 1, 64, 0x7fffffff, 0x80000000, ~0u };
	struct zcdma_dev_block b;

	WAIT_FOR(held(&c) == BLOCKS);
	ring_stop(&c.ring);
	b = control_take(&c);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_refused(&c, wrong[i], 0);
	expect_refused(&c, b.index, 1);
	expect_refused(&c, b.index, BLOCK);
	expect_refused(&c, b.index, ~0ULL);
	control_put(&c, b.index, 0);
	control_kick(&c);
	EXPECT(held(&c) == BLOCKS - 1);
	/* Twice. */
	expect_refused(&c, b.index, 0);
	/* The other blocks are what they were. */
	for (unsigned i = 1; i < BLOCKS; i++) {
		b = control_take(&c);
		EXPECT(b.seq == i && is_pattern(ring_data(&c.ring, &b), b.length, b.offset));
		control_put(&c, b.index, 0);
	}
	ring_go(&c.ring);
	control_run_for(&c, 4 * BLOCKS);
	control_end(&c);
}

/* Counters that jump: what never was is not looked at, and the next entries are. */
static void counters_that_jump_are_left_out(unsigned model)
{
	static const uint32_t jumps[] = { BLOCKS + 1, 0x1000, 0x7fffffff, 0x80000000, -1u, -5u };
	struct control c = control_start(model);

	WAIT_FOR(held(&c) == BLOCKS);
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		const uint32_t before = refused(&c);

		__atomic_fetch_add(&c.page->given, jumps[i], __ATOMIC_SEQ_CST);
		control_kick(&c);
		EXPECT(refused(&c) == before + 1);
		EXPECT(held(&c) == BLOCKS);
	}
	control_run_for(&c, 4 * BLOCKS);
	control_end(&c);
}

/* What the kernel wrote is its answer, and no state of its own. */
static void the_kernel_believes_nothing_of_its_own(unsigned model)
{
	struct control c = control_start(model);
	struct zcdma_dev_control clean = *c.page;
	struct zcdma_dev_block b;

	for (unsigned i = 0; i < 4 * BLOCKS; i++) {
		b = control_take(&c);
		EXPECT(is_pattern(ring_data(&c.ring, &b), b.length, b.offset));
		clean.taken = c.page->taken;
		clean.given = c.page->given;
		*c.page = (struct zcdma_dev_control){
			.filled = clean.taken,
			.entries = clean.entries,
			.full_offset = clean.full_offset,
			.full_size = clean.full_size,
			.given_offset = clean.given_offset,
			.given_size = clean.given_size,
			.taken = clean.taken,
			.given = clean.given,
		};
		/* All are published already, as the device is fast: only the next one sets the counter right. */
		control_put(&c, b.index, 0);
		control_kick(&c);
		WAIT_FOR(__atomic_load_n(&c.page->filled, __ATOMIC_ACQUIRE) != clean.taken);
		EXPECT(c.page->filled - clean.taken <= BLOCKS);
	}
	EXPECT(!refused(&c));
	control_end(&c);
}

struct vandal {
	struct control *control;
	bool stop;
};

static void *write_garbage(void *arg)
{
	struct vandal *v = arg;
	uint32_t *word = (uint32_t *)v->control->page;
	const size_t words = v->control->ring.setup.control_bytes / sizeof(*word);
	unsigned seed = 1;

	while (!__atomic_load_n(&v->stop, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < 1000; i++) {
			/* Half of it is near the truth: a small number, at the places that the kernel reads. */
			const uint32_t value = (uint32_t)rand_r(&seed);
			const size_t at = value & 1 ? value >> 8 : 16 + (value >> 8) % 2;

			__atomic_store_n(&word[at % words], value & 2 ? value : value >> 4 & 15,
					 __ATOMIC_RELAXED);
		}
		control_kick(v->control);
	}
	return NULL;
}

/* Two threads write garbage all over the page while the device runs, and blocks are exported, read, and given. */
static void garbage_harms_its_writer_alone(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	struct control c;
	struct vandal v = { &c, false };
	struct task task[2];
	unsigned reads = 0;
	char data[64];

	s.block_size = PAGE;
	c = control_create(s);
	ring_go(&c.ring);
	for (size_t i = 0; i < 2; i++)
		task[i] = task_start(write_garbage, &v);
	for (unsigned i = 0; i < tap_repeat(3000); i++) {
		/* Whether that is held now depends on chance. */
		ring_give(&c.ring, i % BLOCKS);
		reads += pread(c.ring.fd, data, sizeof(data),
			       (off_t)((1ULL << 40) + i % BLOCKS * c.ring.setup.stride)) > 0;
		if (i % 100 == 99) {
			ring_stop(&c.ring);
			ring_go(&c.ring);
		}
	}
	__atomic_store_n(&v.stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < 2; i++)
		task_join(&task[i]);
	printf("# %u blocks could be read, %u entries were refused\n", reads, refused(&c));
	control_end(&c);
	/* The device is as good as new. */
	c = control_start(model);
	control_run_for(&c, 4 * BLOCKS);
	control_end(&c);
}

/*
 * Setup and mapping
 */

static void what_does_not_go_together_is_refused(unsigned unused)
{
	struct zcdma_dev_setup s = ring_wanted(ZCDMA_DEV_COMPOUND);
	int fd = ring_open(O_RDWR);

	(void)unused;
	s.flags = ZCDMA_DEV_SETUP_CONTROL;
	s.policy = ZCDMA_DEV_STRICT;
	EXPECT(ring_setup(fd, &s) == -EINVAL);
	s.policy = ZCDMA_DEV_TRACK;
	s.watermark = 2;
	EXPECT(ring_setup(fd, &s) == -EINVAL);
	s.watermark = 1;
	s.flags |= 1U << 31;
	EXPECT(ring_setup(fd, &s) == -EINVAL);
	s.flags = ZCDMA_DEV_SETUP_CONTROL;
	EXPECT(!ring_setup(fd, &s));
	/* What is next to the ring is not mapped: its end is known by that. */
	EXPECT(s.control_offset > s.ring_bytes && s.control_bytes >= PAGE);
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)s.ring_bytes) == MAP_FAILED);
	EXPECT(errno == EINVAL);
	EXPECT(!close(fd));
	/* Without the flag the page is not there. */
	s = ring_wanted(ZCDMA_DEV_COMPOUND);
	fd = ring_open(O_RDWR);
	EXPECT(!ring_setup(fd, &s) && !s.control_offset && !s.control_bytes);
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)s.ring_bytes) == MAP_FAILED);
	EXPECT(errno == EINVAL);
}

static void *try_map(int fd, size_t bytes, int prot, int how, uint64_t offset)
{
	return mmap(NULL, bytes, prot, how, fd, (off_t)offset);
}

static void any_part_of_the_page_is_mapped(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	uint64_t at, bytes;
	struct control c;
	uint32_t *last;

	s.block_size = PAGE;
	s.blocks = 300;
	c = control_create(s);
	at = c.ring.setup.control_offset;
	bytes = c.ring.setup.control_bytes;
	EXPECT(c.page->entries == 512 && bytes >= 512 * (sizeof(struct zcdma_dev_block) + 16));
	EXPECT(try_map(c.ring.fd, bytes + PAGE, PROT_READ, MAP_SHARED, at) == MAP_FAILED);
	EXPECT(try_map(c.ring.fd, PAGE, PROT_READ, MAP_SHARED, at + bytes) == MAP_FAILED);
	EXPECT(try_map(c.ring.fd, PAGE, PROT_READ, MAP_PRIVATE, at) == MAP_FAILED);
	/* Across the border. */
	EXPECT(try_map(c.ring.fd, 2 * PAGE, PROT_READ, MAP_SHARED, at - PAGE) == MAP_FAILED);
	last = try_map(c.ring.fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, at + bytes - PAGE);
	EXPECT(last != MAP_FAILED);
	last[PAGE / 4 - 1] = 0x1234;
	EXPECT(((uint32_t *)c.page)[bytes / 4 - 1] == 0x1234);
	/* It is the process's own loss where it drops its pages. */
	EXPECT(!madvise(last, PAGE, MADV_DONTNEED));
	EXPECT(fault_of_reading((char *)last) == SIGBUS);
	EXPECT(!munmap(last, PAGE));
	ring_go(&c.ring);
	control_run_for(&c, 600);
	control_end(&c);
}

static void a_file_for_reading_maps_it_for_reading(unsigned unused)
{
	struct zcdma_dev_setup s = ring_wanted(ZCDMA_DEV_COMPOUND);
	int fd = ring_open(O_RDONLY);

	(void)unused;
	s.flags = ZCDMA_DEV_SETUP_CONTROL;
	EXPECT(!ring_setup(fd, &s));
	EXPECT(try_map(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, s.control_offset) ==
	       MAP_FAILED);
	EXPECT(errno == EACCES);
	EXPECT(try_map(fd, PAGE, PROT_READ, MAP_SHARED, s.control_offset) != MAP_FAILED);
}

/* Not even after madvise() undid what keeps it from a child. */
static void a_child_does_not_get_it(unsigned model)
{
	struct control c = control_start(model);
	size_t bytes = c.ring.setup.control_bytes;
	int status;
	pid_t pid;

	inherit_all(c.page, bytes);
	pid = fork();
	if (!pid)
		_exit(fault_of_reading((const char *)c.page) != SIGBUS);
	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
	control_run_for(&c, 2 * BLOCKS);
	control_end(&c);
}

/* A page may outlive its ring, in a pipe. */
static void the_page_may_be_in_flight(unsigned model)
{
	struct control c = control_start(model);
	char data[PAGE];
	int fd[2];

	EXPECT(!pipe(fd));
	control_take(&c);
	flight_vmsplice(c.page, fd[1], PAGE);
	control_end(&c);
	c = control_start(model);
	control_run_for(&c, 2 * BLOCKS);
	EXPECT(read(fd[0], data, sizeof(data)) == sizeof(data));
	control_end(&c);
}

static const struct tap_test tests[] = {
	{ "blocks go round through the page", blocks_go_round, TAP_ALL },
	{ "no call is needed while the device has blocks",
	  no_call_is_needed_while_the_device_has_blocks, 1 << ZCDMA_DEV_COMPOUND },
	{ "a block is described as by TAKE", a_block_is_described_as_by_take, 0 },
	{ "poll() waits for the next block, and wakes", poll_waits_and_wakes, TAP_ALL },
	{ "what was full can be taken after STOP", what_was_full_can_be_taken_after_stop, TAP_ALL },
	{ "START collects what was given back", start_collects, TAP_ALL },
	{ "GIVE and pread() go on, TAKE and read() do not", other_calls_go_on, TAP_ALL },
	{ "a block in flight is not filled", a_block_in_flight_is_not_filled, TAP_PAGED },
	{ "what is not held is refused", what_is_not_held_is_refused, TAP_ALL },
	{ "counters that jump are left out", counters_that_jump_are_left_out,
	  1 << ZCDMA_DEV_COMPOUND },
	{ "the kernel believes nothing that it wrote", the_kernel_believes_nothing_of_its_own,
	  1 << ZCDMA_DEV_COMPOUND },
	{ "garbage harms its writer alone", garbage_harms_its_writer_alone, TAP_ALL },
	{ "what does not go together is refused", what_does_not_go_together_is_refused, 0 },
	{ "any part of the page is mapped", any_part_of_the_page_is_mapped,
	  1 << ZCDMA_DEV_COMPOUND },
	{ "a file for reading maps it for reading", a_file_for_reading_maps_it_for_reading, 0 },
	{ "a child does not get it", a_child_does_not_get_it, 1 << ZCDMA_DEV_COMPOUND },
	{ "the page may be in flight when its ring goes", the_page_may_be_in_flight, TAP_PAGED },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	return 0;
}
