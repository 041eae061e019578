// SPDX-License-Identifier: LGPL-2.1-or-later
/* Probe: make a mapping, try every way out of it, and say what an EFAULT comes from. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/dev.h"
#include "probe/probe.h"
#include "source/source.h"
#include "probe/methods.h"

#define DEFAULT_BYTES ((size_t)64 * 1024)

/* Whose memory it is, where that makes a difference to the cure. */
enum owner {
	ANYBODY,
	PCI,	/* a BAR, as sysfs offers it */
	DRIVER, /* zcdma's own */
	MMIO,	/* a device's, as its address says */
};

struct mapping {
	void *addr;
	size_t bytes;  /* to try */
	size_t mapped; /* to unmap; 0 where the kernel made the mapping */
	bool writable;
	bool device; /* a read from it may reach a register */
	enum owner owner;
	struct zc_vma vma;
};

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t n, size_t step)
{
	return (n + step - 1) / step * step;
}

int zc_probe_absent(struct zcdma_probe *p, int err, const char *fmt, ...)
{
	va_list ap;

	if (p->err)
		return -err;
	va_start(ap, fmt);
	vsnprintf(p->why, sizeof(p->why), fmt, ap);
	va_end(ap);
	p->err = err;
	return -err;
}

/*
 * Causes of an EFAULT
 */

static bool efault(const struct zcdma_probe *p, enum zcdma_way way)
{
	return p->way[way].answer == ZCDMA_ANSWER_FAILS && p->way[way].err == EFAULT;
}

static bool pages_efault(const struct zcdma_probe *p)
{
	return efault(p, ZCDMA_WAY_ZEROCOPY) || efault(p, ZCDMA_WAY_VMSPLICE) ||
	       efault(p, ZCDMA_WAY_DIRECT);
}

static bool copy_efault(const struct zcdma_probe *p)
{
	return efault(p, ZCDMA_WAY_SEND);
}

static bool registered_efault(const struct zcdma_probe *p)
{
	return efault(p, ZCDMA_WAY_REGISTERED);
}

/* The first that applies counts. Flags only explain an EFAULT, which .seen has really seen. */
static const struct cause {
	bool (*seen)(const struct zcdma_probe *p);
	enum owner owner; /* only for his, or ANYBODY */
	const char *flag; /* only with this one of smaps, or NULL */
	const char *cause, *cure;
} causes[] = {
	{ copy_efault, ANYBODY, NULL,
	  "not even a plain copy can read it all: there is nothing behind some of its addresses, as past the end of a file, or the driver's fault handler refuses",
	  "map no more than there is" },
	{ pages_efault, DRIVER, "pf",
	  "VM_PFNMAP: coherent memory is mapped by bare page frame numbers, as dma_mmap_coherent() does it on most machines; get_user_pages() refuses them",
	  "take another of the driver's memory models: model=compound, pages or scatter; or send by copying: plain send() or write()" },
	{ pages_efault, PCI, "pf",
	  "VM_PFNMAP: a PCI BAR is the device's own memory, for which the kernel has no struct pages, so get_user_pages() refuses it",
	  "let the device write to main memory by DMA and map that; or send by copying" },
	{ pages_efault, MMIO, "pf",
	  "VM_PFNMAP: these are registers or other memory of a device (MMIO), or memory that is reserved from the kernel: it has no struct pages for them, so get_user_pages() refuses them",
	  "copy what registers hold, as no driver can map them otherwise; let the device write bulk data to main memory by DMA" },
	{ pages_efault, ANYBODY, "pf",
	  "VM_PFNMAP: bare page frame numbers are mapped, as remap_pfn_range() and so dma_mmap_coherent() do it; get_user_pages() refuses them, struct pages behind them or not",
	  "in the driver, map memory of alloc_pages() with vm_insert_page() or vm_map_pages(), not with remap_pfn_range() or dma_mmap_coherent(); where these are registers (MMIO) and no buffer, nothing but copying helps; as its user, send by copying: plain send() or write()" },
	{ pages_efault, ANYBODY, "io",
	  "VM_IO: the driver says that this is no ordinary memory, so get_user_pages() refuses it",
	  "in the driver, do not set VM_IO on memory of alloc_pages() that vm_insert_page() or vm_map_pages() mapped; as its user, send by copying: plain send() or write()" },
	{ pages_efault, ANYBODY, NULL,
	  "no struct pages that may be pinned, though neither VM_PFNMAP nor VM_IO is set",
	  "in the driver, map memory of alloc_pages() with vm_insert_page() or vm_map_pages(); as its user, send by copying: plain send() or write()" },
	/* writable_file_mapping_allowed() in mm/gup.c, from 6.5 on */
	{ registered_efault, ANYBODY, NULL,
	  "its pages are good, but registering pins them for long and for writing, which the kernel refuses for a file whose filesystem keeps track of what is written",
	  "register anonymous memory, a memfd or a driver's pages" },
};

static bool applies(const struct cause *c, const struct mapping *m, const struct zcdma_probe *p)
{
	return c->seen(p) && (c->owner == ANYBODY || c->owner == m->owner) &&
	       (!c->flag || zc_vmflags_have(p->vmflags, c->flag));
}

static void explain(const struct mapping *m, struct zcdma_probe *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		if (!applies(&causes[i], m, p))
			continue;
		snprintf(p->cause, sizeof(p->cause), "%s", causes[i].cause);
		snprintf(p->cure, sizeof(p->cure), "%s", causes[i].cure);
		return;
	}
}

/*
 * io_uring pins for writing (FOLL_WRITE in io_pin_pages()), so a read-only mapping gives EFAULT
 * whatever its pages are.
 */
static void judge_registered(const struct mapping *m, struct zcdma_probe *p)
{
	if (!m->writable && efault(p, ZCDMA_WAY_REGISTERED))
		zc_way_untried(
			&p->way[ZCDMA_WAY_REGISTERED],
			"io_uring registers writable memory only, and refuses a mapping that is read-only, whatever its pages are");
}

/*
 * MSG_ZEROCOPY takes pages as vmsplice() does (iov_iter_get_pages2() in lib/iov_iter.c): where the first
 * one has refused the first page, so does the other, before a byte is read.
 */
static bool pins_nothing(const struct zcdma_probe *p)
{
	const struct zcdma_way_result *res = &p->way[ZCDMA_WAY_VMSPLICE];

	return efault(p, ZCDMA_WAY_VMSPLICE) && !strcmp(res->text, strerror(EFAULT));
}

static int try_one(struct zcdma_ctx *ctx, const struct mapping *m, unsigned flags,
		   enum zcdma_way way, struct zcdma_probe *p)
{
	struct zcdma_way_result *res = &p->way[way];
	bool careful = m->device && !(flags & ZCDMA_PROBE_READ_DEVICE);
	size_t len = m->bytes;

	if (careful && zc_way_reads(way) && !(way == ZCDMA_WAY_ZEROCOPY && pins_nothing(p))) {
		zc_way_untried(
			res,
			p->vmflags[0]
				? "it would read device memory, and reading a register can have side effects"
				: "smaps does not say what this memory is, and reading a register can have side effects");
		return 0;
	}
	/* What follows in a last page of a file is harmless; of a BAR, it is another device. */
	if (!m->device)
		len = round_up(len, page_size());
	if (way == ZCDMA_WAY_DIRECT && len % page_size()) {
		zc_way_untried(res, "it writes whole pages, which is more than these %zu bytes",
			       len);
		return 0;
	}
	return zc_way_try(ctx, way, m->addr, len, careful, res);
}

static int try_all(struct zcdma_ctx *ctx, const struct mapping *m, unsigned flags,
		   struct zcdma_probe *p)
{
	/* vmsplice() first: it reads nothing, and says what MSG_ZEROCOPY will do. */
	static const enum zcdma_way order[ZCDMA_WAYS] = {
		ZCDMA_WAY_VMSPLICE, ZCDMA_WAY_SEND,	  ZCDMA_WAY_ZEROCOPY,
		ZCDMA_WAY_DIRECT,   ZCDMA_WAY_REGISTERED,
	};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		int rc = try_one(ctx, m, flags, order[i], p);

		if (rc)
			return rc;
	}
	p->bytes = m->bytes;
	judge_registered(m, p);
	explain(m, p);
	return 0;
}

/* Ask smaps, where there is one, what was mapped. */
static void look_up(struct mapping *m, struct zcdma_probe *p)
{
	if (zc_vma_find(m->addr, &m->vma) < 0)
		memset(&m->vma, 0, sizeof(m->vma));
	snprintf(p->vmflags, sizeof(p->vmflags), "%s", m->vma.flags);
}

static void unmap(const struct mapping *m)
{
	if (m->mapped) /* hugetlb pages only come off whole */
		munmap(m->addr, round_up(m->mapped, m->vma.kernel_page_size ?: page_size()));
}

/*
 * What every process can map
 */

static int map_memory(struct mapping *m, struct zcdma_probe *p, int flags, int fd)
{
	m->addr = mmap(NULL, DEFAULT_BYTES, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (m->addr == MAP_FAILED)
		return zc_probe_absent(p, errno, "mmap: %s", strerror(errno));
	m->bytes = m->mapped = DEFAULT_BYTES;
	m->writable = true;
	return 0;
}

static int map_anonymous(struct mapping *m, struct zcdma_probe *p)
{
	return map_memory(m, p, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* Map @fd, which is ours, once it is as long as the mapping. */
static int map_fd(struct mapping *m, struct zcdma_probe *p, int fd)
{
	int rc;

	if (ftruncate(fd, DEFAULT_BYTES) < 0)
		rc = zc_probe_absent(p, errno, "ftruncate: %s", strerror(errno));
	else
		rc = map_memory(m, p, MAP_SHARED, fd);
	close(fd);
	return rc;
}

static int map_memfd(struct mapping *m, struct zcdma_probe *p)
{
	int fd = memfd_create("zcdma-probe", MFD_CLOEXEC);

	if (fd < 0)
		return zc_probe_absent(p, errno, "memfd_create: %s", strerror(errno));
	return map_fd(m, p, fd);
}

static int map_hugetlb(struct mapping *m, struct zcdma_probe *p)
{
	char pages[32] = "unknown";
	int rc = map_memory(m, p, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);

	if (rc != -ENOMEM)
		return rc;
	zc_read_line("/proc/sys/vm/nr_hugepages", pages, sizeof(pages));
	p->err = 0; /* that was no good reason */
	return zc_probe_absent(p, ENOMEM, "no huge page is free (vm.nr_hugepages is %s)", pages);
}

static int map_file(struct mapping *m, struct zcdma_probe *p)
{
	int fd = zc_scratch_open(0, NULL);

	if (fd < 0)
		return zc_probe_absent(p, -fd, "no folder for a temporary file: %s", strerror(-fd));
	return map_fd(m, p, fd);
}

static int map_kernels(struct mapping *m, struct zcdma_probe *p, const char *name)
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

static int map_vdso(struct mapping *m, struct zcdma_probe *p)
{
	return map_kernels(m, p, "[vdso]");
}

/* The first page holds the clock; those behind it are not all there on every machine. */
static int map_vvar(struct mapping *m, struct zcdma_probe *p)
{
	int rc = map_kernels(m, p, "[vvar]");

	m->bytes = page_size();
	return rc;
}

static const struct {
	const char *name;
	int (*map)(struct mapping *m, struct zcdma_probe *p);
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
	struct mapping m = { 0 };
	int rc;

	memset(p, 0, sizeof(*p));
	if (i >= ARRAY_SIZE(builtins))
		return zc_fail_plain(ctx, EINVAL, "probe: there is no mapping %u", i);
	snprintf(p->name, sizeof(p->name), "%s", builtins[i].name);
	if (builtins[i].map(&m, p) < 0)
		return 0;
	look_up(&m, p);
	rc = try_all(ctx, &m, 0, p);
	unmap(&m);
	return rc;
}

/*
 * A path
 */

struct request {
	const char *path;
	off_t offset;
	size_t bytes;
	bool less; /* will do, where the driver has no more */
	bool device, writable;
};

/* How to map it. Unless a writable mapping is asked for, all are read-only. */
static const struct attempt {
	int open, protection, map;
	bool device; /* for devices only */
	bool writable;
} attempts[] = {
	{ O_RDONLY, PROT_READ, MAP_SHARED, false, false },
	/* With an O_RDONLY file do_mmap() clears VM_SHARED, which a driver may insist on. */
	{ O_RDWR, PROT_READ, MAP_SHARED, true, false },
	/* The reverse: one that refuses VM_MAYSHARE, as /sys/kernel/btf/vmlinux does. */
	{ O_RDONLY, PROT_READ, MAP_PRIVATE, false, false },
	{ O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, false, true },
};

/* Is this worth another attempt? */
static bool is_refusal(int err)
{
	return err == EACCES || err == EPERM || err == EINVAL || err == EROFS;
}

static int map_bytes(struct mapping *m, int fd, const struct attempt *a, const struct request *q)
{
	for (size_t bytes = q->bytes;; bytes /= 2) {
		m->addr = mmap(NULL, bytes, a->protection, a->map, fd, q->offset);
		if (m->addr != MAP_FAILED) {
			m->bytes = m->mapped = bytes;
			m->writable = a->writable;
			return 0;
		}
		if (!q->less || bytes / 2 < page_size())
			return -errno;
	}
}

static int map_attempt(struct mapping *m, struct zcdma_probe *p, const struct attempt *a,
		       const struct request *q)
{
	/* O_NONBLOCK: a terminal would wait for its carrier. */
	int fd = open(q->path, a->open | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return zc_probe_absent(p, errno, "open: %s", strerror(errno));
	rc = map_bytes(m, fd, a, q);
	close(fd);
	if (rc == -ENODEV)
		return zc_probe_absent(p, ENODEV, "mmap: %s: its driver or filesystem has no mmap",
				       strerror(ENODEV));
	if (rc == -EINVAL || rc == -ENXIO)
		return zc_probe_absent(p, -rc,
				       "mmap: %s: it does not map %zu bytes from offset %lld on",
				       strerror(-rc), q->bytes, (long long)q->offset);
	if (rc < 0)
		return zc_probe_absent(p, -rc, "mmap: %s", strerror(-rc));
	return 0;
}

static int map_path(struct mapping *m, struct zcdma_probe *p, const struct request *q)
{
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		int rc;

		if (attempts[i].writable != q->writable || (attempts[i].device && !q->device))
			continue;
		rc = map_attempt(m, p, &attempts[i], q);
		if (!rc) {
			p->err = 0;
			p->why[0] = '\0';
			return 0;
		}
		if (!is_refusal(-rc))
			break;
	}
	return -p->err;
}

/* What can be refused without opening it: opening a FIFO would wake whoever writes to it. */
static int check_kind(struct zcdma_probe *p, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return zc_probe_absent(p, EISDIR, "it is a directory");
	if (S_ISFIFO(st->st_mode))
		return zc_probe_absent(p, ENODEV, "it is a pipe, which cannot be mapped");
	if (S_ISSOCK(st->st_mode))
		return zc_probe_absent(p, ENODEV, "it is a socket, which cannot be mapped");
	return 0;
}

/* A file must have what is asked for; of a device only its driver knows. */
static int check_size(struct zcdma_probe *p, const struct stat *st, struct request *q)
{
	off_t left = st->st_size - q->offset;

	q->device = !S_ISREG(st->st_mode);
	q->less = !q->bytes;
	if (q->device) {
		q->bytes = q->bytes ?: DEFAULT_BYTES;
		return 0;
	}
	if (!st->st_size)
		return zc_probe_absent(p, ENODATA, "the file is empty, or does not tell its size");
	if (left <= 0 || (uint64_t)left < q->bytes)
		return zc_probe_absent(p, ENODATA, "the file has only %lld bytes",
				       (long long)st->st_size);
	if (!q->bytes)
		q->bytes = (size_t)zc_min((uint64_t)left, (uint64_t)DEFAULT_BYTES);
	return 0;
}

/* resource0 to resource5 below the device's own folder, to which every other name is a link. */
static bool is_pci_resource(const char *path)
{
	char *real = realpath(path, NULL);
	const char *base = real ? strrchr(real, '/') : NULL;
	bool yes = base && !strncmp(real, "/sys/devices/", 13) && strstr(real, "/pci") &&
		   !strncmp(base, "/resource", 9);

	free(real);
	return yes;
}

/*
 * pci_mmap_resource() in drivers/pci/pci-sysfs.c refuses what a driver has claimed where
 * CONFIG_IO_STRICT_DEVMEM is set, devmem_is_allowed() main memory, and lockdown both (kernel_lockdown(7)).
 */
static void cure_refusal(const char *path, struct zcdma_probe *p)
{
	bool pci = is_pci_resource(path), mem = !strcmp(path, "/dev/mem");

	if (pci && p->err == EINVAL)
		snprintf(
			p->cure, sizeof(p->cure), "%s",
			"unbind the driver that has claimed it, or boot with iomem=relaxed: with CONFIG_IO_STRICT_DEVMEM the kernel refuses what a driver uses");
	else if ((pci || mem) && p->err == EPERM)
		snprintf(
			p->cure, sizeof(p->cure), "%s",
			mem ? "map an address outside of main memory (--offset, see /proc/iomem), or boot with iomem=relaxed; under lockdown and CONFIG_STRICT_DEVMEM the kernel refuses"
			    : "boot without lockdown (Secure Boot turns it on): under it the kernel refuses PCI resources");
}

/* May a read from it reach a register? Where smaps does not tell, it may. */
static bool is_device_memory(const char *vmflags)
{
	return !vmflags[0] || zc_vmflags_have(vmflags, "io") || zc_vmflags_have(vmflags, "pf");
}

int zc_probe_ring(struct zcdma_ctx *ctx, const void *addr, size_t bytes, bool writable,
		  struct zcdma_probe *p)
{
	struct mapping m = {
		.addr = (void *)addr,
		.bytes = bytes,
		.writable = writable,
		.owner = DRIVER,
	};

	look_up(&m, p);
	return try_all(ctx, &m, 0, p);
}

/* Those that this library knows: a driver that lacks one refuses it when it is asked for. */
static unsigned count_models(void)
{
	unsigned i = 0;

	while (zc_source_dev.type.memories[i])
		i++;
	return i;
}

ZC_PUBLIC unsigned zcdma_probe_count(const char *path)
{
	return zc_dev_is(path) ? count_models() : 1;
}

ZC_PUBLIC int zcdma_probe_path(struct zcdma_ctx *ctx, const char *path, unsigned i, uint64_t offset,
			       size_t bytes, unsigned flags, struct zcdma_probe *p)
{
	struct request q = { .path = path,
			     .offset = (off_t)offset,
			     .bytes = bytes,
			     .writable = flags & ZCDMA_PROBE_WRITABLE };
	struct mapping m = { 0 };
	struct stat st;
	int rc;

	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", path);
	if (i >= zcdma_probe_count(path))
		return zc_fail_plain(ctx, EINVAL, "probe %s: there is no mapping %u", path, i);
	if (zc_dev_is(path) && offset)
		return zc_fail_plain(ctx, EINVAL, "map %s: its blocks have no offset", path);
	if (zc_dev_is(path))
		return zc_probe_device(ctx, path, i, bytes ?: DEFAULT_BYTES, p);
	if (q.offset < 0 || (uint64_t)q.offset != offset || offset % page_size())
		return zc_fail_plain(ctx, EINVAL,
				     "map %s: offset %llu is no multiple of the page size, %zu",
				     path, (unsigned long long)offset, page_size());
	if (stat(path, &st) < 0) {
		zc_probe_absent(p, errno, "open: %s", strerror(errno));
		return 0;
	}
	if (check_kind(p, &st) < 0 || check_size(p, &st, &q) < 0)
		return 0;
	if (map_path(&m, p, &q) < 0) {
		cure_refusal(path, p);
		return 0;
	}
	look_up(&m, p);
	m.owner = is_pci_resource(path) ? PCI : zc_is_ram(m.addr) == 0 ? MMIO : ANYBODY;
	m.device = is_device_memory(p->vmflags);
	rc = try_all(ctx, &m, flags, p);
	unmap(&m);
	return rc;
}
