/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a send may pin of its block: the limit, and sends that are as large as it lets them be. */
#ifndef ZCDMA_PATH_PIN_LIMIT_H
#define ZCDMA_PATH_PIN_LIMIT_H

#include "internal.h"

struct zc_pin_limit {
	size_t least;  /* bytes per send that make sense */
	size_t most;   /* and that are allowed; halved where the limit refuses more ... */
	unsigned good; /* completions since then; enough of them double it */
};

/* Start without a limit. @whole: the bytes of a datagram, which cannot be sent in part, or 0. */
void zc_pin_limit_init(struct zc_pin_limit *p, size_t whole);

/* Lower the limit, as a send of @len bytes was refused with nothing in flight. Returns false if it cannot be lowered. */
bool zc_pin_limit_lower(struct zc_pin_limit *p, size_t len);

/* Count completed sends. */
void zc_pin_limit_completed(struct zc_pin_limit *p, unsigned sends);

/* Format RLIMIT_MEMLOCK for a message, "8.00 MiB". Returns @buf or a constant. */
const char *zc_memlock_limit(char *buf, size_t len);

#endif
