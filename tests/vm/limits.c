// SPDX-License-Identifier: GPL-2.0-only
/* limits: the sizes, rates and memory that a ring may have. Speaks TAP. */
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
/* Set up a ring of the usual kind with @blocks blocks of @block bytes, and close it. Returns 0 or -errno. */
static int try_setup(struct zcdma_dev_setup *s, unsigned model, uint64_t block, uint64_t blocks)
{
	int fd = ring_open(O_RDONLY), ret;

	*s = ring_wanted(model);
	s->block_size = block;
	s->blocks = (__u32)blocks;
	ret = ring_setup(fd, s);
	EXPECT(!close(fd));
	return ret;
}

static void values_beyond_the_limits_are_refused(unsigned model)
{
	const struct zcdma_dev_info info = ring_limits();
	struct zcdma_dev_setup s, fine = ring_wanted(model);
	int fd = ring_open(O_RDONLY);

	EXPECT(info.block_align && !(info.block_align & (info.block_align - 1)));
	EXPECT(info.page_size == PAGE && info.models & 1U << model);
	EXPECT(info.models & 1U << info.default_model);
	EXPECT(try_setup(&s, model, 0, BLOCKS) == -EINVAL);
	EXPECT(try_setup(&s, model, info.block_align / 2, BLOCKS) == -EINVAL);
	EXPECT(try_setup(&s, model, BLOCK + info.block_align / 2, BLOCKS) == -EINVAL);
	EXPECT(try_setup(&s, model, BLOCK, 0) == -EINVAL);
	EXPECT(try_setup(&s, model, BLOCK, 1) == -EINVAL);
	EXPECT(try_setup(&s, model, BLOCK, info.blocks_max + 1ULL) == -EINVAL);
	EXPECT(try_setup(&s, model, BLOCK, UINT32_MAX) == -EINVAL);
	EXPECT(try_setup(&s, model, UINT64_MAX - info.block_align + 1, BLOCKS) == -EINVAL);
	EXPECT(try_setup(&s, ZCDMA_DEV_IMPORTED + 1, BLOCK, BLOCKS) == -EINVAL);
	for (unsigned policy = ZCDMA_DEV_STRICT << 1; policy; policy <<= 1) {
		s = fine;
		s.policy = policy;
		EXPECT(ring_setup(fd, &s) == -EINVAL);
	}
	for (unsigned flag = ZCDMA_DEV_SETUP_CONTROL << 1; flag; flag <<= 1) {
		s = fine;
		s.flags = flag;
		EXPECT(ring_setup(fd, &s) == -EINVAL);
	}
	/* None of the refused calls has taken the device or its memory. */
	EXPECT(!ring_setup(fd, &fine));
}

static void a_rate_has_a_limit(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	int fd = ring_open(O_RDONLY);

	for (unsigned bit = 63; bit > 50; bit--) {
		s.rate = 1ULL << bit;
		EXPECT(ring_setup(fd, &s) == -EINVAL);
	}
	s.rate = 20001ULL * BLOCK;
	s.rate += 20000 - s.rate % 20000;
	EXPECT(ring_setup(fd, &s) == -EINVAL);
	s.rate = 20000ULL * BLOCK;
	EXPECT(!ring_setup(fd, &s));
}

static void values_at_the_limits_are_taken(unsigned model)
{
	const struct zcdma_dev_info info = ring_limits();
	struct zcdma_dev_setup s;

	EXPECT(!try_setup(&s, model, info.block_align, 2));
	EXPECT(s.blocks_fit == 2 && s.stride == PAGE && s.ring_bytes == 2 * PAGE && s.chunks == 1);
	EXPECT(!try_setup(&s, model, 3ULL * info.block_align, 3));
	EXPECT(s.ring_bytes == 3 * s.stride);
	EXPECT(!try_setup(&s, model, PAGE + info.block_align, 2));
	EXPECT(s.stride == 2 * PAGE);
}

static void the_most_blocks_are_taken(unsigned model)
{
	const struct zcdma_dev_info info = ring_limits();
	struct zcdma_dev_setup s;

	EXPECT(!try_setup(&s, model, info.block_align, info.blocks_max));
	EXPECT(s.blocks_fit == info.blocks_max && s.ring_bytes == s.stride * info.blocks_max);
}

static void a_block_beyond_the_largest_is_refused(unsigned model)
{
	const struct zcdma_dev_info info = ring_limits();
	struct zcdma_dev_setup s;

	EXPECT(info.block_size_max % info.block_align == 0);
	EXPECT(try_setup(&s, model, info.block_size_max + info.block_align, 2) == -EINVAL);
}

static void the_largest_piece_is_one_piece(unsigned model)
{
	const struct zcdma_dev_info info = ring_limits();
	struct zcdma_dev_setup s;

	EXPECT(!try_setup(&s, model, info.chunk_bytes_max, 2));
	EXPECT(s.chunks == 1 && s.stride == info.chunk_bytes_max);
	EXPECT(!try_setup(&s, model, info.chunk_bytes_max + info.block_align, 2));
	EXPECT(s.chunks == 2 && s.stride == info.chunk_bytes_max + PAGE);
}

/* A ring of the size that is said to fit can be set up, at the latest at the fifth attempt. */
static void a_ring_too_large_says_what_fits(unsigned model)
{
	const struct zcdma_dev_info info = ring_limits();
	const uint64_t block = 1 << 20, fit = info.ring_bytes_max / block;
	struct zcdma_dev_setup s;
	int ret;

	EXPECT(try_setup(&s, model, block, fit + 1) == -ENOMEM);
	EXPECT(s.blocks_fit == fit);
	for (unsigned i = 0; i < 5; i++) {
		uint64_t told = s.blocks_fit;

		ret = try_setup(&s, model, block, told);
		if (!ret)
			break;
		EXPECT(ret == -ENOMEM && s.blocks_fit < told && s.blocks_fit > fit / 2);
	}
	EXPECT(!ret);
}

static void a_block_of_several_pieces_is_not_for_it(unsigned model)
{
	const struct zcdma_dev_info info = ring_limits();
	struct zcdma_dev_setup s;

	if (!access("/proc/device-tree", F_OK))
		tap_skip("it may come from CMA, in pieces of any size");
	EXPECT(!try_setup(&s, model, info.chunk_bytes_max, 2));
	EXPECT(try_setup(&s, model, 2 * info.chunk_bytes_max, 2) == -ENOMEM && s.blocks_fit == 0);
}

static void be_nobody(uint64_t may_lock)
{
	struct rlimit limit = { may_lock, may_lock };

	EXPECT(!setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT(!setresuid(65534, 65534, 65534));
}

static void locked_memory_is_limited(unsigned model)
{
	int fd = ring_open(O_RDONLY), again = ring_open(O_RDONLY), info = ring_open(O_RDONLY);
	struct zcdma_dev_setup s = ring_wanted(model);

	be_nobody(5 * BLOCK + PAGE - 1);
	EXPECT(ring_info(info).memlock_bytes == 5 * BLOCK);
	EXPECT(ring_setup(fd, &s) == -EPERM);
	EXPECT(s.blocks_fit == 5);
	EXPECT(ring_info(info).memlock_bytes == 5 * BLOCK);
	s.blocks = s.blocks_fit;
	EXPECT(!ring_setup(fd, &s));
	EXPECT(ring_info(info).memlock_bytes == 0);
	EXPECT(!close(fd));
	EXPECT(ring_info(info).memlock_bytes == 5 * BLOCK);
	EXPECT(!ring_setup(again, &s));
}

static void who_may_lock_memory_is_not_limited(unsigned model)
{
	struct rlimit limit = { PAGE, PAGE };
	struct zcdma_dev_setup s = ring_wanted(model);
	int fd = ring_open(O_RDONLY);

	EXPECT(!setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT(ring_info(fd).memlock_bytes == UINT64_MAX);
	EXPECT(!ring_setup(fd, &s));
}

/* The user who set the ring up pays for it until it is freed, also when the process becomes another user. */
static void the_user_who_set_it_up_pays(unsigned model)
{
	int fd = ring_open(O_RDONLY), info = ring_open(O_RDONLY);
	struct rlimit limit = { 10 * BLOCK, 10 * BLOCK };
	struct zcdma_dev_setup s = ring_wanted(model);

	EXPECT(!setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT(!seteuid(65534));
	EXPECT(!setresuid(65534, 65534, 0));
	EXPECT(!ring_setup(fd, &s));
	EXPECT(ring_info(info).memlock_bytes == 2 * BLOCK);
	EXPECT(!setresuid(0, 0, 0));
	EXPECT(!close(fd));
	be_nobody(10 * BLOCK);
	EXPECT(ring_info(info).memlock_bytes == 10 * BLOCK);
}

static const struct tap_test tests[] = {
	{ "values beyond the limits: EINVAL", values_beyond_the_limits_are_refused, TAP_ALL },
	{ "a rate of more than 20000 blocks a second: EINVAL", a_rate_has_a_limit, 0x4 },
	{ "values at the limits are taken", values_at_the_limits_are_taken, TAP_ALL },
	{ "as many blocks as there may be", the_most_blocks_are_taken, 0x4 },
	{ "a block larger than the largest: EINVAL", a_block_beyond_the_largest_is_refused,
	  TAP_ALL },
	{ "a block of the largest piece's size is one piece", the_largest_piece_is_one_piece, 0xc },
	{ "a block of several pieces: ENOMEM", a_block_of_several_pieces_is_not_for_it, 0x1 },
	{ "a ring too large says what fits, and that fits", a_ring_too_large_says_what_fits, 0x4 },
	{ "RLIMIT_MEMLOCK holds, and says what fits", locked_memory_is_limited, TAP_ALL },
	{ "CAP_IPC_LOCK has no RLIMIT_MEMLOCK", who_may_lock_memory_is_not_limited, TAP_ALL },
	{ "the user who set a ring up pays for it", the_user_who_set_it_up_pays, TAP_ALL },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	return 0;
}
