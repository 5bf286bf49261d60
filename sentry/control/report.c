/* SPDX-License-Identifier: MIT */
/* Reports: the resources beside what the tables hold, and the ways out. */
#include "control/report.h"

#include "control/ask.h"
#include "control/config.h"
#include "control/control.h"
#include "control/limits.h"
#include "kernel/kernel.h"
#include "kernel/report.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_EVERY_US 200000

static int write_report(struct kernel *k, int fd)
{
	int64_t began = k->boot_monotonic.tv_sec * 1000000000ll + k->boot_monotonic.tv_nsec;
	struct sandbox_stats s;
	char line[512];
	int r, n;

	sandbox_stats(k, &s);
	report_memory(k, s.memory);
	n = snprintf(line, sizeof(line),
		     "{\"kind\":\"resources\",\"wall_ns\":%ld,\"user_ns\":%lu,\"system_ns\":%lu,\"memory_peak\":%lu,\"read\":%lu,"
		     "\"written\":%lu,\"received\":%lu,\"sent\":%lu,\"processes\":%lu}\n",
		     kernel_now_mono() - began, s.user_ns, s.system_ns, report_memory(k, 0), s.read, s.written, s.rx, s.tx,
		     k->forks + 1);
	r = report_write(k, fd);
	return r ? r : write(fd, line, (size_t)n) == n ? 0 : -EIO;
}

static void *watch(void *arg)
{
	struct kernel *k = arg;

	for (;;) {
		struct sandbox_stats s;

		sandbox_stats(k, &s);
		report_memory(k, s.memory);
		usleep(LOOK_EVERY_US);
	}
	return NULL;
}

int control_report_start(struct kernel *k)
{
	sigset_t all, before;
	int r;

	if (!k->report)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = control_thread(watch, k);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

void control_report_end(struct kernel *k)
{
	if (k->report && write_report(k, k->config->report_fd))
		return; /* picket sees that it is not whole */
}

int ask_report(struct ask *a)
{
	if (!a->kernel->report)
		return ask_fail(a, -ENODATA, "no report was asked for when the sandbox was started");
	return write_report(a->kernel, a->fds[0]);
}
