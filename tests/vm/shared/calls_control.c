// SPDX-License-Identifier: GPL-2.0-only
/* Random calls that take and give by the control page, which is at an address of its own. */
#include <poll.h>
#include <sys/mman.h>

#include "calls_parts.h"
#include "control.h"

static struct control control_of(const struct dice *d)
{
	return (struct control){
		.ring.fd = d->s->file[d->s->owner],
		.page = (struct zcdma_dev_control *)map_address(CONTROL_SLOT),
	};
}

void map_control(struct dice *d, const struct zcdma_dev_setup *setup)
{
	/* Among the other mappings it is written to as they are: what is in it is garbage then. */
	const size_t slot = rarely(d, 4) ? below(d, MAPS) : CONTROL_SLOT;

	if (mmap(map_address(slot), setup->control_bytes, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, d->s->file[d->s->owner],
		 (off_t)setup->control_offset) == MAP_FAILED)
		return;
	if (slot < MAPS)
		d->s->length[slot] = setup->control_bytes;
	d->s->control_bytes = slot < MAPS ? 0 : setup->control_bytes;
}

void unmap_control(struct session *s)
{
	const size_t bytes = __atomic_exchange_n(&s->control_bytes, 0, __ATOMIC_RELAXED);

	if (bytes)
		munmap(map_address(CONTROL_SLOT), bytes);
}

bool do_page_take(struct dice *d)
{
	struct control c = control_of(d);
	struct zcdma_dev_block b;

	if (!d->s->control_bytes || !c.page->entries || !control_try_take(&c, &b))
		return false;
	d->s->taken[__atomic_fetch_add(&d->s->takes, 1, __ATOMIC_RELAXED) % TAKEN] = b;
	return true;
}

/* What is given is right, mostly. */
bool do_page_give(struct dice *d)
{
	struct control c = control_of(d);
	struct pollfd p = { .fd = c.ring.fd };
	const unsigned index = rarely(d, 16) ? (unsigned)roll(d) : any_taken(d)->index;

	if (!d->s->control_bytes || !c.page->entries)
		return false;
	control_put(&c, index, rarely(d, 32) ? roll(d) : any_queued(d));
	if (rarely(d, 64))
		c.page->given = (uint32_t)roll(d);
	return poll(&p, 1, 0) >= 0;
}
