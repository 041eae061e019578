// SPDX-License-Identifier: LGPL-2.1-or-later
/* Packets of a file, pcap or pcapng, or of the stream that another program writes in one of them. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handle.h"

static int open_path(struct zc_packets *p, const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC)
				   : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return zc_fail(p->ctx, errno, "open %s", p->name);
	if (!fstat(fd, &st) && S_ISDIR(st.st_mode)) {
		close(fd);
		return zc_fail(p->ctx, EISDIR, "open %s", p->name);
	}
	return fd;
}

int zc_packets_open_saved(struct zc_packets *p, const char *path)
{
	char words[PCAP_ERRBUF_SIZE];
	int fd = open_path(p, path), rc;
	FILE *file;

	if (fd < 0)
		return fd;
	file = fdopen(fd, "r");
	if (!file) {
		rc = zc_fail(p->ctx, errno, "open %s", p->name);
		close(fd);
		return rc;
	}
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
