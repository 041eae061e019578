// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device mapper table of one line over a RAM disk, suspended: writes wait in a list with their
 * pages, which are copied when it is resumed. No dmsetup is needed for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "disk.h"
#include "tap.h"

#define NAME	"zcdma-test"
#define BELOW	"/dev/ram0"
#define SECTORS 2048

static int control = -1;

static struct dm_ioctl request(unsigned flags)
{
	struct dm_ioctl dm = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof(dm),
		.data_start = sizeof(dm),
		.flags = flags,
		.name = NAME,
	};

	return dm;
}

static int suspend(unsigned flags)
{
	struct dm_ioctl dm = request(flags);

	return ioctl(control, DM_DEV_SUSPEND, &dm);
}

static int load_table(void)
{
	struct {
		struct dm_ioctl dm;
		struct dm_target_spec target;
		char text[32];
	} table = {
		.dm = request(0),
		.target = { .length = SECTORS, .target_type = "linear" },
		.text = BELOW " 0",
	};

	table.dm.data_size = sizeof(table);
	table.dm.data_start = offsetof(typeof(table), target);
	table.dm.target_count = 1;
	return ioctl(control, DM_TABLE_LOAD, &table);
}

void disk_resume(void)
{
	tap_undo = NULL;
	suspend(0);
}

int disk_suspended(void)
{
	struct dm_ioctl dm = request(0);
	char path[32];
	int fd;

	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0 || access(BELOW, F_OK))
		tap_skip("this kernel lacks the device mapper or a RAM disk");
	/* Remove the disk of a test that failed. */
	ioctl(control, DM_DEV_REMOVE, &dm);
	dm = request(0);
	EXPECT(!ioctl(control, DM_DEV_CREATE, &dm));
	EXPECT(!load_table() && !suspend(0));
	snprintf(path, sizeof(path), "/dev/dm-%u", minor(dm.dev));
	WAIT_FOR(!access(path, R_OK | W_OK));
	fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	EXPECT(fd >= 0);

	tap_undo = disk_resume;
	EXPECT(!suspend(DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG));
	return fd;
}
