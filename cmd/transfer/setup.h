/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes a transfer from the command line, as capture and the senders share it. */
#ifndef TRANSFER_SETUP_H
#define TRANSFER_SETUP_H

#include <popt.h>

#include "transfer/handover_open.h"
#include "transfer/transfer.h"

/* For the help of applets with a SOURCE, to which each adds what else it may be. */
#define SOURCES_HELP \
	"dev:[PATH,OPTIONS], v4l2:[PATH,OPTIONS], iio:[PATH,OPTIONS], read:PATH[,OPTIONS], sim:[OPTIONS], file:PATH, pcap:NAME[,OPTIONS], xdp:IFACE[,OPTIONS], tcp:[HOST]:PORT[,OPTIONS], udp:[HOST]:PORT[,OPTIONS]"

/* --path, --bytes, --blocks, --seconds, --rate, --pattern: an included table for popt. */
extern struct poptOption setup_options[];

struct setup {
	const char *source;	  /* as given, or NULL */
	bool stdin_is_default;	  /* without a source, take a pipe or a file on standard input */
	const char *default_path; /* unless --path says otherwise; NULL: the device's choice ... */
	const char *pipe_path;	  /* ... or NULL, or the one to take from standard input */
	bool hands_over; /* an output is a pipe, or may be: the ring itself may go through it */
	bool to_pipe;	 /* it is one, and the only output */
	bool to_file;	 /* data is recorded in a file */
	bool splits;	 /* what is recorded is cut between blocks */
	bool reads_data; /* the applet itself reads the blocks' bytes (--manifest) */
	const char *describes; /* the option that writes what describes the data, or NULL */
	bool hashes;	       /* a path reads them, where they are in memory */
	bool to_device;	     /* which plays: the source's ring is made by setup_path_to_device() */
	bool repeats;	     /* the source begins anew where it ends */
	bool reads_directly; /* with O_DIRECT */
	const char *fills_blocks;  /* the option that writes into a device's blocks, or NULL */
	const char *only_path;	   /* the only one that will do, or NULL ... */
	const char *only_for;	   /* ... and the option that asks for it */
	const char *reporting_for; /* the option that requires .reports_copied, or NULL */
};

/* Make @t's context. Returns as below. */
int setup_context(struct transfer *t, struct report *r);

/*
 * Open @t's source, with its limits. Returns 0, or an exit status after a reported error. Call
 * setup_close() in both cases.
 */
int setup_source(struct transfer *t, struct report *r, const struct setup *s);

/*
 * Make the source's ring, and hand it over through each of @outputs, or none with NULL, where its reader can take it. The
 * caller closes their paths, and frees those that are .announced. Returns as above.
 */
int setup_ring(struct transfer *t, struct report *r, const struct setup *s,
	       struct handover_outputs *outputs);

/* Add the path to @fd. Returns as above. */
int setup_path(struct transfer *t, struct report *r, int fd, enum zcdma_fallback fallback);

/* Connect to @address, and add the path to it. Returns as above. */
int setup_path_to(struct transfer *t, struct report *r, const char *address,
		  enum zcdma_fallback fallback);

/* Add the path to the device @address, and make the source's ring, which may be that of the device. Returns as above. */
int setup_path_to_device(struct transfer *t, struct report *r, const char *address);

/* Run it. Returns the exit status; errors and signals are reported, results are not. */
int setup_run(struct transfer *t, struct report *r);

/* Close everything that was opened, which does not include setup_path()'s @fd. */
void setup_close(struct transfer *t);

#endif
