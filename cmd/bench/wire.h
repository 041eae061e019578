/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a wire: what is sent to it by TCP is acknowledged and dropped. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include "cli/report.h"

/* The addresses of the two ends, of which the first is ours. */
#define BENCH_WIRE_FROM "10.254.254.1"
#define BENCH_WIRE_TO	"10.254.254.2"

/*
 * Answer all TCP that goes to BENCH_WIRE_TO through the loopback of this network namespace, which has the qdisc clsact,
 * until this process ends. Returns 0, or an exit status after a reported error.
 */
int bench_wire_begin(struct report *r);

#endif
