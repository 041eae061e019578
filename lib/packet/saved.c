// SPDX-License-Identifier: LGPL-2.1-or-later
/* Packets of a file, pcap or pcapng, or of the stream that another program writes in one of them. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handle.h"

/* A pipe or a socket, read ahead of libpcap, so that it is known whether anything is there. */
struct zc_saved_stream {
	int fd;
	size_t taken, len;
	uint8_t buffer[65536];
};

/*
 * For libpcap, which cannot be asked to come back for the rest of a packet: a signal that comes in the
 * middle of one has to wait for it.
 */
static ssize_t stream_read(void *cookie, char *to, size_t size)
{
	struct zc_saved_stream *s = cookie;

	if (s->taken == s->len) {
		ssize_t n;

		/* Whoever has the other descriptors of it may have made it non-blocking. */
		while ((n = read(s->fd, s->buffer, sizeof(s->buffer))) < 0) {
			struct pollfd fd = { .fd = s->fd, .events = POLLIN };

			if (errno == EAGAIN)
				poll(&fd, 1, -1);
			else if (errno != EINTR)
				break;
		}
		if (n <= 0)
			return n;
		s->taken = 0;
		s->len = (size_t)n;
	}
	size = zc_min(size, s->len - s->taken);
	memcpy(to, s->buffer + s->taken, size);
	s->taken += size;
	return (ssize_t)size;
}

static int stream_close(void *cookie)
{
	struct zc_saved_stream *s = cookie;

	close(s->fd);
	free(s);
	return 0;
}

bool zc_packets_saved_is_idle(const struct zc_packets *p)
{
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };

	return p->stream && p->stream->taken == p->stream->len && poll(&fd, 1, 0) <= 0;
}

static FILE *open_stream(struct zc_packets *p, int fd)
{
	const cookie_io_functions_t io = { .read = stream_read, .close = stream_close };
	FILE *file;

	p->stream = calloc(1, sizeof(*p->stream));
	if (!p->stream)
		return NULL;
	p->stream->fd = p->fd = fd;
	file = fopencookie(p->stream, "r", io);
	if (file)
		setbuf(file, NULL);
	else
		free(p->stream);
	return file;
}

static int open_path(struct zc_packets *p, const char *path, FILE **file)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC)
				   : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		goto err_close;
	errno = EISDIR;
	if (S_ISDIR(st.st_mode))
		goto err_close;
	*file = S_ISREG(st.st_mode) ? fdopen(fd, "r") : open_stream(p, fd);
	if (*file) {
		p->origin = fd;
		return 0;
	}

err_close:
	rc = zc_fail(p->ctx, errno, "open %s", p->name);
	if (fd >= 0)
		close(fd);
	return rc;
}

int zc_packets_open_saved(struct zc_packets *p, const char *path)
{
	char words[PCAP_ERRBUF_SIZE];
	FILE *file;
	int rc = open_path(p, path, &file);

	if (rc)
		return rc;
	p->fraction_ns = 1;
	p->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, words);
	if (!p->pcap) {
		fclose(file);
		rc = zc_fail_plain(p->ctx, EINVAL, "open %s: %s", p->name, words);
		zc_hint(p->ctx, "it is to be a pcap or pcapng file, as tcpdump -w writes it");
		return rc;
	}
	return 0;
}
