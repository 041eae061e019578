/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One method of sending: what each of them implements. */
#ifndef ZCDMA_PROBE_METHOD_H
#define ZCDMA_PROBE_METHOD_H

#include <zcdma/probe.h>

#include "internal.h"
#include "path/uring_compat.h"

#define ZC_METHOD_CHUNK ((size_t)64 * 1024)

/* How long a trial waits for the kernel. */
#define ZC_METHOD_LIMIT_MS 2000

struct zc_attempt {
	struct zcdma_ctx *ctx;
	struct zcdma_method_result *res;
	int fd;	       /* to write the bytes to, or -1 */
	int peer;      /* to read them from, or -1 */
	bool pin_only; /* leave the method untried if it might read bytes whose pages it cannot pin */
	struct io_uring ring;
};

struct zc_method {
	const char *name;
	bool reads;   /* the bytes; the other methods only pin their pages */
	size_t chunk; /* bytes per step */
	/* Returns 0, or a negative errno: -EINTR, or any other after zc_method_untried(). */
	int (*open)(struct zc_attempt *a);
	/* Pass on up to @len bytes. Returns their number, or a negative errno: of the mapping, but after zc_method_untried(). */
	ssize_t (*step)(struct zc_attempt *a, const void *p, size_t len);
	void (*close)(struct zc_attempt *a);
	/* Describe an error of .step better than strerror() does; NULL or an empty text: it does not. */
	void (*describe)(int err, char *text, size_t len);
};

extern const struct zc_method zc_method_send, zc_method_zerocopy, zc_method_vmsplice,
	zc_method_direct, zc_method_registered;

/* Set the answer of a method that was not tried, or whose trial proved nothing. */
void zc_method_untried(struct zcdma_method_result *res, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Close .fd and .peer, as far as they are open. */
void zc_attempt_close(struct zc_attempt *a);

/* Open a pipe: .fd to write to, .peer to read from. Returns 0, or a negative errno after zc_method_untried(). */
int zc_attempt_open_pipe(struct zc_attempt *a);

/* Splice @len bytes at @p into the pipe, and replace the pipe. Returns their number, or a negative errno. */
ssize_t zc_attempt_vmsplice(struct zc_attempt *a, const void *p, size_t len);

/* Describe a call that a filter refused, for any method. */
void zc_method_describe_refusal(char *text, size_t len);

#endif
