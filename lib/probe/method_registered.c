// SPDX-License-Identifier: LGPL-2.1-or-later
/* Buffers registered with io_uring. */
#include <stdio.h>
#include <sys/uio.h>

#include "path/pin_limit.h"
#include "probe/method.h"

static int registered_open(struct zc_attempt *a)
{
	char why[128];
	int rc = io_uring_queue_init(1, &a->ring, 0);

	if (rc)
		zc_method_untried(a->res, "%s", zc_uring_refused(-rc, why, sizeof(why)));
	return rc;
}

static ssize_t registered_step(struct zc_attempt *a, const void *p, size_t len)
{
	const struct iovec iov = { .iov_base = (void *)p, .iov_len = len };
	int rc = io_uring_register_buffers(&a->ring, &iov, 1);

	if (!rc)
		rc = io_uring_unregister_buffers(&a->ring);
	return rc ? rc : (ssize_t)len;
}

static void registered_close(struct zc_attempt *a)
{
	io_uring_queue_exit(&a->ring);
}

static void describe_registered(int err, char *text, size_t len)
{
	char limit[32];

	if (err == ENOMEM)
		snprintf(
			text, len,
			"RLIMIT_MEMLOCK, %s, is too small to pin it, or its pages cannot leave CMA or ZONE_MOVABLE, where none is pinned for long",
			zc_memlock_limit(limit, sizeof(limit)));
	else if (err == EOPNOTSUPP)
		snprintf(
			text, len,
			"this kernel does not register a mapping of this kind; none does with files on persistent memory (DAX)");
}

const struct zc_method zc_method_registered = {
	.name = "registered buffers",
	/* Larger steps, as unregistering may wait for a grace period. */
	.chunk = 16 * ZC_METHOD_CHUNK,
	.open = registered_open,
	.step = registered_step,
	.close = registered_close,
	.describe = describe_registered,
};
