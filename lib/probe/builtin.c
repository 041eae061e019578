// SPDX-License-Identifier: LGPL-2.1-or-later
/* The mappings that every process can make. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/probe.h"
#include "probe/scratch.h"

static int map_memory(struct zc_mapping *m, struct zcdma_probe *p, int flags, int fd)
{
	m->addr = mmap(NULL, ZC_PROBE_BYTES, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (m->addr == MAP_FAILED)
		return zc_probe_absent(p, errno, "mmap: %s", strerror(errno));
	m->bytes = m->mapped = ZC_PROBE_BYTES;
	m->writable = true;
	return 0;
}

static int map_anonymous(struct zc_mapping *m, struct zcdma_probe *p)
{
	return map_memory(m, p, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* Make @fd as long as the mapping, map it and close it. */
static int map_fd(struct zc_mapping *m, struct zcdma_probe *p, int fd)
{
	int rc;

	if (ftruncate(fd, ZC_PROBE_BYTES) < 0)
		rc = zc_probe_absent(p, errno, "ftruncate: %s", strerror(errno));
	else
		rc = map_memory(m, p, MAP_SHARED, fd);
	close(fd);
	return rc;
}

static int map_memfd(struct zc_mapping *m, struct zcdma_probe *p)
{
	int fd = memfd_create("zcdma-probe", MFD_CLOEXEC);

	if (fd < 0)
		return zc_probe_absent(p, errno, "memfd_create: %s", strerror(errno));
	return map_fd(m, p, fd);
}

static int map_hugetlb(struct zc_mapping *m, struct zcdma_probe *p)
{
	char pages[32] = "unknown";
	int rc = map_memory(m, p, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);

	if (rc != -ENOMEM)
		return rc;
	zc_read_line("/proc/sys/vm/nr_hugepages", pages, sizeof(pages));
	p->err = 0; /* replace the reason that map_memory() has set */
	return zc_probe_absent(p, ENOMEM, "no huge page is free (vm.nr_hugepages is %s)", pages);
}

/* A hole would be read as EFAULT where the disk is full. */
static int make_room(int fd)
{
	return -posix_fallocate(fd, 0, ZC_PROBE_BYTES);
}

static int map_file(struct zc_mapping *m, struct zcdma_probe *p)
{
	int fd = zc_scratch_open(0, make_room);

	if (fd < 0) {
		snprintf(p->hint, sizeof(p->hint), "set TMPDIR to a folder that has room");
		return zc_probe_absent(p, -fd, "no folder for a temporary file: %s", strerror(-fd));
	}
	return map_fd(m, p, fd);
}

/* Use the mapping @name, which the kernel made. */
static int map_kernels(struct zc_mapping *m, struct zcdma_probe *p, const char *name)
{
	int rc = zc_vma_find_name(name, &m->vma);

	if (rc == -ENOENT && access("/proc/self/smaps", F_OK) < 0)
		return zc_probe_absent(p, ENOENT,
				       "/proc is not mounted, so that its address is unknown");
	if (rc == -ENOENT)
		return zc_probe_absent(p, ENOENT, "this kernel gives its processes none");
	if (rc < 0)
		return zc_probe_absent(p, -rc, "/proc/self/smaps: %s", strerror(-rc));
	m->addr = (void *)(uintptr_t)m->vma.start;
	m->bytes = (size_t)(m->vma.end - m->vma.start);
	return 0;
}

static int map_vdso(struct zc_mapping *m, struct zcdma_probe *p)
{
	return map_kernels(m, p, "[vdso]");
}

/* Take only the first page, which holds the clock; the others are not all mapped on every machine. */
static int map_vvar(struct zc_mapping *m, struct zcdma_probe *p)
{
	int rc = map_kernels(m, p, "[vvar]");

	m->bytes = zc_page_size();
	return rc;
}

static const struct {
	const char *name;
	int (*map)(struct zc_mapping *m, struct zcdma_probe *p);
} builtins[] = {
	{ "anonymous", map_anonymous }, { "memfd", map_memfd }, { "hugetlb", map_hugetlb },
	{ "file", map_file },		{ "[vdso]", map_vdso }, { "[vvar]", map_vvar },
};

ZC_PUBLIC const char *zcdma_probe_name(unsigned i)
{
	return i < ARRAY_SIZE(builtins) ? builtins[i].name : NULL;
}

ZC_PUBLIC int zcdma_probe_builtin(struct zcdma_ctx *ctx, unsigned i, struct zcdma_probe *p)
{
	struct zc_mapping m = { 0 };
	int rc;

	memset(p, 0, sizeof(*p));
	p->exports = -1;
	if (i >= ARRAY_SIZE(builtins))
		return zc_fail_plain(ctx, EINVAL, "probe mapping %u: it does not exist", i);
	snprintf(p->name, sizeof(p->name), "%s", builtins[i].name);
	if (builtins[i].map(&m, p) < 0)
		return 0;
	zc_probe_look_up(&m, p);
	rc = zc_probe_try(ctx, &m, 0, p);
	zc_probe_unmap(&m);
	return rc;
}
