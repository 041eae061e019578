/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What helps where a system call of a path fails. */
#ifndef ZCDMA_PATH_REFUSAL_H
#define ZCDMA_PATH_REFUSAL_H

#include "internal.h"

/* Returns what helps where @call ("vmsplice", "send(MSG_ZEROCOPY)") answers @err, or NULL. */
const char *zc_call_hint(const char *call, int err);

/* Check whether @err says that the call is refused here, whatever its arguments are. */
static inline bool zc_is_refusal(int err)
{
	return err == EPERM || err == ENOSYS || err == EOPNOTSUPP;
}

#endif
