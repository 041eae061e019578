// SPDX-License-Identifier: GPL-2.0-only
/* The options of an address: what is refused with a remedy, and what a socket has of them. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include <zcdma/util.h>

#include "context.h"

static void options_are_parsed(void **state)
{
	struct zcdma_addr addr;

	(void)state;
	assert_int_equal(
		zcdma_addr_parse(ctx,
				 "[::1]:9000,pace=1GB,bind=::2,port=7,iface=eth0,dscp=af41,"
				 "ttl=9,congestion=reno,sndbuf=64K,mss=1448,keepalive=9",
				 &addr),
		0);
	assert_string_equal(addr.host, "::1");
	assert_string_equal(addr.port, "9000");
	assert_int_equal(addr.pace, 1000000000);
	assert_string_equal(addr.bind, "::2");
	assert_int_equal(addr.local_port, 7);
	assert_string_equal(addr.iface, "eth0");
	assert_int_equal(addr.dscp, 34);
	assert_int_equal(addr.ttl, 9);
	assert_string_equal(addr.congestion, "reno");
	assert_int_equal(addr.sndbuf, 65536);
	assert_int_equal(addr.mss, 1448);
	assert_int_equal(addr.keepalive, 9);
	assert_int_equal(zcdma_addr_parse(ctx, "udp::9,source=10.0.0.1,buffer=1M,iface=lo", &addr),
			 0);
	assert_string_equal(addr.source, "10.0.0.1");
	assert_int_equal(addr.buffer, 1048576);
}

static void options_are_listed(void **state)
{
	static const struct zcdma_addr none;
	struct zcdma_addr addr;
	char text[64];
	unsigned n;

	(void)state;
	for (n = 0; zcdma_addr_option_at(n); n++) {
		snprintf(text, sizeof(text), "h:1,%s=?", zcdma_addr_option_at(n));
		zcdma_addr_parse(ctx, text, &addr);
		assert_null(strstr(zcdma_error(ctx), "unknown option"));
	}
	assert_true(n <= 8 * sizeof(none.given));
	assert_string_equal(zcdma_addr_option_at(0), "pace");
	assert_null(zcdma_addr_option_at(n + 1));
}

static void classes_have_names(void **state)
{
	static const struct {
		const char *text;
		int value;
	} cases[] = { { "0", 0 },     { "63", 63 },   { "cs0", 0 },   { "cs7", 56 },
		      { "af11", 10 }, { "af43", 38 }, { "ef", 46 },   { "64", -ERANGE },
		      { "cs8", -1 },  { "af44", -1 }, { "af51", -1 }, { "efx", -1 } };
	struct zcdma_addr addr;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc;

		snprintf(text, sizeof(text), "h:1,dscp=%s", cases[i].text);
		rc = zcdma_addr_parse(ctx, text, &addr);
		assert_int_equal(rc < 0, cases[i].value < 0);
		if (!rc)
			assert_int_equal(addr.dscp, cases[i].value);
	}
}

static void others_come_with_a_remedy(void **state)
{
	static const struct {
		const char *text, *error, *hint;
	} cases[] = {
		{ "h:1,", "unknown option (an empty one)", "an address takes pace=, bind=" },
		{ "h:1,foo=2", "unknown option foo", "framed and retry=" },
		{ "udp:h:1,foo", "unknown option foo", "source= and buffer=" },
		{ "h:1,mss=4X", "mss=4X is not valid", "from 88 to 32767" },
		{ "h:1,mss=87", "mss=87 is not valid", "from 88 to 32767" },
		{ "h:1,mss=", "mss= is not valid", "from 88 to 32767" },
		{ "h:1,mss", "mss= is not valid", "from 88 to 32767" },
		{ "h:1,pace=4X", "pace=4X is not valid", "100M" },
		{ "h:1,pace=0", "pace=0 is not valid", "100M" },
		{ "h:1,ttl=256", "ttl=256 is not valid", "1 to 255" },
		{ "h:1,ttl=0", "ttl=0 is not valid", "1 to 255" },
		{ "h:1,port=65536", "port=65536 is not valid", "65535" },
		{ "h:1,sndbuf=4G", "sndbuf=4G is not valid", "below 1G" },
		{ "h:1,keepalive=2", "keepalive=2 is not valid", "3 to 32767" },
		{ "h:1,iface=a-name-that-is-too-long", "is not valid", "interface" },
		{ "h:1,iface=", "iface= is not valid", "interface" },
		{ "h:1,mss=100,mss=100", "mss is given twice", NULL },
		{ "udp:h:1,mss=100", "mss= is not for UDP", "--datagram" },
		{ "udp:h:1,congestion=reno", "congestion= is not for UDP", "leave it out" },
		{ "udp:h:1,keepalive=9", "keepalive= is not for UDP", "no connection" },
		{ "h:1,source=10.0.0.1", "source= is not for TCP", "one sender" },
		{ "h:1,buffer=1M", "buffer= is not for TCP", "sndbuf=" },
	};
	struct zcdma_addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(zcdma_addr_parse(ctx, cases[i].text, &addr) < 0);
		assert_non_null(strstr(zcdma_error(ctx), cases[i].error));
		assert_non_null(strstr(zcdma_error(ctx), cases[i].text));
		assert_int_equal(zcdma_hint(ctx) != NULL, cases[i].hint != NULL);
		if (cases[i].hint)
			assert_non_null(strstr(zcdma_hint(ctx), cases[i].hint));
	}
}

/* Check that a socket for @text is refused, to send or to receive. */
static void refuses(const char *text, bool send, int err, const char *error, const char *hint)
{
	struct zcdma_addr addr;

	assert_int_equal(zcdma_addr_parse(ctx, text, &addr), 0);
	assert_int_equal(send ? zcdma_connect(ctx, &addr) : zcdma_listen(ctx, &addr), -err);
	assert_non_null(strstr(zcdma_error(ctx), error));
	assert_non_null(strstr(zcdma_hint(ctx), hint));
}

static void a_role_has_options_of_its_own(void **state)
{
	(void)state;
	refuses("127.0.0.1:0,pace=1M", false, EINVAL, "pace= is not for a receiver over TCP",
		"pace the sender");
	refuses("127.0.0.1:0,port=9", false, EINVAL, "port= is not for a receiver", "HOST:PORT");
	refuses("127.0.0.1:0,bind=127.0.0.1", false, EINVAL, "bind=", "HOST:PORT");
	refuses("127.0.0.1:0,congestion=reno", false, EINVAL, "congestion=", "leave it out");
	refuses("127.0.0.1:0,sndbuf=1M", false, EINVAL, "sndbuf=", "buffer=");
	refuses("udp:127.0.0.1:0,dscp=1", false, EINVAL, "dscp= is not for a receiver over UDP",
		"nothing is sent");
	refuses("udp:127.0.0.1:9,buffer=1M", true, EINVAL, "buffer= is not for a sender over UDP",
		"sndbuf=");
	refuses("udp:127.0.0.1:9,source=127.0.0.1", true, EINVAL, "source=", "leave it out");
}

static void the_kernel_may_refuse(void **state)
{
	(void)state;
	refuses("127.0.0.1:9,congestion=nosuch", true, ENOENT, "set congestion=nosuch",
		"available_congestion_control");
	refuses("127.0.0.1:9,iface=nosuch0", true, ENODEV, "set iface=nosuch0", "ip -brief link");
	refuses("127.0.0.1:0,iface=nosuch0", false, ENODEV, "nosuch0", "ip -brief link");
	refuses("127.0.0.1:9,bind=192.0.2.1", true, EADDRNOTAVAIL, "set bind=192.0.2.1",
		"ip -brief address");
	refuses("127.0.0.1:9,bind=::1", true, EADDRNOTAVAIL, "set bind=::1", "ip -brief address");
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* Connect with options at both ends. */
static void connect_with(const char *host, const char *listening, const char *sending, int *out,
			 int *in)
{
	struct zcdma_addr addr;
	char text[256], name[64];
	int fd;

	snprintf(text, sizeof(text), "%s:0%s", host, listening);
	assert_int_equal(zcdma_addr_parse(ctx, text, &addr), 0);
	fd = zcdma_listen(ctx, &addr);
	assert_true(fd >= 0);
	snprintf(text, sizeof(text), "%s%s", zcdma_sockname(fd, false, name, sizeof(name)),
		 sending);
	assert_int_equal(zcdma_addr_parse(ctx, text, &addr), 0);
	*out = zcdma_connect(ctx, &addr);
	assert_true(*out >= 0);
	*in = addr.udp ? fd : zcdma_accept(ctx, fd, NULL, 0);
	assert_true(*in >= 0);
	if (!addr.udp)
		close(fd);
}

static void a_connection_has_them(void **state)
{
	struct zcdma_socket s;
	char name[64];
	int out, in;

	(void)state;
	connect_with(
		"127.0.0.1", ",mss=1000,dscp=cs1,ttl=7,keepalive=9,iface=lo",
		",pace=100M,bind=127.0.0.3,iface=lo,dscp=ef,ttl=5,congestion=reno,sndbuf=10000,mss=800,keepalive=90",
		&out, &in);
	assert_int_equal(option(out, IPPROTO_IP, IP_TOS), 46 << 2);
	assert_int_equal(option(out, IPPROTO_IP, IP_TTL), 5);
	assert_int_equal(option(out, IPPROTO_TCP, TCP_KEEPIDLE), 30);
	assert_int_equal(option(out, IPPROTO_TCP, TCP_KEEPINTVL), 10);
	assert_int_equal(option(out, IPPROTO_TCP, TCP_KEEPCNT), 6);
	assert_int_equal(strncmp(zcdma_sockname(out, false, name, sizeof(name)), "127.0.0.3:", 10),
			 0);
	assert_int_equal(zcdma_socket_of(out, &s), 0);
	assert_int_equal(s.send_buffer, 20000);
	assert_int_equal(s.pace, 100 << 20);
	assert_string_equal(s.congestion, "reno");
	assert_string_equal(s.pace_doubt, "");
	/* The header has options, of which timestamps are 12 bytes. */
	assert_true(s.mss <= 800 && s.mss >= 780);
	/* What was accepted has those of the socket that listened. */
	assert_int_equal(option(in, IPPROTO_IP, IP_TTL), 7);
	assert_int_equal(option(in, IPPROTO_IP, IP_TOS), 8 << 2);
	assert_int_equal(option(in, IPPROTO_TCP, TCP_KEEPIDLE), 3);
	assert_int_equal(option(in, IPPROTO_TCP, TCP_KEEPINTVL), 1);
	assert_int_equal(option(in, IPPROTO_TCP, TCP_KEEPCNT), 6);
	close(out);
	close(in);

	connect_with("127.0.0.1", "", "", &out, &in);
	assert_int_equal(zcdma_socket_of(out, &s), 0);
	assert_int_equal(s.pace, 0);
	assert_int_equal(option(in, IPPROTO_TCP, TCP_KEEPIDLE), 30);
	close(out);
	close(in);
}

static void ipv6_has_them(void **state)
{
	int out, in, probe = socket(AF_INET6, SOCK_STREAM, 0);
	const struct sockaddr_in6 loopback = { .sin6_family = AF_INET6,
					       .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	(void)state;
	if (probe < 0 || bind(probe, (const struct sockaddr *)&loopback, sizeof(loopback))) {
		close(probe);
		skip();
	}
	close(probe);
	connect_with("[::1]", "", ",dscp=af11,ttl=9", &out, &in);
	assert_int_equal(option(out, IPPROTO_IPV6, IPV6_TCLASS), 10 << 2);
	assert_int_equal(option(out, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 9);
	close(out);
	close(in);
}

static void datagrams_have_them(void **state)
{
	struct zcdma_socket s;
	int out, in;

	(void)state;
	connect_with("udp:127.0.0.1", ",buffer=8192", ",ttl=4,dscp=1,sndbuf=30000,pace=1M", &out,
		     &in);
	assert_int_equal(option(out, IPPROTO_IP, IP_TTL), 4);
	assert_int_equal(option(out, IPPROTO_IP, IP_TOS), 1 << 2);
	assert_int_equal(option(in, SOL_SOCKET, SO_RCVBUF), 16384);
	assert_int_equal(zcdma_socket_of(out, &s), 0);
	assert_int_equal(s.send_buffer, 60000);
	assert_int_equal(s.pace, 1 << 20);
	assert_int_equal(s.mss, 0);
	assert_string_equal(s.congestion, "");
	/* Loopback has no queue. */
	assert_non_null(strstr(s.pace_doubt, "only the queueing discipline fq paces datagrams"));
	close(out);
	close(in);

	connect_with("udp:239.255.77.1", ",iface=lo", ",iface=lo,ttl=3", &out, &in);
	assert_int_equal(option(out, IPPROTO_IP, IP_MULTICAST_TTL), 3);
	close(out);
	close(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_parsed),
		cmocka_unit_test(options_are_listed),
		cmocka_unit_test(classes_have_names),
		cmocka_unit_test(others_come_with_a_remedy),
		cmocka_unit_test(a_role_has_options_of_its_own),
		cmocka_unit_test(the_kernel_may_refuse),
		cmocka_unit_test(a_connection_has_them),
		cmocka_unit_test(ipv6_has_them),
		cmocka_unit_test(datagrams_have_them),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
