// SPDX-License-Identifier: LGPL-2.1-or-later
/* What helps where a system call of a path fails: one table. */
#include <string.h>

#include "path/refusal.h"

#define POLICY "a seccomp profile or another policy forbids it"

#define VMSPLICE \
	"use --path=copy or --path=splice: a seccomp profile or this kernel forbids vmsplice"
#define SPLICE	 "use --path=copy: a seccomp profile or this kernel forbids splice"
#define SENDFILE "use --path=copy: a seccomp profile or this kernel forbids sendfile"
#define SEND_ZC \
	"use --path=copy: this kind of socket takes no zero-copy sends, nor does kTLS on top of TCP"
#define URING "use --path=zerocopy or --path=copy, which do without io_uring"

/* The first line that fits counts. No call: any. */
static const struct {
	const char *call;
	int err;
	const char *hint;
} hints[] = {
	{ "vmsplice", EPERM, VMSPLICE },
	{ "vmsplice", ENOSYS, VMSPLICE },
	{ "vmsplice", EOPNOTSUPP, VMSPLICE },
	{ "splice", EPERM, SPLICE },
	{ "splice", ENOSYS, SPLICE },
	{ "splice", EOPNOTSUPP, SPLICE },
	{ "sendfile", EPERM, SENDFILE },
	{ "sendfile", ENOSYS, SENDFILE },
	{ "sendfile", EOPNOTSUPP, SENDFILE },
	{ "sendfile", EINVAL,
	  "use --path=copy or --path=splice: what it goes to takes no sendfile, or this kernel takes no device for it, as those before Linux 5.19" },
	{ "setsockopt(SO_ZEROCOPY)", EPERM, POLICY },
	{ "setsockopt(SO_ZEROCOPY)", EACCES, POLICY },
	{ "setsockopt(SO_ZEROCOPY)", EOPNOTSUPP, SEND_ZC },
	{ "setsockopt(SO_ZEROCOPY)", ENOPROTOOPT,
	  "use --path=copy: MSG_ZEROCOPY came with Linux 4.14 for TCP, and with 5.0 for UDP" },
	{ "send(MSG_ZEROCOPY)", EPERM, POLICY },
	{ "send(MSG_ZEROCOPY)", ENOSYS, POLICY },
	/* tls_sw_sendmsg() in net/tls/tls_sw.c */
	{ "send(MSG_ZEROCOPY)", EOPNOTSUPP, SEND_ZC },
	{ "io_uring SEND_ZC", EPERM, URING },
	{ "io_uring SEND_ZC", ENOSYS, URING },
	{ "io_uring SEND_ZC", EOPNOTSUPP, SEND_ZC },
	{ "io_uring_enter", EPERM, URING },
	{ "io_uring_enter", ENOSYS, URING },
	{ "io_uring_enter", EOPNOTSUPP, URING },
	{ "io_uring_setup", EPERM, URING },
	{ "io_uring_setup", ENOSYS, URING },
	{ "io_uring_setup", EOPNOTSUPP, URING },
	{ "io_uring_setup", ENOMEM, "raise it: ulimit -l" },
	{ NULL, EPIPE, "the reader closed its end; anything it had not read is lost" },
	{ NULL, ECONNRESET, "the receiver went away; anything it had not read is lost" },
	{ NULL, EMSGSIZE, "the way there takes smaller packets by now: give a smaller --datagram" },
	{ NULL, ETIMEDOUT, "the receiver's machine no longer answers" },
	{ NULL, EINVAL, "what it goes to does not take this path; --path=copy goes everywhere" },
};

const char *zc_call_hint(const char *call, int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].err == err && (!hints[i].call || !strcmp(hints[i].call, call)))
			return hints[i].hint;
	}
	return NULL;
}
