/* SPDX-License-Identifier: GPL-2.0-only */
/* Does touching memory raise a signal? */
#ifndef FAULT_H
#define FAULT_H

/* SIGBUS or SIGSEGV, which reading the byte raises in this thread, or 0. */
int fault_of_reading(const volatile char *byte);

#endif /* FAULT_H */
