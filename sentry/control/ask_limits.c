/* SPDX-License-Identifier: MIT */
/* Verbs of the keeper about the sandbox as a whole: pause, unpause, stats, limits. */
#include "control/ask.h"
#include "control/control.h"
#include "control/limits.h"
#include "fs/procfs_internal.h"
#include "host/file.h"
#include "kernel/cputime.h"
#include "kernel/freezer.h"
#include "kernel/kernel_main.h"
#include "kernel/memory.h"
#include "kernel/quota.h"
#include "kernel/task.h"
#include "net/net.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_PATIENCE_NS 10000000000ll
#define NET_TEXT_MAX 16384

int ask_pause(struct ask *a)
{
	struct kernel *k = a->kernel;

	freezer_begin(k, FREEZE_PAUSE);
	if (freezer_wait(k, PAUSE_PATIENCE_NS) == 0)
		return 0;
	freezer_end(k, FREEZE_PAUSE);
	return ask_fail(a, -ETIMEDOUT, "not all of its processes could be stopped within 10 s");
}

int ask_unpause(struct ask *a)
{
	freezer_end(a->kernel, FREEZE_PAUSE);
	return 0;
}

/* Bytes through the interfaces of the sandbox but its loopback. */
static void net_bytes(struct kernel *k, uint64_t *rx, uint64_t *tx)
{
	char text[NET_TEXT_MAX], *line, *save = NULL;
	ssize_t n = -1;

	*rx = *tx = 0;
	for (size_t i = 0; k->config->network != CONFIG_NET_HOST && i < k->net->n_proc; i++)
		if (!strcmp(k->net->proc[i].name, "dev") && k->net->proc[i].fd >= 0)
			n = host_pread(k->net->proc[i].fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return;
	text[n] = 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char name[32];
		uint64_t in, out;

		if (sscanf(line, " %31[^: ]: %lu %*u %*u %*u %*u %*u %*u %*u %lu", name, &in, &out) != 3 || !strcmp(name, "lo"))
			continue;
		*rx += in;
		*tx += out;
	}
}

/* What the sentry, which does all their input and output, has moved from and to disks. */
static void disk_bytes(struct kernel *k, uint64_t *in, uint64_t *out)
{
	char text[1024], *p;
	ssize_t n;
	int fd;

	*in = *out = 0;
	if (k->proc_fd < 0)
		return;
	fd = host_open_beneath(k->proc_fd, "1/io", O_RDONLY, 0);
	if (fd < 0)
		return;
	n = host_pread(fd, text, sizeof(text) - 1, 0);
	host_close(fd);
	if (n <= 0)
		return;
	text[n] = 0;
	p = strstr(text, "\nread_bytes:");
	*in = p ? strtoull(p + strlen("\nread_bytes:"), NULL, 10) : 0;
	p = strstr(text, "\nwrite_bytes:");
	*out = p ? strtoull(p + strlen("\nwrite_bytes:"), NULL, 10) : 0;
}

void sandbox_stats(struct kernel *k, struct sandbox_stats *ret)
{
	struct proc_memory m;
	struct cpu_times cpu;

	proc_memory(k, &m);
	kernel_cpu_times(k, &cpu);
	*ret = (struct sandbox_stats){.memory = m.used * 1024, .user_ns = cpu.utime_ns, .system_ns = cpu.stime_ns};
	net_bytes(k, &ret->rx, &ret->tx);
	disk_bytes(k, &ret->read, &ret->written);
	lock_acquire(&k->tasklist_lock);
	ret->pids = k->n_tasks;
	lock_release(&k->tasklist_lock);
}

int ask_stats(struct ask *a)
{
	struct kernel *k = a->kernel;
	struct sandbox_stats s;
	struct quota_stat q;

	sandbox_stats(k, &s);
	quota_read(k, &q);
	ask_say(a,
		"memory=%lu cpu_ns=%lu user_ns=%lu system_ns=%lu pids=%u read=%lu written=%lu rx=%lu tx=%lu memory_limit=%lu "
		"memory_total=%lu pids_limit=%u cpus=%lu processors=%u throttled_ns=%lu oom_kills=%u",
		s.memory, s.user_ns + s.system_ns, s.user_ns, s.system_ns, s.pids, s.read, s.written, s.rx, s.tx, k->memory_limit,
		k->memory_total, k->max_tasks, q.limit_nano, k->n_cpus, q.throttled_ns, k->oom_kills);
	return 0;
}

/* "memory=BYTES pids=N cpus=BILLIONTHS", those that change; 0 is no limit (pids: the default stays the most there is). */
int ask_limits(struct ask *a)
{
	struct kernel *k = a->kernel;
	char *save = NULL;
	int r = 0;

	for (char *w = strtok_r(a->args, " ", &save); w && !r; w = strtok_r(NULL, " ", &save)) {
		unsigned long long v;
		char end;

		if (sscanf(w, "memory=%llu%c", &v, &end) == 1) {
			atomic_store(&k->memory_limit, v);
			r = memory_watch_start(k);
		} else if (sscanf(w, "pids=%llu%c", &v, &end) == 1) {
			lock_acquire(&k->tasklist_lock);
			k->max_tasks = v && v < PID_MAX ? (unsigned)v : PID_MAX;
			lock_release(&k->tasklist_lock);
		} else if (sscanf(w, "cpus=%llu%c", &v, &end) == 1) {
			r = quota_set(k, v);
		} else {
			return ask_fail(a, -EINVAL, "unknown limit \"%s\"", w);
		}
	}
	return r ? ask_fail(a, r, "cannot change the limits: %s", strerror(-r)) : 0;
}

void kernel_memory_over(struct kernel *k, bool over)
{
	control_send_text(k, over ? "memory over" : "memory under");
}

void kernel_oom(struct kernel *k, int pid, const char *comm)
{
	char text[64], name[TASK_COMM_LEN];
	size_t n = 0;

	for (; n + 1 < sizeof(name) && comm[n]; n++)
		name[n] = comm[n] > ' ' && comm[n] < 127 ? comm[n] : '?';
	name[n] = 0;
	snprintf(text, sizeof(text), "oom %d %s", pid, name);
	control_send_text(k, text);
}
