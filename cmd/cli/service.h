/* SPDX-License-Identifier: GPL-2.0-only */
/* What a service manager learns of a run: sd_notify(3). Without one nothing is sent. */
#ifndef CLI_SERVICE_H
#define CLI_SERVICE_H

#include <stdint.h>

struct figures;

struct service {
	uint64_t every_ns; /* 0: there is no manager */
	uint64_t next_ns;
};

/* The run is ready: it has all it needs, and listens where it receives. */
void service_begin(struct service *s);

/* Returns how many ms a wait may last so that the manager hears of the run in time; -1 is without limit. */
int service_timeout(const struct service *s);

/* Say how far the run is after @elapsed_ns, where that is due, and that it is alive. */
void service_show(struct service *s, const struct figures *now, uint64_t elapsed_ns);

/* The run is over; what follows, such as writing to the disk, may take a while. */
void service_end(struct service *s);

#endif
