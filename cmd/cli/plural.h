/* SPDX-License-Identifier: GPL-2.0-only */
/* Words that differ between one thing and several, in messages. */
#ifndef CLI_PLURAL_H
#define CLI_PLURAL_H

#include <stdint.h>

/* The end of a noun. */
static inline const char *plural_s(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static inline const char *plural_are(uint64_t count)
{
	return count == 1 ? "is" : "are";
}

static inline const char *plural_were(uint64_t count)
{
	return count == 1 ? "was" : "were";
}

#endif
