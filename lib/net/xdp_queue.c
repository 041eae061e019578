// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/xdp_queue.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/* The kernel wants a ring for what was sent, though none is sent. */
#define COMPLETIONS 64

static int set_size(int fd, int option, uint32_t entries)
{
	return setsockopt(fd, SOL_XDP, option, &entries, sizeof(entries)) ? -errno : 0;
}

static int add_frames(struct zc_xdp_queue *q, uint32_t frames)
{
	struct xdp_umem_reg reg = { .chunk_size = ZC_XDP_FRAME };
	void *p;

	q->frames_len = (size_t)frames * ZC_XDP_FRAME;
	p = mmap(NULL, q->frames_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	q->frames = p;
	reg.addr = (uintptr_t)p;
	reg.len = q->frames_len;
	return setsockopt(q->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) ? -errno : 0;
}

static int map_ring(struct zc_xdp_ring *r, int fd, const struct xdp_ring_offset *at, off_t where,
		    uint32_t entries, size_t entry)
{
	void *p;

	r->map_len = at->desc + entries * entry;
	p = mmap(NULL, r->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, where);
	if (p == MAP_FAILED)
		return -errno;
	r->map = p;
	r->producer = (uint32_t *)((uint8_t *)p + at->producer);
	r->consumer = (uint32_t *)((uint8_t *)p + at->consumer);
	r->entries = (uint8_t *)p + at->desc;
	r->mask = entries - 1;
	return 0;
}

static int map_rings(struct zc_xdp_queue *q, uint32_t frames)
{
	struct xdp_mmap_offsets at;
	socklen_t len = sizeof(at);
	int rc;

	if (getsockopt(q->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &len))
		return -errno;
	rc = map_ring(&q->fill, q->fd, &at.fr, XDP_UMEM_PGOFF_FILL_RING, frames, sizeof(uint64_t));
	return rc ? rc
		  : map_ring(&q->received, q->fd, &at.rx, XDP_PGOFF_RX_RING, frames,
			     sizeof(struct xdp_desc));
}

/* Give a frame to the kernel. The ring has room for all of them. */
static void give_frame(struct zc_xdp_queue *q, uint64_t offset)
{
	struct zc_xdp_ring *r = &q->fill;
	const uint32_t at = *r->producer;

	((uint64_t *)r->entries)[at & r->mask] = offset;
	__atomic_store_n(r->producer, at + 1, __ATOMIC_RELEASE);
}

int zc_xdp_queue_open(struct zc_xdp_queue *q, unsigned ifindex, unsigned queue, uint32_t frames,
		      uint16_t flags)
{
	const struct sockaddr_xdp to = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = queue,
		.sxdp_flags = flags | XDP_USE_NEED_WAKEUP,
	};
	int rc;

	*q = (struct zc_xdp_queue){ .fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0) };
	if (q->fd < 0)
		return -errno;
	rc = add_frames(q, frames);
	if (!rc)
		rc = set_size(q->fd, XDP_UMEM_FILL_RING, frames);
	if (!rc)
		rc = set_size(q->fd, XDP_UMEM_COMPLETION_RING, COMPLETIONS);
	if (!rc)
		rc = set_size(q->fd, XDP_RX_RING, frames);
	if (!rc)
		rc = map_rings(q, frames);
	if (!rc) {
		for (uint32_t i = 0; i < frames; i++)
			give_frame(q, (uint64_t)i * ZC_XDP_FRAME);
		rc = bind(q->fd, (const struct sockaddr *)&to, sizeof(to)) ? -errno : 0;
	}
	if (rc)
		zc_xdp_queue_close(q);
	return rc;
}

static const struct xdp_desc *oldest(const struct zc_xdp_queue *q)
{
	const struct zc_xdp_ring *r = &q->received;

	return &((const struct xdp_desc *)r->entries)[*r->consumer & r->mask];
}

/* Give the frame of the packet that is held back to the kernel. */
static void release_held(struct zc_xdp_queue *q)
{
	if (!q->held)
		return;
	give_frame(q, oldest(q)->addr & ~(uint64_t)(ZC_XDP_FRAME - 1));
	__atomic_store_n(q->received.consumer, *q->received.consumer + 1, __ATOMIC_RELEASE);
	q->held = false;
}

int zc_xdp_queue_next(struct zc_xdp_queue *q, const uint8_t **data, uint32_t *len)
{
	release_held(q);
	if (__atomic_load_n(q->received.producer, __ATOMIC_ACQUIRE) == *q->received.consumer)
		return 0;
	q->held = true;
	*data = q->frames + oldest(q)->addr;
	*len = oldest(q)->len;
	return 1;
}

static void unmap(void *p, size_t len)
{
	if (p)
		munmap(p, len);
}

void zc_xdp_queue_close(struct zc_xdp_queue *q)
{
	/* The kernel holds the frames, and writes to them, until the socket is closed. */
	if (q->fd >= 0)
		close(q->fd);
	unmap(q->fill.map, q->fill.map_len);
	unmap(q->received.map, q->received.map_len);
	unmap(q->frames, q->frames_len);
	*q = (struct zc_xdp_queue){ .fd = -1 };
}
