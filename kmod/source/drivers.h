/* SPDX-License-Identifier: GPL-2.0-only */
/* The drivers whose devices have a ring. Each comes and goes with the module. */
#ifndef ZCDMA_DRIVERS_H
#define ZCDMA_DRIVERS_H

#include <linux/pci.h>

int zcdma_sim_init(void);
void zcdma_sim_exit(void);

extern struct pci_driver zcdma_edu_driver;

static inline int zcdma_edu_init(void)
{
	return IS_ENABLED(CONFIG_PCI) ? pci_register_driver(&zcdma_edu_driver) : 0;
}

static inline void zcdma_edu_exit(void)
{
	if (IS_ENABLED(CONFIG_PCI))
		pci_unregister_driver(&zcdma_edu_driver);
}

#ifdef CONFIG_DMA_ENGINE
int zcdma_dmaengine_init(void);
void zcdma_dmaengine_exit(void);
#else
static inline int zcdma_dmaengine_init(void)
{
	return 0;
}

static inline void zcdma_dmaengine_exit(void)
{
}
#endif

#endif /* ZCDMA_DRIVERS_H */
