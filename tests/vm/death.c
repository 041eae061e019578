// SPDX-License-Identifier: GPL-2.0-only
/* death: files and their owners end, in whatever state, and nothing is left of them. Speaks TAP. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/flight.h"
#include "shared/memory.h"
#include "shared/tap.h"

/* A child that does not outlive the test. */
static pid_t fork_child(void)
{
	pid_t pid = fork();

	EXPECT(pid >= 0);
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/*
 * Memory
 */

/* A small ring, of one, three or five pages a block; the device runs in each 16th, as that takes time. */
static void live_once(unsigned model, unsigned i)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	struct ring r;

	s.block_size = (1 + i % 3 * 2) * PAGE;
	s.blocks = 2;
	s.policy = model != ZCDMA_DEV_COHERENT && i % 2 ? ZCDMA_DEV_STRICT : ZCDMA_DEV_TRACK;
	r = ring_create(O_RDONLY, s);
	if (i % 16 == 0) {
		struct zcdma_dev_block b;

		ring_go(&r);
		b = ring_take(&r);
		EXPECT(is_pattern(ring_data(&r, &b), b.length, b.offset));
	}
	ring_end(&r);
}

/*
 * 1000 for each model. A page in each 25th cycle would be seen, or an object of 64 bytes in each,
 * which is 62 KiB and more, as the VM has its slabs guard their objects. What else the VM does in
 * the meantime was 10 pages and 40 KiB, and once 68 KiB: a leak would be there in the next round too.
 */
static void cycles_leak_nothing(unsigned model)
{
	const unsigned cycles = tap_repeat(1000);
	struct memory before;
	bool back = false;

	for (unsigned i = 0; i < 100; i++)
		live_once(model, i);
	for (int round = 0; round < 3 && !back; round++) {
		before = memory_now();
		for (unsigned i = 0; i < cycles; i++)
			live_once(model, i);
		back = memory_comes_back(&before, cycles / 25, cycles * 64 / 1024);
	}
	EXPECT(back);
}

/* With pages on their way when the file ends; then they arrive, or are thrown away. */
static void flights_leak_nothing(unsigned model)
{
	const unsigned cycles = 4;
	struct memory before;

	for (unsigned i = 0; i < cycles * flight_way_count; i++) {
		const struct way *way = &flight_ways[i % flight_way_count];
		struct ring r;
		struct zcdma_dev_block b;
		struct flight f;

		if (i == flight_way_count)
			before = memory_now();
		/* It would end the test here. */
		if (strstr(way->name, "io_uring"))
			continue;
		r = ring_create(FLIGHT_OPEN, ring_wanted(model));
		ring_go(&r);
		b = ring_take(&r);
		f = flight_leave(way, &r, &b);
		EXPECT(!ring_give(&r, b.index));
		ring_end(&r);
		if (i / flight_way_count % 2 || strstr(way->name, "direct"))
			flight_arrive(&f);
		else
			EXPECT(!close(f.in) && !close(f.out));
	}
	/* A block has 64 pages, so this is less than one for each way. */
	expect_memory_back(&before, 64 * ((long)flight_way_count - 1), 256);
}

/*
 * Owners
 */

/* The whole of a stream's life, with the last blocks unread in a socket, until a signal ends it. */
static void be_an_owner(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	/* Fewer pages would share a packet with those of the next block, and TCP keep all of them. */
	const size_t part = 16 * PAGE;
	uint64_t read_offset = 0;
	int fd[2], sock[2];

	EXPECT(!pipe(fd));
	flight_tcp_pair(sock);
	for (;;) {
		struct zcdma_dev_block b = ring_take(&r);
		off64_t position = (off64_t)b.position;

		flight_splice(r.fd, &position, fd[1], part);
		flight_splice(fd[0], NULL, sock[1], part);
		EXPECT(!ring_give(&r, b.index));
		if (b.seq < 2)
			continue;
		flight_receive(sock[0], read_offset, part);
		read_offset += BLOCK;
	}
}

static void the_next_owner_comes_at_once(unsigned model)
{
	int watcher = ring_open(O_RDONLY);

	for (unsigned i = 0; i < 5; i++) {
		struct zcdma_dev_setup s = ring_wanted(model);
		int next = ring_open(O_RDONLY);
		pid_t pid = fork_child();

		if (!pid)
			be_an_owner(model);
		WAIT_FOR(ring_stats(watcher).running && ring_stats(watcher).given > BLOCKS);
		EXPECT(ring_setup(next, &s) == -EBUSY);
		EXPECT(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
		EXPECT(!ring_setup(next, &s));
		EXPECT(!ring_stats(next).running && ring_stats(next).free == BLOCKS);
		EXPECT(!close(next));
	}
}

static void a_killed_waiter_leaves_at_once(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	struct zcdma_dev_setup s = r.setup;
	pid_t pid = fork_child();
	char path[64], state;
	int next;

	if (!pid) {
		ring_take(&r);
		_exit(1);
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	ring_end(&r);
	/* Only that one has it now, and it waits for what never comes. */
	WAIT_FOR(({
		FILE *f = fopen(path, "re");

		EXPECT(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1);
		fclose(f);
		state == 'S';
	}));
	next = ring_open(O_RDONLY);
	EXPECT(ring_setup(next, &s) == -EBUSY);
	EXPECT(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
	EXPECT(!ring_setup(next, &s));
}

/* A descriptor that nobody has received yet owns the stream, until its socket goes. */
static void a_descriptor_under_way_owns_the_stream(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct zcdma_dev_setup s = ring_wanted(model);
	int sock[2], next = ring_open(O_RDONLY);

	EXPECT(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	memcpy(CMSG_DATA(&control.header), &r.fd, sizeof(r.fd));
	EXPECT(sendmsg(sock[1], &msg, 0) == 1);
	ring_end(&r);
	EXPECT(ring_setup(next, &s) == -EBUSY);
	EXPECT(!close(sock[0]) && !close(sock[1]));
	/* What is in a socket that was closed is let go by the kernel when it comes to it. */
	WAIT_FOR(!ring_setup(next, &s));
}

static const struct tap_test tests[] = {
	{ "open, setup, mmap and close, again and again, leak nothing", cycles_leak_nothing,
	  TAP_ALL },
	{ "files that end with pages in flight leak nothing", flights_leak_nothing, TAP_PAGED },
	{ "its owner killed, the next one sets up at once", the_next_owner_comes_at_once, TAP_ALL },
	{ "killed while it waits, an owner leaves at once", a_killed_waiter_leaves_at_once,
	  TAP_ALL },
	{ "a descriptor in a socket owns the stream", a_descriptor_under_way_owns_the_stream, 0x4 },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	return 0;
}
