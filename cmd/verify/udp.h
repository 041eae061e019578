/* SPDX-License-Identifier: GPL-2.0-only */
/* Receives and checks datagrams: each sender's are a stream. */
#ifndef VERIFY_UDP_H
#define VERIFY_UDP_H

#include "verify/run.h"

/* Receive @v's streams from the UDP sockets @fds, and check them to their ends. Returns 0 or an exit status. */
int datagrams_receive(struct verify *v, const int *fds, unsigned count);

#endif
