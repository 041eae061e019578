// SPDX-License-Identifier: GPL-2.0-only
/* What a stream turned out to be: words and exit statuses. */
#include "verify/outcome.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/status.h"

static const struct {
	const char *word;
	int status;
} outcomes[OUTCOMES] = {
	[OUTCOME_CORRECT] = { "correct", STATUS_OK },
	[OUTCOME_LOSSY] = { "lossy", STATUS_LOST },
	[OUTCOME_INCOMPLETE] = { "incomplete", STATUS_INCOMPLETE },
	[OUTCOME_WRONG] = { "wrong", STATUS_INCOMPLETE },
	[OUTCOME_UNREAD] = { "incomplete", STATUS_ERROR },
};

void outcome_say(struct verdict *v, enum outcome outcome, const char *fmt, ...)
{
	va_list ap;

	v->outcome = outcome;
	va_start(ap, fmt);
	vsnprintf(v->fault, sizeof(v->fault), fmt, ap);
	va_end(ap);
}

const char *outcome_word(enum outcome outcome)
{
	return outcomes[outcome].word;
}

int outcome_status(enum outcome outcome)
{
	return outcomes[outcome].status;
}

bool outcome_fails(enum outcome outcome, bool complete)
{
	return outcome == OUTCOME_WRONG || (complete && outcome == OUTCOME_INCOMPLETE);
}
