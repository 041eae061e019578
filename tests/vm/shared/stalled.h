/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that does not answer, by a userfaultfd. All end a test that fails. */
#ifndef STALLED_H
#define STALLED_H

#include <stdbool.h>
#include <stddef.h>

/* A page that is not there, or cannot be written to, until stalled_go_on(). */
struct stalled {
	int uffd;
	char *page;
	bool protected;
};

/*
 * Returns a page that is not there; or if @protected, one with @len bytes of @data that can be read. Skips the test
 * where this kernel cannot have it.
 */
struct stalled stalled_page(bool protected, const void *data, size_t len);
/* Wait until the kernel asks for the page. */
void stalled_wait(const struct stalled *s);
/* Let it have it: with @data, unless it is there. */
void stalled_go_on(const struct stalled *s, const void *data, size_t len);

#endif /* STALLED_H */
