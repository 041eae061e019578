// SPDX-License-Identifier: GPL-2.0-only
/* abi: the ioctls and their limits, as <linux/zcdma.h> promises them. Speaks TAP. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shared/ring.h"
#include "shared/tap.h"

/* Programs that were built with version 1 must go on working: these stay. */
#define LAYOUT(type, field, offset) \
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
SIZE(zcdma_dev_info, 120);
LAYOUT(zcdma_dev_info, block_size_max, 32);
LAYOUT(zcdma_dev_info, memlock_bytes, 56);
LAYOUT(zcdma_dev_info, source, 72);
LAYOUT(zcdma_dev_info, length_align, 88);
LAYOUT(zcdma_dev_info, clock, 92);
LAYOUT(zcdma_dev_info, frags_max, 100);
LAYOUT(zcdma_dev_info, reserved, 108);
SIZE(zcdma_dev_setup, 120);
LAYOUT(zcdma_dev_setup, block_size, 16);
LAYOUT(zcdma_dev_setup, blocks, 40);
LAYOUT(zcdma_dev_setup, stride, 48);
LAYOUT(zcdma_dev_setup, chunks, 64);
LAYOUT(zcdma_dev_setup, timeout_ns, 72);
LAYOUT(zcdma_dev_setup, dmabufs, 88);
LAYOUT(zcdma_dev_setup, control_offset, 96);
LAYOUT(zcdma_dev_setup, reserved, 112);
SIZE(zcdma_dev_control, 128);
LAYOUT(zcdma_dev_control, entries, 12);
LAYOUT(zcdma_dev_control, given_size, 28);
LAYOUT(zcdma_dev_control, taken, 64);
LAYOUT(zcdma_dev_control, given, 68);
SIZE(zcdma_dev_export, 40);
LAYOUT(zcdma_dev_export, fd, 12);
LAYOUT(zcdma_dev_export, bytes, 16);
LAYOUT(zcdma_dev_export, reserved, 24);
SIZE(zcdma_dev_block, 88);
LAYOUT(zcdma_dev_block, length, 16);
LAYOUT(zcdma_dev_block, time_ns, 56);
LAYOUT(zcdma_dev_block, error, 64);
LAYOUT(zcdma_dev_block, device_time, 72);
LAYOUT(zcdma_dev_block, reserved, 80);
SIZE(zcdma_dev_give, 16);
LAYOUT(zcdma_dev_give, length, 8);
SIZE(zcdma_dev_stats, 240);
LAYOUT(zcdma_dev_stats, blocks, 8);
LAYOUT(zcdma_dev_stats, ring_blocks, 112);
LAYOUT(zcdma_dev_stats, gaps, 136);
LAYOUT(zcdma_dev_stats, underruns, 144);
LAYOUT(zcdma_dev_stats, short_blocks, 168);
LAYOUT(zcdma_dev_stats, splice_copied_by, 176);
_Static_assert(ZCDMA_IOC_INFO == 0xdc00 && ZCDMA_IOC_STATS == 0xdc06, "numbers");

/* An argument of any ioctl, with room for what a later version may add. */
union arg {
	__u32 size;
	struct zcdma_dev_info info;
	struct zcdma_dev_setup setup;
	struct zcdma_dev_block block;
	struct zcdma_dev_give give;
	struct zcdma_dev_stats stats;
	unsigned char byte[2 * PAGE];
};

static const struct {
	unsigned cmd;
	__u32 size;
	size_t reserved; /* to the end */
} calls[] = {
	{ ZCDMA_IOC_INFO, sizeof(struct zcdma_dev_info),
	  offsetof(struct zcdma_dev_info, reserved) },
	{ ZCDMA_IOC_SETUP, sizeof(struct zcdma_dev_setup),
	  offsetof(struct zcdma_dev_setup, reserved) },
	{ ZCDMA_IOC_TAKE, sizeof(struct zcdma_dev_block),
	  offsetof(struct zcdma_dev_block, reserved) },
	{ ZCDMA_IOC_GIVE, sizeof(struct zcdma_dev_give), offsetof(struct zcdma_dev_give, length) },
	{ ZCDMA_IOC_STATS, sizeof(struct zcdma_dev_stats), sizeof(struct zcdma_dev_stats) },
	{ ZCDMA_IOC_EXPORT, sizeof(struct zcdma_dev_export),
	  offsetof(struct zcdma_dev_export, reserved) },
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static __u32 size_of_version_1(size_t i)
{
	if (calls[i].cmd == ZCDMA_IOC_SETUP)
		return offsetof(struct zcdma_dev_setup, control_bytes);
	return calls[i].cmd == ZCDMA_IOC_STATS ? offsetof(struct zcdma_dev_stats, short_blocks)
					       : calls[i].size;
}

/* Returns an argument with which call @i succeeds; block 0 must be held. */
static union arg right(size_t i)
{
	union arg arg = { 0 };

	if (calls[i].cmd == ZCDMA_IOC_SETUP)
		arg.setup = ring_wanted(ZCDMA_DEV_COMPOUND);
	arg.size = calls[i].size;
	return arg;
}

/* Returns a file on which call @i succeeds. */
static int file_for(size_t i)
{
	struct ring r;

	if (calls[i].cmd == ZCDMA_IOC_SETUP)
		return ring_open(O_RDONLY);
	r = ring_start(ZCDMA_DEV_COMPOUND, ZCDMA_DEV_TRACK);
	EXPECT(ring_take(&r).index == 0);
	EXPECT(!munmap(r.map, r.setup.ring_bytes));
	return r.fd;
}

/*
 * Structures
 */

static void version_1_is_taken(unsigned unused)
{
	(void)unused;
	EXPECT(ring_limits().abi_version == 1);
	for (size_t i = 0; i < CALLS; i++) {
		const __u32 size = size_of_version_1(i);
		union arg arg = right(i);
		int fd = file_for(i);

		arg.size = size;
		/* What a caller of that version has after it. */
		memset(arg.byte + size, 0xff, sizeof(arg) - size);
		EXPECT(!ioctl(fd, calls[i].cmd, &arg));
		EXPECT(arg.size == size);
		for (size_t at = calls[i].reserved; at < size; at++)
			EXPECT(!arg.byte[at]);
		for (size_t at = size; at < sizeof(arg); at++)
			EXPECT(arg.byte[at] == 0xff);
		EXPECT(!close(fd));
	}
}

static void less_than_version_1_is_refused(unsigned unused)
{
	int fd = ring_open(O_RDONLY);

	(void)unused;
	for (size_t i = 0; i < CALLS; i++) {
		union arg arg = right(i);

		for (arg.size = 0; arg.size < size_of_version_1(i); arg.size++)
			EXPECT_ERRNO(ioctl(fd, calls[i].cmd, &arg), EINVAL);
	}
}

static void larger_structures_are_taken_if_zero(unsigned unused)
{
	static const __u32 more[] = { 1, 8, 333, PAGE - 240 };

	(void)unused;
	for (size_t i = 0; i < CALLS; i++) {
		for (size_t j = 0; j < sizeof(more) / sizeof(more[0]); j++) {
			union arg arg = right(i);
			int fd = file_for(i);

			arg.size += more[j];
			arg.byte[arg.size - 1] = 1;
			EXPECT_ERRNO(ioctl(fd, calls[i].cmd, &arg), E2BIG);
			arg.byte[arg.size - 1] = 0;
			/* The kernel must ignore what is beyond the size. */
			arg.byte[arg.size] = 1;
			EXPECT(!ioctl(fd, calls[i].cmd, &arg));
			EXPECT(arg.size == calls[i].size + more[j] && arg.byte[arg.size] == 1);
			EXPECT(!close(fd));
		}
	}
}

static void absurd_sizes_are_too_big(unsigned unused)
{
	int fd = ring_open(O_RDONLY);

	(void)unused;
	for (size_t i = 0; i < CALLS; i++) {
		union arg arg = right(i);

		arg.size = sizeof(arg);
		arg.byte[sizeof(arg) - 1] = 1;
		EXPECT_ERRNO(ioctl(fd, calls[i].cmd, &arg), E2BIG);
	}
}

static void reserved_fields_must_be_zero(unsigned unused)
{
	(void)unused;
	for (size_t i = 0; i < CALLS; i++) {
		int fd = file_for(i);

		for (size_t at = calls[i].reserved; at < calls[i].size; at++) {
			union arg arg = right(i);

			arg.byte[at] = 1;
			EXPECT_ERRNO(ioctl(fd, calls[i].cmd, &arg), EINVAL);
		}
		EXPECT(!close(fd));
	}
}

static void unknown_calls_are_refused(unsigned unused)
{
	int fd = file_for(0);

	(void)unused;
	for (unsigned nr = 0; nr < 256; nr++) {
		union arg arg = { .size = sizeof(arg) };

		if (nr > _IOC_NR(ZCDMA_IOC_START_GROUP))
			EXPECT_ERRNO(ioctl(fd, _IO(ZCDMA_IOC_MAGIC, nr), &arg), ENOTTY);
		EXPECT_ERRNO(ioctl(fd, _IO(ZCDMA_IOC_MAGIC + 1, nr), &arg), ENOTTY);
		EXPECT_ERRNO(ioctl(fd, _IOWR(ZCDMA_IOC_MAGIC, nr, __u32), &arg), ENOTTY);
	}
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_START, 1), EINVAL);
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_STOP, 1), EINVAL);
}

static void bad_pointers_are_refused(unsigned unused)
{
	char *two =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	EXPECT(two != MAP_FAILED && !munmap(two + PAGE, PAGE));
	for (size_t i = 0; i < CALLS; i++) {
		int fd = file_for(i);
		char *cut = two + PAGE - 4;

		memcpy(cut, &calls[i].size, sizeof(calls[i].size));
		EXPECT_ERRNO(ioctl(fd, calls[i].cmd, NULL), EFAULT);
		EXPECT_ERRNO(ioctl(fd, calls[i].cmd, 0xffff888000000000UL), EFAULT);
		EXPECT_ERRNO(ioctl(fd, calls[i].cmd, cut), EFAULT);
		EXPECT_ERRNO(ioctl(fd, calls[i].cmd, cut + 2), EFAULT);
		EXPECT(!close(fd));
	}
}

/* Returns a read-only page that begins with @arg. */
static void *read_only(const void *arg, size_t size)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(page != MAP_FAILED);
	memcpy(page, arg, size);
	EXPECT(!mprotect(page, PAGE, PROT_READ));
	return page;
}

static void a_block_that_nobody_hears_of_is_not_held(unsigned unused)
{
	struct ring r = ring_start(ZCDMA_DEV_COMPOUND, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = { .size = sizeof(b) };

	(void)unused;
	EXPECT_ERRNO(ioctl(r.fd, ZCDMA_IOC_TAKE, read_only(&b, sizeof(b))), EFAULT);
	EXPECT(ring_stats(r.fd).held == 0 && ring_stats(r.fd).delivered == 0);
	/* The next call takes the same block. */
	EXPECT(ring_take(&r).seq == 0 && ring_take(&r).seq == 1);
}

static void a_setup_that_nobody_hears_of_owns_nothing(unsigned unused)
{
	struct zcdma_dev_setup s = ring_wanted(ZCDMA_DEV_COMPOUND);
	int fd = ring_open(O_RDONLY), other = ring_open(O_RDONLY);

	(void)unused;
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_SETUP, read_only(&s, sizeof(s))), EFAULT);
	EXPECT(!ring_setup(other, &s));
}

#ifdef __x86_64__
/* Make the call as a 32-bit program does: int $0x80 does so from a 64-bit program too. */
static int ioctl_32(int fd, unsigned cmd, void *arg)
{
	int ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(54), "b"(fd), "c"(cmd), "d"(arg)
			 : "memory", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15");
	return ret;
}

static void calls_of_32_bit_are_the_same(unsigned unused)
{
	union arg *arg = mmap(NULL, sizeof(*arg), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int fd = ring_open(O_RDONLY);

	(void)unused;
	EXPECT(arg != MAP_FAILED);
	arg->info = (struct zcdma_dev_info){ .size = sizeof(arg->info) };
	EXPECT(!ioctl_32(fd, ZCDMA_IOC_INFO, arg));
	EXPECT(arg->info.abi_version == 1 && arg->info.memlock_bytes == UINT64_MAX);
	arg->setup = ring_wanted(ZCDMA_DEV_COMPOUND);
	EXPECT(!ioctl_32(fd, ZCDMA_IOC_SETUP, arg));
	EXPECT(arg->setup.ring_bytes == (uint64_t)BLOCKS * BLOCK);
	EXPECT(!ioctl_32(fd, ZCDMA_IOC_START, NULL));
	arg->block = (struct zcdma_dev_block){ .size = sizeof(arg->block) };
	EXPECT(!ioctl_32(fd, ZCDMA_IOC_TAKE, arg));
	EXPECT(arg->block.length == BLOCK && arg->block.seq == 0);
	arg->give = (struct zcdma_dev_give){ .size = sizeof(arg->give), .index = BLOCKS };
	EXPECT(ioctl_32(fd, ZCDMA_IOC_GIVE, arg) == -EINVAL);
	arg->give.index = 0;
	EXPECT(!ioctl_32(fd, ZCDMA_IOC_GIVE, arg));
	arg->stats = (struct zcdma_dev_stats){ .size = sizeof(arg->stats) };
	EXPECT(!ioctl_32(fd, ZCDMA_IOC_STATS, arg));
	EXPECT(arg->stats.given == 1 && arg->stats.ring_blocks == BLOCKS);
	EXPECT(!ioctl_32(fd, ZCDMA_IOC_STOP, NULL));
}
#endif

/*
 * Files
 */

static void one_owner(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_setup s = ring_wanted(model);
	int other = ring_open(O_RDONLY);

	EXPECT(ring_setup(other, &s) == -EBUSY);
	EXPECT(ring_setup(r.fd, &s) == -EALREADY);
	EXPECT(ring_stats(other).running && ring_stats(other).ring_blocks == BLOCKS);
	/* A descriptor of the same file owns it, and so does a mapping. */
	EXPECT(dup2(r.fd, 100) == 100 && !close(r.fd));
	EXPECT(ring_setup(other, &s) == -EBUSY);
	EXPECT(!close(100));
	EXPECT(ring_setup(other, &s) == -EBUSY);
	EXPECT(ring_stats(other).running);
	EXPECT(!munmap(r.map, r.setup.ring_bytes));
	EXPECT(ring_stats(other).ring_blocks == 0 && !ring_stats(other).running);
	EXPECT(!ring_setup(other, &s));
}

static void statistics_start_at_setup(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_setup s = ring_wanted(model);
	int other = ring_open(O_RDONLY);
	struct zcdma_dev_stats stats;

	ring_run_for(&r, BLOCKS);
	ring_end(&r);
	EXPECT(ring_stats(other).given == BLOCKS);
	EXPECT(!ring_setup(other, &s));
	stats = ring_stats(other);
	EXPECT(stats.ring_blocks == BLOCKS && stats.free == BLOCKS);
	EXPECT(!stats.given && !stats.delivered && !stats.blocks && !stats.next_seq);
}

static void without_a_ring_there_is_ebadfd(unsigned unused)
{
	struct zcdma_dev_block b = { .size = sizeof(b) };
	struct zcdma_dev_give g = { .size = sizeof(g) };
	int fd = ring_open(O_RDONLY), pipe_fd[2];
	char data[8];

	(void)unused;
	EXPECT(!pipe(pipe_fd));
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_START, 0), EBADFD);
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_STOP, 0), EBADFD);
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_TAKE, &b), EBADFD);
	EXPECT_ERRNO(ioctl(fd, ZCDMA_IOC_GIVE, &g), EBADFD);
	EXPECT_ERRNO(read(fd, data, sizeof(data)), EBADFD);
	EXPECT_ERRNO(splice(fd, NULL, pipe_fd[1], NULL, PAGE, 0), EBADFD);
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EBADFD);
}

static void only_what_is_there_is_mapped(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	const int prot[] = { PROT_WRITE, PROT_READ | PROT_WRITE };
	/* Of 32-bit programs and kernels some offsets do not get as far as to the driver. */
	const int beyond = sizeof(long) < sizeof(off_t) ? EOVERFLOW : EINVAL;
	const size_t end = r.setup.ring_bytes;
	const struct {
		size_t len;
		off_t off;
	} wrong[] = { { end + PAGE, 0 },
		      { PAGE, (off_t)end },
		      { 2 * PAGE, (off_t)end - PAGE },
		      { PAGE, 1LL << 40 },
		      { PAGE, (1LL << 62) } };

	EXPECT(mmap(NULL, end, PROT_READ, MAP_PRIVATE, r.fd, 0) == MAP_FAILED && errno == EINVAL);
	for (size_t i = 0; i < 2; i++)
		EXPECT(mmap(NULL, PAGE, prot[i], MAP_SHARED, r.fd, 0) == MAP_FAILED &&
		       errno == EACCES);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		EXPECT(mmap(NULL, wrong[i].len, PROT_READ, MAP_SHARED, r.fd, wrong[i].off) ==
			       MAP_FAILED &&
		       (errno == EINVAL || errno == beyond));
}

static void any_part_is_mapped_any_number_of_times(unsigned model)
{
	struct ring r = ring_create(O_RDWR, ring_wanted(model));
	struct zcdma_dev_block b;

	ring_go(&r);
	ring_run_for(&r, 2);
	b = ring_take(&r);
	EXPECT(b.index == 2 && b.mmap_offset == 2 * r.setup.stride);
	/* Map from one page before the block to one page after it. */
	for (unsigned i = 0; i < 100; i++) {
		char *part = mmap(NULL, BLOCK + 2 * PAGE, PROT_READ, MAP_SHARED, r.fd,
				  (off_t)b.mmap_offset - PAGE);

		EXPECT(part != MAP_FAILED);
		EXPECT(is_pattern(part + PAGE, BLOCK, b.offset));
	}
	/* All of them show the same memory. */
	r.map[b.mmap_offset] ^= 1;
	EXPECT(*ring_map(&r, PROT_READ) == *r.map);
}

/* Each adds to one reference count for each of its pages. */
static void mappings_have_a_limit(unsigned model)
{
	struct ring r = ring_create(O_RDONLY, ring_wanted(model));
	char *map[5];

	for (unsigned i = 1; i < 4096; i++)
		EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r.fd, 0) != MAP_FAILED);
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r.fd, 0) == MAP_FAILED && errno == ENOMEM);
	/* One that is cut in three counts as three; when all is unmapped, nothing does. */
	EXPECT(!munmap(r.map + PAGE, PAGE) && !munmap(r.map + 3 * PAGE, PAGE));
	EXPECT(!munmap(r.map, r.setup.ring_bytes));
	for (unsigned i = 0; i < 5; i++) {
		map[i] = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r.fd, 0);
		EXPECT(i ? map[i] == MAP_FAILED : map[i] != MAP_FAILED);
	}
}

static const struct tap_test tests[] = {
	{ "structures of version 1 are taken", version_1_is_taken, 0 },
	{ "structures of less than version 1: EINVAL", less_than_version_1_is_refused, 0 },
	{ "larger structures are taken where the rest is zero, else E2BIG",
	  larger_structures_are_taken_if_zero, 0 },
	{ "structures larger than a page: E2BIG", absurd_sizes_are_too_big, 0 },
	{ "reserved fields must be zero", reserved_fields_must_be_zero, 0 },
	{ "unknown calls and arguments are refused", unknown_calls_are_refused, 0 },
	{ "bad pointers: EFAULT", bad_pointers_are_refused, 0 },
	{ "a block whose description could not be written is not held",
	  a_block_that_nobody_hears_of_is_not_held, 0 },
	{ "a setup whose answer could not be written owns nothing",
	  a_setup_that_nobody_hears_of_owns_nothing, 0 },
#ifdef __x86_64__
	{ "32-bit programs make the same calls", calls_of_32_bit_are_the_same, 0 },
#endif
	{ "one owner", one_owner, TAP_ALL },
	{ "setup clears the statistics", statistics_start_at_setup, TAP_ALL },
	{ "without a ring: EBADFD", without_a_ring_there_is_ebadfd, 0 },
	{ "only what is there is mapped, shared, and writable as the file is",
	  only_what_is_there_is_mapped, TAP_ALL },
	{ "the number of mappings has a limit", mappings_have_a_limit, TAP_ALL },
	{ "any part is mapped, any number of times", any_part_is_mapped_any_number_of_times,
	  TAP_ALL },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	return 0;
}
