/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk whose io_uring takes no submissions: it ends with an error, as nothing can be served. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk/disk.h"

#include "context.h"
#include "refused_submit.h"

#define WITHIN_MS 20000

static struct zcdma_disk *make_disk(void)
{
	struct zcdma_disk *d = zc_disk_new(ctx, &(const struct zcdma_disk_options){ .id = -1 });

	assert_non_null(d);
	d->dead = true; /* there is no server */
	assert_int_equal(zc_disk_ring_open(d->queues[0]), 0);
	return d;
}

static bool never(const struct zc_disk_queue *q)
{
	(void)q;
	return false;
}

/* Prepare more than the queue has room for. */
static void submit_many(struct zcdma_disk *d)
{
	for (unsigned n = 0; n < 1000; n++)
		assert_non_null(zc_disk_sqe(d->queues[0], IORING_OP_NOP, -1, ZC_DISK_EVENTS, 0));
}

/* The kernel answers with @reason, or with 0 that it took none; the disk with @error. */
static void refuses_for_ever(int reason, int error)
{
	struct zcdma_disk *d = make_disk();

	refusal = reason;
	refusals = UINT32_MAX;
	submit_many(d);
	assert_int_equal(zc_disk_run(d->queues[0], never, WITHIN_MS, false), -error);
	assert_non_null(strstr(zcdma_error(ctx), "io_uring_enter"));
	/* It stays so. */
	refusals = 0;
	submit_many(d);
	assert_int_equal(zc_disk_run(d->queues[0], never, WITHIN_MS, false), -error);
	zcdma_disk_close(d);
	/* It was kept for what may be in flight, which is nothing here. */
	free(d->queues[0]);
	free(d);
}

static void a_ring_that_is_gone_ends_the_disk(void **state)
{
	(void)state;
	refuses_for_ever(EBADF, EBADF);
}

static void a_kernel_without_memory_is_waited_for_a_while(void **state)
{
	(void)state;
	refuses_for_ever(EAGAIN, EAGAIN);
	refuses_for_ever(EBUSY, EBUSY);
	refuses_for_ever(0, EAGAIN);
}

static void what_passes_is_no_error(void **state)
{
	struct zcdma_disk *d = make_disk();

	(void)state;
	refusal = EAGAIN;
	refusals = 20;
	submit_many(d);
	assert_int_equal(refusals, 0);
	assert_int_equal(zc_disk_run(d->queues[0], never, 10, false), -ETIMEDOUT);
	zcdma_disk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_that_is_gone_ends_the_disk),
		cmocka_unit_test(a_kernel_without_memory_is_waited_for_a_while),
		cmocka_unit_test(what_passes_is_no_error),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
