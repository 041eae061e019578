/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp:, on one end of a veth pair, both of which are in a network namespace of this program's own: what is sent to the
 * other end's hardware address arrives there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <zcdma.h>

#include "net/xdp_program.h"
#include "namespace.h"

#define LIMIT_MS 20000 /* for what must come */
#define SILENT_MS \
	200 /* in which nothing must come; a longer time would find more, and cannot find less */
#define PORT 5000

static struct zcdma_ctx *ctx;
static const char *why_not;

/* One test's source and sender: setup() clears them, teardown() closes them. */
static struct zcdma_source *src;
static int out; /* the sender */

/* Returns why this user or kernel cannot run the tests, or NULL. */
static const char *make_network(void)
{
	if (getuid() || !enter_namespace())
		return "XDP takes root and a network namespace";
	if (!shell("ip link add v0 type veth peer name v1"))
		return "this kernel has no veth";
	shell("ip link set lo mtu 1500");
	shell("ip addr add 10.0.0.1/24 dev v0; ip addr add fd00::1/64 dev v0 nodad");
	shell("ip link set v1 address 02:00:00:00:00:02 up; ip link set v0 up");
	shell("ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0");
	shell("ip neigh add fd00::2 lladdr 02:00:00:00:00:02 dev v0");
	return NULL;
}

static int setup_all(void **state)
{
	struct zcdma_block b;
	int rc;

	(void)state;
	if (zcdma_new(&ctx))
		return -1;
	why_not = make_network();
	if (why_not || zcdma_source_open(ctx, "xdp:v1", &src))
		return 0;
	rc = zcdma_source_next(src, 0, &b);
	if (rc == -EAFNOSUPPORT || rc == -EPERM)
		why_not = "this kernel has no AF_XDP, or not for us";
	zcdma_source_close(src);
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	zcdma_free(ctx);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	src = NULL;
	out = -1;
	return 0;
}

/* Returns whether ip link shows a program on @name. */
static bool is_attached(const char *name)
{
	return shell("ip link show dev %s 2>&1 | grep -q xdp", name);
}

/* The kernel detaches when the last file is gone, in a work item. Returns whether it has. */
static bool wait_detached(const char *name)
{
	for (int i = 0; i < LIMIT_MS / 10; i++) {
		if (!is_attached(name))
			return true;
		usleep(10000);
	}
	print_message("# the program was still on %s after %d ms\n", name, LIMIT_MS);
	return false;
}

static int teardown(void **state)
{
	(void)state;
	if (out >= 0)
		close(out);
	zcdma_source_close(src);
	return !wait_detached("v1") || !wait_detached("lo");
}

static void need_xdp(void)
{
	if (!why_not)
		return;
	print_message("# skip %s\n", why_not);
	skip();
}

/* Open a source, and attach it: nothing has come yet. */
static void open_source(const char *spec)
{
	struct zcdma_block b;

	need_xdp();
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	assert_int_equal(zcdma_source_next(src, 0, &b), -EAGAIN);
}

/* Open a socket that is connected to an address and @port. */
static int open_sender(const char *text, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const bool six = inet_pton(AF_INET6, text, &to6.sin6_addr) == 1;
	const int fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(six || inet_pton(AF_INET, text, &to.sin_addr) == 1);
	assert_int_equal(six ? connect(fd, (struct sockaddr *)&to6, sizeof(to6))
			     : connect(fd, (struct sockaddr *)&to, sizeof(to)),
			 0);
	return fd;
}

/* Open @spec, and a sender to @address. */
static void open_pair(const char *spec, const char *address)
{
	open_source(spec);
	out = open_sender(address, PORT);
}

/* Send @count datagrams of @len bytes, each of which begins with its number from @first on. */
static void send_numbers(int fd, uint32_t first, uint32_t count, size_t len)
{
	uint8_t data[4096] = { 0 };

	for (uint32_t i = first; i < first + count; i++) {
		const uint32_t number = htonl(i);

		memcpy(data, &number, sizeof(number));
		assert_int_equal(send(fd, data, len, 0), len);
	}
}

/* Read @count datagrams of @len bytes, and check their numbers from @first on. */
static void read_numbers(uint32_t first, uint32_t count, size_t len)
{
	struct zcdma_block b;
	uint32_t number;

	for (uint32_t i = 0; i < count;) {
		assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), 1);
		assert_int_equal(b.len % len, 0);
		for (size_t at = 0; at < b.len; at += len, i++) {
			memcpy(&number, (const uint8_t *)b.data + at, sizeof(number));
			assert_int_equal(ntohl(number), first + i);
		}
		zcdma_block_release(src, &b);
	}
}

static void assert_silent(void)
{
	struct zcdma_block b;

	assert_int_equal(zcdma_source_next(src, SILENT_MS, &b), -ETIMEDOUT);
}

static void expect_mode(const char *mode)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(src, &info, sizeof(info));
	assert_string_equal(info.mode, mode);
}

/* What is sent to one port, and nothing of other ports and protocols. */
static void a_port(void **state)
{
	struct zcdma_source_stats stats;
	int other;

	(void)state;
	open_pair("xdp:v1,port=5000", "10.0.0.2");
	expect_mode("native");
	assert_true(is_attached("v1"));
	other = open_sender("10.0.0.2", PORT + 1);
	send_numbers(other, 77, 5, 100);
	send_numbers(out, 0, 200, 1000);
	send_numbers(other, 77, 5, 100);
	read_numbers(0, 200, 1000);
	assert_silent();
	zcdma_source_get_stats(src, &stats, sizeof(stats));
	assert_int_equal(stats.copied_bytes, 200 * 1000);
	assert_int_equal(stats.kernel_copied_bytes, 200 * 1000);
	close(other);
}

static void any_port(void **state)
{
	int other;

	(void)state;
	open_pair("xdp:v1,copy,queue=0", "10.0.0.2");
	other = open_sender("10.0.0.2", 65535);
	send_numbers(out, 0, 3, 10);
	send_numbers(other, 3, 3, 10);
	read_numbers(0, 6, 10);
	close(other);
}

static void ipv6(void **state)
{
	int other;

	(void)state;
	open_pair("xdp:v1,port=5000", "fd00::2");
	other = open_sender("fd00::2", PORT + 1);
	send_numbers(other, 9, 1, 100);
	send_numbers(out, 0, 20, 1200);
	read_numbers(0, 20, 1200);
	assert_silent();
	close(other);
}

/* A fragment has no port, or a part of the data. */
static void fragments_are_left(void **state)
{
	(void)state;
	open_pair("xdp:v1,port=5000", "10.0.0.2");
	send_numbers(out, 0, 1, 3000);
	send_numbers(out, 1, 1, 100);
	read_numbers(1, 1, 100);
	assert_silent();
}

/* More than all frames: each is used again, and none while its packet is read. */
static void frames_come_back(void **state)
{
	(void)state;
	open_pair("xdp:v1,port=5000", "10.0.0.2");
	for (uint32_t i = 0; i < 40; i++) {
		send_numbers(out, i * 512, 512, 1400);
		read_numbers(i * 512, 512, 1400);
	}
}

/* What comes while nothing reads is dropped once all frames are full, and counted. */
static void overruns_are_counted(void **state)
{
	struct zcdma_source_stats stats;

	(void)state;
	open_pair("xdp:v1,port=5000", "10.0.0.2");
	send_numbers(out, 0, 10000, 64);
	read_numbers(0, 8192, 64);
	zcdma_source_get_stats(src, &stats, sizeof(stats));
	assert_int_equal(stats.packets.packets + stats.packets.dropped, 10000);
}

static void lost_numbers_are_counted(void **state)
{
	struct zcdma_source_stats stats;

	(void)state;
	open_pair("xdp:v1,port=5000,seq=0:4be", "10.0.0.2");
	send_numbers(out, 0, 10, 64);
	send_numbers(out, 13, 10, 64);
	read_numbers(0, 10, 64);
	read_numbers(13, 10, 64);
	zcdma_source_get_stats(src, &stats, sizeof(stats));
	assert_int_equal(stats.packets.lost, 3);
}

/* Loopback has no driver that could run the program. */
static void generic_mode(void **state)
{
	(void)state;
	open_pair("xdp:lo,port=5000", "127.0.0.1");
	expect_mode("generic");
	send_numbers(out, 0, 10, 1000);
	read_numbers(0, 10, 1000);
}

/* A program that is killed leaves the interface as it was. */
static void kill_leaves_nothing(void **state)
{
	int ready[2], status;
	pid_t child;
	char byte;

	(void)state;
	need_xdp();
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		open_source("xdp:v1,port=5000");
		(void)!write(ready[1], "r", 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_true(is_attached("v1"));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(ready[0]);
	assert_true(wait_detached("v1"));
}

static void expect_error(const char *spec, int rc, const char *words)
{
	struct zcdma_source *bad;
	struct zcdma_block b;
	int got = zcdma_source_open(ctx, spec, &bad);

	if (!got) {
		got = zcdma_source_next(bad, 0, &b);
		zcdma_source_close(bad);
	}
	assert_int_equal(got, rc);
	if (!strstr(zcdma_error(ctx), words))
		fail_msg("%s: %s", spec, zcdma_error(ctx));
}

static void errors(void **state)
{
	(void)state;
	expect_error("xdp:", -EINVAL, "names no interface");
	expect_error("xdp:v1,port=0", -ERANGE, "port");
	expect_error("xdp:v1,port=65536", -ERANGE, "port");
	expect_error("xdp:v1,queue=-1", -EINVAL, "queue");
	expect_error("xdp:v1,speed=1", -EINVAL, "speed");
	expect_error("xdp:nowhere,port=1", -ENODEV, "attach to nowhere: No such device");
	need_xdp();
	expect_error("xdp:v1,port=1,queue=9", -EINVAL, "no queue 9");
	shell("ip link set lo mtu 65536");
	expect_error("xdp:lo,port=1", -EINVAL, "MTU of 65536");
	shell("ip link set lo mtu 1500");
	open_source("xdp:v1,port=5000");
	expect_error("xdp:v1,port=5001", -EBUSY, "another XDP program");
}

/* A program in the other mode is in the way too, without a socket. */
static void the_other_mode_is_busy(void **state)
{
	int map, program, attachment;

	(void)state;
	need_xdp();
	map = zc_xdp_create_map(1);
	program = zc_xdp_load(map, PORT);
	attachment = zc_xdp_attach(program, if_nametoindex("v1"), XDP_FLAGS_SKB_MODE);
	assert_true(attachment >= 0);
	expect_error("xdp:v1,port=5001", -EBUSY, "another XDP program");
	close(attachment);
	close(program);
	close(map);
}

/* What came before is still read. Comes last. */
static void the_interface_goes(void **state)
{
	struct zcdma_block b;

	(void)state;
	open_pair("xdp:v1,port=5000", "10.0.0.2");
	send_numbers(out, 0, 10, 1000);
	assert_true(shell("ip link del v1"));
	read_numbers(0, 10, 1000);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), -ENODEV);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_port),
		TEST(any_port),
		TEST(ipv6),
		TEST(fragments_are_left),
		TEST(frames_come_back),
		TEST(overruns_are_counted),
		TEST(lost_numbers_are_counted),
		TEST(generic_mode),
		TEST(kill_leaves_nothing),
		TEST(errors),
		TEST(the_other_mode_is_busy),
		TEST(the_interface_goes),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
