/* SPDX-License-Identifier: MIT */
/*
 * The memory limit of a container with a control group. The group's limit is above the container's, for the sentry, and callers look at the group to learn
 * that memory ran out. So the sentry, which knows what is the guest's, only tells when that is too much; then the group may not grow any more, and the
 * host's kernel ends a process of it and counts that, until it is less. docs/limits.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/str.h"
#include "cmd/runtime/cgroup/files.h"
#include "cmd/runtime/groups.h"
#include "cmd/runtime/monitor_priv.h"
#include "cmd/runtime/spec/spec.h"
#include "rootless/procpid.h"

#define TRIES 5
#define SLACK (256u << 10) /* what the sentry may still need */
#define SENTRY_LESS 500	   /* of oom_score_adj: so much of the limit a process of the guest may be smaller, and is ended first */
#define SENTRY_LEAST (-998)
#define STUBS_MORE 200
#define ADJ_MIN (-1000)
#define ADJ_MAX 1000

static const char *max_file(const struct cg *g)
{
	return g->version == CG_V2 ? "memory.max" : "memory.limit_in_bytes";
}

/* What is in use, without files that can be read again. */
static uint64_t firm(const struct cg *g)
{
	bool v2 = g->version == CG_V2;
	char *stat = cg_read(g, "memory", "memory.stat");
	uint64_t used = 0, files = cg_keyed(stat, v2 ? "active_file" : "total_active_file") + cg_keyed(stat, v2 ? "inactive_file" : "total_inactive_file");

	cg_read_number(g, "memory", v2 ? "memory.current" : "memory.usage_in_bytes", &used);
	free(stat);
	return used > files ? used - files : used;
}

/* No more than now. On v1 less than what is in use is refused, and it may grow meanwhile. */
static void hold(struct monitor *m)
{
	const struct cg *g = &m->group;
	uint64_t max, now;

	if (m->memory_max || !cg_read_number(g, "memory", max_file(g), &max))
		return;
	for (int i = 1; i <= TRIES; i++) {
		now = (firm(g) + i * SLACK) & ~(uint64_t)4095;
		if (now >= max)
			return;
		m->memory_max = max;
		m->memory_held = now;
		if (cg_write(g, "memory", max_file(g), NULL, "%" PRIu64, now) != -EBUSY)
			return;
	}
}

/* As before, if nobody has changed it meanwhile. */
static void release(struct monitor *m)
{
	const struct cg *g = &m->group;
	uint64_t now;

	if (m->memory_max && cg_read_number(g, "memory", max_file(g), &now) && now == m->memory_held) {
		if (m->memory_max == UINT64_MAX)
			cg_write(g, "memory", max_file(g), NULL, "max");
		else
			cg_write(g, "memory", max_file(g), NULL, "%" PRIu64, m->memory_max);
	}
	m->memory_max = 0;
}

void monitor_memory(struct monitor *m, bool over)
{
	if (over)
		hold(m);
	else
		release(m);
}

/* -1001: it cannot be read. */
static int read_adj(pid_t pid)
{
	char path[64], text[16] = "";
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? atoi(text) : ADJ_MIN - 1;
	if (fd >= 0)
		close(fd);
	return n;
}

static bool write_adj(pid_t pid, int v)
{
	char path[64];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && dprintf(fd, "%d", v) > 0;
	if (fd >= 0)
		close(fd);
	return done;
}

/* Without the right to go lower than where we are, it is the stubs that go higher. */
const char *monitor_oom_adj(const struct monitor *m)
{
	const struct spec_process *p = &m->o->spec->process;
	int own = read_adj(proc_pid_self()), want = p->oom_given ? p->oom_score_adj : own < ADJ_MIN ? 0 : own;
	bool free = own > ADJ_MIN && write_adj(proc_pid_self(), own - 1);
	static char text[16];

	if (free)
		write_adj(proc_pid_self(), own);
	else if (own >= ADJ_MIN && want < own + STUBS_MORE)
		want = own + STUBS_MORE > ADJ_MAX ? ADJ_MAX : own + STUBS_MORE;
	snprintf(text, sizeof(text), "%d", want);
	return text;
}

void monitor_guard(struct monitor *m)
{
	pid_t sentry = proc_pid_of(m->sandbox.pidfd, m->sandbox.pid);
	int now = read_adj(sentry), less = now - SENTRY_LESS, own = read_adj(proc_pid_self());

	if (now < SENTRY_LEAST || write_adj(sentry, less < SENTRY_LEAST ? SENTRY_LEAST : less))
		return;
	if (own >= ADJ_MIN && own < now)
		write_adj(sentry, own);
}
