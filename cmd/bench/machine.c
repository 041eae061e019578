// SPDX-License-Identifier: GPL-2.0-only
/* The machine that a bench ran on, so that two of them can be compared. */
#include "bench/machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The first line of a file, or what follows @key and a colon in it. False: there is none. */
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

	for (unsigned i = 0; i < rows->count && !nic->name[0]; i++)
		nic = rows->row[i].count ? &rows->row[i].sample[0].nic : &rows->row[i].failed.nic;
	if (!nic->name[0]) {
		report_line(
			r, NULL,
			"%S{interface}%S{nic_driver}%S{mtu_bytes}%S{nic_scatter_gather}%S{nic_checksums}%S{nic_segmentation}",
			NULL, NULL, NULL, NULL, NULL, NULL);
		return;
	}
	report_line(
		r, "interface",
		"%S{interface} %S{nic_driver}, MTU %N{mtu_bytes}, scatter-gather %F{nic_scatter_gather}, checksums %F{nic_checksums}, segmentation %F{nic_segmentation}",
		nic->name, nic->driver[0] ? nic->driver : NULL, (uint64_t)nic->mtu,
		nic->scatter_gather, nic->checksum, nic->segmentation);
}

static void report_setting(struct report *r, const char *path, const char *fmt)
{
	char value[128];
	bool known = read_value(path, NULL, value, sizeof(value));

	for (char *p = value; known && *p; p++) {
		if (*p == '\t')
			*p = ' ';
	}
	report_line(r, NULL, fmt, known ? value : NULL);
}

static void report_limits(struct report *r)
{
	struct rlimit memlock = { 0 };

	report_setting(r, "/proc/sys/net/ipv4/tcp_wmem", "%S{tcp_wmem}");
	report_setting(r, "/proc/sys/net/ipv4/tcp_rmem", "%S{tcp_rmem}");
	report_setting(r, "/proc/sys/net/core/optmem_max", "%S{optmem_max}");
	report_setting(r, "/sys/kernel/mm/transparent_hugepage/enabled",
		       "%S{transparent_hugepage}");
	getrlimit(RLIMIT_MEMLOCK, &memlock);
	if (memlock.rlim_cur == RLIM_INFINITY)
		report_line(r, NULL, "%S{memlock}", "unlimited");
	else
		report_line(r, NULL, "%B{memlock_bytes}", (uint64_t)memlock.rlim_cur);
}

void bench_report_facts(struct report *r, const struct bench_job *job,
			const struct bench_rows *rows, const char *net)
{
	char model[128];
	struct utsname uts;

	uname(&uts);
	bench_cpu_name(model, sizeof(model));
	report_line(r, "machine", "Linux %S{kernel}, %S{cpu}, %N{cpus} CPUs, cache %B{cache_bytes}",
		    uts.release, model, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN),
		    bench_cache_bytes());
	report_line(r, "network", "%S{net}, to %S{to}, congestion control %S{congestion_control}",
		    net, job->to, job->congestion);
	report_nic(r, rows);
	report_line(
		r, "runs",
		"ring %B{ring_bytes}, in the cache: %F{ring_hot}, streams %N{streams}, %N{repeats} of %T{run_seconds}",
		job->ring_bytes, job->ring_bytes <= bench_cache_bytes(), (uint64_t)job->streams,
		(uint64_t)job->repeats, job->seconds);
	report_line(r, NULL, "%F{checked}", job->check);
	report_limits(r);
}
