// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a bench plays to a device: memory, a file in the page cache, and a connection. What it has is the same again and
 * again, so that no row includes the making of data.
 */
#include "bench/play.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/child.h"

/* What is written to a file, or sent, at a time. */
#define CHUNK (1u << 20)

static int fail(struct bench_sample *s, const struct bench_feed *feed, const char *what)
{
	const int rc = -errno;

	snprintf(s->error, sizeof(s->error), "%s from %s: %s", what, feed->name, strerror(-rc));
	return rc;
}

/* Make a file of the size, in memory. Returns its descriptor, or -1 with errno set. */
static int make_file(uint64_t size)
{
	int fd = memfd_create("zcdma-bench", MFD_CLOEXEC);
	char *chunk = calloc(1, CHUNK);
	ssize_t n = 0;

	for (uint64_t done = 0; fd >= 0 && chunk && n >= 0 && done < size; done += (uint64_t)n)
		n = write(fd, chunk, CHUNK);
	free(chunk);
	if (fd < 0 || (chunk && n >= 0))
		return fd;
	close(fd);
	return -1;
}

/* In a process of its own: send to the port that comes through @fd, as long as the receiver takes it. */
static _Noreturn void send_always(int fd)
{
	static char chunk[CHUNK];
	struct sockaddr_in to = { .sin_family = AF_INET };
	int connection = socket(AF_INET, SOCK_STREAM, 0);
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all)); /* the CPU of --cpu is that of the end that is measured */
	sched_setaffinity(0, sizeof(all), &all);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (read(fd, &to.sin_port, sizeof(to.sin_port)) != sizeof(to.sin_port) ||
	    connect(connection, (struct sockaddr *)&to, sizeof(to)) < 0)
		_exit(1);
	while (send(connection, chunk, sizeof(chunk), MSG_NOSIGNAL) > 0)
		;
	_exit(0);
}

/*
 * Start what sends, before the device is open: it would keep it. Returns where to write the port to, or -1 with errno set.
 */
static int start_sender(void)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid = bench_fork();
	if (!pid) {
		close(ends[1]);
		send_always(ends[0]);
	}
	close(ends[0]);
	if (pid > 0)
		return ends[1];
	close(ends[1]);
	return -1;
}

/* Have it send to where the source listens. */
static int tell_port(int sender, struct zcdma_source *src)
{
	struct zcdma_source_info info;
	const char *colon;
	in_port_t port;

	zcdma_source_get_info(src, &info, sizeof(info));
	colon = info.listens ? strrchr(info.listens, ':') : NULL;
	port = htons(colon ? (in_port_t)atoi(colon + 1) : 0);
	return write(sender, &port, sizeof(port)) == sizeof(port) ? 0 : -1;
}

static int open_ring(struct zcdma_ctx *ctx, const struct bench_job *job,
		     const struct bench_row *row, struct bench_sample *s, struct zcdma_source **src)
{
	char spec[96];

	(void)s;
	snprintf(spec, sizeof(spec), "sim:block=%" PRIu64 ",blocks=%" PRIu64 ",fill=once",
		 row->block_bytes, job->ring_bytes / row->block_bytes);
	return zcdma_source_open(ctx, spec, src);
}

static int open_file(struct zcdma_ctx *ctx, const struct bench_job *job,
		     const struct bench_row *row, struct bench_sample *s, struct zcdma_source **src)
{
	int fd = make_file(2 * job->ring_bytes), rc;
	char spec[64];

	if (fd < 0)
		return fail(s, row->feed, "make a file to play");
	snprintf(spec, sizeof(spec), "file:/proc/self/fd/%d", fd);
	rc = zcdma_source_open(ctx, spec, src);
	close(fd);
	return rc ? rc : zcdma_source_set(*src, "repeat", NULL);
}

static int open_connection(struct zcdma_ctx *ctx, const struct bench_job *job,
			   const struct bench_row *row, struct bench_sample *s,
			   struct zcdma_source **src)
{
	(void)job;
	(void)row;
	(void)s;
	return zcdma_source_open(ctx, "tcp:127.0.0.1:0", src);
}

static const struct bench_feed feeds[] = {
	{ .name = "sim",
	  .kind = "sim:",
	  .paths = { "copy", "vmsplice" },
	  .open = open_ring,
	  .summary = "memory: a ring of sim:, filled once" },
	{ .name = "file",
	  .kind = "file:",
	  .paths = { "copy", "splice" },
	  .open = open_file,
	  .summary = "file: of twice the ring's size, in the page cache, again and again" },
	{ .name = "tcp",
	  .kind = "tcp:",
	  .paths = { "copy", "splice" },
	  .is_sent = true,
	  .open = open_connection,
	  .summary = "tcp: a connection over loopback" },
};

const struct bench_feed *bench_feed_at(unsigned i)
{
	return i < sizeof(feeds) / sizeof(feeds[0]) ? &feeds[i] : NULL;
}

bool bench_feed_takes(const struct bench_feed *feed, const char *name)
{
	for (unsigned i = 0; i < BENCH_FEED_PATHS; i++) {
		if (!strcmp(feed->paths[i], name))
			return true;
	}
	return false;
}

int bench_play_open(struct zcdma_ctx *ctx, const struct bench_job *job, const struct bench_row *row,
		    struct bench_sample *s, struct zcdma_source **src, struct zcdma_path **path)
{
	const struct bench_feed *feed = row->feed;
	int sender = feed->is_sent ? start_sender() : -1, rc;
	char address[256];

	if (feed->is_sent && sender < 0)
		return fail(s, feed, "a process that sends");
	rc = feed->open(ctx, job, row, s, src);
	if (rc)
		return rc;
	snprintf(address, sizeof(address), "%s%sblock=%" PRIu64 ",blocks=%" PRIu64, job->to,
		 job->to[strlen(job->to) - 1] == ':' ? "" : ",", row->block_bytes,
		 job->ring_bytes / row->block_bytes);
	rc = zcdma_path_connect(ctx, *src, row->path->name, address, path);
	if (!rc && feed->is_sent && tell_port(sender, *src))
		rc = fail(s, feed, "a process that sends");
	return rc;
}
