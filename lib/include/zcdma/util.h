/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma: sizes, histograms, addresses and sockets, datagrams, interfaces, threads, pipes
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
 * An address: "host:port", "[::1]:9000" or ":9000" (every address), for TCP, or UDP with "udp:" before it, and
 * options after it, as in "host:9000,pace=100M,dscp=ef", which zcdma(1) lists.
 */
struct zcdma_addr {
	char host[256]; /* empty: every address; an interface may follow: "fe80::1%eth0" */
	char port[32];
	bool udp;
	/* Options: 0, or empty, where one is not given. Sizes are bytes. */
	uint64_t pace;	     /* of a sender: most bytes per second */
	uint64_t local_port; /* of a sender: to send from */
	uint64_t dscp;
	uint64_t ttl;
	uint64_t sndbuf; /* of a sender: the send buffer */
	uint64_t mss;	 /* of TCP: most bytes in a segment */
	uint64_t
		keepalive; /* of TCP: seconds until a silent other end that does not answer is given up; 0: 90 */
	uint64_t buffer; /* of a receiver over UDP: bytes that wait to be received; 0: 32 MiB */
	char bind[64];	 /* of a sender: the address to send from */
	char iface
		[16]; /* the interface to send through or to receive from, or to join a group on; empty: any */
	char congestion
		[16]; /* of a TCP sender: congestion control, such as "reno"; empty: the system's */
	char source
		[64]; /* of a receiver over UDP: the address of the only sender to receive from; empty: any */
	uint64_t framed; /* of TCP: blocks go in frames; for zcdma_path_connect() and "tcp:" */
	uint64_t
		retry; /* of a framed stream: seconds to go on without a connection; UINT64_MAX: forever */
	uint64_t given; /* which options a text had: for zcdma_addr_parse() */
};

/*
 * Parse @text, without looking it up. Options that do not fit TCP or UDP are refused here, and those that do not fit a
 * sender or a receiver by zcdma_connect() or zcdma_listen_all(). Returns 0, or -EINVAL or -ERANGE with the error message
 * set.
 */
int zcdma_addr_parse(struct zcdma_ctx *ctx, const char *text, struct zcdma_addr *addr);

/* Returns the name of the @i-th option of an address, "pace", or NULL after the last. Thread-safe. */
const char *zcdma_addr_option_at(unsigned i);

/*
 * Connect to a receiver (non-blocking). Returns the socket, which is the caller's, or a negative errno. Closing it
 * resets the connection until zcdma_path_finish() has ended the stream. Over UDP this does not need a receiver.
 */
int zcdma_connect(struct zcdma_ctx *ctx, const struct zcdma_addr *addr);

/* The most sockets of a receiver: a name with more addresses is used up to this number. */
#define ZCDMA_LISTEN_MOST 16

/*
 * Listen on every address of @addr that this machine has; join a multicast group. Puts the sockets, which are the
 * caller's, into @fds with room for @room, for zcdma_accept_any(), or over UDP for zcdma_receiver_open(). Returns
 * their number, or a negative errno.
 */
int zcdma_listen_all(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, int *fds, unsigned room);

/* Listen on the first address only. Returns the socket, which is the caller's, or a negative errno. */
int zcdma_listen(struct zcdma_ctx *ctx, const struct zcdma_addr *addr);

/*
 * Accept the next connection of any of @count listening sockets. Puts the other end's address into @peer of @len
 * bytes, as zcdma_sockname() does, unless @peer is NULL. Returns the connection's socket, which is the caller's, or a
 * negative errno: -EINVAL if @count is 0.
 */
int zcdma_accept_any(struct zcdma_ctx *ctx, const int *fds, unsigned count, char *peer, size_t len);

/* Accept the next connection of one listening socket, likewise. */
int zcdma_accept(struct zcdma_ctx *ctx, int fd, char *peer, size_t len);

/*
 * Format a socket's own address, or with @peer the other end's, as "127.0.0.1:9000" or "udp:127.0.0.1:9000" into
 * @buf, or "?" without an address, or "a Unix socket". Returns @buf.
 */
const char *zcdma_sockname(int fd, bool peer, char *buf, size_t len);

/*
 * Write into @buf of @len bytes, 64 at most, how the names of senders begin that source= of @addr names, as "10.0.0.5:" or
 * "[fe80::1]:", or nothing without source=. Returns 0, or -EINVAL if that is not an address.
 */
int zcdma_sender_name(struct zcdma_ctx *ctx, const struct zcdma_addr *addr, char *buf, size_t len);

/*
 * Datagrams
 *
 * Over UDP each block is sent in datagrams that hold no bytes of another block, all of the same size but the last.
 * A datagram of 0 bytes ends the stream: zcdma_path_finish() sends it three times, as one may be lost.
 */

struct zcdma_receiver;

/* A datagram that was received. Valid until the next call. */
struct zcdma_datagram {
	const void *data;
	size_t len;
	const char *from; /* the sender's address: "127.0.0.1:9000" */
};

/*
 * Receive from the @count UDP sockets @fds of zcdma_listen_all(), which stay the caller's. Returns 0 or a negative
 * errno.
 */
int zcdma_receiver_open(struct zcdma_ctx *ctx, const int *fds, unsigned count,
			struct zcdma_receiver **receiver);

/*
 * Take the next datagram, and wait for it up to @timeout_ms; -1 waits without limit. Returns 0, -ETIMEDOUT, -EINTR
 * after zcdma_interrupt(), or another negative errno.
 */
int zcdma_receiver_next(struct zcdma_receiver *receiver, int timeout_ms, struct zcdma_datagram *d);

/*
 * Returns how many times the kernel has dropped datagrams, of any sender, as they came faster than they were taken: one,
 * or several that it had merged. Sets *@buffer, unless it is NULL, to the bytes that the kernel can hold.
 */
uint64_t zcdma_receiver_drops(const struct zcdma_receiver *receiver, size_t *buffer);

/* Close the receiver; NULL is fine. */
void zcdma_receiver_close(struct zcdma_receiver *receiver);

/* Sizes */

/*
 * Parse a size: a whole number, then nothing, K M G T or KiB MiB GiB TiB (powers of 1024), or kB MB
 * GB TB (powers of 1000). Returns 0, -EINVAL if it is not a size, or -ERANGE if it exceeds 64 bits. Thread-safe.
 */
int zcdma_size_parse(const char *text, uint64_t *size);

/* Format @bytes as "1.50 GiB" into @buf of @len bytes. Returns @buf. Thread-safe. */
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

/* Returns the value that a share @q (0 to 1) of all values does not exceed; 0 for an empty histogram. */
uint64_t zcdma_hist_quantile(const struct zcdma_hist *h, double q);

/* What the kernel granted a connected socket. */
struct zcdma_socket {
	size_t send_buffer; /* bytes, which count the kernel's own needs: twice the size that was asked for */
	unsigned mss;	     /* most bytes in a segment of TCP; 0 over UDP */
	char congestion[16]; /* congestion control of TCP; empty over UDP */
	uint64_t pace;	     /* most bytes per second; 0: not paced */
	/* Why the pace may have no effect, or empty. */
	char pace_doubt[128];
};

/* Describe the connected socket @fd. Returns 0, or a negative errno if it is not a socket. */
int zcdma_socket_of(int fd, struct zcdma_socket *socket);

/* The interface that a connected socket sends through. */
struct zcdma_nic {
	char name[16];	 /* "eth0" */
	char driver[32]; /* "e1000e", or empty if it is unknown */
	unsigned mtu;
	bool scatter_gather, checksum,
		segmentation; /* what the device does itself; the last is TSO */
};

/* Describe the interface of the connected socket @fd. Returns 0, -ENODEV without an interface, or another negative errno. */
int zcdma_nic_of(int fd, struct zcdma_nic *nic);

/* Threads */

/* Returns what helps where pthread_create() failed with @rc, a negative errno, or NULL if unknown. Thread-safe. */
const char *zcdma_thread_hint(int rc);

/* Pipes */

/*
 * Describe the process at the other end of the pipe @fd as "pv (process 123)" in @buf of @len bytes, for messages.
 * Returns @buf, or NULL if the process cannot be seen. Searches /proc, which is slow.
 */
const char *zcdma_pipe_peer(int fd, char *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif
