// SPDX-License-Identifier: GPL-2.0-only
/* surprise: the PCI device edu goes while it captures. Speaks TAP. The last test leaves no device. */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/pci.h"
#include "shared/ring.h"
#include "shared/tap.h"
#include "shared/task.h"

/* What comes is right, until nothing comes any more. */
static void *take_until_gone(void *arg)
{
	const struct ring *r = arg;
	struct zcdma_dev_block b = { .size = sizeof(b) };

	while (!ioctl(r->fd, ZCDMA_IOC_TAKE, &b)) {
		EXPECT(!b.flags && is_pattern(ring_data(r, &b), b.length, b.offset));
		if (ring_give(r, b.index))
			break;
	}
	EXPECT(errno == ENODEV);
	return NULL;
}

static void expect_gone(struct ring *r, struct task *reader)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	task_join(reader);
	EXPECT_ERRNO(ioctl(r->fd, ZCDMA_IOC_STOP, 0), ENODEV);
	EXPECT(poll(&p, 1, 0) == 1 && p.revents == (POLLERR | POLLHUP));
	WAIT_FOR(access(ring_device, F_OK));
}

static void is_unbound(unsigned model)
{
	struct ring r = ring_start_small(model);
	struct task reader = task_start(take_until_gone, &r);

	pci_unbind();
	expect_gone(&r, &reader);
	pci_bind();
	/* With the number that it had, though the old one is still open. */
	EXPECT(!access(ring_device, F_OK));
	ring_end(&r);
	r = ring_start_small(model);
	ring_end(&r);
}

static void is_taken_out(unsigned model)
{
	struct ring r = ring_start_small(model);
	struct task reader = task_start(take_until_gone, &r);

	pci_unplug();
	expect_gone(&r, &reader);
	ring_end(&r);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the driver is unbound while the device captures", is_unbound, TAP_PAGED },
		{ "the device is taken out of its slot while it captures", is_taken_out,
		  1 << ZCDMA_DEV_COMPOUND },
	};

	ring_device = "/dev/zcdma1";
	TAP_RUN_ALL(tests);
	return 0;
}
