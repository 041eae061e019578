// SPDX-License-Identifier: LGPL-2.1-or-later
/* write() to a file that was opened with O_DIRECT. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/method.h"
#include "probe/scratch.h"

/* What is known of a filesystem that takes O_DIRECT: it reads the caller's pages, it copies them, or neither is known. */
enum directness { DIRECT_UNKNOWN, DIRECT_COPIES, DIRECT_READS };

/*
 * A filesystem may accept O_DIRECT and copy all the same, as one that journals or checksums data does: every mapping
 * works there, which proves nothing. [vvar] shows it if it has no pages, as before Linux 7: what can write it is copying.
 */
static enum directness shown_by_vvar(int fd)
{
	struct zcdma_method_result res = { 0 };
	struct zc_attempt pipe = { .res = &res, .fd = -1, .peer = -1 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct zc_vma vvar;
	const void *addr;
	bool no_pages;

	if (zc_vma_find_name("[vvar]", &vvar) < 0 || zc_attempt_open_pipe(&pipe) < 0)
		return DIRECT_UNKNOWN;
	addr = (const void *)(uintptr_t)vvar.start;
	no_pages = zc_attempt_vmsplice(&pipe, addr, page) == -EFAULT;
	zc_attempt_close(&pipe);
	if (!no_pages)
		return DIRECT_UNKNOWN;
	if (pwrite(fd, addr, page, 0) > 0)
		return DIRECT_COPIES;
	return errno == EFAULT ? DIRECT_READS : DIRECT_UNKNOWN;
}

/* A filesystem says since Linux 6.1 whether it does direct I/O of a file: statx(2), STATX_DIOALIGN. tmpfs does not say. */
static enum directness told_by_filesystem(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) < 0 ||
	    !(st.stx_mask & STATX_DIOALIGN))
		return DIRECT_UNKNOWN;
	return st.stx_dio_mem_align ? DIRECT_READS : DIRECT_COPIES;
}

static bool reads_pages(int fd)
{
	enum directness how = shown_by_vvar(fd);

	if (how == DIRECT_UNKNOWN)
		how = told_by_filesystem(fd);
	return how == DIRECT_READS;
}

/* Check that @fd takes O_DIRECT writes, and is known not to copy them. Returns 0, or -EOPNOTSUPP. */
static int check_direct(int fd)
{
	void *p = mmap(NULL, ZC_METHOD_CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	bool ok;

	if (p == MAP_FAILED)
		return -EOPNOTSUPP;
	ok = pwrite(fd, p, ZC_METHOD_CHUNK, 0) == (ssize_t)ZC_METHOD_CHUNK && reads_pages(fd);
	munmap(p, ZC_METHOD_CHUNK);
	return ok ? 0 : -EOPNOTSUPP;
}

static int direct_open(struct zc_attempt *a)
{
	a->fd = zc_scratch_open(O_DIRECT, check_direct);
	if (a->fd >= 0)
		return 0;
	zc_method_untried(
		a->res,
		"no file is known to take O_DIRECT without copying in $TMPDIR, /var/tmp, /tmp or the current folder: %s",
		strerror(-a->fd));
	return a->fd;
}

/*
 * Write always to the same place, so that a large mapping does not need a large file. The kernel has the pages before
 * the disk has the data (bio_iov_iter_get_pages() in block/bio.c), so an error of the disk says nothing of them. Some
 * emulated disks do not reach the page of [vdso].
 */
static ssize_t direct_step(struct zc_attempt *a, const void *p, size_t len)
{
	ssize_t n = pwrite(a->fd, p, len, 0);

	if (n >= 0)
		return n;
	if (errno == EIO)
		zc_method_untried(a->res, "the disk of the file to write to failed: %s",
				  strerror(EIO));
	return -errno;
}

const struct zc_method zc_method_direct = {
	.name = "O_DIRECT",
	.reads = true,
	.chunk = ZC_METHOD_CHUNK,
	.open = direct_open,
	.step = direct_step,
	.close = zc_attempt_close,
};
