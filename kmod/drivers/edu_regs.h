/* SPDX-License-Identifier: GPL-2.0-only */
/* The registers of QEMU's PCI device edu, as its docs/specs/edu.rst has them. */
#ifndef ZCDMA_EDU_REGS_H
#define ZCDMA_EDU_REGS_H

#include <linux/bits.h>

#define EDU_IRQ_STATUS	0x24
#define EDU_IRQ_ACK	0x64
#define EDU_IRQ_DMA	0x100		/* a transfer is done */
#define EDU_DMA_FROM	0x80
#define EDU_DMA_TO	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_CMD	0x98
#define EDU_DMA_RUN	BIT(0)
#define EDU_DMA_OUT	BIT(1)		/* out of the device; else into it */
#define EDU_DMA_IRQ	BIT(2)
#define EDU_REGS	0xa0
#define EDU_BUFFER	0x40000		/* in the device's own address space */
/* It has 4096 bytes, but QEMU 7.2 aborts when they are all used. Whole words of the pattern. */
#define EDU_BYTES	4088
#define EDU_TIMEOUT	(3 * HZ)	/* a transfer takes 0.1 s */

#endif /* ZCDMA_EDU_REGS_H */
