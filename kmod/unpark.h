/* SPDX-License-Identifier: GPL-2.0-only */
/* Free the packets that the kernel keeps though nobody wants them any more. */
#ifndef ZCDMA_UNPARK_H
#define ZCDMA_UNPARK_H

#ifdef ZCDMA_UNPARK
int zcdma_unpark_init(void);
void zcdma_unpark_exit(void);
/* The packets that are parked on any processor now are freed on return. May sleep. */
void zcdma_unpark(void);
#else
static inline int zcdma_unpark_init(void)
{
	return 0;
}

static inline void zcdma_unpark_exit(void)
{
}

static inline void zcdma_unpark(void)
{
}
#endif

#endif /* ZCDMA_UNPARK_H */
