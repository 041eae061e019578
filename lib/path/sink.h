/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a path writes to. */
#ifndef ZCDMA_PATH_SINK_H
#define ZCDMA_PATH_SINK_H

#include "internal.h"

enum zc_sink_kind {
	ZC_SINK_SOCKET,
	ZC_SINK_PIPE,
	ZC_SINK_DEVICE, /* of the driver, which counts what it copies */
	ZC_SINK_FILE,	/* whatever else can be written to */
};

struct zc_sink {
	int fd;	    /* as zcdma_path_open() got it ... */
	int own_fd; /* ... or a non-blocking description of the same pipe, or the connection; or -1 */
	enum zc_sink_kind kind;
	bool direct;	/* a file with O_DIRECT */
	bool opaque;	/* a device, whose driver decides what write() does */
	char name[128]; /* "127.0.0.1:9000", "standard output", "/data/run1.bin" */
};

/* Describe what @fd has open, for a write. Returns 0 or a negative errno without a message. */
int zc_sink_open(struct zc_sink *sink, int fd);

/* Close what zc_sink_open() opened, or what the path connected. */
void zc_sink_close(struct zc_sink *sink);

/* Returns whether @fd is a file with O_DIRECT. */
bool zc_sink_is_direct(int fd);

#endif
