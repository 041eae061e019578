// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Ways out of a mapping, each tried for real: its bytes go to a socket, a pipe, a file or a ring
 * that is thrown away afterwards. Every trial walks the whole mapping, as only its first pages may
 * work.
 */
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "path/copied.h"
#include "path/errqueue.h"
#include "internal.h"
#include "path/pin_limit.h"
#include "path/selftest.h"
#include "path/uring_compat.h"
#include "probe/methods.h"

#define CHUNK	 ((size_t)64 * 1024)
#define LIMIT_MS 2000

struct attempt {
	struct zcdma_ctx *ctx;
	struct zcdma_way_result *res;
	int fd;	  /* the bytes go in here, or -1 */
	int peer; /* and come out here, or -1 */
	bool pin_only;
	struct io_uring ring;
};

/*
 * open: 0, or a negative value after zc_way_untried() or an interrupt (-EINTR).
 * step: hand over up to @len bytes; how many, or a negative errno.
 */
struct way {
	const char *name;
	bool reads;
	size_t chunk; /* bytes per step */
	int (*open)(struct attempt *a);
	ssize_t (*step)(struct attempt *a, const void *p, size_t len);
	void (*close)(struct attempt *a);
};

void zc_way_untried(struct zcdma_way_result *res, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(res->text, sizeof(res->text), fmt, ap);
	va_end(ap);
	res->answer = ZCDMA_ANSWER_UNTRIED;
	res->err = 0;
}

static ssize_t or_errno(ssize_t n)
{
	return n < 0 ? -errno : n;
}

static void close_both(struct attempt *a)
{
	if (a->fd >= 0)
		close(a->fd);
	if (a->peer >= 0)
		close(a->peer);
	a->fd = a->peer = -1;
}

/*
 * Sockets
 */

/* Whoever connected must be ourselves: the bytes may be private. */
static bool own_connection(int fd, int peer)
{
	char ours[64], theirs[64];

	return !strcmp(zcdma_sockname(fd, false, ours, sizeof(ours)),
		       zcdma_sockname(peer, true, theirs, sizeof(theirs)));
}

static int tcp_pair(struct attempt *a)
{
	static const struct zcdma_addr loopback = { .host = "127.0.0.1", .port = "0" };
	struct zcdma_addr to;
	char name[64];
	int fd, rc;

	fd = zcdma_listen(a->ctx, &loopback);
	if (fd < 0)
		return fd;
	rc = zcdma_addr_parse(a->ctx, zcdma_sockname(fd, false, name, sizeof(name)), &to);
	if (rc < 0)
		goto out;
	rc = a->fd = zcdma_connect(a->ctx, &to);
	if (rc < 0)
		goto out;
	rc = a->peer = zcdma_accept(a->ctx, fd, NULL, 0);
	if (rc < 0)
		goto out;
	rc = 0;
	if (!own_connection(a->fd, a->peer))
		rc = zc_fail_plain(a->ctx, ECONNABORTED, "accept %s: somebody else's connection",
				   name);
out:
	close(fd);
	return rc;
}

static int send_open(struct attempt *a)
{
	int pair[2];
	int rc = tcp_pair(a);

	if (!rc || rc == -EINTR)
		return rc;
	close_both(a);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		zc_way_untried(a->res, "no socket to send to: %s", strerror(errno));
		return -errno;
	}
	a->fd = pair[0];
	a->peer = pair[1];
	return 0;
}

/* MPTCP, or a device without scatter-gather, would have the bytes copied at once. */
static bool takes_pages(int fd)
{
	struct zc_copied c = { .copied = ZC_COPIED_NONE };

	zc_copied_below(&c, fd);
	return c.copied == ZC_COPIED_NONE;
}

static int zerocopy_open(struct attempt *a)
{
	const int on = 1;
	int rc = tcp_pair(a);

	if (rc) {
		zc_way_untried(a->res, "no TCP connection over 127.0.0.1: %s", strerror(-rc));
		return rc;
	}
	if (a->pin_only && !takes_pages(a->fd)) {
		zc_way_untried(a->res, "over 127.0.0.1 this kernel would read it to copy it");
		return -EOPNOTSUPP;
	}
	if (setsockopt(a->fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) < 0) {
		zc_way_untried(a->res, "no MSG_ZEROCOPY on this kernel: SO_ZEROCOPY: %s",
			       strerror(errno));
		return -errno;
	}
	return 0;
}

/* Throw away what has arrived. */
static void drain(int fd)
{
	char buf[16384];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

static ssize_t send_some(struct attempt *a, const void *p, size_t len, int flags)
{
	for (;;) {
		ssize_t n = send(a->fd, p, len, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
		int rc;

		if (n >= 0) {
			drain(a->peer);
			return n;
		}
		if (errno != EAGAIN)
			return -errno;
		rc = zc_poll(a->ctx, a->peer, POLLIN, LIMIT_MS);
		if (rc)
			return rc;
		drain(a->peer);
	}
}

static ssize_t send_step(struct attempt *a, const void *p, size_t len)
{
	return send_some(a, p, len, 0);
}

/* One send at a time, each waited for: no limit on pending completions is then met by accident. */
static ssize_t zerocopy_step(struct attempt *a, const void *p, size_t len)
{
	uint64_t end = zc_now_ns() + LIMIT_MS * UINT64_C(1000000);
	struct zc_completions done = { .copied = false };
	ssize_t n = send_some(a, p, len, MSG_ZEROCOPY);
	int rc = 0;

	if (n <= 0)
		return n;
	while (!rc) {
		rc = zc_errqueue_read(a->fd, &done);
		if (rc)
			break;
		if (zc_now_ns() >= end)
			return -ETIMEDOUT;
		/* The error queue is reported as POLLERR, which needs no asking for. */
		rc = zc_poll(a->ctx, a->fd, 0, LIMIT_MS);
		drain(a->peer);
	}
	if (rc < 0)
		return rc;
	if (done.copied)
		snprintf(a->res->text, sizeof(a->res->text),
			 "accepted, then fell back to a copy, as it always does on loopback");
	return n;
}

/*
 * A pipe
 */

static int open_pipe(struct attempt *a)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		zc_way_untried(a->res, "no pipe: %s", strerror(errno));
		return -errno;
	}
	a->peer = ends[0];
	a->fd = ends[1];
	return 0;
}

/* A fresh pipe per step: reading the old one empty would read the pages. */
static ssize_t vmsplice_step(struct attempt *a, const void *p, size_t len)
{
	const struct iovec iov = { .iov_base = (void *)p, .iov_len = len };
	ssize_t n = or_errno(vmsplice(a->fd, &iov, 1, SPLICE_F_NONBLOCK));
	int rc;

	if (n < 0)
		return n;
	close_both(a);
	rc = open_pipe(a);
	return rc ? rc : n;
}

/* That a copy can be made says little about pages. */
static int vmsplice_open(struct attempt *a)
{
	if (zc_vmsplice_copies() == 1)
		snprintf(a->res->text, sizeof(a->res->text),
			 "accepted, and copied: this kernel's vmsplice() does not pass pages on");
	return open_pipe(a);
}

/*
 * A file
 */

/* With a name for a moment, where the filesystem has no O_TMPFILE. */
static int open_unlinked(const char *dir, int flags)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/zcdma.XXXXXX", dir) >= (int)sizeof(path))
		return -1;
	fd = mkostemp(path, flags | O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int zc_scratch_open(int flags, bool (*fits)(int fd))
{
	const char *const dirs[] = { getenv("TMPDIR"), "/var/tmp", "/tmp", "." };
	int rc = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int fd;

		if (!dirs[i] || !dirs[i][0])
			continue;
		fd = open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);
		if (fd < 0)
			fd = open_unlinked(dirs[i], flags);
		if (fd < 0) {
			rc = -errno;
			continue;
		}
		if (!fits || fits(fd))
			return fd;
		close(fd);
		rc = -EOPNOTSUPP;
	}
	return rc;
}

/*
 * Some filesystems accept O_DIRECT and copy all the same (tmpfs, or one that journals or checksums
 * data): there, everything works and nothing is learnt. [vvar] tells, where it has no pages: what
 * can write it is copying.
 */
static bool copies_anyway(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct zcdma_way_result res = { 0 };
	struct attempt pipe = { .res = &res, .fd = -1, .peer = -1 };
	struct zc_vma vvar;
	const void *addr;
	bool no_pages;

	if (zc_vma_find_name("[vvar]", &vvar) < 0 || open_pipe(&pipe) < 0)
		return false;
	addr = (const void *)(uintptr_t)vvar.start;
	no_pages = vmsplice_step(&pipe, addr, page) == -EFAULT;
	close_both(&pipe);
	return no_pages && pwrite(fd, addr, page, 0) > 0;
}

static bool takes_direct(int fd)
{
	void *p = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool ok;

	if (p == MAP_FAILED)
		return false;
	ok = pwrite(fd, p, CHUNK, 0) == (ssize_t)CHUNK && !copies_anyway(fd);
	munmap(p, CHUNK);
	return ok;
}

static int direct_open(struct attempt *a)
{
	a->fd = zc_scratch_open(O_DIRECT, takes_direct);
	if (a->fd >= 0)
		return 0;
	zc_way_untried(
		a->res,
		"no file takes O_DIRECT without copying in $TMPDIR, /var/tmp, /tmp or the current folder: %s",
		strerror(-a->fd));
	return a->fd;
}

/* Over and over to the same place: a large mapping needs no large file. */
static ssize_t direct_step(struct attempt *a, const void *p, size_t len)
{
	return or_errno(pwrite(a->fd, p, len, 0));
}

/*
 * io_uring
 */

static int registered_open(struct attempt *a)
{
	char why[128];
	int rc = io_uring_queue_init(1, &a->ring, 0);

	if (rc)
		zc_way_untried(a->res, "%s", zc_uring_refused(-rc, why, sizeof(why)));
	return rc;
}

static ssize_t registered_step(struct attempt *a, const void *p, size_t len)
{
	const struct iovec iov = { .iov_base = (void *)p, .iov_len = len };
	int rc = io_uring_register_buffers(&a->ring, &iov, 1);

	if (!rc)
		rc = io_uring_unregister_buffers(&a->ring);
	return rc ? rc : (ssize_t)len;
}

static void registered_close(struct attempt *a)
{
	io_uring_queue_exit(&a->ring);
}

/*
 * The table, and what walks it
 */

static const struct way ways[ZCDMA_WAYS] = {
	[ZCDMA_WAY_SEND] = { "send", true, CHUNK, send_open, send_step, close_both },
	[ZCDMA_WAY_ZEROCOPY] = { "MSG_ZEROCOPY", true, CHUNK, zerocopy_open, zerocopy_step,
				 close_both },
	[ZCDMA_WAY_VMSPLICE] = { "vmsplice", false, CHUNK, vmsplice_open, vmsplice_step,
				 close_both },
	[ZCDMA_WAY_DIRECT] = { "O_DIRECT", true, CHUNK, direct_open, direct_step, close_both },
	/* Larger steps, as unregistering may wait for a grace period. */
	[ZCDMA_WAY_REGISTERED] = { "registered buffers", false, 16 * CHUNK, registered_open,
				   registered_step, registered_close },
};

static void say_memlock(char *text, size_t len)
{
	char limit[32];

	snprintf(text, len, "RLIMIT_MEMLOCK, %s, does not let so much be pinned",
		 zc_memlock_limit(limit, sizeof(limit)));
}

static void say_enobufs(char *text, size_t len)
{
	char limit[32], optmem[32] = "unknown";

	zc_read_line("/proc/sys/net/core/optmem_max", optmem, sizeof(optmem));
	snprintf(text, len, "a limit is too small: net.core.optmem_max (%s) or RLIMIT_MEMLOCK (%s)",
		 optmem, zc_memlock_limit(limit, sizeof(limit)));
}

static void say_refused(char *text, size_t len)
{
	snprintf(
		text, len,
		"the call is refused, by a seccomp profile (containers have one) or a security module");
}

static void say_late(char *text, size_t len)
{
	snprintf(text, len, "accepted, but no completion within %d s", LIMIT_MS / 1000);
}

static void say_kind(char *text, size_t len)
{
	snprintf(text, len, "this kernel does not register a mapping of this kind");
}

/* What an errno means here, where strerror() says too little. */
static const struct {
	enum zcdma_way way;
	int err;
	void (*say)(char *text, size_t len);
} meanings[] = {
	{ ZCDMA_WAY_ZEROCOPY, ENOBUFS, say_enobufs },
	{ ZCDMA_WAY_ZEROCOPY, ETIMEDOUT, say_late },
	{ ZCDMA_WAY_VMSPLICE, EPERM, say_refused },
	{ ZCDMA_WAY_VMSPLICE, ENOSYS, say_refused },
	{ ZCDMA_WAY_VMSPLICE, EOPNOTSUPP, say_refused },
	{ ZCDMA_WAY_ZEROCOPY, EPERM, say_refused },
	{ ZCDMA_WAY_ZEROCOPY, EOPNOTSUPP, say_refused },
	{ ZCDMA_WAY_REGISTERED, ENOMEM, say_memlock },
	{ ZCDMA_WAY_REGISTERED, EOPNOTSUPP, say_kind },
};

static void failed(struct zcdma_way_result *res, enum zcdma_way way, int err, size_t done)
{
	res->answer = ZCDMA_ANSWER_FAILS;
	res->err = err;
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (meanings[i].way == way && meanings[i].err == err) {
			meanings[i].say(res->text, sizeof(res->text));
			return;
		}
	if (done)
		snprintf(res->text, sizeof(res->text), "%s, but only from byte %zu on",
			 strerror(err), done);
	else
		snprintf(res->text, sizeof(res->text), "%s", strerror(err));
}

static int walk(struct attempt *a, enum zcdma_way way, const char *addr, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), done = 0;

	a->res->answer = ZCDMA_ANSWER_WORKS;
	while (done < len) {
		size_t chunk = zc_min(len - done, ways[way].chunk);
		ssize_t n = ways[way].step(a, addr + done, chunk);

		/* Some calls refuse all for one bad page: how far do the good ones go? */
		if (n == -EFAULT && chunk > page)
			n = ways[way].step(a, addr + done, page);

		if (n == -EINTR)
			return -EINTR;
		if (n <= 0) {
			failed(a->res, way, n ? (int)-n : EIO, done);
			break;
		}
		done += (size_t)n;
	}
	return 0;
}

bool zc_way_reads(enum zcdma_way way)
{
	return ways[way].reads;
}

int zc_way_try(struct zcdma_ctx *ctx, enum zcdma_way way, const void *addr, size_t len,
	       bool pin_only, struct zcdma_way_result *res)
{
	struct attempt a = { .ctx = ctx, .res = res, .fd = -1, .peer = -1, .pin_only = pin_only };
	int rc;

	memset(res, 0, sizeof(*res));
	rc = ways[way].open(&a);
	if (!rc) {
		rc = walk(&a, way, addr, len);
		ways[way].close(&a);
		return rc;
	}
	close_both(&a);
	return rc == -EINTR ? rc : 0;
}

ZC_PUBLIC const char *zcdma_way_name(enum zcdma_way way)
{
	return (unsigned)way < ZCDMA_WAYS ? ways[way].name : "unknown";
}
