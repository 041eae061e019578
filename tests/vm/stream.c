// SPDX-License-Identifier: GPL-2.0-only
/* stream: the ways in which the stream and its blocks reach user space. Speaks TAP. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "shared/disk.h"
#include "shared/fault.h"
#include "shared/flight.h"
#include "shared/task.h"
#include "shared/tap.h"

static int take_errno(int fd)
{
	struct zcdma_dev_block b = { .size = sizeof(b) };

	return ioctl(fd, ZCDMA_IOC_TAKE, &b) ? errno : 0;
}

static void set_nonblocking(int fd)
{
	EXPECT(!fcntl(fd, F_SETFL, O_NONBLOCK));
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ret = poll(&p, 1, 0);

	EXPECT(ret >= 0 && (!ret || p.revents == POLLIN));
	return ret;
}

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	EXPECT(poll(&p, 1, (int)tap_limit(30000)) == 1 && p.revents == POLLIN);
}

/*
 * Blocks
 */

static void stream_is_right(unsigned model)
{
	for (unsigned policy = ZCDMA_DEV_TRACK; policy <= ZCDMA_DEV_STRICT; policy++) {
		struct ring r;
		uint64_t offset = 0, last = 0;

		if (policy == ZCDMA_DEV_STRICT && model == ZCDMA_DEV_COHERENT)
			continue;
		r = ring_start(model, policy);
		for (unsigned i = 0; i < 3 * BLOCKS; i++, offset += BLOCK) {
			struct zcdma_dev_block b = ring_take(&r);

			EXPECT(b.seq == i && b.offset == offset && b.length == BLOCK);
			EXPECT(!b.lost && !b.flags && b.time_ns >= last);
			EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
			EXPECT(!ring_give(&r, b.index));
			EXPECT(ring_give(&r, b.index) == -EINVAL);
			last = b.time_ns;
		}
		ring_end(&r);
	}
}

static void blocks_of_any_size(unsigned model)
{
	const uint64_t least = ring_align();
	const uint64_t sizes[] = { least, PAGE - least, PAGE + least, 100 * 1024 + 3 * least };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct zcdma_dev_setup s = ring_wanted(model);
		uint64_t offset = 0;
		struct ring r;

		s.block_size = sizes[i];
		s.blocks = 3;
		r = ring_create(O_RDONLY, s);
		ring_go(&r);
		for (unsigned n = 0; n < 10; n++, offset += sizes[i]) {
			struct zcdma_dev_block b = ring_take(&r);

			EXPECT(b.offset == offset && b.length == sizes[i]);
			EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
			EXPECT(!ring_give(&r, b.index));
		}
		ring_end(&r);
	}
}

static void blocks_come_back_in_any_order(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	unsigned index[BLOCKS];

	for (unsigned lap = 0; lap < 3; lap++) {
		for (unsigned i = 0; i < BLOCKS; i++)
			index[i] = ring_take(&r).index;
		EXPECT(ring_stats(r.fd).held == BLOCKS);
		for (unsigned i = 0; i < BLOCKS; i++)
			EXPECT(!ring_give(&r, index[(i * 3 + lap) % BLOCKS]));
	}
	EXPECT(ring_give(&r, BLOCKS) == -EINVAL && ring_give(&r, UINT32_MAX) == -EINVAL);
}

static void stop_ends_the_stream(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = { .size = sizeof(b) };
	unsigned left = 0;
	char data[8];

	ring_take(&r);
	ring_stop(&r);
	ring_stop(&r);
	EXPECT(!ring_stats(r.fd).running);
	while (!ioctl(r.fd, ZCDMA_IOC_TAKE, &b))
		EXPECT(++left < BLOCKS);
	EXPECT(errno == ENODATA);
	EXPECT(readable(r.fd) && read(r.fd, data, sizeof(data)) == 0);
}

static void start_continues_the_stream(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	uint64_t next = 0;

	for (unsigned lap = 0; lap < 3; lap++) {
		struct zcdma_dev_block b = { .size = sizeof(b) };

		ring_go(&r);
		ring_go(&r);
		EXPECT(ring_stats(r.fd).running);
		WAIT_FOR(readable(r.fd));
		ring_stop(&r);
		while (!ioctl(r.fd, ZCDMA_IOC_TAKE, &b)) {
			EXPECT(b.seq == next && b.offset == next * BLOCK && !b.lost);
			EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
			EXPECT(!ring_give(&r, b.index));
			next++;
		}
		EXPECT(errno == ENODATA && next > lap);
	}
}

/*
 * Waiting
 */

static void nothing_there_is_eagain(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	int pipe_fd[2];
	char data[8];

	EXPECT(!pipe(pipe_fd));
	EXPECT(!readable(r.fd));
	/* It never waits, as it holds the pipe. */
	EXPECT_ERRNO(splice(r.fd, NULL, pipe_fd[1], NULL, PAGE, 0), EAGAIN);
	set_nonblocking(r.fd);
	EXPECT(take_errno(r.fd) == EAGAIN);
	EXPECT_ERRNO(read(r.fd, data, sizeof(data)), EAGAIN);
	ring_go(&r);
	wait_readable(r.fd);
	EXPECT(!take_errno(r.fd));
	EXPECT(ring_stats(r.fd).held == 1);
}

static void *take_one(void *arg)
{
	return (void *)(uintptr_t)ring_take(arg).seq;
}

static void *read_some(void *arg)
{
	const struct ring *r = arg;
	char data[64];

	EXPECT(read(r->fd, data, sizeof(data)) == sizeof(data));
	EXPECT(is_pattern(data, sizeof(data), 0));
	return NULL;
}

static void *poll_it(void *arg)
{
	wait_readable(((const struct ring *)arg)->fd);
	return NULL;
}

/* A waiter that sleeps wakes up when there is something. */
static void a_waiter_wakes_up(unsigned model)
{
	void *(*const waiters[])(void *) = { take_one, read_some, poll_it };

	for (size_t i = 0; i < 3; i++) {
		struct ring r = ring_create(O_RDONLY, ring_wanted(model));
		struct task t = task_start(waiters[i], &r);

		task_wait_asleep(&t);
		ring_go(&r);
		EXPECT(!task_join(&t));
		ring_end(&r);
	}
}

static void *take_at_the_end(void *arg)
{
	EXPECT(take_errno(((const struct ring *)arg)->fd) == ENODATA);
	return NULL;
}

static void stop_wakes_a_waiter(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct task t;

	for (unsigned i = 0; i < BLOCKS; i++)
		ring_take(&r);
	t = task_start(take_at_the_end, &r);
	task_wait_asleep(&t);
	ring_stop(&r);
	EXPECT(!task_join(&t));
}

static void on_signal(int signo)
{
	(void)signo;
}

static void *take_interrupted(void *arg)
{
	EXPECT(take_errno(((const struct ring *)arg)->fd) == EINTR);
	return NULL;
}

static void a_signal_interrupts_a_waiter(unsigned model)
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	struct task t;

	EXPECT(!sigaction(SIGUSR1, &action, NULL));
	t = task_start(take_interrupted, &r);
	task_wait_asleep(&t);
	EXPECT(!pthread_kill(t.thread, SIGUSR1));
	EXPECT(!task_join(&t));
}

static void epoll_tells_each_block(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	EXPECT(!epoll_ctl(ep, EPOLL_CTL_ADD, r.fd, &event));
	EXPECT(epoll_wait(ep, &event, 1, 0) == 0);
	set_nonblocking(r.fd);
	ring_go(&r);
	for (unsigned taken = 0; taken < 4 * BLOCKS;) {
		struct zcdma_dev_block b = { .size = sizeof(b) };

		EXPECT(epoll_wait(ep, &event, 1, (int)tap_limit(30000)) == 1 &&
		       event.events == EPOLLIN);
		while (!ioctl(r.fd, ZCDMA_IOC_TAKE, &b)) {
			EXPECT(!ring_give(&r, b.index));
			taken++;
		}
		EXPECT(errno == EAGAIN);
	}
}

/*
 * read(), splice()
 */

static void read_copies_the_stream(unsigned model)
{
	/* Within a page, over its end, over a block's end, more than there is. */
	static const size_t sizes[] = { 1, 7, PAGE, 3 * PAGE + 5, BLOCK, BLOCK + 13 };
	static char data[BLOCK + 13];
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	uint64_t offset = 0;

	for (unsigned i = 0; offset < 4 * BLOCK; i++) {
		ssize_t n = read(r.fd, data, sizes[i % 6]);

		EXPECT(n > 0 && (size_t)n <= sizes[i % 6]);
		EXPECT(is_pattern(data, (size_t)n, offset));
		offset += (uint64_t)n;
	}
	EXPECT(ring_stats(r.fd).read_bytes == offset);
	EXPECT(ring_stats(r.fd).held <= 1);
	/* The stream cannot be sought in. */
	EXPECT(lseek(r.fd, 8, SEEK_SET) <= 0);
	EXPECT(read(r.fd, data, 8) == 8 && is_pattern(data, 8, offset));
}

/* read() and TAKE share the stream: each block goes one way. */
static void read_leaves_out_what_was_taken(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b;
	static char data[BLOCK];

	EXPECT(read(r.fd, data, PAGE) == PAGE && is_pattern(data, PAGE, 0));
	b = ring_take(&r);
	EXPECT(b.seq == 1 && is_pattern(ring_data(&r, &b), BLOCK, b.offset));
	/* The block that is half read cannot be given back. */
	EXPECT(ring_give(&r, 0) == -EINVAL);
	EXPECT(ring_stats(r.fd).held == 2);
	EXPECT(read(r.fd, data, BLOCK - PAGE) == BLOCK - PAGE);
	EXPECT(is_pattern(data, BLOCK - PAGE, PAGE));
	EXPECT(ring_stats(r.fd).held == 1);
	EXPECT(read(r.fd, data, PAGE) == PAGE && is_pattern(data, PAGE, 2 * BLOCK));
}

static void splice_moves_the_stream(unsigned model)
{
	static char data[65536];
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	uint64_t offset = 0;
	struct zcdma_dev_stats s;
	int fd[2];

	EXPECT(!pipe(fd));
	while (offset < 8 * BLOCK) {
		ssize_t n;

		wait_readable(r.fd);
		n = splice(r.fd, NULL, fd[1], NULL, sizeof(data), 0);
		EXPECT(n > 0);
		EXPECT(read(fd[0], data, (size_t)n) == n);
		EXPECT(is_pattern(data, (size_t)n, offset));
		offset += (uint64_t)n;
	}
	s = ring_stats(r.fd);
	EXPECT(s.splice_bytes == (model == ZCDMA_DEV_COHERENT ? 0 : offset));
	EXPECT(s.splice_copied_bytes == (model == ZCDMA_DEV_COHERENT ? offset : 0));
}

/* pread() and splice() at the position of a held block; anywhere in it. */
static void a_held_block_has_a_position(unsigned model)
{
	static const size_t at[] = { 0, 1, PAGE - 1, PAGE, 5 * PAGE + 77, BLOCK - 9, BLOCK - 1 };
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b;
	off64_t position;
	int fd[2];
	static char data[BLOCK];

	ring_run_for(&r, 3);
	b = ring_take(&r);
	EXPECT(!pipe(fd));
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		ssize_t left = (ssize_t)(BLOCK - at[i]), n;

		position = (off64_t)(b.position + at[i]);
		EXPECT(pread(r.fd, data, BLOCK, position) == left);
		EXPECT(is_pattern(data, (size_t)left, b.offset + at[i]));
		n = splice(r.fd, &position, fd[1], NULL, 3 * PAGE, 0);
		EXPECT(n == (left < 3 * PAGE ? left : 3 * PAGE));
		EXPECT(position == (off64_t)(b.position + at[i]) + n);
		flight_receive(fd[0], b.offset + at[i], (size_t)n);
	}
	EXPECT(pread(r.fd, data, 8, (off_t)b.position + BLOCK - 4) == 4);
	EXPECT(ring_stats(r.fd).held == 1);
	/* The stream is where it was. */
	EXPECT(ring_take(&r).seq == b.seq + 1);

	EXPECT(!ring_give(&r, b.index));
	position = (off64_t)b.position;
	EXPECT_ERRNO(pread(r.fd, data, 8, position), EINVAL);
	EXPECT_ERRNO(splice(r.fd, &position, fd[1], NULL, PAGE, 0), EINVAL);
}

static void other_positions_are_refused(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	const off64_t wrong[] = { 1,
				  BLOCK,
				  (off64_t)b.position - 1,
				  (off64_t)(b.position + r.setup.stride),
				  (off64_t)(b.position + r.setup.ring_bytes),
				  INT64_MAX };
	int fd[2];
	char data[8];

	EXPECT(b.index == 0 && !pipe(fd));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		off64_t position = wrong[i];

		EXPECT_ERRNO(pread(r.fd, data, sizeof(data), position), EINVAL);
		EXPECT_ERRNO(splice(r.fd, &position, fd[1], NULL, PAGE, 0), EINVAL);
	}
	EXPECT_ERRNO(pread(r.fd, data, sizeof(data), INT64_MIN), EINVAL);
	EXPECT_ERRNO(write(r.fd, data, sizeof(data)), EBADF);
}

/* What any driver's mapping of coherent memory does, and why the other models are there. */
static void coherent_memory_has_no_pages(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	const char *data = ring_data(&r, &b);
	struct iovec iov = { (void *)data, PAGE };
	int fd[2], sock[2], disk;

	EXPECT(!pipe(fd));
	flight_tcp_pair(sock);
	disk = disk_suspended();
	disk_resume();
	EXPECT_ERRNO(vmsplice(fd[1], &iov, 1, 0), EFAULT);
	EXPECT_ERRNO(send(sock[1], data, PAGE, MSG_ZEROCOPY), EFAULT);
	EXPECT_ERRNO(pwrite(disk, data, PAGE, 0), EFAULT);
	EXPECT(send(sock[1], data, PAGE, 0) == PAGE);
	flight_receive(sock[0], b.offset, PAGE);
}

/*
 * Overruns
 */

static struct ring paced_ring(unsigned model, uint64_t rate)
{
	struct zcdma_dev_setup s = ring_wanted(model);

	s.rate = rate;
	s.block_size = PAGE;
	return ring_create(O_RDONLY, s);
}

static void a_reader_that_stalls_loses_what_it_is_told(unsigned model)
{
	struct ring r = paced_ring(model, 1000 * PAGE);
	struct zcdma_dev_block b = { .size = sizeof(b) };
	uint64_t seq = 0, lost = 0;
	struct zcdma_dev_stats s;

	ring_go(&r);
	for (unsigned lap = 0; lap < 3; lap++) {
		WAIT_FOR(ring_stats(r.fd).overruns >= lost + 20);
		for (unsigned i = 0; i < BLOCKS + 3; i++) {
			b = ring_take(&r);
			EXPECT(b.seq == seq + b.lost && b.offset == b.seq * PAGE);
			EXPECT(!b.lost == !(b.flags & ZCDMA_DEV_BLOCK_LOST));
			EXPECT(is_pattern(ring_data(&r, &b), PAGE, b.offset));
			EXPECT(!ring_give(&r, b.index));
			seq = b.seq + 1;
			lost += b.lost;
		}
		EXPECT(lost >= 20 * (lap + 1));
	}
	ring_stop(&r);
	while (!ioctl(r.fd, ZCDMA_IOC_TAKE, &b)) {
		EXPECT(b.seq == seq + b.lost);
		seq = b.seq + 1;
		lost += b.lost;
	}
	s = ring_stats(r.fd);
	EXPECT(s.blocks + s.overruns == s.next_seq && s.lost_bytes == s.overruns * PAGE);
	EXPECT(s.blocks == s.delivered && s.bytes == s.blocks * PAGE);
	/* Blocks that were dropped after the last one would be in .lost of the next. */
	EXPECT(s.overruns == lost + (s.next_seq - seq));
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The device must not exceed the rate; how far it stays below depends on the machine. */
static void the_rate_is_kept(unsigned model)
{
	const uint64_t rate = 2000 * PAGE;
	struct ring r = paced_ring(model, rate);
	uint64_t start = now_ns();

	ring_go(&r);
	for (unsigned i = 0; i < 100; i++) {
		struct zcdma_dev_block b = ring_take(&r);
		uint64_t now = now_ns();

		EXPECT(b.time_ns >= start && b.time_ns <= now);
		EXPECT((b.offset + PAGE) <= (b.time_ns - start) * rate / 1000000000 + PAGE);
		EXPECT(!ring_give(&r, b.index));
	}
}

static void without_a_rate_nothing_is_lost(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);

	WAIT_FOR(ring_stats(r.fd).full == BLOCKS);
	ring_run_for(&r, 4 * BLOCKS);
	ring_stop(&r);
	EXPECT(!ring_stats(r.fd).overruns && !ring_stats(r.fd).lost_bytes);
}

/*
 * Statistics
 */

static void states_add_up(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);

	for (unsigned i = 0; i < 10 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);
		struct zcdma_dev_stats s = ring_stats(r.fd);

		EXPECT(s.free + s.filling + s.full + s.held + s.draining == BLOCKS);
		EXPECT(s.ring_blocks == BLOCKS && s.held == 1 && s.delivered == i + 1U);
		EXPECT(s.given == i && s.blocks == s.next_seq && s.blocks >= s.delivered);
		EXPECT(!ring_give(&r, b.index));
	}
}

static void debugfs_says_what_the_ioctl_says(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_stats s;
	char want[1024], got[1024];
	int fd = open("/sys/kernel/debug/zcdma/zcdma0/stats", O_RDONLY), pipe_fd[2];
	ssize_t n;

	EXPECT(fd >= 0 && !pipe(pipe_fd));
	ring_run_for(&r, BLOCKS);
	EXPECT(read(r.fd, got, 100) == 100);
	wait_readable(r.fd);
	EXPECT(splice(r.fd, NULL, pipe_fd[1], NULL, 50, 0) == 50);
	ring_stop(&r);
	s = ring_stats(r.fd);
	snprintf(want, sizeof(want),
		 "running %u\nblocks %llu\nbytes %llu\ndelivered %llu\ngiven %llu\n"
		 "overruns %llu\nlost_bytes %llu\nfailed %llu\nbounced %llu\n"
		 "busy_at_release %llu\nread_bytes %llu\nsplice_bytes %llu\n"
		 "splice_copied_bytes %llu\nnext_seq %llu\nring_blocks %u\nfree %u\n"
		 "filling %u\nfull %u\nheld %u\ndraining %u\ngaps %llu\n"
		 "underruns %llu\nunderrun_bytes %llu\nwrite_bytes %llu\n"
		 "short_blocks %llu\n"
		 "splice_copied_device 0\nsplice_copied_align 0\nsplice_copied_reach 0\n"
		 "splice_copied_page 0\nsplice_copied_memlock 0\nsplice_copied_unmapped 0\n"
		 "splice_copied_bounced 0\n",
		 s.running, s.blocks, s.bytes, s.delivered, s.given, s.overruns, s.lost_bytes,
		 s.failed, s.bounced, s.busy_at_release, s.read_bytes, s.splice_bytes,
		 s.splice_copied_bytes, s.next_seq, s.ring_blocks, s.free, s.filling, s.full,
		 s.held, s.draining, s.gaps, s.underruns, s.underrun_bytes, s.write_bytes,
		 s.short_blocks);
	n = read(fd, got, sizeof(got) - 1);
	EXPECT(n > 0);
	got[n] = '\0';
	EXPECT(!strcmp(got, want));
	EXPECT(s.read_bytes == 100 && s.splice_bytes + s.splice_copied_bytes == 50);
}

static const struct tap_test tests[] = {
	{ "the stream is right", stream_is_right, TAP_ALL },
	{ "blocks of any size are right", blocks_of_any_size, TAP_ALL },
	{ "blocks are given back in any order", blocks_come_back_in_any_order, TAP_ALL },
	{ "stop ends the stream", stop_ends_the_stream, TAP_ALL },
	{ "start continues the stream where it stopped", start_continues_the_stream, TAP_ALL },
	{ "where there is nothing: EAGAIN", nothing_there_is_eagain, TAP_ALL },
	{ "data wakes a waiter in TAKE, read() and poll()", a_waiter_wakes_up, TAP_ALL },
	{ "stop wakes a waiter", stop_wakes_a_waiter, 0x4 },
	{ "a signal wakes a waiter", a_signal_interrupts_a_waiter, 0x4 },
	{ "epoll reports each block", epoll_tells_each_block, 0x4 },
	{ "read() copies the stream", read_copies_the_stream, TAP_ALL },
	{ "read() leaves out what was taken", read_leaves_out_what_was_taken, TAP_ALL },
	{ "splice() moves the stream", splice_moves_the_stream, TAP_ALL },
	{ "pread() and splice() read a held block at its position", a_held_block_has_a_position,
	  TAP_ALL },
	{ "pread() and splice() refuse any other position", other_positions_are_refused, TAP_ALL },
	{ "MSG_ZEROCOPY, vmsplice() and O_DIRECT say EFAULT, and send() works",
	  coherent_memory_has_no_pages, 0x1 },
	{ "a reader that stalls loses exactly what is reported",
	  a_reader_that_stalls_loses_what_it_is_told, TAP_ALL },
	{ "the device is not faster than its rate", the_rate_is_kept, 0x4 },
	{ "without a rate nothing is lost", without_a_rate_nothing_is_lost, TAP_ALL },
	{ "the states of blocks add up", states_add_up, TAP_ALL },
	{ "debugfs says what the ioctl says", debugfs_says_what_the_ioctl_says, TAP_ALL },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	return 0;
}
