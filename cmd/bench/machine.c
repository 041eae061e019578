// SPDX-License-Identifier: GPL-2.0-only
/* The machine that a bench ran on, so that two of them can be compared. */
#include "bench/machine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

const char *const bench_directions[] = {
	[BENCH_OUT] = "out", [BENCH_IN] = "in", [BENCH_PLAY] = "play", NULL
};

/* Read the first line of a file, or what follows @key and a colon in it. Returns false if it is missing. */
static bool read_value(const char *path, const char *key, char *value, size_t len)
{
	size_t key_len = key ? strlen(key) : 0;
	FILE *f = fopen(path, "re");
	bool found = false;
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f)) {
		const char *start = key ? strchr(line, ':') : line;

		if (!start || (key && strncmp(line, key, key_len)))
			continue;
		line[strcspn(line, "\n")] = '\0';
		start += key != NULL; /* the colon */
		snprintf(value, len, "%s", start + strspn(start, " \t"));
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

uint64_t bench_cache_bytes(void)
{
	uint64_t most = 0, bytes;
	char path[96], text[32];

	for (unsigned i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%u/size", i);
		if (read_value(path, NULL, text, sizeof(text)) && !zcdma_size_parse(text, &bytes) &&
		    bytes > most)
			most = bytes;
	}
	return most;
}

/* proc(5), /proc/stat. */
double bench_busy_seconds(void)
{
	uint64_t user, nice, sys, idle, wait, irq, softirq;
	FILE *f = fopen("/proc/stat", "re");
	int n = f ? fscanf(f,
			   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			   " %" SCNu64 " %" SCNu64,
			   &user, &nice, &sys, &idle, &wait, &irq, &softirq)
		  : 0;

	if (f)
		fclose(f);
	return n == 7 ? (double)(user + nice + sys + irq + softirq) / (double)sysconf(_SC_CLK_TCK)
		      : 0;
}

void bench_cpu_name(char *name, size_t len)
{
	struct utsname uts;

	if (read_value("/proc/cpuinfo", "model name", name, len))
		return;
	uname(&uts);
	snprintf(name, len, "%s", uts.machine);
}

/* The interface of the first run that had a connection. */
static void report_nic(struct report *r, const struct bench_rows *rows)
{
	const struct zcdma_nic *nic = &rows->row[0].failed.nic;
	bool known;

	for (unsigned i = 0; i < rows->count && !nic->name[0]; i++)
		nic = rows->row[i].count ? &rows->row[i].sample[0].nic : &rows->row[i].failed.nic;
	known = nic->name[0];
	report_line(r, known ? "interface" : NULL, NULL);
	report_text(r, "interface", known ? nic->name : NULL, " ");
	report_text(r, "nic_driver", nic->driver[0] ? nic->driver : NULL, ", MTU ");
	report_count(r, "mtu_bytes", known ? nic->mtu : REPORT_UNKNOWN, ", scatter-gather ");
	report_flag(r, "nic_scatter_gather", known ? nic->scatter_gather : -1, ", checksums ");
	report_flag(r, "nic_checksums", known ? nic->checksum : -1, ", segmentation ");
	report_flag(r, "nic_segmentation", known ? nic->segmentation : -1, "");
}

static void report_setting(struct report *r, const char *key, const char *path)
{
	char value[128];
	bool known = read_value(path, NULL, value, sizeof(value));

	for (char *p = value; known && *p; p++) {
		if (*p == '\t')
			*p = ' ';
	}
	report_text(r, key, known ? value : NULL, "");
}

static void report_limits(struct report *r)
{
	struct rlimit memlock = { 0 };

	report_line(r, NULL, NULL);
	report_setting(r, "tcp_wmem", "/proc/sys/net/ipv4/tcp_wmem");
	report_setting(r, "tcp_rmem", "/proc/sys/net/ipv4/tcp_rmem");
	report_setting(r, "optmem_max", "/proc/sys/net/core/optmem_max");
	report_setting(r, "transparent_hugepage", "/sys/kernel/mm/transparent_hugepage/enabled");
	getrlimit(RLIMIT_MEMLOCK, &memlock);
	if (memlock.rlim_cur == RLIM_INFINITY)
		report_text(r, "memlock", "unlimited", "");
	else
		report_bytes(r, "memlock_bytes", memlock.rlim_cur, "");
}

static unsigned most_runs(const struct bench_rows *rows)
{
	unsigned most = 0;

	for (unsigned i = 0; i < rows->count; i++) {
		if (rows->row[i].count > most)
			most = rows->row[i].count;
	}
	return most;
}

static void report_device(struct report *r, const struct bench_job *job)
{
	report_line(r, "device", NULL);
	report_text(r, "net", job->to, "");
}

static void report_network(struct report *r, const struct bench_job *job,
			   const struct bench_rows *rows, const char *net)
{
	const bool tcp = strncmp(job->to, "udp:", 4) != 0;

	report_line(r, "network", NULL);
	report_text(r, "net", net, job->direction == BENCH_IN ? ", from " : ", to ");
	report_text(r, "to", job->to, tcp ? ", congestion control " : "");
	if (!tcp)
		report_line(r, NULL, NULL);
	report_text(r, "congestion_control", tcp ? job->congestion : NULL, "");
	report_nic(r, rows);
}

void bench_report_facts(struct report *r, const struct bench_job *job,
			const struct bench_rows *rows, const char *net)
{
	const bool in = job->direction == BENCH_IN;
	char model[128];
	struct utsname uts;

	uname(&uts);
	bench_cpu_name(model, sizeof(model));
	report_line(r, "machine", "Linux ");
	report_text(r, "kernel", uts.release, ", ");
	report_text(r, "cpu", model, ", ");
	report_count(r, "cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), " CPUs, cache ");
	report_bytes(r, "cache_bytes", bench_cache_bytes(), "");
	if (job->direction == BENCH_PLAY)
		report_device(r, job);
	else
		report_network(r, job, rows, net);
	if (in) {
		report_line(r, "runs", "datagrams of ");
		report_count(r, "datagram_bytes", BENCH_DATAGRAM, " bytes, streams ");
	} else {
		report_line(r, "runs", "ring ");
		report_bytes(r, "ring_bytes", job->ring_bytes, ", in the cache: ");
		report_flag(r, "ring_hot", job->ring_bytes <= bench_cache_bytes(), ", streams ");
	}
	report_count(r, "streams", job->streams, ", at most ");
	report_count(r, "repeats", most_runs(rows), " runs of ");
	report_seconds(r, "run_seconds", job->seconds, "");
	report_line(r, NULL, NULL);
	report_text(r, "direction", bench_directions[job->direction], "");
	report_flag(r, "checked", job->check, "");
	report_limits(r);
}
