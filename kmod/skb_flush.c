// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free the packets that processors keep for later.
 *
 * A packet that was read on another processor than the one that allocated it is not freed but left
 * to that one, until its next net_rx_action(), or until half of net.core.skb_defer_max have
 * gathered: skb_attempt_defer_free() in net/core/skbuff.c. On an idle machine that is never, and a
 * small ring whose blocks are all in such packets cannot send another to make it happen. So let a
 * processor go through net_rx_action() once, by a NAPI instance that does nothing.
 */
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/sched/isolation.h>
#include <linux/smp.h>

#include "compat.h"
#include "skb_flush.h"

struct flush {
	struct napi_struct napi;
	call_single_data_t csd;
};

static struct net_device *dummy;
static struct flush __percpu *flushes;

/* net_rx_action() frees what was left to this processor before it polls. */
static int poll_nothing(struct napi_struct *napi, int budget)
{
	napi_complete_done(napi, 0);
	return 0;
}

static void schedule_here(void *napi)
{
	napi_schedule(napi);
}

/*
 * Ignore errors. -EBUSY: the last call has not got there yet, and does as well; -ENXIO: the
 * processor is offline, and its packets went to another one.
 */
static void flush_cpu(unsigned int cpu)
{
	smp_call_function_single_async(cpu, &per_cpu_ptr(flushes, cpu)->csd);
}

void zcdma_skb_flush(const struct cpumask *cpus)
{
	unsigned int cpu;

	/*
	 * This processor's softirq runs as they are enabled; the others' when the interrupt ends.
	 */
	local_bh_disable();
	for_each_cpu(cpu, cpus)
		flush_cpu(cpu);
	local_bh_enable();
}

void zcdma_skb_flush_all(void)
{
	zcdma_skb_flush(housekeeping_cpumask(HK_TYPE_DOMAIN));
}

int zcdma_skb_flush_init(void)
{
	int cpu;

	dummy = zcdma_alloc_netdev_dummy();
	if (!dummy)
		return -ENOMEM;
	flushes = alloc_percpu(struct flush);
	if (!flushes) {
		zcdma_free_netdev_dummy(dummy);
		return -ENOMEM;
	}
	for_each_possible_cpu(cpu) {
		struct flush *flush = per_cpu_ptr(flushes, cpu);

		INIT_CSD(&flush->csd, schedule_here, &flush->napi);
		/* "tx", as it must not be busy-polled. */
		netif_napi_add_tx(dummy, &flush->napi, poll_nothing);
		napi_enable(&flush->napi);
	}
	return 0;
}

static void do_nothing(void *unused)
{
}

void zcdma_skb_flush_exit(void)
{
	int cpu;

	/*
	 * A call may be on its way. Wait twice, as calls that somebody waits for are made first:
	 * flush_smp_call_function_queue() in kernel/smp.c.
	 */
	on_each_cpu(do_nothing, NULL, 1);
	on_each_cpu(do_nothing, NULL, 1);
	for_each_possible_cpu(cpu) {
		napi_disable(&per_cpu_ptr(flushes, cpu)->napi);
		__netif_napi_del(&per_cpu_ptr(flushes, cpu)->napi);
	}
	/* As __netif_napi_del() wants it. */
	synchronize_net();
	free_percpu(flushes);
	zcdma_free_netdev_dummy(dummy);
}
