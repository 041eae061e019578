// SPDX-License-Identifier: LGPL-2.1-or-later
/* Writes manifests: a line of text for each block, and a last one that proves that the manifest is whole. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verify/manifest.h"

struct zcdma_manifest {
	struct zcdma_ctx *ctx;
	FILE *file;
	char *path;
	struct zc_digest digest;
	bool begun; /* the first lines are written */
	bool told;  /* what was lost before the next block is in the line of its zeros */
	uint64_t blocks;
	uint64_t bytes;
	int err; /* of the first write that failed */
};

static void delete (struct zcdma_manifest *m)
{
	zc_digest_close(&m->digest);
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
	if (m->path && !zc_digest_open(&m->digest, ZC_HASH_XXH3))
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
	*manifest = m;
	return 0;
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

struct zcdma_ctx *zc_manifest_ctx(const struct zcdma_manifest *m)
{
	return m->ctx;
}

ZC_PUBLIC int zcdma_manifest_set_hash(struct zcdma_manifest *m, const char *hash)
{
	enum zc_hash i = ZC_HASH_XXH3;
	struct zc_digest digest;
	int rc;

	while (zc_hash_names[i] && strcmp(zc_hash_names[i], hash))
		i++;
	if (!zc_hash_names[i] || m->begun)
		return zc_fail_plain(m->ctx, EINVAL, "manifest %s: hash %s: %s", m->path, hash,
				     m->begun ? "it has begun with another"
					      : "it is not xxh3 or sha256");
	rc = zc_digest_open(&digest, i);
	if (rc == -EOPNOTSUPP)
		return zc_fail_plain(m->ctx, EOPNOTSUPP,
				     "hash sha256: this zcdma was built without nettle");
	if (rc)
		return zc_fail(m->ctx, -rc, "manifest %s", m->path);
	zc_digest_close(&m->digest);
	m->digest = digest;
	return 0;
}

static int write_failed(struct zcdma_manifest *m, int err)
{
	m->err = err;
	return zc_fail(m->ctx, m->err, "write manifest %s", m->path);
}

/* Write the two clocks at once: by them the times of blocks, which are monotonic, are those of a calendar. */
static void write_clock(struct zcdma_manifest *m)
{
	struct timespec real;
	uint64_t now = zc_now_ns();

	clock_gettime(CLOCK_REALTIME, &real);
	if (fprintf(m->file, ZC_MANIFEST_CLOCK "%" PRIu64 " %" PRIu64 "\n", now,
		    (uint64_t)real.tv_sec * 1000000000u + (uint64_t)real.tv_nsec) < 0 &&
	    !m->err)
		m->err = errno;
}

/* Write the first lines, once it is known what they say. zcdma_manifest_close() reports an error. */
static void begin(struct zcdma_manifest *m)
{
	if (m->begun)
		return;
	m->begun = true;
	if (fprintf(m->file, ZC_MANIFEST_MAGIC "\n" ZC_MANIFEST_HASH "%s\n",
		    zc_hash_names[m->digest.hash]) < 0)
		m->err = errno;
	write_clock(m);
	if (fputs("# sequence offset length time device hand-over network hash\n", m->file) < 0 &&
	    !m->err)
		m->err = errno;
}

ZC_PUBLIC void zcdma_manifest_comment(struct zcdma_manifest *m, const char *text)
{
	begin(m);
	if (fprintf(m->file, "# %s\n", text) < 0 && !m->err)
		m->err = errno;
}

/* Format " COUNT/BYTES" with "?" for what is unknown, or " 0". Returns the length. */
static int format_loss(char *to, size_t len, const struct zcdma_loss *loss)
{
	int n;

	if (!loss->count)
		return snprintf(to, len, " 0");
	n = loss->count == ZCDMA_UNKNOWN ? snprintf(to, len, " ?/")
					 : snprintf(to, len, " %" PRIu64 "/", loss->count);
	return n + (loss->bytes == ZCDMA_UNKNOWN
			    ? snprintf(to + n, len - (size_t)n, "?")
			    : snprintf(to + n, len - (size_t)n, "%" PRIu64, loss->bytes));
}

static int write_line(struct zcdma_manifest *m, uint64_t seq, size_t len, uint64_t time_ns,
		      const struct zcdma_loss *lost, const char *hash)
{
	char time[24] = "-", losses[160] = " 0 0 0";
	int n = 0;

	for (unsigned i = 0; lost && i < ZCDMA_LOSS_CAUSES; i++)
		n += format_loss(losses + n, sizeof(losses) - (size_t)n, &lost[i]);
	if (time_ns)
		snprintf(time, sizeof(time), "%" PRIu64, time_ns);
	if (fprintf(m->file, "%" PRIu64 " %" PRIu64 " %zu %s%s %s\n", seq, m->bytes, len, time,
		    losses, hash) < 0)
		return write_failed(m, errno);
	m->blocks++;
	m->bytes += len;
	return 0;
}

void zc_manifest_hash(struct zcdma_manifest *m, const struct zcdma_block *b,
		      struct zc_digest_value *value)
{
	begin(m);
	if (!b->data || !b->len || b->len > ZC_MANIFEST_BLOCK_MAX)
		return;
	zc_digest_reset(&m->digest);
	zc_digest_update(&m->digest, b->data, b->len);
	zc_digest_get(&m->digest, value);
}

int zc_manifest_add_hashed(struct zcdma_manifest *m, const struct zcdma_block *b,
			   const struct zc_digest_value *value)
{
	char hash[2 * ZC_DIGEST_MOST + 1];
	bool told = m->told;

	begin(m);
	m->told = false;
	if (!b->len)
		return 0;
	if (b->len > ZC_MANIFEST_BLOCK_MAX)
		return write_failed(m, EFBIG);
	if (!b->data) {
		m->err = EINVAL;
		return zc_fail_plain(m->ctx, EINVAL,
				     "write manifest %s: what is not in memory has no hash",
				     m->path);
	}
	for (size_t i = 0; i < zc_hash_bytes(m->digest.hash); i++)
		sprintf(hash + 2 * i, "%02x", value->byte[i]);
	return write_line(m, b->seq, b->len, b->time_ns, told ? NULL : b->lost, hash);
}

ZC_PUBLIC int zcdma_manifest_add(struct zcdma_manifest *m, const struct zcdma_block *b)
{
	struct zc_digest_value value = { 0 };

	zc_manifest_hash(m, b, &value);
	return zc_manifest_add_hashed(m, b, &value);
}

int zc_manifest_add_zeros(struct zcdma_manifest *m, const struct zcdma_block *b, uint64_t bytes)
{
	const struct zcdma_loss *lost = b->lost;
	int rc = 0;

	begin(m);
	/* One line has what was lost. */
	for (; bytes && !rc; lost = NULL) {
		size_t len = (size_t)zc_min(bytes, ZC_MANIFEST_ZEROS_MAX);

		rc = write_line(m, b->seq, len, 0, lost, "-");
		bytes -= len;
	}
	m->told = true;
	return rc;
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
	int rc;

	begin(m);
	write_clock(m);
	rc = m->err ? zc_fail(m->ctx, m->err, "write manifest %s", m->path) : 0;
	if (!rc &&
	    fprintf(m->file, ZC_MANIFEST_END "%" PRIu64 " %" PRIu64 "\n", m->blocks, m->bytes) < 0)
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
