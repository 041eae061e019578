// SPDX-License-Identifier: LGPL-2.1-or-later
/* The options of an address: one table, which says what each is set by, and what it is for. */
#include "net/address_options.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "net/keep_alive.h"
#include "net/multicast.h"

/* What an option fits. */
enum {
	TCP_SEND = 1 << 0,
	TCP_RECEIVE = 1 << 1,
	UDP_SEND = 1 << 2,
	UDP_RECEIVE = 1 << 3,
	SENDERS = TCP_SEND | UDP_SEND,
	TCP_BOTH = TCP_SEND | TCP_RECEIVE,
	ALL = SENDERS | TCP_RECEIVE | UDP_RECEIVE,
};

/* A socket that gets options. */
struct target {
	int fd;
	const struct zcdma_addr *addr;
	const struct addrinfo *ai;
	enum zc_addr_role role;
};

struct address_option {
	struct zc_option option; /* first: zc_option_set has it so */
	unsigned fits;
	int level, name; /* set by setsockopt() with an int, ... */
	int (*set)(const struct target *t,
		   uint64_t value); /* ... or by this; neither: by what uses it */
	const char *instead;	    /* what helps where it does not fit */
	const char *hint;	    /* what helps where the kernel refuses it */
};

/*
 * Values
 */

static int copy_text(const char *text, uint64_t *value, size_t room)
{
	if (!*text || strlen(text) >= room)
		return -EINVAL;
	strcpy((char *)value, text);
	return 0;
}

static int parse_name(const char *text, uint64_t *value)
{
	return copy_text(text, value, sizeof(((struct zcdma_addr *)0)->iface));
}

static bool is_any(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)sa)->sin6_addr);
	return ((const struct sockaddr_in *)sa)->sin_addr.s_addr == htonl(INADDR_ANY);
}

/* Nothing is sent from a group, or from every address. */
static bool is_machine(const struct sockaddr *sa)
{
	return !zc_is_group(sa) && !is_any(sa);
}

/* Parse an IP address, which is not looked up, and of which @fits is true (NULL: any). */
static int parse_ip(const char *text, uint64_t *value, bool (*fits)(const struct sockaddr *sa))
{
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST };
	struct addrinfo *ai;
	bool good;

	if (getaddrinfo(text, NULL, &numeric, &ai))
		return -EINVAL;
	good = !fits || fits(ai->ai_addr);
	freeaddrinfo(ai);
	return good ? copy_text(text, value, sizeof(((struct zcdma_addr *)0)->bind)) : -EINVAL;
}

static int parse_host(const char *text, uint64_t *value)
{
	return parse_ip(text, value, NULL);
}

static int parse_machine(const char *text, uint64_t *value)
{
	return parse_ip(text, value, is_machine);
}

static int parse_port(const char *text, uint64_t *value)
{
	return zc_option_within(text, value, 1, UINT16_MAX);
}

static int parse_ttl(const char *text, uint64_t *value)
{
	return zc_option_within(text, value, 1, 255);
}

/* The limits are the kernel's: do_tcp_setsockopt() in net/ipv4/tcp.c. */
static int parse_mss(const char *text, uint64_t *value)
{
	return zc_option_within(text, value, 88, 32767);
}

static int parse_keepalive(const char *text, uint64_t *value)
{
	return zc_option_within(text, value, 3, 32767);
}

static int parse_buffer(const char *text, uint64_t *value)
{
	int rc = zcdma_size_parse(text, value);

	return rc ? rc : *value && *value <= INT32_MAX / 2 ? 0 : -ERANGE;
}

static int parse_retry(const char *text, uint64_t *value)
{
	if (strcmp(text, "forever"))
		return zc_option_within(text, value, 1, 1000000000);
	*value = UINT64_MAX;
	return 0;
}

/* Parse a number, or the name of a class: "cs0" to "cs7" (RFC 2474), "af11" to "af43" (RFC 2597), "ef" (RFC 3246). */
static int parse_dscp(const char *text, uint64_t *value)
{
	const size_t len = strlen(text);

	if (!strcmp(text, "ef"))
		*value = 46;
	else if (len == 3 && !strncmp(text, "cs", 2) && text[2] >= '0' && text[2] <= '7')
		*value = 8 * (uint64_t)(text[2] - '0');
	else if (len == 4 && !strncmp(text, "af", 2) && text[2] >= '1' && text[2] <= '4' &&
		 text[3] >= '1' && text[3] <= '3')
		*value = 8 * (uint64_t)(text[2] - '0') + 2 * (uint64_t)(text[3] - '0');
	else
		return zc_option_within(text, value, 0, 63);
	return 0;
}

/*
 * What takes more than an int
 */

static int set_int(const struct target *t, int level, int name, uint64_t value)
{
	const int number = (int)value;

	return setsockopt(t->fd, level, name, &number, sizeof(number)) ? -errno : 0;
}

/* Set an option that IPv4 and IPv6 each have. An IPv6 socket may send IPv4 too. */
static int set_both(const struct target *t, int v4, int v6, uint64_t value)
{
	int rc = t->ai->ai_family == AF_INET6 ? set_int(t, IPPROTO_IPV6, v6, value) : 0;
	int rc4 = set_int(t, IPPROTO_IP, v4, value);

	return t->ai->ai_family == AF_INET6 ? rc : rc4;
}

static int set_dscp(const struct target *t, uint64_t value)
{
	return set_both(t, IP_TOS, IPV6_TCLASS, value << 2);
}

static int set_ttl(const struct target *t, uint64_t value)
{
	return zc_is_group(t->ai->ai_addr)
		       ? set_both(t, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, value)
		       : set_both(t, IP_TTL, IPV6_UNICAST_HOPS, value);
}

/* A kernel of 32 bits reads the lower half: sk_setsockopt() in net/core/sock.c. */
static int set_pace(const struct target *t, uint64_t value)
{
	return setsockopt(t->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &value, sizeof(value)) ? -errno
											: 0;
}

/* Beyond net.core.wmem_max it takes CAP_NET_ADMIN. */
static int set_sndbuf(const struct target *t, uint64_t value)
{
	return set_int(t, SOL_SOCKET, SO_SNDBUFFORCE, value)
		       ? set_int(t, SOL_SOCKET, SO_SNDBUF, value)
		       : 0;
}

static int set_iface(const struct target *t, uint64_t value)
{
	const char *name = t->addr->iface;
	const unsigned index = if_nametoindex(name);

	(void)value;
	if (!index)
		return -ENODEV;
	if (zc_is_group(t->ai->ai_addr)) /* a receiver joins it there */
		return t->role == ZC_ADDR_SEND ? zc_send_to_group(t->fd, t->ai->ai_family, index)
					       : 0;
	return setsockopt(t->fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name))
		       ? -errno
		       : 0;
}

static int set_congestion(const struct target *t, uint64_t value)
{
	const char *name = t->addr->congestion;

	(void)value;
	return setsockopt(t->fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name))
		       ? -errno
		       : 0;
}

static int set_keepalive(const struct target *t, uint64_t value)
{
	zc_keep_alive(t->fd, (unsigned)value);
	return 0;
}

/* Bind to the address and the port to send from, of which one may be missing. */
static int set_bind(const struct target *t, uint64_t value)
{
	const struct zcdma_addr *addr = t->addr;
	const struct addrinfo want = {
		.ai_family = t->ai->ai_family,
		.ai_socktype = t->ai->ai_socktype,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	};
	struct addrinfo *ai;
	char port[8];
	int rc;

	(void)value;
	snprintf(port, sizeof(port), "%u", (unsigned)addr->local_port);
	if (getaddrinfo(addr->bind[0] ? addr->bind : NULL, port, &want, &ai))
		return -EADDRNOTAVAIL;
	/* The port of a connection that has just ended. */
	set_int(t, SOL_SOCKET, SO_REUSEADDR, t->ai->ai_socktype == SOCK_STREAM);
	rc = bind(t->fd, ai->ai_addr, ai->ai_addrlen) ? -errno : 0;
	freeaddrinfo(ai);
	return rc;
}

/* Set the port to send from, unless set_bind() has. */
static int set_port(const struct target *t, uint64_t value)
{
	return t->addr->bind[0] ? 0 : set_bind(t, value);
}

/*
 * The table
 */

#define AT(field) offsetof(struct zcdma_addr, field)

static const struct address_option table[] = {
	{ .option = { "pace", AT(pace), zc_option_rate, "bytes per second, as in 100M" },
	  .fits = SENDERS,
	  .set = set_pace,
	  .instead = "a receiver takes what comes: pace the sender" },
	{ .option = { "bind", AT(bind), parse_host,
		      "an IP address of this machine, as in 10.0.0.4" },
	  .fits = SENDERS,
	  .set = set_bind,
	  .instead = "a receiver listens where its address says: HOST:PORT",
	  .hint = "give an address of this machine: ip -brief address" },
	{ .option = { "port", AT(local_port), parse_port, "a port to send from, 1 to 65535" },
	  .fits = SENDERS,
	  .set = set_port,
	  .instead = "a receiver listens where its address says: HOST:PORT",
	  .hint = "give a port that is free, and above 1023 unless root sends" },
	{ .option = { "iface", AT(iface), parse_name, "the name of an interface" },
	  .fits = ALL,
	  .set = set_iface,
	  .hint = "list the interfaces: ip -brief link" },
	{ .option = { "dscp", AT(dscp), parse_dscp, "0 to 63, cs0 to cs7, af11 to af43, or ef" },
	  .fits = TCP_BOTH | UDP_SEND,
	  .set = set_dscp,
	  .instead = "nothing is sent" },
	{ .option = { "ttl", AT(ttl), parse_ttl, "a number of hops from 1 to 255" },
	  .fits = TCP_BOTH | UDP_SEND,
	  .set = set_ttl,
	  .instead = "nothing is sent" },
	{ .option = { "congestion", AT(congestion), parse_name,
		      "the name of a congestion control" },
	  .fits = TCP_SEND,
	  .set = set_congestion,
	  .instead = "a TCP sender has it",
	  .hint = "choose one that sysctl net.ipv4.tcp_allowed_congestion_control lists; net.ipv4.tcp_available_congestion_control lists all" },
	{ .option = { "sndbuf", AT(sndbuf), parse_buffer, "a size below 1G" },
	  .fits = SENDERS,
	  .set = set_sndbuf,
	  .instead = "a receiver of datagrams has buffer=" },
	{ .option = { "mss", AT(mss), parse_mss, "a number of bytes from 88 to 32767" },
	  .fits = TCP_BOTH,
	  .level = IPPROTO_TCP,
	  .name = TCP_MAXSEG,
	  .instead = "datagrams have --datagram" },
	{ .option = { "keepalive", AT(keepalive), parse_keepalive,
		      "a number of seconds from 3 to 32767" },
	  .fits = TCP_BOTH,
	  .set = set_keepalive,
	  .instead = "there is no connection" },
	{ .option = { "framed", AT(framed), NULL, NULL },
	  .fits = TCP_BOTH,
	  .instead = "datagrams cannot be sent again" },
	{ .option = { "retry", AT(retry), parse_retry, "a number of seconds, or forever" },
	  .fits = TCP_BOTH,
	  .instead = "there is no connection" },
	{ .option = { "source", AT(source), parse_machine,
		      "the IP address of a sender, as in 10.0.0.5" },
	  .fits = UDP_RECEIVE,
	  .instead = "a connection has one sender" },
	{ .option = { "buffer", AT(buffer), parse_buffer, "a size below 1G" },
	  .fits = UDP_RECEIVE,
	  .instead = "TCP sizes its buffer itself, and a sender has sndbuf=" },
};

ZC_PUBLIC const char *zcdma_addr_option_at(unsigned i)
{
	return i < ARRAY_SIZE(table) ? table[i].option.name : NULL;
}

static bool is_text(const struct zc_option *o)
{
	return o->parse == parse_name || o->parse == parse_host || o->parse == parse_machine;
}

static const void *value_of(const struct zc_option *o, const struct zcdma_addr *addr)
{
	return (const char *)addr + o->offset;
}

static bool is_set(const struct zc_option *o, const struct zcdma_addr *addr)
{
	const void *value = value_of(o, addr);

	return is_text(o) ? *(const char *)value != 0 : *(const uint64_t *)value != 0;
}

static unsigned use_of(const struct zcdma_addr *addr, unsigned roles)
{
	const unsigned send = addr->udp ? UDP_SEND : TCP_SEND;
	const unsigned receive = addr->udp ? UDP_RECEIVE : TCP_RECEIVE;

	return (roles & ZC_ADDR_SEND ? send : 0) | (roles & ZC_ADDR_RECEIVE ? receive : 0);
}

static bool fits(const struct zc_option *o, const void *values, unsigned roles)
{
	return ((const struct address_option *)(const void *)o)->fits & use_of(values, roles);
}

static bool fits_any(const struct zc_option *o, const void *values)
{
	return fits(o, values, ZC_ADDR_SEND | ZC_ADDR_RECEIVE);
}

static bool fits_receiver(const struct zc_option *o, const void *values)
{
	return fits(o, values, ZC_ADDR_RECEIVE);
}

struct zc_option_set zc_addr_options(struct zcdma_addr *addr, unsigned roles)
{
	return (struct zc_option_set){
		.table = table,
		.count = ARRAY_SIZE(table),
		.stride = sizeof(table[0]),
		.values = addr,
		.seen = &addr->given,
		.listed = roles & ZC_ADDR_SEND ? fits_any : fits_receiver,
	};
}

int zc_addr_check(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, unsigned roles,
		  const char *name)
{
	static const char *const whose[] = {
		[ZC_ADDR_SEND] = "a sender over ", [ZC_ADDR_RECEIVE] = "a receiver over "
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct address_option *a = &table[i];

		if (!(addr->given & UINT64_C(1) << i) || fits(&a->option, addr, roles))
			continue;
		zc_fail_plain(ctx, EINVAL, "address %s: %s%s is not for %s%s", name, a->option.name,
			      a->option.takes ? "=" : "",
			      fits_any(&a->option, addr) ? whose[roles] : "",
			      addr->udp ? "UDP" : "TCP");
		zc_hint(ctx, "leave it out: %s", a->instead);
		return -EINVAL;
	}
	if (!addr->retry || addr->framed)
		return 0;
	zc_fail_plain(ctx, EINVAL, "address %s: retry= is for framed streams", name);
	zc_hint(ctx, "frame the stream, at both ends: %s:%s,framed,retry=N", addr->host,
		addr->port);
	return -EINVAL;
}

static int set_one(const struct target *t, const struct address_option *a)
{
	const uint64_t value =
		is_text(&a->option) ? 0 : *(const uint64_t *)value_of(&a->option, t->addr);

	if (a->set)
		return a->set(t, value);
	return a->name ? set_int(t, a->level, a->name, value) : 0;
}

int zc_addr_apply(int fd, const struct zcdma_addr *addr, const struct addrinfo *ai,
		  enum zc_addr_role role, struct zc_addr_failed *failed)
{
	const struct target t = { .fd = fd, .addr = addr, .ai = ai, .role = role };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct zc_option *o = &table[i].option;
		int rc = is_set(o, addr) && fits(o, addr, role) ? set_one(&t, &table[i]) : 0;

		if (!rc)
			continue;
		*failed = (struct zc_addr_failed){ .name = o->name, .hint = table[i].hint };
		if (is_text(o))
			snprintf(failed->value, sizeof(failed->value), "%s",
				 (const char *)value_of(o, addr));
		else
			snprintf(failed->value, sizeof(failed->value), "%llu",
				 (unsigned long long)*(const uint64_t *)value_of(o, addr));
		return rc;
	}
	return 0;
}

int zc_addr_fail(struct zcdma_ctx *ctx, const struct zc_addr_failed *failed, int err)
{
	zc_fail(ctx, err, "set %s=%s", failed->name, failed->value);
	if (failed->hint)
		zc_hint(ctx, "%s", failed->hint);
	return -err;
}
