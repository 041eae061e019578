// SPDX-License-Identifier: GPL-2.0-only
/*
 * One run of a way to receive. It asks the other end for data as fast as that can send, begins to count after a while,
 * has enough after another one, and receives the rest, so that what came can be compared to what was sent. What was
 * received is given up where it is.
 */
#include "bench/receive.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "bench/machine.h"
#include "bench/request.h"
#include "cli/clock.h"
#include "cli/signals.h"

/* What most programs receive with. */
#define STREAM_BYTES  (64u << 10)
#define BATCH	      64
#define DATAGRAM_MOST 2048u
#define BUFFER_BYTES  (BATCH * DATAGRAM_MOST) /* for either */

/* A block of these sources. */
#define BLOCK_BYTES (1u << 20)

/* How long a call waits for data, and how long the sender may be silent. */
#define WAIT_MS	   20
#define SILENCE_NS 10000000000u

static const struct bench_way ways[] = {
	{ .name = "recv",
	  .into = "buffer",
	  .bytes = STREAM_BYTES,
	  .plain = true,
	  .summary = "TCP: recv() of 64 KiB into one buffer, as most programs do" },
	{ .name = "tcp",
	  .into = "ring",
	  .bytes = BLOCK_BYTES,
	  .kind = "tcp:",
	  .port = ":",
	  .options = ",receive=copy",
	  .path = "null",
	  .summary = "TCP: tcp: receives whole blocks into a ring" },
	{ .name = "tcp-splice",
	  .into = "pipe",
	  .bytes = BLOCK_BYTES,
	  .kind = "tcp:",
	  .port = ":",
	  .options = "",
	  .path = "splice",
	  .unseen = true,
	  .summary = "TCP: splice() from the connection into a pipe, and on to /dev/null" },
	{ .name = "tcp-map",
	  .into = "pages",
	  .bytes = BLOCK_BYTES,
	  .kind = "tcp:",
	  .port = ":",
	  .options = ",receive=map",
	  .path = "null",
	  .summary = "TCP: tcp: maps the pages that segments came in (TCP_ZEROCOPY_RECEIVE)" },
	{ .name = "recvmmsg",
	  .into = "buffer",
	  .bytes = DATAGRAM_MOST,
	  .datagrams = true,
	  .plain = true,
	  .summary = "UDP: recvmmsg() of 64 datagrams into as many buffers, as most programs do" },
	{ .name = "udp",
	  .into = "ring",
	  .bytes = BLOCK_BYTES,
	  .datagrams = true,
	  .kind = "udp:",
	  .port = ":",
	  .options = "",
	  .path = "null",
	  .summary = "UDP: udp: receives merged datagrams (UDP_GRO) into a ring" },
	{ .name = "pcap",
	  .into = "ring",
	  .bytes = BLOCK_BYTES,
	  .datagrams = true,
	  .tap = true,
	  .kind = "pcap:",
	  .port = ",payload,filter=udp dst port ",
	  .options = "",
	  .path = "null",
	  .summary = "UDP: pcap: takes a copy of each packet at the interface" },
	{ .name = "xdp",
	  .into = "ring",
	  .bytes = BLOCK_BYTES,
	  .datagrams = true,
	  .tap = true,
	  .kind = "xdp:",
	  .port = ",port=",
	  .options = "",
	  .path = "null",
	  .summary = "UDP: xdp: takes packets at the interface, before the network stack" },
};

const struct bench_way *bench_way_at(unsigned i)
{
	return i < sizeof(ways) / sizeof(ways[0]) ? &ways[i] : NULL;
}

/* What is counted from the beginning of a run. */
struct counters {
	uint64_t bytes, calls, user_copied, kernel_copied, unknown;
	double cpu_seconds, system_seconds;
	uint64_t ns;
};

struct run {
	const struct bench_job *job;
	const struct bench_way *way;
	struct bench_sample *s;
	double seconds;
	struct zcdma_ctx *ctx;
	int control; /* the connection that asks the sender */
	int socket; /* that receives, or listens, or keeps the port where a source takes the packets */
	int sink;	 /* of the source's path, or -1 */
	uint8_t *buffer; /* of a loop */
	struct zcdma_source *src;
	struct zcdma_path *path;
	struct zcdma_check *check;
	uint64_t bytes, calls; /* of a loop */
	struct counters warm;
	bool connected, is_warm, has_enough;
};

/* Set the error of the run. Returns @rc. */
static int fail(struct run *run, int rc, const char *what)
{
	snprintf(run->s->error, sizeof(run->s->error), "%s: %s: %s", run->way->name, what,
		 strerror(-rc));
	return rc;
}

/*
 * Loops of system calls
 */

/* Have a call on the socket wait no longer than WAIT_MS. */
static void limit_waits(int fd)
{
	const struct timeval wait = { .tv_usec = WAIT_MS * 1000 };

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
}

/* Take the sender's connection. Returns 0, -EAGAIN if it has not come yet, or another negative errno. */
static int connect_sender(struct run *run)
{
	struct pollfd p = { .fd = run->socket, .events = POLLIN };
	int fd;

	if (poll(&p, 1, WAIT_MS) < 1)
		return -EAGAIN;
	fd = zcdma_accept(run->ctx, run->socket, NULL, 0);
	if (fd < 0)
		return fd;
	close(run->socket);
	run->socket = fd;
	run->connected = true;
	limit_waits(fd);
	return 0;
}

static int receive_stream(struct run *run)
{
	int rc = run->connected ? 0 : connect_sender(run);
	ssize_t n;

	if (rc)
		return rc;
	n = recv(run->socket, run->buffer, STREAM_BYTES, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : fail(run, -errno, "receive");
	run->bytes += (uint64_t)n;
	run->calls++;
	if (run->check)
		zcdma_check_feed(run->check, run->buffer, (size_t)n);
	return n > 0;
}

static int receive_datagrams(struct run *run)
{
	struct mmsghdr msgs[BATCH] = { 0 };
	struct iovec iov[BATCH];
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ run->buffer + i * DATAGRAM_MOST, DATAGRAM_MOST };
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(run->socket, msgs, BATCH, MSG_WAITFORONE, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : fail(run, -errno, "receive");
	run->calls++;
	for (int i = 0; i < n; i++) {
		run->bytes += msgs[i].msg_len;
		if (run->check && msgs[i].msg_len)
			zcdma_check_feed(run->check, iov[i].iov_base, msgs[i].msg_len);
	}
	return 1;
}

/*
 * Sources
 */

static int receive_blocks(struct run *run)
{
	struct zcdma_block b;
	int rc = zcdma_source_next(run->src, WAIT_MS, &b);

	if (rc != 1)
		return rc == -ETIMEDOUT || rc == -EINTR ? -EAGAIN : rc;
	if (run->check)
		zcdma_check_feed(run->check, b.data, b.len);
	rc = zcdma_path_send(run->path, &b);
	return rc ? rc : 1;
}

/* Open the source at @name, an interface or an address, and its path. */
static int open_source(struct run *run, const char *name, unsigned port)
{
	const struct bench_way *way = run->way;
	char spec[512];
	int rc;

	snprintf(spec, sizeof(spec), "%s%s%s%u%s", way->kind, name, way->port, port, way->options);
	rc = zcdma_source_open(run->ctx, spec, &run->src);
	if (!rc && run->check)
		rc = zcdma_source_set(run->src, "read", NULL);
	if (rc)
		return rc;
	run->sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (run->sink < 0)
		return fail(run, -errno, "open /dev/null");
	return zcdma_path_open(run->ctx, run->src, way->path, run->sink, &run->path);
}

/*
 * Counting
 */

static void count(const struct run *run, struct counters *c)
{
	struct zcdma_source_stats source;
	struct zcdma_path_stats path;

	*c = (struct counters){
		.bytes = run->bytes,
		.calls = run->calls,
		.kernel_copied = run->bytes,
		.cpu_seconds = cpu_seconds(RUSAGE_SELF),
		.system_seconds = bench_busy_seconds(),
		.ns = now_ns(),
	};
	if (!run->src)
		return;
	zcdma_source_get_stats(run->src, &source, sizeof(source));
	zcdma_path_get_stats(run->path, &path, sizeof(path));
	c->bytes = source.bytes;
	c->user_copied = source.copied_bytes;
	c->kernel_copied = source.kernel_copied_bytes + path.copied_bytes;
	c->unknown = path.unknown_bytes + source.unknown_bytes;
	snprintf(run->s->copies_reason, sizeof(run->s->copies_reason), "%s",
		 path.copies_reason ?: source.copies_reason ?: "");
}

static void put_result(struct run *run)
{
	const struct counters *from = &run->warm;
	struct bench_sample *s = run->s;
	struct counters to;

	count(run, &to);
	s->bytes = to.bytes - from->bytes;
	s->calls = run->src ? ZCDMA_UNKNOWN : to.calls - from->calls;
	s->user_copied_bytes = to.user_copied - from->user_copied;
	s->kernel_copied_bytes = to.kernel_copied - from->kernel_copied;
	s->unknown_bytes = to.unknown - from->unknown;
	s->seconds = (double)(to.ns - from->ns) / 1e9;
	s->system_seconds = to.system_seconds - from->system_seconds;
	if (s->bytes)
		s->receiver_cpu_ns = (to.cpu_seconds - from->cpu_seconds) * 1e9 / (double)s->bytes;
}

/* Data has come: begin to count, or have enough. */
static void look_at_clock(struct run *run, uint64_t begin_ns, uint64_t now)
{
	if (run->has_enough)
		return;
	if (!run->is_warm) {
		if ((double)(now - begin_ns) < BENCH_WARMUP_SECONDS * 1e9)
			return;
		count(run, &run->warm);
		run->is_warm = true;
	} else if ((double)now >= (double)run->warm.ns + run->seconds * 1e9) {
		put_result(run);
		run->has_enough = true;
		shutdown(run->control, SHUT_WR);
	}
}

/*
 * The run
 */

static bool has_answer(const struct run *run)
{
	struct pollfd p = { .fd = run->control, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* What sends nothing from the start on does so for other rows too. */
static int fail_silent(struct run *run, bool never)
{
	run->s->unreachable = never;
	snprintf(run->s->hint, sizeof(run->s->hint),
		 "start the other end with: zcdma bench --serve");
	return fail(run, -ETIMEDOUT, "nothing comes from the sender");
}

static int receive_once(struct run *run)
{
	if (run->src)
		return receive_blocks(run);
	return run->way->datagrams ? receive_datagrams(run) : receive_stream(run);
}

/* Receive until the sender has answered, and nothing more is there. */
static int receive_all(struct run *run)
{
	uint64_t begin_ns = 0, heard_ns = now_ns(), now;
	int rc;

	while (!signals_stop()) {
		rc = receive_once(run);
		now = now_ns();
		if (rc == 1) {
			begin_ns = begin_ns ? begin_ns : now;
			heard_ns = now;
			look_at_clock(run, begin_ns, now);
			continue;
		}
		if (rc != -EAGAIN || has_answer(run))
			return rc == -EAGAIN ? 0 : rc;
		if (now - heard_ns > SILENCE_NS)
			return fail_silent(run, !begin_ns);
	}
	return -EINTR;
}

/* Format the address by which the other end reaches this one, as a spec has it. */
static int own_address(const struct run *run, char *name, size_t len)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sizeof(sa);
	char host[128];

	if (getsockname(run->control, (struct sockaddr *)&sa, &sa_len) < 0)
		return -errno;
	if (getnameinfo((struct sockaddr *)&sa, sa_len, host, sizeof(host), NULL, 0,
			NI_NUMERICHOST))
		return -EPROTO;
	snprintf(name, len, strchr(host, ':') ? "[%s]" : "%s", host);
	return 0;
}

static unsigned port_of(const char *address)
{
	const char *colon = strrchr(address, ':');

	return colon ? (unsigned)atoi(colon + 1) : 0;
}

/* Open the socket of a loop; or one that keeps the port, so that its datagrams are not refused. Returns the port. */
static int open_socket(struct run *run, const char *address)
{
	char text[256], name[160];
	struct zcdma_addr addr;
	int rc;

	/* What comes into the socket of a tap is dropped. */
	snprintf(text, sizeof(text), "%s%s:0%s", run->way->datagrams ? "udp:" : "", address,
		 run->way->tap ? ",buffer=4K" : "");
	rc = zcdma_addr_parse(run->ctx, text, &addr);
	if (rc)
		return rc;
	run->socket = zcdma_listen(run->ctx, &addr);
	if (run->socket < 0)
		return run->socket;
	limit_waits(run->socket);
	run->buffer = malloc(BUFFER_BYTES);
	if (!run->buffer)
		return fail(run, -ENOMEM, "a buffer");
	return (int)port_of(zcdma_sockname(run->socket, false, name, sizeof(name)));
}

/* Open what receives. Returns its port, or a negative errno. */
static int open_receiver(struct run *run)
{
	const struct bench_way *way = run->way;
	struct zcdma_source_info info;
	char address[160];
	int port = 0, rc = own_address(run, address, sizeof(address));

	if (rc)
		return fail(run, rc, "its address");
	if (!way->kind || way->tap)
		port = open_socket(run, address);
	if (port < 0 || !way->kind)
		return port;
	rc = open_source(run, way->tap ? run->s->nic.name : address, (unsigned)port);
	if (rc)
		return rc;
	zcdma_source_get_info(run->src, &info, sizeof(info));
	return info.listens ? (int)port_of(info.listens) : port;
}

static int open_check(struct run *run)
{
	if (!run->job->check)
		return 0;
	if (run->way->unseen) {
		fail(run, -EOPNOTSUPP, "the data stays in the kernel, so that nothing verifies it");
		return -EOPNOTSUPP;
	}
	/* The datagrams of a block follow each other without marks, and all have whole words of the pattern. */
	return run->way->datagrams && run->way->plain
		       ? zcdma_check_datagrams(run->ctx, 0, &run->check)
		       : zcdma_check_pattern(run->ctx, 0, &run->check);
}

/* Connect to the other end, and ask it to send. */
static int ask(struct run *run)
{
	struct bench_request request = { .datagrams = run->way->datagrams,
					 .check = run->job->check };
	struct zcdma_addr addr;
	int rc = zcdma_addr_parse(run->ctx, run->job->to, &addr), port;

	if (rc)
		return rc;
	run->control = zcdma_connect(run->ctx, &addr);
	run->s->unreachable = run->control < 0;
	if (run->control < 0)
		return run->control;
	zcdma_nic_of(run->control, &run->s->nic);
	rc = open_check(run);
	if (rc)
		return rc;
	port = open_receiver(run);
	if (port < 0)
		return port;
	request.port = (unsigned)port;
	snprintf(request.congestion, sizeof(request.congestion), "%s", run->job->congestion);
	rc = bench_request_ask(run->control, &request);
	return rc ? fail(run, rc, "ask the sender") : 0;
}

/* Note what the sender says: what that cost, and whether all has come. */
static int compare(struct run *run)
{
	struct bench_sample *s = run->s;
	struct bench_sent sent;
	struct counters all;
	int rc = bench_request_answered(run->control, &sent);

	if (rc) {
		fail(run, rc, "what the sender answers");
		snprintf(s->hint, sizeof(s->hint),
			 "is the other end zcdma bench --serve of this version?");
		return rc;
	}
	if (sent.error[0]) {
		snprintf(s->error, sizeof(s->error), "the sender: %.*s", (int)sizeof(s->error) - 13,
			 sent.error);
		return -EIO;
	}
	count(run, &all);
	if (sent.bytes)
		s->cpu_seconds = sent.cpu_seconds / (double)sent.bytes * (double)s->bytes;
	if (run->way->datagrams) {
		s->offered_bytes = sent.bytes;
		s->lost_bytes = sent.bytes > all.bytes ? sent.bytes - all.bytes : 0;
		return 0;
	}
	s->incomplete = sent.bytes != all.bytes;
	if (!s->incomplete)
		return 0;
	snprintf(s->error, sizeof(s->error), "%llu bytes were sent, and %llu arrived",
		 (unsigned long long)sent.bytes, (unsigned long long)all.bytes);
	return -EIO;
}

/* Datagrams may be lost, and come in another order: what came has to be of the stream. */
static void judge(struct run *run)
{
	struct zcdma_check_result result;

	if (!run->check)
		return;
	zcdma_check_end(run->check);
	zcdma_check_get_result(run->check, &result);
	run->s->checked = true;
	run->s->correct =
		!(run->way->datagrams && !run->way->plain ? result.kind[ZCDMA_FAULT_GARBAGE].count
							  : result.faults);
}

static int receive(struct run *run)
{
	int rc = ask(run);

	if (!rc)
		rc = receive_all(run);
	if (!rc)
		rc = compare(run);
	if (!rc && (!run->has_enough || !run->s->bytes))
		return fail(run, -ENODATA, "the sender ended before the end of the run");
	if (!rc)
		judge(run);
	return rc;
}

void bench_receive(const struct bench_job *job, const struct bench_row *row, double seconds,
		   struct bench_sample *s)
{
	struct run run = { .job = job, .way = row->way, .s = s, .seconds = seconds };

	run.control = run.socket = run.sink = -1;
	s->block_bytes = row->block_bytes;
	s->cpu_seconds = s->receiver_cpu_ns = -1;
	s->rc = zcdma_new(&run.ctx);
	if (s->rc) {
		fail(&run, s->rc, "start");
		return;
	}
	signals_watch(run.ctx);
	s->rc = receive(&run);
	if (s->rc && !s->error[0]) {
		const char *hint = zcdma_hint(run.ctx);

		snprintf(s->error, sizeof(s->error), "%s", zcdma_error(run.ctx));
		snprintf(s->hint, sizeof(s->hint), "%s", hint ? hint : "");
	}
	/* The process ends now, and so does all that it has open. */
}
