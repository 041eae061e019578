// SPDX-License-Identifier: GPL-2.0-only
/* How a bench that receives asks the other end to send. */
#include "bench/request.h"

#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/clock.h"

/* What a request begins with. A stream of the pattern begins with zeros. */
#define BEGIN "{\"bench_request\":"

/* The most bytes of a request, and of an answer, each with its newline. */
#define MOST_BYTES 512

/* A sender that was asked to stop answers once what it had sent has been received. */
#define ANSWER_MS 10000

/* A ring that the cache of a processor holds, so that the sender does not hold up the receiver that is measured. */
#define SOURCE "sim:memory=memfd,block=256K,blocks=8"

/* How often to look whether the other end has enough. */
#define LOOK_MS 20

/* Write a line of JSON, which is consumed. Returns 0 or a negative errno. */
static int write_line(int fd, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);
	int rc = text ? 0 : -ENOMEM;

	if (text && dprintf(fd, "%s\n", text) < 0)
		rc = -errno;
	free(text);
	json_decref(json);
	return rc;
}

/* Read a line of JSON, for up to @timeout_ms between its parts. Returns NULL if it is not one. */
static json_t *read_line(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[MOST_BYTES];
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < sizeof(text) && (!len || text[len - 1] != '\n') &&
	       poll(&p, 1, timeout_ms) == 1) {
		n = recv(fd, text + len, sizeof(text) - len, 0);
		len += n > 0 ? (size_t)n : 0;
	}
	return json_loadb(text, len, 0, NULL);
}

int bench_request_ask(int fd, const struct bench_request *request)
{
	return write_line(fd,
			  json_pack("{s:i, s:i, s:b, s:b, s:s}", "bench_request", 1, "port",
				    (int)request->port, "datagrams", request->datagrams, "check",
				    request->check, "congestion", request->congestion));
}

int bench_request_answered(int fd, struct bench_sent *sent)
{
	json_t *answer = read_line(fd, ANSWER_MS);
	const char *error = "";
	json_int_t bytes = 0;
	int rc = json_unpack(answer, "{s:I, s:F, s:s}", "sent_bytes", &bytes, "cpu_seconds",
			     &sent->cpu_seconds, "error", &error);

	sent->bytes = (uint64_t)bytes;
	snprintf(sent->error, sizeof(sent->error), "%s", error);
	json_decref(answer);
	return rc || bytes < 0 ? -EPROTO : 0;
}

int bench_request_read(int fd, struct bench_request *request)
{
	char begin[sizeof(BEGIN) - 1];
	const char *congestion;
	json_t *json;
	int rc, port, version, datagrams, check;

	if (recv(fd, begin, sizeof(begin), MSG_PEEK | MSG_WAITALL) != sizeof(begin) ||
	    memcmp(begin, BEGIN, sizeof(begin)) != 0)
		return 0;
	json = read_line(fd, ANSWER_MS);
	rc = json_unpack(json, "{s:i, s:i, s:b, s:b, s:s}", "bench_request", &version, "port",
			 &port, "datagrams", &datagrams, "check", &check, "congestion",
			 &congestion);
	if (rc || version != 1 || port < 1 || port > UINT16_MAX ||
	    strlen(congestion) >= sizeof(request->congestion)) {
		json_decref(json);
		return -EPROTO;
	}
	request->port = (unsigned)port;
	request->datagrams = datagrams;
	request->check = check;
	strcpy(request->congestion, congestion);
	json_decref(json);
	return 1;
}

/*
 * The other end
 */

/* Returns whether the receiver has enough, or is gone. */
static bool has_enough(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Send to nobody but the machine at the other end of the connection: anyone could name another one. */
static int find_receiver(int fd, const struct bench_request *request, struct zcdma_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	*addr = (struct zcdma_addr){ .udp = request->datagrams };
	if (getpeername(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	if (getnameinfo((struct sockaddr *)&sa, len, addr->host, sizeof(addr->host), NULL, 0,
			NI_NUMERICHOST))
		return -EPROTO;
	snprintf(addr->port, sizeof(addr->port), "%u", request->port);
	if (!request->datagrams)
		strcpy(addr->congestion, request->congestion);
	return 0;
}

static int send_until(int fd, struct zcdma_source *src, struct zcdma_path *path)
{
	struct zcdma_block b;
	int rc = 0;

	zcdma_path_set_timeout(path, LOOK_MS);
	while (!rc && !has_enough(fd)) {
		rc = zcdma_source_next(src, LOOK_MS, &b);
		if (rc == 1)
			rc = zcdma_path_send(path, &b);
		while (rc == -ETIMEDOUT && !has_enough(fd))
			rc = zcdma_path_flush(path);
		rc = rc == -EAGAIN || rc == -ETIMEDOUT ? 0 : rc;
	}
	zcdma_path_set_timeout(path, ANSWER_MS);
	return rc ? rc : zcdma_path_finish(path);
}

/* Send along a path that is opened here. Returns 0, or a negative errno with the error message set. */
static int send_along(int fd, struct zcdma_ctx *ctx, const struct bench_request *request,
		      struct zcdma_source *src, int sink, struct zcdma_path_stats *stats)
{
	struct zcdma_path *path;
	int rc = zcdma_path_open(ctx, src, "copy", sink, &path);

	if (rc)
		return rc;
	if (request->datagrams)
		rc = zcdma_path_set_datagram(path, BENCH_DATAGRAM);
	if (!rc)
		rc = send_until(fd, src, path);
	zcdma_path_get_stats(path, stats, sizeof(*stats));
	zcdma_path_close(path);
	return rc;
}

static int send_all(int fd, struct zcdma_ctx *ctx, const struct bench_request *request,
		    struct zcdma_path_stats *stats)
{
	struct zcdma_source *src;
	struct zcdma_addr addr;
	int sink, rc = find_receiver(fd, request, &addr);

	if (!rc)
		rc = zcdma_source_open(ctx, request->check ? SOURCE : SOURCE ",fill=once", &src);
	if (rc)
		return rc;
	sink = zcdma_connect(ctx, &addr);
	rc = sink < 0 ? sink : send_along(fd, ctx, request, src, sink, stats);
	if (sink >= 0)
		close(sink);
	zcdma_source_close(src);
	return rc;
}

void bench_request_serve(int fd, const struct bench_request *request)
{
	struct zcdma_path_stats stats = { 0 };
	struct zcdma_ctx *ctx;
	int rc = zcdma_new(&ctx);

	if (rc)
		return;
	rc = send_all(fd, ctx, request, &stats);
	write_line(fd, json_pack("{s:I, s:f, s:s}", "sent_bytes", (json_int_t)stats.bytes,
				 "cpu_seconds", cpu_seconds(RUSAGE_SELF), "error",
				 rc ? zcdma_error(ctx) : ""));
	zcdma_free(ctx);
}
