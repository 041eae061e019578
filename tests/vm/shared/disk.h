/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk on which writes wait until it is resumed. */
#ifndef DISK_H
#define DISK_H

/* Open the disk for O_DIRECT and suspend it. Returns the descriptor. A test that fails resumes the disk. */
int disk_suspended(void);
void disk_resume(void);

#endif /* DISK_H */
