// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of metrics: https://prometheus.io/docs/specs/om/open_metrics_spec/, of which node_exporter's textfile
 * collector reads each *.prom of its folder.
 */
#include "cli/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/report.h"
#include "cli/xalloc.h"

static void gauge(FILE *f, const char *applet, const char *name, const char *help, double value)
{
	fprintf(f, "# TYPE zcdma_%s gauge\n# HELP zcdma_%s %s\n", name, name, help);
	fprintf(f, "zcdma_%s{applet=\"%s\"} %.15g\n", name, applet, value);
}

/* Its value's name ends in _total; its own, in TYPE and HELP, does not. */
static void counter(FILE *f, const char *applet, const char *name, const char *help, double value)
{
	fprintf(f, "# TYPE zcdma_%s counter\n# HELP zcdma_%s %s\n", name, name, help);
	fprintf(f, "zcdma_%s_total{applet=\"%s\"} %.15g\n", name, applet, value);
}

/* A count that may be unknown: then it is left out. */
static void known_counter(FILE *f, const char *applet, const char *name, const char *help,
			  uint64_t count)
{
	if (count != REPORT_UNKNOWN)
		counter(f, applet, name, help, (double)count);
}

/* How a file of metrics begins. */
#define BEGINNING "# TYPE zcdma_"

/* Check that @name holds nothing else. Returns 0, -EEXIST, or another negative errno. */
static int check_contents(const char *name)
{
	char text[sizeof(BEGINNING) - 1];
	const int fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		n = read(fd, text, sizeof(text));
	else
		n = S_ISDIR(st.st_mode) ? -EISDIR : -EEXIST;
	close(fd);
	if (n == -EISDIR)
		return -EISDIR;
	if (!n || (n == sizeof(text) && !memcmp(text, BEGINNING, sizeof(text))))
		return 0;
	return -EEXIST;
}

static void print(FILE *f, const char *applet, const struct figures *now, bool running)
{
	const struct tcp_state *tcp = now->tcp;

	gauge(f, applet, "running", "1 while the run goes on, 0 after its end", running);
	counter(f, applet, "bytes",
		"Bytes that were moved, or passed to a reader that left without them",
		(double)now->bytes);
	counter(f, applet, "cpu_seconds", "Processor time of the process",
		cpu_seconds(RUSAGE_SELF));
	if (now->sends) {
		counter(f, applet, "blocks", "Blocks that were moved", (double)now->blocks);
		known_counter(f, applet, "overruns", "Blocks that the device lost", now->overruns);
		known_counter(f, applet, "lost_bytes", "Bytes that were lost", now->lost_bytes);
		gauge(f, applet, "in_flight_blocks", "Blocks that are in flight",
		      (double)now->in_flight);
	}
	if (now->latency && now->latency->count)
		gauge(f, applet, "device_to_sent_p99_seconds",
		      "Time from the device to the send that 99 % of the blocks stay below",
		      (double)zcdma_hist_quantile(now->latency, 0.99) / 1e9);
	if (tcp) {
		counter(f, applet, "tcp_retransmitted_segments", "Segments that were sent again",
			(double)tcp->retransmitted);
		gauge(f, applet, "tcp_rtt_seconds", "Smoothed round-trip time", tcp->rtt_us / 1e6);
		gauge(f, applet, "tcp_cwnd_segments", "Congestion window", tcp->cwnd);
	}
	fputs("# EOF\n", f);
}

/* Make a file beside @name that is to replace it, and set its name, which the caller frees. Returns it, or a negative errno. */
static int make_temporary(const char *name, char **temporary)
{
	int fd;

	xalloc(asprintf(temporary, "%s.XXXXXX", name) < 0 ? NULL : *temporary);
	fd = mkostemp(*temporary, O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int metrics_check(const char *name)
{
	char *temporary;
	int rc = check_contents(name), fd;

	if (rc)
		return rc;
	fd = make_temporary(name, &temporary);
	if (fd >= 0) {
		unlink(temporary);
		close(fd);
	}
	free(temporary);
	return fd < 0 ? fd : 0;
}

int metrics_write(const char *name, const char *applet, const struct figures *now, bool running)
{
	char *temporary;
	FILE *f;
	int fd = make_temporary(name, &temporary), rc = 0;

	if (fd < 0) {
		rc = fd;
		goto out;
	}
	f = xalloc(fdopen(fd, "w"));
	print(f, applet, now, running);
	/* The collector is another user. */
	if (fchmod(fd, 0644) < 0 || ferror(f))
		rc = -errno;
	if (fclose(f) == EOF && !rc)
		rc = -errno;
	if (!rc && rename(temporary, name) < 0)
		rc = -errno;
	if (rc)
		unlink(temporary);
out:
	free(temporary);
	return rc;
}
