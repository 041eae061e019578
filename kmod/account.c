// SPDX-License-Identifier: GPL-2.0-only
/*
 * Charge the memory of a ring to the user that set it up, by RLIMIT_MEMLOCK, as AF_XDP and io_uring
 * do. A page may outlive its ring, in a pipe or a socket. It stays charged until the last other
 * reference is dropped: otherwise one byte in a pipe would keep a chunk of 4 MiB that no user pays.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "account.h"
#include "skb_flush.h"
#include "work.h"

/* Jiffies between two looks at pages in flight. The delay grows while nothing changes. */
#define LOOK_DELAY_MIN 1
#define LOOK_DELAY_MAX (10 * HZ)

/* Accounts whose ring is gone, with pages in flight. */
static LIST_HEAD(accounts);
static DEFINE_MUTEX(accounts_lock);
static unsigned long look_delay;

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look);

static void uncharge(struct zcdma_account *account, unsigned long pages)
{
	account->pages -= pages;
	atomic_long_sub(pages, &account->cred->user->locked_vm);
}

static void free_account(struct zcdma_account *account)
{
	uncharge(account, account->pages);
	put_cred(account->cred);
	free_cpumask_var(account->cpus);
	kfree(account);
}

/* Drop a page in flight, and uncharge it. */
static void drop_page(struct zcdma_account *account, struct page *page)
{
	unsigned long pages = compound_nr(page);

	list_del(&page->lru);
	put_page(page);
	account->in_flight_pages -= pages;
	uncharge(account, pages);
}

/* Free the pages that only the driver refers to. Returns whether there was one. */
static bool reclaim(struct zcdma_account *account)
{
	struct page *page, *next;
	bool any = false;

	list_for_each_entry_safe(page, next, &account->in_flight, lru) {
		cond_resched();
		if (page_ref_count(page) != 1)
			continue;
		drop_page(account, page);
		any = true;
	}
	return any;
}

static bool reclaim_all(void)
{
	struct zcdma_account *account, *next;
	bool any = false;

	lockdep_assert_held(&accounts_lock);
	list_for_each_entry_safe(account, next, &accounts, node) {
		any |= reclaim(account);
		if (account->in_flight_pages)
			continue;
		list_del(&account->node);
		free_account(account);
	}
	return any;
}

/* Look until all are free, as the kernel does not report the last put of a page. */
static void look(struct work_struct *work)
{
	struct zcdma_account *account;

	mutex_lock(&accounts_lock);
	look_delay = reclaim_all() ? LOOK_DELAY_MIN : min_t(unsigned long, 2 * look_delay,
							    LOOK_DELAY_MAX);
	list_for_each_entry(account, &accounts, node)
		zcdma_skb_flush(account->cpus);
	if (!list_empty(&accounts))
		queue_delayed_work(zcdma_wq, &look_work, look_delay);
	mutex_unlock(&accounts_lock);
}

static bool is_limited(void)
{
	return rlimit(RLIMIT_MEMLOCK) != RLIM_INFINITY && !capable(CAP_IPC_LOCK);
}

static void reclaim_now(void)
{
	mutex_lock(&accounts_lock);
	reclaim_all();
	mutex_unlock(&accounts_lock);
}

u64 zcdma_account_room(void)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long locked;

	if (!is_limited())
		return U64_MAX;
	reclaim_now();
	locked = atomic_long_read(&current_user()->locked_vm);
	return locked < limit ? (u64)(limit - locked) << PAGE_SHIFT : 0;
}

/* As xdp_umem_account_pages() does. */
static int charge(unsigned long pages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = current_user();

	if (atomic_long_add_return(pages, &user->locked_vm) <= limit || !is_limited())
		return 0;
	atomic_long_sub(pages, &user->locked_vm);
	return -EPERM;
}

const struct cred *zcdma_account_charge(unsigned long pages)
{
	return charge(pages) ? NULL : get_current_cred();
}

void zcdma_account_uncharge(const struct cred *cred, unsigned long pages)
{
	atomic_long_sub(pages, &cred->user->locked_vm);
	put_cred(cred);
}

struct zcdma_account *zcdma_account_open(unsigned long pages)
{
	struct zcdma_account *account;
	int ret;

	account = kzalloc(sizeof(*account), GFP_KERNEL_ACCOUNT);
	if (!account)
		return ERR_PTR(-ENOMEM);
	if (!zalloc_cpumask_var(&account->cpus, GFP_KERNEL_ACCOUNT)) {
		kfree(account);
		return ERR_PTR(-ENOMEM);
	}
	INIT_LIST_HEAD(&account->in_flight);
	reclaim_now();
	ret = charge(pages);
	if (ret) {
		free_cpumask_var(account->cpus);
		kfree(account);
		return ERR_PTR(ret);
	}
	account->pages = pages;
	account->cred = get_current_cred();
	return account;
}

/*
 * List the page by its .lru, which is free, as the driver's own pages are on no list of the
 * kernel's. page_is_pfmemalloc() and compound_head() look at the lowest bits of it, which stay 0.
 */
void zcdma_account_put_page(struct zcdma_account *account, struct page *page)
{
	if (page_ref_count(page) == 1) {
		put_page(page);
		return;
	}
	list_add_tail(&page->lru, &account->in_flight);
	account->in_flight_pages += compound_nr(page);
}

void zcdma_account_close(struct zcdma_account *account)
{
	if (!account->in_flight_pages) {
		free_account(account);
		return;
	}
	uncharge(account, account->pages - account->in_flight_pages);
	mutex_lock(&accounts_lock);
	list_add_tail(&account->node, &accounts);
	look_delay = LOOK_DELAY_MIN;
	mod_delayed_work(zcdma_wq, &look_work, look_delay);
	mutex_unlock(&accounts_lock);
}

/*
 * Drop pages in flight, which the last reference then frees. The module will not be there to see
 * that, so uncharge them now.
 */
static void give_up(struct zcdma_account *account)
{
	struct page *page, *next;

	pr_notice("zcdma: %lu KiB of user %u are in flight still, and no longer charged\n",
		  account->in_flight_pages << (PAGE_SHIFT - 10),
		  from_kuid(&init_user_ns, account->cred->uid));
	list_for_each_entry_safe(page, next, &account->in_flight, lru)
		drop_page(account, page);
	list_del(&account->node);
	free_account(account);
}

void zcdma_account_exit(void)
{
	struct zcdma_account *account, *next;

	cancel_delayed_work_sync(&look_work);
	mutex_lock(&accounts_lock);
	reclaim_all();
	list_for_each_entry_safe(account, next, &accounts, node)
		give_up(account);
	mutex_unlock(&accounts_lock);
}
