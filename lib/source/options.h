/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The "name=value,..." of a source's spec. */
#ifndef ZCDMA_SOURCE_OPTIONS_H
#define ZCDMA_SOURCE_OPTIONS_H

#include "source/source.h"
#include "util/options.h"

/* Read @arg, which may be empty, into the source's values. Returns 0, or a negative errno. */
int zc_source_options_parse(struct zcdma_source *src, const char *arg);

#endif
