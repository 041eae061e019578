/* SPDX-License-Identifier: GPL-2.0-only */
/* Find out whether touching memory raises a signal. */
#ifndef FAULT_H
#define FAULT_H

/* Read @byte. Returns SIGBUS or SIGSEGV if that raises it in this thread, else 0. */
int fault_of_reading(const volatile char *byte);

#endif /* FAULT_H */
