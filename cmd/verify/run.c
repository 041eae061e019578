// SPDX-License-Identifier: GPL-2.0-only
/* A run of verify: its streams, from the first to the end of the last. */
#include "verify/run.h"

#include <errno.h>
#include <unistd.h>

#include <zcdma/util.h>

#include "cli/status.h"

static bool all_ended(const struct verify *v)
{
	for (unsigned i = 0; i < v->started; i++) {
		if (!v->streams[i].ended)
			return false;
	}
	return true;
}

static struct figures add_streams(const struct verify *v)
{
	struct figures now = { .total = v->expect.bytes * v->wanted };

	for (unsigned i = 0; i < v->started; i++)
		now.bytes += v->streams[i].bytes;
	return now;
}

void verify_show_progress(struct verify *v)
{
	struct figures now;

	if (!progress_due(&v->progress))
		return;
	now = add_streams(v);
	progress_show(&v->progress, &now);
}

void verify_end_progress(struct verify *v)
{
	const struct figures now = add_streams(v);

	progress_end(&v->progress, &now);
}

void verify_wait(struct verify *v)
{
	while (!all_ended(v)) {
		/* A stream that ends interrupts, and so does a signal, which the streams see too. */
		if (zcdma_sleep(v->ctx, progress_timeout(&v->progress)) == -EINTR)
			zcdma_resume(v->ctx);
		verify_show_progress(v);
	}
	for (unsigned i = 0; i < v->started; i++)
		stream_join(&v->streams[i]);
	verify_end_progress(v);
}

struct stream *verify_next_stream(struct verify *v)
{
	struct stream *s = &v->streams[v->started];

	*s = (struct stream){
		.expect = &v->expect,
		.owner = v->ctx,
		.report = v->r,
		.fd = -1,
		.idle_seconds = v->idle_seconds,
		.simulated = -1,
	};
	return s;
}

int verify_start_stream(struct verify *v, struct stream *s)
{
	if (stream_start(s)) {
		if (!v->started++)
			progress_restart(&v->progress);
		return STATUS_OK;
	}
	if (s->fd >= 0)
		close(s->fd);
	return report_system_error(v->r, STATUS_ERROR, s->rc, zcdma_thread_hint(s->rc), "%s",
				   s->error);
}
