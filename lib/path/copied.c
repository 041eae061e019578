// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is known of the kernel's copies between a block and its sink, beyond what a path counts itself.
 * A table of checks looks at the kernel, the source and the sink. Each may find that every byte is
 * copied, or something that it cannot see through; where none does, nothing copies.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "source/dev_node.h"
#include "path/copied.h"
#include "path/selftest.h"
#include "util/direct_io.h"

void zc_copied_find(struct zc_copied *c, enum zc_copied_verdict copied, const char *fmt, ...)
{
	va_list ap;

	if (copied <= c->copied)
		return;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	c->copied = copied;
	c->hint[0] = '\0';
}

/*
 * The kernel
 */

static void look_at_vmsplice(struct zc_copied *c, const struct zc_block_route *route)
{
	int rc = zc_vmsplice_copies();

	(void)route;
	if (rc > 0)
		zc_copied_find(c, ZC_COPIED_ALL, "this kernel's vmsplice() copies");
	else if (rc < 0)
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "a trial of vmsplice() ended with \"%s\"",
			       strerror(-rc));
}

/* Look whether splice() copies on this kernel, by a trial on a pair of UNIX sockets; another socket may differ. */
static void look_at_splice(struct zc_copied *c, const struct zc_block_route *route)
{
	int rc = zc_socket_splice_copies();

	(void)route;
	if (rc)
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "a trial of splice() between two sockets %s",
			       rc > 0 ? "was copied" : "failed");
}

/*
 * Files
 */

/*
 * Check for file systems whose splice_read operation puts pages of the page cache into the pipe, and whose
 * buffered writes copy into it (filemap_splice_read() and generic_perform_write() in mm/filemap.c,
 * iomap_file_buffered_write() for XFS).
 */
static bool has_page_cache(int fd)
{
	static const unsigned long magics[] = {
		EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, TMPFS_MAGIC,
	};
	struct statfs fs;
	struct statx st;

	if (fstatfs(fd, &fs) < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0 ||
	    !S_ISREG(st.stx_mode) || st.stx_attributes & STATX_ATTR_DAX ||
	    fcntl(fd, F_GETFL) & O_DIRECT)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if ((unsigned long)fs.f_type == magics[i])
			return true;
	}
	return false;
}

/* Check that splice() takes pages from the source. */
static void look_at_source(struct zc_copied *c, const struct zc_block_route *route)
{
	int fd = route->source_fd, rc;
	struct stat st = { .st_mode = 0 };

	fstat(fd, &st);
	if (S_ISFIFO(st.st_mode) || zc_dev_is_fd(fd))
		return; /* of a device the driver counts what it copies */
	if (!has_page_cache(fd)) {
		zc_copied_find(c, ZC_COPIED_UNKNOWN,
			       "it is unknown whether splice() copies from %s", route->source_name);
		return;
	}
	rc = zc_memfd_splice_copies();
	if (rc > 0)
		zc_copied_find(c, ZC_COPIED_ALL, "this kernel's splice() copies");
	else if (rc < 0)
		zc_copied_find(c, ZC_COPIED_UNKNOWN, "a trial of splice() ended with \"%s\"",
			       strerror(-rc));
}

static void look_at_file(struct zc_copied *c, const struct zc_block_route *route)
{
	if (has_page_cache(route->sink->fd))
		zc_copied_find(c, ZC_COPIED_ALL, "splice() copies into the page cache");
	else
		zc_copied_find(c, ZC_COPIED_UNKNOWN,
			       "it is unknown whether the kernel copies into %s",
			       route->sink->name);
}

static void look_at_direct(struct zc_copied *c, const struct zc_block_route *route)
{
	int copies = zc_direct_copies(route->sink->fd);

	if (copies > 0)
		zc_copied_find(c, ZC_COPIED_ALL, "the file system copies in spite of O_DIRECT");
	else if (copies < 0)
		zc_copied_find(c, ZC_COPIED_UNKNOWN,
			       "it is unknown whether the file system copies in spite of O_DIRECT");
}

static void look_at_write(struct zc_copied *c, const struct zc_block_route *route)
{
	if (route->sink->direct)
		look_at_direct(c, route);
	else if (route->sink->opaque)
		look_at_file(c, route);
}

static void look_below(struct zc_copied *c, const struct zc_block_route *route)
{
	zc_copied_below(c, route->sink->fd);
}

/*
 * The table
 */

#define SOCKET (1 << ZC_SINK_SOCKET)
#define PIPE   (1 << ZC_SINK_PIPE)
#define FILES  (1 << ZC_SINK_FILE)
#define ANY    (SOCKET | PIPE | FILES | 1 << ZC_SINK_DEVICE)

#define SPLICES (ZC_TAKES_VMSPLICE | ZC_TAKES_FILE)

static const struct {
	unsigned takes; /* of enum zc_takes: for these paths ... */
	unsigned sinks; /* ... to these */
	void (*look)(struct zc_copied *c, const struct zc_block_route *route);
} checks[] = {
	{ ZC_TAKES_VMSPLICE, ANY, look_at_vmsplice },
	{ ZC_TAKES_FILE, ANY, look_at_source },
	{ SPLICES, SOCKET, look_at_splice },
	{ SPLICES, FILES, look_at_file },
	{ ZC_TAKES_COPY, FILES, look_at_write },
	{ SPLICES | ZC_TAKES_MEMORY, SOCKET, look_below },
};

void zc_copied_look(struct zc_copied *c, const struct zc_block_route *route)
{
	*c = (struct zc_copied){ .looked = true };
	for (size_t i = 0; i < ARRAY_SIZE(checks) && c->copied != ZC_COPIED_ALL; i++) {
		if (checks[i].takes & route->takes && checks[i].sinks & 1u << route->sink->kind)
			checks[i].look(c, route);
	}
}

/* Returns the bytes that no counter has as copied, and no completion as not copied. */
static uint64_t open_bytes(const struct zcdma_path_stats *s)
{
	return s->bytes - s->copied_bytes - s->fell_back_bytes - s->unknown_bytes -
	       s->pending_bytes;
}

static uint64_t open_calls(const struct zcdma_path_stats *s)
{
	return s->calls - s->copied_calls - s->fell_back_calls - s->unknown_calls -
	       s->pending_calls;
}

void zc_copied_count(const struct zc_copied *c, bool reports, struct zcdma_path_stats *s)
{
	uint64_t bytes = open_bytes(s), calls = open_calls(s);

	if (c->copied == ZC_COPIED_NONE || !bytes)
		return;
	s->copies_reason = c->why;
	s->copies_hint = c->hint[0] ? c->hint : NULL;
	s->zerocopy_bytes = s->zerocopy_calls = 0;
	if (c->copied == ZC_COPIED_UNKNOWN) {
		s->unknown_bytes += bytes;
		s->unknown_calls += calls;
	} else if (reports) {
		s->fell_back_bytes += bytes;
		s->fell_back_calls += calls;
	} else {
		s->copied_bytes += bytes;
		s->copied_calls += calls;
	}
}
