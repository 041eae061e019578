// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which blocks are in flight, and which of their sends have completed. */
#include <stdlib.h>

#include "path/completion.h"

#define FIRST_SIZE 64

struct zc_inflight {
	struct zcdma_block block;
	uint32_t pending; /* sends without a completion */
	bool whole;	  /* nothing more of it will be sent */
	struct zc_inflight *next;
};

static struct zc_send *slot(const struct zc_tracker *t, uint32_t number)
{
	return &t->sends[number & (t->size - 1)];
}

void zc_tracker_init(struct zc_tracker *t)
{
	*t = (struct zc_tracker){ .done_tail = &t->done };
}

void zc_tracker_free(struct zc_tracker *t)
{
	struct zcdma_block ignored;

	/* Whatever is pending is treated as completed, so that each block is freed exactly once. */
	zc_tracker_finish_block(t);
	if (zc_tracker_pending(t))
		zc_tracker_complete(t, t->first, t->next - 1);
	while (zc_tracker_reap(t, &ignored))
		;
	free(t->sends);
}

static int grow(struct zc_tracker *t)
{
	struct zc_tracker bigger = { .size = t->size ? t->size * 2 : FIRST_SIZE };

	bigger.sends = calloc(bigger.size, sizeof(*bigger.sends));
	if (!bigger.sends)
		return -ENOMEM;
	for (uint32_t n = t->first; n != t->next; n++)
		*slot(&bigger, n) = *slot(t, n);
	free(t->sends);
	t->sends = bigger.sends;
	t->size = bigger.size;
	return 0;
}

int zc_tracker_prepare(struct zc_tracker *t, const struct zcdma_block *b)
{
	if (zc_tracker_pending(t) == t->size && grow(t))
		return -ENOMEM;
	if (!t->open) {
		t->open = calloc(1, sizeof(*t->open));
		if (!t->open)
			return -ENOMEM;
		t->open->block = *b;
	}
	return 0;
}

void zc_tracker_sent(struct zc_tracker *t, size_t len)
{
	*slot(t, t->next++) = (struct zc_send){ .block = t->open, .len = len };
	t->open->pending++;
}

static void finished(struct zc_tracker *t, struct zc_inflight *block)
{
	*t->done_tail = block;
	t->done_tail = &block->next;
}

bool zc_tracker_finish_block(struct zc_tracker *t)
{
	struct zc_inflight *block = t->open;

	t->open = NULL;
	if (!block)
		return false;
	block->whole = true;
	t->blocks++;
	if (!block->pending)
		finished(t, block);
	return true;
}

struct zc_completed zc_tracker_complete(struct zc_tracker *t, uint32_t lo, uint32_t hi)
{
	struct zc_completed sum = { 0 };
	/* Relative to the window, as the numbers wrap; and within it, whatever the report says. */
	int32_t from = (int32_t)(lo - t->first), to = (int32_t)(hi - t->first);

	for (int64_t i = from < 0 ? 0 : from; i <= to && i < zc_tracker_pending(t); i++) {
		struct zc_send *send = slot(t, t->first + (uint32_t)i);

		if (!send->block)
			continue;
		sum.bytes += send->len;
		sum.sends++;
		if (!--send->block->pending && send->block->whole)
			finished(t, send->block);
		send->block = NULL;
	}
	while (t->first != t->next && !slot(t, t->first)->block)
		t->first++;
	return sum;
}

bool zc_tracker_reap(struct zc_tracker *t, struct zcdma_block *b)
{
	struct zc_inflight *block = t->done;

	if (!block)
		return false;
	t->done = block->next;
	if (!t->done)
		t->done_tail = &t->done;
	t->blocks--;
	*b = block->block;
	free(block);
	return true;
}
