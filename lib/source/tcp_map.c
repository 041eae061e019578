// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * tcp:,receive=map - receives by TCP_ZEROCOPY_RECEIVE: the kernel maps the pages that segments came in (tcp_mmap() and
 * tcp_zerocopy_receive() in net/ipv4/tcp.c). It maps whole pages alone, so that a segment has to hold some, and nothing
 * else; what it cannot map it says to skip, and that is received into the ring.
 *
 * The pages are the caller's as long as they are mapped, and each that something else reads, as a socket does, has a
 * reference more. Nothing writes to them again before all of these are gone. So a block may be reused at any time: the
 * next call unmaps its pages and maps others.
 */
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/link.h"
#include "net/socket.h"
#include "source/tcp.h"

#ifndef TCP_ZEROCOPY_RECEIVE
#define TCP_ZEROCOPY_RECEIVE 35 /* linux/tcp.h, since 4.18 */
#endif

/* Options of a segment with data, and the headers of IPv6 and TCP: those of IPv4 are shorter. */
#define OPTION_BYTES 12
#define HEADER_BYTES (60 + OPTION_BYTES)

/* MAX_TCP_WINDOW in net/tcp.h: TCP_MAXSEG takes no more. */
#define MOST_MSS 32767

/* As in linux/tcp.h, up to .inq: with .err the call would clear an error of the connection. */
struct receive {
	uint64_t address;
	uint32_t length;
	uint32_t recv_skip_hint;
	uint32_t inq;
	uint32_t err;
};

#define RECEIVE_BYTES offsetof(struct receive, err)

#define MAP_BYTES ((size_t)ZC_TCP_MAP_SLOTS * ZC_POOL_BLOCK)

/*
 * The size of segments
 */

static unsigned mtu_of(const char *name)
{
	struct zc_link link;

	return zc_link_get((int)if_nametoindex(name), &link) ? 0 : link.mtu;
}

/* Returns whether an address of an interface is the one to listen on, which may be any. */
static bool is_listened_on(const struct zcdma_addr *addr, const struct ifaddrs *i)
{
	const bool v6 = i->ifa_addr->sa_family == AF_INET6;
	char host[64];

	if (addr->iface[0] && strcmp(addr->iface, i->ifa_name) != 0)
		return false;
	if (!addr->host[0])
		return true;
	return !getnameinfo(i->ifa_addr,
			    v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in), host,
			    sizeof(host), NULL, 0, NI_NUMERICHOST) &&
	       !strcmp(host, addr->host);
}

/* Returns the smallest MTU that has room for a page, of the interfaces that a sender may come by; or 0. */
static unsigned smallest_mtu(const struct zcdma_addr *addr)
{
	struct ifaddrs *list;
	unsigned least = 0;

	if (getifaddrs(&list) < 0)
		return 0;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		unsigned mtu;

		if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6) ||
		    !is_listened_on(addr, i))
			continue;
		mtu = mtu_of(i->ifa_name);
		if (mtu >= zc_page_size() + HEADER_BYTES && (!least || mtu < least))
			least = mtu;
	}
	freeifaddrs(list);
	return least;
}

void zc_tcp_map_choose_mss(struct tcp_source *t)
{
	const unsigned page = (unsigned)zc_page_size();
	const unsigned mtu = t->end.addr.mss ? 0 : smallest_mtu(&t->end.addr);
	const unsigned room = mtu ? zc_min(mtu - HEADER_BYTES, MOST_MSS - OPTION_BYTES) : 0;

	if (room >= page)
		t->end.addr.mss = room - room % page + OPTION_BYTES;
}

/*
 * Mapping
 */

int zc_tcp_map_open(struct tcp_source *t)
{
	struct zc_ring ring = { .fd = -1, .block_size = ZC_POOL_BLOCK, .blocks = ZC_TCP_MAP_SLOTS };
	struct zcdma_source *src = &t->base.src;
	int fd, err, rc;

	if (t->map.slots.ring.base)
		return 0;
	/* The mapping may be of any TCP socket (find_tcp_vma() in net/ipv4/tcp.c), and the connection is not there yet. */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return zc_fail(src->ctx, errno, "source %s: a socket to map", src->name);
	ring.base = mmap(NULL, MAP_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	err = errno;
	close(fd);
	if (ring.base == MAP_FAILED) {
		zc_fail(src->ctx, err, "source %s: map a connection", src->name);
		zc_hint(src->ctx, "receive=auto needs no mapping, and is as fast");
		return -err;
	}
	rc = zc_pool_of_ring(src->ctx, &t->map.slots, &ring);
	if (rc) {
		munmap(ring.base, MAP_BYTES);
		t->map.slots.ring.base = NULL;
	}
	return rc;
}

void zc_tcp_map_close(struct tcp_source *t)
{
	struct zc_pool *slots = &t->map.slots;

	if (!slots->ring.base)
		return;
	munmap(slots->ring.base, MAP_BYTES);
	zc_pool_free(slots);
}

void zc_tcp_map_begin(struct tcp_source *t)
{
	struct zc_tcp_map *m = &t->map;
	struct zc_route route;
	struct zc_link link;

	m->unknown = true;
	if (zc_route_of(t->fd, &route) || zc_link_get(route.device, &link))
		return;
	m->local = route.local;
	m->unknown = !m->local && link.kind[0];
	m->mtu = link.mtu;
	memcpy(m->device, link.name, sizeof(m->device));
}

static uint8_t *slot(const struct zc_tcp_map *m)
{
	return m->slots.ring.base + (size_t)m->index * ZC_POOL_BLOCK;
}

/* Ask the kernel to map up to @len bytes after those that the block has. Returns 0 or a negative errno. */
static int ask(const struct tcp_source *t, size_t len, struct receive *r)
{
	socklen_t size = RECEIVE_BYTES;

	*r = (struct receive){
		.address = (uint64_t)(uintptr_t)(slot(&t->map) + t->map.filled),
		.length = (uint32_t)len,
	};
	if (!getsockopt(t->fd, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, r, &size))
		return 0;
	r->length = r->recv_skip_hint = 0;
	/* -EIO after the end of the stream, as recv() says in a better way. */
	return errno == EIO ? 0 : -errno;
}

/* Nothing can be mapped: see why. Returns 1 if a block goes on, 0, -EAGAIN, another negative errno, or 2 to go on. */
static int look_ahead(struct tcp_source *t, size_t missing)
{
	const bool any = t->base.filled || t->map.filled;
	char byte;
	ssize_t n = recv(t->fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);

	if (n > 0) {
		t->map.skip = 1;
		return 2;
	}
	if (!n) {
		t->ended = true;
		return any;
	}
	if (errno == EINTR)
		return 2;
	return errno == EAGAIN ? zc_tcp_wait(t, missing, any) : -errno;
}

/* Wait for the rest of a page that has come in part. Returns as look_ahead() does. */
static int wait_for_page(struct tcp_source *t, size_t missing, size_t part)
{
	const bool any = t->base.filled || t->map.filled;
	int rc = zc_tcp_wait(t, missing, true);

	if (rc != 1)
		return rc;
	t->map.skip = part;
	return any ? 1 : 2;
}

/* Take a block of address space. Returns 0, 1 if what was copied goes on first, or -EAGAIN if all are out. */
static int begin_slot(struct tcp_source *t)
{
	struct zc_tcp_map *m = &t->map;

	if (m->filling)
		return 0;
	if (!m->slots.unused_count) {
		t->base.src.starved = !t->base.filled;
		return t->base.filled ? 1 : -EAGAIN;
	}
	m->index = zc_pool_take(&m->slots);
	m->filling = true;
	return 0;
}

static int map(struct tcp_source *t, size_t size)
{
	struct zc_tcp_map *m = &t->map;
	const size_t missing = size - t->base.filled - m->filled;
	struct receive r;
	int rc;

	if (missing < zc_page_size()) {
		m->skip = missing;
		return m->filled || !missing ? 1 : 2;
	}
	rc = begin_slot(t);
	if (!rc)
		rc = ask(t, missing - missing % zc_page_size(), &r);
	if (rc)
		return rc;
	m->filled += r.length;
	t->base.src.stats.mapped_bytes += r.length;
	if (r.length && t->base.filled)
		return 1;
	if (r.recv_skip_hint && r.recv_skip_hint == r.inq && r.inq < zc_page_size())
		return wait_for_page(t, missing - r.length, r.inq);
	m->skip = r.recv_skip_hint;
	return m->skip || r.length ? 2 : look_ahead(t, missing);
}

/* Copy what cannot be mapped. Returns the same. */
static int copy(struct tcp_source *t, size_t size)
{
	struct zc_pool_source *base = &t->base;
	const size_t room = zc_min(t->map.skip, size - base->filled);
	ssize_t n = recv(t->fd, zc_pool_source_room(base), room, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		t->map.skip = 0;
	else if (n < 0 && errno != EINTR)
		return -errno;
	t->ended = !n;
	if (t->ended)
		return base->filled > 0;
	if (n > 0) {
		t->map.skip -= (size_t)n;
		base->filled += (size_t)n;
		base->src.stats.kernel_copied_bytes += (size_t)n;
	}
	return base->filled == size ? 1 : 2;
}

int zc_tcp_map_fill(struct tcp_source *t, size_t max)
{
	const size_t size = zc_min(max, (size_t)ZC_POOL_BLOCK);
	struct zc_tcp_map *m = &t->map;
	int rc = 2;

	while (rc == 2) {
		/* The block that was mapped goes on before more is copied, or when it is full. */
		if (m->filled && (m->skip || m->filled >= size))
			return 1;
		rc = m->skip ? copy(t, size) : map(t, size);
	}
	return rc;
}

void zc_tcp_map_finish(struct tcp_source *t, struct zcdma_block *b)
{
	struct zc_tcp_map *m = &t->map;
	struct zc_pool_source *base = &t->base;

	*b = (struct zcdma_block){
		.data = slot(m),
		.len = m->filled,
		.offset = base->offset,
		.seq = base->seq++,
		.time_ns = zc_now_ns(),
		.index = base->pool->ring.blocks + m->index,
		.fd = -1,
		.fd_offset = -1,
	};
	base->offset += m->filled;
	m->filling = false;
	m->filled = 0;
}

bool zc_tcp_map_put(struct tcp_source *t, const struct zcdma_block *b)
{
	struct zc_pool *slots = &t->map.slots;

	if (!slots->ring.base || b->index < t->base.pool->ring.blocks)
		return false;
	/* The next call maps other pages there, so that those which something may still read stay as they are. */
	zc_pool_put(slots, b->index - t->base.pool->ring.blocks, ZC_PUT_REUSE);
	t->base.src.starved = false;
	return true;
}

/*
 * What was copied
 */

/* Say why the kernel could not map most of the bytes. */
static void explain(struct tcp_source *t)
{
	const unsigned page = (unsigned)zc_page_size(), needed = page + HEADER_BYTES;
	const unsigned mss = (unsigned)t->end.addr.mss;
	struct zc_tcp_map *m = &t->map;

	if (m->mtu && m->mtu < needed) {
		snprintf(
			m->reason, sizeof(m->reason),
			"receive=map: %s has an MTU of %u, and a segment with a page in it takes %u",
			m->device, m->mtu, needed);
		snprintf(m->hint, sizeof(m->hint), "ip link set %s mtu 9000, at both ends",
			 m->device);
	} else if (m->local) {
		snprintf(
			m->reason, sizeof(m->reason),
			"receive=map: over loopback only MSG_ZEROCOPY fills pages that can be mapped");
		snprintf(m->hint, sizeof(m->hint), "send with zcdma zcsend --fallback=keep");
	} else if (mss && (mss < page || mss % page != OPTION_BYTES)) {
		snprintf(m->reason, sizeof(m->reason),
			 "receive=map: segments of mss=%u bytes do not consist of whole pages",
			 mss);
		snprintf(m->hint, sizeof(m->hint), "mss=%u, or another multiple of %u and %u",
			 page + OPTION_BYTES, page, OPTION_BYTES);
	} else {
		snprintf(
			m->reason, sizeof(m->reason),
			"receive=map: segments did not lie in whole pages of their own, as where %s does not split headers from data, or the sender cuts its data otherwise",
			m->device[0] ? m->device : "the device");
		snprintf(m->hint, sizeof(m->hint), "zcdma probe %s says what it can do",
			 m->device[0] ? m->device : "INTERFACE");
	}
}

void zc_tcp_map_get_stats(struct tcp_source *t, struct zcdma_source_stats *stats)
{
	struct zc_tcp_map *m = &t->map;
	const uint64_t copied = stats->kernel_copied_bytes, mapped = stats->mapped_bytes;

	stats->unmapped_bytes = copied;
	m->hint[0] = '\0';
	if (copied > mapped / 10) {
		explain(t);
	} else if (m->local && mapped) {
		snprintf(
			m->reason, sizeof(m->reason),
			"receive=map: over loopback the kernel had copied into the pages that it mapped (skb_orphan_frags_rx())");
	} else if (m->unknown && mapped) {
		snprintf(
			m->reason, sizeof(m->reason),
			"receive=map: it is unknown whether the kernel had copied into the pages that came through %s",
			m->device[0] ? m->device : "the device");
	} else {
		return;
	}
	if (m->local)
		stats->kernel_copied_bytes += mapped;
	else if (m->unknown)
		stats->unknown_bytes += mapped;
	stats->copies_reason = m->reason;
	stats->copies_hint = m->hint[0] ? m->hint : NULL;
}
