/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of bench share: a row of its table, and what one run of it yields. */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include "cli/report.h"

#include <zcdma/util.h>

#define BENCH_REPEATS_MAX 64
#define BENCH_STREAMS_MAX 64

/* Block sizes of a sweep: each four times the one before. */
#define BENCH_SWEEP_FIRST (4u << 10)
#define BENCH_SWEEP_LAST  (4u << 20)
#define BENCH_SWEEP_SIZES 6

/* How long a run warms up before it counts, and the least it then takes. */
#define BENCH_WARMUP_SECONDS 0.1
#define BENCH_LEAST_SECONDS  0.1

/* Bytes of a datagram that is received: what an Ethernet frame has room for, with a header of the sender's to spare. */
#define BENCH_DATAGRAM 1400u

/* Which end of the connections a bench measures, or that it plays to a device. */
enum bench_direction { BENCH_OUT, BENCH_IN, BENCH_PLAY };

/* One run. Plain data: it comes through a pipe from the process that was measured. */
struct bench_sample {
	int rc;		  /* 0, or a negative errno with its error message */
	bool unreachable; /* that error is the connection's, and so every row's */
	bool incomplete;  /* it is that the receiver got another number of bytes than were sent */
	char error[256], hint[256];

	uint64_t bytes, blocks;
	uint64_t calls; /* that moved data, or ZCDMA_UNKNOWN */
	uint64_t user_copied_bytes, kernel_copied_bytes, fell_back_bytes;
	uint64_t unknown_bytes;	 /* of which it is unknown whether the kernel copied them */
	char copies_reason[192]; /* why the kernel copies, or why that is unknown; or empty */
	double seconds;
	double cpu_seconds;	/* of the sending process; negative where it does not report it */
	double system_seconds;	/* of all CPUs, whatever they did */
	double receiver_cpu_ns; /* for a byte; negative where the receiver does not report it */
	uint64_t p50_ns, p99_ns;
	uint64_t most_in_flight; /* blocks, for their completion */
	uint64_t overruns;
	/* Where a run received datagrams: bytes that were sent in all of it, and those that did not come. */
	uint64_t offered_bytes, lost_bytes;
	uint64_t block_bytes, page_bytes, ring_bytes;
	struct zcdma_nic nic; /* that it went out by */
	bool checked;	      /* the receiver looked at every byte ... */
	bool correct;	      /* ... and found it right */
};

/* A way to receive: bench/receive.c has the table of them. */
struct bench_way {
	const char *name;
	const char *into; /* where the data is then */
	const char *summary;
	unsigned bytes; /* that a call, or a block, has room for */
	bool datagrams; /* over UDP, else a stream over TCP */
	bool plain;	/* what the others are compared to, a loop of system calls */
	bool tap;	/* at the interface, else at an address */
	bool unseen;	/* the data stays in the kernel, so that it cannot be verified */
	/* The source "KIND:NAME", which the port and the options follow, and the path that its blocks take. */
	const char *kind, *port, *options, *path;
};

struct bench_feed;

/* A line of the table: a path from a memory, with blocks of a size; or a way to receive. */
struct bench_row {
	const struct zcdma_path_type *path; /* NULL where it receives */
	const struct zcdma_source_type *source;
	const struct bench_way *way;   /* to receive, or NULL */
	const struct bench_feed *feed; /* that is played, or NULL */
	const char *memory;	       /* of .source, or where .way receives to, or .feed's name */
	uint64_t block_bytes;	       /* as asked for */
	struct bench_sample sample[BENCH_REPEATS_MAX];
	unsigned count;
	bool given;		    /* its samples are those of a row that ran before */
	bool settled;		    /* more runs of it would change no verdict */
	struct bench_sample failed; /* .rc is not 0: it cannot run, or ended so */
};

struct bench_rows {
	struct bench_row *row;
	unsigned count;
};

static inline const char *bench_mode(const struct bench_row *row)
{
	return row->way ? row->way->name : row->path->name;
}

/* Returns which end the row measures. */
static inline enum bench_direction bench_row_direction(const struct bench_row *row)
{
	return row->way ? BENCH_IN : row->feed ? BENCH_PLAY : BENCH_OUT;
}

/* Returns the same of the rows of a bench, which have one direction. */
static inline enum bench_direction bench_direction(const struct bench_rows *rows)
{
	return rows->count ? bench_row_direction(&rows->row[0]) : BENCH_OUT;
}

/* Return true if the row moves data. A path that requires nothing measures the harness. */
static inline bool bench_moves(const struct bench_row *row)
{
	return row->way || row->path->required_caps;
}

/* Return true if two rows differ in the size of the block at most. */
static inline bool bench_same_line(const struct bench_row *a, const struct bench_row *b)
{
	return a->path == b->path && a->way == b->way && a->memory == b->memory;
}

/* What holds for every run of a bench. */
struct bench_job {
	enum bench_direction direction;
	const char *to;		/* HOST:PORT of the other end, or a device */
	const char *congestion; /* control of the sender */
	uint64_t ring_bytes;
	double seconds;
	unsigned repeats; /* 0: not chosen yet, as .seconds */
	unsigned streams;
	int cpu;    /* that the measured process is bound to, or -1 */
	bool check; /* the receiver verifies, so that every block is filled anew */
};

#endif
