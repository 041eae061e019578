// SPDX-License-Identifier: GPL-2.0-only
/* The modules and the simulated device coming and going. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "module.h"
#include "ring.h"
#include "tap.h"

#define DRIVER "/sys/bus/platform/drivers/zcdma-sim/"

/* Load one of the modules, unless it is loaded or this kernel has none of it. */
static int load(const char *name, const char *parameters)
{
	const char *folder = getenv("VM_KMOD");
	char path[256];
	int fd, ret;

	EXPECT(folder);
	snprintf(path, sizeof(path), "%s/%s.ko", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;
	ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

static int unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

int module_load(const char *parameters)
{
	const char *fault = getenv("VM_FAULT");
	char edu[32], core[32] = "";
	int ret;

	if (fault)
		snprintf(core, sizeof(core), "mutant=%s", fault);
	ret = load("zcdma", core);
	if (ret && ret != -EEXIST)
		return ret;
	ret = load("zcdma_sim", parameters);
	if (ret)
		return ret;
	snprintf(edu, sizeof(edu), "bits=%s", getenv("VM_EDU_BITS") ?: "28");
	ret = load("zcdma_edu", edu);
	return ret == -EEXIST || ret == -ENOENT ? 0 : ret;
}

int module_unload(void)
{
	/* The first is what tests use, so all stay where it does. */
	static const char *const names[] = { "zcdma_sim", "zcdma_edu", "zcdma" };
	int ret;

	for (size_t i = 0; i < 3; i++) {
		ret = unload(names[i]);
		if (ret && ret != -ENOENT)
			return ret;
	}
	return 0;
}

const char *device_name = "zcdma-sim.0";

static int write_name(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = write(fd, device_name, strlen(device_name));

	close(fd);
	return n == (ssize_t)strlen(device_name) ? 0 : -1;
}

void device_unbind(void)
{
	EXPECT(!write_name(DRIVER "unbind"));
	EXPECT(access(DEVICE, F_OK));
}

int device_try_bind(void)
{
	return write_name(DRIVER "bind");
}

void device_bind(void)
{
	EXPECT(!device_try_bind());
	EXPECT(!access(DEVICE, F_OK));
}
