/* SPDX-License-Identifier: GPL-2.0-only */
/* Random calls with random arguments, of the driver's and of what its pages go through. */
#ifndef CALLS_H
#define CALLS_H

#include <stdint.h>

/* Share with the processes that are forked from here on what is counted. */
void calls_init(void);

/* What the threads of a process share, and race for: descriptors, mappings, pipes and sockets. */
struct session;

/*
 * Returns NULL where it could not be made, else one with a ring, where no other process has it. @seed is for the
 * ring. The session goes with the process.
 */
struct session *session_create(uint64_t seed);

/* Make one call: which one, and with which arguments, comes from @seed alone. */
void call_random(struct session *s, uint64_t seed);

/* Returns how many calls were made by all processes; and how many by that name worked. */
uint64_t calls_made(void);
uint64_t calls_worked(const char *name);
/* Print them by name, as TAP comments. */
void calls_print(void);

#endif /* CALLS_H */
