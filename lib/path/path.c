// SPDX-License-Identifier: LGPL-2.1-or-later
/* Paths: the table of them, and from a call to its operation. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path/path.h"
#include "path/refusal.h"

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

/*
 * Open a pipe anew, with flags of our own, as it must not become non-blocking for other writers. If that is refused
 * (no /proc, another user's pipe), write() blocks, and a signal ends it.
 */
static int reopen_nonblocking(int fd)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

static void name_sink(struct zcdma_path *path)
{
	char link[32];
	ssize_t len;

	if (path->sink == ZC_SINK_SOCKET) {
		zcdma_sockname(path->fd, true, path->sink_name, sizeof(path->sink_name));
		return;
	}
	if (path->fd == STDOUT_FILENO) {
		strcpy(path->sink_name, "standard output");
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", path->fd);
	len = readlink(link, path->sink_name, sizeof(path->sink_name) - 1);
	if (len < 0)
		snprintf(path->sink_name, sizeof(path->sink_name), "descriptor %d", path->fd);
	else
		path->sink_name[len] = '\0';
}

static int check_sink(struct zcdma_path *path)
{
	const struct zcdma_path_type *type = &path->ops->type;

	if (type->required_caps & ZCDMA_CAP_SOCKET && path->sink != ZC_SINK_SOCKET)
		return zc_fail_plain(path->ctx, EINVAL, "path %s to %s: it is not a socket",
				     type->name, path->sink_name);
	if (type->required_caps & ZCDMA_CAP_STREAM && path->sink == ZC_SINK_FILE)
		return zc_fail_plain(path->ctx, EINVAL,
				     "path %s to %s: it is not a socket or a pipe", type->name,
				     path->sink_name);
	return 0;
}

bool zc_path_is_direct(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) &&
	       fcntl(fd, F_GETFL) & O_DIRECT;
}

int zc_path_set_sink(struct zcdma_path *path, int fd)
{
	struct stat st;

	path->fd = fd;
	if (fstat(path->fd, &st) < 0)
		return zc_fail(path->ctx, errno, "path %s: its sink", path->ops->type.name);
	path->sink = S_ISSOCK(st.st_mode)   ? ZC_SINK_SOCKET
		     : S_ISFIFO(st.st_mode) ? ZC_SINK_PIPE
					    : ZC_SINK_FILE;
	if (path->sink == ZC_SINK_SOCKET)
		zc_reset_on_close(path->fd, true);
	path->direct = zc_path_is_direct(path->fd);
	path->opaque = path->sink == ZC_SINK_FILE && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode);
	name_sink(path);
	/* A file that is written to while it is read from has no end, or nothing left of it. */
	if (S_ISREG(st.st_mode) && zc_source_is(path->src, &st))
		return zc_fail_plain(path->ctx, EINVAL, "write to %s: it is the source itself",
				     path->sink_name);
	return check_sink(path);
}

/* What blocks can lack, and what helps. */
static const struct {
	unsigned cap;
	const char *lack, *hint;
} lacks[] = {
	{ ZCDMA_CAP_MEMORY, "its blocks are not in memory", "--path=splice does without" },
	{ ZCDMA_CAP_FD, "its blocks are in no file or pipe", "--path=copy reads memory" },
	{ ZCDMA_CAP_OFFSET, "it is not a file", "--path=splice takes a pipe or a socket" },
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

	if (!type)
		zc_fail_plain(ctx, EINVAL, "path %s: unknown", name);
	return type ? ops_of(type) : NULL;
}

static int prepare(struct zcdma_source *src, const struct zc_path_ops *ops)
{
	int rc = zc_source_activate(src, zc_path_uses(&ops->type));

	return rc ? rc : check_source(src->ctx, &ops->type, src);
}

ZC_PUBLIC int zcdma_source_prepare(struct zcdma_source *src, const char *path)
{
	const struct zc_path_ops *ops;

	if (!path)
		return zc_source_activate(src, ZC_USE_READ);
	ops = find_ops(src->ctx, path);
	return ops ? prepare(src, ops) : -EINVAL;
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
		int fd, struct zcdma_handover *handover, struct zcdma_path **out)
{
	struct zcdma_path *path;
	int rc = check_source(ctx, &ops->type, src);

	if (rc)
		return rc;
	path = calloc(1, ops->size);
	if (!path)
		return zc_fail(ctx, ENOMEM, "path %s", ops->type.name);
	path->ops = ops;
	path->ctx = ctx;
	path->src = src;
	path->own_fd = -1;
	path->timeout_ms = -1;
	path->handover = handover;
	path->first = path->last = ZC_LENT_NONE;
	rc = zc_path_set_sink(path, fd);
	if (rc)
		goto err_free;
	if (path->sink == ZC_SINK_PIPE) {
		path->own_fd = reopen_nonblocking(fd);
		if (path->own_fd >= 0)
			path->fd = path->own_fd;
	}
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
	if (path->own_fd >= 0)
		close(path->own_fd);
err_free:
	free(path);
	return rc;
}

static int open_to(struct zcdma_ctx *ctx, struct zcdma_source *src, const struct zc_path_ops *ops,
		   int fd, struct zcdma_path **out)
{
	if (ops == &zc_path_copy && zc_path_is_direct(fd))
		ops = &zc_path_direct;
	return zc_path_new(ctx, ops, src, fd, NULL, out);
}

ZC_PUBLIC int zcdma_path_open(struct zcdma_ctx *ctx, struct zcdma_source *src, const char *type,
			      int fd, struct zcdma_path **out)
{
	const struct zc_path_ops *ops = find_ops(ctx, type);
	int rc = ops ? prepare(src, ops) : -EINVAL;

	return rc ? rc : open_to(ctx, src, ops, fd, out);
}

ZC_PUBLIC int zcdma_path_connect(struct zcdma_ctx *ctx, struct zcdma_source *src, const char *type,
				 const char *address, struct zcdma_path **out)
{
	const struct zc_path_ops *ops = find_ops(ctx, type);
	int rc = ops ? prepare(src, ops) : -EINVAL, fd;
	struct zcdma_addr addr;

	if (!rc)
		rc = zcdma_addr_parse(ctx, address, &addr);
	if (rc)
		return rc;
	fd = zcdma_connect(ctx, &addr);
	if (fd < 0)
		return fd;
	rc = open_to(ctx, src, ops, fd, out);
	if (rc)
		close(fd);
	else
		(*out)->own_fd = fd;
	return rc;
}

ZC_PUBLIC int zcdma_path_set_fallback(struct zcdma_path *path, enum zcdma_fallback fallback)
{
	path->fallback = fallback;
	if (fallback == ZCDMA_FALLBACK_KEEP && path->refusal.rc)
		return zc_error_again(&path->refusal, path->ctx);
	return 0;
}

void zc_path_delete(struct zcdma_path *path)
{
	remove_from_source(path);
	if (path->ops->close)
		path->ops->close(path);
	if (path->own_fd >= 0)
		close(path->own_fd);
	zc_watch_free(path->watch);
	free(path);
}

/*
 * Sending
 */

int zc_path_try(struct zcdma_path *path, const struct zcdma_block *b)
{
	int rc;

	if (!path->copied.looked)
		zc_copied_look(path, b);
	rc = path->ops->send(path, b);
	if (rc != ZC_SENT_BUSY)
		path->sent = 0;
	return rc;
}

int zc_path_reap(struct zcdma_path *path, struct zcdma_block *b)
{
	return path->ops->reap ? path->ops->reap(path, b) : 0;
}

/* Returns whether the connection is closed; not by POLLHUP, which comes once both sides have sent a FIN, with data in flight. */
static bool is_closed(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) && info.tcpi_state == TCP_CLOSE;
}

/*
 * Wait until every byte is acknowledged. The kernel does not report it, so poll SIOCOUTQ, which counts bytes that
 * are not acknowledged, sent or not (tcp(7)).
 */
static int wait_acknowledged(struct zcdma_path *path)
{
	int nap_ms = 1;

	for (;;) {
		/* Asked first: an end in good order closes it too, with nothing left unacknowledged. */
		bool closed = is_closed(path->fd);
		int unacked = 0, err = 0, rc;
		socklen_t len = sizeof(err);

		if (!getsockopt(path->fd, SOL_SOCKET, SO_ERROR, &err, &len) && err)
			return zc_path_fail(path, err, "send");
		if (ioctl(path->fd, SIOCOUTQ, &unacked) < 0 || !unacked)
			return 0;
		if (closed)
			return zc_path_fail(path, ECONNRESET, "send");
		rc = zc_poll(path->ctx, -1, 0, nap_ms);
		if (rc != -ETIMEDOUT)
			return rc;
		nap_ms = zc_min(nap_ms * 2, 20);
	}
}

int zc_path_end(struct zcdma_path *path, bool complete)
{
	int rc;

	if (path->ops->finish)
		return path->ops->finish(path, complete);
	if (path->sink != ZC_SINK_SOCKET)
		return 0;
	if (path->datagram)
		return zc_datagram_finish(path, complete);
	if (complete && shutdown(path->fd, SHUT_WR) < 0 && errno != ENOTCONN)
		return zc_path_fail(path, errno, "shutdown");
	rc = wait_acknowledged(path);
	if (!rc && complete)
		zc_reset_on_close(path->fd, false);
	return rc;
}

ZC_PUBLIC const struct zcdma_path_type *zcdma_path_get_type(const struct zcdma_path *path)
{
	return &path->ops->type;
}

ZC_PUBLIC void zcdma_path_get_stats(const struct zcdma_path *path, struct zcdma_path_stats *out,
				    size_t size)
{
	struct zcdma_path_stats stats = path->stats;

	zc_copied_count(path, &stats);
	stats.pending_blocks += path->queued;
	zc_copy_sized(out, size, &stats, sizeof(stats));
}

/*
 * Waiting
 */

unsigned zc_path_wants(const struct zcdma_path *path)
{
	return (path->queued ? ZC_WAIT_ROOM : 0) |
	       (path->stats.pending_blocks ? ZC_WAIT_COMPLETION : 0);
}

unsigned zc_path_poll_sink(const struct zcdma_path *path, unsigned what, struct pollfd *p)
{
	if (!(what & (ZC_WAIT_ROOM | ZC_WAIT_COMPLETION)))
		return 0;
	/* A completion is POLLERR, which cannot be asked for: it always comes. */
	*p = (struct pollfd){ .fd = path->fd, .events = what & ZC_WAIT_ROOM ? POLLOUT : 0 };
	return 1;
}

unsigned zc_path_poll(const struct zcdma_path *path, unsigned what, struct pollfd *p)
{
	return (path->ops->poll ? path->ops->poll : zc_path_poll_sink)(path, what, p);
}

/*
 * What paths share
 */

bool zc_path_took(struct zcdma_path *path, const struct zcdma_block *b, size_t len)
{
	path->sent += len;
	path->stats.calls++;
	return path->sent == b->len;
}

void zc_path_arrived(struct zcdma_path *path, size_t len)
{
	/* The connection is there, so nothing of it was dropped until now. */
	path->fresh.bytes = path->fresh.calls = 0;
	path->stats.bytes += len;
	if (path->datagram)
		path->stats.datagrams += (len + path->datagram - 1) / path->datagram;
}

bool zc_path_advance(struct zcdma_path *path, const struct zcdma_block *b, size_t len)
{
	zc_path_arrived(path, len);
	return zc_path_took(path, b, len);
}

void zc_path_zerocopied(struct zcdma_path *path, uint64_t bytes, uint64_t calls)
{
	struct zcdma_path_stats *s = &path->stats;

	if (path->broken) {
		s->unknown_bytes += bytes;
		s->unknown_calls += calls;
		return;
	}
	s->zerocopy_bytes += bytes;
	s->zerocopy_calls += calls;
	path->fresh.bytes += bytes;
	path->fresh.calls += calls;
}

/*
 * Correct the statistics after a reset: what it drops from the queue (tcp_write_queue_purge() in net/ipv4/tcp.c)
 * completes as if it had been sent, and the completions may have been read before the error.
 */
static void break_off(struct zcdma_path *path)
{
	struct zcdma_path_stats *s = &path->stats;

	if (path->sink != ZC_SINK_SOCKET || path->broken || !is_closed(path->fd))
		return;
	path->broken = true;
	s->zerocopy_bytes -= path->fresh.bytes;
	s->zerocopy_calls -= path->fresh.calls;
	s->unknown_bytes += path->fresh.bytes;
	s->unknown_calls += path->fresh.calls;
}

int zc_path_fail(struct zcdma_path *path, int err, const char *call)
{
	const char *hint = zc_call_hint(call, err);

	break_off(path);
	zc_fail(path->ctx, err, "%s to %s", call, path->sink_name);
	if (hint)
		zc_hint(path->ctx, "%s", hint);
	return zc_is_refusal(err) ? -EOPNOTSUPP : -err;
}

static bool was_cut_short(const struct zcdma_source *src, const struct zcdma_block *b)
{
	struct stat st;

	return src->file_fd >= 0 && b->fd_offset >= 0 && !fstat(src->file_fd, &st) &&
	       st.st_size < b->fd_offset + (int64_t)b->len;
}

int zc_path_fault(struct zcdma_path *path, const struct zcdma_block *b, const char *call)
{
	if (was_cut_short(path->src, b))
		return zc_fail_plain(path->ctx, EIO, "read %s: it was cut short meanwhile",
				     path->src->name);
	zc_fail(path->ctx, EFAULT, "%s from %s", call, path->src->name);
	zc_hint(path->ctx, "%s",
		path->src->fault_hint
			? path->src->fault_hint
			: "the kernel has no pages for this memory (VM_PFNMAP or VM_IO): see why with \"zcdma probe\", or send with \"zcdma copysend\"");
	return -EFAULT;
}
