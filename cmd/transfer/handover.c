// SPDX-License-Identifier: GPL-2.0-only
/* --handover: whether the ring itself goes through a pipe between two zcdma, and what is said of it. */
#include "transfer/handover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
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

int handover_find(struct zcdma_ctx *ctx, struct zcdma_handover **reader)
{
	const uint64_t end = now_ns() + FIND_MS * 1000000u;
	int rc;

	for (;;) {
		uint64_t now = now_ns();

		rc = zcdma_handover_find(ctx, STDOUT_FILENO,
					 now < end ? (int)((end - now) / 1000000u) : 0, reader);
		if (rc != -EINTR || signals_stop())
			return rc;
		zcdma_resume(ctx);
	}
}

int handover_open(struct zcdma_ctx *ctx, struct zcdma_source *src, struct zcdma_handover *reader,
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

int handover_refuse(const struct zcdma_ctx *ctx, struct report *r, int rc)
{
	char text[640];

	explain(STDOUT_FILENO, zcdma_error(ctx), text, sizeof(text));
	return report_system_error(r, STATUS_ERROR, rc, zcdma_hint(ctx), "%s", text);
}

void handover_note(struct report *r, int fd, const char *why)
{
	char text[640];

	if (!report_is_verbose(r))
		return;
	explain(fd, why, text, sizeof(text));
	report_verbose(r, "%s", text);
}

void handover_report(struct report *r, bool by_handover, const struct copies *copies)
{
	report_line(r, by_handover ? "handover" : NULL, NULL);
	report_flag(r, "handover", by_handover, "");
	copies_report(r, copies);
}
