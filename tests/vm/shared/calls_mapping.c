// SPDX-License-Identifier: GPL-2.0-only
/* Random calls on what maps the ring. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls_parts.h"

bool do_mmap(struct dice *d)
{
	const size_t slot = below(d, MAPS);
	const size_t pages = 1 + below(d, rarely(d, 16) ? WINDOW / PAGE : 32);
	const int prot = rarely(d, 2) ? PROT_READ : PROT_READ | PROT_WRITE;
	const int flags = (rarely(d, 16) ? MAP_PRIVATE : MAP_SHARED) |
			  (rarely(d, 4) ? MAP_POPULATE : 0) | MAP_FIXED;
	const off_t offset = rarely(d, 2) ? 0 : (off_t)(below(d, 64) * PAGE);

	if (rarely(d, 2))
		return map_all(d, slot, prot) > 0;
	if (mmap(map_address(slot), pages * PAGE, rarely(d, 16) ? (int)below(d, 8) : prot, flags,
		 any_file(d), offset) == MAP_FAILED)
		return false;
	d->s->length[slot] = pages * PAGE;
	return true;
}

bool do_munmap(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	return !munmap((void *)((uintptr_t)at & ~(PAGE - 1UL)), len);
}

bool do_madvise(struct dice *d)
{
	static const int advice[] = { MADV_DONTNEED,  MADV_DOFORK,	  MADV_DONTFORK,
				      MADV_WILLNEED,  MADV_REMOVE,	  MADV_HUGEPAGE,
				      MADV_MERGEABLE, MADV_DODUMP,	  MADV_COLD,
				      MADV_PAGEOUT,   MADV_POPULATE_READ, MADV_POPULATE_WRITE };
	size_t len;
	char *at = any_place(d, &len);

	return !madvise((void *)((uintptr_t)at & ~(PAGE - 1UL)), len,
			advice[below(d, sizeof(advice) / sizeof(advice[0]))]);
}

bool do_mprotect(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	return !mprotect((void *)((uintptr_t)at & ~(PAGE - 1UL)), len, (int)below(d, 4));
}

bool do_mremap(struct dice *d)
{
	size_t len;
	char *at = any_place(d, &len);

	return mremap((void *)((uintptr_t)at & ~(PAGE - 1UL)), len, below(d, WINDOW),
		      MREMAP_MAYMOVE | MREMAP_FIXED, map_address(below(d, MAPS))) != MAP_FAILED;
}

bool do_touch(struct dice *d)
{
	size_t len;
	volatile char *at = any_place(d, &len);

	for (size_t i = 0; i < len && i < 8UL * PAGE; i += PAGE) {
		if (rarely(d, 4))
			at[i] = 1;
		else
			(void)at[i];
	}
	return true;
}

/* By get_user_pages(), which a fault of the process's own is not. */
bool do_remote_read(struct dice *d)
{
	static __thread char data[8 * PAGE];
	size_t len;
	struct iovec remote = { .iov_base = any_place(d, &len) };
	struct iovec local = { data, sizeof(data) };

	remote.iov_len = len < sizeof(data) ? len : sizeof(data);
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) > 0;
}

bool do_fork(struct dice *d)
{
	/* The child has none of the timers of its parent, and its call may wait. */
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	const pid_t pid = fork();
	pid_t gone = 0;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setitimer(ITIMER_REAL, &often, NULL);
		if (rarely(d, 2))
			do_take(d);
		_exit(0);
	}
	while (pid > 0 && (gone = waitpid(pid, NULL, 0)) < 0 && errno == EINTR)
		;
	return pid > 0 && gone == pid;
}
