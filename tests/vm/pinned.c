// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinned: pages that outlive their ring, in a pipe, are still paid for: by RLIMIT_MEMLOCK of the user
 * who set it up, and by the memory cgroup, which pays for the control page as well. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/cgroup.h"
#include "shared/flight.h"
#include "shared/memory.h"
#include "shared/module.h"
#include "shared/tap.h"

#define MIB	 (1024 * 1024L)
#define LARGE	 (4 * MIB) /* one chunk, of which one byte keeps all */
#define ATTEMPTS 40	   /* 320 MiB of rings, if nobody says stop */

static void be_nobody(uint64_t may_lock)
{
	struct rlimit limit = { may_lock, may_lock };

	EXPECT(!setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT(!setresuid(65534, 65534, 65534));
}

static long available(void)
{
	return memory_number("/proc/meminfo", "MemAvailable:") * 1024;
}

static uint64_t room(void)
{
	struct zcdma_dev_info info = { .size = sizeof(info) };
	int fd = ring_open(O_RDONLY);

	EXPECT(!ioctl(fd, ZCDMA_IOC_INFO, &info) && !close(fd));
	return info.memlock_bytes;
}

/* A file of a ring of two large blocks, or -errno. */
static int set_up(int fd, unsigned model, size_t block)
{
	struct zcdma_dev_setup s = ring_wanted(model);

	s.block_size = block;
	s.blocks = 2;
	return ring_setup(fd, &s);
}

/* One byte of each of the two blocks goes into a pipe, and the file is closed. */
static void leave_two_bytes(int fd, int pipe)
{
	struct ring r = { .fd = fd };

	ring_go(&r);
	for (unsigned i = 0; i < 2; i++) {
		off64_t position = (off64_t)ring_take(&r).position;

		EXPECT(splice(fd, &position, pipe, NULL, 1, SPLICE_F_NONBLOCK) == 1);
	}
	EXPECT(!close(fd));
}

/* Returns how many rings could be set up, one after the other, before an error. */
static unsigned attack(unsigned model, int *error)
{
	unsigned rings;
	int fd[2];

	for (rings = 0; rings < ATTEMPTS; rings++) {
		int ring = ring_open(O_RDONLY);

		if (rings % 4 == 0)
			EXPECT(!pipe(fd));
		*error = set_up(ring, model, LARGE);
		if (*error)
			return rings;
		leave_two_bytes(ring, fd[1]);
	}
	return rings;
}

static void may_be_opened_by_all(void)
{
	EXPECT(!chmod(DEVICE, 0666));
}

static void the_limit_holds(unsigned model)
{
	long before;
	unsigned rings;
	int error = 0;

	may_be_opened_by_all();
	before = available();
	be_nobody(2 * LARGE);
	rings = attack(model, &error);
	printf("# %u rings, then %s; %ld MiB less\n", rings, strerror(-error),
	       (before - available()) / MIB);
	EXPECT(rings == 1 && error == -EPERM);
	EXPECT(before - available() < 64 * MIB);
}

/* Every page of a block that is split is charged alone. */
static void each_page_is_paid_for(unsigned model)
{
	int ring = ring_open(O_RDONLY), again = ring_open(O_RDONLY), fd[2];
	const uint64_t all = 2 * LARGE;

	be_nobody(all);
	EXPECT(!pipe(fd) && room() == all);
	EXPECT(!set_up(ring, model, LARGE) && room() == 0);
	leave_two_bytes(ring, fd[1]);
	EXPECT(room() == all - 2 * (model == ZCDMA_DEV_PAGES ? PAGE : LARGE));
	EXPECT(!close(fd[0]) && !close(fd[1]));
	/* It is looked at when somebody asks. */
	EXPECT(room() == all);
	EXPECT(!set_up(again, model, LARGE));
}

/* The driver looks by itself too. */
static void it_comes_home_by_itself(unsigned model)
{
	int ring = ring_open(O_RDONLY), fd[2];
	struct memory before = memory_now();

	EXPECT(!pipe(fd) && !set_up(ring, model, LARGE));
	leave_two_bytes(ring, fd[1]);
	if (model != ZCDMA_DEV_PAGES)
		EXPECT(memory_now().free < before.free - LARGE / PAGE);
	EXPECT(!close(fd[0]) && !close(fd[1]));
	expect_memory_back(&before, 250, 256);
}

static void the_cgroup_pays(unsigned model)
{
	struct utsname name;
	long before, charged;
	unsigned rings;
	int error = 0;

	EXPECT(!uname(&name));
	if (!strncmp(name.release, "5.10.", 5))
		tap_skip("before 5.11 no page that is charged can be mapped");
	may_be_opened_by_all();
	cgroup_join("memory", "max", "64M");
	before = available();
	be_nobody(RLIM_INFINITY);
	rings = attack(model, &error);
	charged = cgroup_number("memory", "current");
	printf("# %u rings, then %s; %ld MiB charged, %ld MiB less\n", rings, strerror(-error),
	       charged / MIB, (before - available()) / MIB);
	EXPECT(rings && rings < 8 && error == -ENOMEM);
	EXPECT(charged > 2 * LARGE && charged <= 64 * MIB);
	EXPECT(before - available() < 128 * MIB);
}

/* What the cgroup is charged for by a ring of many blocks, which are small, with these flags. */
static long charge_of(unsigned model, unsigned flags)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	long before = cgroup_number("memory", "current");
	int fd = ring_open(O_RDWR);

	s.block_size = PAGE;
	s.blocks = 16384;
	s.flags = flags;
	EXPECT(!ring_setup(fd, &s));
	before = cgroup_number("memory", "current") - before;
	EXPECT(!close(fd));
	return before;
}

/* It has 104 bytes for each block. A cgroup is charged in advance, 256 KiB for each processor. */
static void the_cgroup_pays_for_the_control_page(unsigned model)
{
	const long entries = 16384 * 104L;
	struct utsname name;
	long without, with;

	EXPECT(!uname(&name));
	if (!strncmp(name.release, "5.10.", 5))
		tap_skip("before 5.11 no page that is charged can be mapped");
	cgroup_join("memory", "max", "max");
	without = charge_of(model, 0);
	with = charge_of(model, ZCDMA_DEV_SETUP_CONTROL);
	printf("# %ld KiB without a control page, %ld KiB with one\n", without / 1024, with / 1024);
	EXPECT(with - without > entries - 512 * 1024);
}

/* Look for @text in the kernel log. */
static bool log_has(const char *text)
{
	static char log[1 << 20];
	int len = klogctl(3, log, sizeof(log) - 1);

	EXPECT(len > 0);
	log[len] = '\0';
	return strstr(log, text);
}

/* The module does not wait, and says what is lost from view. */
static void the_module_goes_and_says_so(unsigned model)
{
	int ring = ring_open(O_RDONLY), fd[2];
	char line[64];

	EXPECT(!pipe(fd) && !set_up(ring, model, LARGE));
	leave_two_bytes(ring, fd[1]);
	snprintf(line, sizeof(line), "%u KiB of user 0 are in flight still",
		 model == ZCDMA_DEV_PAGES ? 2 * PAGE / 1024 : (unsigned)(2 * LARGE / 1024));
	/* What was said before is not looked at. */
	EXPECT(klogctl(5, NULL, 0) >= 0);
	EXPECT(!module_unload());
	EXPECT(log_has(line));
	flight_receive(fd[0], 0, 1);
	flight_receive(fd[0], LARGE, 1);
	EXPECT(!module_load("devices=1"));
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "RLIMIT_MEMLOCK holds for pages that outlive their ring", the_limit_holds, 0xc },
		{ "what is in flight is paid for, and no more", each_page_is_paid_for, TAP_PAGED },
		{ "what comes home is freed", it_comes_home_by_itself, TAP_PAGED },
		{ "the memory cgroup pays", the_cgroup_pays, 0xc },
		{ "the memory cgroup pays for the control page",
		  the_cgroup_pays_for_the_control_page, 0x4 },
		{ "the module goes, and says what is no longer paid for",
		  the_module_goes_and_says_so, TAP_PAGED },
	};

	TAP_RUN_ALL(tests);
	return 0;
}
