/* SPDX-License-Identifier: GPL-2.0-only */
/* Charge the memory of a ring to a user, for as long as anything refers to it. */
#ifndef ZCDMA_ACCOUNT_H
#define ZCDMA_ACCOUNT_H

#include <linux/cpumask.h>
#include <linux/list.h>
#include <linux/types.h>

struct cred;
struct page;

struct zcdma_account {
	struct list_head node;		/* once its ring is gone */
	const struct cred *cred;	/* whose user's RLIMIT_MEMLOCK pays */
	unsigned long pages;		/* charged */
	struct list_head in_flight;	/* pages that outlived their ring, by page->lru, */
	unsigned long in_flight_pages;	/* ... and how many they are */
	cpumask_var_t cpus;		/* that took part in the ring's calls */
};

/* Drop and uncharge what is still in flight when the module goes, and log it. */
void zcdma_account_exit(void);

/*
 * Return the bytes that the current user may still be charged with; U64_MAX is unlimited.
 */
u64 zcdma_account_room(void);

/*
 * Charge @pages to the current user. Returns the account, -EPERM beyond RLIMIT_MEMLOCK, or -ENOMEM.
 */
struct zcdma_account *zcdma_account_open(unsigned long pages);

/*
 * Charge @pages that are not of a ring to the current user. Returns who pays, for
 * zcdma_account_uncharge(), which runs in any context; or NULL beyond RLIMIT_MEMLOCK.
 */
const struct cred *zcdma_account_charge(unsigned long pages);
void zcdma_account_uncharge(const struct cred *cred, unsigned long pages);

/*
 * Drop the driver's reference to a page, or a compound page, that is mapped nowhere any more. While
 * something else refers to it, it stays charged.
 */
void zcdma_account_put_page(struct zcdma_account *account, struct page *page);

/*
 * Uncharge the memory of a ring that is gone: pages in flight once their last reference is dropped.
 */
void zcdma_account_close(struct zcdma_account *account);

#endif /* ZCDMA_ACCOUNT_H */
