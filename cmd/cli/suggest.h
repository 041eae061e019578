/* SPDX-License-Identifier: GPL-2.0-only */
/* What may have been meant by a name that does not exist. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

/* No suggestion is made for a longer name. */
#define SUGGEST_LONGEST 64

/* Start with {.to = NAME}. .name is the best of the candidates until now, or NULL if none is near. */
struct suggestion {
	const char *to;
	const char *name;
	size_t distance;
};

/* Take @candidate if it is nearer than those before. */
void suggest_try(struct suggestion *s, const char *candidate);

#endif
