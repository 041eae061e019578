// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a send may pin of its block: the limit, and sends that are as large as it lets them be. */
#include <sys/resource.h>

#include "path/pin_limit.h"

/* The smallest send that is worth its completion, when the kernel's limits are tight. */
#define LEAST_SEND 4096
/* Completions after which a larger send is tried again. */
#define GROW_AFTER 64

void zc_pin_limit_init(struct zc_pin_limit *p, size_t whole)
{
	*p = (struct zc_pin_limit){ .least = zc_max(LEAST_SEND, whole), .most = SIZE_MAX };
}

bool zc_pin_limit_lower(struct zc_pin_limit *p, size_t len)
{
	if (len <= p->least)
		return false;
	p->most = len / 2 < p->least ? p->least : len / 2 - len / 2 % LEAST_SEND;
	p->good = 0;
	return true;
}

void zc_pin_limit_completed(struct zc_pin_limit *p, unsigned sends)
{
	p->good += sends;
	if (p->good < GROW_AFTER || p->most > SIZE_MAX / 2)
		return;
	p->most *= 2;
	p->good = 0;
}

const char *zc_memlock_limit(char *buf, size_t len)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return "unknown";
	if (limit.rlim_cur == RLIM_INFINITY)
		return "unlimited";
	return zcdma_size_format(limit.rlim_cur, buf, len);
}
