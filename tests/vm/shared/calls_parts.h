/* SPDX-License-Identifier: GPL-2.0-only */
/* What the random calls share: the session that they race for, their numbers, and the calls by subject. */
#ifndef CALLS_PARTS_H
#define CALLS_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "calls.h"
#include "ring.h"

#define FILES	3
#define MAPS	8
#define PIPES	3
#define SOCKETS 3
#define TAKEN	16
#define DMABUFS 4
#define HANDLES 2
/* A ring that is not the device's own has at most so many blocks of that size. */
#define IMPORTS	     6
#define IMPORT_BYTES (16UL * PAGE)
/* Where the control page is that is used as it is meant */
#define CONTROL_SLOT MAPS
#define SOURCE_BYTES (64L * PAGE)
#define WINDOW	     (64UL << 20) /* of addresses for a mapping, where nothing else is ever mapped */
#define ARENA	     0x200000000000UL

struct session {
	int file[FILES];
	int channel;	   /* a file of another channel of the device; -1: it has none */
	unsigned owner;	   /* the file that has the ring, as far as is known ... */
	size_t ring_bytes; /* ... how large that is ... */
	size_t block_size; /* ... and a block of it */
	bool plays;	   /* the device */
	size_t length[MAPS];
	int pipe[PIPES][2];
	int socket[SOCKETS][2]; /* two of TCP, one of UNIX */
	int disk;		/* O_DIRECT */
	struct zcdma_dev_block taken[TAKEN];
	unsigned takes;
	size_t control_bytes; /* 0: no page is there */
	int source;	      /* a file of which pages are sent to the device */
	int dmabuf[DMABUFS];  /* of the ring */
	int vgem;	      /* a driver that imports them ... */
	int handle[HANDLES];  /* ... and what it has; 0: nothing */
	int import[IMPORTS];  /* memory of which a ring can be made */
};

/* Where the numbers of one call come from (splitmix64). */
struct dice {
	uint64_t state;
	struct session *s;
};

static inline uint64_t roll(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline uint64_t below(struct dice *d, uint64_t limit)
{
	return roll(d) % limit;
}

/* One of @of is such. */
static inline bool rarely(struct dice *d, unsigned of)
{
	return below(d, of) == 0;
}

static inline unsigned any_slot(struct dice *d)
{
	return rarely(d, 8) ? below(d, FILES) : d->s->owner % FILES;
}

static inline int any_file(struct dice *d)
{
	return d->s->file[any_slot(d)];
}

static inline char *map_address(size_t slot)
{
	return (char *)(uintptr_t)(ARENA + slot * WINDOW);
}

/* A place in a mapping, and how many bytes there are from there on, or nearly. */
static inline char *any_place(struct dice *d, size_t *len)
{
	size_t slot = below(d, MAPS), have, at;

	for (unsigned i = 0; i < MAPS && !d->s->length[slot] && !rarely(d, 32); i++)
		slot = (slot + 1) % MAPS;
	have = d->s->length[slot];
	at = have ? below(d, have) : 0;

	if (!rarely(d, 4))
		at &= ~(PAGE - 1UL);
	*len = have > at ? 1 + below(d, have - at) : PAGE;
	if (rarely(d, 2))
		*len = (*len + PAGE - 1) & ~(PAGE - 1UL);
	return map_address(slot) + at;
}

/* One of those that were taken last. */
static inline const struct zcdma_dev_block *any_taken(struct dice *d)
{
	return &d->s->taken[(d->s->takes - 1 - below(d, rarely(d, 8) ? TAKEN : 3)) % TAKEN];
}

/* How much of a block is queued to a device that plays. */
static inline uint64_t any_queued(struct dice *d)
{
	return d->s->plays && d->s->block_size && !rarely(d, 8) ? 1 + below(d, d->s->block_size)
								: 0;
}

static inline uint32_t size_of(struct dice *d, size_t size)
{
	return rarely(d, 64) ? (uint32_t)below(d, 2 * PAGE) : (uint32_t)size;
}

/* Have a signal for a mapping that is revoked, or was never there, end the call. Returns whether that worked. */
bool calls_catch_faults(void);

/* Make and count one SETUP, with arguments that come from @seed. Returns whether it worked. */
bool call_setup(struct session *s, uint64_t seed);

/* Map the whole ring. Returns how many bytes are mapped at @slot, 0 for none. */
size_t map_all(struct dice *d, size_t slot, int prot);

/* Map the control page of the ring that was set up, or unmap it. */
void map_control(struct dice *d, const struct zcdma_dev_setup *setup);
void unmap_control(struct session *s);

/* Make what a ring can be made of, and what sends pages to the device. Returns whether that worked. */
bool make_imports(struct session *s);
/* Change a setup to one of a ring that is made of it. @fd has room for IMPORTS descriptors. */
void import_into(struct dice *d, struct zcdma_dev_setup *setup, int *fd);

/* The calls: each returns whether it worked. Those of the driver ... */
bool do_open(struct dice *d);
bool do_close(struct dice *d);
bool do_dup(struct dice *d);
bool do_setup(struct dice *d);
bool do_start(struct dice *d);
bool do_start_group(struct dice *d);
bool do_stop(struct dice *d);
bool do_take(struct dice *d);
bool do_give(struct dice *d);
bool do_info(struct dice *d);
bool do_stats(struct dice *d);
bool do_wild_ioctl(struct dice *d);
bool do_poll(struct dice *d);
bool do_nonblock(struct dice *d);

/* ... of its control page, and of its dma-bufs ... */
bool do_page_take(struct dice *d);
bool do_page_give(struct dice *d);
bool do_export(struct dice *d);
bool do_map_dmabuf(struct dice *d);
bool do_sync(struct dice *d);
bool do_import(struct dice *d);

/* ... of its mappings ... */
bool do_mmap(struct dice *d);
bool do_munmap(struct dice *d);
bool do_madvise(struct dice *d);
bool do_mprotect(struct dice *d);
bool do_mremap(struct dice *d);
bool do_touch(struct dice *d);
bool do_remote_read(struct dice *d);
bool do_fork(struct dice *d);

/* ... and of the stream, and of where its pages go. */
bool do_read(struct dice *d);
bool do_write(struct dice *d);
bool do_fsync(struct dice *d);
bool do_splice(struct dice *d);
bool do_sendfile(struct dice *d);
bool do_splice_to(struct dice *d);
bool do_sendfile_to(struct dice *d);
bool do_vmsplice(struct dice *d);
bool do_tee(struct dice *d);
bool do_pipe_to_socket(struct dice *d);
bool do_send(struct dice *d);
bool do_drain(struct dice *d);
bool do_direct_write(struct dice *d);
bool do_files(struct dice *d);

#endif /* CALLS_PARTS_H */
