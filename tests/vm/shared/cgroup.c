// SPDX-License-Identifier: GPL-2.0-only
/* A cgroup for each controller: cgroup2, which is mounted when the first is asked for. */
#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "memory.h"
#include "tap.h"

#define ROOT "/run/cgroup"

void cgroup_join(const char *controller, const char *setting, const char *value)
{
	char path[128], text[32];

	mkdir(ROOT, 0755);
	EXPECT(!mount("cgroup", ROOT, "cgroup2", 0, NULL) || errno == EBUSY);
	snprintf(text, sizeof(text), "+%s", controller);
	memory_write(ROOT "/cgroup.subtree_control", text);
	snprintf(path, sizeof(path), ROOT "/%s", controller);
	EXPECT(!mkdir(path, 0755) || errno == EEXIST);
	snprintf(path, sizeof(path), ROOT "/%s/%s.%s", controller, controller, setting);
	memory_write(path, value);
	snprintf(path, sizeof(path), ROOT "/%s/cgroup.procs", controller);
	snprintf(text, sizeof(text), "%d", getpid());
	memory_write(path, text);
}

long cgroup_number(const char *controller, const char *setting)
{
	char path[128];

	snprintf(path, sizeof(path), ROOT "/%s/%s.%s", controller, controller, setting);
	return memory_number(path, "");
}
