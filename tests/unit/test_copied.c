// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is claimed of the kernel's copies, against the truth: a block is sent, the receiver's kernel has
 * acknowledged it, the block is changed, and only then the receiver reads. The old bytes were copied,
 * the new ones were not. Each row is a route made of virtual devices, in namespaces of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "path/path.h"
#include "path/selftest.h"
#include "namespace.h"
#include "lab.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define BLOCK	 32768
#define LIMIT_MS 10000

/* A test's child ends with one of these. */
enum { PASSED, FAILED, IMPOSSIBLE = 77 };

static struct zcdma_ctx *ctx;
static int out = -1, in = -1; /* the sender's socket and the receiver's */

/*
 * Namespaces: the sender's, and one for the receiver
 */

static int sender_ns, receiver_ns;

/* Returns the namespace, which is the process's from now on. */
static int new_namespace(void)
{
	int fd;

	if (!enter_namespace())
		_exit(IMPOSSIBLE);
	fd = open("/proc/self/ns/net", O_RDONLY);
	return fd < 0 ? (_exit(IMPOSSIBLE), -1) : fd;
}

static void enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		_exit(IMPOSSIBLE);
}

/* A veth @name with an end in the receiver's namespace. */
static void make_veth(const char *name)
{
	if (!shell("ip link add %s type veth peer name r%s netns /proc/self/fd/%d && ip link set %s up",
		   name, name, receiver_ns, name))
		_exit(IMPOSSIBLE);
	enter(receiver_ns);
	if (!shell("ip link set r%s up", name))
		_exit(IMPOSSIBLE);
	enter(sender_ns);
}

static void switch_off(const char *name, unsigned feature)
{
	struct ethtool_value value = { .cmd = feature, .data = 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq ifr = { .ifr_data = (void *)&value };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, SIOCETHTOOL, &ifr) < 0)
		_exit(IMPOSSIBLE);
	close(fd);
}

#define FROM "10.99.0.1"
#define TO   "10.99.0.2"

/* The receiver's address on the far end of the veth @port, the sender's on @device. */
static void give_addresses(const char *device, const char *port)
{
	if (!shell("ip addr add " FROM "/24 dev %s && ip link set %s up", device, device))
		_exit(IMPOSSIBLE);
	enter(receiver_ns);
	if (!shell("ip addr add " TO "/24 dev r%s", port))
		_exit(IMPOSSIBLE);
	enter(sender_ns);
}

/*
 * Routes
 */

static void over_loopback(void)
{
}

static void over_veth(void)
{
	make_veth("v0");
	give_addresses("v0", "v0");
}

static void without_scatter_gather(void)
{
	over_veth();
	switch_off("v0", ETHTOOL_SSG);
}

static void without_checksums(void)
{
	over_veth();
	switch_off("v0", ETHTOOL_STXCSUM);
}

static void bridge_of(unsigned ports, unsigned off)
{
	char name[] = "v0";

	if (!shell("ip link add br0 type bridge forward_delay 0"))
		_exit(IMPOSSIBLE);
	for (unsigned i = 0; i < ports; i++) {
		name[1] = (char)('0' + i);
		make_veth(name);
		if (i < off)
			switch_off(name, ETHTOOL_SSG);
		if (!shell("ip link set %s master br0", name))
			_exit(IMPOSSIBLE);
	}
	give_addresses("br0", "v0");
}

static void bridge(void)
{
	bridge_of(1, 0);
}

static void bridge_without_scatter_gather(void)
{
	bridge_of(1, 1);
}

static void bridge_of_two_kinds(void)
{
	bridge_of(2, 1);
}

static void macvlan_of(bool off)
{
	make_veth("v0");
	if (off)
		switch_off("v0", ETHTOOL_SSG);
	if (!shell("ip link add m0 link v0 type macvlan mode bridge"))
		_exit(IMPOSSIBLE);
	give_addresses("m0", "v0");
}

static void macvlan(void)
{
	macvlan_of(false);
}

static void macvlan_without_scatter_gather(void)
{
	macvlan_of(true);
}

static void small_route(void)
{
	over_loopback();
	if (!shell("ip route change local 127.0.0.1 dev lo table local mtu 1400"))
		_exit(IMPOSSIBLE);
}

/*
 * A connection
 */

static int new_socket(int protocol)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);

	return fd < 0 ? (_exit(IMPOSSIBLE), -1) : fd;
}

static void connect_to(const char *host, int protocol, bool far)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int fd;

	(void)inet_pton(AF_INET, host, &sa.sin_addr);
	if (far)
		enter(receiver_ns);
	fd = new_socket(protocol);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	enter(sender_ns);
	out = new_socket(protocol);
	assert_int_equal(connect(out, (struct sockaddr *)&sa, len), 0);
	in = accept(fd, NULL, NULL);
	assert_true(in >= 0);
	assert_int_equal(fcntl(out, F_SETFL, O_NONBLOCK), 0);
	close(fd);
}

/*
 * Claim and truth
 */

struct result {
	enum zc_copied_verdict claim, truth; /* of the truth, UNKNOWN is a mixture */
	char why[192];
};

static void wait_acknowledged(void)
{
	uint64_t end = zc_now_ns() + LIMIT_MS * UINT64_C(1000000);
	int left = 1;

	while (!ioctl(out, SIOCOUTQ, &left) && left) {
		assert_true(zc_now_ns() < end); /* the receiver's kernel takes a block */
		poll(NULL, 0, 1);
	}
}

static void reap(struct zcdma_path *path)
{
	struct zcdma_path_stats s;
	struct zcdma_block b;

	for (;;) {
		while (zc_path_reap(path, &b))
			;
		zcdma_path_get_stats(path, &s, sizeof(s));
		if (!s.pending_blocks)
			return;
		assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_COMPLETION, LIMIT_MS), 0);
	}
}

static enum zc_copied_verdict read_truth(unsigned char old, unsigned char new)
{
	size_t olds = 0, news = 0, got = 0;
	unsigned char buf[BLOCK];

	while (got < BLOCK) {
		struct pollfd p = { .fd = in, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
		n = recv(in, buf, sizeof(buf), 0);
		assert_true(n > 0);
		got += (size_t)n;
		for (ssize_t i = 0; i < n; i++) {
			olds += buf[i] == old;
			news += buf[i] == new;
		}
	}
	return olds == BLOCK ? ZC_COPIED_ALL : news == BLOCK ? ZC_COPIED_NONE : ZC_COPIED_UNKNOWN;
}

static enum zc_copied_verdict claim_of(const struct zcdma_path_stats *s)
{
	uint64_t copied = s->copied_bytes + s->fell_back_bytes;

	assert_int_equal(s->bytes, BLOCK);
	return s->unknown_bytes	 ? ZC_COPIED_UNKNOWN
	       : copied == BLOCK ? ZC_COPIED_ALL
	       : copied		 ? ZC_COPIED_UNKNOWN
				 : ZC_COPIED_NONE;
}

/* Send a block of 'A's along the path, and change it to 'B's before the receiver reads. */
static struct result measure(const struct zcdma_path_type *type)
{
	struct result res = { .why = "" };
	struct zcdma_path_stats s;
	struct zcdma_source *src;
	struct zcdma_path *path;
	struct zcdma_block b;
	int rc;

	assert_int_equal(
		lab_open(ctx, "sim:blocks=2,block=32K,fill=once", zc_path_uses(type), &src), 0);
	assert_int_equal(lab_path(ctx, type, src, out, ZCDMA_FALLBACK_KEEP, &path), 0);
	assert_int_equal(zcdma_source_start(src), 0);
	while ((rc = zc_source_take(src, 0, &b)) == -EAGAIN)
		assert_int_equal(zc_wait(ctx, src, NULL, ZC_WAIT_BLOCK, LIMIT_MS), 0);
	assert_int_equal(rc, 1);
	memset((void *)b.data, 'A', BLOCK);
	while ((rc = zc_path_try(path, &b)) == ZC_SENT_BUSY)
		assert_int_equal(zc_wait(ctx, NULL, path, ZC_WAIT_ROOM, LIMIT_MS), 0);
	assert_true(rc >= 0);
	wait_acknowledged();
	memset((void *)b.data, 'B', BLOCK);
	res.truth = read_truth('A', 'B');
	reap(path);
	zcdma_path_get_stats(path, &s, sizeof(s));
	res.claim = claim_of(&s);
	snprintf(res.why, sizeof(res.why), "%s", s.copies_reason ?: "");
	zcdma_path_close(path);
	zcdma_source_close(src);
	return res;
}

/*
 * The table
 */

struct row {
	void (*make)(void); /* the devices */
	int protocol;
	bool far;		      /* the receiver is in its own namespace */
	enum zc_copied_verdict claim; /* what has to be claimed of pages that are passed on */
	const char *why;	      /* a part of the reason */
};

static const char *const names[] = { "none copied", "unknown", "all copied" };

static bool is_wrong(const struct row *row, const struct zcdma_path_type *type,
		     const struct result *res)
{
	/* Completions know of a copy where the receiver is on this machine. */
	bool told = type->reports_copied && res->claim == ZC_COPIED_ALL;

	print_message("%s: %s is claimed%s%s, %s is true\n", type->name, names[res->claim],
		      res->why[0] ? ", as " : "", res->why, names[res->truth]);
	if (res->claim != ZC_COPIED_UNKNOWN && res->claim != res->truth)
		return true;
	return !told && (res->claim != row->claim || !strstr(res->why, row->why));
}

static const struct row *current;

static void run_row(void)
{
	const struct row *row = current;
	bool wrong = false;

	receiver_ns = new_namespace();
	sender_ns = new_namespace();
	row->make();
	assert_int_equal(zcdma_new(&ctx), 0);
	for (unsigned i = 0; zcdma_path_type_at(i); i++) {
		const struct zcdma_path_type *type = zcdma_path_type_at(i);
		struct result res;

		if (!(type->required_caps & ~ZCDMA_CAP_MEMORY) || zcdma_path_probe(ctx, type))
			continue; /* copy and null pass nothing on */
		if (row->protocol == IPPROTO_MPTCP && type->reports_copied)
			continue; /* refused there */
		connect_to(row->far ? TO : "127.0.0.1", row->protocol, row->far);
		res = measure(type);
		wrong |= is_wrong(row, type, &res);
		close(in);
		close(out);
	}
	zcdma_free(ctx);
	_exit(wrong ? FAILED : PASSED);
}

static void in_child(void (*run)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		run();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == IMPOSSIBLE) {
		print_message("this machine has no such namespaces or devices\n");
		skip();
	}
	assert_int_equal(status, PASSED);
}

static void test_row(void **state)
{
	current = *state;
	in_child(run_row);
}

/*
 * Counting
 */

static struct zcdma_path_stats count(const char *which, enum zc_copied_verdict copied,
				     struct zcdma_path_stats stats)
{
	const struct zc_path_ops *ops = (const struct zc_path_ops *)zcdma_path_find(which);
	static struct zc_copied c; /* the reason in the result is its own */

	c = (struct zc_copied){ .copied = copied, .why = "a reason" };
	zc_copied_count(&c, ops->type.reports_copied, &stats);
	return stats;
}

/* A completion knows what its socket did, and not what a device did below. */
static void test_completions_do_not_outweigh_the_device(void **state)
{
	const struct zcdma_path_stats told = { .bytes = 100,
					       .calls = 10,
					       .zerocopy_bytes = 50,
					       .zerocopy_calls = 5,
					       .fell_back_bytes = 20,
					       .fell_back_calls = 2,
					       .copied_bytes = 20,
					       .copied_calls = 2,
					       .pending_bytes = 10,
					       .pending_calls = 1 };
	struct zcdma_path_stats s = count("zerocopy", ZC_COPIED_NONE, told);

	(void)state;
	assert_int_equal(s.zerocopy_bytes, 50);
	assert_null(s.copies_reason);
	s = count("zerocopy", ZC_COPIED_ALL, told);
	assert_int_equal(s.zerocopy_bytes + s.zerocopy_calls + s.unknown_bytes, 0);
	assert_int_equal(s.fell_back_bytes, 70);
	assert_int_equal(s.fell_back_calls, 7);
	assert_string_equal(s.copies_reason, "a reason");
	s = count("uring", ZC_COPIED_UNKNOWN, told);
	assert_int_equal(s.zerocopy_bytes + s.zerocopy_calls, 0);
	assert_int_equal(s.unknown_bytes, 50);
	assert_int_equal(s.unknown_calls, 5);
	assert_int_equal(s.fell_back_bytes, 20);
	assert_string_equal(s.copies_reason, "a reason");
}

static void test_what_was_copied_by_the_call_is_known(void **state)
{
	const struct zcdma_path_stats copied = { .bytes = 100, .copied_bytes = 100 };
	struct zcdma_path_stats s = count("zerocopy", ZC_COPIED_UNKNOWN, copied);

	(void)state;
	assert_int_equal(s.unknown_bytes, 0);
	assert_null(s.copies_reason);
}

/*
 * The kernel itself
 */

/* Ours moves pages; one that does not is found by the same trial, which the bats tests hold. */
static void test_this_kernel(void **state)
{
	(void)state;
	print_message("vmsplice %d, splice from a memfd %d, into a socket %d\n",
		      zc_vmsplice_copies(), zc_memfd_splice_copies(), zc_socket_splice_copies());
	assert_in_range(zc_vmsplice_copies() + 1, 1, 2);
	assert_in_range(zc_memfd_splice_copies() + 1, 1, 2);
}

/* clang-format off */
#define ROW(name, ...) { #name, test_row, NULL, NULL, &(struct row){ name, __VA_ARGS__ } }
/* clang-format on */

/* Check that of a file that is not in the page cache it is unknown, and of one that is, known. */
static void the_file_of_a_source(void **state)
{
	const struct zc_sink sink = { .kind = ZC_SINK_PIPE, .fd = -1 };
	const int fds[] = { open("/proc/self/status", O_RDONLY | O_CLOEXEC),
			    memfd_create("file", MFD_CLOEXEC) };
	static const enum zc_copied_verdict verdicts[] = { ZC_COPIED_UNKNOWN, ZC_COPIED_NONE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		const struct zc_block_route route = { .takes = ZC_TAKES_FILE,
						      .source_fd = fds[i],
						      .source_name = "it",
						      .sink = &sink };
		struct zc_copied c;

		assert_true(fds[i] >= 0);
		zc_copied_look(&c, &route);
		/* Where splice() copies, it does so from a file in the page cache too. */
		if (i && zc_memfd_splice_copies())
			continue;
		assert_int_equal(c.copied, verdicts[i]);
		close(fds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(over_loopback, IPPROTO_TCP, false, ZC_COPIED_NONE, ""),
		{ "mptcp", test_row, NULL, NULL,
		  &(struct row){ over_loopback, IPPROTO_MPTCP, false, ZC_COPIED_ALL, "MPTCP" } },
		ROW(small_route, IPPROTO_TCP, false, ZC_COPIED_UNKNOWN, "MTU of the route is 1400"),
		ROW(over_veth, IPPROTO_TCP, true, ZC_COPIED_UNKNOWN, "v0, a veth"),
		ROW(without_scatter_gather, IPPROTO_TCP, true, ZC_COPIED_ALL,
		    "v0 has no scatter-gather"),
		ROW(without_checksums, IPPROTO_TCP, true, ZC_COPIED_ALL,
		    "v0 leaves checksums to the kernel"),
		ROW(bridge, IPPROTO_TCP, true, ZC_COPIED_UNKNOWN, "v0, a veth"),
		ROW(bridge_without_scatter_gather, IPPROTO_TCP, true, ZC_COPIED_ALL,
		    "no scatter-gather"),
		ROW(bridge_of_two_kinds, IPPROTO_TCP, true, ZC_COPIED_UNKNOWN, "not all ports"),
		ROW(macvlan, IPPROTO_TCP, true, ZC_COPIED_UNKNOWN, "v0, a veth"),
		ROW(macvlan_without_scatter_gather, IPPROTO_TCP, true, ZC_COPIED_ALL,
		    "no scatter-gather"),
		cmocka_unit_test(test_completions_do_not_outweigh_the_device),
		cmocka_unit_test(test_what_was_copied_by_the_call_is_known),
		cmocka_unit_test(test_this_kernel),
		cmocka_unit_test(the_file_of_a_source),
	};

	return cmocka_run_group_tests_name("copies", tests, NULL, NULL);
}
