// SPDX-License-Identifier: GPL-2.0-only
/*
 * inflight: a block is not filled again while its pages are in use, whichever way. Speaks TAP.
 *
 * Every test here fails with a driver that does not look, and guest.sh checks that it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/flight.h"
#include "shared/tap.h"
#include "shared/task.h"

static const struct way *way;

static void is_waited_for(unsigned model)
{
	struct ring r = ring_create(FLIGHT_OPEN, ring_wanted(model));
	struct zcdma_dev_block held;
	struct flight f;
	bool reused = false;

	ring_go(&r);
	held = ring_take(&r);
	f = flight_leave(way, &r, &held);
	EXPECT(!ring_give(&r, held.index));
	for (unsigned i = 0; i < 4 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		reused |= b.index == held.index;
		EXPECT(!ring_give(&r, b.index));
	}
	/* Check the data first: it shows what the reuse does. */
	EXPECT(ring_stats(r.fd).draining == !reused);
	flight_arrive(&f);
	EXPECT(!reused);

	ring_run_until(&r, held.index);
	EXPECT(ring_stats(r.fd).busy_at_release == 1);
}

/*
 * A call that copies out of a block for as long as a page of its destination takes to come.
 */
struct slow_read {
	const struct ring *r;
	const struct zcdma_dev_block *b;
	char *to;
};

static void *read_slowly(void *arg)
{
	const struct slow_read *slow = arg;

	EXPECT(pread(slow->r->fd, slow->to, BLOCK, (off_t)slow->b->position) == BLOCK);
	return NULL;
}

/* Have @page stay missing until the test fills it by userfaultfd. Returns the descriptor for that. */
static int missing_page(char *page)
{
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)page, PAGE },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (uffd < 0)
		tap_skip("this kernel has no userfaultfd");
	EXPECT(!ioctl(uffd, UFFDIO_API, &api) && !ioctl(uffd, UFFDIO_REGISTER, &reg));
	return uffd;
}

static void a_read_under_way_is_waited_for(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block held = ring_take(&r);
	struct slow_read slow = { &r, &held, NULL };
	struct uffd_msg message;
	struct uffdio_zeropage zero = { 0 };
	struct task task;
	int uffd;

	slow.to = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(slow.to != MAP_FAILED);
	uffd = missing_page(slow.to + BLOCK / 2);
	task = task_start(read_slowly, &slow);
	EXPECT(read(uffd, &message, sizeof(message)) == sizeof(message));
	EXPECT(!ring_give(&r, held.index));
	ring_run_for(&r, 4 * BLOCKS);
	zero.range = (struct uffdio_range){ (uintptr_t)slow.to + BLOCK / 2, PAGE };
	EXPECT(!ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	task_join(&task);
	EXPECT(is_pattern(slow.to, BLOCK, held.offset));
	ring_run_until(&r, held.index);
}

int main(void)
{
	for (unsigned model = ZCDMA_DEV_COHERENT; model <= ZCDMA_DEV_SCATTER; model++)
		tap_run(a_read_under_way_is_waited_for, model,
			"%s: a block is waited for while it is read", tap_models[model]);
	for (size_t i = 0; i < flight_way_count; i++) {
		way = &flight_ways[i];
		for (unsigned model = ZCDMA_DEV_PAGES; model <= ZCDMA_DEV_SCATTER; model++)
			tap_run(is_waited_for, model, "%s: a block is waited for in %s",
				tap_models[model], way->name);
	}
	return 0;
}
