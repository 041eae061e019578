// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where an NBD export is: an address, or a URI (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md).
 */
#include <stdlib.h>
#include <string.h>

#include "disk/nbd.h"
#include "net/socket.h"

#define DEFAULT_PORT "10809" /* IANA's for nbd */

static int bad_uri(struct zcdma_ctx *ctx, const char *text, const char *why)
{
	int rc = zc_fail_plain(ctx, EINVAL, "address %s: %s", text, why);

	zc_hint(ctx, "write HOST:PORT, nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH");
	return rc;
}

static int hex(char digit)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *at = strchr(digits, digit);

	return digit && at ? (int)(at - digits) % 16 : -1;
}

/* Decode @len bytes of percent-encoded text into @to. Returns NULL, or what is wrong with it. */
static const char *decode(const char *text, size_t len, char *to, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			if (i + 2 >= len || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
				return "has a '%' without two hexadecimal digits";
			c = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
			i += 2;
		}
		if (!c)
			return "has a byte that is 0";
		if (n + 1 >= room)
			return "is too long";
		to[n++] = c;
	}
	to[n] = '\0';
	return NULL;
}

/* Decode a part of @text, of which @what says what it is. Returns 0, or -EINVAL with the error message set. */
static int decode_part(struct zcdma_ctx *ctx, const char *text, const char *what, const char *part,
		       size_t len, char *to, size_t room)
{
	const char *wrong = decode(part, len, to, room);
	char why[128];

	if (!wrong)
		return 0;
	snprintf(why, sizeof(why), "%s %s", what, wrong);
	return bad_uri(ctx, text, why);
}

/* Parse "HOST[:PORT]" of @len bytes. */
static int parse_authority(struct zcdma_ctx *ctx, const char *text, const char *authority,
			   size_t len, struct zc_nbd_target *t)
{
	const char *port = memchr(authority, ']', len);
	char place[sizeof(t->addr.host) + sizeof(t->addr.port)];

	port = memchr(port ? port : authority, ':', len - (port ? (size_t)(port - authority) : 0));
	if (!len || memchr(authority, '@', len))
		return bad_uri(ctx, text, len ? "it names a user" : "it names no host");
	if (len + sizeof(DEFAULT_PORT) + 1 > sizeof(place))
		return bad_uri(ctx, text, "the host is too long");
	snprintf(place, sizeof(place), "%.*s%s", (int)len, authority, port ? "" : ":" DEFAULT_PORT);
	return zcdma_addr_parse(ctx, place, &t->addr);
}

/* Parse the query of nbd+unix: "socket=PATH". */
static int parse_query(struct zcdma_ctx *ctx, const char *text, const char *query,
		       struct zc_nbd_target *t)
{
	const char *key = "socket=";

	if (!query || strncmp(query, key, strlen(key)))
		return bad_uri(ctx, text, "it names no socket");
	query += strlen(key);
	if (!*query)
		return bad_uri(ctx, text, "the path of the socket is empty");
	if (strchr(query, '&'))
		return bad_uri(ctx, text, "one socket= is all that may follow '?'");
	return decode_part(ctx, text, "the path of the socket", query, strlen(query), t->socket,
			   sizeof(t->socket));
}

static int parse_uri(struct zcdma_ctx *ctx, const char *text, bool local, struct zc_nbd_target *t)
{
	const char *authority = strstr(text, "://") + 3, *query = strchr(authority, '?');
	const size_t all = query ? (size_t)(query - authority) : strlen(authority);
	const char *slash = memchr(authority, '/', all);
	const size_t len = slash ? (size_t)(slash - authority) : all;

	if (slash) {
		int rc = decode_part(ctx, text, "the name of the export", slash + 1, all - len - 1,
				     t->name, sizeof(t->name));

		if (rc)
			return rc;
	}
	if (!local && query)
		return bad_uri(ctx, text, "nothing is known after '?'");
	if (local && len)
		return bad_uri(ctx, text, "a Unix socket has no host");
	return local ? parse_query(ctx, text, query ? query + 1 : NULL, t)
		     : parse_authority(ctx, text, authority, len, t);
}

static int refuse_tls(struct zcdma_ctx *ctx, const char *text)
{
	int rc = zc_fail_plain(ctx, EPROTONOSUPPORT, "address %s: it asks for TLS", text);

	zc_hint(ctx,
		"the data would be decrypted into other memory: take nbd://, through a tunnel such as "
		"WireGuard where the network is not trusted");
	return rc;
}

/* Where an address that was refused with @rc lacks a port, hint at that of NBD. Returns @rc. */
static int hint_port(struct zcdma_ctx *ctx, const char *text, int rc)
{
	const size_t len = strlen(text);
	char with_port[sizeof(((struct zcdma_addr *)0)->host) + sizeof(DEFAULT_PORT) + 1];
	struct zc_error e;
	struct zcdma_addr addr;

	if (!len || strchr(text, ',') || !text[strspn(text, "0123456789:")] ||
	    len >= sizeof(addr.host))
		return rc;
	snprintf(with_port, sizeof(with_port), "%s%s" DEFAULT_PORT, text,
		 text[len - 1] == ':' ? "" : ":");
	zc_error_keep(&e, ctx, rc);
	rc = zcdma_addr_parse(ctx, with_port, &addr);
	zc_error_again(&e, ctx);
	if (!rc)
		zc_hint(ctx, "write %s, with the port of NBD, or another", with_port);
	return e.rc;
}

static int parse_place(struct zcdma_ctx *ctx, const char *text, struct zc_nbd_target *t)
{
	int rc;

	if (!strncmp(text, "nbds", 4) && strstr(text, "://"))
		return refuse_tls(ctx, text);
	if (!strncmp(text, "nbd://", 6))
		return parse_uri(ctx, text, false, t);
	if (!strncmp(text, "nbd+unix://", 11))
		return parse_uri(ctx, text, true, t);
	if (strstr(text, "://"))
		return bad_uri(ctx, text, "not a URI of NBD");
	rc = zcdma_addr_parse(ctx, text, &t->addr);
	if (rc)
		return hint_port(ctx, text, rc);
	if (t->addr.udp)
		return bad_uri(ctx, text, "NBD goes over TCP");
	return zc_refuse_frames(ctx, &t->addr);
}

int zc_nbd_parse(struct zcdma_ctx *ctx, const char *text, const char *name, struct zc_nbd_target *t)
{
	int rc;

	memset(t, 0, sizeof(*t));
	rc = parse_place(ctx, text, t);
	if (rc)
		return rc;
	if (name && strlen(name) > ZC_NBD_NAME_MOST)
		return zc_fail_plain(ctx, EINVAL, "export: a name has at most %d bytes",
				     ZC_NBD_NAME_MOST);
	if (name)
		strcpy(t->name, name);
	if (t->socket[0])
		snprintf(t->where, sizeof(t->where), "%s", t->socket);
	else
		snprintf(t->where, sizeof(t->where),
			 strchr(t->addr.host, ':') ? "[%s]:%s" : "%s:%s", t->addr.host,
			 t->addr.port);
	return 0;
}
