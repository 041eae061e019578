// SPDX-License-Identifier: LGPL-2.1-or-later
/* Blocks that are sent whole, and when they count. */
#include <stdlib.h>

#include "path/sent.h"
#include "verify/manifest.h"

#define FIRST_SIZE 16

struct note {
	bool listed;	       /* with .digest, in the manifest that the path has */
	uint64_t end;	       /* .taken after it */
	uint64_t filled_bytes; /* zeros before it */
	uint64_t sent_ns;      /* when the path first tried to send it */
	uint64_t free_ns;      /* 0: it is not free yet */
	struct zc_digest_value digest;
};

struct zc_sent_block {
	struct zcdma_block b; /* whose data may be gone */
	struct note note;
};

static struct zc_sent_block *at(const struct zc_sent_blocks *s, uint64_t number)
{
	return &s->block[number & (s->size - 1)];
}

/* Add a block to the manifest, whose error becomes the path's. Returns 0 or a negative errno. */
static int add_to_manifest(struct zcdma_path *path, const struct zcdma_block *b,
			   const struct note *note)
{
	struct zcdma_manifest *m = path->manifest;
	struct zc_error error;
	int rc = 0;

	if (!m || !note->listed)
		return 0;
	if (note->filled_bytes)
		rc = zc_manifest_add_zeros(m, b, note->filled_bytes);
	if (!rc)
		rc = zc_manifest_add_hashed(m, b, &note->digest);
	if (!rc)
		return 0;
	/* What came after a line that is missing would be taken for what is there. */
	path->manifest = NULL;
	zc_error_keep(&error, zc_manifest_ctx(m), rc);
	return zc_error_again(&error, path->ctx);
}

static int count(struct zcdma_path *path, const struct zcdma_block *b, const struct note *note,
		 uint64_t now_ns)
{
	path->stats.blocks++;
	path->stats.last_seq = b->seq;
	path->stats.sent_ns = now_ns;
	/* The clock of a device, or of the other end of a hand-over, may be ahead. */
	zcdma_hist_add(&path->device_to_sent,
		       note->sent_ns > b->time_ns ? note->sent_ns - b->time_ns : 0);
	if (note->free_ns)
		zcdma_hist_add(&path->sent_to_free, note->free_ns - note->sent_ns);
	return add_to_manifest(path, b, note);
}

/* Have room for one more. Returns 0 or -ENOMEM. */
static int reserve(struct zc_sent_blocks *s)
{
	struct zc_sent_blocks bigger = { .size = s->size ? s->size * 2 : FIRST_SIZE };

	if (s->sent - s->counted < s->size)
		return 0;
	bigger.block = calloc(bigger.size, sizeof(*bigger.block));
	if (!bigger.block)
		return -ENOMEM;
	for (uint64_t n = s->counted + 1; n <= s->sent; n++)
		*at(&bigger, n) = *at(s, n);
	free(s->block);
	s->block = bigger.block;
	s->size = bigger.size;
	return 0;
}

int zc_sent_add(struct zcdma_path *path, struct zc_lent_block *e, uint64_t now_ns)
{
	struct zc_sent_blocks *s = &path->sent_blocks;
	struct note note;

	note.listed = path->manifest;
	note.end = path->taken;
	note.filled_bytes = path->fill.bytes;
	note.sent_ns = e->sent_ns;
	note.free_ns = 0;
	if (note.listed)
		zc_manifest_hash(path->manifest, &e->b, &note.digest);
	if (s->counted == s->sent && note.end <= path->written) {
		e->number = s->counted = ++s->sent;
		return count(path, &e->b, &note, now_ns);
	}
	if (reserve(s))
		return zc_fail(path->ctx, ENOMEM, "send to %s", path->sink.name);
	e->number = ++s->sent;
	*at(s, s->sent) = (struct zc_sent_block){ e->b, note };
	return zc_sent_count(path);
}

/* Returns how much of the @len bytes at @at is before @end and after what is written. */
static uint64_t newly_written(const struct zcdma_path *path, uint64_t end, uint64_t at,
			      uint64_t len)
{
	const uint64_t from = zc_max(at, path->written), to = zc_min(at + len, end);

	return to > from ? to - from : 0;
}

void zc_sent_written(struct zcdma_path *path, uint64_t end)
{
	const struct zc_sent_blocks *s = &path->sent_blocks;
	/* Those before the block that is being taken, and has no note yet. */
	uint64_t zeros = newly_written(path, end, path->taken, path->fill.bytes - path->fill.left);

	for (uint64_t n = s->counted + 1; n <= s->sent; n++) {
		const struct note *note = &at(s, n)->note;
		const uint64_t begin = note->end - at(s, n)->b.len - note->filled_bytes;

		if (begin >= end)
			break;
		zeros += newly_written(path, end, begin, note->filled_bytes);
	}
	path->stats.filled_bytes += zeros;
	zc_path_arrived(path, (size_t)(end - path->written - zeros));
	path->written = end;
}

int zc_sent_count(struct zcdma_path *path)
{
	struct zc_sent_blocks *s = &path->sent_blocks;
	uint64_t now_ns = 0;
	int rc = 0;

	while (s->counted < s->sent && at(s, s->counted + 1)->note.end <= path->written) {
		const struct zc_sent_block *first = at(s, ++s->counted);
		int err;

		now_ns = now_ns ? now_ns : zc_now_ns();
		err = count(path, &first->b, &first->note, now_ns);
		rc = rc ? rc : err;
	}
	return rc;
}

void zc_sent_free(struct zcdma_path *path, const struct zc_lent_block *e, uint64_t now_ns)
{
	struct zc_sent_blocks *s = &path->sent_blocks;

	if (e->number > s->counted)
		at(s, e->number)->note.free_ns = now_ns;
	else if (e->number)
		zcdma_hist_add(&path->sent_to_free, now_ns - e->sent_ns);
}

ZC_PUBLIC void zcdma_path_set_manifest(struct zcdma_path *path, struct zcdma_manifest *manifest)
{
	struct zc_sent_blocks *s = &path->sent_blocks;

	path->manifest = manifest;
	for (uint64_t n = s->counted + 1; n <= s->sent; n++)
		at(s, n)->note.listed = false;
}

void zc_sent_close(struct zcdma_path *path)
{
	free(path->sent_blocks.block);
}
