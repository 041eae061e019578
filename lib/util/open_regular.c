// SPDX-License-Identifier: LGPL-2.1-or-later
/* Opens regular files only: opening a device or a pipe may wait, or have effects. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

int zc_open_regular(struct zcdma_ctx *ctx, const char *path)
{
	struct stat st;
	/* Non-blocking, so that a FIFO without a writer is refused and not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

	if (fd < 0)
		return zc_fail(ctx, errno, "open %s", path);
	if (fstat(fd, &st) < 0) {
		rc = zc_fail(ctx, errno, "open %s", path);
		goto err_close;
	}
	if (S_ISDIR(st.st_mode)) {
		rc = zc_fail(ctx, EISDIR, "open %s", path);
		goto err_close;
	}
	if (!S_ISREG(st.st_mode)) {
		rc = zc_fail_plain(ctx, EINVAL, "open %s: it is a device or a pipe, not a file",
				   path);
		goto err_close;
	}
	return fd;

err_close:
	close(fd);
	return rc;
}

bool zc_size_is_known(int fd)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct stat st;
	void *map;
	char byte;

	if (fstat(fd, &st) < 0)
		return false;
	if (!st.st_size)
		return !pread(fd, &byte, 1, 0);
	map = mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return false;
	munmap(map, page);
	return true;
}
