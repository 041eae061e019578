/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tests that speak TAP. Each is a child, so that one that hangs or dies ends alone.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stddef.h>

/* Fail and end the test unless @condition holds. Works in any thread of the test's own process. */
#define EXPECT(condition)                                         \
	do {                                                      \
		if (!(condition))                                 \
			tap_fail(__func__, __LINE__, #condition); \
	} while (0)

/* Expect @call to fail with @error. */
#define EXPECT_ERRNO(call, error)                 \
	EXPECT(({                                 \
		errno = 0;                        \
		(call) == -1 && errno == (error); \
	}))

__attribute__((noreturn)) void tap_fail(const char *function, int line, const char *condition);

/* Skip the rest of the test, which cannot run here for the reason @why. */
__attribute__((noreturn)) void tap_skip(const char *why);

/* What a failing test must undo before its process can end, or NULL. Async-signal-safe. */
extern void (*tap_undo)(void);

/* What a test that failed before may have left to be done, or NULL. Begins each test. */
extern void (*tap_prepare)(void);

/*
 * Returns @limit times LIMIT_SCALE of the environment, which is for machines that are that many times slower.
 */
unsigned tap_limit(unsigned limit);

/*
 * Returns how many rounds of a wait there may be: @rounds times LIMIT_SCALE, but at most TAP_ROUNDS of the environment, which
 * is for what never comes. A round sleeps, so that the kernel's threads run meanwhile, whatever the machine's speed.
 */
unsigned tap_rounds(unsigned rounds);

/* Returns @times divided by REPEAT_CUT of the environment, for the same machines; at least 1. */
unsigned tap_repeat(unsigned times);

struct tap_test {
	const char *name;
	void (*run)(unsigned model);
	unsigned models; /* bit 1 << model for each that it is for; 0: the test needs no model */
};

/* enum zcdma_dev_model */
extern const char *const tap_models[4];
#define TAP_ALL	  0xf
#define TAP_PAGED 0xe /* those that have pages */

/* Run one test with a name made of @format, or all of a table. */
/* With TAP_ONLY=NAME in the environment, do so only if that is the name. */
__attribute__((format(printf, 3, 4))) void tap_run(void (*run)(unsigned model), unsigned model,
						   const char *format, ...);
void tap_run_all(const struct tap_test *tests, size_t count);

#define TAP_RUN_ALL(tests) tap_run_all(tests, sizeof(tests) / sizeof((tests)[0]))

/*
 * Wait until @condition, which is what the test waits for: a limit, not a time. Each round sleeps a
 * little.
 */
#define WAIT_FOR(condition)                                           \
	do {                                                          \
		for (unsigned n_ = 0; !(condition); n_++) {           \
			EXPECT(n_ < tap_rounds(20000) && #condition); \
			usleep(500);                                  \
		}                                                     \
	} while (0)

#endif /* TAP_H */
