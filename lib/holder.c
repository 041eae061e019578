// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who holds the other end of a pipe, as far as /proc shows it to us: for messages. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define PID_LEN 17

/* Is /proc/PID/fd/NAME our pipe, open for @access? */
static bool is_end(int fds, const char *pid, const char *name, const struct stat *pipe, int access)
{
	unsigned flags = 0;
	char path[64], line[64];
	struct stat st;
	FILE *f;

	if (fstatat(fds, name, &st, 0) < 0 || st.st_ino != pipe->st_ino ||
	    st.st_dev != pipe->st_dev)
		return false;
	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	}
	if (f)
		fclose(f);
	return f && ((int)flags & O_ACCMODE) == access;
}

static bool holds(const char *pid, const struct stat *pipe, int access)
{
	char path[64];
	const struct dirent *e;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (e = readdir(dir)))
		found = isdigit((unsigned char)e->d_name[0]) &&
			is_end(dirfd(dir), pid, e->d_name, pipe, access);
	if (dir)
		closedir(dir);
	return found;
}

/* Are we where it is? Abstract names are not seen from elsewhere: unix(7). */
static bool in_our_network(const char *pid)
{
	char path[64];
	struct stat theirs, ours;

	snprintf(path, sizeof(path), "/proc/%.16s/ns/net", pid);
	return stat(path, &theirs) || stat("/proc/self/ns/net", &ours) ||
	       (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev);
}

static void describe(const char *pid, char *buf, size_t len)
{
	char path[64], name[64];

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	if (!zc_read_line(path, name, sizeof(name)))
		strcpy(name, "a program");
	snprintf(buf, len, "%s (process %.16s%s)", name, pid,
		 in_our_network(pid) ? "" : ", in another network namespace");
}

/* Does it run the program that we run? */
static bool is_like_us(const char *pid)
{
	struct stat theirs, ours;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.16s/exe", pid);
	return !stat(path, &theirs) && !stat("/proc/self/exe", &ours) &&
	       theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev && in_our_network(pid);
}

/*
 * A process that holds the other end of the pipe @fd, and is as @wanted (NULL: any). The last one, as
 * a shell holds it too, for the programs that it started later. True where there is one.
 */
static bool find_holder(int fd, bool (*wanted)(const char *pid), char pid[PID_LEN])
{
	int flags = fcntl(fd, F_GETFL), access;
	const struct dirent *e;
	bool found = false;
	struct stat pipe;
	DIR *dir;

	if (flags < 0 || fstat(fd, &pipe) < 0 || !S_ISFIFO(pipe.st_mode))
		return false;
	access = (flags & O_ACCMODE) == O_RDONLY ? O_WRONLY : O_RDONLY;
	dir = opendir("/proc");
	while (dir && (e = readdir(dir))) {
		if (!isdigit((unsigned char)e->d_name[0]) || atoi(e->d_name) == getpid() ||
		    !holds(e->d_name, &pipe, access) || (wanted && !wanted(e->d_name)))
			continue;
		snprintf(pid, PID_LEN, "%.16s", e->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

ZC_PUBLIC const char *zcdma_pipe_holder(int fd, char *buf, size_t len)
{
	char pid[PID_LEN];

	if (!find_holder(fd, NULL, pid))
		return NULL;
	describe(pid, buf, len);
	return buf;
}

bool zc_pipe_holder_is_like_us(int fd)
{
	char pid[PID_LEN];

	return find_holder(fd, is_like_us, pid);
}
