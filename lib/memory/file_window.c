// SPDX-License-Identifier: LGPL-2.1-or-later
/* A part of a file in memory: mapped, or read where a file that is cut short must not raise SIGBUS. */
#include <sys/mman.h>
#include <unistd.h>

#include "memory/file_window.h"

/* Map whole pages, as the block need not begin with one. */
int zc_window_map(struct zc_window *w, int fd, uint64_t offset, size_t len, const void **data)
{
	size_t before = offset % (uint64_t)sysconf(_SC_PAGESIZE);
	void *start = mmap(NULL, before + len, PROT_READ, MAP_SHARED | MAP_POPULATE, fd,
			   (off_t)(offset - before));

	if (start == MAP_FAILED)
		return -errno;
	*w = (struct zc_window){ .start = start, .size = before + len };
	*data = (char *)start + before;
	return 0;
}

static int make_room(struct zc_window *w, size_t len)
{
	void *start;

	if (w->size >= len)
		return 0;
	zc_window_close(w);
	start = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
		return -errno;
	*w = (struct zc_window){ .start = start, .size = len };
	return 0;
}

int zc_window_read(struct zc_window *w, int fd, uint64_t offset, size_t len, const void **data)
{
	int rc = make_room(w, len);

	for (size_t done = 0; !rc && done < len;) {
		ssize_t n = pread(fd, (char *)w->start + done, len - done, (off_t)(offset + done));

		if (n > 0)
			done += (size_t)n;
		else if (!n)
			rc = -EIO;
		else if (errno != EINTR)
			rc = -errno;
	}
	*data = w->start;
	return rc;
}

void zc_window_close(struct zc_window *w)
{
	if (w->start)
		munmap(w->start, w->size);
	*w = (struct zc_window){ .start = NULL };
}
