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
	vsnprintf(p->why, sizeof(p->why), fmt, ap);
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
 * MSG_ZEROCOPY takes pages as vmsplice() does (iov_iter_get_pages2() in lib/iov_iter.c): where vmsplice()
 * refused the first page, MSG_ZEROCOPY refuses it too, before a byte is read.
 */
static bool pins_nothing(const struct zcdma_probe *p)
{
	return zc_probe_has_efault(p, ZCDMA_WAY_VMSPLICE) &&
	       !strcmp(p->way[ZCDMA_WAY_VMSPLICE].text, strerror(EFAULT));
}

/* Returns whether the method may read bytes that are not to be read. */
static bool reads_device(const struct zc_mapping *m, unsigned flags, enum zcdma_way way,
			 const struct zcdma_probe *p)
{
	if (!m->device || flags & ZCDMA_PROBE_READ_DEVICE || !zc_way_reads(way))
		return false;
	return way != ZCDMA_WAY_ZEROCOPY || !pins_nothing(p);
}

static int try_one(struct zcdma_ctx *ctx, const struct zc_mapping *m, unsigned flags,
		   enum zcdma_way way, struct zcdma_probe *p)
{
	struct zcdma_way_result *res = &p->way[way];
	size_t len = m->bytes;

	if (reads_device(m, flags, way, p)) {
		zc_way_untried(
			res,
			p->vmflags[0]
				? "it would read device memory, and reading a register can have side effects"
				: "smaps does not say what this memory is, and reading a register can have side effects");
		return 0;
	}
	/* The rest of a file's last page is harmless; the rest of a BAR's is another device. */
	if (!m->device)
		len = round_up(len, zc_page_size());
	if (way == ZCDMA_WAY_DIRECT && len % zc_page_size()) {
		zc_way_untried(res, "it writes whole pages, which is more than these %zu bytes",
			       len);
		return 0;
	}
	return zc_way_try(ctx, way, m->addr, len, m->device && !(flags & ZCDMA_PROBE_READ_DEVICE),
			  res);
}

/*
 * io_uring pins for writing (FOLL_WRITE in io_pin_pages()), so a read-only mapping gives EFAULT
 * whatever its pages are.
 */
static void judge_registered(const struct zc_mapping *m, struct zcdma_probe *p)
{
	if (!m->writable && zc_probe_has_efault(p, ZCDMA_WAY_REGISTERED))
		zc_way_untried(
			&p->way[ZCDMA_WAY_REGISTERED],
			"io_uring registers writable memory only, and refuses a mapping that is read-only, whatever its pages are");
}

int zc_probe_try(struct zcdma_ctx *ctx, const struct zc_mapping *m, unsigned flags,
		 struct zcdma_probe *p)
{
	/* vmsplice() first: it reads nothing, and shows what MSG_ZEROCOPY will do. */
	static const enum zcdma_way order[ZCDMA_WAYS] = {
		ZCDMA_WAY_VMSPLICE, ZCDMA_WAY_SEND,	  ZCDMA_WAY_ZEROCOPY,
		ZCDMA_WAY_DIRECT,   ZCDMA_WAY_REGISTERED,
	};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		int rc = try_one(ctx, m, flags, order[i], p);

		if (rc)
			return rc;
	}
	p->bytes = m->bytes;
	judge_registered(m, p);
	zc_probe_explain(m, p);
	return 0;
}
