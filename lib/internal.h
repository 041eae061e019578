/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libzcdma share with each other only. */
#ifndef ZCDMA_INTERNAL_H
#define ZCDMA_INTERNAL_H

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <zcdma.h>
#include <zcdma/util.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* These evaluate an argument twice. */
#define zc_min(a, b) ((a) < (b) ? (a) : (b))
#define zc_max(a, b) ((a) > (b) ? (a) : (b))

/* Marks the public API; everything else is hidden (-fvisibility=hidden). */
#define ZC_PUBLIC __attribute__((visibility("default")))

/* A message, and what helps. */
struct zc_error {
	int rc; /* a negative errno; 0: nothing is kept */
	char error[512];
	char hint[512]; /* or empty */
};

struct zcdma_ctx {
	int wake_fd; /* eventfd; readable while interrupted */
	atomic_bool interrupted;
	struct zc_error last;
};

/*
 * Set the error message, and clear the hint; zc_hint() sets one afterwards. zc_fail() adds ": " and strerror(@err) to
 * the message; zc_fail_plain() does not. Returns -@err.
 */
int zc_fail(struct zcdma_ctx *ctx, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int zc_fail_plain(struct zcdma_ctx *ctx, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void zc_hint(struct zcdma_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Keep the last error of @ctx, whose errno is -@rc, in @e. Returns @rc. */
int zc_error_keep(struct zc_error *e, const struct zcdma_ctx *ctx, int rc);

/* Make a kept error the last one of @ctx again. Returns its negative errno. */
int zc_error_again(const struct zc_error *e, struct zcdma_ctx *ctx);

/*
 * Poll @fd for @events, unless it is -1, and for zcdma_interrupt(). Returns 0 when @fd is ready, -ETIMEDOUT, or
 * -EINTR.
 */
int zc_poll(struct zcdma_ctx *ctx, int fd, short events, int timeout_ms);

/* Poll any of @count descriptors, at most ZC_POLL_MOST, likewise. */
#define ZC_POLL_MOST ZCDMA_LISTEN_MOST
int zc_poll_any(struct zcdma_ctx *ctx, const int *fds, unsigned count, short events,
		int timeout_ms);

/* Returns whether @fd is a UDP socket. */
bool zc_is_udp(int fd);

/*
 * Have the kernel reset the connection when its last descriptor is closed (SO_LINGER, socket(7)), or end
 * it with a FIN again. A process that is killed cannot do so itself any more.
 */
void zc_reset_on_close(int fd, bool reset);

/* Format an address of @len bytes as "127.0.0.1:9000" into @buf, or "?" if it is not an address. Returns @buf. */
const char *zc_format_name(const struct sockaddr_storage *sa, socklen_t len, char *buf,
			   size_t buf_len);

/* Open a regular file to read, and refuse any other. Returns the descriptor, or a negative errno. */
int zc_open_regular(struct zcdma_ctx *ctx, const char *path);

/*
 * Returns whether the size of the regular file @fd shows where it ends. Files that the kernel generates as they are
 * read (/proc, /sys) have a size of 0, or one that is too large, and cannot be mapped.
 */
bool zc_size_is_known(int fd);

static inline size_t zc_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static inline uint64_t zc_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* When a wait of @timeout_ms that begins now ends; -1: never. */
uint64_t zc_deadline(int timeout_ms);

/* How long it is until then in ms, for poll(). */
int zc_time_left(uint64_t deadline_ns);

/*
 * For a loop of looks and waits, each of which something may end at once all the time, as that of another path: returns whether
 * the time was over at the last look already. *@over is false at first.
 */
static inline bool zc_was_over(uint64_t deadline_ns, bool *over)
{
	const bool was = *over;

	*over = !zc_time_left(deadline_ns);
	return was;
}

/* Read the first line of a small file such as a sysctl, without its newline. Returns false if it cannot be read. */
bool zc_read_line(const char *path, char *buf, size_t len);

/* A VMA as smaps describes it. */
struct zc_vma {
	uint64_t start, end;
	size_t huge_bytes; /* of it mapped by PMD or by hugetlb pages */
	size_t kernel_page_size;
	char name[64];
	char flags[128];
};

/* Look @addr up in /proc/self/smaps. Returns 0, or a negative errno without a message. */
int zc_vma_find(const void *addr, struct zc_vma *vma);

/* Find the first VMA of that name ("[vvar]"). Returns 0, -ENOENT, or another negative errno. */
int zc_vma_find_name(const char *name, struct zc_vma *vma);

/*
 * Check whether the page that is mapped at @addr is main memory. Returns 1 or 0, or a negative errno without
 * CAP_SYS_ADMIN.
 */
int zc_is_ram(const void *addr);

/* Check the physical address @at likewise in an open /proc/iomem, which shows only zeros without privilege. */
int zc_iomem_find(FILE *iomem, uint64_t at);

/* Find a VMA in an open smaps, by @name or, if that is NULL, by @addr. Returns 0 or -ENOENT. */
int zc_smaps_find(FILE *smaps, uint64_t addr, const char *name, struct zc_vma *vma);

/* Returns whether the two-letter @flag is among @vmflags, as smaps has them. */
bool zc_vmflags_have(const char *vmflags, const char *flag);

#endif
