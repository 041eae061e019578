// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * copy, to a file with O_DIRECT: write() from the block, past the page cache. O_DIRECT wants the offset, the
 * length and the memory to be aligned (open(2)). What is not is gathered in memory of its own until it is; only
 * the end of the stream goes through the page cache.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path/path.h"

/* The logical block size of the device is what O_DIRECT asks for: 4096 at most in practice. */
#define ALIGN	    4096
#define GATHER_SIZE (1u << 20)

struct direct {
	struct zcdma_path path;
	unsigned char *gathered; /* GATHER_SIZE bytes, from the first odd block on; or NULL */
	size_t held;		 /* bytes in it */
	int error; /* of the write that failed: a negative errno, whose message is set */
};

/* Write the whole pieces of @len bytes. Returns how many bytes, or a negative errno. */
static ssize_t write_pieces(struct zcdma_path *path, const void *data, size_t len)
{
	ssize_t n;

	do {
		n = write(path->sink.fd, data, len - len % ALIGN);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -EIO;
	path->stats.direct_bytes += (size_t)n;
	path->stats.calls++;
	zc_path_arrived(path, (size_t)n);
	return n;
}

/* Forget the first @n bytes, which are written. */
static void drop(struct direct *d, size_t n)
{
	d->held -= n;
	memmove(d->gathered, d->gathered + n, d->held);
}

/* Write what is gathered, but for an odd rest. Returns 0, or a negative errno with the error message set. */
static int write_gathered(struct direct *d)
{
	while (!d->error && d->held >= ALIGN) {
		ssize_t n = write_pieces(&d->path, d->gathered, d->held);

		if (n < 0)
			d->error = zc_path_fail(&d->path, (int)-n, "write");
		else
			drop(d, (size_t)n);
	}
	return d->error;
}

/* Copy as much of @len bytes as there is room for. Returns the number, or a negative errno with the error message set. */
static ssize_t gather(struct direct *d, const unsigned char *data, size_t len)
{
	if (!d->gathered && posix_memalign((void **)&d->gathered, ALIGN, GATHER_SIZE)) {
		d->gathered = NULL;
		return zc_fail(d->path.ctx, ENOMEM, "gather for %s", d->path.sink.name);
	}
	len = zc_min(len, GATHER_SIZE - d->held);
	memcpy(d->gathered + d->held, data, len);
	d->held += len;
	d->path.stats.gathered_bytes += len;
	return (ssize_t)len;
}

static bool is_aligned(const void *data)
{
	return (uintptr_t)data % ALIGN == 0;
}

/* Take some bytes of @b. Returns the number, or a negative errno with the error message set. */
static ssize_t take(struct direct *d, const struct zcdma_block *b)
{
	const unsigned char *data = (const unsigned char *)b->data + d->path.sent;
	size_t left = b->len - d->path.sent;
	ssize_t n;

	if (!d->held && left >= ALIGN && is_aligned(data)) {
		n = write_pieces(&d->path, data, left);
		if (n == -EFAULT)
			return zc_path_fault(&d->path, b, "write");
		return n < 0 ? zc_path_fail(&d->path, (int)-n, "write") : n;
	}
	if (d->held == GATHER_SIZE && write_gathered(d))
		return d->error;
	return gather(d, data, left);
}

static int direct_send(struct zcdma_path *path, const struct zcdma_block *b)
{
	struct direct *d = (struct direct *)path;

	while (!d->error && path->sent < b->len) {
		ssize_t n = take(d, b);

		if (n < 0)
			d->error = (int)n;
		else
			path->sent += (size_t)n;
	}
	return d->error ? d->error : ZC_SENT_DONE;
}

/* Write all but the odd rest, as the next block may come late. */
static void direct_flush(struct zcdma_path *path)
{
	write_gathered((struct direct *)path);
}

/* Write the odd rest through the page cache. */
static int write_rest(struct direct *d)
{
	struct zcdma_path *path = &d->path;
	ssize_t n;

	if (d->held && fcntl(path->sink.fd, F_SETFL, fcntl(path->sink.fd, F_GETFL) & ~O_DIRECT) < 0)
		return zc_path_fail(path, errno, "write");
	while (d->held) {
		n = write(path->sink.fd, d->gathered, d->held);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return zc_path_fail(path, errno, "write");
		path->stats.copied_bytes += (size_t)n;
		path->stats.copied_calls++;
		path->stats.calls++;
		zc_path_arrived(path, (size_t)n);
		drop(d, (size_t)n);
	}
	return 0;
}

/* Write the rest, also of what came before an error. */
static int direct_finish(struct zcdma_path *path, bool complete)
{
	struct direct *d = (struct direct *)path;

	(void)complete;
	if (!write_gathered(d))
		d->error = write_rest(d);
	return d->error;
}

static void direct_close(struct zcdma_path *path)
{
	free(((struct direct *)path)->gathered);
}

const struct zc_path_ops zc_path_direct = {
	.type = {
		.name = "copy",
		.summary = "write() with O_DIRECT",
		.required_caps = ZCDMA_CAP_MEMORY,
	},
	.size = sizeof(struct direct),
	.takes = ZC_TAKES_COPY,
	.send = direct_send,
	.flush = direct_flush,
	.finish = direct_finish,
	.close = direct_close,
};
