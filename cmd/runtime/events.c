/* SPDX-License-Identifier: MIT */
/* `events`: what a container uses, once or again and again, and its ends by the memory limit: a line of JSON each, as runc's. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cmd/lib/jtext.h"
#include "cmd/runtime/cgroup/files.h"
#include "cmd/runtime/cgroup/stats.h"
#include "cmd/runtime/groups.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/state.h"

struct arguments {
	const char *interval;
	bool stats;
};

static const struct option_row options[] = {
	{OPTION_TEXT, "interval", 0, offsetof(struct arguments, interval), "time between two statistics: 5s, 500ms, 1m"},
	{OPTION_FLAG, "stats", 0, offsetof(struct arguments, stats), "statistics once, and no more"},
	{OPTION_END},
};

/* Go's form of a duration: numbers with units, one behind the other. In milliseconds; 0: it is none. */
static int64_t duration_ms(const char *s)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"ns", 1e-6}, {"us", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}};
	double sum = 0;

	while (*s) {
		char *end;
		double v = strtod(s, &end);
		size_t n = strspn(end, "numsh"), i = 0;

		while (i < sizeof(units) / sizeof(units[0]) && (strlen(units[i].name) != n || strncmp(units[i].name, end, n)))
			i++;
		if (end == s || i == sizeof(units) / sizeof(units[0]) || v < 0)
			return 0;
		sum += v * units[i].ms;
		s = end + n;
	}
	return sum > INT32_MAX ? INT32_MAX : (int64_t)sum;
}

static void begin(const struct container *c, const char *type)
{
	json_t *id = jtext(c->id);
	char *text = json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT);

	printf("{\"type\":\"%s\",\"id\":%s", type, text ? text : "\"\"");
	free(text);
	json_decref(id);
}

/* One that is frozen does not answer: without a group there is nothing to be said then. */
static int print_stats(const struct container *c, const struct cg *g)
{
	json_t *answer = NULL;
	int r = 0;

	if (g->version == CG_NONE)
		r = container_ask(c, json_pack("{s:s, s:s}", "do", "ask", "text", "stats"), NULL, 0, &answer);
	if (r < 0) {
		fail("statistics of container %s: %s", c->id, container_ask_error(r, answer));
		json_decref(answer);
		return -1;
	}
	begin(c, "stats");
	fputs(",\"data\":", stdout);
	if (g->version == CG_NONE)
		cg_stats_of_sentry(json_string_value(json_object_get(answer, "text")), stdout);
	else
		cg_stats_write(g, stdout);
	puts("}");
	fflush(stdout);
	json_decref(answer);
	return 0;
}

/* A descriptor that can be read when the kernel has ended a process of the group; -1: none. */
static int watch_oom(const struct cg *g)
{
	const char *dir = cg_dir(g, "memory");
	char path[4096];
	int fd, control;

	if (!dir)
		return -1;
	if (g->version == CG_V2) {
		fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		snprintf(path, sizeof(path), "%s/memory.events", dir);
		if (fd >= 0)
			inotify_add_watch(fd, path, IN_MODIFY);
		return fd;
	}
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	snprintf(path, sizeof(path), "%s/memory.oom_control", dir);
	control = open(path, O_RDONLY | O_CLOEXEC);
	/* The kernel wants the descriptor only while it is told. */
	if (fd < 0 || control < 0 || cg_write(g, "memory", "cgroup.event_control", NULL, "%d %d", fd, control) < 0) {
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	if (control >= 0)
		close(control);
	return fd;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until the container has ended. */
static void follow(const struct container *c, const struct cg *g, int64_t interval)
{
	int ended = (int)syscall(SYS_pidfd_open, c->pid, 0), oom = watch_oom(g);
	struct pollfd p[2] = {{.fd = ended, .events = POLLIN}, {.fd = oom, .events = POLLIN}};
	uint64_t kills = cg_oom_kills(g);
	int64_t next = now_ms() + interval;

	while (ended >= 0 && !p[0].revents) {
		int64_t t = now_ms();
		char drain[4096];

		if (poll(p, 2, next > t ? (int)(next - t) : 0) < 0 && errno != EINTR)
			break;
		if (oom >= 0)
			(void)!read(oom, drain, sizeof(drain));
		if (cg_oom_kills(g) > kills) {
			kills = cg_oom_kills(g);
			begin(c, "oom");
			puts("}");
			fflush(stdout);
		}
		if (now_ms() >= next && !p[0].revents) {
			next = now_ms() + interval;
			if (container_lives(c) && print_stats(c, g) < 0)
				log_forget(); /* it is ending, or frozen: the next time tells */
		}
	}
	if (ended >= 0)
		close(ended);
	if (oom >= 0)
		close(oom);
}

static int run_events(const struct runtime *rt, int argc, char **argv)
{
	struct arguments a = {.interval = "5s"};
	struct container c;
	struct cg g;
	int r = 0;

	if (options_words(options, &a, 1, 1, argc, argv) < 0)
		return 1;
	if (!duration_ms(a.interval))
		return fail("duration interval must be greater than 0"), 1;
	if (container_open(rt, argv[1], &c) < 0)
		return 1;
	group_of(&c, &g);
	if (!container_lives(&c))
		r = fail("container with id %s is not running", c.id);
	else if (a.stats)
		r = print_stats(&c, &g);
	else
		follow(&c, &g, duration_ms(a.interval));
	cg_free(&g);
	container_close(&c);
	return r < 0;
}

const struct verb verb_events = {"events", "[OPTIONS] ID", "what a container uses, and what ends for want of memory", run_events, options};
