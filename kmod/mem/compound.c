// SPDX-License-Identifier: GPL-2.0-only
/* The model compound: a block is one compound page, or a few. One word tells whether it is idle. */
#include "mem.h"

const struct zcdma_mem_ops zcdma_mem_compound = {
	.stride = zcdma_chunks_stride,
	.alloc = zcdma_chunks_alloc_compound,
	.free = zcdma_chunks_free,
	.dma_map = zcdma_chunks_dma_map,
	.dma_unmap = zcdma_chunks_dma_unmap,
	.sync_for_cpu = zcdma_chunks_sync_for_cpu,
	.sync_for_device = zcdma_chunks_sync_for_device,
	.mmap = zcdma_chunks_mmap,
	.vaddr = zcdma_chunks_vaddr,
	.get_page = zcdma_chunks_get_page,
	.busy = zcdma_chunks_busy,
	.count = zcdma_chunks_count,
	.revocable = true,
};
