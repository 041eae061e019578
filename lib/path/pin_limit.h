/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a send may pin of its block: the limit, and sends that are as large as it lets them be. */
#ifndef ZCDMA_PATH_PIN_LIMIT_H
#define ZCDMA_PATH_PIN_LIMIT_H

#include "internal.h"

struct zc_pinning {
	size_t least;  /* bytes per send that make sense */
	size_t most;   /* and that are allowed; halved where the limit refuses more ... */
	unsigned good; /* ... and doubled after so many completions */
};

/* @whole: what cannot be sent in part, a datagram; or 0. */
void zc_pinning_init(struct zc_pinning *p, size_t whole);

/* A send of @len bytes was refused though nothing is in flight. False where less makes no sense. */
bool zc_pinning_less(struct zc_pinning *p, size_t len);

/* So many sends have completed. */
void zc_pinning_completed(struct zc_pinning *p, unsigned sends);

/* RLIMIT_MEMLOCK for a message, "8.00 MiB", in @buf or a constant. */
const char *zc_memlock_limit(char *buf, size_t len);

#endif
