/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether this kernel's vmsplice() and splice() move pages or copy them, found out on a page of our own. */
#ifndef ZCDMA_PATH_SELFTEST_H
#define ZCDMA_PATH_SELFTEST_H

/* Returns 1 where vmsplice() copies memory into the pipe, 0 where it does not, or a negative errno. */
int zc_vmsplice_copies(void);

/* Find out likewise for splice() from a memfd into a pipe, which sendfile() does too. */
int zc_memfd_splice_copies(void);

/* Find out likewise for splice() from a pipe into a socket: for this kernel, not for a route. */
int zc_socket_splice_copies(void);

#endif
