// SPDX-License-Identifier: GPL-2.0-only
/*
 * The networks that bench makes. Each is a table of commands of iproute2, run in a network namespace of
 * its own, which a user namespace makes possible without privilege: user_namespaces(7).
 */
#include "bench/net.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/status.h"
#include "bench/child.h"
#include "bench/server.h"
#include "bench/wire.h"
#include "cli/xalloc.h"
#include "cli/signals.h"

#define COMMAND(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* In place of the receiver's process, in whose namespace one end goes. */
#define PEER "PEER"

/* Where tc is: in the PATH of root alone, as a rule. */
#define SBIN ":/usr/sbin:/sbin"

static const struct bench_net nets[] = {
	{
		.name = "loopback",
		.summary = "this machine's loopback, where the kernel copies every MSG_ZEROCOPY",
		.address = "127.0.0.1",
		.receives = true,
	},
	{
		.name = "veth",
		.summary = "two network namespaces with a veth pair in between",
		.address = "10.254.254.2",
		.receives = true,
		.own = true,
		.ready = { COMMAND("ip", "link", "set", "lo", "up"),
			   COMMAND("ip", "link", "add", "zcdma0", "type", "veth", "peer", "name",
				   "zcdma1", "netns", PEER),
			   COMMAND("ip", "addr", "add", "10.254.254.1/30", "dev", "zcdma0"),
			   COMMAND("ip", "link", "set", "zcdma0", "up") },
		.peer = { COMMAND("ip", "addr", "add", "10.254.254.2/30", "dev", "zcdma1"),
			  COMMAND("ip", "link", "set", "zcdma1", "up") },
	},
	{
		.name = "blackhole",
		.summary =
			"UDP to a device that drops everything: what the sender costs, truly zero-copy",
		.address = "udp:127.0.0.1:9",
		.datagrams = true,
		.own = true,
		.ready = { COMMAND("ip", "link", "set", "lo", "up"),
			   COMMAND("tc", "qdisc", "add", "dev", "lo", "root", "blackhole") },
	},
	{
		.name = "wire",
		.summary =
			"TCP to an end that acknowledges and drops: what a truly zero-copy sender costs; needs root",
		.address = BENCH_WIRE_TO ":9",
		.own = true,
		.ready = { COMMAND("ip", "link", "set", "lo", "mtu", "1500", "up"),
			   COMMAND("ip", "addr", "add", BENCH_WIRE_FROM "/32", "dev", "lo"),
			   COMMAND("ip", "route", "add", BENCH_WIRE_TO "/32", "dev", "lo"),
			   COMMAND("tc", "qdisc", "add", "dev", "lo", "clsact") },
		.begin = bench_wire_begin,
	},
};

const struct bench_net *bench_net_at(unsigned i)
{
	return i < sizeof(nets) / sizeof(nets[0]) ? &nets[i] : NULL;
}

/* Run a command, whose messages go to our standard error. Returns 0, or an exit status after a reported error. */
static int run_command(struct report *r, const char *const *command, pid_t peer)
{
	const char *path = getenv("PATH");
	char *argv[16], id[16], paths[4096];
	int status = -1;
	pid_t pid;

	snprintf(id, sizeof(id), "%d", (int)peer);
	for (unsigned i = 0; i < 16; i++) {
		argv[i] = (char *)(command[i] && !strcmp(command[i], PEER) ? id : command[i]);
		if (!command[i])
			break;
	}
	pid = fork();
	if (!pid) {
		snprintf(paths, sizeof(paths), "%s" SBIN, path ? path : "/usr/bin:/bin");
		setenv("PATH", paths, true);
		execvp(argv[0], argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status && signals_stop())
		return signals_status(false);
	if (pid < 0 || (status && WEXITSTATUS(status) != 127))
		return report_error(r, STATUS_IMPOSSIBLE, NULL, "--net: \"%s %s %s\" failed",
				    argv[0], argv[1], argv[2]);
	return status ? report_error(r, STATUS_IMPOSSIBLE, "install iproute2",
				     "--net: %s is not installed", argv[0])
		      : STATUS_OK;
}

static int run_all(struct report *r, const char *const *const *commands, pid_t peer)
{
	int status = STATUS_OK;

	for (; *commands && !status; commands++)
		status = run_command(r, *commands, peer);
	return status;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/* A network namespace of our own; without privilege, one of a user namespace of our own. */
static int enter_own(struct report *r, const char *name)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (!unshare(CLONE_NEWNET))
		return STATUS_OK;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return report_system_error(
			r, STATUS_IMPOSSIBLE, -errno,
			"sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns and user.max_user_namespaces say who may make one; root always may",
			"--net %s: make a network namespace: %s", name, strerror(errno));
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map))
		goto err;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	if (!write_file("/proc/self/gid_map", map))
		goto err;
	return STATUS_OK;

err:
	return report_error(r, STATUS_IMPOSSIBLE, NULL, "--net %s: map the user namespace: %s",
			    name, strerror(errno));
}

/*
 * Run the receiver's process. It sends a byte when its namespace exists, waits for one that says that its
 * end of the network exists too, and then sends its address.
 */
static int receive(const struct bench_net *net, struct report *r, bool check, int sock)
{
	struct zcdma_addr addr = { .port = "0" };
	struct zcdma_ctx *ctx;
	int listener, status;
	char text[160] = "";

	if (zcdma_new(&ctx))
		return STATUS_ERROR;
	signals_watch(ctx);
	if (*net->peer && unshare(CLONE_NEWNET) < 0)
		return report_error(r, STATUS_IMPOSSIBLE, NULL,
				    "--net %s: make a second namespace: %s", net->name,
				    strerror(errno));
	if (send(sock, text, 1, MSG_NOSIGNAL) < 0 || recv(sock, text, 1, 0) != 1)
		return STATUS_ERROR;
	status = run_all(r, net->peer, 0);
	if (status)
		return status;
	snprintf(addr.host, sizeof(addr.host), "%s", net->address);
	listener = zcdma_listen(ctx, &addr);
	if (listener < 0)
		return report_ctx_error(r, STATUS_ERROR, ctx, listener);
	zcdma_sockname(listener, false, text, sizeof(text));
	if (send(sock, text, sizeof(text), MSG_NOSIGNAL) < 0)
		return STATUS_ERROR;
	return bench_peer_serve(ctx, &listener, 1, check);
}

static int start_receiver(const struct bench_net *net, struct report *r, bool check, pid_t *pid,
			  int *sock)
{
	int ends[2];
	char word;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		goto err;
	*pid = bench_fork();
	if (*pid < 0)
		goto err;
	if (!*pid) {
		close(ends[0]);
		_exit(receive(net, r, check, ends[1]));
	}
	close(ends[1]);
	*sock = ends[0];
	return recv(*sock, &word, 1, 0) == 1 ? STATUS_OK : STATUS_IMPOSSIBLE;

err:
	return report_system_error(r, STATUS_ERROR, -errno, NULL, "--net %s: start a receiver: %s",
				   net->name, strerror(errno));
}

int bench_net_enter(const struct bench_net *net, struct report *r, bool check, char *to, size_t len)
{
	int status = net->own ? enter_own(r, net->name) : STATUS_OK;
	int sock = -1;
	pid_t pid = 0;

	if (!status && net->receives)
		status = start_receiver(net, r, check, &pid, &sock);
	if (!status)
		status = run_all(r, net->ready, pid);
	if (!status && net->begin)
		status = net->begin(r);
	if (status)
		return status;
	if (!net->receives) {
		snprintf(to, len, "%s", net->address);
		return STATUS_OK;
	}
	if (send(sock, "", 1, MSG_NOSIGNAL) != 1 || recv(sock, to, len, 0) <= 0)
		return report_error(r, STATUS_ERROR, NULL, "--net %s: the receiver did not start",
				    net->name);
	/* Stays open: it is the receiver's, until we end. */
	return STATUS_OK;
}
