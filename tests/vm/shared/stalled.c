// SPDX-License-Identifier: GPL-2.0-only
/* Memory that does not answer, by a userfaultfd. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring.h"
#include "stalled.h"
#include "tap.h"

struct stalled stalled_page(bool protected, const void *data, size_t len)
{
	struct stalled s = { .protected = protected };
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = protected ? UFFDIO_REGISTER_MODE_WP
							 : UFFDIO_REGISTER_MODE_MISSING };

	s.uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (s.uffd < 0)
		tap_skip("this kernel has no userfaultfd");
	s.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(s.page != MAP_FAILED);
	if (protected)
		memcpy(s.page, data, len);
	reg.range.start = (uintptr_t)s.page;
	reg.range.len = PAGE;
	EXPECT(!ioctl(s.uffd, UFFDIO_API, &api));
	if (protected && !(api.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP))
		tap_skip("this kernel's userfaultfd does not protect from writing");
	EXPECT(!ioctl(s.uffd, UFFDIO_REGISTER, &reg));
	if (protected) {
		struct uffdio_writeprotect wp = { .range = reg.range,
						  .mode = UFFDIO_WRITEPROTECT_MODE_WP };

		EXPECT(!ioctl(s.uffd, UFFDIO_WRITEPROTECT, &wp));
	}
	return s;
}

void stalled_wait(const struct stalled *s)
{
	struct uffd_msg msg;

	EXPECT(read(s->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT);
}

void stalled_go_on(const struct stalled *s, const void *data, size_t len)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));

	if (s->protected) {
		struct uffdio_writeprotect wp = { .range = { (uintptr_t)s->page, PAGE } };

		EXPECT(!ioctl(s->uffd, UFFDIO_WRITEPROTECT, &wp));
	} else {
		struct uffdio_copy copy = { .dst = (uintptr_t)s->page,
					    .src = (uintptr_t)page,
					    .len = PAGE };

		memcpy(page, data, len);
		EXPECT(!ioctl(s->uffd, UFFDIO_COPY, &copy));
	}
}
