// SPDX-License-Identifier: LGPL-2.1-or-later
/* vmsplice() into a pipe. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "path/selftest.h"
#include "probe/method.h"

int zc_attempt_open_pipe(struct zc_attempt *a)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		zc_method_untried(a->res, "no pipe: %s", strerror(errno));
		return -errno;
	}
	a->peer = ends[0];
	a->fd = ends[1];
	return 0;
}

/* Take a fresh pipe for each step, as emptying the old one would read the pages. */
ssize_t zc_attempt_vmsplice(struct zc_attempt *a, const void *p, size_t len)
{
	const struct iovec iov = { .iov_base = (void *)p, .iov_len = len };
	ssize_t n = vmsplice(a->fd, &iov, 1, SPLICE_F_NONBLOCK);
	int rc;

	if (n < 0)
		return -errno;
	zc_attempt_close(a);
	rc = zc_attempt_open_pipe(a);
	return rc ? rc : n;
}

/* Open the pipe. A vmsplice() that copies shows little about pages, so the text says so. */
static int vmsplice_open(struct zc_attempt *a)
{
	if (zc_vmsplice_copies() == 1)
		snprintf(a->res->text, sizeof(a->res->text),
			 "accepted, and copied: this kernel's vmsplice() does not pass pages on");
	return zc_attempt_open_pipe(a);
}

static void describe_vmsplice(int err, char *text, size_t len)
{
	if (err == EPERM || err == ENOSYS || err == EOPNOTSUPP)
		zc_method_describe_refusal(text, len);
}

const struct zc_method zc_method_vmsplice = {
	.name = "vmsplice",
	.chunk = ZC_METHOD_CHUNK,
	.open = vmsplice_open,
	.step = zc_attempt_vmsplice,
	.close = zc_attempt_close,
	.describe = describe_vmsplice,
};
