/* SPDX-License-Identifier: GPL-2.0-only */
/* What network interfaces can do: a table for each. */
#ifndef PROBE_INTERFACES_H
#define PROBE_INTERFACES_H

#include <zcdma.h>

#include "cli/report.h"

/* Returns whether @arg is an interface's name, and not a path: it has no slash, and no file of the folder has it. */
bool is_interface(const char *arg);

/* Report the interfaces with these names, up to a NULL. Returns 0, or a negative errno with the context's error set. */
int report_interfaces(struct report *r, struct zcdma_ctx *ctx, const char *const *names);

#endif
