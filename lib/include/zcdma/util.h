/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma: sizes, histograms, addresses and sockets, datagrams, interfaces, pipes
 *
 * The conventions of <zcdma.h> hold here too.
 */
#ifndef ZCDMA_UTIL_H
#define ZCDMA_UTIL_H

#include <zcdma.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Addresses and sockets
 */

/*
 * "host:port", "[::1]:9000" or ":9000" (every address), taken apart. TCP, or UDP where "udp:" comes
 * before it.
 */
struct zcdma_addr {
	char host[256]; /* empty: every address; an interface may follow: "fe80::1%eth0" */
	char port[32];
	bool udp;
	char congestion
		[16]; /* control of a TCP connection to it, such as "reno"; empty: the system's */
};

/* Take @text apart. 0, or -EINVAL with a sentence in zcdma_error(). Looks nothing up. */
int zcdma_addr_parse(struct zcdma_ctx *ctx, const char *text, struct zcdma_addr *addr);

/*
 * Connect to a receiver (non-blocking). Returns the socket, which is the caller's. Closing it resets the
 * connection until zcdma_path_finish() has ended the stream. Over UDP nobody need be there.
 */
int zcdma_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr);

/* The most sockets that a receiver can have: of a name with more addresses, the first ones. */
#define ZCDMA_LISTEN_MOST 16

/*
 * Listen on every address of @addr that this machine has, which its name may have several of; of a multicast
 * group, join it. For zcdma_accept_any(), or over UDP for zcdma_receiver_open(). Puts the sockets, which are the
 * caller's, into @fds with room for @room. Returns how many there are.
 */
int zcdma_listen_all(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int *fds, unsigned room);

/* Listen on the first of them only. Returns the socket, which is the caller's. */
int zcdma_listen(struct zcdma_ctx *ctx, const struct zcdma_addr *addr);

/*
 * Take the next connection of any of @count listening sockets. Returns the connection's socket, which is the
 * caller's, and puts the other end's address into @peer of @len bytes, as zcdma_sockname() does; @peer may be
 * NULL.
 */
int zcdma_accept_any(struct zcdma_ctx *ctx, const int *fds, unsigned count, char *peer, size_t len);

/* The same with one listening socket. */
int zcdma_accept(struct zcdma_ctx *ctx, int fd, char *peer, size_t len);

/*
 * A socket's own (@peer false) or other end's address as "127.0.0.1:9000", or "udp:127.0.0.1:9000",
 * into @buf; "?" if none.
 */
const char *zcdma_sockname(int fd, bool peer, char *buf, size_t len);

/*
 * Datagrams
 *
 * Over UDP each block goes as datagrams that hold nothing of another one, all of the same size but its
 * last. A datagram of 0 bytes ends the stream: zcdma_path_finish() sends it three times, as it may be
 * lost like any other.
 */

struct zcdma_receiver;

/* One that came. Valid until the next call. */
struct zcdma_datagram {
	const void *data;
	size_t len;
	const char *from; /* the sender's address: "127.0.0.1:9000" */
};

/* Receive from the @count UDP sockets @fds, of zcdma_listen_all(), which stay the caller's. */
int zcdma_receiver_open(struct zcdma_ctx *ctx, const int *fds, unsigned count,
			struct zcdma_receiver **receiver);

/*
 * Take the next datagram, and wait for it up to @timeout_ms; -1 is for ever. 0, -ETIMEDOUT, -EINTR
 * after zcdma_interrupt().
 */
int zcdma_receiver_next(struct zcdma_receiver *receiver, int timeout_ms, struct zcdma_datagram *d);

/*
 * Datagrams that the kernel dropped since the socket is there, as they came faster than they were taken,
 * from whomever. @buffer, where not NULL: the bytes that it could hold.
 */
uint64_t zcdma_receiver_drops(const struct zcdma_receiver *receiver, size_t *buffer);

/* NULL is fine. */
void zcdma_receiver_close(struct zcdma_receiver *receiver);

/* Sizes */

/*
 * Read a size: a whole number, then nothing, K M G T or KiB MiB GiB TiB (powers of 1024), or kB MB
 * GB TB (powers of 1000). 0, -EINVAL (not a size), or -ERANGE (too large for 64 bits). Thread-safe.
 */
int zcdma_size_parse(const char *text, uint64_t *size);

/* Write @bytes for a person, "1.50 GiB", into @buf of @len bytes, and return it. Thread-safe. */
const char *zcdma_size_format(uint64_t bytes, char *buf, size_t len);

/*
 * Latency histogram: 16 steps to a power of two, so a quantile is at most 6.25 % too high.
 */
#define ZCDMA_HIST_STEPS   16
#define ZCDMA_HIST_BUCKETS (61 * ZCDMA_HIST_STEPS)

struct zcdma_hist {
	uint64_t count;
	uint64_t max;
	uint64_t bucket[ZCDMA_HIST_BUCKETS];
};

/* Count one value. All-zero is an empty histogram. */
void zcdma_hist_add(struct zcdma_hist *h, uint64_t value);

/* The value that a share @q (0 to 1) of all values does not exceed; 0 for an empty histogram. */
uint64_t zcdma_hist_quantile(const struct zcdma_hist *h, double q);

/* The interface that a connected socket sends through. */
struct zcdma_nic {
	char name[16];	 /* "eth0" */
	char driver[32]; /* "e1000e"; empty where it does not say */
	unsigned mtu;
	bool scatter_gather, checksum, segmentation; /* it does them itself; TSO is the last */
};

/* Fill in *@nic for the socket @fd. 0 or a negative errno; -ENODEV: none has its address. */
int zcdma_nic_of(int fd, struct zcdma_nic *nic);

/* Pipes */

/*
 * Who holds the other end of the pipe @fd, for messages: "pv (process 123)", in @buf of @len bytes;
 * NULL where that cannot be seen. Looks through /proc, which takes its time.
 */
const char *zcdma_pipe_holder(int fd, char *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif
