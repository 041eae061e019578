/* SPDX-License-Identifier: GPL-2.0-only */
/* What is below the rule of reuse, one step at a time: blocks put by hand, sends and waits of one attempt. */
#ifndef LAB_H
#define LAB_H

#include <string.h>

#include "path/path.h"

/* With the other uses of "-": take a ring from its writer. It does not, else. */
#define LAB_HANDOVER (1u << 30)

/* A source with a ring for @uses (enum zc_use). */
static inline int lab_open(struct zcdma_ctx *context, const char *spec, unsigned uses,
			   struct zcdma_source **src)
{
	int rc = zcdma_source_open(context, spec, src);

	if (rc)
		return rc;
	if (!strcmp(spec, "-") && !(uses & LAB_HANDOVER))
		zcdma_source_set(*src, "handover", "never");
	rc = zc_source_activate(*src, uses & ~LAB_HANDOVER);
	if (rc)
		zcdma_source_close(*src);
	return rc;
}

static inline int lab_open_fd(struct zcdma_ctx *context, int fd, const char *name, unsigned uses,
			      struct zcdma_source **src)
{
	int rc = zcdma_source_open_fd(context, fd, name, src);

	if (rc)
		return rc;
	rc = zc_source_activate(*src, uses);
	if (rc)
		zcdma_source_close(*src);
	return rc;
}

/* A path of @type, from a ring that is made, whatever it was made for. */
static inline int lab_path(struct zcdma_ctx *context, const struct zcdma_path_type *type,
			   struct zcdma_source *src, int fd, enum zcdma_fallback fallback,
			   struct zcdma_path **path)
{
	/* A ring that was made for more is good for less. */
	unsigned uses = src->uses, reads = src->reads;
	int rc;

	src->uses = zc_path_uses(type) | (reads ? ZC_USE_READ : 0);
	rc = zcdma_path_open(context, src, type->name, fd, path);
	src->uses = uses;
	if (rc)
		return rc;
	rc = zcdma_path_set_fallback(*path, fallback);
	if (rc)
		zcdma_path_close(*path);
	return rc;
}

#endif
