// SPDX-License-Identifier: GPL-2.0-only
/* The runner of tests that speak TAP. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define LIMIT	60 /* seconds for a test, times LIMIT_SCALE */
#define SKIPPED 77

const char *const tap_models[4] = { "coherent", "pages", "compound", "scatter" };
void (*tap_undo)(void);
void (*tap_prepare)(void);
static char *skip_reason; /* shared with the child */

/* Returns a number of the environment; 1 where it is not set. */
static unsigned number(const char *name)
{
	const char *text = getenv(name);
	const int value = text ? atoi(text) : 1;

	return value > 0 ? value : 1;
}

unsigned tap_limit(unsigned limit)
{
	return limit * number("LIMIT_SCALE");
}

unsigned tap_rounds(unsigned rounds)
{
	const unsigned limit = tap_limit(rounds);

	return getenv("TAP_ROUNDS") && number("TAP_ROUNDS") < limit ? number("TAP_ROUNDS") : limit;
}

unsigned tap_repeat(unsigned times)
{
	times /= number("REPEAT_CUT");
	return times ? times : 1;
}

void tap_fail(const char *function, int line, const char *condition)
{
	printf("# %s:%d: %s (%s)\n", function, line, condition, strerror(errno));
	fflush(stdout);
	if (tap_undo)
		tap_undo();
	_exit(1);
}

void tap_skip(const char *why)
{
	strncpy(skip_reason, why, 255);
	_exit(SKIPPED);
}

static void out_of_time(int signo)
{
	static const char text[] = "# it hangs\n";

	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	if (tap_undo)
		tap_undo();
	_exit(128 + signo);
}

static int run_child(void (*run)(unsigned model), unsigned model)
{
	sigset_t child_ends, before;
	int status = -1;
	pid_t pid;

	sigemptyset(&child_ends);
	sigaddset(&child_ends, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_ends, &before);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		signal(SIGALRM, out_of_time);
		alarm(tap_limit(LIMIT));
		if (tap_prepare)
			tap_prepare();
		run(model);
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0)
		return -1;
	/* One that sleeps in the kernel may not get to see its own alarm. */
	if (sigtimedwait(&child_ends, NULL, &(struct timespec){ tap_limit(LIMIT) + 5, 0 }) < 0) {
		puts("# it hangs in the kernel");
		kill(pid, SIGKILL);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void tap_run(void (*run)(unsigned model), unsigned model, const char *format, ...)
{
	const char *only = getenv("TAP_ONLY");
	va_list args;
	char *name;
	int status;

	va_start(args, format);
	status = vasprintf(&name, format, args);
	va_end(args);
	if (status < 0)
		abort();
	if (only && strcmp(name, only))
		goto out;
	if (!skip_reason)
		skip_reason =
			mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	status = run_child(run, model);
	printf("%sok - %s", status == 0 || status == SKIPPED ? "" : "not ", name);
	if (status == SKIPPED)
		printf(" # skip %s", skip_reason);
	putchar('\n');
	fflush(stdout);
out:
	free(name);
}

void tap_run_all(const struct tap_test *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!tests[i].models)
			tap_run(tests[i].run, 0, "%s", tests[i].name);
		for (unsigned model = 0; model < 4; model++) {
			if (tests[i].models & 1 << model)
				tap_run(tests[i].run, model, "%s: %s", tap_models[model],
					tests[i].name);
		}
	}
}
