// SPDX-License-Identifier: LGPL-2.1-or-later
/* An fsync() that can be waited for as for anything else. */
#include "path/drain.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/thread.h"

static void *run(void *arg)
{
	struct zc_drain *d = arg;
	int rc;

	do {
		rc = fsync(d->fd) < 0 ? -errno : 0;
	} while (rc == -EINTR);
	d->rc = rc;
	eventfd_write(d->done_fd, 1);
	return NULL;
}

static int begin(struct zc_drain *d, int fd)
{
	int rc;

	d->fd = fd;
	d->done_fd = eventfd(0, EFD_CLOEXEC);
	if (d->done_fd < 0)
		return -errno;
	rc = zc_thread_start(&d->thread, run, d);
	if (rc)
		close(d->done_fd);
	d->begun = !rc;
	return rc;
}

int zc_drain(struct zcdma_ctx *ctx, struct zc_drain *d, int fd, int timeout_ms)
{
	int rc = d->begun ? 0 : begin(d, fd);

	if (!rc)
		rc = zc_poll(ctx, d->done_fd, POLLIN, timeout_ms);
	if (rc)
		return rc;
	zc_drain_end(d);
	return d->rc;
}

void zc_drain_end(struct zc_drain *d)
{
	if (!d->begun)
		return;
	pthread_join(d->thread, NULL);
	close(d->done_fd);
	d->begun = false;
}
