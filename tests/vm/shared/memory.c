// SPDX-License-Identifier: GPL-2.0-only
/* How much memory the VM has, to see what was not given back. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "tap.h"

void memory_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	EXPECT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

struct memory memory_now(void)
{
	struct memory m = { 0 };
	char line[128];
	long value;
	FILE *f;

	/* What can be had back is no leak. */
	memory_write("/proc/sys/vm/drop_caches", "3");
	f = fopen("/proc/meminfo", "re");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemFree: %ld", &value) == 1)
			m.free += value / 4;
		if (sscanf(line, "Slab: %ld", &value) == 1)
			m.slab = value;
	}
	fclose(f);
	f = fopen("/proc/zoneinfo", "re");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " count: %ld", &value) == 1)
			m.free += value;
	}
	fclose(f);
	return m;
}

void expect_memory_back(const struct memory *before, long pages, long slab)
{
	struct memory now;

	for (unsigned i = 0; i < 200; i++) {
		now = memory_now();
		if (now.free >= before->free - pages && now.slab <= before->slab + slab) {
			printf("# %ld pages and %ld KiB of slab less\n", before->free - now.free,
			       now.slab - before->slab);
			return;
		}
		usleep(50000);
	}
	printf("# %ld pages and %ld KiB of slab are missing\n", before->free - now.free,
	       now.slab - before->slab);
	EXPECT(!"memory is back");
}
