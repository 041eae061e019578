// SPDX-License-Identifier: LGPL-2.1-or-later
/* The table of paths, and from a name to an open path. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/keep_alive.h"
#include "net/socket.h"
#include "path/play.h"
#include "path/player.h"
#include "path/sent.h"

/* Between two tries to connect. */
#define RETRY_MS 1000

static const struct zc_path_ops *const paths[] = {
	&zc_path_copy,	   &zc_path_zerocopy, &zc_path_vmsplice,    &zc_path_splice,
	&zc_path_sendfile, &zc_path_uring,    &zc_path_uring_fixed, &zc_path_null,
};

ZC_PUBLIC const struct zcdma_path_type *zcdma_path_type_at(unsigned i)
{
	return i < ARRAY_SIZE(paths) ? &paths[i]->type : NULL;
}

ZC_PUBLIC const struct zcdma_path_type *zcdma_path_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (!strcmp(paths[i]->type.name, name))
			return &paths[i]->type;
	}
	return NULL;
}

/* Returns the operations of a type, which is their first member. */
static const struct zc_path_ops *ops_of(const struct zcdma_path_type *type)
{
	return (const struct zc_path_ops *)type;
}

ZC_PUBLIC int zcdma_path_probe(struct zcdma_ctx *ctx, const struct zcdma_path_type *type)
{
	const struct zc_path_ops *ops = ops_of(type);

	return ops->probe ? ops->probe(ctx) : 0;
}

/*
 * Opening
 */

static int fail_sink(struct zcdma_path *path, const char *why)
{
	zc_fail_plain(path->ctx, EINVAL, "path %s to %s: %s", path->ops->type.name, path->sink.name,
		      why);
	zc_hint(path->ctx, "choose a path that goes anywhere: --path=copy");
	return -EINVAL;
}

static int check_sink(struct zcdma_path *path)
{
	const struct zcdma_path_type *type = &path->ops->type;

	if (type->required_caps & ZCDMA_CAP_SOCKET && path->sink.kind != ZC_SINK_SOCKET)
		return fail_sink(path, "it is not a socket");
	if (type->required_caps & ZCDMA_CAP_STREAM && path->sink.kind == ZC_SINK_FILE)
		return fail_sink(path, "it is not a socket or a pipe");
	return 0;
}

int zc_path_set_sink(struct zcdma_path *path, int fd)
{
	struct stat st;
	int rc = zc_sink_open(&path->sink, fd);

	if (rc)
		return zc_fail(path->ctx, -rc, "path %s: its sink", path->ops->type.name);
	if (path->fetcher)
		path->sink.kind = ZC_SINK_DEVICE;
	if (path->sink.kind == ZC_SINK_SOCKET)
		zc_reset_on_close(fd, true);
	/* A file that is written to while it is read from has no end, or nothing left of it. */
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && zc_source_is(path->src, &st))
		return zc_fail_plain(path->ctx, EINVAL, "write to %s: it is the source itself",
				     path->sink.name);
	return check_sink(path);
}

/* What blocks can lack, and what helps. */
static const struct {
	unsigned cap;
	const char *lack, *hint;
} lacks[] = {
	{ ZCDMA_CAP_MEMORY, "its blocks are not in memory", "--path=splice does without" },
	{ ZCDMA_CAP_FD, "its blocks are in no file or pipe", "--path=copy reads memory" },
	{ ZCDMA_CAP_OFFSET, "it is not a file",
	  "--path=splice takes a pipe or a socket; receive=copy gives tcp: a file" },
	{ ZCDMA_CAP_RING, "registered buffers pin a ring for good, and it has none that can be",
	  "sim: and - have one; --path=uring registers nothing" },
};

unsigned zc_path_uses(const struct zcdma_path_type *type)
{
	return (type->required_caps & ZCDMA_CAP_FD ? ZC_USE_FD : 0) |
	       (type->required_caps & ZCDMA_CAP_RING ? ZC_USE_WRITE : 0) |
	       (type->replaces_pages ? ZC_USE_REPLACE : 0);
}

/* Check that @src's blocks have what the path requires. Returns 0 or -EINVAL. */
static int check_source(struct zcdma_ctx *ctx, const struct zcdma_path_type *type,
			const struct zcdma_source *src)
{
	for (size_t i = 0; i < ARRAY_SIZE(lacks); i++) {
		if (!(type->required_caps & ~src->info.caps & lacks[i].cap))
			continue;
		zc_fail_plain(ctx, EINVAL, "%s from %s: %s", type->name, src->name, lacks[i].lack);
		zc_hint(ctx, "%s", lacks[i].hint);
		return -EINVAL;
	}
	return 0;
}

/* Returns NULL after an error. */
static const struct zc_path_ops *find_ops(struct zcdma_ctx *ctx, const char *name)
{
	const struct zcdma_path_type *type = zcdma_path_find(name);
	char known[128];
	size_t len = 0;

	if (type)
		return ops_of(type);
	for (size_t i = 0; i < ARRAY_SIZE(paths) && len < sizeof(known); i++)
		len += (size_t)snprintf(known + len, sizeof(known) - len, " %s",
					paths[i]->type.name);
	zc_fail_plain(ctx, EINVAL, "path %s: unknown", name);
	zc_hint(ctx, "known are%s", known);
	return NULL;
}

/* Check that a path of @ctx may have blocks of @src. Returns 0 or -EINVAL. */
static int check_ctx(struct zcdma_ctx *ctx, const struct zcdma_source *src)
{
	return ctx == src->ctx
		       ? 0
		       : zc_fail_plain(ctx, EINVAL,
				       "path from %s: the source is of another context", src->name);
}

static int prepare(struct zcdma_ctx *ctx, struct zcdma_source *src, const struct zc_path_ops *ops)
{
	int rc = check_ctx(ctx, src);

	if (!rc)
		rc = zc_source_activate(src, zc_path_uses(&ops->type));
	return rc ? rc : check_source(ctx, &ops->type, src);
}

ZC_PUBLIC int zcdma_source_prepare(struct zcdma_source *src, const char *path)
{
	const struct zc_path_ops *ops;

	if (!path)
		return zc_source_activate(src, ZC_USE_READ);
	ops = find_ops(src->ctx, path);
	return ops ? prepare(src->ctx, src, ops) : -EINVAL;
}

static int add_to_source(struct zcdma_path *path)
{
	unsigned count = 0;

	for (const struct zcdma_path *p = path->src->paths; p; p = p->next)
		count++;
	if (count == ZC_PATHS_MOST)
		return zc_fail_plain(path->ctx, EMFILE, "path %s from %s: it has %u paths",
				     path->ops->type.name, path->src->name, count);
	path->next = path->src->paths;
	path->src->paths = path;
	return 0;
}

static void remove_from_source(struct zcdma_path *path)
{
	struct zcdma_path **p = &path->src->paths;

	while (*p && *p != path)
		p = &(*p)->next;
	if (*p)
		*p = path->next;
}

int zc_path_new(struct zcdma_ctx *ctx, const struct zc_path_ops *ops, struct zcdma_source *src,
		const struct zc_path_to *to, struct zcdma_path **out)
{
	struct zcdma_path *path;
	int rc = check_ctx(ctx, src);

	if (!rc)
		rc = check_source(ctx, &ops->type, src);
	if (rc)
		return rc;
	path = calloc(1, ops->size);
	if (!path)
		return zc_fail(ctx, ENOMEM, "path %s", ops->type.name);
	path->ops = ops;
	path->ctx = ctx;
	path->src = src;
	path->sink.own_fd = -1;
	path->timeout_ms = -1;
	path->handover = to->handover;
	path->fetcher = to->fetcher;
	path->first = path->last = ZC_LENT_NONE;
	rc = zc_path_set_sink(path, to->fd);
	if (!rc)
		rc = zc_datagram_open(path);
	if (!rc)
		rc = add_to_source(path);
	if (rc)
		goto err_close;
	rc = ops->open ? ops->open(path) : 0;
	if (rc)
		goto err_remove;
	*out = path;
	return 0;

err_remove:
	remove_from_source(path);
err_close:
	zc_sink_close(&path->sink);
	free(path);
	return rc;
}

static int open_to(struct zcdma_ctx *ctx, struct zcdma_source *src, const struct zc_path_ops *ops,
		   int fd, struct zcdma_path **out)
{
	if (ops == &zc_path_copy && zc_sink_is_direct(fd))
		ops = &zc_path_direct;
	return zc_path_new(ctx, ops, src, &(struct zc_path_to){ .fd = fd }, out);
}

ZC_PUBLIC int zcdma_path_open(struct zcdma_ctx *ctx, struct zcdma_source *src, const char *type,
			      int fd, struct zcdma_path **out)
{
	const struct zc_path_ops *ops = find_ops(ctx, type);
	int rc = ops ? prepare(ctx, src, ops) : -EINVAL;

	return rc ? rc : open_to(ctx, src, ops, fd, out);
}

/* Errors of a connection, or of a greeting, that another try may not have. */
static bool may_come(int rc)
{
	return rc == -ECONNREFUSED || rc == -ETIMEDOUT || zc_connection_is_lost(rc);
}

/* Connect, and greet a receiver of frames. Returns the socket, or a negative errno. */
static int try_to_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
			  struct zc_framing **framing)
{
	int fd = zc_connect(ctx, addr);
	int rc = fd >= 0 && addr->framed ? zc_framing_new(ctx, addr, fd, framing) : 0;

	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/* Do so again for as long as the address says. Returns the socket, or a negative errno. */
static int connect_to(struct zcdma_ctx *ctx, const struct zcdma_addr *addr,
		      struct zc_framing **framing)
{
	const uint64_t start = zc_now_ns();
	int fd;

	for (;;) {
		fd = try_to_connect(ctx, addr, framing);
		if (!may_come(fd) ||
		    (addr->retry != UINT64_MAX && zc_now_ns() - start >= addr->retry * 1000000000u))
			return fd;
		if (zc_poll(ctx, -1, 0, RETRY_MS) == -EINTR)
			return -EINTR;
	}
}

/* Check that frames can go along the path, and have its blocks be good to read. Returns 0 or -EINVAL. */
static int prepare_frames(struct zcdma_source *src, const struct zc_path_ops *ops)
{
	if (!ops->takes)
		return zc_fail_plain(src->ctx, EINVAL, "path %s: framed: it sends nothing",
				     ops->type.name);
	/* A file that is cut short under its mapping would raise SIGBUS where it is hashed. */
	if (!(ops->type.required_caps & ZCDMA_CAP_FD))
		src->reads = true;
	return 0;
}

ZC_PUBLIC int zcdma_path_connect(struct zcdma_ctx *ctx, struct zcdma_source *src, const char *type,
				 const char *address, struct zcdma_path **out)
{
	const struct zc_path_ops *ops = type ? find_ops(ctx, type) : NULL;
	struct zc_framing *framing = NULL;
	struct zcdma_addr addr;
	int rc = ops || !type ? check_ctx(ctx, src) : -EINVAL, fd;

	if (!rc && zc_player_is_named(address))
		return zc_path_open_device(ctx, src, ops, address, out);
	if (!rc && !ops)
		rc = zc_fail_plain(ctx, EINVAL,
				   "connect to %s: only a device has a path of its own choice",
				   address);
	if (!rc)
		rc = zcdma_addr_parse(ctx, address, &addr);
	if (!rc && addr.framed)
		rc = prepare_frames(src, ops);
	if (!rc)
		rc = prepare(ctx, src, ops);
	if (rc)
		return rc;
	fd = connect_to(ctx, &addr, &framing);
	if (fd < 0)
		return fd;
	rc = open_to(ctx, src, ops, fd, out);
	if (rc)
		goto err_close;
	(*out)->sink.own_fd = fd;
	(*out)->framing = framing;
	/* Where the stream survives it, or the address says so. */
	if (addr.keepalive || addr.retry)
		zc_path_gone_after(*out, addr.keepalive ? addr.keepalive : ZC_KEEPALIVE_SECONDS);
	return 0;

err_close:
	zc_framing_free(framing);
	close(fd);
	return rc;
}

ZC_PUBLIC int zcdma_path_get_sink(const struct zcdma_path *path)
{
	return path->sink.fd;
}

void zc_path_delete(struct zcdma_path *path)
{
	remove_from_source(path);
	if (path->ops->close && !zc_framing_is_down(path))
		path->ops->close(path);
	if (path->fetcher)
		zc_player_close(path->fetcher);
	zc_framing_free(path->framing);
	zc_sink_close(&path->sink);
	zc_watch_free(path->watch);
	zc_sent_close(path);
	free(path);
}
