// SPDX-License-Identifier: GPL-2.0-only
/* The fault of a simulated device, and its sleep. */
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "sim_fault.h"

static char *mutant_fault = "";
module_param_named(mutant, mutant_fault, charp, 0444);

bool zcdma_sim_mutant(const char *fault)
{
	return !strcmp(mutant_fault, fault);
}

bool zcdma_sim_stall(const char *fault)
{
	static unsigned long stalled;

	if (!zcdma_sim_mutant(fault) || test_and_set_bit(0, &stalled))
		return false;
	while (!signal_pending(current))
		schedule_timeout_interruptible(HZ);
	return true;
}

/*
 * Put the first simulated device, or the first that plays where there is no other, to sleep and
 * wake it, or with 0 shut it down, as the kernel does.
 */
static int nap(const char *value, const struct kernel_param *kp)
{
	struct device *dev = bus_find_device_by_name(&platform_bus_type, NULL, "zcdma-sim.0") ?:
			     bus_find_device_by_name(&platform_bus_type, NULL, "zcdma-sink.0");
	bool sleep;
	int ret;

	if (!dev)
		return -ENODEV;
	ret = kstrtobool(value, &sleep);
	if (!ret && sleep) {
		ret = dev->driver->pm->suspend(dev);
		msleep(200);
		ret = ret ?: dev->driver->pm->resume(dev);
	} else if (!ret) {
		to_platform_driver(dev->driver)->shutdown(to_platform_device(dev));
	}
	put_device(dev);
	return ret;
}

static const struct kernel_param_ops nap_ops = { .set = nap };
module_param_cb(nap, &nap_ops, NULL, 0200);
