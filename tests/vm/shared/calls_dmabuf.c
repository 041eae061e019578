// SPDX-License-Identifier: GPL-2.0-only
/* Random calls on dma-bufs: those of the ring, and what another driver does with them; and memory to make a ring of. */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls_parts.h"
#include "dmabuf.h"

static int any_dmabuf(struct dice *d)
{
	return d->s->dmabuf[below(d, DMABUFS)];
}

static bool map_dmabuf(struct dice *d, int fd, size_t bytes)
{
	const size_t slot = below(d, MAPS);
	const int prot = rarely(d, 4) ? PROT_READ | PROT_WRITE : PROT_READ;

	if (bytes > WINDOW ||
	    mmap(map_address(slot), bytes, prot, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		return false;
	d->s->length[slot] = bytes;
	return true;
}

/* What is exported is mapped, mostly, in the place of another mapping, and kept in the place of another dma-buf. */
bool do_export(struct dice *d)
{
	struct zcdma_dev_export e = {
		.size = size_of(d, sizeof(e)),
		.index = rarely(d, 8) ? ZCDMA_DEV_EXPORT_RING : any_taken(d)->index,
		.flags = rarely(d, 32) ? roll(d) : (rarely(d, 2) ? O_RDWR : 0),
	};
	int before;

	if (ioctl(any_file(d), ZCDMA_IOC_EXPORT, &e))
		return false;
	if (!rarely(d, 4))
		map_dmabuf(d, e.fd, e.bytes);
	before = __atomic_exchange_n(&d->s->dmabuf[below(d, DMABUFS)], e.fd, __ATOMIC_RELAXED);
	if (before >= 0)
		close(before);
	return true;
}

bool do_map_dmabuf(struct dice *d)
{
	return map_dmabuf(d, any_dmabuf(d), rarely(d, 2) ? d->s->ring_bytes : d->s->block_size);
}

/* Access by the CPU begins, or ends without having begun. */
bool do_sync(struct dice *d)
{
	struct dma_buf_sync sync = { .flags = rarely(d, 32) ? roll(d) : 1 + below(d, 7) };

	return !ioctl(any_dmabuf(d), DMA_BUF_IOCTL_SYNC, &sync);
}

/* Another driver maps it for DMA, and unmaps it at once, mostly. */
bool do_import(struct dice *d)
{
	const int handle = vgem_import(d->s->vgem, any_dmabuf(d));
	int before = handle;

	if (handle < 0)
		return false;
	if (rarely(d, 8))
		before = __atomic_exchange_n(&d->s->handle[below(d, HANDLES)], handle,
					     __ATOMIC_RELAXED);
	return !before || !vgem_try_close_handle(d->s->vgem, before);
}

void import_into(struct dice *d, struct zcdma_dev_setup *setup, int *fd)
{
	for (unsigned i = 0; i < IMPORTS; i++)
		fd[i] = d->s->import[i];
	if (rarely(d, 8))
		fd[below(d, IMPORTS)] = any_dmabuf(d);
	setup->model = ZCDMA_DEV_IMPORTED;
	setup->policy = ZCDMA_DEV_TRACK;
	setup->dmabufs = rarely(d, 32) ? roll(d) : (uintptr_t)fd;
}

bool make_imports(struct session *s)
{
	const bool possible = !access("/dev/udmabuf", R_OK | W_OK);
	char *map;

	s->vgem = vgem_try_open();
	for (unsigned i = 0; i < DMABUFS; i++)
		s->dmabuf[i] = -1;
	for (unsigned i = 0; i < IMPORTS; i++) {
		s->import[i] = possible ? exporters[0].make(IMPORT_BYTES, &map) : -1;
		if (possible)
			munmap(map, IMPORT_BYTES);
	}
	s->source = memfd_create("source", MFD_CLOEXEC);
	return !ftruncate(s->source, SOURCE_BYTES);
}
