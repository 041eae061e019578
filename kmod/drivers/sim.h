/* SPDX-License-Identifier: GPL-2.0-only */
/* What a simulated device does. Its zcdma_stream.priv is its struct device. */
#ifndef ZCDMA_SIM_H
#define ZCDMA_SIM_H

#include <linux/zcdma_device.h>

extern const struct zcdma_device_ops zcdma_sim_ops;

#endif /* ZCDMA_SIM_H */
