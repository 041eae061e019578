// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files without a name, to write to and throw away. */
#include "probe/scratch.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

/* Create a file and unlink it, as the filesystem has no O_TMPFILE. Returns it, or -1 with errno set. */
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

int zc_scratch_open(int flags, int (*check)(int fd))
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
		rc = check(fd);
		if (!rc)
			return fd;
		close(fd);
	}
	return rc;
}
