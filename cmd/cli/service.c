// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a service manager learns of a run: datagrams to the socket that it names. The protocol is small and stays, and sd_notify(3)
 * says to speak it rather than to link a library for it.
 */
#include "cli/service.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <zcdma/util.h>

#include "cli/clock.h"
#include "cli/live.h"
#include "cli/report_text.h"

#define STATUS_NS 1000000000u

/* A manager that is gone or does not read need not stop the run. */
static void tell(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const size_t len = name ? strlen(name) : 0;
	int fd;

	if (!len || len >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, name, len);
	if (name[0] == '@') /* an abstract name */
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

/* Twice in the time after which a silent service is taken to hang, and each second for the status. */
static uint64_t interval(void)
{
	const char *pid = getenv("WATCHDOG_PID"), *usec = getenv("WATCHDOG_USEC");
	uint64_t half = STATUS_NS;

	if (!getenv("NOTIFY_SOCKET"))
		return 0;
	if (usec && (!pid || strtol(pid, NULL, 10) == getpid()))
		half = strtoull(usec, NULL, 10) * 1000 / 2;
	return half && half < STATUS_NS ? half : STATUS_NS;
}

void service_begin(struct service *s)
{
	s->every_ns = interval();
	s->next_ns = now_ns();
	if (s->every_ns)
		tell("READY=1");
}

int service_timeout(const struct service *s)
{
	return s->every_ns ? ms_until(s->next_ns) : -1;
}

void service_show(struct service *s, const struct figures *now, uint64_t elapsed_ns)
{
	const double seconds = (double)elapsed_ns / 1e9;
	char state[256], bytes[32], rate[32], lost[64] = "";

	if (service_timeout(s))
		return;
	s->next_ns = now_ns() + s->every_ns;
	if (now->sends && now->overruns != REPORT_UNKNOWN)
		snprintf(lost, sizeof(lost), ", %" PRIu64 " overruns", now->overruns);
	snprintf(state, sizeof(state), "WATCHDOG=1\nSTATUS=%s in %.0f s, mean %s%s",
		 zcdma_size_format(now->bytes, bytes, sizeof(bytes)), seconds,
		 text_rate((double)now->bytes / seconds, rate, sizeof(rate)), lost);
	tell(state);
}

void service_end(struct service *s)
{
	if (s->every_ns)
		tell("STOPPING=1");
	s->every_ns = 0;
}
