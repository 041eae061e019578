/* SPDX-License-Identifier: GPL-2.0-only */
/* The drivers whose devices have a ring. Each comes and goes with the module. */
#ifndef ZCDMA_DRIVERS_H
#define ZCDMA_DRIVERS_H

int zcdma_sim_init(void);
void zcdma_sim_exit(void);

#endif /* ZCDMA_DRIVERS_H */
