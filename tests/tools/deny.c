// SPDX-License-Identifier: GPL-2.0-only
/*
 * deny WHAT COMMAND...: run a command under a seccomp profile that answers EPERM to WHAT: vmsplice,
 * io-uring, splice, sendfile, so-zerocopy (the socket option), msg-zerocopy (the flag of a send); or ENOSPC
 * to fsync. WHAT:ERRNO answers that number instead.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The low half of a 64-bit argument. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#else
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n) + 4)
#endif

/* Answer @err to system call @nr where its argument @arg, masked, is @value. */
static int install(uint32_t err, uint32_t nr, unsigned arg, uint32_t mask, uint32_t value)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(arg)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static const struct {
	const char *name;
	uint32_t err, nr;
	unsigned arg;
	uint32_t mask, value;
} profiles[] = {
	{ "vmsplice", EPERM, __NR_vmsplice, 0, 0, 0 },
	{ "splice", EPERM, __NR_splice, 0, 0, 0 },
	{ "sendfile", EPERM, __NR_sendfile, 0, 0, 0 },
	{ "io-uring", EPERM, __NR_io_uring_setup, 0, 0, 0 },
	{ "so-zerocopy", EPERM, __NR_setsockopt, 2, UINT32_MAX, SO_ZEROCOPY },
	{ "msg-zerocopy", EPERM, __NR_sendto, 3, MSG_ZEROCOPY, MSG_ZEROCOPY },
	{ "fsync", ENOSPC, __NR_fsync, 0, 0, 0 },
};

int main(int argc, char **argv)
{
	const char *number = argc > 2 ? strchr(argv[1], ':') : NULL;
	size_t len = argc > 2 ? strcspn(argv[1], ":") : 0;

	for (size_t i = 0; argc > 2 && i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		if (strncmp(argv[1], profiles[i].name, len) || profiles[i].name[len])
			continue;
		if (install(number ? (uint32_t)atoi(number + 1) : profiles[i].err, profiles[i].nr,
			    profiles[i].arg, profiles[i].mask, profiles[i].value)) {
			perror("seccomp");
			return 125;
		}
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		return 127;
	}
	fprintf(stderr,
		"usage: deny vmsplice|splice|sendfile|io-uring|so-zerocopy|msg-zerocopy|fsync[:ERRNO] COMMAND...\n");
	return 125;
}
