// SPDX-License-Identifier: GPL-2.0-only
/* --cpu: the processor that a program runs on. */
#include "cli/cpu.h"

#include <sched.h>
#include <stdint.h>

#include "cli/opts.h"
#include "cli/status.h"

static const char *arg;

struct poptOption cpu_options[] = {
	{ "cpu", 0, POPT_ARG_STRING, &arg, 0, "run on one CPU", "N" },
	POPT_TABLEEND,
};

bool cpu_parse(struct report *r, const char *text, int *cpu)
{
	uint64_t n = 0;
	cpu_set_t set;

	*cpu = -1;
	if (!text)
		return true;
	if (!opts_number(r, "--cpu", text, &n))
		return false;
	if (sched_getaffinity(0, sizeof(set), &set) < 0 || n >= CPU_SETSIZE ||
	    !CPU_ISSET(n, &set)) {
		report_error(r, STATUS_ERROR, "taskset -p $$ shows where it may",
			     "--cpu %s: this process may not run there", text);
		return false;
	}
	*cpu = (int)n;
	return true;
}

void cpu_bind_to(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* A cpuset may have changed since cpu_parse(): then it runs elsewhere, as without --cpu. */
	(void)sched_setaffinity(0, sizeof(set), &set);
}

bool cpu_bind(struct report *r)
{
	int cpu;

	if (!cpu_parse(r, arg, &cpu))
		return false;
	cpu_bind_to(cpu);
	return true;
}
