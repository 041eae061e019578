// SPDX-License-Identifier: LGPL-2.1-or-later
/* Buffers that exist only after a call: of V4L2, of the dma-buf heaps, of /dev/udmabuf, and a dma-buf that was passed. */
#include "probe/call.h"

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "memory/udmabuf.h"
#include "source/v4l2_device.h"

size_t zc_probe_whole_pages(size_t bytes)
{
	return (bytes + zc_page_size() - 1) / zc_page_size() * zc_page_size();
}

int zc_probe_map(struct zc_mapping *m, struct zcdma_probe *p, int fd, off_t offset, size_t bytes,
		 bool writable)
{
	m->addr =
		mmap(NULL, bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, offset);
	if (m->addr == MAP_FAILED)
		return zc_probe_absent(p, errno, "mmap: %s", strerror(errno));
	m->bytes = m->mapped = bytes;
	m->writable = writable;
	return 0;
}

/*
 * dma-bufs, which have their size from lseek(): Documentation/driver-api/dma-buf.rst
 */

static int map_dmabuf(struct zc_mapping *m, struct zcdma_probe *p, int fd, size_t bytes,
		      bool writable)
{
	const off_t size = lseek(fd, 0, SEEK_END);

	m->owner = ZC_OWNER_DMABUF;
	if (size <= 0)
		return zc_probe_absent(p, EINVAL, "it is not a dma-buf, or an empty one");
	return zc_probe_map(m, p, fd, 0, zc_min(zc_probe_whole_pages(bytes), (size_t)size),
			    writable);
}

static int call_heap(struct zcdma_ctx *ctx, const char *name, size_t bytes, bool writable,
		     struct zc_mapping *m, struct zcdma_probe *p)
{
	struct dma_heap_allocation_data alloc = { .len = zc_probe_whole_pages(bytes),
						  .fd_flags = O_RDWR | O_CLOEXEC };
	char path[300];
	int fd, rc;

	(void)ctx;
	if (!*name) {
		snprintf(p->hint, sizeof(p->hint), "name one, as in heap:system");
		return zc_probe_absent(p, EINVAL, "it names no heap");
	}
	snprintf(path, sizeof(path), "/dev/dma_heap/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		rc = errno;
		if (rc == ENOENT)
			snprintf(p->hint, sizeof(p->hint), "%s",
				 access("/dev/dma_heap", F_OK)
					 ? "boot a kernel with CONFIG_DMABUF_HEAPS"
					 : "list the heaps: ls /dev/dma_heap");
		return zc_probe_absent(p, rc, "open %s: %s", path, strerror(rc));
	}
	rc = ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &alloc) < 0 ? -errno : 0;
	close(fd);
	if (rc)
		return zc_probe_absent(p, -rc, "allocate from %s: %s", path, strerror(-rc));
	rc = map_dmabuf(m, p, (int)alloc.fd, bytes, writable);
	close((int)alloc.fd);
	return rc;
}

static int call_dmabuf(struct zcdma_ctx *ctx, const char *name, size_t bytes, bool writable,
		       struct zc_mapping *m, struct zcdma_probe *p)
{
	char *end;
	const long fd = strtol(name, &end, 10);

	(void)ctx;
	if (end == name || *end || fd < 0 || fd > 1 << 20)
		return zc_probe_absent(p, EINVAL, "dmabuf: takes the number of a descriptor");
	if (fcntl((int)fd, F_GETFD) < 0) {
		snprintf(
			p->hint, sizeof(p->hint),
			"start zcdma from the program that has the dma-buf, with FD_CLOEXEC cleared");
		return zc_probe_absent(p, EBADF, "descriptor %ld is not open", fd);
	}
	return map_dmabuf(m, p, (int)fd, bytes, writable);
}

/* Map pages of a memfd through the dma-buf that they are exported as. */
static int call_udmabuf(struct zcdma_ctx *ctx, const char *name, size_t bytes, bool writable,
			struct zc_mapping *m, struct zcdma_probe *p)
{
	const int udmabuf = open(ZC_UDMABUF_PATH, O_RDWR | O_CLOEXEC);
	int memfd, fd, rc;

	(void)ctx;
	(void)name;
	if (udmabuf < 0) {
		rc = errno;
		snprintf(p->hint, sizeof(p->hint), "%s", zc_udmabuf_hint(rc) ?: "");
		return zc_probe_absent(p, rc, "open " ZC_UDMABUF_PATH ": %s", strerror(rc));
	}
	memfd = memfd_create("zcdma-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	rc = memfd < 0 || ftruncate(memfd, (off_t)zc_probe_whole_pages(bytes)) < 0 ? -errno : 0;
	fd = rc ? rc : zc_udmabuf_export(udmabuf, memfd, 0, zc_probe_whole_pages(bytes));
	if (fd < 0) {
		rc = zc_probe_absent(p, -fd, "export a memfd: %s", strerror(-fd));
	} else {
		rc = map_dmabuf(m, p, fd, bytes, writable);
		close(fd);
	}
	if (memfd >= 0)
		close(memfd);
	close(udmabuf);
	return rc;
}

/*
 * V4L2
 */

/* Record in @p why a buffer is missing, with the error and the hint of @ctx. */
static int absent_v4l2(struct zcdma_ctx *ctx, struct zcdma_probe *p, int rc)
{
	const char *hint = zcdma_hint(ctx);

	snprintf(p->hint, sizeof(p->hint), "%s", hint ? hint : "");
	return zc_probe_absent(p, -rc, "%s", zcdma_error(ctx));
}

static int map_buffer(struct zc_v4l2 *d, bool writable, struct zc_mapping *m, struct zcdma_probe *p)
{
	unsigned count = 2;
	off_t offset;
	size_t len;
	int rc = zc_v4l2_request(d, V4L2_MEMORY_MMAP, &count);

	if (!rc)
		rc = zc_v4l2_query(d, 0, &offset, &len);
	if (rc)
		return zc_probe_absent(p, -rc, "request buffers: %s", strerror(-rc));
	return zc_probe_map(m, p, d->fd, offset, len, writable);
}

static int call_v4l2(struct zcdma_ctx *ctx, const char *name, size_t bytes, bool writable,
		     struct zc_mapping *m, struct zcdma_probe *p)
{
	struct zc_v4l2 d = { .ctx = ctx, .path = name };
	const struct zc_v4l2_wish any = { .fourcc = 0 };
	int rc = zc_v4l2_open(&d);

	(void)bytes;
	m->owner = ZC_OWNER_V4L2;
	if (rc)
		return absent_v4l2(ctx, p, rc);
	rc = zc_v4l2_set_format(&d, &any);
	if (rc)
		absent_v4l2(ctx, p, rc);
	else
		rc = map_buffer(&d, writable, m, p);
	/* The mapping keeps its buffer. */
	close(d.fd);
	return rc;
}

/*
 * By name
 */

static const struct call {
	const char *prefix;
	/* Map the buffer. Returns 0, or a negative errno with the reason in @p. */
	int (*map)(struct zcdma_ctx *ctx, const char *name, size_t bytes, bool writable,
		   struct zc_mapping *m, struct zcdma_probe *p);
} calls[] = {
	{ "heap:", call_heap },	     { "/dev/dma_heap/", call_heap },
	{ "udmabuf", call_udmabuf }, { ZC_UDMABUF_PATH, call_udmabuf },
	{ "dmabuf:", call_dmabuf },
};

/* Character devices, by their major numbers: Documentation/admin-guide/devices.txt. */
static const struct node {
	unsigned major;
	struct call call;
} nodes[] = {
	{ 81, { "", call_v4l2 } },
	{ 116, { "", zc_probe_call_alsa } },
	{ 226, { "", zc_probe_call_drm } },
};

static const struct call *find_node(const char *path)
{
	struct stat st;

	if (stat(path, &st) || !S_ISCHR(st.st_mode))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (nodes[i].major == major(st.st_rdev))
			return &nodes[i].call;
	}
	return NULL;
}

/* Returns the call that @name needs, or NULL. */
static const struct call *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		const size_t len = strlen(calls[i].prefix);

		if (!strncmp(name, calls[i].prefix, len) &&
		    (strchr(":/", calls[i].prefix[len - 1]) || !name[len]))
			return &calls[i];
	}
	return find_node(name);
}

bool zc_probe_needs_call(const char *name)
{
	return find(name);
}

int zc_probe_call(struct zcdma_ctx *ctx, const char *name, size_t bytes, unsigned flags,
		  struct zcdma_probe *p)
{
	const struct call *call = find(name);
	struct zc_mapping m = { 0 };
	int rc;

	if (call->map(ctx, name + strlen(call->prefix), bytes, flags & ZCDMA_PROBE_WRITABLE, &m, p))
		return 0;
	zc_probe_look_up(&m, p);
	rc = zc_probe_try(ctx, &m, flags, p);
	zc_probe_unmap(&m);
	return rc;
}
