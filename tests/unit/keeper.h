/* SPDX-License-Identifier: GPL-2.0-only */
/* A path that keeps its blocks until the test gives them back. Include it after cmocka.h. */
#ifndef TEST_KEEPER_H
#define TEST_KEEPER_H

#include "path/path.h"
#include "program.h"

static struct zcdma_block kept[64];
static unsigned kept_count;
static unsigned give; /* how many may go back */

static inline int keep(struct zcdma_path *p, const struct zcdma_block *block)
{
	zc_path_advance(p, block, block->len);
	kept[kept_count++] = *block;
	p->stats.pending_blocks = p->stats.pending_calls = kept_count;
	return ZC_SENT_QUEUED;
}

static inline int give_back(struct zcdma_path *p, struct zcdma_block *block)
{
	if (!give || !kept_count)
		return 0;
	give--;
	*block = kept[--kept_count];
	p->stats.pending_blocks = p->stats.pending_calls = kept_count;
	return 1;
}

static inline void open_keeper(void)
{
	static const struct zc_path_ops ops = {
		.type = { .name = "keeper", .reports_copied = true },
		.size = sizeof(struct zcdma_path),
		.send = keep,
		.reap = give_back,
	};
	struct zc_path_to to;

	kept_count = give = 0;
	unix_pair();
	to = (struct zc_path_to){ .fd = out };
	assert_int_equal(zc_path_new(ctx, &ops, src, &to, &path), 0);
}

#endif
