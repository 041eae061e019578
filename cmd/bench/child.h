/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZCDMA_BENCH_CHILD_H
#define ZCDMA_BENCH_CHILD_H

#include <sys/types.h>

/* As fork(), and the child is killed when the thread that called this ends, whenever that is. */
pid_t bench_fork(void);

#endif
