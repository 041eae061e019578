// SPDX-License-Identifier: LGPL-2.1-or-later
#include "source/packets.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "source/options.h"

#define BLOCK_SIZE (1u << 20)
#define BLOCKS	   16

/* How long a datagram waits for an earlier one where nothing else comes. */
#define PATIENCE_NS 100000000

/*
 * Options
 */

/* "OFFSET:WIDTHbe" or "...le": one number holds it all. */
#define SEQ_LITTLE (UINT64_C(1) << 63)
#define SEQ_WIDTH  (UINT64_C(1) << 32)

int zc_packets_parse_seq(const char *text, uint64_t *value)
{
	unsigned offset, width;
	char order[3] = "";
	int end = 0;

	if (sscanf(text, "%5u:%1u%2[a-z]%n", &offset, &width, order, &end) != 3 || text[end] ||
	    *text < '0' || *text > '9')
		return -EINVAL;
	if (offset > 65535 || !width || width > 8 || (strcmp(order, "be") && strcmp(order, "le")))
		return -EINVAL;
	*value = offset | width * SEQ_WIDTH | (*order == 'l' ? SEQ_LITTLE : 0);
	return 0;
}

struct zc_reorder_field zc_packets_seq_field(uint64_t seq)
{
	return (struct zc_reorder_field){
		.offset = (uint32_t)(seq & 0xffff),
		.width = (uint32_t)(seq / SEQ_WIDTH) & 15,
		.little_endian = seq & SEQ_LITTLE,
	};
}

int zc_packets_parse_checksum(const char *text, uint64_t *value)
{
	static const char *const names[] = { "auto", "off", NULL };

	return zc_option_name(text, names, value);
}

/*
 * Opening
 */

int zc_packets_open_payload(struct zc_packet_source *p, const char *name, uint64_t seq,
			    bool any_checksum)
{
	const struct zc_reorder_field field = zc_packets_seq_field(seq);

	p->src.info.packets = seq ? ZCDMA_PACKETS_NUMBERED : ZCDMA_PACKETS_PAYLOAD;
	return zc_payload_new(p->src.ctx, name, &field, any_checksum, &p->payload);
}

static int watch(int epoll_fd, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

int zc_packets_open_poll(struct zc_packet_source *p, int fd, bool ordered)
{
	p->packets_fd = p->src.poll_fd = fd;
	if (!ordered || fd < 0)
		return 0;
	p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	p->src.poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->timer_fd < 0 || p->src.poll_fd < 0 || watch(p->src.poll_fd, fd) ||
	    watch(p->src.poll_fd, p->timer_fd))
		return zc_fail(p->src.ctx, errno, "source %s: its timer", p->src.name);
	return 0;
}

void zc_packets_close(struct zc_packet_source *p)
{
	if (p->timer_fd >= 0)
		close(p->timer_fd);
	if (p->src.poll_fd >= 0 && p->src.poll_fd != p->packets_fd)
		close(p->src.poll_fd);
	zc_payload_free(p->payload);
	p->timer_fd = p->src.poll_fd = -1;
	p->payload = NULL;
}

int zc_packets_make_ring(struct zc_packet_source *p, unsigned uses)
{
	struct zcdma_source_info *info = &p->src.info;
	const struct zc_ring *ring = &p->pool.ring;
	int rc = zc_pool_alloc(p->src.ctx, &p->pool, BLOCK_SIZE, BLOCKS, uses);

	if (rc)
		return rc;
	info->block_size = ring->block_size;
	info->blocks = ring->blocks;
	info->page_size = ring->page_size;
	info->caps = ring->fd < 0 ? ZCDMA_CAP_MEMORY
				  : ZCDMA_CAP_MEMORY | ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET;
	zc_source_offer_ring(&p->src, ring);
	return 0;
}

void zc_packets_deactivate(struct zcdma_source *src)
{
	struct zc_packet_source *p = (struct zc_packet_source *)src;

	zc_pool_free(&p->pool);
	p->pool = (struct zc_pool){ .unused = NULL };
	src->ring = NULL;
}

/*
 * Pieces of the stream
 */

/* Returns whether the time to wait for missing datagrams is over; starts it if a datagram waits. */
static bool patience_has_ended(struct zc_packet_source *p)
{
	const struct itimerspec t = { .it_value.tv_nsec = PATIENCE_NS };
	uint64_t times;

	if (p->timer_fd < 0)
		return false;
	if (p->patient && read(p->timer_fd, &times, sizeof(times)) > 0) {
		p->patient = false;
		return true;
	}
	if (!p->patient && zc_payload_waits(p->payload))
		p->patient = !timerfd_settime(p->timer_fd, 0, &t, NULL);
	return false;
}

/* Take a packet. Returns 1, 0 at the end, or a negative errno. */
static int take_packet(struct zc_packet_source *p)
{
	struct zc_packet packet;
	int rc = p->stopped ? 0 : p->from->next(p, &packet);

	if (rc != 1)
		return rc;
	rc = p->payload ? zc_payload_put(p->payload, &packet) : p->from->take_whole(p, &packet);
	return rc ? rc : 1;
}

/* Stop waiting for datagrams, as no packet came, for now or at the end. Returns 0 or a negative errno. */
static int wait_no_longer(struct zc_packet_source *p, int rc)
{
	p->ended = !rc;
	if (p->ended)
		return p->payload ? zc_payload_end(p->payload) : p->from->end_whole(p);
	if (!p->payload)
		return rc;
	if (rc != -EAGAIN || !patience_has_ended(p))
		return rc;
	zc_payload_flush(p->payload);
	return 0;
}

/* Find the next piece. Returns 1, 0 at the end, -EAGAIN if none is there yet, or another negative errno. */
static int find_piece(struct zc_packet_source *p)
{
	int rc;

	while (!p->has_piece) {
		rc = p->payload ? zc_payload_get(p->payload, &p->data, &p->len) : 0;
		if (rc < 0)
			return rc;
		p->has_piece = rc;
		if (rc || p->ended)
			break;
		rc = take_packet(p);
		if (rc <= 0)
			rc = wait_no_longer(p, rc);
		if (rc < 0)
			return rc;
	}
	return p->has_piece;
}

/*
 * Blocks
 */

static void append_piece(struct zc_packet_source *p, uint8_t *to)
{
	memcpy(to, p->header, p->header_len);
	if (p->len)
		memcpy(to + p->header_len, p->data, p->len);
	p->header_len = p->len = 0;
	p->has_piece = false;
	if (p->payload)
		zc_payload_done(p->payload);
}

/*
 * Put pieces into @block of @size bytes, for as long as there are some and they fit. Their bytes, and
 * what find_piece() said last in *@rc.
 */
static size_t fill(struct zc_packet_source *p, uint8_t *block, size_t size, int *rc)
{
	size_t filled = 0;

	while ((*rc = find_piece(p)) == 1 && p->header_len + p->len <= size - filled) {
		size_t len = p->header_len + p->len;

		append_piece(p, block + filled);
		filled += len;
	}
	return filled;
}

static void make_block(struct zc_packet_source *p, size_t len, struct zcdma_block *b)
{
	const struct zc_ring *ring = &p->pool.ring;
	const uint32_t index = zc_pool_take(&p->pool);

	*b = (struct zcdma_block){
		.data = zc_ring_block(ring, index),
		.len = len,
		.offset = p->offset,
		.seq = p->seq++,
		.time_ns = zc_now_ns(),
		.index = index,
		.fd = ring->fd,
		.fd_offset = ring->fd < 0 ? -1 : (int64_t)(index * ring->block_size),
	};
	p->offset += len;
	p->src.stats.copied_bytes += len;
	if (p->kernel_copies)
		p->src.stats.kernel_copied_bytes += len;
}

int zc_packets_next(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct zc_packet_source *p = (struct zc_packet_source *)src;
	/* A file of packets ends with a whole one. */
	const size_t size = p->payload ? BLOCK_SIZE : zc_min(max, (size_t)BLOCK_SIZE);
	size_t len;
	int rc;

	if (p->pool.error)
		return zc_fail(src->ctx, -p->pool.error, "fresh pages for %s", src->name);
	if (p->failed.rc)
		return zc_error_again(&p->failed, src->ctx);
	src->starved = !p->pool.unused_count;
	if (src->starved)
		return -EAGAIN;
	len = fill(p, zc_ring_block(&p->pool.ring, zc_pool_next(&p->pool)), size, &rc);
	/* An error comes after what was read before it. */
	if (rc < 0 && rc != -EAGAIN)
		zc_error_keep(&p->failed, src->ctx, rc);
	if (len) {
		make_block(p, len, b);
		return 1;
	}
	if (rc == 1 && size == BLOCK_SIZE)
		return zc_fail_plain(src->ctx, EMSGSIZE,
				     "source %s: a packet of %zu bytes is larger than a block",
				     src->name, p->len);
	return rc == 1 ? 0 : rc;
}

void zc_packets_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct zc_packet_source *p = (struct zc_packet_source *)src;

	src->stats.replaced += how == ZC_PUT_REPLACE;
	zc_pool_put(&p->pool, b->index, how);
	src->starved = !p->pool.unused_count;
}

void zc_packets_stop(struct zcdma_source *src)
{
	((struct zc_packet_source *)src)->stopped = true;
}

void zc_packets_get_stats(const struct zc_packet_source *p, struct zcdma_source_stats *stats)
{
	stats->next_seq = p->seq;
	if (p->payload)
		zc_payload_get_stats(p->payload, &stats->packets);
}

int zc_packets_share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	return zc_source_share_ring(src, &((const struct zc_packet_source *)src)->pool.ring, desc);
}
