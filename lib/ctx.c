// SPDX-License-Identifier: LGPL-2.1-or-later
/* The context: the last error's message and hint, and how a wait is interrupted. */
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"

/* How often a wake-up that failed is repeated. */
#define WAKE_TRIES 8

ZC_PUBLIC int zcdma_new(struct zcdma_ctx **out)
{
	struct zcdma_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return -ENOMEM;
	ctx->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ctx->wake_fd < 0) {
		int err = errno;

		free(ctx);
		return -err;
	}
	*out = ctx;
	return 0;
}

ZC_PUBLIC void zcdma_free(struct zcdma_ctx *ctx)
{
	if (!ctx)
		return;
	close(ctx->wake_fd);
	free(ctx);
}

ZC_PUBLIC const char *zcdma_error(const struct zcdma_ctx *ctx)
{
	return ctx->last.error;
}

ZC_PUBLIC const char *zcdma_hint(const struct zcdma_ctx *ctx)
{
	return ctx->last.hint[0] ? ctx->last.hint : NULL;
}

ZC_PUBLIC void zcdma_interrupt(struct zcdma_ctx *ctx)
{
	const uint64_t one = 1;
	int saved = errno;

	ctx->interrupted = true;
	/* With EAGAIN the counter is full, and readable: eventfd(2). No other error lasts. */
	for (int i = 0; i < WAKE_TRIES; i++) {
		if (write(ctx->wake_fd, &one, sizeof(one)) >= 0 || errno == EAGAIN)
			break;
	}
	errno = saved;
}

ZC_PUBLIC int zcdma_sleep(struct zcdma_ctx *ctx, int timeout_ms)
{
	return zc_poll(ctx, -1, 0, timeout_ms);
}

ZC_PUBLIC void zcdma_resume(struct zcdma_ctx *ctx)
{
	uint64_t count;
	ssize_t n;

	ctx->interrupted = false;
	n = read(ctx->wake_fd, &count, sizeof(count));
	(void)n; /* EAGAIN: it was not interrupted */
}

static __attribute__((format(printf, 2, 0))) void set_error(struct zcdma_ctx *ctx, const char *fmt,
							    va_list ap)
{
	vsnprintf(ctx->last.error, sizeof(ctx->last.error), fmt, ap);
	ctx->last.hint[0] = '\0';
}

/* What helps against an error, whatever the operation was. */
static const struct {
	int err;
	const char *hint;
} hints[] = {
	{ EMFILE, "raise the limit on open files (ulimit -n)" },
	{ EFBIG, "raise the limit on file size (ulimit -f); what was written before stays" },
	{ ENOSPC, "free some space; what was written before stays" },
	{ EDQUOT, "free some space; what was written before stays" },
};

int zc_fail(struct zcdma_ctx *ctx, int err, const char *fmt, ...)
{
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	set_error(ctx, fmt, ap);
	va_end(ap);
	len = strlen(ctx->last.error);
	snprintf(ctx->last.error + len, sizeof(ctx->last.error) - len, ": %s", strerror(err));
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].err == err)
			zc_hint(ctx, "%s", hints[i].hint);
	}
	return -err;
}

int zc_fail_plain(struct zcdma_ctx *ctx, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_error(ctx, fmt, ap);
	va_end(ap);
	return -err;
}

void zc_hint(struct zcdma_ctx *ctx, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ctx->last.hint, sizeof(ctx->last.hint), fmt, ap);
	va_end(ap);
}

int zc_error_keep(struct zc_error *e, const struct zcdma_ctx *ctx, int rc)
{
	*e = ctx->last;
	e->rc = rc;
	return rc;
}

int zc_error_again(const struct zc_error *e, struct zcdma_ctx *ctx)
{
	ctx->last = *e;
	return e->rc;
}

uint64_t zc_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : zc_now_ns() + (uint64_t)timeout_ms * 1000000u;
}

int zc_time_left(uint64_t deadline_ns)
{
	uint64_t now;

	if (deadline_ns == UINT64_MAX)
		return -1;
	now = zc_now_ns();
	if (now >= deadline_ns)
		return 0;
	return (int)zc_min((deadline_ns - now + 999999u) / 1000000u, (uint64_t)INT_MAX);
}

int zc_poll_any(struct zcdma_ctx *ctx, const int *fds, unsigned count, short events, int timeout_ms)
{
	struct pollfd p[1 + ZC_POLL_MOST] = { { .fd = ctx->wake_fd, .events = POLLIN } };
	int n;

	for (unsigned i = 0; i < count; i++)
		p[1 + i] = (struct pollfd){ .fd = fds[i], .events = events };
	n = poll(p, 1 + count, timeout_ms);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	return p[0].revents ? -EINTR : 0;
}

int zc_poll(struct zcdma_ctx *ctx, int fd, short events, int timeout_ms)
{
	return zc_poll_any(ctx, &fd, 1, events, timeout_ms);
}

bool zc_read_line(const char *path, char *buf, size_t len)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(buf, (int)len, f);

	if (f)
		fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}
