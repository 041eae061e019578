// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiver of a bench. It reads as any program would, into memory, and when the stream has ended it
 * answers on the same connection what that cost: so no second connection is needed, and another receiver,
 * such as verify --listen, will do.
 */
#include "bench_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "signals.h"

/* As much as iperf3 reads at a time. */
#define READ_BYTES (128 << 10)

/* Read to the end. The bytes; *@good: what @check, unless NULL, thinks of them. */
static uint64_t read_all(int fd, struct zcdma_check *check, bool *good)
{
	static char buf[READ_BYTES];
	uint64_t bytes = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		bytes += (uint64_t)n;
		if (check && zcdma_check_feed(check, buf, (size_t)n))
			*good = false;
	}
	*good &= !n;
	return bytes;
}

static bool is_correct(struct zcdma_check *check)
{
	struct zcdma_check_result result;

	if (zcdma_check_end(check))
		return false;
	zcdma_check_get_result(check, &result);
	return !result.faults;
}

static void take(int fd, bool wanted)
{
	struct zcdma_check *check = NULL;
	struct zcdma_ctx *ctx;
	bool good = true;
	uint64_t bytes;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	if (wanted && (zcdma_new(&ctx) || zcdma_check_pattern(ctx, 0, &check)))
		return;
	bytes = read_all(fd, check, &good);
	good &= !check || is_correct(check);
	dprintf(fd, "{\"received_bytes\": %llu, \"cpu_seconds\": %.6f, \"correct\": %s}\n",
		(unsigned long long)bytes, cpu_seconds(RUSAGE_SELF),
		!check ? "null"
		: good ? "true"
		       : "false");
}

int bench_peer_serve(struct zcdma_ctx *ctx, int listener, bool check)
{
	while (!signals_stop()) {
		int fd = zcdma_accept(ctx, listener, NULL, 0);
		pid_t pid;

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (fd == -EINTR)
			zcdma_resume(ctx);
		if (fd < 0 && fd != -EINTR)
			return fd;
		if (fd < 0)
			continue;
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			/* A sender that is stopped ends its stream, and wants the answer. */
			signal(SIGINT, SIG_IGN);
			take(fd, check);
			_exit(0);
		}
		close(fd);
	}
	return 0;
}
