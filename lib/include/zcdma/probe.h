/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma: probe a mapping, to see which methods of sending the kernel accepts from it
 *
 * The conventions of <zcdma.h> hold here too.
 * The structures carry no size, unlike the statistics there: a program does not hold them from one version of the
 * library to the next, and a field that is added changes the library's soname.
 */
#ifndef ZCDMA_PROBE_H
#define ZCDMA_PROBE_H

#include <zcdma.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A method of sending from a mapping. */
enum zcdma_method {
	ZCDMA_METHOD_SEND,	 /* send() */
	ZCDMA_METHOD_ZEROCOPY,	 /* send(MSG_ZEROCOPY) */
	ZCDMA_METHOD_VMSPLICE,	 /* vmsplice() */
	ZCDMA_METHOD_DIRECT,	 /* write() to a file opened with O_DIRECT */
	ZCDMA_METHOD_REGISTERED, /* io_uring's registered buffers */
	ZCDMA_METHODS
};

enum zcdma_answer {
	ZCDMA_ANSWER_UNTRIED, /* .text is the reason */
	ZCDMA_ANSWER_WORKS,   /* .text is a remark, or empty */
	ZCDMA_ANSWER_FAILS,   /* .err is the error, and .text describes it */
};

struct zcdma_method_result {
	enum zcdma_answer answer;
	int err; /* positive errno of a method that fails, else 0 */
	char text[160];
};

struct zcdma_probe {
	char name[256];	   /* "anonymous", "[vvar]", "/dev/mydriver0", "/dev/zcdma0 compound" */
	char model[16];	   /* the memory model of a device of zcdma's driver, else empty */
	bool bounced;	   /* the device writes to bounce buffers, which the kernel copies */
	int8_t exports;	   /* a block of that model as a dma-buf: 1: yes, 0: no, -1: unknown */
	size_t bytes;	   /* mapped; 0: nothing was mapped, and ... */
	char reason[256];  /* ... why, ... */
	int err;	   /* ... as a positive errno */
	char vmflags[128]; /* VmFlags of its VMA as smaps has them: "rd sh mr ms pf io" */
	struct zcdma_method_result method[ZCDMA_METHODS];
	/* How fast the processor reads it, and anonymous memory of its size; 0: that was not measured. */
	uint64_t read_bytes_per_second, anonymous_bytes_per_second;
	/* The same of a device that is opened with O_SYNC, for which some drivers map uncached memory. */
	uint64_t sync_read_bytes_per_second;
	/* It is read ten times slower, or more, than anonymous memory; and so where it is opened with O_SYNC. */
	bool uncached, sync_uncached;
	char cause[512]; /* of an EFAULT, or empty */
	char hint[512];	 /* what helps against it, or to get a mapping; or empty */
};

enum zcdma_probe_flags {
	/*
	 * Let send(), MSG_ZEROCOPY and O_DIRECT read device memory. A read from a device register
	 * can have side effects (clear an interrupt, pop a FIFO), so without this flag the pages of
	 * PCI resources are only pinned.
	 */
	ZCDMA_PROBE_READ_DEVICE = 1 << 0,
	/*
	 * Map for writing too, as io_uring registers writable memory only. Nothing is written, but the
	 * driver sees how it is mapped.
	 */
	ZCDMA_PROBE_WRITABLE = 1 << 1,
};

/* Returns the name of a method: "send", "MSG_ZEROCOPY", ... Thread-safe. */
const char *zcdma_method_name(enum zcdma_method method);

/* Returns the name of the @i-th mapping that every process can make, or NULL after the last. Thread-safe. */
const char *zcdma_probe_name(unsigned i);

/*
 * Make the @i-th of those mappings, and try every method on it. Returns 0, also if it cannot be mapped, which
 * .reason explains; or a negative errno.
 */
int zcdma_probe_builtin(struct zcdma_ctx *ctx, unsigned i, struct zcdma_probe *p);

/*
 * Returns the number of mappings of @path to probe: one for each memory model of a device of zcdma's driver,
 * else 1. Thread-safe.
 */
unsigned zcdma_probe_count(const char *path);

/*
 * Map @bytes of the file or device @path from @offset on, and try every method on them. 0 bytes: up to 64 KiB, or
 * less if the file or the driver has less. Never writes to @path. @i: which of its mappings; for a device of zcdma's
 * driver it is a ring with that memory model, which the device fills with a block of @bytes. @path may also be a buffer
 * that a call makes: the path of a V4L2, ALSA or DRM device, "heap:NAME" of /dev/dma_heap, "udmabuf", or "dmabuf:FD".
 * @flags: enum zcdma_probe_flags. Returns 0, also if @path cannot be mapped, which .reason and .err explain; or a negative errno.
 */
int zcdma_probe_path(struct zcdma_ctx *ctx, const char *path, unsigned i, uint64_t offset,
		     size_t bytes, unsigned flags, struct zcdma_probe *p);

/* What a network interface can do for sending and receiving without a copy, as it is set now. */
enum zcdma_ability {
	ZCDMA_ABILITY_SCATTER_GATHER, /* send a packet from several places; without it the kernel copies */
	ZCDMA_ABILITY_CHECKSUM, /* make checksums; without it the kernel copies too */
	ZCDMA_ABILITY_TCP_SEGMENTATION,
	ZCDMA_ABILITY_UDP_SEGMENTATION,
	ZCDMA_ABILITY_GRO, /* merge packets that arrive */
	ZCDMA_ABILITY_GRO_HARDWARE,
	ZCDMA_ABILITY_HEADER_SPLIT,  /* put payload into pages of its own */
	ZCDMA_ABILITY_XDP,	     /* run a program in the driver */
	ZCDMA_ABILITY_XDP_FRAGMENTS, /* for packets of several pages too */
	ZCDMA_ABILITY_XDP_ZEROCOPY,  /* write into the memory of an AF_XDP socket */
	ZCDMA_ABILITIES
};

struct zcdma_interface {
	char name[16];
	char driver[32]; /* or empty: unknown */
	unsigned mtu;
	unsigned queues;	     /* for receiving; 0: the driver does not say */
	unsigned zerocopy_segments;  /* frames of a packet with XDP zero-copy; 0: unknown */
	int8_t can[ZCDMA_ABILITIES]; /* 1: yes, 0: no, -1: neither driver nor kernel say */
};

/* Returns the name of an ability, "scatter-gather", or NULL after the last. Thread-safe. */
const char *zcdma_ability_name(enum zcdma_ability ability);

/*
 * Describe the network interface @name; needs no privilege. Returns 0, -ENODEV without such an interface, or another
 * negative errno.
 */
int zcdma_probe_interface(struct zcdma_ctx *ctx, const char *name, struct zcdma_interface *i);

/*
 * Put words for those of @vmflags' two-letter flags that matter here ("VM_PFNMAP", "VM_IO", "shared", ...) into
 * @buf, separated by spaces. Returns @buf. Thread-safe.
 */
const char *zcdma_vmflags_words(const char *vmflags, char *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif
