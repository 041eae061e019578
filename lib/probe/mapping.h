/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A mapping that is probed. */
#ifndef ZCDMA_PROBE_MAPPING_H
#define ZCDMA_PROBE_MAPPING_H

#include <unistd.h>

#include <zcdma/probe.h>

#include "internal.h"

/* Bytes of a mapping, unless the caller asks for others. */
#define ZC_PROBE_BYTES ((size_t)64 * 1024)

/* Whose memory is mapped, as far as causes and hints depend on it. */
enum zc_owner {
	ZC_OWNER_ANY,
	ZC_OWNER_PCI,	 /* a BAR that sysfs offers */
	ZC_OWNER_ZCDMA,	 /* the driver of this project */
	ZC_OWNER_MMIO,	 /* a device, by the physical address */
	ZC_OWNER_V4L2,	 /* a V4L2 driver's buffer */
	ZC_OWNER_DMABUF, /* a dma-buf, by its own mapping */
};

struct zc_mapping {
	void *addr;
	size_t bytes;  /* to try */
	size_t mapped; /* to unmap; 0 where the kernel made the mapping */
	bool writable;
	bool device; /* reading it may reach a register */
	enum zc_owner owner;
	struct zc_vma vma;
};

#endif
