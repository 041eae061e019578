// SPDX-License-Identifier: LGPL-2.1-or-later
/* Why io_uring cannot be used. */
#include <string.h>

#include "path/pin_limit.h"
#include "path/refusal.h"
#include "path/uring_compat.h"

static bool switched_off(char *value, size_t len)
{
	return zc_read_line("/proc/sys/kernel/io_uring_disabled", value, len) && value[0] != '0';
}

const char *zc_uring_refused(int err, char *buf, size_t len)
{
	char value[32];

	if (!ZC_HAVE_URING)
		snprintf(buf, len, "this zcdma was built without liburing");
	else if (err == ENOSYS || err == EOPNOTSUPP)
		snprintf(buf, len, "this kernel has no io_uring");
	else if (err == ENOMEM)
		snprintf(buf, len, "no memory for an io_uring: RLIMIT_MEMLOCK is %s",
			 zc_memlock_limit(value, sizeof(value)));
	else if (err == EPERM && switched_off(value, sizeof(value)))
		snprintf(buf, len, "io_uring is switched off: kernel.io_uring_disabled is %s",
			 value);
	else if (err == EPERM)
		snprintf(
			buf, len,
			"io_uring is refused, by a seccomp profile (containers have one) or a security module");
	else
		snprintf(buf, len, "no io_uring: %s", strerror(err));
	return buf;
}

int zc_uring_fail(struct zcdma_ctx *ctx, int err)
{
	const char *hint = zc_call_hint("io_uring_setup", err);
	char why[160];

	zc_fail_plain(ctx, err, "%s", zc_uring_refused(err, why, sizeof(why)));
	if (hint)
		zc_hint(ctx, "%s", hint);
	return err == ENOMEM ? -ENOMEM : -EOPNOTSUPP;
}
