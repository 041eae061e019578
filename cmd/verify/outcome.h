/* SPDX-License-Identifier: GPL-2.0-only */
/* What a stream that verify checked turned out to be. */
#ifndef VERIFY_OUTCOME_H
#define VERIFY_OUTCOME_H

#include <stdbool.h>

/* The worst last. */
enum outcome {
	OUTCOME_CORRECT,
	OUTCOME_LOSSY,	    /* right, but for what the device, the capture or the network lost */
	OUTCOME_INCOMPLETE, /* right as far as it came, or could be checked */
	OUTCOME_WRONG,
	OUTCOME_UNREAD, /* it could not be opened */
	OUTCOMES
};

/* A stream's outcome, and the error message unless it is correct. */
struct verdict {
	enum outcome outcome;
	char fault[512], hint[512]; /* the hint may be empty */
};

/* Set the outcome and the error message. */
void outcome_say(struct verdict *v, enum outcome outcome, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Return the outcome in a word: "correct", "lossy", ... */
const char *outcome_word(enum outcome outcome);

/* Return the exit status that the outcome asks for. */
int outcome_status(enum outcome outcome);

/*
 * Return true if the outcome is status 1 after a signal too, which explains data that is incomplete unless it was to
 * be @complete.
 */
bool outcome_fails(enum outcome outcome, bool complete);

#endif
