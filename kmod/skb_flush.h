/* SPDX-License-Identifier: GPL-2.0-only */
/* Free the packets that processors keep for later. */
#ifndef ZCDMA_SKB_FLUSH_H
#define ZCDMA_SKB_FLUSH_H

#include <linux/cpumask.h>

#ifdef ZCDMA_SKB_FLUSH
int zcdma_skb_flush_init(void);
void zcdma_skb_flush_exit(void);
/* Make these processors free the packets that they keep now. Does not wait for it. May sleep. */
void zcdma_skb_flush(const struct cpumask *cpus);
/* The same of all that are not isolated. */
void zcdma_skb_flush_all(void);
#else
static inline int zcdma_skb_flush_init(void)
{
	return 0;
}

static inline void zcdma_skb_flush_exit(void)
{
}

static inline void zcdma_skb_flush(const struct cpumask *cpus)
{
}

static inline void zcdma_skb_flush_all(void)
{
}
#endif

#endif /* ZCDMA_SKB_FLUSH_H */
