// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reads manifests, of version 1 too. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verify/manifest.h"

/* The longest line that is written has less than 300 characters. */
#define LINE_MOST 320

/* The state of reading a manifest. */
struct reader {
	struct zc_manifest *list;
	unsigned version;
	unsigned number;	/* of the line */
	size_t room, loss_room; /* entries */
	uint64_t next_seq;	/* version 1: of the next block, unless one was lost */
	uint64_t clock_ns; /* what the calendar's clock is ahead of the monotonic one; 0: unknown */
	struct zc_digest digest;	/* for zeros, which have none in the manifest ... */
	struct zc_manifest_entry zeros; /* ... and that of the last ones */
};

/* The text of a line, of which the beginning is taken. */

/* Take @text where it stands. */
static bool take_text(const char **line, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(*line, text, len))
		return false;
	*line += len;
	return true;
}

/* Take the number in @base that @line begins with. Returns false if it is not a number. */
static bool take_digits(const char **line, int base, uint64_t *number)
{
	char *end;

	/* strtoull() itself takes leading space and a sign. */
	if (!isxdigit((unsigned char)**line))
		return false;
	errno = 0;
	*number = strtoull(*line, &end, base);
	if (errno || end == *line)
		return false;
	*line = end;
	return true;
}

/* Take what ends a field: a space, or the end of the line. */
static bool take_end(const char **line)
{
	return !**line || take_text(line, " ");
}

static bool take_number(const char **line, uint64_t *number)
{
	return take_digits(line, 10, number) && take_end(line);
}

/* Take a number, or "?". */
static bool take_known(const char **line, uint64_t *number)
{
	if (take_text(line, "?")) {
		*number = ZCDMA_UNKNOWN;
		return true;
	}
	return take_digits(line, 10, number);
}

/* Take "0", or "COUNT/BYTES". */
static bool take_loss(const char **line, struct zcdma_loss *loss)
{
	*loss = (struct zcdma_loss){ 0 };
	if (!take_known(line, &loss->count))
		return false;
	if (loss->count && (!take_text(line, "/") || !take_known(line, &loss->bytes)))
		return false;
	return take_end(line);
}

/* Take the hexadecimal digits of a hash, two for each byte. */
static bool take_hash(const char **line, enum zc_hash hash, struct zc_digest_value *value)
{
	memset(value, 0, sizeof(*value));
	for (size_t i = 0; i < zc_hash_bytes(hash); i++) {
		unsigned byte;

		if (!isxdigit((unsigned char)(*line)[0]) || !isxdigit((unsigned char)(*line)[1]) ||
		    sscanf(*line, "%2x", &byte) != 1)
			return false;
		value->byte[i] = (uint8_t)byte;
		*line += 2;
	}
	return !**line;
}

/* Version 1 has a number in the place of a hash, which may be shorter. */
static bool take_xxh3(const char **line, struct zc_digest_value *value)
{
	uint64_t number;

	memset(value, 0, sizeof(*value));
	if (!take_digits(line, 16, &number) || **line)
		return false;
	XXH64_canonicalFromHash((XXH64_canonical_t *)value->byte, number);
	return true;
}

/*
 * What the lines say
 */

/* Make room for one more in *@array of elements of @size bytes. Returns 0 or -ENOMEM. */
static int grow(void **array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 256;
	void *larger;

	if (count < *room)
		return 0;
	larger = reallocarray(*array, more, size);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	*room = more;
	return 0;
}

static int add_loss(struct reader *r, const struct zcdma_recorded_loss *loss)
{
	struct zc_manifest *list = r->list;

	if (grow((void **)&list->loss, list->losses, &r->loss_room, sizeof(*list->loss)))
		return -ENOMEM;
	list->loss[list->losses++] = *loss;
	return 0;
}

/* Version 1: note the blocks that are missing before @seq. A lower number begins another ring, and misses none. */
static int add_missing(struct reader *r, uint64_t seq)
{
	const uint64_t missing = r->list->count && seq > r->next_seq ? seq - r->next_seq : 0;
	const struct zcdma_recorded_loss loss = {
		.offset = r->list->bytes,
		.seq = seq,
		.lost = { [ZCDMA_LOST_DEVICE] = { missing, ZCDMA_UNKNOWN } },
	};

	r->next_seq = seq + 1;
	return missing ? add_loss(r, &loss) : 0;
}

/* Version 2: note what a line has in its columns. */
static int add_told(struct reader *r, struct zcdma_recorded_loss *loss)
{
	bool any = false;

	for (unsigned i = 0; i < ZCDMA_LOSS_CAUSES; i++)
		any |= loss->lost[i].count > 0;
	if (loss->time_ns && r->clock_ns)
		loss->time_ns += r->clock_ns;
	else
		loss->time_ns = 0;
	if (any)
		return add_loss(r, loss);
	/* More zeros of the same place. */
	if (loss->filled_bytes && r->list->losses)
		r->list->loss[r->list->losses - 1].filled_bytes += loss->filled_bytes;
	return 0;
}

static int add_entry(struct reader *r, uint64_t len, const struct zc_digest_value *digest)
{
	struct zc_manifest *list = r->list;

	if (grow((void **)&list->entry, list->count, &r->room, sizeof(*list->entry)))
		return -ENOMEM;
	list->entry[list->count++] = (struct zc_manifest_entry){
		.offset = list->bytes,
		.digest = *digest,
		.len = (uint32_t)len,
	};
	list->bytes += len;
	return 0;
}

/* Add @len zeros, whose hash is not in the manifest. Many gaps have the same length. */
static int add_zeros(struct reader *r, uint64_t len)
{
	static const unsigned char zeros[65536];

	if (r->zeros.len != len) {
		zc_digest_reset(&r->digest);
		for (uint64_t left = len; left; left -= zc_min(left, sizeof(zeros)))
			zc_digest_update(&r->digest, zeros, (size_t)zc_min(left, sizeof(zeros)));
		zc_digest_get(&r->digest, &r->zeros.digest);
		r->zeros.len = (uint32_t)len;
	}
	return add_entry(r, len, &r->zeros.digest);
}

/* Check a block's place. Returns NULL, or why it is not right. */
static const char *check_block(const struct reader *r, uint64_t offset, uint64_t len)
{
	if (!len || len > ZC_MANIFEST_BLOCK_MAX)
		return "a block's length is from 1 byte to 1 GiB";
	if (offset != r->list->bytes || offset > INT64_MAX - len)
		return "its offset is not where the block before ends";
	return NULL;
}

/* Read "SEQ OFFSET LENGTH HASH". Sets *@why if it is something else. Returns 0, or -ENOMEM. */
static int read_block_1(struct reader *r, const char *line, const char **why)
{
	struct zc_digest_value digest;
	uint64_t seq, offset, len;
	int rc;

	if (!take_number(&line, &seq) || !take_number(&line, &offset) ||
	    !take_number(&line, &len) || !take_xxh3(&line, &digest))
		*why = "it is not 'SEQUENCE OFFSET LENGTH XXH3'";
	else
		*why = check_block(r, offset, len);
	if (*why)
		return 0;
	rc = add_missing(r, seq);
	return rc ? rc : add_entry(r, len, &digest);
}

/* Read "SEQ OFFSET LENGTH TIME DEVICE HAND-OVER NETWORK HASH" likewise. Zeros in the place of what was lost have the hash "-". */
static int read_block_2(struct reader *r, const char *line, const char **why)
{
	struct zcdma_recorded_loss loss = { .offset = r->list->bytes };
	struct zc_digest_value digest;
	uint64_t offset, len;
	bool zeros = false;
	int rc;

	if (!take_number(&line, &loss.seq) || !take_number(&line, &offset) ||
	    !take_number(&line, &len) ||
	    (!take_text(&line, "- ") && !take_number(&line, &loss.time_ns)) ||
	    !take_loss(&line, &loss.lost[ZCDMA_LOST_DEVICE]) ||
	    !take_loss(&line, &loss.lost[ZCDMA_LOST_HANDOVER]) ||
	    !take_loss(&line, &loss.lost[ZCDMA_LOST_NETWORK]) ||
	    (!(zeros = !strcmp(line, "-")) && !take_hash(&line, r->list->hash, &digest)))
		*why = "it is not 'SEQUENCE OFFSET LENGTH TIME DEVICE HAND-OVER NETWORK HASH'";
	else
		*why = check_block(r, offset, len);
	if (!*why && zeros && len > ZC_MANIFEST_ZEROS_MAX)
		*why = "a line has at most 16 MiB of zeros";
	if (*why)
		return 0;
	loss.filled_bytes = zeros ? len : 0;
	rc = add_told(r, &loss);
	if (rc)
		return rc;
	return zeros ? add_zeros(r, len) : add_entry(r, len, &digest);
}

/* Read "# end BLOCKS BYTES". Sets *@why if it is something else. */
static void read_end(struct reader *r, const char *line, const char **why)
{
	uint64_t blocks, bytes;

	line += strlen(ZC_MANIFEST_END);
	if (!take_number(&line, &blocks) || !take_number(&line, &bytes) || *line)
		*why = "it is not '" ZC_MANIFEST_END "BLOCKS BYTES'";
	else if (blocks != r->list->count || bytes != r->list->bytes)
		*why = "it counts other blocks than there are";
	r->list->ended = true;
}

/* Read "# clock MONOTONIC REALTIME". Another comment may begin so too. */
static void read_clock(struct reader *r, const char *line)
{
	uint64_t monotonic, realtime;

	if (take_text(&line, ZC_MANIFEST_CLOCK) && take_number(&line, &monotonic) &&
	    take_number(&line, &realtime) && !*line && !r->clock_ns)
		r->clock_ns = realtime - monotonic;
}

static int read_magic(struct reader *r, const char *line, const char **why)
{
	r->version = !strcmp(line, ZC_MANIFEST_MAGIC) ? 2 : 1;
	if (r->version == 1 && strcmp(line, ZC_MANIFEST_MAGIC_1))
		*why = "it is not '" ZC_MANIFEST_MAGIC_1 "' or '" ZC_MANIFEST_MAGIC "'";
	return 0;
}

/* Read "# hash NAME", the second line of version 2. Returns 0, or an error of zc_digest_open(). */
static int read_hash(struct reader *r, const char *line, const char **why)
{
	unsigned i = 0;

	if (!take_text(&line, ZC_MANIFEST_HASH)) {
		*why = "it is not '" ZC_MANIFEST_HASH "NAME'";
		return 0;
	}
	while (zc_hash_names[i] && strcmp(zc_hash_names[i], line))
		i++;
	if (!zc_hash_names[i]) {
		*why = "the hash is not xxh3 or sha256";
		return 0;
	}
	r->list->hash = (enum zc_hash)i;
	return zc_digest_open(&r->digest, r->list->hash);
}

static int read_line(struct reader *r, char *line, const char **why)
{
	size_t len = strlen(line);

	if (!len || line[len - 1] != '\n') {
		*why = "it is too long, cut short, or not text";
		return 0;
	}
	line[len - 1] = '\0';
	if (r->number == 1)
		return read_magic(r, line, why);
	if (r->number == 2 && r->version == 2)
		return read_hash(r, line, why);
	if (r->list->ended)
		*why = "nothing may follow the '" ZC_MANIFEST_END "' line";
	else if (!strncmp(line, ZC_MANIFEST_END, strlen(ZC_MANIFEST_END)))
		read_end(r, line, why);
	else if (*line == '#')
		read_clock(r, line);
	else
		return r->version == 1 ? read_block_1(r, line, why) : read_block_2(r, line, why);
	return 0;
}

/* Returns whether @line is cut: its writer stopped in the middle. */
static bool is_cut(const struct reader *r, const char *line, FILE *file)
{
	return r->number > (r->version == 2 ? 2u : 1u) && !r->list->ended && feof(file) &&
	       line[0] && !strchr(line, '\n');
}

static int read_failed(struct zcdma_ctx *ctx, const char *path, int rc)
{
	if (rc == -EOPNOTSUPP)
		return zc_fail_plain(
			ctx, EOPNOTSUPP,
			"read manifest %s: its hash is sha256, and this zcdma was built without nettle",
			path);
	return zc_fail(ctx, -rc, "read manifest %s", path);
}

/* Refuse what is not a manifest, or was changed: its line @number, or all of it with 0. Returns -EINVAL with the message set. */
static int refuse(struct zcdma_ctx *ctx, const char *path, unsigned number, const char *why)
{
	char where[24] = "";
	int rc;

	if (number)
		snprintf(where, sizeof(where), "line %u: ", number);
	rc = zc_fail_plain(ctx, EINVAL, "read manifest %s: %s%s", path, where, why);
	zc_hint(ctx, "give the manifest of this data as zcdma capture --manifest wrote it");
	return rc;
}

static int read_lines(struct zcdma_ctx *ctx, const char *path, FILE *file, struct reader *r)
{
	const char *why = NULL;
	char line[LINE_MOST];
	int rc;

	while (fgets(line, sizeof(line), file)) {
		r->number++;
		if (is_cut(r, line, file))
			break;
		rc = read_line(r, line, &why);
		if (rc)
			return read_failed(ctx, path, rc);
		if (why)
			return refuse(ctx, path, r->number, why);
	}
	if (ferror(file))
		return zc_fail(ctx, errno, "read manifest %s", path);
	if (!r->number)
		return refuse(ctx, path, 0, "it is empty");
	return 0;
}

int zc_manifest_load(struct zcdma_ctx *ctx, const char *path, struct zc_manifest *list)
{
	struct reader r = { .list = list };
	FILE *file;
	int rc, fd;

	*list = (struct zc_manifest){ 0 };
	fd = zc_open_regular(ctx, path);
	if (fd < 0)
		return fd;
	file = fdopen(fd, "r");
	if (!file) {
		rc = zc_fail(ctx, errno, "open manifest %s", path);
		close(fd);
		return rc;
	}
	rc = read_lines(ctx, path, file, &r);
	fclose(file);
	zc_digest_close(&r.digest);
	if (rc)
		zc_manifest_free(list);
	return rc;
}

void zc_manifest_free(struct zc_manifest *list)
{
	free(list->entry);
	free(list->loss);
	list->entry = NULL;
	list->loss = NULL;
}
