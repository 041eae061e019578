// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory that both ends of a hand-over map, and the order in which they read and write it. */
#include "handover/shared_page.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

_Static_assert(sizeof(struct zc_lane_head) == 2 * ZC_LANE_LINE, "the same for 32 and 64 bit");
_Static_assert(sizeof(struct zc_ho_block) % sizeof(uint64_t) == 0, "entries are copied by words");
_Static_assert(sizeof(struct zc_ho_release) % sizeof(uint64_t) == 0, "entries are copied by words");

/* A lane has a power of 2 of entries, so that the wrapping number of one is its place. */
static uint32_t entries_for(uint32_t blocks)
{
	uint32_t n = 1;

	while (n < blocks)
		n *= 2;
	return n;
}

static size_t size_for(uint32_t entries)
{
	return 2 * sizeof(struct zc_lane_head) +
	       entries * (sizeof(struct zc_ho_block) + sizeof(struct zc_ho_release));
}

static void lay_out(struct zc_shared_page *s, uint32_t entries)
{
	struct zc_lane_head *heads = s->map;
	struct zc_ho_block *blocks = (struct zc_ho_block *)(heads + 2);

	s->blocks = (struct zc_lane){
		.head = &heads[0],
		.entries = (volatile uint64_t *)blocks,
		.words = sizeof(*blocks) / sizeof(uint64_t),
		.mask = entries - 1,
	};
	s->releases = (struct zc_lane){
		.head = &heads[1],
		.entries = (volatile uint64_t *)(blocks + entries),
		.words = sizeof(struct zc_ho_release) / sizeof(uint64_t),
		.mask = entries - 1,
	};
}

/*
 * Check that the memory cannot go away: sealed, and not of huge pages, which may be missing after a hole was punched, so
 * that reading them raises SIGBUS.
 */
static int check(int fd, size_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct statfs fs;
	struct stat st;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -EPROTO;
	return fs.f_type == TMPFS_MAGIC && (uint64_t)st.st_size >= size ? 0 : -EPROTO;
}

static int map(struct zc_shared_page *s, int fd, uint32_t blocks)
{
	const uint32_t entries = entries_for(blocks);
	void *at = mmap(NULL, size_for(entries), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	s->map = at;
	s->size = size_for(entries);
	lay_out(s, entries);
	return 0;
}

int zc_shared_page_create(struct zc_shared_page *s, uint32_t blocks)
{
	int fd = memfd_create("zcdma-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING), rc;

	if (fd < 0)
		return -errno;
	rc = ftruncate(fd, (off_t)size_for(entries_for(blocks))) ||
			     fcntl(fd, F_ADD_SEALS, SEALS) < 0
		     ? -errno
		     : map(s, fd, blocks);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

int zc_shared_page_map(struct zc_shared_page *s, int fd, uint32_t blocks)
{
	int rc = check(fd, size_for(entries_for(blocks)));

	return rc ? rc : map(s, fd, blocks);
}

void zc_shared_page_unmap(struct zc_shared_page *s)
{
	if (s->map)
		munmap(s->map, s->size);
	s->map = NULL;
}

static volatile uint64_t *entry_at(const struct zc_lane *lane, uint32_t n)
{
	return &lane->entries[(size_t)(n & lane->mask) * lane->words];
}

void zc_lane_put(struct zc_lane *lane, const void *entry)
{
	volatile uint64_t *to = entry_at(lane, lane->done);
	const uint64_t *from = entry;

	for (unsigned i = 0; i < lane->words; i++)
		to[i] = from[i];
	atomic_store_explicit(&lane->head->put, ++lane->done, memory_order_release);
}

/* Clear this end's flag. If the other end has cleared it before, it sent a message, which must be read. */
static void wake_up(struct zc_lane *lane)
{
	lane->asleep = false;
	lane->rung |= !atomic_exchange(&lane->head->sleeps, 0);
}

int zc_lane_take(struct zc_lane *lane, uint32_t most, void *entry)
{
	const uint32_t put = atomic_load_explicit(&lane->head->put, memory_order_acquire);
	const volatile uint64_t *from = entry_at(lane, lane->done);
	uint64_t *to = entry;

	if (put == lane->done)
		return 0;
	if (put - lane->done > most)
		return -EPROTO;
	if (lane->asleep)
		wake_up(lane);
	/* Once: what is looked at must be what is used. */
	for (unsigned i = 0; i < lane->words; i++)
		to[i] = from[i];
	lane->done++;
	return 1;
}

/*
 * Each end writes one word and then reads the other's: .sleeps and .put here, .put and .sleeps in
 * zc_lane_must_wake() and zc_lane_worth_waking(). With a fence between them at both ends, one of the two sees the other's.
 */
bool zc_lane_sleep(struct zc_lane *lane, enum zc_lane_sleeps how)
{
	lane->asleep = true;
	atomic_store_explicit(&lane->head->sleeps, how, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&lane->head->put, memory_order_relaxed) == lane->done;
}

uint32_t zc_lane_few(uint32_t blocks)
{
	return zc_min((blocks + 3) / 4, ZC_HO_RELEASES);
}

uint32_t zc_lane_worth_waking(struct zc_lane *lane, uint32_t blocks, bool more)
{
	const uint32_t few = zc_lane_few(blocks);

	atomic_thread_fence(memory_order_seq_cst);
	switch (atomic_load_explicit(&lane->head->sleeps, memory_order_relaxed)) {
	case ZC_LANE_HURRIES:
		return 1;
	case ZC_LANE_PATIENT:
		return more ? zc_max(blocks - (blocks + 3) / 4, few) : few;
	default:
		return few;
	}
}

bool zc_lane_is_empty(const struct zc_lane *lane)
{
	return atomic_load_explicit(&lane->head->put, memory_order_relaxed) == lane->done;
}

bool zc_lane_must_wake(struct zc_lane *lane)
{
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&lane->head->sleeps, memory_order_relaxed) &&
	       atomic_exchange(&lane->head->sleeps, 0);
}
