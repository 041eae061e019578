// SPDX-License-Identifier: GPL-2.0-only
/*
 * A library for LD_PRELOAD: a disk that becomes full as a signal comes. The fourth large write() to a file ends the
 * program by SIGTERM, and writes a page of it; those after that fail.
 */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LARGE	(64 * 1024)
#define PAGE	4096
#define FULL_AT 4

ssize_t write(int fd, const void *data, size_t len)
{
	static unsigned writes;
	struct stat st;

	if (len < LARGE || fstat(fd, &st) || !S_ISREG(st.st_mode) || ++writes < FULL_AT)
		return syscall(SYS_write, fd, data, len);
	if (writes > FULL_AT) {
		errno = ENOSPC;
		return -1;
	}
	kill(getpid(), SIGTERM);
	return syscall(SYS_write, fd, data, PAGE);
}
