// SPDX-License-Identifier: LGPL-2.1-or-later
/* Probe a device of the driver: one mapping for each memory model, tried on a block that it filled. */
#include <unistd.h>

#include "source/dev_node.h"
#include "probe/probe.h"
#include "source/source.h"

#define LIMIT_MS 5000

/* Open the ring, for writing too if the device permits it, as io_uring registers writable memory only. */
static int open_ring(struct zcdma_ctx *ctx, const char *spec, struct zcdma_source **src,
		     bool *writable)
{
	int rc = zcdma_source_open(ctx, spec, src);

	if (rc)
		return rc;
	rc = zc_source_activate(*src, ZC_USE_WRITE);
	*writable = !rc;
	if (rc == -EACCES)
		rc = zc_source_activate(*src, 0);
	if (rc)
		zcdma_source_close(*src);
	return rc;
}

static int take_block(struct zcdma_ctx *ctx, struct zcdma_source *src, struct zcdma_block *b)
{
	int rc = zcdma_source_next(src, LIMIT_MS, b);

	if (rc == -ETIMEDOUT)
		return zc_fail_plain(ctx, ETIMEDOUT, "no block within %d s", LIMIT_MS / 1000);
	return rc == 1 ? 0 : rc;
}

/* Record in @p why nothing is mapped, with the error and the hint of @ctx. */
static void absent(struct zcdma_ctx *ctx, int err, struct zcdma_probe *p)
{
	const char *hint = zcdma_hint(ctx);

	if (hint)
		zc_probe_absent(p, err, "%s (%s)", zcdma_error(ctx), hint);
	else
		zc_probe_absent(p, err, "%s", zcdma_error(ctx));
}

static int try_block(struct zcdma_ctx *ctx, const struct zcdma_block *b, bool writable,
		     struct zcdma_probe *p)
{
	struct zc_mapping m = {
		.addr = (void *)b->data,
		.bytes = b->len,
		.writable = writable,
		.owner = ZC_OWNER_ZCDMA,
	};

	zc_probe_look_up(&m, p);
	return zc_probe_try(ctx, &m, 0, p);
}

/* Export a block that was taken. Returns 1, 0 where the driver refuses, or -1. */
static int8_t try_export(struct zcdma_source *src, const struct zcdma_block *b)
{
	int fd = zcdma_block_export(src, b);

	if (fd >= 0)
		close(fd);
	/* A driver of before answers ENOTTY. */
	return fd >= 0 ? 1 : fd == -EOPNOTSUPP || fd == -ENOTTY ? 0 : -1;
}

int zc_probe_device(struct zcdma_ctx *ctx, const char *path, unsigned i, size_t bytes,
		    struct zcdma_probe *p)
{
	struct zcdma_source *src;
	struct zcdma_block b;
	bool writable;
	char spec[512];
	int rc;

	snprintf(p->model, sizeof(p->model), "%s", zc_source_dev.type.memories[i]);
	snprintf(p->name, sizeof(p->name), "%.200s %s", path, p->model);
	snprintf(spec, sizeof(spec), "dev:%s,model=%s,blocks=2,block=%zu", path, p->model, bytes);
	rc = open_ring(ctx, spec, &src, &writable);
	if (rc) {
		absent(ctx, -rc, p);
		return 0;
	}
	rc = take_block(ctx, src, &b);
	if (!rc) {
		p->bounced = src->info.bounced;
		p->exports = try_export(src, &b);
		rc = try_block(ctx, &b, writable, p);
		zcdma_block_release(src, &b);
	} else if (rc != -EINTR) {
		absent(ctx, -rc, p);
		rc = 0;
	}
	zcdma_source_close(src);
	return rc;
}
