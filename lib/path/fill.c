// SPDX-License-Identifier: LGPL-2.1-or-later
/* Zeros in the place of what was lost, so that an offset in the output is one of the device's stream. */
#include "path/path.h"

ZC_PUBLIC uint64_t zcdma_block_lost_bytes(const struct zcdma_block *b)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < ZCDMA_LOSS_CAUSES; i++) {
		if (b->lost[i].count && b->lost[i].bytes == ZCDMA_UNKNOWN)
			return ZCDMA_UNKNOWN;
		bytes += b->lost[i].count ? b->lost[i].bytes : 0;
	}
	return bytes;
}

/* Returns how many zeros come before @b. */
static uint64_t begin(struct zcdma_path *path, const struct zcdma_block *b)
{
	uint64_t bytes = zcdma_block_lost_bytes(b);

	path->fill.begun = true;
	if (bytes != ZCDMA_UNKNOWN)
		return bytes;
	path->stats.unfilled_gaps++;
	return 0;
}

int zc_path_fill(struct zcdma_path *path, const struct zcdma_block *b)
{
	/* Zeros that were begun come whole, and none come into the middle of a block. */
	if (path->fill.done || path->sent || (path->gaps == ZCDMA_GAPS_SKIP && !path->fill.begun))
		return 0;
	if (!path->fill.begun)
		path->fill.left = path->fill.bytes = begin(path, b);
	while (path->fill.left) {
		int64_t n = path->ops->zeros(path, path->fill.left);

		if (n < 0)
			return (int)n;
		path->fill.left -= (uint64_t)n;
	}
	path->fill.done = true;
	return 0;
}

ZC_PUBLIC int zcdma_path_set_gaps(struct zcdma_path *path, enum zcdma_gaps gaps)
{
	if (gaps == ZCDMA_GAPS_ZERO && !path->ops->zeros)
		return zc_fail_plain(path->ctx, EINVAL, "zeros in gaps: path %s cannot write them",
				     path->ops->type.name);
	if (gaps == ZCDMA_GAPS_ZERO && path->framing)
		return zc_fail_plain(
			path->ctx, EINVAL,
			"zeros in gaps: in the frames to %s each block says what was lost",
			path->sink.name);
	path->gaps = gaps;
	return 0;
}
