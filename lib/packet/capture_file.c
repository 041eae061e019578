// SPDX-License-Identifier: LGPL-2.1-or-later
/* Opens the packets of a pcap or pcapng file, or of such a stream that another program writes. */
#include "packet/capture_bytes.h"

#include <byteswap.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "packet/capture_handle.h"
#include "packet/pcapng.h"

/* The buffer of the FILE that libpcap reads through. */
#define READ_AHEAD 65536

/* A FIFO is not waited for here: its writer may come late, and a signal before that. */
static int open_path(struct zc_capture *p, const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
				   : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		goto err_close;
	errno = EISDIR;
	if (S_ISDIR(st.st_mode))
		goto err_close;
	errno = ENOMEM;
	p->saved = calloc(1, sizeof(*p->saved));
	if (!p->saved)
		goto err_close;
	p->saved->fd = p->origin = fd;
	p->fd = S_ISREG(st.st_mode) ? -1 : fd;
	return 0;

err_close:
	rc = zc_fail(p->ctx, errno, "open %s", p->name);
	if (fd >= 0)
		close(fd);
	return rc;
}

/*
 * Read a pipe for libpcap, through a FILE. What the FILE has read ahead does not show in a poll(): ftello() shows how
 * far libpcap has read, and needs a position.
 */
static ssize_t cookie_read(void *cookie, char *to, size_t size)
{
	struct zc_capture_bytes *s = cookie;
	/* More than it may have is read only where it is not known how much that is. */
	const size_t most = s->may_give ? s->may_give : SIZE_MAX;
	ssize_t n = zc_capture_bytes_read(s, to, zc_min(size, most));

	if (n > 0) {
		s->given += n;
		s->may_give -= zc_min((size_t)n, s->may_give);
	}
	return n;
}

static int cookie_seek(void *cookie, off64_t *offset, int whence)
{
	const struct zc_capture_bytes *s = cookie;

	if (*offset || whence != SEEK_CUR)
		return -1;
	*offset = s->given;
	return 0;
}

static FILE *open_stream(struct zc_capture *p)
{
	const cookie_io_functions_t io = { .read = cookie_read, .seek = cookie_seek };
	FILE *file = fopencookie(p->saved, "r", io);

	if (file)
		setvbuf(file, NULL, _IOFBF, READ_AHEAD);
	p->saved->file = file;
	return file;
}

/* Open a FILE that reads a regular file itself, from the byte before those that were looked at. */
static FILE *open_regular(struct zc_capture *p)
{
	FILE *file = NULL;

	if (lseek(p->saved->fd, -(off_t)p->saved->len, SEEK_CUR) >= 0)
		file = fdopen(p->saved->fd, "r");
	if (!file)
		return NULL;
	free(p->saved->buffer);
	free(p->saved);
	p->saved = NULL;
	return file;
}

static int open_classic(struct zc_capture *p)
{
	FILE *file = p->fd < 0 ? open_regular(p) : open_stream(p);
	char words[PCAP_ERRBUF_SIZE];
	int rc;

	if (!file)
		return zc_fail(p->ctx, errno, "open %s", p->name);
	p->fraction_ns = 1;
	p->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, words);
	if (p->pcap)
		return 0;
	fclose(file);
	rc = zc_fail_plain(p->ctx, EINVAL, "open %s: %s", p->name, words);
	zc_hint(p->ctx, "give a pcap or pcapng file, as tcpdump -w writes it");
	return rc;
}

/*
 * Packets of a pipe
 */

/* Their headers: where they have the length of the data that follows, and how long they are. */
#define AT_CAPTURED 8
#define HEADER	    16
#define HEADER_LONG 24 /* of Alexey Kuznetsov's patched libpcap */

#define MAGIC	       0xa1b2c3d4u
#define MAGIC_NS       0xa1b23c4du
#define MAGIC_MODIFIED 0xa1b2cd34u

/* The most data of a packet for which it is waited so. */
#define MOST_BYTES (16u << 20)

/* Note how headers of packets are laid out. Others than these are left to libpcap. */
static void note_layout(struct zc_capture *p, uint32_t magic)
{
	const uint32_t other = bswap_32(magic);

	p->swapped = other == MAGIC || other == MAGIC_NS || other == MAGIC_MODIFIED;
	magic = p->swapped ? other : magic;
	p->packet_header = magic == MAGIC || magic == MAGIC_NS ? HEADER
			   : magic == MAGIC_MODIFIED	       ? HEADER_LONG
							       : 0;
}

/*
 * Measure the whole packets that are known. Returns their bytes; or 0, and sets *@missing to how many bytes the next one
 * needs, as far as that is known, or to 0 where libpcap reads it without that.
 */
static size_t measure_packets(const struct zc_capture *p, size_t *missing)
{
	const struct zc_capture_bytes *s = p->saved;
	const size_t there = s->len - s->taken;
	size_t whole = 0;
	uint32_t captured;

	for (*missing = p->packet_header; *missing && whole + *missing <= there;) {
		memcpy(&captured, s->buffer + s->taken + whole + AT_CAPTURED, sizeof(captured));
		captured = p->swapped ? bswap_32(captured) : captured;
		*missing = captured > MOST_BYTES ? 0 : p->packet_header + captured;
		if (!*missing || whole + *missing > there)
			break;
		whole += *missing;
		*missing = p->packet_header;
	}
	return whole;
}

bool zc_capture_has_packet(struct zc_capture *p)
{
	struct zc_capture_bytes *s = p->saved;
	size_t missing, tried = 0;

	if (s->may_give || ftello(s->file) < s->given)
		return true;
	if (!p->packet_header)
		return zc_capture_bytes_have(s, 1);
	while (!(s->may_give = measure_packets(p, &missing))) {
		/* The rest of the file, or what only libpcap knows how to read. */
		if (!missing || missing == tried)
			return true;
		if (!zc_capture_bytes_have(s, missing))
			return false;
		tried = missing;
	}
	return true;
}

int zc_capture_begin_saved(struct zc_capture *p)
{
	uint32_t magic = 0;

	if (!zc_capture_bytes_have(p->saved, sizeof(magic)))
		return -EAGAIN;
	zc_capture_bytes_peek(p->saved, &magic, sizeof(magic));
	if (zc_pcapng_is_magic((const uint8_t *)&magic))
		return zc_pcapng_open(p->ctx, p->name, p->saved, &p->pcapng);
	if (!zc_capture_bytes_have(p->saved, ZC_CAPTURE_HEADER))
		return -EAGAIN;
	note_layout(p, magic);
	p->saved->may_give = ZC_CAPTURE_HEADER;
	return open_classic(p);
}

int zc_capture_open_saved(struct zc_capture *p, const char *path)
{
	int rc = open_path(p, path);

	if (rc)
		return rc;
	rc = p->fd < 0 ? zc_capture_begin_saved(p) : 0;
	return !rc && p->pcapng ? zc_pcapng_begin(p->pcapng) : rc;
}

void zc_capture_close_saved(struct zc_capture *p)
{
	zc_pcapng_free(p->pcapng);
	if (p->saved) {
		close(p->saved->fd);
		free(p->saved->buffer);
	}
	free(p->saved);
}
