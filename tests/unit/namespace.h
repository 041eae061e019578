/* SPDX-License-Identifier: GPL-2.0-only */
/* Namespaces for tests, which an ordinary user may have in a user namespace. */
#ifndef TEST_NAMESPACE_H
#define TEST_NAMESPACE_H

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Run a command of the shell, which finds ip and tc. Returns true if it succeeds. */
__attribute__((format(printf, 1, 2))) static inline bool shell(const char *fmt, ...)
{
	char line[512], command[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "PATH=$PATH:/usr/sbin:/sbin; %s 2>/dev/null", command);
	return system(line) == 0;
}

static inline void write_file(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0)
		return;
	(void)!write(fd, text, strlen(text));
	close(fd);
}

/* Unshare @kinds (CLONE_NEW...), if need be in a user namespace. Returns false if this user may not. */
static inline bool enter_namespaces(int kinds)
{
	char users[64], groups[64];

	if (!unshare(kinds))
		return true;
	snprintf(users, sizeof(users), "0 %d 1", (int)getuid());
	snprintf(groups, sizeof(groups), "0 %d 1", (int)getgid());
	if (unshare(CLONE_NEWUSER | kinds))
		return false;
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", users);
	write_file("/proc/self/gid_map", groups);
	return true;
}

/* Enter a network namespace of our own, with loopback up. Returns false if this user may not have one. */
static inline bool enter_namespace(void)
{
	return enter_namespaces(CLONE_NEWNET) && shell("ip link set lo up");
}

#endif
