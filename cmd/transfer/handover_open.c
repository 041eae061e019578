// SPDX-License-Identifier: GPL-2.0-only
/* Hands the ring of a transfer over to the readers at the other ends of its pipes. */
#include "transfer/handover_open.h"

#include <errno.h>
#include <sys/stat.h>

#include <zcdma/util.h>

#include "cli/clock.h"
#include "cli/signals.h"
#include "cli/status.h"

/* Report the context's error @rc, and which program reads the pipe @fd. Returns the exit status. */
static int refuse(const struct transfer *t, struct report *r, int fd, int rc)
{
	char text[640];

	handover_explain(fd, zcdma_error(t->ctx), text, sizeof(text));
	return report_system_error(
		r, STATUS_ERROR, rc,
		zcdma_hint(t->ctx)
			?: "leave out --handover=require, or have a zcdma at the other end",
		"%s", text);
}

/* With -v, note that bytes go to the pipe @fd. */
static void note(const struct transfer *t, struct report *r, int fd)
{
	char text[640];

	if (!report_is_verbose(r))
		return;
	handover_explain(fd, zcdma_error(t->ctx), text, sizeof(text));
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
	const uint64_t end = now_ns() + HANDOVER_FIND_MS * 1000000u;
	int rc;

	do {
		uint64_t now = now_ns();

		rc = zcdma_handover_find(ctx, fd, now < end ? (int)((end - now) / 1000000u) : 0,
					 reader);
	} while (signals_call_again(ctx, rc));
	return rc;
}

/* Call zcdma_path_open_handover() again after SIGUSR1. */
static int hand_over(struct zcdma_ctx *ctx, struct zcdma_source *src, struct zcdma_handover *reader,
		     struct zcdma_path **path)
{
	int rc;

	do
		rc = zcdma_path_open_handover(reader, src, path);
	while (signals_call_again(ctx, rc));
	return rc;
}

/* The readers that were found, each with the number of its output. */
struct readers {
	unsigned count, at[FANOUT_MOST];
	struct zcdma_handover *reader[FANOUT_MOST];
};

/* A file among several outputs is written to; standard output that is one has no hand-over, with the reason. */
static bool may_have_reader(const struct handover_outputs *outputs, unsigned i)
{
	struct stat st;

	return outputs->count == 1 || (!fstat(outputs->fd[i], &st) && S_ISFIFO(st.st_mode));
}

/* Find them. Returns 0 or an exit status. */
static int find_readers(struct transfer *t, struct report *r,
			const struct handover_outputs *outputs, struct readers *found)
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
static int make_ring(struct transfer *t, const struct handover_outputs *outputs,
		     const struct readers *found)
{
	int rc;

	if (!t->shares)
		return -EOPNOTSUPP;
	if (outputs->count == 1 || !found->count) /* zcdma_path_open_handover() does that */
		return 0;
	do
		rc = zcdma_source_prepare_shared(t->src, t->path_type->name, found->reader,
						 found->count);
	while (signals_call_again(t->ctx, rc));
	return rc;
}

/* Announce bytes to a reader that gets no ring, which is freed if it does not take them. */
static struct zcdma_handover *announce(struct zcdma_handover *reader)
{
	if (!zcdma_handover_announce(reader))
		return reader;
	zcdma_handover_free(reader);
	return NULL;
}

int handover_open(struct transfer *t, struct report *r, struct handover_outputs *outputs)
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
