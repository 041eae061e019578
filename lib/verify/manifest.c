// SPDX-License-Identifier: LGPL-2.1-or-later
/* Manifests: a line of text for each block, and a last one that proves that the manifest is whole. */
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include <zcdma/verify.h>

#include "verify/manifest.h"

#define MAGIC "# zcdma manifest 1"
#define END   "# end "

struct zcdma_manifest {
	struct zcdma_ctx *ctx;
	FILE *file;
	char *path;
	uint64_t blocks;
	uint64_t bytes;
	int err; /* of the first write that failed */
};

static void delete (struct zcdma_manifest *m)
{
	free(m->path);
	free(m);
}

ZC_PUBLIC int zcdma_manifest_create_fd(struct zcdma_ctx *ctx, int fd, const char *name,
				       struct zcdma_manifest **manifest)
{
	struct zcdma_manifest *m = calloc(1, sizeof(*m));
	int copy = -1, err;

	if (!m)
		return zc_fail(ctx, ENOMEM, "create manifest %s", name);
	m->ctx = ctx;
	m->path = strdup(name);
	if (m->path)
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy >= 0)
		m->file = fdopen(copy, "w");
	if (!m->file) {
		err = errno;
		if (copy >= 0)
			close(copy);
		delete (m);
		return zc_fail(ctx, err, "create manifest %s", name);
	}
	/* zcdma_manifest_close() reports an error. */
	if (fputs(MAGIC "\n# sequence offset length xxh3\n", m->file) < 0)
		m->err = errno;
	*manifest = m;
	return 0;
}

struct zcdma_ctx *zc_manifest_ctx(const struct zcdma_manifest *m)
{
	return m->ctx;
}

ZC_PUBLIC int zcdma_manifest_create(struct zcdma_ctx *ctx, const char *path,
				    struct zcdma_manifest **manifest)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), rc;

	if (fd < 0)
		return zc_fail(ctx, errno, "create manifest %s", path);
	rc = zcdma_manifest_create_fd(ctx, fd, path, manifest);
	close(fd);
	return rc;
}

static int write_failed(struct zcdma_manifest *m, int err)
{
	m->err = err;
	return zc_fail(m->ctx, m->err, "write manifest %s", m->path);
}

ZC_PUBLIC void zcdma_manifest_comment(struct zcdma_manifest *m, const char *text)
{
	if (fprintf(m->file, "# %s\n", text) < 0 && !m->err)
		m->err = errno;
}

ZC_PUBLIC int zcdma_manifest_add(struct zcdma_manifest *m, const struct zcdma_block *b)
{
	if (!b->len)
		return 0;
	if (b->len > ZC_MANIFEST_BLOCK_MAX)
		return write_failed(m, EFBIG);
	if (fprintf(m->file, "%" PRIu64 " %" PRIu64 " %zu %016" PRIx64 "\n", b->seq, m->bytes,
		    b->len, (uint64_t)XXH3_64bits(b->data, b->len)) < 0)
		return write_failed(m, errno);
	m->blocks++;
	m->bytes += b->len;
	return 0;
}

int zc_manifest_flush(struct zcdma_manifest *m, struct zcdma_ctx *ctx)
{
	if (!fflush(m->file))
		return 0;
	m->err = errno;
	return zc_fail(ctx, m->err, "write manifest %s", m->path);
}

ZC_PUBLIC int zcdma_manifest_close(struct zcdma_manifest *m)
{
	int rc = m->err ? zc_fail(m->ctx, m->err, "write manifest %s", m->path) : 0;

	if (!rc && fprintf(m->file, END "%" PRIu64 " %" PRIu64 "\n", m->blocks, m->bytes) < 0)
		rc = write_failed(m, errno);
	if (fclose(m->file) && !rc)
		rc = write_failed(m, errno);
	delete (m);
	return rc;
}

ZC_PUBLIC void zcdma_manifest_abandon(struct zcdma_manifest *m)
{
	if (!m)
		return;
	fclose(m->file);
	delete (m);
}

/* The state of reading a manifest. */
struct reader {
	struct zc_manifest *list;
	size_t room;	   /* entries */
	uint64_t next_seq; /* sequence number of the next block, unless one was lost */
};

/* Take the number in @base that @text begins with, and the space after it. Returns false if it is not a number. */
static bool take_number(const char **text, int base, uint64_t *number)
{
	char *end;

	/* strtoull() itself takes leading space and a sign. */
	if (!isxdigit((unsigned char)**text))
		return false;
	errno = 0;
	*number = strtoull(*text, &end, base);
	if (errno || end == *text || (*end && *end != ' '))
		return false;
	*text = end + (*end == ' ');
	return true;
}

/* Count the blocks that are missing before @seq. A lower number begins another ring, and misses none. */
static void count_lost(struct reader *r, uint64_t seq)
{
	struct zc_manifest *list = r->list;

	if (list->count && seq > r->next_seq) {
		if (!list->lost_blocks) {
			list->lost_seq = r->next_seq;
			list->lost_offset = list->bytes;
		}
		list->lost_blocks += seq - r->next_seq;
	}
	r->next_seq = seq + 1;
}

static int add_entry(struct reader *r, uint64_t len, uint64_t hash)
{
	struct zc_manifest *list = r->list;

	if (list->count == r->room) {
		size_t room = r->room ? 2 * r->room : 256;
		void *entry = reallocarray(list->entry, room, sizeof(*list->entry));

		if (!entry)
			return -ENOMEM;
		list->entry = entry;
		r->room = room;
	}
	list->entry[list->count++] = (struct zc_manifest_entry){ .offset = list->bytes,
								 .hash = hash,
								 .len = (uint32_t)len };
	list->bytes += len;
	return 0;
}

/* Read "SEQ OFFSET LENGTH HASH". Sets *@why if it is something else. Returns 0, or -ENOMEM. */
static int read_block(struct reader *r, const char *line, const char **why)
{
	uint64_t seq, offset, len, hash;

	if (!take_number(&line, 10, &seq) || !take_number(&line, 10, &offset) ||
	    !take_number(&line, 10, &len) || !take_number(&line, 16, &hash) || *line)
		*why = "it is not 'SEQUENCE OFFSET LENGTH XXH3'";
	else if (!len || len > ZC_MANIFEST_BLOCK_MAX)
		*why = "a block's length is from 1 byte to 1 GiB";
	else if (offset != r->list->bytes || offset > INT64_MAX - len)
		*why = "its offset is not where the block before ends";
	if (*why)
		return 0;
	count_lost(r, seq);
	return add_entry(r, len, hash);
}

/* Read "# end BLOCKS BYTES". Sets *@why if it is something else. */
static void read_end(struct reader *r, const char *line, const char **why)
{
	uint64_t blocks, bytes;

	line += strlen(END);
	if (!take_number(&line, 10, &blocks) || !take_number(&line, 10, &bytes) || *line)
		*why = "it is not '" END "BLOCKS BYTES'";
	else if (blocks != r->list->count || bytes != r->list->bytes)
		*why = "it counts other blocks than there are";
	r->list->ended = true;
}

static int read_line(struct reader *r, unsigned number, char *line, const char **why)
{
	size_t len = strlen(line);

	/* The longest line that is written has less than 80 characters. */
	if (!len || line[len - 1] != '\n') {
		*why = "it is too long, cut short, or not text";
		return 0;
	}
	line[len - 1] = '\0';
	if (number == 1 && strcmp(line, MAGIC))
		*why = "it is not '" MAGIC "'";
	else if (r->list->ended)
		*why = "nothing may follow the '" END "' line";
	else if (!strncmp(line, END, strlen(END)))
		read_end(r, line, why);
	else if (*line != '#')
		return read_block(r, line, why);
	return 0;
}

/* Returns whether @line is cut: its writer stopped in the middle. */
static bool is_cut(const struct reader *r, unsigned number, const char *line, FILE *file)
{
	return number > 1 && !r->list->ended && feof(file) && line[0] && !strchr(line, '\n');
}

static int read_lines(struct zcdma_ctx *ctx, const char *path, FILE *file, struct reader *r)
{
	const char *why = NULL;
	unsigned number = 0;
	char line[128];
	int rc;

	while (fgets(line, sizeof(line), file)) {
		if (is_cut(r, ++number, line, file))
			break;
		rc = read_line(r, number, line, &why);
		if (rc)
			return zc_fail(ctx, -rc, "read manifest %s", path);
		if (why)
			return zc_fail_plain(ctx, EINVAL, "read manifest %s: line %u: %s", path,
					     number, why);
	}
	if (ferror(file))
		return zc_fail(ctx, errno, "read manifest %s", path);
	return number ? 0 : zc_fail_plain(ctx, EINVAL, "read manifest %s: it is empty", path);
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
	if (rc)
		free(list->entry);
	return rc;
}
