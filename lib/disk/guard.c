// SPDX-License-Identifier: LGPL-2.1-or-later
/* Keeps a process that serves a block device from waiting for that device itself. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "disk/disk.h"

#define MOUNTS "/proc/self/mountinfo"

/* Undo what the kernel does to blanks and backslashes: proc_pid_mountinfo(5). */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && strlen(text) >= 4) {
			*to++ = (char)strtol((char[]){ text[1], text[2], text[3], '\0' }, NULL, 8);
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* Let go of file systems on disks: else none that is mounted now would be free before this process ends. */
static void detach_disks(void)
{
	FILE *f = fopen(MOUNTS, "re");
	char *line = NULL, point[4096], device[4096];
	size_t size = 0;

	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		const char *rest = strstr(line, " - ");

		if (!rest || sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 ||
		    sscanf(rest, " - %*s %4095s", device) != 1)
			continue;
		unescape(point);
		if (!strncmp(device, "/dev/", 5) && strcmp(point, "/"))
			umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	free(line);
	fclose(f);
}

int zc_disk_guard(struct zcdma_ctx *ctx)
{
	/*
	 * A process that is the last of the mount namespace in which its device is mounted unmounts it as it ends, and waits for
	 * requests that nothing serves any more: exit_task_namespaces() in kernel/exit.c.
	 */
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return zc_fail(ctx, errno, "make a mount namespace");
	detach_disks();
	/* Memory that is needed to write back must not be had by writing back: PR_SET_IO_FLUSHER(2const). */
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0))
		return zc_fail(ctx, errno, "have memory without writing back (PR_SET_IO_FLUSHER)");
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		return zc_fail(ctx, errno, "lock memory");
	return 0;
}
