/* SPDX-License-Identifier: GPL-2.0-only */
/* A file of the pattern, as a source. Include it after cmocka.h. */
#ifndef TEST_PATTERN_FILE_H
#define TEST_PATTERN_FILE_H

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "internal.h"

#define PAGE 4096u

/* A file without a name, which /proc names: that goes into @path, as a spec. */
static inline int make_file(size_t len, char *path, size_t path_len)
{
	int fd = memfd_create("data", 0);
	unsigned char page[PAGE];

	assert_true(fd >= 0);
	for (size_t done = 0; done < len; done += zc_min(len - done, sizeof(page))) {
		zcdma_pattern_fill(page, sizeof(page), done, 0);
		assert_true(write(fd, page, zc_min(len - done, sizeof(page))) > 0);
	}
	snprintf(path, path_len, "file:/proc/self/fd/%d", fd);
	return fd;
}

#endif
