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
#include <net/if.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <zcdma.h>

#include "namespace.h"

#define LIMIT_MS 20000 /* for what must come */
#define SILENT_MS \
	200 /* in which nothing must come; a longer time would find more, and cannot find less */
#define PORT 5000

static struct zcdma_ctx *ctx;
static const char *why_not;

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

static int setup(void **state)
{
	struct zcdma_source *src;
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

static int teardown(void **state)
{
	(void)state;
	zcdma_free(ctx);
	return 0;
}

static void need_xdp(void)
{
	if (!why_not)
		return;
	print_message("# skip %s\n", why_not);
	skip();
}

/* Open a source, and attach it: nothing has come yet. */
static struct zcdma_source *open_source(const char *spec)
{
	struct zcdma_source *src;
	struct zcdma_block b;

	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	assert_int_equal(zcdma_source_next(src, 0, &b), -EAGAIN);
	return src;
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
static void read_numbers(struct zcdma_source *src, uint32_t first, uint32_t count, size_t len)
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

static void assert_silent(struct zcdma_source *src)
{
	struct zcdma_block b;

	assert_int_equal(zcdma_source_next(src, SILENT_MS, &b), -ETIMEDOUT);
}

/* Attached: the text that ip link shows of a program. */
static bool is_attached(const char *name)
{
	return shell("ip link show dev %s | grep -q xdp", name);
}

static void expect_mode(struct zcdma_source *src, const char *mode)
{
	struct zcdma_source_info info;

	zcdma_source_get_info(src, &info, sizeof(info));
	assert_string_equal(info.mode, mode);
}

/* What is sent to one port, and nothing of other ports and protocols. */
static void a_port(void **state)
{
	struct zcdma_source_stats stats;
	struct zcdma_source *src;
	int fd, other;

	(void)state;
	need_xdp();
	src = open_source("xdp:v1,port=5000");
	expect_mode(src, "native");
	assert_true(is_attached("v1"));
	fd = open_sender("10.0.0.2", PORT);
	other = open_sender("10.0.0.2", PORT + 1);
	send_numbers(other, 77, 5, 100);
	send_numbers(fd, 0, 200, 1000);
	send_numbers(other, 77, 5, 100);
	read_numbers(src, 0, 200, 1000);
	assert_silent(src);
	zcdma_source_get_stats(src, &stats, sizeof(stats));
	assert_int_equal(stats.copied_bytes, 200 * 1000);
	assert_int_equal(stats.kernel_copied_bytes, 200 * 1000);
	close(other);
	close(fd);
	zcdma_source_close(src);
	assert_false(is_attached("v1"));
}

static void any_port(void **state)
{
	struct zcdma_source *src;
	int one, two;

	(void)state;
	need_xdp();
	src = open_source("xdp:v1,copy,queue=0");
	one = open_sender("10.0.0.2", PORT);
	two = open_sender("10.0.0.2", 65535);
	send_numbers(one, 0, 3, 10);
	send_numbers(two, 3, 3, 10);
	read_numbers(src, 0, 6, 10);
	close(two);
	close(one);
	zcdma_source_close(src);
}

static void ipv6(void **state)
{
	struct zcdma_source *src;
	int fd, other;

	(void)state;
	need_xdp();
	src = open_source("xdp:v1,port=5000");
	fd = open_sender("fd00::2", PORT);
	other = open_sender("fd00::2", PORT + 1);
	send_numbers(other, 9, 1, 100);
	send_numbers(fd, 0, 20, 1200);
	read_numbers(src, 0, 20, 1200);
	assert_silent(src);
	close(other);
	close(fd);
	zcdma_source_close(src);
}

/* A fragment has no port, or a part of the data. */
static void fragments_are_left(void **state)
{
	struct zcdma_source *src;
	int fd;

	(void)state;
	need_xdp();
	src = open_source("xdp:v1,port=5000");
	fd = open_sender("10.0.0.2", PORT);
	send_numbers(fd, 0, 1, 3000);
	send_numbers(fd, 1, 1, 100);
	read_numbers(src, 1, 1, 100);
	assert_silent(src);
	close(fd);
	zcdma_source_close(src);
}

/* More than all frames: each is used again, and none while its packet is read. */
static void frames_come_back(void **state)
{
	struct zcdma_source *src;
	int fd;

	(void)state;
	need_xdp();
	src = open_source("xdp:v1,port=5000");
	fd = open_sender("10.0.0.2", PORT);
	for (uint32_t i = 0; i < 40; i++) {
		send_numbers(fd, i * 512, 512, 1400);
		read_numbers(src, i * 512, 512, 1400);
	}
	close(fd);
	zcdma_source_close(src);
}

/* What comes while nothing reads is dropped once all frames are full, and counted. */
static void overruns_are_counted(void **state)
{
	struct zcdma_source_stats stats;
	struct zcdma_source *src;
	int fd;

	(void)state;
	need_xdp();
	src = open_source("xdp:v1,port=5000");
	fd = open_sender("10.0.0.2", PORT);
	send_numbers(fd, 0, 10000, 64);
	read_numbers(src, 0, 8192, 64);
	zcdma_source_get_stats(src, &stats, sizeof(stats));
	assert_int_equal(stats.packets.packets + stats.packets.dropped, 10000);
	close(fd);
	zcdma_source_close(src);
}

static void lost_numbers_are_counted(void **state)
{
	struct zcdma_source_stats stats;
	struct zcdma_source *src;
	int fd;

	(void)state;
	need_xdp();
	src = open_source("xdp:v1,port=5000,seq=0:4be");
	fd = open_sender("10.0.0.2", PORT);
	send_numbers(fd, 0, 10, 64);
	send_numbers(fd, 13, 10, 64);
	read_numbers(src, 0, 10, 64);
	read_numbers(src, 13, 10, 64);
	zcdma_source_get_stats(src, &stats, sizeof(stats));
	assert_int_equal(stats.packets.lost, 3);
	close(fd);
	zcdma_source_close(src);
}

/* Loopback has no driver that could run the program. */
static void generic_mode(void **state)
{
	struct zcdma_source *src;
	int fd;

	(void)state;
	need_xdp();
	src = open_source("xdp:lo,port=5000");
	expect_mode(src, "generic");
	fd = open_sender("127.0.0.1", PORT);
	send_numbers(fd, 0, 10, 1000);
	read_numbers(src, 0, 10, 1000);
	close(fd);
	zcdma_source_close(src);
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
	/* The kernel detaches when the last file is gone, in a work item. */
	for (int i = 0; is_attached("v1"); i++) {
		assert_true(i < LIMIT_MS / 10);
		usleep(10000);
	}
}

static void expect_error(const char *spec, int rc, const char *words)
{
	struct zcdma_source *src;
	struct zcdma_block b;
	int got = zcdma_source_open(ctx, spec, &src);

	if (!got) {
		got = zcdma_source_next(src, 0, &b);
		zcdma_source_close(src);
	}
	assert_int_equal(got, rc);
	if (!strstr(zcdma_error(ctx), words))
		fail_msg("%s: %s", spec, zcdma_error(ctx));
}

static void errors(void **state)
{
	struct zcdma_source *src;

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
	src = open_source("xdp:v1,port=5000");
	expect_error("xdp:v1,port=5001", -EBUSY, "another XDP program");
	zcdma_source_close(src);
}

/* What came before is still read. Comes last. */
static void the_interface_goes(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b;
	int fd;

	(void)state;
	need_xdp();
	src = open_source("xdp:v1,port=5000");
	fd = open_sender("10.0.0.2", PORT);
	send_numbers(fd, 0, 10, 1000);
	close(fd);
	assert_true(shell("ip link del v1"));
	read_numbers(src, 0, 10, 1000);
	assert_int_equal(zcdma_source_next(src, LIMIT_MS, &b), -ENODEV);
	zcdma_source_close(src);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port),
		cmocka_unit_test(any_port),
		cmocka_unit_test(ipv6),
		cmocka_unit_test(fragments_are_left),
		cmocka_unit_test(frames_come_back),
		cmocka_unit_test(overruns_are_counted),
		cmocka_unit_test(lost_numbers_are_counted),
		cmocka_unit_test(generic_mode),
		cmocka_unit_test(kill_leaves_nothing),
		cmocka_unit_test(errors),
		cmocka_unit_test(the_interface_goes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
