// SPDX-License-Identifier: LGPL-2.1-or-later
/* A mapping of a file or a device that the caller names. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/call.h"
#include "probe/methods.h"
#include "probe/probe.h"
#include "probe/speed.h"
#include "source/dev_node.h"
#include "source/source.h"

struct request {
	const char *path;
	off_t offset;
	size_t bytes;
	bool fewer; /* accept fewer bytes, where the driver has no more */
	bool device, writable;
	int sync; /* O_SYNC, or 0 */
};

/* Methods to map a path, the first that works counts: read-only, or with .writable for a writable mapping. */
static const struct attempt {
	int open, protection, map;
	bool device; /* for devices only */
	bool writable;
} attempts[] = {
	{ O_RDONLY, PROT_READ, MAP_SHARED, false, false },
	/* With an O_RDONLY file do_mmap() clears VM_SHARED, which a driver may insist on. */
	{ O_RDWR, PROT_READ, MAP_SHARED, true, false },
	/* A file may refuse VM_MAYSHARE, as /sys/kernel/btf/vmlinux does. */
	{ O_RDONLY, PROT_READ, MAP_PRIVATE, false, false },
	{ O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, false, true },
};

/* Returns whether another attempt may succeed after @err. */
static bool is_refusal(int err)
{
	return err == EACCES || err == EPERM || err == EINVAL || err == EROFS;
}

static int map_bytes(struct zc_mapping *m, int fd, const struct attempt *a, const struct request *q)
{
	for (size_t bytes = q->bytes;; bytes /= 2) {
		m->addr = mmap(NULL, bytes, a->protection, a->map, fd, q->offset);
		if (m->addr != MAP_FAILED) {
			m->bytes = m->mapped = bytes;
			m->writable = a->writable;
			return 0;
		}
		if (!q->fewer || bytes / 2 < zc_page_size())
			return -errno;
	}
}

static int map_attempt(struct zc_mapping *m, struct zcdma_probe *p, const struct attempt *a,
		       const struct request *q)
{
	/* O_NONBLOCK: a terminal would wait for its carrier. */
	int fd = open(q->path, a->open | q->sync | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
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

static int map_path(struct zc_mapping *m, struct zcdma_probe *p, const struct request *q)
{
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		int rc;

		if (attempts[i].writable != q->writable || (attempts[i].device && !q->device))
			continue;
		rc = map_attempt(m, p, &attempts[i], q);
		if (!rc) {
			p->err = 0;
			p->reason[0] = '\0';
			return 0;
		}
		if (!is_refusal(-rc))
			break;
	}
	return -p->err;
}

/* Refuse what cannot be mapped before it is opened: opening a FIFO would wake its writer. */
static int check_kind(struct zcdma_probe *p, const struct stat *st)
{
	if (S_ISDIR(st->st_mode)) {
		snprintf(p->hint, sizeof(p->hint), "give a file or a device in it");
		return zc_probe_absent(p, EISDIR, "it is a directory");
	}
	if (S_ISFIFO(st->st_mode))
		return zc_probe_absent(p, ENODEV, "it is a pipe, which cannot be mapped");
	if (S_ISSOCK(st->st_mode))
		return zc_probe_absent(p, ENODEV, "it is a socket, which cannot be mapped");
	return 0;
}

/* Check that a file has the bytes; only its driver knows what a device has. */
static int check_size(struct zcdma_probe *p, const struct stat *st, struct request *q)
{
	off_t left = st->st_size - q->offset;

	q->device = !S_ISREG(st->st_mode);
	q->fewer = !q->bytes;
	if (q->device) {
		q->bytes = q->bytes ?: ZC_PROBE_BYTES;
		return 0;
	}
	if (!st->st_size)
		return zc_probe_absent(p, ENODATA, "the file is empty, or its size is unknown");
	if (left <= 0 || (uint64_t)left < q->bytes)
		return zc_probe_absent(p, ENODATA, "the file has only %lld bytes",
				       (long long)st->st_size);
	if (!q->bytes)
		q->bytes = (size_t)zc_min((uint64_t)left, (uint64_t)ZC_PROBE_BYTES);
	return 0;
}

/* Check for resource0 to resource5 in the device's own folder, to which every other name is a link. */
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
 * Set a hint for a refused mapping.
 * pci_mmap_resource() in drivers/pci/pci-sysfs.c refuses what a driver has claimed where
 * CONFIG_IO_STRICT_DEVMEM is set, devmem_is_allowed() main memory, and lockdown both (kernel_lockdown(7)).
 */
static void hint_refusal(const char *path, struct zcdma_probe *p)
{
	const bool pci = is_pci_resource(path);
	const char *hint = "";

	if (pci && p->err == EINVAL)
		hint = "unbind the driver that has claimed it, or boot with iomem=relaxed: with CONFIG_IO_STRICT_DEVMEM the kernel refuses what a driver uses";
	else if (pci && p->err == EPERM)
		hint = "boot without lockdown (Secure Boot turns it on): under it the kernel refuses PCI resources";
	else if (!strcmp(path, "/dev/mem") && p->err == EPERM)
		hint = "map an address outside of main memory (--offset, see /proc/iomem), or boot with iomem=relaxed; under lockdown and CONFIG_STRICT_DEVMEM the kernel refuses";
	snprintf(p->hint, sizeof(p->hint), "%s", hint);
}

/* Set a hint for a path that is not there. */
static void hint_absence(const char *path, struct zcdma_probe *p)
{
	const char *hint = "";

	if (!strncmp(path, ZC_DEV_FIRST, strlen(ZC_DEV_FIRST) - 1))
		hint = "no module is loaded that has this device: modprobe zcdma_sim makes a simulated one";
	else if (!strcmp(path, "/dev/mem"))
		hint = access("/sys/class/mem/mem", F_OK) ? "boot a kernel with CONFIG_DEVMEM"
							  : "make the node: mknod /dev/mem c 1 1";
	else if (!strncmp(path, "/dev/", 5))
		hint = "load the driver that makes it";
	snprintf(p->hint, sizeof(p->hint), "%s", hint);
}

/* Returns whether reading the mapping may reach a register; it may if smaps shows no flags. */
static bool is_device_memory(const char *vmflags)
{
	return !vmflags[0] || zc_vmflags_have(vmflags, "io") || zc_vmflags_have(vmflags, "pf");
}

/* Count the models that this library knows; a driver that lacks one refuses to open it. */
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

/* Map what @q asks for. Returns 0, or a negative errno with the reason in @p. */
static int map_request(struct zc_mapping *m, struct zcdma_probe *p, struct request *q)
{
	struct stat st;
	int rc;

	if (stat(q->path, &st) < 0) {
		rc = zc_probe_absent(p, errno, "open: %s", strerror(errno));
		if (rc == -ENOENT)
			hint_absence(q->path, p);
		return rc;
	}
	rc = check_kind(p, &st);
	if (!rc)
		rc = check_size(p, &st, q);
	if (rc)
		return rc;
	rc = map_path(m, p, q);
	if (rc)
		hint_refusal(q->path, p);
	return rc;
}

static enum zc_owner owner_of(const char *path, const struct zc_mapping *m)
{
	if (is_pci_resource(path))
		return ZC_OWNER_PCI;
	return zc_is_ram(m->addr) == 0 ? ZC_OWNER_MMIO : ZC_OWNER_ANY;
}

/* Measure what O_SYNC changes, where the mapping without it could be read: phys_mem_access_prot() in drivers/char/mem.c. */
static int measure_sync(struct zcdma_ctx *ctx, const struct request *q, const struct zc_mapping *m,
			struct zcdma_probe *p)
{
	struct request again = *q;
	struct zc_mapping sync = { 0 };
	struct zcdma_probe refusal = { .err = 0 };
	struct zcdma_method_result read;
	int rc;

	again.sync = O_SYNC;
	again.bytes = m->bytes;
	if (!q->device || !p->read_bytes_per_second || map_path(&sync, &refusal, &again))
		return 0;
	rc = zc_method_try(ctx, ZCDMA_METHOD_SEND, sync.addr, sync.bytes, false, &read);
	if (!rc && read.answer == ZCDMA_ANSWER_WORKS)
		p->sync_read_bytes_per_second = zc_read_speed(sync.addr, sync.bytes);
	p->sync_uncached =
		zc_read_is_uncached(p->sync_read_bytes_per_second, p->anonymous_bytes_per_second);
	zc_probe_unmap(&sync);
	return rc;
}

ZC_PUBLIC int zcdma_probe_path(struct zcdma_ctx *ctx, const char *path, unsigned i, uint64_t offset,
			       size_t bytes, unsigned flags, struct zcdma_probe *p)
{
	struct request q = { .path = path,
			     .offset = (off_t)offset,
			     .bytes = bytes,
			     .writable = flags & ZCDMA_PROBE_WRITABLE };
	struct zc_mapping m = { 0 };
	int rc;

	memset(p, 0, sizeof(*p));
	p->exports = -1;
	snprintf(p->name, sizeof(p->name), "%s", path);
	if (i >= zcdma_probe_count(path))
		return zc_fail_plain(ctx, EINVAL, "probe %s: it does not have a mapping %u", path,
				     i);
	if (zc_dev_is(path) && offset)
		return zc_fail_plain(ctx, EINVAL, "map %s: its blocks have no offset", path);
	if (zc_dev_is(path))
		return zc_probe_device(ctx, path, i, bytes ?: ZC_PROBE_BYTES, p);
	if (zc_probe_needs_call(path) && offset)
		return zc_fail_plain(ctx, EINVAL, "map %s: its buffers have no offset", path);
	if (zc_probe_needs_call(path))
		return zc_probe_call(ctx, path, bytes ?: ZC_PROBE_BYTES, flags, p);
	if (q.offset < 0 || (uint64_t)q.offset != offset || offset % zc_page_size())
		return zc_fail_plain(
			ctx, EINVAL,
			"map %s: offset %llu: it must be a multiple of the page size, %zu", path,
			(unsigned long long)offset, zc_page_size());
	if (map_request(&m, p, &q))
		return 0;
	zc_probe_look_up(&m, p);
	m.owner = owner_of(path, &m);
	m.device = is_device_memory(p->vmflags);
	rc = zc_probe_try(ctx, &m, flags, p);
	if (!rc)
		rc = measure_sync(ctx, &q, &m, p);
	zc_probe_unmap(&m);
	return rc;
}
