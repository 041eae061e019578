/* SPDX-License-Identifier: GPL-2.0-only */
/* A file of metrics, which a monitoring system reads while the run goes on. */
#ifndef CLI_METRICS_H
#define CLI_METRICS_H

#include <stdbool.h>

#include "cli/figures.h"

/*
 * Check that @name is free, or of such a file or an empty one, and that a file can be made in its folder. Nothing is there
 * afterwards that was not before. Returns 0, -EEXIST, or another negative errno.
 */
int metrics_check(const char *name);

/*
 * Write the figures of @applet to the file @name in the format of OpenMetrics, in one step for its readers. @running is
 * false at the end. Returns 0 or a negative errno; then an older file is as it was.
 */
int metrics_write(const char *name, const char *applet, const struct figures *now, bool running);

#endif
