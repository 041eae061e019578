// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * file: - a regular file, block by block: mapped for a path that takes memory, as it is for one
 * that takes descriptors. A caller that reads the bytes itself gets them read, by the pipe source.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/dev_node.h"
#include "source/options.h"
#include "memory/file_window.h"

#define BLOCK_SIZE (1u << 20)

/* Blocks that can be out at once; more would only pile up mappings. */
#define WINDOWS 64

struct file_source {
	struct zcdma_source src;
	int fd;
	bool map;
	bool stopped;
	uint64_t offset, seq;
	int64_t size; /* the largest that was seen */
	struct zc_window windows[WINDOWS];
};

/* Returns how many bytes of the file are left, which may have grown, or a negative errno. */
static int64_t left(struct file_source *f)
{
	struct zcdma_source *src = &f->src;
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return zc_fail(src->ctx, errno, "read %s", src->name);
	if (st.st_size < f->size)
		return zc_fail_plain(src->ctx, EIO, "read %s: it was cut short meanwhile",
				     src->name);
	f->size = st.st_size;
	return f->size - (int64_t)f->offset;
}

static struct zc_window *free_window(struct file_source *f)
{
	for (size_t i = 0; i < WINDOWS; i++) {
		if (!f->windows[i].start)
			return &f->windows[i];
	}
	return NULL;
}

/* Map the block into a window of its own. */
static int map_block(struct file_source *f, struct zcdma_block *b)
{
	struct zc_window *w = free_window(f);
	int rc;

	f->src.starved = !w;
	if (!w)
		return -EAGAIN;
	rc = zc_window_map(w, f->fd, f->offset, b->len, &b->data);
	if (rc)
		return zc_fail(f->src.ctx, -rc, "map %s", f->src.name);
	b->index = (uint32_t)(w - f->windows);
	return 0;
}

static int file_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct file_source *f = (struct file_source *)src;
	int64_t bytes = f->stopped ? 0 : left(f);
	int rc;

	if (bytes <= 0)
		return (int)bytes;
	*b = (struct zcdma_block){
		.len = (size_t)zc_min((uint64_t)bytes, (uint64_t)zc_min(max, (size_t)BLOCK_SIZE)),
		.offset = f->offset,
		.seq = f->seq,
		.time_ns = zc_now_ns(),
		.fd = f->fd,
		.fd_offset = (int64_t)f->offset,
	};
	rc = f->map ? map_block(f, b) : 0;
	if (rc)
		return rc;
	f->offset += b->len;
	f->seq++;
	return 1;
}

/* Put a block back. Its pages are the file's, and are never written to or replaced here. */
static void file_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct file_source *f = (struct file_source *)src;

	(void)how;
	if (f->map)
		zc_window_close(&f->windows[b->index]);
	src->starved = false;
}

static void file_stop(struct zcdma_source *src)
{
	((struct file_source *)src)->stopped = true;
}

static void file_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	stats->next_seq = ((struct file_source *)src)->seq;
}

static int file_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	*desc = (struct zc_ring_desc){
		.kind = ZC_RING_FILE,
		.block_size = BLOCK_SIZE,
		.page_size = src->info.page_size,
	};
	return ((const struct file_source *)src)->fd;
}

static void file_close(struct zcdma_source *src)
{
	close(((struct file_source *)src)->fd);
}

static bool is_character(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISCHR(st.st_mode);
}

/* Where the path is that of a file with unknown options after it, hint at the one that there is. */
static void hint_options(struct zcdma_ctx *ctx, const char *path)
{
	const size_t len = strcspn(path, ",");
	char *file = path[len] ? strndup(path, len) : NULL;

	if (file && !access(file, F_OK))
		zc_hint(ctx, "write file:%s, which takes pace=SIZE and no other option", file);
	free(file);
}

int zc_source_open_file(struct zcdma_source *src, const char *path)
{
	int fd;

	if (!*path)
		return zc_fail_plain(src->ctx, EINVAL, "source '%s': it names no file", src->name);
	fd = zc_open_regular(src->ctx, path);
	if (fd == -ENOENT)
		hint_options(src->ctx, path);
	if (fd == -EINVAL)
		zc_hint(src->ctx,
			zc_dev_is(path)	     ? "it is a device of zcdma's: write dev:%s"
			: is_character(path) ? "write read:%s"
					     : "in place of its name write: - < %s",
			path);
	return fd;
}

static const struct zc_option options[] = {
	{ "pace", offsetof(struct file_source, src.pace.rate), zc_option_rate,
	  "bytes per second, as in 100M" },
};

/* Find the options after the file's name, which may have commas of its own. Returns NULL without any. */
static const char *find_options(const char *arg)
{
	const char *comma = strrchr(arg, ',');

	return comma && !strncmp(comma + 1, "pace=", 5) ? comma : NULL;
}

static int open_file(struct zcdma_source *src, const char *arg)
{
	const char *comma = find_options(arg);
	char *path;
	int fd, rc = comma ? zc_source_options_parse(src, comma + 1) : 0;

	if (!comma || rc)
		return rc ? rc : zc_source_open_file(src, arg);
	path = strndup(arg, (size_t)(comma - arg));
	fd = path ? zc_source_open_file(src, path) : zc_fail(src->ctx, ENOMEM, "open %s", arg);
	free(path);
	return fd;
}

static int file_open(struct zcdma_source *src, const char *arg)
{
	struct file_source *f = (struct file_source *)src;

	f->fd = open_file(src, arg);
	if (f->fd < 0)
		return f->fd;
	src->file_fd = src->origin_fd = f->fd;
	src->info.block_size = BLOCK_SIZE;
	src->info.page_size = (size_t)sysconf(_SC_PAGESIZE);
	return 0;
}

/* Read the file for a program that reads the bytes itself, or if the kernel generates it; else map it. */
static int file_activate(struct zcdma_source *src, unsigned uses)
{
	struct file_source *f = (struct file_source *)src;
	int fd = f->fd, rc;

	if (uses & ZC_USE_READ || src->repeats || src->direct || !zc_size_is_known(fd)) {
		zc_source_become(src, &zc_source_pipe);
		rc = zc_pipe_attach(src, fd, true);
		return rc ? rc : src->ops->activate(src, uses);
	}
	f->map = uses & ZC_USE_MAP || !(uses & (ZC_USE_FD | ZC_USE_SHARE));
	src->info.caps = ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET | (f->map ? ZCDMA_CAP_MEMORY : 0);
	src->patient = true;
	return 0;
}

static void file_deactivate(struct zcdma_source *src)
{
	struct file_source *f = (struct file_source *)src;

	for (size_t i = 0; i < WINDOWS; i++)
		zc_window_close(&f->windows[i]);
}

const struct zc_source_ops zc_source_file = {
	.type = {
		.name = "file",
		.syntax = "file:PATH[,pace=SIZE]",
		.summary = "a regular file, mapped",
	},
	.size = sizeof(struct file_source),
	.fills_target = true,
	.may_repeat = true,
	.may_read_directly = true,
	.reading = &zc_source_pipe,
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.open = file_open,
	.activate = file_activate,
	.deactivate = file_deactivate,
	.next = file_next,
	.put = file_put,
	.stop = file_stop,
	.get_stats = file_get_stats,
	.share = file_share,
	.close = file_close,
};
