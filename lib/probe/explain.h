/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the answers of a mapping mean. */
#ifndef ZCDMA_PROBE_EXPLAIN_H
#define ZCDMA_PROBE_EXPLAIN_H

#include "probe/mapping.h"

/* Returns whether the method answered EFAULT. */
bool zc_probe_has_efault(const struct zcdma_probe *p, enum zcdma_method method);

/* Set the cause of an EFAULT in @p, and a hint. */
void zc_probe_explain(const struct zc_mapping *m, struct zcdma_probe *p);

#endif
