/* SPDX-License-Identifier: GPL-2.0-only */
/* The command that runs for each file of a recording: --then. */
#ifndef RECORD_COMMAND_H
#define RECORD_COMMAND_H

#include <stddef.h>

/*
 * Run @command in /bin/sh, with the name of @file as its last argument, and wait for it. It reads from /dev/null, writes
 * to standard error, and is in a process group of its own, so that Ctrl-C does not end it. Returns 0 if it succeeds, or
 * -1 after @why of @len bytes says what went wrong: "exit status 3".
 */
int command_run(const char *command, const char *file, char *why, size_t len);

#endif
