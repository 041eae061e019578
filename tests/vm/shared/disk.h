/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk that keeps what is written to it waiting until it is told to go on. */
#ifndef DISK_H
#define DISK_H

/* A descriptor for O_DIRECT of a disk that is suspended; a test that fails resumes it. */
int disk_suspended(void);
void disk_resume(void);

#endif /* DISK_H */
