/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma: what is a mapping, and which ways out of it does the kernel accept?
 *
 * The conventions of <zcdma.h> hold here too.
 */
#ifndef ZCDMA_PROBE_H
#define ZCDMA_PROBE_H

#include <zcdma.h>

#ifdef __cplusplus
extern "C" {
#endif

enum zcdma_way {
	ZCDMA_WAY_SEND,	      /* send() */
	ZCDMA_WAY_ZEROCOPY,   /* send(MSG_ZEROCOPY) */
	ZCDMA_WAY_VMSPLICE,   /* vmsplice() */
	ZCDMA_WAY_DIRECT,     /* write() to a file opened with O_DIRECT */
	ZCDMA_WAY_REGISTERED, /* io_uring's registered buffers */
	ZCDMA_WAYS
};

enum zcdma_answer {
	ZCDMA_ANSWER_UNTRIED, /* .text says why */
	ZCDMA_ANSWER_WORKS,   /* .text may add how */
	ZCDMA_ANSWER_FAILS,   /* .err, and .text is the reason */
};

struct zcdma_way_result {
	enum zcdma_answer answer;
	int err;	/* errno, positive, of a way that fails */
	char text[160]; /* one sentence, may be empty */
};

struct zcdma_probe {
	char name[256];	   /* "anonymous", "[vvar]", "/dev/mydriver0", "/dev/zcdma0 compound" */
	char model[16];	   /* the memory model of a device of zcdma's driver, else empty */
	bool bounced;	   /* the device writes to bounce buffers, which the kernel copies */
	size_t bytes;	   /* mapped; 0 where there is no mapping, and .why says why */
	char why[256];	   /* why there is none */
	int err;	   /* errno, positive, of that */
	char vmflags[128]; /* VmFlags of its VMA as smaps has them: "rd sh mr ms pf io" */
	struct zcdma_way_result way[ZCDMA_WAYS];
	char cause[512]; /* of an EFAULT, or empty */
	char cure[512];	 /* and what cures it, or that there is no mapping; or empty */
};

enum zcdma_probe_flags {
	/*
	 * Let send(), MSG_ZEROCOPY and O_DIRECT read device memory. A read from a device register
	 * can have side effects (clear an interrupt, pop a FIFO), so PCI resources are else only
	 * pinned.
	 */
	ZCDMA_PROBE_READ_DEVICE = 1 << 0,
	/*
	 * Map for writing too, as io_uring registers writable memory only. Nothing is written, but a
	 * driver learns of it.
	 */
	ZCDMA_PROBE_WRITABLE = 1 << 1,
};

/* The name of a way: "send", "MSG_ZEROCOPY", ... Thread-safe. */
const char *zcdma_way_name(enum zcdma_way way);

/* The name of the @i-th mapping that every process can make, or NULL behind the last. */
const char *zcdma_probe_name(unsigned i);

/* Make the @i-th of those mappings, and try every way. An absent one is no error: see .why. */
int zcdma_probe_builtin(struct zcdma_ctx *ctx, unsigned i, struct zcdma_probe *p);

/*
 * How many mappings there are to probe of @path: one for each memory model of a device of zcdma's
 * driver, else 1. Thread-safe.
 */
unsigned zcdma_probe_count(const char *path);

/*
 * Map @bytes of the file or device @path from @offset on, and try every way. 0 bytes: up
 * to 64 KiB, less where the file or the driver has less. Never writes to @path. A path that cannot
 * be mapped is no error: see .why and .err. @i: which of its mappings; of a device of zcdma's driver
 * it is a ring with that memory model, which the device fills with a block of @bytes. @flags: enum
 * zcdma_probe_flags.
 */
int zcdma_probe_path(struct zcdma_ctx *ctx, const char *path, unsigned i, uint64_t offset,
		     size_t bytes, unsigned flags, struct zcdma_probe *p);

/*
 * Put the words for @vmflags' two-letter flags that matter here ("VM_PFNMAP", "VM_IO", "shared",
 * ...) into @buf, separated by spaces, and return it. Thread-safe.
 */
const char *zcdma_vmflags_words(const char *vmflags, char *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif
