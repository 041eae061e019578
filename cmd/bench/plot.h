/* SPDX-License-Identifier: GPL-2.0-only */
/* A sweep as a picture. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include "bench/stats.h"

/* Check before anything is measured that a plot can be drawn into @path. Returns 0 or an exit status. */
int bench_plot_check(struct report *r, bool sweep, const char *path);

/* Draw the rows of a sweep into the SVG file @path. Returns 0 or an exit status. */
int bench_plot(struct report *r, const struct bench_rows *rows, const char *path);

#endif
