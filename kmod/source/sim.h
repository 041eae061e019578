/* SPDX-License-Identifier: GPL-2.0-only */
/* The source sim: a thread that stands in for a device. */
#ifndef ZCDMA_SIM_H
#define ZCDMA_SIM_H

#include "source.h"

extern const struct zcdma_source_ops zcdma_source_sim;

#endif /* ZCDMA_SIM_H */
