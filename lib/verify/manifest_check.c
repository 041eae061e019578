// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reads a stream by a manifest: cuts it into the manifest's blocks and looks up where each belongs.
 * It looks for blocks only where one should begin: after bytes that fit no block the boundaries are
 * those that were expected, as nothing else says where they are.
 */
#include <stdlib.h>
#include <string.h>

#include "verify/check.h"
#include "verify/manifest.h"

/* A manifest, which several checks may share. */
struct index {
	unsigned users;
	struct zc_manifest list;
	const struct zc_manifest_entry **by_hash; /* then by length, then by offset */
};

struct manifest_check {
	struct zcdma_check base;
	struct index *index;
	struct zc_digest digest;
	size_t next;	  /* entry that follows the block before in the manifest */
	uint32_t want;	  /* length of the block that is being read; 0: no block is expected */
	uint32_t read;	  /* bytes of it */
	uint64_t discard; /* bytes of a block of which others were not captured */
	struct zc_run at; /* the run that is going on */
};

static struct manifest_check *to_manifest(struct zcdma_check *check)
{
	return (struct manifest_check *)check; /* .base comes first */
}

/* Returns the position of the next byte in the stream, as far as it was captured or skipped. */
static uint64_t position(const struct manifest_check *m)
{
	return m->base.result.bytes + m->base.result.uncaptured_bytes;
}

static int compare(const void *a, const void *b)
{
	const struct zc_manifest_entry *x = *(const struct zc_manifest_entry *const *)a;
	const struct zc_manifest_entry *y = *(const struct zc_manifest_entry *const *)b;

	const int order = memcmp(&x->digest, &y->digest, sizeof(x->digest));

	if (order)
		return order;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static bool same_bytes(const struct zc_manifest_entry *a, const struct zc_manifest_entry *b)
{
	return a->len == b->len && !memcmp(&a->digest, &b->digest, sizeof(a->digest));
}

/* Returns the index of the first entry in by_hash[] that is not before @key. */
static size_t lower_bound(const struct manifest_check *m, const struct zc_manifest_entry *key)
{
	size_t low = 0, high = m->index->list.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&m->index->by_hash[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Find the entry with @key's bytes; among several with the same bytes it is the one at @key's offset, else the one that
 * is expected next, else the nearest one after it, else the nearest one before it. Returns NULL without any.
 */
static const struct zc_manifest_entry *find(const struct manifest_check *m,
					    const struct zc_manifest_entry *key)
{
	const struct zc_manifest_entry *found = NULL;
	size_t i = lower_bound(m, key);

	if (i < m->index->list.count && same_bytes(m->index->by_hash[i], key))
		found = m->index->by_hash[i];
	else if (i && same_bytes(m->index->by_hash[i - 1], key))
		found = m->index->by_hash[i - 1];
	if (found && found->offset != key->offset && m->next < m->index->list.count &&
	    same_bytes(&m->index->list.entry[m->next], key))
		found = &m->index->list.entry[m->next];
	return found;
}

/* Returns how many blocks end at or before @offset. */
static size_t blocks_before(const struct manifest_check *m, uint64_t offset)
{
	size_t low = 0, high = m->index->list.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct zc_manifest_entry *e = &m->index->list.entry[middle];

		if (e->offset + e->len <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void put_block(struct manifest_check *m, const struct zc_run *run)
{
	if (run->garbage == m->at.garbage && run->delta == m->at.delta) {
		m->at.len += run->len;
		return;
	}
	zc_check_run(&m->base, &m->at);
	m->at = *run;
}

/*
 * Expect the block that follows the one before. The last one often is shorter than others: the longer one that is due
 * here, if data has come from elsewhere, may come as well. A block that is shorter than expected is still found when
 * the stream ends with it. After the last block of a manifest without an end, no block is expected.
 */
static void begin_block(struct manifest_check *m)
{
	const struct zc_manifest *list = &m->index->list;
	size_t due;

	m->read = 0;
	zc_digest_reset(&m->digest);
	m->want = m->next < list->count ? list->entry[m->next].len : 0;
	if (m->next + 1 < list->count || !list->count || (m->next == list->count && !list->ended))
		return;
	due = blocks_before(m, position(m) + (uint64_t)m->base.judge.home);
	if (due == list->count)
		due = 0;
	if (list->entry[due].len > m->want)
		m->want = list->entry[due].len;
}

/* Look up the block that was read, and set what is expected next. */
static void end_block(struct manifest_check *m)
{
	const uint64_t pos = position(m) - m->read;
	struct zc_manifest_entry key = {
		.offset = pos + (uint64_t)m->base.judge.home,
		.len = m->read,
	};
	struct zc_run run = { .pos = pos, .len = m->read };
	const struct zc_manifest_entry *found;

	zc_digest_get(&m->digest, &key.digest);
	found = find(m, &key);
	run.garbage = !found;
	if (found) {
		run.delta = (int64_t)(found->offset - pos);
		m->next = (size_t)(found - m->index->list.entry);
	}
	put_block(m, &run);
	m->base.result.blocks++;
	m->next++;
	begin_block(m);
}

/* Skip bytes that were not captured, with the blocks that they are in: a block of which a part is missing cannot be checked. */
static void manifest_skip(struct zcdma_check *check, uint64_t len)
{
	struct manifest_check *m = to_manifest(check);
	uint64_t from, to;
	size_t first;

	if (!len)
		return;
	zc_check_run(check, &m->at);
	zc_check_runs_settle(check);
	from = position(m) + (uint64_t)check->judge.home;
	first = blocks_before(m, from) + (m->discard > 0);
	if (len == UINT64_MAX)
		len = from < m->index->list.bytes ? m->index->list.bytes - from : 0;
	to = from + len;
	check->result.uncaptured_bytes += len;
	m->read = 0;
	m->next = blocks_before(m, to);
	m->discard = 0;
	if (m->next < m->index->list.count && m->index->list.entry[m->next].offset < to) {
		m->discard = m->index->list.entry[m->next].offset +
			     m->index->list.entry[m->next].len - to;
		m->next++;
	}
	if (m->next > first)
		check->result.blocks_uncaptured += m->next - first;
	m->at = (struct zc_run){ .pos = position(m) + m->discard, .delta = check->judge.home };
	begin_block(m);
}

static void manifest_feed(struct zcdma_check *check, const uint8_t *data, size_t len)
{
	struct manifest_check *m = to_manifest(check);
	size_t n;

	n = zc_min(len, (size_t)m->discard);
	check->result.bytes += n;
	m->discard -= n;
	data += n;
	len -= n;
	for (; len && m->want; data += n, len -= n) {
		n = zc_min(len, (size_t)(m->want - m->read));
		zc_digest_update(&m->digest, data, n);
		check->result.bytes += n;
		m->read += (uint32_t)n;
		if (m->read == m->want)
			end_block(m);
	}
	/* These bytes are in no block: the manifest lists none, or they come after the last. */
	check->result.bytes += len;
	if (len && m->index->list.ended)
		put_block(m, &(struct zc_run){ .len = len, .garbage = true });
}

static void end_runs(struct manifest_check *m)
{
	zc_check_run(&m->base, &m->at);
	zc_check_runs_end(&m->base);
}

static void manifest_peek(const struct zcdma_check *check, struct zcdma_check_result *result)
{
	struct manifest_check copy = *(const struct manifest_check *)check;

	copy.base.peeking = true;
	end_runs(&copy);
	*result = copy.base.result;
}

static void manifest_end(struct zcdma_check *check)
{
	struct manifest_check *m = to_manifest(check);
	struct zc_manifest_entry key = { .len = m->read };
	uint64_t offset;

	/* A short block, as the last one may be, can have come in the place of a longer one. */
	if (m->read) {
		zc_digest_get(&m->digest, &key.digest);
		if (find(m, &key))
			end_block(m);
	}
	end_runs(m);
	offset = position(m) + (uint64_t)check->judge.home;
	if (offset < m->index->list.bytes)
		/* A block that was cut cannot be checked; what is missing is known. */
		zc_check_fault(check, ZCDMA_FAULT_GAP, position(m), m->index->list.bytes - offset,
			       0);
	else
		zc_check_fault(check, ZCDMA_FAULT_GARBAGE, position(m) - m->read, m->read, 0);
}

static void manifest_right(struct zcdma_check *check, uint64_t from, uint64_t to)
{
	const struct manifest_check *m = to_manifest(check);

	check->result.blocks_good += blocks_before(m, to) - blocks_before(m, from);
}

static uint64_t manifest_block(const struct zcdma_check *check, uint64_t offset)
{
	return blocks_before((const struct manifest_check *)check, offset);
}

static void release_index(struct index *index)
{
	if (--index->users)
		return;
	free(index->by_hash);
	zc_manifest_free(&index->list);
	free(index);
}

static void manifest_free(struct zcdma_check *check)
{
	struct manifest_check *m = to_manifest(check);

	zc_digest_close(&m->digest);
	release_index(m->index);
	free(m);
}

static const struct zcdma_recorded_loss *manifest_loss(const struct zcdma_check *check, unsigned i)
{
	const struct zc_manifest *list = &((const struct manifest_check *)check)->index->list;

	return i < list->losses ? &list->loss[i] : NULL;
}

static const struct zc_check_ops manifest_ops = {
	.feed = manifest_feed,
	.skip = manifest_skip,
	.peek = manifest_peek,
	.end = manifest_end,
	.free = manifest_free,
	.right = manifest_right,
	.block = manifest_block,
	.loss = manifest_loss,
};

static int load_index(struct zcdma_ctx *ctx, const char *path, struct index **out)
{
	struct index *index = calloc(1, sizeof(*index));
	int rc;

	if (!index)
		return zc_fail(ctx, ENOMEM, "check");
	index->users = 1;
	rc = zc_manifest_load(ctx, path, &index->list);
	if (rc)
		goto free_index;
	index->by_hash = calloc(index->list.count + 1, sizeof(*index->by_hash));
	if (!index->by_hash) {
		rc = zc_fail(ctx, ENOMEM, "check");
		goto free_list;
	}
	for (size_t i = 0; i < index->list.count; i++)
		index->by_hash[i] = &index->list.entry[i];
	qsort(index->by_hash, index->list.count, sizeof(*index->by_hash), compare);
	*out = index;
	return 0;
free_list:
	zc_manifest_free(&index->list);
free_index:
	free(index);
	return rc;
}

/* Add up what is known to be lost by each cause. */
static void count_losses(const struct zc_manifest *list, struct zcdma_check_result *result)
{
	result->recorded_losses = list->losses;
	for (size_t i = 0; i < list->losses; i++) {
		bool unknown = false;

		for (unsigned cause = 0; cause < ZCDMA_LOSS_CAUSES; cause++) {
			const struct zcdma_loss *loss = &list->loss[i].lost[cause];
			struct zcdma_loss *sum = &result->recorded_lost[cause];

			unknown |= loss->count == ZCDMA_UNKNOWN;
			if (!loss->count || loss->count == ZCDMA_UNKNOWN)
				continue;
			sum->count += loss->count;
			sum->bytes = loss->bytes == ZCDMA_UNKNOWN || sum->bytes == ZCDMA_UNKNOWN
					     ? ZCDMA_UNKNOWN
					     : sum->bytes + loss->bytes;
		}
		result->losses_unknown += unknown;
	}
	if (!list->losses)
		return;
	result->lost_offset = list->loss[0].offset;
	result->lost_seq = list->loss[0].seq;
	if (list->loss[0].lost[ZCDMA_LOST_DEVICE].count <= result->lost_seq)
		result->lost_seq -= list->loss[0].lost[ZCDMA_LOST_DEVICE].count;
}

static int make_check(struct zcdma_ctx *ctx, struct index *index, struct zcdma_check **check)
{
	struct manifest_check *m = calloc(1, sizeof(*m));

	if (!m)
		return zc_fail(ctx, ENOMEM, "check");
	if (zc_digest_open(&m->digest, index->list.hash)) {
		free(m);
		return zc_fail(ctx, ENOMEM, "check");
	}
	index->users++;
	m->index = index;
	m->base.ops = &manifest_ops;
	m->base.size = sizeof(*m);
	m->base.ctx = ctx;
	m->base.judge.end = index->list.ended ? index->list.bytes : 0;
	m->base.result.blocks_expected = index->list.count;
	m->base.result.unended = !index->list.ended;
	count_losses(&index->list, &m->base.result);
	begin_block(m);
	*check = &m->base;
	return 0;
}

int zc_check_manifest_again(const struct zcdma_check *check, struct zcdma_check **another)
{
	const struct manifest_check *m = (const struct manifest_check *)check;

	return make_check(check->ctx, m->index, another);
}

ZC_PUBLIC int zcdma_check_manifest(struct zcdma_ctx *ctx, const char *path,
				   struct zcdma_check **check)
{
	struct index *index = NULL;
	int rc = load_index(ctx, path, &index);

	if (rc)
		return rc;
	rc = make_check(ctx, index, check);
	release_index(index);
	return rc;
}
