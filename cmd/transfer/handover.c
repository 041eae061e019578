// SPDX-License-Identifier: GPL-2.0-only
/* --handover: whether the ring itself goes through a pipe between two zcdma, and what is said of it. */
#include "transfer/handover.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zcdma/util.h>

#include "cli/status.h"
#include "cli/opts.h"

static const char *const modes[] = { "auto", "require", "never", NULL }; /* enum handover */

static const char *arg;

struct poptOption handover_options[] = {
	{ "handover", 0, POPT_ARG_STRING, &arg, 0,
	  "pass a ring through a pipe, not its bytes (auto)", "auto|require|never" },
	POPT_TABLEEND,
};

int handover_no_pipe(struct report *r)
{
	return report_error(r, STATUS_ERROR,
			    "leave it out, or have a pipe from one zcdma to another",
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

void handover_explain(int fd, const char *why, char *buf, size_t len)
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
		handover_explain(fd, stats.plain_reason, buf, len);
	return stats.plain_reason;
}

void handover_fail(void)
{
	struct zcdma_handover *reader;
	struct zcdma_ctx *ctx;

	if ((arg && !strcmp(arg, modes[HANDOVER_NEVER])) || zcdma_new(&ctx))
		return;
	if (!zcdma_handover_find(ctx, STDOUT_FILENO, HANDOVER_FIND_MS, &reader))
		zcdma_handover_fail(reader);
	zcdma_free(ctx);
}

void handover_report(struct report *r, bool by_handover, const struct copies *copies)
{
	report_line(r, by_handover ? "handover" : NULL, NULL);
	report_flag(r, "handover", by_handover, "");
	copies_report(r, copies);
}
