/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring of a device, as tests use it. All but ring_setup() and ring_give() end a test that fails. */
#ifndef RING_H
#define RING_H

#include <linux/zcdma.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DEVICE "/dev/zcdma0"
#define SEED   0x1234
#define BLOCK  (256 * 1024)
#define BLOCKS 8
#ifdef KERNEL_PAGE
#define PAGE KERNEL_PAGE /* vm.sh says so where it is another */
#else
#define PAGE 4096
#endif

/* DEVICE, unless a program says otherwise. */
extern const char *ring_device;

struct ring {
	int fd;
	struct zcdma_dev_setup setup;
	char *map; /* read-only, unless the file is open for writing */
};

/* Returns the setup that a test usually asks for. */
struct zcdma_dev_setup ring_wanted(unsigned model);
/* Set up the ring of @fd. Returns 0 or -errno. */
int ring_setup(int fd, struct zcdma_dev_setup *setup);

int ring_open(int flags);
/* Returns what the size of a block must be a multiple of: on arm64 it is more than the ABI's minimum. */
size_t ring_align(void);
char *ring_map(const struct ring *r, int prot);

/* Set up a ring, and map it, without starting it. */
struct ring ring_create(int flags, struct zcdma_dev_setup setup);
/* Set up the usual ring, map it, and start it. */
struct ring ring_start(unsigned model, unsigned policy);
/* Start a ring with blocks of one page, and take and give back the first. */
struct ring ring_start_small(unsigned model);
void ring_go(const struct ring *r);
void ring_stop(const struct ring *r);
/* Unmap and close. */
void ring_end(struct ring *r);

struct zcdma_dev_block ring_take(const struct ring *r);
int ring_give(const struct ring *r, unsigned index);
struct zcdma_dev_stats ring_stats(int fd);

/* What the driver says of the device, to the owner of @fd or to a file of its own. */
struct zcdma_dev_info ring_info(int fd);
struct zcdma_dev_info ring_limits(void);

/* Take and give back what the device produces, until it produced @blocks more. */
void ring_run_for(const struct ring *r, unsigned blocks);
/* Do the same until it has taken block @index. */
void ring_run_until(const struct ring *r, unsigned index);

/* Returns whether @data, of any alignment, holds @len bytes of the pattern from @offset of the stream on. */
bool is_pattern(const void *data, size_t len, uint64_t offset);

/* Fail the test unless the mapping is whole and blocks go round. */
void ring_expect_works(const struct ring *r);

static inline const char *ring_data(const struct ring *r, const struct zcdma_dev_block *b)
{
	return r->map + b->mmap_offset;
}

#endif /* RING_H */
