// SPDX-License-Identifier: GPL-2.0-only
/* The module and its device coming and going. */
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

#define DRIVER "/sys/bus/platform/drivers/zcdma/"

int module_load(const char *parameters)
{
	const char *folder = getenv("VM_KMOD");
	char path[256], all[256];
	int fd, ret;

	EXPECT(folder);
	snprintf(all, sizeof(all), "edu_bits=%s %s", getenv("VM_EDU_BITS") ?: "28", parameters);
	snprintf(path, sizeof(path), "%s/zcdma.ko", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT(fd >= 0);
	ret = syscall(SYS_finit_module, fd, all, 0) ? -errno : 0;
	close(fd);
	return ret;
}

int module_unload(void)
{
	return syscall(SYS_delete_module, "zcdma", O_NONBLOCK) ? -errno : 0;
}

static int write_name(const char *path)
{
	static const char name[] = "zcdma.0";
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = write(fd, name, sizeof(name) - 1);

	close(fd);
	return n == sizeof(name) - 1 ? 0 : -1;
}

void device_unbind(void)
{
	EXPECT(!write_name(DRIVER "unbind"));
	EXPECT(access(DEVICE, F_OK));
}

void device_bind(void)
{
	EXPECT(!write_name(DRIVER "bind"));
	EXPECT(!access(DEVICE, F_OK));
}
