// SPDX-License-Identifier: GPL-2.0-only
/* --handover: whether the ring itself goes through a pipe between two zcdma, and what is said of it. */
#include "transfer/handover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zcdma/util.h>

#include "cli/status.h"
#include "cli/clock.h"
#include "cli/opts.h"
#include "cli/signals.h"

/* How long to look for a reader: one that is started together with us is there in that time. */
#define FIND_MS 100

static const char *const modes[] = { "auto", "require", "never", NULL }; /* enum handover */

static const char *arg;

struct poptOption handover_options[] = {
	{ "handover", 0, POPT_ARG_STRING, &arg, 0,
	  "pass a ring through a pipe, not its bytes (auto)", "auto|require|never" },
	POPT_TABLEEND,
};

int handover_no_pipe(struct report *r)
{
	return report_error(r, STATUS_ERROR, NULL,
			    "--handover=require: standard input or output is not a pipe");
}

bool handover_parse(struct report *r, enum handover *mode)
{
	int choice = arg ? opts_choice(r, "--handover", arg, modes) : HANDOVER_AUTO;

	*mode = (enum handover)choice;
	return choice >= 0;
}

const char *handover_name(enum handover mode)
{
	return modes[mode];
}

static void explain(int fd, const char *why, char *buf, size_t len)
{
	char peer[128];
	const char *who = zcdma_pipe_peer(fd, peer, sizeof(peer));

	snprintf(buf, len, "%s%s%s", why, who ? "; the pipe ends at " : "", who ? who : "");
}

bool handover_why(struct zcdma_source *src, int fd, char *buf, size_t len)
{
	struct zcdma_source_stats stats;

	zcdma_source_get_stats(src, &stats, sizeof(stats));
	if (stats.plain_reason)
		explain(fd, stats.plain_reason, buf, len);
	return stats.plain_reason;
}

/* Report the context's error @rc, and which program reads the pipe @fd. Returns the exit status. */
static int refuse(const struct transfer *t, struct report *r, int fd, int rc)
{
	char text[640];

	explain(fd, zcdma_error(t->ctx), text, sizeof(text));
	return report_system_error(r, STATUS_ERROR, rc, zcdma_hint(t->ctx), "%s", text);
}

/* With -v, note that bytes go to the pipe @fd. */
static void note(const struct transfer *t, struct report *r, int fd)
{
	char text[640];

	if (!report_is_verbose(r))
		return;
	explain(fd, zcdma_error(t->ctx), text, sizeof(text));
	report_verbose(r, "%s", text);
}

/* Handle the error @rc of one hand-over. Returns 0 if bytes are sent instead, or an exit status. */
static int do_without(const struct transfer *t, struct report *r, int fd, int rc)
{
	if (rc == -EINTR && signals_stop())
		return 128 + signals_stop();
	if (!t->shares)
		return STATUS_OK;
	if (t->handover == HANDOVER_REQUIRE)
		return refuse(t, r, fd, rc);
	note(t, r, fd);
	return STATUS_OK;
}

/* Call zcdma_handover_find() again after SIGUSR1, without a longer wait. */
static int find_reader(struct zcdma_ctx *ctx, int fd, struct zcdma_handover **reader)
{
	const uint64_t end = now_ns() + FIND_MS * 1000000u;
	int rc;

	for (;;) {
		uint64_t now = now_ns();

		rc = zcdma_handover_find(ctx, fd, now < end ? (int)((end - now) / 1000000u) : 0,
					 reader);
		if (rc != -EINTR || signals_stop())
			return rc;
		zcdma_resume(ctx);
	}
}

/* Call zcdma_path_open_handover() again after SIGUSR1. */
static int hand_over(struct zcdma_ctx *ctx, struct zcdma_source *src, struct zcdma_handover *reader,
		     struct zcdma_path **path)
{
	int rc;

	while ((rc = zcdma_path_open_handover(reader, src, path)) == -EINTR && !signals_stop())
		zcdma_resume(ctx);
	return rc;
}

void handover_fail(void)
{
	struct zcdma_handover *reader;
	struct zcdma_ctx *ctx;

	if ((arg && !strcmp(arg, modes[HANDOVER_NEVER])) || zcdma_new(&ctx))
		return;
	if (!zcdma_handover_find(ctx, STDOUT_FILENO, FIND_MS, &reader))
		zcdma_handover_fail(reader);
	zcdma_free(ctx);
}

/* The readers that were found, each with the number of its output. */
struct readers {
	unsigned count, at[FANOUT_MOST];
	struct zcdma_handover *reader[FANOUT_MOST];
};

/* A file among several outputs is written to; standard output that is one has no hand-over, with the reason. */
static bool may_have_reader(const struct setup_outputs *outputs, unsigned i)
{
	struct stat st;

	return outputs->count == 1 || (!fstat(outputs->fd[i], &st) && S_ISFIFO(st.st_mode));
}

/* Find them. Returns 0 or an exit status. */
static int find_readers(struct transfer *t, struct report *r, const struct setup_outputs *outputs,
			struct readers *found)
{
	int status = STATUS_OK, rc;

	for (unsigned i = 0; !status && i < outputs->count; i++) {
		if (!may_have_reader(outputs, i))
			continue;
		found->at[found->count] = i;
		rc = find_reader(t->ctx, outputs->fd[i], &found->reader[found->count]);
		if (rc)
			status = do_without(t, r, outputs->fd[i], rc);
		else
			found->count++;
	}
	return status;
}

/* Make the ring for all of them, and what else it goes to. Returns 0 or a negative errno. */
static int make_ring(struct transfer *t, const struct setup_outputs *outputs,
		     const struct readers *found)
{
	if (!t->shares)
		return -EOPNOTSUPP;
	if (outputs->count == 1 || !found->count) /* zcdma_path_open_handover() does that */
		return 0;
	return zcdma_source_prepare_shared(t->src, t->path_type->name, found->reader, found->count);
}

/* Announce bytes to a reader that gets no ring, which is freed if it does not take them. */
static struct zcdma_handover *announce(struct zcdma_handover *reader)
{
	if (!zcdma_handover_announce(reader))
		return reader;
	zcdma_handover_free(reader);
	return NULL;
}

int handover_open(struct transfer *t, struct report *r, struct setup_outputs *outputs)
{
	struct readers found = { .count = 0 };
	int status = find_readers(t, r, outputs, &found), rc;
	const int made = status ? 0 : make_ring(t, outputs, &found);
	unsigned done = 0;

	while (!status && done < found.count) {
		const unsigned i = found.at[done];
		struct zcdma_handover *reader = found.reader[done];

		rc = made ? made : hand_over(t->ctx, t->src, reader, &outputs->path[i]);
		if (rc)
			status = do_without(t, r, outputs->fd[i], rc);
		if (status)
			break;
		if (rc)
			outputs->announced[i] = announce(reader);
		done++;
	}
	while (found.count > done)
		zcdma_handover_free(found.reader[--found.count]);
	return status;
}

void handover_report(struct report *r, bool by_handover, const struct copies *copies)
{
	report_line(r, by_handover ? "handover" : NULL, NULL);
	report_flag(r, "handover", by_handover, "");
	copies_report(r, copies);
}
