// SPDX-License-Identifier: GPL-2.0-only
/* The command that runs for each file of a recording: --then. */
#include "record/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/xalloc.h"

/* Start @argv as command_run() says. Returns 0 or an errno. */
static int start(char *const argv[], pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, ours;
	int err;

	/* What is ignored stays so in a new program: signal(7). */
	sigemptyset(&none);
	sigemptyset(&ours);
	sigaddset(&ours, SIGPIPE);
	sigaddset(&ours, SIGUSR2);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &ours);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	/* What the caller left open, such as the pipe of >(...), whose reader would wait for the command. */
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	err = posix_spawn(pid, "/bin/sh", &files, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return err;
}

static int wait_for(pid_t pid, char *why, size_t len)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			snprintf(why, len, "%s", strerror(errno));
			return -1;
		}
	}
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFEXITED(status))
		snprintf(why, len, "exit status %d", WEXITSTATUS(status));
	else
		snprintf(why, len, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	return -1;
}

int command_run(const char *command, const char *file, char *why, size_t len)
{
	char *script, *name;
	pid_t pid;
	int err;

	/* A name that begins with a dash is not an option. */
	if (asprintf(&script, "%s \"$1\"", command) < 0 ||
	    asprintf(&name, "%s%s", *file == '-' ? "./" : "", file) < 0)
		xalloc(NULL);
	err = start((char *[]){ "sh", "-c", script, "zcdma", name, NULL }, &pid);
	free(script);
	free(name);
	if (!err)
		return wait_for(pid, why, len);
	snprintf(why, len, "%s", strerror(err));
	return -1;
}
