// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parses an address: "host:port", "[::1]:9000" or ":9000", each also after "udp:", and its options. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/address_options.h"

#define UDP	"udp:"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* Returns whether @text is an IPv6 address. Its zone, as in "fe80::1%eth0", is not checked. */
static bool is_ipv6(const char *text, size_t len)
{
	const char *zone = memchr(text, '%', len);
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (zone)
		len = (size_t)(zone - text);
	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(AF_INET6, copy, &in6) == 1;
}

static int fail_no_port(struct zcdma_ctx *ctx, const char *text, size_t host_len)
{
	int rc = zc_fail_plain(ctx, EINVAL, "address '%s': it has no port", text);
	const int prefix = strncmp(text, UDP, strlen(UDP)) ? 0 : (int)strlen(UDP);
	const char *host = text + prefix;

	/* Only digits: it is a port, not a host. */
	if (*host && !host[strspn(host, "0123456789")])
		zc_hint(ctx, "write %.*s:%s for every address of this machine, or %.*sHOST:%s",
			prefix, text, host, prefix, text, host);
	else
		zc_hint(ctx, "write %.*s:PORT, as in %.*s:9000", (int)host_len, text, (int)host_len,
			text);
	return rc;
}

static int fail_brackets(struct zcdma_ctx *ctx, const char *text, const char *host,
			 const char *colon)
{
	int prefix = (int)(host - text);
	int rc = zc_fail_plain(ctx, EINVAL, "address '%s': an IPv6 address must be in brackets",
			       text);

	if (is_ipv6(host, (size_t)(colon - host)))
		zc_hint(ctx, "write %.*s[%.*s]%s", prefix, text, (int)(colon - host), host, colon);
	else if (is_ipv6(host, strlen(host)))
		zc_hint(ctx, "write %.*s[%s]:PORT, as in %.*s[%s]:9000", prefix, text, host, prefix,
			text, host);
	else
		zc_hint(ctx, "write it as in %.*s[::1]:9000", prefix, text);
	return rc;
}

/* Returns whether @text is a number of 16 bits, or can be the name of a service, which has a letter (RFC 6335, 5.1). */
static bool is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (text[digits])
		return strpbrk(text, LETTERS) && !text[strspn(text, LETTERS "0123456789-_")];
	/* Too many digits for strtoul() are out of range as well. */
	return digits && strtoul(text, NULL, 10) <= UINT16_MAX;
}

static int parse_port(struct zcdma_ctx *ctx, const char *text, const char *port,
		      struct zcdma_addr *addr)
{
	size_t len = strlen(port);
	int rc;

	if (!len)
		return fail_no_port(ctx, text, (size_t)(port - 1 - text));
	if (len >= sizeof(addr->port) || !is_port(port)) {
		rc = zc_fail_plain(ctx, EINVAL, "address '%s': '%s' is not a port", text, port);
		zc_hint(ctx, "a port is a number from 0 to 65535, or the name of a service");
		return rc;
	}
	memcpy(addr->port, port, len + 1);
	return 0;
}

/* Parse "[HOST]:PORT". Returns 0, or -EINVAL with the error message set. */
static int parse_bracketed(struct zcdma_ctx *ctx, const char *text, const char *bracket,
			   struct zcdma_addr *addr)
{
	const char *host = bracket + 1;
	const char *end = strchr(host, ']');
	size_t len;
	int rc;

	if (!end || !is_ipv6(host, (size_t)(end - host))) {
		rc = zc_fail_plain(ctx, EINVAL, "address '%s': %s", text,
				   end ? "the brackets do not hold an IPv6 address"
				       : "']' is missing");
		zc_hint(ctx, "write it as in %.*s[::1]:9000", (int)(bracket - text), text);
		return rc;
	}
	len = (size_t)(end - host);
	if (end[1] != ':')
		return fail_no_port(ctx, text, (size_t)(end + 1 - text));
	/* A zone may have any length. */
	if (len >= sizeof(addr->host))
		return zc_fail_plain(ctx, EINVAL, "address '%s': the host is too long", text);
	memcpy(addr->host, host, len);
	addr->host[len] = '\0';
	return parse_port(ctx, text, end + 2, addr);
}

/* Parse an address without options. Returns 0, or -EINVAL with the error message set. */
static int parse_place(struct zcdma_ctx *ctx, const char *text, struct zcdma_addr *addr)
{
	const char *host = text, *colon;
	size_t len;

	addr->udp = !strncmp(text, UDP, strlen(UDP));
	if (addr->udp)
		host += strlen(UDP);
	if (*host == '[')
		return parse_bracketed(ctx, text, host, addr);
	colon = strrchr(host, ':');
	if (!colon)
		return fail_no_port(ctx, text, strlen(text));
	len = (size_t)(colon - host);
	if (memchr(host, ':', len))
		return fail_brackets(ctx, text, host, colon);
	if (len >= sizeof(addr->host))
		return zc_fail_plain(ctx, EINVAL, "address '%s': the host is too long", text);
	memcpy(addr->host, host, len);
	return parse_port(ctx, text, colon + 1, addr);
}

static int parse_options(struct zcdma_ctx *ctx, const char *text, const char *options,
			 struct zcdma_addr *addr)
{
	const struct zc_options o = {
		.ctx = ctx,
		.kind = "address",
		.name = text,
		.taker = "an address",
		.sets[0] = zc_addr_options(addr, ZC_ADDR_SEND | ZC_ADDR_RECEIVE),
	};
	int rc = zc_options_parse(&o, options);

	return rc ? rc : zc_addr_check(ctx, addr, ZC_ADDR_SEND | ZC_ADDR_RECEIVE, text);
}

ZC_PUBLIC int zcdma_addr_parse(struct zcdma_ctx *ctx, const char *text, struct zcdma_addr *addr)
{
	const char *comma = strchr(text, ',');
	char *place;
	int rc;

	memset(addr, 0, sizeof(*addr));
	if (!comma)
		return parse_place(ctx, text, addr);
	place = strndup(text, (size_t)(comma - text));
	if (!place)
		return zc_fail(ctx, ENOMEM, "address %s", text);
	rc = parse_place(ctx, place, addr);
	free(place);
	if (rc)
		return rc;
	/* What follows an empty option is one too: "host:9000,". */
	return comma[1] ? parse_options(ctx, text, comma + 1, addr)
			: parse_options(ctx, text, ",", addr);
}
