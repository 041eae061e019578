// SPDX-License-Identifier: GPL-2.0-only
/*
 * linger: a stop that takes long to let go of what it drops does not keep others from the device. The module is the one
 * with faults, with a device that plays, and lingers until a signal comes. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/ring.h"
#include "shared/tap.h"
#include "shared/task.h"

#define MODEL "/sys/class/zcdma/zcdma0/model"

static void *stop(void *arg)
{
	ring_stop(arg);
	return NULL;
}

static void ignore(int signal)
{
	(void)signal;
}

/* A device of a byte a second cannot have played it by the time it is stopped. */
static struct ring with_a_page_queued(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	static char page[PAGE];
	struct ring r;
	int fd[2];

	s.rate = 1;
	r = ring_create(O_RDWR, s);
	EXPECT(!pipe2(fd, O_CLOEXEC) && write(fd[1], page, PAGE) == (ssize_t)PAGE);
	EXPECT(splice(fd[0], NULL, r.fd, NULL, PAGE, 0) == (ssize_t)PAGE);
	EXPECT(!close(fd[0]) && !close(fd[1]));
	ring_go(&r);
	return r;
}

/* What sysfs says of the ring is below the lock of start and stop. */
static void expect_model(const char *name)
{
	int fd = open(MODEL, O_RDONLY | O_CLOEXEC);
	char line[32] = "";

	EXPECT(fd >= 0 && read(fd, line, sizeof(line) - 1) > 0 && !close(fd));
	EXPECT(!strncmp(line, name, strlen(name)));
}

static void what_a_stop_drops_stalls_nothing(unsigned model)
{
	struct sigaction action = { .sa_handler = ignore };
	struct ring r = with_a_page_queued(model);
	struct task task;

	EXPECT(!sigaction(SIGUSR1, &action, NULL));
	task = task_start(stop, &r);
	WAIT_FOR(!ring_stats(r.fd).running && ring_stats(r.fd).free == BLOCKS);
	task_wait_asleep(&task);
	expect_model(tap_models[model]);
	ring_go(&r);
	EXPECT(!pthread_kill(task.thread, SIGUSR1));
	task_join(&task);
	EXPECT(ring_stats(r.fd).running);
	ring_end(&r);
}

static const struct tap_test tests[] = {
	{ "what a stop drops stalls nothing", what_a_stop_drops_stalls_nothing, TAP_PAGED },
};

int main(void)
{
	TAP_RUN_ALL(tests);
	return 0;
}
