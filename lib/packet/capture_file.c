// SPDX-License-Identifier: LGPL-2.1-or-later
/* Opens the packets of a pcap or pcapng file, or of such a stream that another program writes. */
#include "packet/capture_bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "packet/capture_handle.h"
#include "packet/pcapng.h"

static int open_path(struct zc_capture *p, const char *path)
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
	ssize_t n = zc_capture_bytes_read(s, to, size);

	if (n > 0)
		s->given += n;
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
		setvbuf(file, NULL, _IOFBF, sizeof(p->saved->buffer));
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

int zc_capture_open_saved(struct zc_capture *p, const char *path)
{
	uint8_t magic[4] = { 0 };
	int rc = open_path(p, path);

	if (rc)
		return rc;
	zc_capture_bytes_peek(p->saved, magic, sizeof(magic));
	return zc_pcapng_is_magic(magic) ? zc_pcapng_open(p->ctx, p->name, p->saved, &p->pcapng)
					 : open_classic(p);
}

void zc_capture_close_saved(struct zc_capture *p)
{
	zc_pcapng_free(p->pcapng);
	if (p->saved)
		close(p->saved->fd);
	free(p->saved);
}
