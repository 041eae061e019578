/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcdma: a block device whose data comes from an NBD server
 *
 * The conventions of <zcdma.h> hold here too. One process serves one device: it gets a mount namespace of its own, locks its
 * memory and allocates none from the device it serves (PR_SET_IO_FLUSHER), so this is for a process that does nothing else. It ignores
 * SIGPIPE, which a connection that breaks raises here.
 */
#ifndef ZCDMA_DISK_H
#define ZCDMA_DISK_H

#include <zcdma.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How data gets between the connection and the pages of requests. */
enum zcdma_disk_copy {
	ZCDMA_DISK_COPY_AUTO, /* fixed where the kernel has it, else user */
	ZCDMA_DISK_COPY_FIXED, /* received into the pages, and sent from them: one copy (Linux 6.16) */
	ZCDMA_DISK_COPY_USER, /* through memory of this process: two copies (Linux 6.5) */
};

/* What becomes of requests when the server goes away, or this process is killed. */
enum zcdma_disk_recover {
	ZCDMA_DISK_FAIL,    /* all fail, and the device goes with its process */
	ZCDMA_DISK_WAIT,    /* those that were sent fail; later ones wait */
	ZCDMA_DISK_REISSUE, /* all wait, and are sent again */
};

struct zcdma_disk_options {
	const char
		*address; /* HOST:PORT, nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH */
	const char *name; /* of the export; NULL: as the URI says, or the server's default */
	int id;		  /* of the device: N of /dev/ublkbN; -1: any that is free */
	bool read_only;
	enum zcdma_disk_copy copy;
	bool send_zerocopy; /* send the pages of written data themselves */
	enum zcdma_disk_recover recover;
	int timeout_ms; /* a server that leaves requests unanswered for this time is lost */
	/* With queues of the device, each served by a thread: as many, where the server allows it. 0: 1. */
	unsigned connections;
	unsigned depth; /* requests at a time of each; 0: 64 */
};

/* The most that the options can ask for. */
#define ZCDMA_DISK_CONNECTIONS_MOST 16
#define ZCDMA_DISK_DEPTH_MOST	    256

struct zcdma_disk_info {
	const char *path;   /* "/dev/ublkb0" */
	const char *server; /* "host:10809" */
	uint64_t bytes;
	uint32_t block_bytes;
	uint32_t skipped_bytes; /* at the end of the export, less than a block */
	bool read_only;
	bool server_is_read_only; /* and so the device is */
	bool recovered;		  /* the device of a process that has ended goes on */
	enum zcdma_disk_copy copy;
	const char *copy_reason; /* why not fewer copies are made */
	bool away;		 /* a connection is lost, and requests wait for another */
	const char *lost_reason; /* why it was lost, the last time; NULL: it was not */
	unsigned connections;
	const char
		*connections_reason; /* why not as many as were asked for; NULL: they are as many */
	unsigned depth;
};

struct zcdma_disk_stats {
	uint64_t reads, read_bytes;
	uint64_t writes, written_bytes;
	uint64_t flushes;
	uint64_t discards, discarded_bytes; /* zeroes that were asked for, too */
	uint64_t failed;		    /* requests */
	uint64_t swap_refused;		    /* among them: requests of a swap area */
	uint64_t read_copied_bytes;	    /* by the kernel, with each copy of a byte counted */
	uint64_t write_copied_bytes;
	uint64_t write_pending_bytes; /* sent without a copy, and not known yet to have stayed so */
	uint64_t
		reconnects; /* of all connections that were lost: how often the last one was made again */
	uint64_t
		unsure_flushes; /* that failed as nothing says that they are for what was answered before: zcdma-disk(1) */
};

struct zcdma_disk;

/*
 * Connect to the server, and add a device, which is not there for others yet. Returns 0; -EOPNOTSUPP where the kernel has no
 * ublk driver, or not what @o asks for; or another negative errno.
 */
int zcdma_disk_open(struct zcdma_ctx *ctx, const struct zcdma_disk_options *o,
		    struct zcdma_disk **disk);

/* Start the device: its partitions are read, and others can open it. Returns 0 or a negative errno. */
int zcdma_disk_start(struct zcdma_disk *disk);

/*
 * Serve requests for @timeout_ms. Returns -ETIMEDOUT; -EINTR after zcdma_interrupt(); the error by which the server was lost
 * for good, after which each request fails; or another negative errno. Between the calls the first queue is not served.
 */
int zcdma_disk_serve(struct zcdma_disk *disk, int timeout_ms);

/*
 * Write back what the kernel holds of the device, and remove it. Requests are served meanwhile; a server that is away is not
 * waited for. Returns 0; -EBUSY if the device, or a partition of it, is in use; or the error by which not all was written,
 * after which the device is gone too.
 */
int zcdma_disk_stop(struct zcdma_disk *disk);

void zcdma_disk_get_info(const struct zcdma_disk *disk, struct zcdma_disk_info *info, size_t size);
void zcdma_disk_get_stats(const struct zcdma_disk *disk, struct zcdma_disk_stats *stats,
			  size_t size);

/* Close; NULL is fine. A device that was not stopped is left as a killed process would leave it. */
void zcdma_disk_close(struct zcdma_disk *disk);

#ifdef __cplusplus
}
#endif

#endif
