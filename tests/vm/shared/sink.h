/* SPDX-License-Identifier: GPL-2.0-only */
/* The simulated device that plays, and says what it found. All end a test that fails. */
#ifndef SINK_H
#define SINK_H

#include <stddef.h>
#include <stdint.h>

#include "ring.h"

/* Write the pattern that the sink expects from @offset of its stream on. */
void sink_fill(void *to, size_t len, uint64_t offset);

/* Expect an attribute of the sink in sysfs to have a value. */
void sink_expect(const char *name, const char *value);

/* Expect it to have played @bytes, all of them right. */
void sink_expect_played(const struct ring *r, uint64_t bytes);

#endif /* SINK_H */
