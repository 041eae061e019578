// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Methods of sending from a mapping, each tried for real: the bytes go to a socket, a pipe, a file or a ring
 * that is thrown away afterwards. Every trial walks the whole mapping, as only its first pages may work.
 */
#include "probe/methods.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/method.h"

static const struct zc_method *const methods[ZCDMA_METHODS] = {
	[ZCDMA_METHOD_SEND] = &zc_method_send,
	[ZCDMA_METHOD_ZEROCOPY] = &zc_method_zerocopy,
	[ZCDMA_METHOD_VMSPLICE] = &zc_method_vmsplice,
	[ZCDMA_METHOD_DIRECT] = &zc_method_direct,
	[ZCDMA_METHOD_REGISTERED] = &zc_method_registered,
};

void zc_method_untried(struct zcdma_method_result *res, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(res->text, sizeof(res->text), fmt, ap);
	va_end(ap);
	res->answer = ZCDMA_ANSWER_UNTRIED;
	res->err = 0;
}

void zc_attempt_close(struct zc_attempt *a)
{
	if (a->fd >= 0)
		close(a->fd);
	if (a->peer >= 0)
		close(a->peer);
	a->fd = a->peer = -1;
}

void zc_method_describe_refusal(char *text, size_t len)
{
	snprintf(
		text, len,
		"the call is refused, by a seccomp profile (containers have one) or a security module");
}

static void set_failure(struct zcdma_method_result *res, const struct zc_method *method, int err,
			size_t done)
{
	res->answer = ZCDMA_ANSWER_FAILS;
	res->err = err;
	res->text[0] = '\0';
	if (method->describe)
		method->describe(err, res->text, sizeof(res->text));
	if (res->text[0])
		return;
	if (done)
		snprintf(res->text, sizeof(res->text), "%s, but only from byte %zu on",
			 strerror(err), done);
	else
		snprintf(res->text, sizeof(res->text), "%s", strerror(err));
}

/* Pass all bytes on, and set the answer. Returns 0, or -EINTR. */
static int walk(struct zc_attempt *a, const struct zc_method *method, const char *addr, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), done = 0;

	a->res->answer = ZCDMA_ANSWER_WORKS;
	while (done < len) {
		size_t chunk = zc_min(len - done, method->chunk);
		ssize_t n = method->step(a, addr + done, chunk);

		/* Some calls refuse all for one bad page: find out how far the good ones go. */
		if (n == -EFAULT && chunk > page)
			n = method->step(a, addr + done, page);
		if (n == -EINTR)
			return -EINTR;
		if (n <= 0) {
			if (a->res->answer != ZCDMA_ANSWER_UNTRIED)
				set_failure(a->res, method, n ? (int)-n : EIO, done);
			break;
		}
		done += (size_t)n;
	}
	return 0;
}

bool zc_method_reads(enum zcdma_method method)
{
	return methods[method]->reads;
}

int zc_method_try(struct zcdma_ctx *ctx, enum zcdma_method method, const void *addr, size_t len,
		  bool pin_only, struct zcdma_method_result *res)
{
	struct zc_attempt a = {
		.ctx = ctx, .res = res, .fd = -1, .peer = -1, .pin_only = pin_only
	};
	int rc;

	memset(res, 0, sizeof(*res));
	rc = methods[method]->open(&a);
	if (!rc) {
		rc = walk(&a, methods[method], addr, len);
		methods[method]->close(&a);
		return rc;
	}
	zc_attempt_close(&a);
	return rc == -EINTR ? rc : 0;
}

ZC_PUBLIC const char *zcdma_method_name(enum zcdma_method method)
{
	return (unsigned)method < ZCDMA_METHODS ? methods[method]->name : "unknown";
}
