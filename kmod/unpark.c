// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free the packets that the kernel keeps though nobody wants them any more.
 *
 * A packet that was read on another processor than the one that allocated it is not freed but parked
 * for that one, until its next net_rx_action(), or until half of net.core.skb_defer_max have
 * gathered: skb_attempt_defer_free() in net/core/skbuff.c. On an idle machine that is never, and a
 * small ring whose blocks are all in such packets cannot send another to make it happen. So let each
 * processor go through net_rx_action() once, by a NAPI instance that does nothing.
 */
#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include "compat.h"
#include "unpark.h"

static struct net_device *dummy;
static struct napi_struct __percpu *instance;
static DEFINE_MUTEX(lock);		/* one at a time */
static atomic_t pending;		/* processors that were not there yet, and the caller */
static DECLARE_COMPLETION(done);

/* net_rx_action() frees what is parked before it polls. */
static int poll_nothing(struct napi_struct *napi, int budget)
{
	napi_complete_done(napi, 0);
	if (atomic_dec_and_test(&pending))
		complete(&done);
	return 0;
}

static void schedule_here(void *unused)
{
	atomic_inc(&pending);
	napi_schedule(this_cpu_ptr(instance));
}

void zcdma_unpark(void)
{
	mutex_lock(&lock);
	reinit_completion(&done);
	atomic_set(&pending, 1);
	/* This processor's softirq runs as they are enabled; the others' when the interrupt ends. */
	local_bh_disable();
	on_each_cpu(schedule_here, NULL, true);
	local_bh_enable();
	if (!atomic_dec_and_test(&pending))
		wait_for_completion(&done);
	mutex_unlock(&lock);
}

int zcdma_unpark_init(void)
{
	int cpu;

	dummy = zcdma_alloc_netdev_dummy();
	if (!dummy)
		return -ENOMEM;
	instance = alloc_percpu(struct napi_struct);
	if (!instance) {
		zcdma_free_netdev_dummy(dummy);
		return -ENOMEM;
	}
	/* "tx": nobody may busy-poll it. */
	for_each_possible_cpu(cpu) {
		netif_napi_add_tx(dummy, per_cpu_ptr(instance, cpu), poll_nothing);
		napi_enable(per_cpu_ptr(instance, cpu));
	}
	return 0;
}

void zcdma_unpark_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		napi_disable(per_cpu_ptr(instance, cpu));
		__netif_napi_del(per_cpu_ptr(instance, cpu));
	}
	/* As __netif_napi_del() wants it. */
	synchronize_net();
	free_percpu(instance);
	zcdma_free_netdev_dummy(dummy);
}
