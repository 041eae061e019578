// SPDX-License-Identifier: LGPL-2.1-or-later
/* The process that holds the other end of a pipe, and what it reads, as far as /proc shows it. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handover/pipe_peer.h"

#define PID_LEN 17

/* Check whether /proc/PID/fd/NAME is @what, open for @access. */
static bool is_open(int fds, const char *pid, const char *name, const struct stat *what, int access)
{
	unsigned flags = 0;
	char path[64], line[64];
	struct stat st;
	FILE *f;

	if (fstatat(fds, name, &st, 0) < 0 || st.st_ino != what->st_ino ||
	    st.st_dev != what->st_dev)
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

static bool holds(const char *pid, const struct stat *what, int access)
{
	char path[64];
	const struct dirent *e;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (e = readdir(dir)))
		found = isdigit((unsigned char)e->d_name[0]) &&
			is_open(dirfd(dir), pid, e->d_name, what, access);
	if (dir)
		closedir(dir);
	return found;
}

/* Returns whether the process is in our network namespace, as abstract names are not visible in others: unix(7). */
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

/* Returns whether the process runs this program. */
static bool is_like_us(const char *pid, void *unused)
{
	struct stat theirs, ours;
	char path[64];

	(void)unused;
	snprintf(path, sizeof(path), "/proc/%.16s/exe", pid);
	return !stat(path, &theirs) && !stat("/proc/self/exe", &ours) &&
	       theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev && in_our_network(pid);
}

/*
 * Find a process that has @pipe open for @access and that satisfies @wanted (NULL: any process does): the last one,
 * as a shell holds the pipe too, for programs that it starts later. Returns whether one was found.
 */
static bool find_process(const struct stat *pipe, int access,
			 bool (*wanted)(const char *pid, void *arg), void *arg, char pid[PID_LEN])
{
	const struct dirent *e;
	bool found = false;
	DIR *dir = opendir("/proc");

	while (dir && (e = readdir(dir))) {
		if (!isdigit((unsigned char)e->d_name[0]) || atoi(e->d_name) == getpid() ||
		    !holds(e->d_name, pipe, access) || (wanted && !wanted(e->d_name, arg)))
			continue;
		snprintf(pid, PID_LEN, "%.16s", e->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Find a process likewise at the other end of the pipe @fd. */
static bool find_other_end(int fd, bool (*wanted)(const char *pid, void *arg), void *arg,
			   char pid[PID_LEN])
{
	int flags = fcntl(fd, F_GETFL);
	struct stat pipe;

	if (flags < 0 || fstat(fd, &pipe) < 0 || !S_ISFIFO(pipe.st_mode))
		return false;
	return find_process(&pipe, (flags & O_ACCMODE) == O_RDONLY ? O_WRONLY : O_RDONLY, wanted,
			    arg, pid);
}

ZC_PUBLIC const char *zcdma_pipe_peer(int fd, char *buf, size_t len)
{
	char pid[PID_LEN];

	if (!find_other_end(fd, NULL, NULL, pid))
		return NULL;
	describe(pid, buf, len);
	return buf;
}

bool zc_pipe_peer_is_like_us(int fd)
{
	char pid[PID_LEN];

	return find_other_end(fd, is_like_us, NULL, pid);
}

/* A search for the process that reads a file, up a pipeline. */
struct search {
	const struct stat *file;
	unsigned pipes; /* how many more to follow */
	char *buf;
	size_t len;
};

static bool reads(const char *pid, void *arg)
{
	struct search *s = arg, next = *s;
	char path[64], found[PID_LEN];
	struct stat in;

	if (holds(pid, s->file, O_RDONLY)) {
		describe(pid, s->buf, s->len);
		return true;
	}
	snprintf(path, sizeof(path), "/proc/%.16s/fd/0", pid);
	return next.pipes-- && !stat(path, &in) && S_ISFIFO(in.st_mode) &&
	       find_process(&in, O_WRONLY, reads, &next, found);
}

bool zc_pipe_peer_reads(int fd, const struct stat *file, char *buf, size_t len)
{
	struct search s = { .file = file, .pipes = 4, .buf = buf, .len = len };
	char pid[PID_LEN];

	return find_other_end(fd, reads, &s, pid);
}
