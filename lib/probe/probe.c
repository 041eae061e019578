// SPDX-License-Identifier: LGPL-2.1-or-later
/* Try every method on a mapping. */
#include "probe/probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/explain.h"
#include "probe/method.h"
#include "probe/methods.h"
#include "probe/speed.h"

static size_t round_up(size_t n, size_t step)
{
	return (n + step - 1) / step * step;
}

int zc_probe_absent(struct zcdma_probe *p, int err, const char *fmt, ...)
{
	va_list ap;

	if (p->err)
		return -err;
	va_start(ap, fmt);
	vsnprintf(p->reason, sizeof(p->reason), fmt, ap);
	va_end(ap);
	p->err = err;
	return -err;
}

void zc_probe_look_up(struct zc_mapping *m, struct zcdma_probe *p)
{
	if (zc_vma_find(m->addr, &m->vma) < 0)
		memset(&m->vma, 0, sizeof(m->vma));
	snprintf(p->vmflags, sizeof(p->vmflags), "%s", m->vma.flags);
}

void zc_probe_unmap(const struct zc_mapping *m)
{
	/* munmap() takes huge pages off only whole. */
	if (m->mapped)
		munmap(m->addr, round_up(m->mapped, m->vma.kernel_page_size ?: zc_page_size()));
}

/*
 * Returns whether MSG_ZEROCOPY will fail before it reads a byte. It takes pages as vmsplice() does
 * (iov_iter_get_pages2() in lib/iov_iter.c), so it refuses the first page if vmsplice() did.
 */
static bool pins_nothing(const struct zcdma_probe *p)
{
	return zc_probe_has_efault(p, ZCDMA_METHOD_VMSPLICE) &&
	       !strcmp(p->method[ZCDMA_METHOD_VMSPLICE].text, strerror(EFAULT));
}

/* Returns whether the method may read bytes that are not to be read. */
static bool reads_device(const struct zc_mapping *m, unsigned flags, enum zcdma_method method,
			 const struct zcdma_probe *p)
{
	if (!m->device || flags & ZCDMA_PROBE_READ_DEVICE || !zc_method_reads(method))
		return false;
	return method != ZCDMA_METHOD_ZEROCOPY || !pins_nothing(p);
}

static int try_one(struct zcdma_ctx *ctx, const struct zc_mapping *m, unsigned flags,
		   enum zcdma_method method, struct zcdma_probe *p)
{
	struct zcdma_method_result *res = &p->method[method];
	size_t len = m->bytes;

	if (reads_device(m, flags, method, p)) {
		zc_method_untried(
			res,
			p->vmflags[0]
				? "it would read device memory, and reading a register can have side effects"
				: "smaps does not say what this memory is, and reading a register can have side effects");
		return 0;
	}
	/* The rest of a file's last page is harmless; the rest of a BAR's is another device. */
	if (!m->device)
		len = round_up(len, zc_page_size());
	if (method == ZCDMA_METHOD_DIRECT && len % zc_page_size()) {
		zc_method_untried(res, "it writes whole pages, which is more than these %zu bytes",
				  len);
		return 0;
	}
	return zc_method_try(ctx, method, m->addr, len,
			     m->device && !(flags & ZCDMA_PROBE_READ_DEVICE), res);
}

/*
 * Withdraw the answer for a read-only mapping: io_uring pins for writing (FOLL_WRITE in io_pin_pages()), so it is EFAULT
 * whatever the pages are.
 */
static void judge_registered(const struct zc_mapping *m, struct zcdma_probe *p)
{
	if (!m->writable && zc_probe_has_efault(p, ZCDMA_METHOD_REGISTERED))
		zc_method_untried(
			&p->method[ZCDMA_METHOD_REGISTERED],
			"io_uring registers writable memory only, and refuses a mapping that is read-only, whatever its pages are");
}

/* Measure how fast the mapping is read, where send() has read it all. */
static void measure(const struct zc_mapping *m, unsigned flags, struct zcdma_probe *p)
{
	if (p->method[ZCDMA_METHOD_SEND].answer != ZCDMA_ANSWER_WORKS ||
	    reads_device(m, flags, ZCDMA_METHOD_SEND, p))
		return;
	p->read_bytes_per_second = zc_read_speed(m->addr, m->bytes);
	p->anonymous_bytes_per_second = zc_read_speed_anonymous(m->bytes);
	p->uncached = zc_read_is_uncached(p->read_bytes_per_second, p->anonymous_bytes_per_second);
}

int zc_probe_try(struct zcdma_ctx *ctx, const struct zc_mapping *m, unsigned flags,
		 struct zcdma_probe *p)
{
	/* vmsplice() first: it reads nothing, and shows what MSG_ZEROCOPY will do. */
	static const enum zcdma_method order[ZCDMA_METHODS] = {
		ZCDMA_METHOD_VMSPLICE, ZCDMA_METHOD_SEND,	ZCDMA_METHOD_ZEROCOPY,
		ZCDMA_METHOD_DIRECT,   ZCDMA_METHOD_REGISTERED,
	};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		int rc = try_one(ctx, m, flags, order[i], p);

		if (rc)
			return rc;
	}
	p->bytes = m->bytes;
	measure(m, flags, p);
	judge_registered(m, p);
	zc_probe_explain(m, p);
	return 0;
}
