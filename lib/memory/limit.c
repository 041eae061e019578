// SPDX-License-Identifier: LGPL-2.1-or-later
/* How much memory a process may have: the machine's, and what cgroups of version 2 leave of it. */
#include "memory/limit.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define CGROUPS "/sys/fs/cgroup"

static uint64_t memory_max(const char *root, const char *group)
{
	char path[PATH_MAX], line[32];
	int len = snprintf(path, sizeof(path), "%s%s/memory.max", root, group);

	if (len < 0 || (size_t)len >= sizeof(path) || !zc_read_line(path, line, sizeof(line)))
		return UINT64_MAX; /* the root has no such file */
	return *line >= '0' && *line <= '9' ? strtoull(line, NULL, 10) : UINT64_MAX; /* "max" */
}

uint64_t zc_cgroup_memory_max(const char *root, const char *group)
{
	uint64_t least = memory_max(root, "");
	char above[PATH_MAX];
	char *slash;

	snprintf(above, sizeof(above), "%s", group);
	while ((slash = strrchr(above, '/'))) {
		least = zc_min(least, memory_max(root, above));
		*slash = '\0';
	}
	return least;
}

/* Find the line of cgroup v2 in /proc/self/cgroup: cgroups(7). */
static bool find_group(char *group, size_t size)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;
	char line[PATH_MAX];

	while (file && !found && fgets(line, sizeof(line), file)) {
		found = !strncmp(line, "0::/", 4);
		line[strcspn(line, "\n")] = '\0';
		if (found)
			snprintf(group, size, "%s", line + strlen("0::"));
	}
	if (file)
		fclose(file);
	return found;
}

uint64_t zc_memory_limit(void)
{
	const uint64_t machine =
		(uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	char group[PATH_MAX];

	if (!find_group(group, sizeof(group)))
		return machine;
	return zc_min(machine, zc_cgroup_memory_max(CGROUPS, group));
}
