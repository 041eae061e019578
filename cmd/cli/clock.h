/* SPDX-License-Identifier: GPL-2.0-only */
/* The clocks that everything here is measured with. */
#ifndef CLI_CLOCK_H
#define CLI_CLOCK_H

#include <limits.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Return how many ms to wait until @when_ns, and no more than an int holds; 0 where it is over. */
static inline int ms_until(uint64_t when_ns)
{
	const uint64_t now = now_ns();
	const uint64_t ms = now < when_ns ? (when_ns - now) / 1000000u + 1 : 0;

	return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* Return the sooner of two times in ms, of which -1 is without limit. */
static inline int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Return user and system time: @who is RUSAGE_SELF or RUSAGE_THREAD. */
static inline double cpu_seconds(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

#endif
