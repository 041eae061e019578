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

ZC_PUBLIC const char *zcdma_pipe_holder(int fd, char *buf, size_t len)
{
	int flags = fcntl(fd, F_GETFL);
	const struct dirent *e;
	const char *found = NULL;
	struct stat pipe;
	DIR *dir;

	if (flags < 0 || fstat(fd, &pipe) < 0 || !S_ISFIFO(pipe.st_mode))
		return NULL;
	dir = opendir("/proc");
	/* The last one: a shell holds it too, for the programs that it started later. */
	while (dir && (e = readdir(dir))) {
		if (!isdigit((unsigned char)e->d_name[0]) || atoi(e->d_name) == getpid())
			continue;
		if (!holds(e->d_name, &pipe, (flags & O_ACCMODE) == O_RDONLY ? O_WRONLY : O_RDONLY))
			continue;
		describe(e->d_name, buf, len);
		found = buf;
	}
	if (dir)
		closedir(dir);
	return found;
}
