/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of the files of a recording that is split. */
#ifndef RECORD_NAME_H
#define RECORD_NAME_H

#include <stdbool.h>
#include <time.h>

/* The largest number of a file. */
#define NAME_NUMBER_MOST 999999999u

/* Check whether @pattern has a place for the number of a file, %N. */
bool name_has_number(const char *pattern);

/*
 * Make the name of file @number, which is begun at @when, in local time: %N becomes the number, of 6 digits at least,
 * and the rest is read by strftime(3). Returns it for the caller to free, or NULL if it is empty or longer than
 * PATH_MAX.
 */
char *name_expand(const char *pattern, unsigned number, time_t when);

#endif
