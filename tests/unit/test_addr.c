/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses: what they are parsed into, and the hint for what is not one. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include <zcdma/util.h>

#include "context.h"

static void addresses_are_parsed(void **state)
{
	static const struct {
		const char *text, *host, *port;
		bool udp;
	} cases[] = {
		{ "host:9000", "host", "9000", false },
		{ "127.0.0.1:0", "127.0.0.1", "0", false },
		{ "[::1]:9000", "::1", "9000", false },
		{ "[fe80::1%eth0]:65535", "fe80::1%eth0", "65535", false },
		{ ":9000", "", "9000", false },
		{ "example.org:http", "example.org", "http", false },
		{ "host:3com-tsmux", "host", "3com-tsmux", false },
		{ "udp:host:9000", "host", "9000", true },
		{ "udp:[::1]:9000", "::1", "9000", true },
		{ "udp::9000", "", "9000", true },
		{ "udp:udp:9000", "udp", "9000", true },
		{ "udpx:9000", "udpx", "9000", false },
		{ "udp:239.1.2.3%eth0:9001", "239.1.2.3%eth0", "9001", true },
	};
	struct zcdma_addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&addr, 'x', sizeof(addr));
		assert_int_equal(zcdma_addr_parse(ctx, cases[i].text, &addr), 0);
		assert_string_equal(addr.host, cases[i].host);
		assert_string_equal(addr.port, cases[i].port);
		assert_int_equal(addr.udp, cases[i].udp);
	}
}

static void others_come_with_a_hint(void **state)
{
	static const struct {
		const char *text, *error, *hint;
	} cases[] = {
		{ "", "no port", ":9000" },
		{ "host", "no port", "write host:PORT, as in host:9000" },
		{ "host:", "no port", "write host:PORT" },
		{ ":", "no port", "write :PORT" },
		{ "[::1]", "no port", "write [::1]:PORT" },
		{ "[::1]:", "no port", "write [::1]:PORT" },
		{ "[::1]9000", "no port", "write [::1]:PORT" },
		{ "::1:9000", "must be in brackets", "write [::1]:9000" },
		{ "fe80::1:9000", "must be in brackets", "write [fe80::1]:9000" },
		{ "::1", "must be in brackets", "write [::1]:PORT" },
		{ "a:b:c", "must be in brackets", "[::1]:9000" },
		{ "[::1:9000", "']' is missing", "[::1]:9000" },
		{ "[]:9000", "not hold an IPv6 address", "[::1]:9000" },
		{ "[host]:9000", "not hold an IPv6 address", "[::1]:9000" },
		{ "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:9000",
		  "not hold an IPv6 address", "[::1]:9000" },
		{ "9000", "no port",
		  "write :9000 for every address of this machine, or HOST:9000" },
		{ "udp:9000", "no port", "write udp::9000 for every" },
		{ "udp:9000", "no port", "udp:HOST:9000" },
		{ "udp:host:", "no port", "write udp:host:PORT" },
		{ "udp:", "no port", "PORT" },
		{ "udp:::1:9000", "must be in brackets", "write udp:[::1]:9000" },
		{ "udp:[::1]", "no port", "write udp:[::1]:PORT" },
		{ "udp:[host]:9000", "not hold an IPv6 address", "udp:[::1]:9000" },
		{ "udp:a:b:c", "must be in brackets", "udp:[::1]:9000" },
		{ "host:65536", "'65536' is not a port", "0 to 65535" },
		{ "host:18446744073709551617", "is not a port", "0 to 65535" },
		{ "host:-1", "'-1' is not a port", "0 to 65535" },
		{ "host:90 00", "'90 00' is not a port", "service" },
		{ "host:9000/tcp", "is not a port", "service" },
		{ "host:a-name-that-no-service-can-have-ever", "is not a port", "service" },
	};
	struct zcdma_addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(zcdma_addr_parse(ctx, cases[i].text, &addr), -EINVAL);
		assert_non_null(strstr(zcdma_error(ctx), cases[i].error));
		assert_non_null(strstr(zcdma_error(ctx), cases[i].text));
		assert_non_null(zcdma_hint(ctx));
		assert_non_null(strstr(zcdma_hint(ctx), cases[i].hint));
	}
}

static void hosts_have_a_limit(void **state)
{
	char text[1024], zone[1024] = "[fe80::1%";
	struct zcdma_addr addr;

	(void)state;
	memset(text, 'a', sizeof(text));
	strcpy(text + 255, ":1");
	assert_int_equal(zcdma_addr_parse(ctx, text, &addr), 0);
	assert_int_equal(strlen(addr.host), 255);
	memset(text, 'a', 256);
	strcpy(text + 256, ":1");
	assert_int_equal(zcdma_addr_parse(ctx, text, &addr), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "too long"));
	memset(zone + 9, 'z', 500);
	strcpy(zone + 509, "]:1");
	assert_int_equal(zcdma_addr_parse(ctx, zone, &addr), -EINVAL);
	memset(zone + 1, '1', 508);
	assert_int_equal(zcdma_addr_parse(ctx, zone, &addr), -EINVAL);
}

static void congestion_control_is_chosen_before_the_first_byte(void **state)
{
	struct zcdma_addr addr = { .host = "127.0.0.1", .port = "0" };
	char name[32] = "";
	socklen_t len = sizeof(name);
	int listener = zcdma_listen(ctx, &addr), fd;

	(void)state;
	assert_true(listener >= 0);
	zcdma_sockname(listener, false, name, sizeof(name));
	assert_int_equal(zcdma_addr_parse(ctx, name, &addr), 0);
	assert_string_equal(addr.congestion, "");
	strcpy(addr.congestion, "reno");
	fd = zcdma_connect(ctx, &addr);
	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	assert_string_equal(name, "reno");
	close(fd);

	strcpy(addr.congestion, "nosuch");
	assert_int_equal(zcdma_connect(ctx, &addr), -ENOENT);
	assert_non_null(strstr(zcdma_error(ctx), "nosuch"));
	assert_non_null(zcdma_hint(ctx));
	close(listener);
}

static void nothing_to_accept_from_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(zcdma_accept_any(ctx, NULL, 0, NULL, 0), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "no socket listens"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_parsed),
		cmocka_unit_test(others_come_with_a_hint),
		cmocka_unit_test(hosts_have_a_limit),
		cmocka_unit_test(congestion_control_is_chosen_before_the_first_byte),
		cmocka_unit_test(nothing_to_accept_from_is_an_error),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
