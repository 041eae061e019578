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
#include <linux/workqueue.h>

#include "compat.h"
#include "skb_flush.h"

struct flush {
	struct napi_struct napi;
	struct work_struct work;
};

static struct net_device *dummy;
static struct flush __percpu *flushes;

/* net_rx_action() frees what was left to this processor before it polls. */
static int poll_nothing(struct napi_struct *napi, int budget)
{
	napi_complete_done(napi, 0);
	return 0;
}

/*
 * The softirq runs as they are enabled again. Raised by an interrupt from another processor,
 * PREEMPT_RT would warn of it: do_softirq_post_smp_call_flush() in kernel/softirq.c.
 */
static void flush_here(struct work_struct *work)
{
	local_bh_disable();
	napi_schedule(&container_of(work, struct flush, work)->napi);
	local_bh_enable();
}

void zcdma_skb_flush(const struct cpumask *cpus)
{
	unsigned int cpu;

	/* The packets of a processor that is offline went to another one. */
	for_each_online_cpu(cpu) {
		/* Not by for_each_cpu(): zcdma_ring_took_part() sets bits meanwhile. */
		if (cpumask_test_cpu(cpu, cpus))
			queue_work_on(cpu, system_highpri_wq, &per_cpu_ptr(flushes, cpu)->work);
	}
}

void zcdma_skb_flush_all(void)
{
	/* The mask is replaced, and freed, as cpusets isolate processors. */
	rcu_read_lock();
	zcdma_skb_flush(housekeeping_cpumask(HK_TYPE_DOMAIN));
	rcu_read_unlock();
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

		INIT_WORK(&flush->work, flush_here);
		/* "tx", as it must not be busy-polled. */
		netif_napi_add_tx(dummy, &flush->napi, poll_nothing);
		napi_enable(&flush->napi);
	}
	return 0;
}

void zcdma_skb_flush_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		cancel_work_sync(&per_cpu_ptr(flushes, cpu)->work);
		napi_disable(&per_cpu_ptr(flushes, cpu)->napi);
		__netif_napi_del(&per_cpu_ptr(flushes, cpu)->napi);
	}
	/* As __netif_napi_del() wants it. */
	synchronize_net();
	free_percpu(flushes);
	zcdma_free_netdev_dummy(dummy);
}
