// SPDX-License-Identifier: GPL-2.0-only
/* mappings: what programs do to the memory of a ring, and other processes. Speaks TAP. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/counts.h"
#include "shared/fault.h"
#include "shared/flight.h"
#include "shared/inherit.h"
#include "shared/tap.h"
/*
 * Processes
 */

/* The exit status of a child that reads a byte. */
static int child_reads(const char *byte)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(fault_of_reading(byte));
	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_child_has_no_mapping(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);

	EXPECT(child_reads(ring_data(&r, &b)) == SIGSEGV);
	EXPECT(!madvise(r.map, r.setup.ring_bytes, MADV_DONTFORK));
	EXPECT(child_reads(ring_data(&r, &b)) == SIGSEGV);
	EXPECT(!ring_give(&r, b.index));
	ring_expect_works(&r);
}

/* madvise(MADV_DOFORK) allows it again, as libraries for RDMA do to what they pinned. */
static void a_child_has_no_mapping_for_the_asking(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);

	madvise(r.map, r.setup.ring_bytes, MADV_DOFORK);
	EXPECT(child_reads(ring_data(&r, &b)) != 0);
}

/* Nor has it pages where madvise() undoes all that keeps them from it. The parent goes on. */
static void a_child_gets_no_pages(unsigned model)
{
	for (unsigned policy = ZCDMA_DEV_TRACK; policy <= ZCDMA_DEV_STRICT; policy++) {
		struct ring r = ring_start(model, policy);
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(is_pattern(ring_data(&r, &b), BLOCK, b.offset));
		inherit_all(r.map, r.setup.ring_bytes);
		EXPECT(child_reads(ring_data(&r, &b)) == SIGBUS);
		EXPECT(is_pattern(ring_data(&r, &b), BLOCK, b.offset));
		EXPECT(!ring_give(&r, b.index));
		ring_expect_works(&r);
		ring_end(&r);
	}
}

/*
 * A block of which some pages are in a pipe, in a ring of which the other block is held: the device
 * asks all the time whether the first is idle, while page tables change.
 */
struct starved {
	struct ring r;
	struct zcdma_dev_block b;
	size_t bytes; /* in flight */
	int pipe[2];
};

/*
 * @pages: as many as page tables grow by while the driver adds up the mappings of a block, so that
 * a driver that does not take care of that finds the sum right.
 */
static struct starved starve(unsigned model, unsigned pages)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct starved s = { .bytes = pages * PAGE };

	setup.block_size = 4 << 20;
	setup.blocks = 2;
	setup.rate = 20000ULL * setup.block_size;
	s.r = ring_create(O_RDONLY, setup);
	EXPECT(!pipe(s.pipe));
	ring_go(&s.r);
	s.b = ring_take(&s.r);
	ring_take(&s.r);
	flight_vmsplice(ring_data(&s.r, &s.b) + (1 << 20), s.pipe[1], s.bytes);
	EXPECT(!ring_give(&s.r, s.b.index));
	return s;
}

static void expect_still_in_flight(const struct starved *s)
{
	EXPECT(ring_stats(s->r.fd).draining == 1);
	flight_receive(s->pipe[0], s->b.offset + (1 << 20), s->bytes);
	WAIT_FOR(ring_stats(s->r.fd).draining == 0);
}

static atomic_bool done_looking;

/* Have the driver look at the blocks again and again. */
static void *look(void *arg)
{
	const struct starved *s = arg;
	struct pollfd fd = { .fd = s->r.fd, .events = POLLIN };

	while (!done_looking)
		poll(&fd, 1, 0);
	return NULL;
}

static void fork_with_pages(const struct starved *s)
{
	pid_t pid;

	/* fork() of a child that gets no pages takes them from its parent. */
	for (size_t at = 0; at < s->r.setup.ring_bytes; at += s->r.setup.stride)
		*(volatile char *)(s->r.map + at);
	pid = fork();
	if (!pid)
		_exit(0);
	EXPECT(pid > 0 && waitpid(pid, NULL, 0) == pid);
}

static void fork_while_it_looks(unsigned model, void (*advise)(void *map, size_t bytes))
{
	struct starved s = starve(model, 7);
	pthread_t looker;

	advise(s.r.map, s.r.setup.ring_bytes);
	done_looking = false;
	EXPECT(!pthread_create(&looker, NULL, look, &s));
	for (unsigned i = 0; i < tap_repeat(200); i++)
		fork_with_pages(&s);
	done_looking = true;
	EXPECT(!pthread_join(looker, NULL));
	expect_still_in_flight(&s);
}

static void forks_free_no_block_in_flight(unsigned model)
{
	fork_while_it_looks(model, inherit);
}

static void forks_with_pages_free_no_block_in_flight(unsigned model)
{
	fork_while_it_looks(model, inherit_all);
}

static void mappings_free_no_block_in_flight(unsigned model)
{
	struct starved s = starve(model, 1);

	for (unsigned i = 0; i < tap_repeat(100); i++) {
		char *map = ring_map(&s.r, PROT_READ);

		EXPECT(!madvise(map, s.r.setup.ring_bytes, MADV_DONTNEED));
		EXPECT(!fault_of_reading(map + s.b.mmap_offset));
		EXPECT(!munmap(map, s.r.setup.ring_bytes));
	}
	expect_still_in_flight(&s);
}

/* A ring that has pages can be read like any memory of a process; a read-only one cannot be written to. */
static void other_processes_read_but_do_not_write(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	static char data[3 * PAGE];
	struct iovec local = { data, sizeof(data) };
	struct iovec remote = { (void *)(ring_data(&r, &b) + 1000), sizeof(data) };
	int mem = open("/proc/self/mem", O_RDWR);
	pid_t parent = getpid();

	EXPECT(mem >= 0);
	if (model == ZCDMA_DEV_COHERENT) {
		EXPECT_ERRNO(process_vm_readv(parent, &local, 1, &remote, 1, 0), EFAULT);
	} else {
		EXPECT(process_vm_readv(parent, &local, 1, &remote, 1, 0) == sizeof(data));
		EXPECT(is_pattern(data, sizeof(data), b.offset + 1000));
	}
	EXPECT_ERRNO(process_vm_writev(parent, &local, 1, &remote, 1, 0), EFAULT);
	EXPECT_ERRNO(pwrite(mem, "x", 1, (off_t)(uintptr_t)ring_data(&r, &b)), EIO);
	EXPECT(!ring_give(&r, b.index));
	ring_expect_works(&r);
}

/*
 * Mappings
 */

static void *moved(void *old, size_t old_size, size_t new_size, int flags, void *to)
{
	void *map = mremap(old, old_size, new_size, flags, to);

	return map == MAP_FAILED ? NULL : map;
}

static void a_mapping_does_not_grow(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	size_t size = r.setup.ring_bytes;

	EXPECT(!moved(r.map, size, size + PAGE, 0, NULL));
	EXPECT(!moved(r.map, size, size + PAGE, MREMAP_MAYMOVE, NULL));
	EXPECT(!moved(r.map, size, 2 * size, MREMAP_MAYMOVE, NULL));
	EXPECT(!moved(r.map, PAGE, 2 * PAGE, MREMAP_MAYMOVE, NULL));
	/* The way to have a second one of shared memory. */
	EXPECT(!moved(r.map, 0, size, MREMAP_MAYMOVE, NULL));
	ring_expect_works(&r);
}

static void a_mapping_moves(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	size_t size = r.setup.ring_bytes;
	char *old = r.map, *to;

	to = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(to != MAP_FAILED);
	r.map = moved(old, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	EXPECT(r.map == to && fault_of_reading(old) == SIGSEGV);
	ring_expect_works(&r);
	/* The first half stays, the second goes elsewhere and has its own size. */
	to = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(moved(r.map + size / 2, size / 2, size / 4, MREMAP_MAYMOVE | MREMAP_FIXED, to) ==
	       to);
	for (unsigned i = 0; i < 2 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);
		const char *at = b.mmap_offset < size / 2 ? ring_data(&r, &b)
							  : to + b.mmap_offset - size / 2;

		if (b.mmap_offset < size / 4 * 3)
			EXPECT(is_pattern(at, b.length, b.offset));
		EXPECT(!ring_give(&r, b.index));
	}
	EXPECT(ring_stats(r.fd).draining == 0);
}

static void protection_is_kept(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	size_t size = r.setup.ring_bytes;

	EXPECT_ERRNO(mprotect(r.map, size, PROT_READ | PROT_WRITE), EACCES);
	EXPECT(!mprotect(r.map + PAGE, PAGE, PROT_NONE));
	EXPECT(!fault_of_reading(r.map) && fault_of_reading(r.map + PAGE) == SIGSEGV);
	EXPECT(!mprotect(r.map + PAGE, PAGE, PROT_READ));
	ring_expect_works(&r);
	ring_end(&r);

	r = ring_create(O_RDWR, ring_wanted(model));
	EXPECT(!mprotect(r.map, size, PROT_READ) && !mprotect(r.map, size, PROT_READ | PROT_WRITE));
	memset(r.map, 0x55, size);
	ring_go(&r);
	ring_expect_works(&r);
}

static void the_rest_of_a_mapping_stays(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	size_t hole = r.setup.stride + 3 * PAGE;

	EXPECT(!munmap(r.map + hole, 5 * PAGE));
	EXPECT(fault_of_reading(r.map + hole) == SIGSEGV);
	for (unsigned i = 0; i < 2 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);
		const char *data = ring_data(&r, &b);

		if (b.index == 1) {
			EXPECT(is_pattern(data, 3 * PAGE, b.offset));
			EXPECT(is_pattern(data + 8 * PAGE, BLOCK - 8 * PAGE, b.offset + 8 * PAGE));
		} else {
			EXPECT(is_pattern(data, BLOCK, b.offset));
		}
		EXPECT(!ring_give(&r, b.index));
	}
	EXPECT(!munmap(r.map, hole) && !close(r.fd));
	/* The file is closed, and its last part still mapped. */
	EXPECT(!fault_of_reading(r.map + r.setup.ring_bytes - 1));
}

static void what_was_dropped_is_mapped_again(unsigned model)
{
	for (unsigned policy = ZCDMA_DEV_TRACK; policy <= ZCDMA_DEV_STRICT; policy++) {
		struct ring r = ring_start(model, policy);
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(is_pattern(ring_data(&r, &b), BLOCK, b.offset));
		for (unsigned lap = 0; lap < 3; lap++) {
			EXPECT(!madvise(r.map + b.mmap_offset + lap * PAGE, (2 + lap) * PAGE,
					MADV_DONTNEED));
			EXPECT(is_pattern(ring_data(&r, &b), BLOCK, b.offset));
		}
		EXPECT(!ring_give(&r, b.index));
		EXPECT(!madvise(r.map, r.setup.ring_bytes, MADV_DONTNEED));
		ring_expect_works(&r);
		ring_end(&r);
	}
}

static void what_cannot_be_mapped_again_is_not_dropped(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);

	EXPECT_ERRNO(madvise(r.map, r.setup.ring_bytes, MADV_DONTNEED), EINVAL);
	ring_expect_works(&r);
}

/*
 * In 6.12 without transparent huge pages, which real-time kernels lack, split_folio() does nothing and returns success
 * (include/linux/huge_mm.h), so madvise_cold_or_pageout_pte_range() in mm/madvise.c tries for ever. 6.1 does not take
 * such pages for large ones, and in 7.3 the call fails. A driver cannot refuse the two kinds of advice.
 */
static bool cold_advice_hangs(unsigned model)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	EXPECT(!uname(&u) && sscanf(u.release, "%u.%u", &major, &minor) == 2);
	return model >= ZCDMA_DEV_COMPOUND && major == 6 && minor > 1 &&
	       access("/sys/kernel/mm/transparent_hugepage", F_OK);
}

static void advise(unsigned model, const int *advice, size_t count)
{
	struct ring r = ring_create(O_RDWR, ring_wanted(model));

	ring_go(&r);
	for (size_t i = 0; i < count; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		madvise(r.map, r.setup.ring_bytes, advice[i]);
		EXPECT(is_pattern(ring_data(&r, &b), BLOCK, b.offset));
		EXPECT(!ring_give(&r, b.index));
	}
	ring_expect_works(&r);
}

/* All but those that take the memory out of service, and those below. */
static void no_advice_does_harm(unsigned model)
{
	int advice[32];
	size_t count = 0;

	for (int i = 0; i < 32; i++) {
		if (i != MADV_COLD && i != MADV_PAGEOUT)
			advice[count++] = i;
	}
	advise(model, advice, count);
}

static void cold_memory_does_no_harm(unsigned model)
{
	static const int advice[] = { MADV_COLD, MADV_PAGEOUT };

	if (cold_advice_hangs(model))
		tap_skip("this kernel hangs in madvise(MADV_COLD) of compound pages");
	advise(model, advice, 2);
}

static void locking_memory_does_no_harm(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	char *second;

	EXPECT(!mlock(r.map, r.setup.ring_bytes));
	ring_expect_works(&r);
	EXPECT(!munlock(r.map, r.setup.ring_bytes));
	EXPECT(!mlockall(MCL_CURRENT | MCL_FUTURE));
	second = ring_map(&r, PROT_READ);
	ring_expect_works(&r);
	EXPECT(!munmap(second, r.setup.ring_bytes) && !munlockall());
	ring_expect_works(&r);
}

/* Other memory may be moved away or to other pages, this may not. */
static void pages_are_not_moved(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = ring_take(&r);
	void *page = (void *)ring_data(&r, &b);
	int node = 0, status = 0;

	syscall(SYS_move_pages, 0, 1UL, &page, &node, &status, 2);
	syscall(SYS_remap_file_pages, r.map, PAGE, 0, 1UL, 0);
	EXPECT(is_pattern(page, BLOCK, b.offset) || b.index == 0);
	EXPECT(!ring_give(&r, b.index));
	ring_run_for(&r, 2 * BLOCKS);
	EXPECT(ring_stats(r.fd).draining == 0);
}

static void userfaultfd_is_refused(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)r.map, r.setup.ring_bytes },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (uffd < 0)
		tap_skip("this kernel has no userfaultfd");
	EXPECT(!ioctl(uffd, UFFDIO_API, &api));
	EXPECT_ERRNO(ioctl(uffd, UFFDIO_REGISTER, &reg), EINVAL);
	ring_expect_works(&r);
}

/* read() into the ring that it reads from. */
static void a_ring_reads_into_itself(unsigned model)
{
	for (unsigned policy = ZCDMA_DEV_TRACK; policy <= ZCDMA_DEV_STRICT; policy++) {
		struct zcdma_dev_setup s = ring_wanted(model);
		struct zcdma_dev_block b;
		struct ring r;

		if (policy == ZCDMA_DEV_STRICT && model == ZCDMA_DEV_COHERENT)
			continue;
		s.policy = policy;
		r = ring_create(O_RDWR, s);
		ring_go(&r);
		b = ring_take(&r);
		EXPECT(read(r.fd, (char *)ring_data(&r, &b) + 5, 3 * PAGE) == 3 * PAGE);
		EXPECT(is_pattern(ring_data(&r, &b) + 5, 3 * PAGE, BLOCK));
		/* A block that is not mapped takes nothing, and nothing is lost by that. */
		if (policy == ZCDMA_DEV_STRICT)
			EXPECT_ERRNO(read(r.fd, r.map + 3 * r.setup.stride, PAGE), EFAULT);
		EXPECT(read(r.fd, (char *)ring_data(&r, &b), PAGE) == PAGE);
		EXPECT(is_pattern(ring_data(&r, &b), PAGE, BLOCK + 3 * PAGE));
		ring_end(&r);
	}
}

static const struct tap_test tests[] = {
	{ "a child does not inherit the mapping", a_child_has_no_mapping, TAP_ALL },
	{ "a child does not inherit the mapping with MADV_DOFORK either",
	  a_child_has_no_mapping_for_the_asking, TAP_ALL },
	{ "a child gets no pages with MADV_KEEPONFORK either", a_child_gets_no_pages, TAP_PAGED },
	{ "forks do not free a block in flight", forks_free_no_block_in_flight, 0x6 },
	{ "forks with MADV_KEEPONFORK do not free a block in flight",
	  forks_with_pages_free_no_block_in_flight, 0x6 },
	{ "mappings do not free a block in flight", mappings_free_no_block_in_flight, 0x4 },
	{ "other processes read as they may, and do not write",
	  other_processes_read_but_do_not_write, TAP_ALL },
	{ "a mapping does not grow", a_mapping_does_not_grow, TAP_ALL },
	{ "a mapping moves, in parts too", a_mapping_moves, TAP_ALL },
	{ "mprotect() keeps to what the file allows", protection_is_kept, TAP_ALL },
	{ "after a partial unmap the rest stays", the_rest_of_a_mapping_stays, TAP_ALL },
	{ "MADV_DONTNEED: it is mapped again", what_was_dropped_is_mapped_again, TAP_PAGED },
	{ "MADV_DONTNEED is refused", what_cannot_be_mapped_again_is_not_dropped, 0x1 },
	{ "no advice of madvise() does harm", no_advice_does_harm, TAP_ALL },
	{ "MADV_COLD and MADV_PAGEOUT do no harm", cold_memory_does_no_harm, TAP_ALL },
	{ "mlock() and mlockall() do no harm", locking_memory_does_no_harm, TAP_ALL },
	{ "pages are not moved", pages_are_not_moved, TAP_ALL },
	{ "userfaultfd is refused", userfaultfd_is_refused, TAP_ALL },
	{ "a ring reads into itself", a_ring_reads_into_itself, TAP_ALL },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	return 0;
}
