/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A timer, and one descriptor that is readable when it, or any of a few others, is. */
#ifndef ZCDMA_UTIL_ALARM_H
#define ZCDMA_UTIL_ALARM_H

#include "internal.h"

struct zc_alarm {
	int fd;	      /* to poll; or -1 */
	int timer_fd; /* readable from the time that was set on; or -1 */
};

/* Make an alarm that is not set. Returns 0, or a negative errno without a message, and then there is nothing to close. */
int zc_alarm_open(struct zc_alarm *a);

/* Close it; one that was not opened, with -1 in both, is fine. */
void zc_alarm_close(struct zc_alarm *a);

/* Have .fd be readable when @fd is, too, until @fd is closed. Returns 0 or a negative errno without a message. */
int zc_alarm_add(const struct zc_alarm *a, int fd);

/* Undo that. */
void zc_alarm_remove(const struct zc_alarm *a, int fd);

/* Set the alarm to @at_ns, of CLOCK_MONOTONIC, or with 0 to never. It is silent until then, whatever it was before. */
void zc_alarm_set(const struct zc_alarm *a, uint64_t at_ns);

#endif
