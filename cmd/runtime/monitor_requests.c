/* SPDX-License-Identifier: MIT */
/* What a monitor can be asked: the protocol of keepers (docs/sandboxes.md), and `start`. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/lib/packet.h"
#include "cmd/runtime/monitor_priv.h"
#include "cmd/runtime/state.h"
#include "rootless/procpid.h"

/* How long the sentry has to end by itself after SIGKILL, in ms. */
#define KILL_MS 2000

static struct monitor *monitor_of(const struct peer *p)
{
	return p->server->owner;
}

static void refuse(struct peer *p, const char *why)
{
	peer_refuse(p, EXIT_FAILED, why);
}

/* ---- start ---- */

void monitor_tell_starter(struct monitor *m)
{
	struct peer *p = m->starter;

	m->starter = NULL;
	if (!p)
		return;
	if (m->error)
		refuse(p, m->error);
	else
		peer_answer(p, json_object());
}

void monitor_dropped(struct peer *p)
{
	if (monitor_of(p)->starter == p)
		monitor_of(p)->starter = NULL;
}

/* A mark beside state.json, for all who ask for the status. */
static int mark(struct monitor *m, const char *name, bool set)
{
	int fd = set ? openat(m->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;

	if (!set)
		return unlinkat(m->dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static void do_start(struct peer *p, const json_t *request, const int *fds, size_t count)
{
	struct monitor *m = monitor_of(p);
	int r;

	if (m->started || m->birth >= 0 || m->status >= 0) {
		refuse(p, m->started ? "cannot start an already running container" : "cannot start a container that has stopped");
		return;
	}
	r = mark(m, CONTAINER_STARTED, true);
	if (r == 0 && !link_tell(&m->link, "go")) {
		mark(m, CONTAINER_STARTED, false);
		r = -EAGAIN;
	}
	if (r < 0) {
		refuse(p, strerror(-r));
		return;
	}
	m->started = true;
	m->starter = p;
	peer_wait(p);
}

/* ---- Signals ---- */

static void end_by_force(void *arg)
{
	struct monitor *m = arg;

	if (!m->gone)
		kill(m->sandbox.pid, SIGKILL);
}

static void unpaused(void *owner, void *arg, bool ok, int error, const char *text);

static void do_kill(struct peer *p, const json_t *request, const int *fds, size_t count)
{
	json_int_t sig = json_integer_value(json_object_get(request, "signal"));
	struct monitor *m = monitor_of(p);

	if (sig <= 0 || sig > SIGRTMAX) {
		refuse(p, "there is no such signal");
		return;
	}
	if (sig == SIGKILL) {
		if (m->paused)
			link_ask(&m->link, "unpause", NULL, 0, unpaused, NULL);
		/* From the first one on: who asks again and again is not to put the end off. */
		if (!m->ending) {
			m->kill_timer = (struct timer){.fn = end_by_force, .arg = m};
			loop_timer(&m->loop, &m->kill_timer, KILL_MS);
		}
		m->ending = true;
	}
	if (!link_tell(&m->link, json_is_true(json_object_get(request, "all")) ? "signal-all %d" : "signal %d", (int)sig) && sig != SIGKILL)
		refuse(p, "the sandbox does not answer");
	else
		peer_answer(p, json_object());
}

/* ---- What the sentry does ---- */

/* Answer who asked, if he still waits. */
static void pass_answer(void *owner, void *arg, bool ok, int error, const char *text)
{
	struct monitor *m = owner;
	struct peer *p = arg ? peer_find(&m->server, (uintptr_t)arg) : NULL;
	json_t *answer;

	if (!p)
		return;
	if (!ok) {
		peer_refuse(p, error == EAGAIN ? ASK_AGAIN : EXIT_FAILED, text);
		return;
	}
	answer = json_pack("{s:s}", "text", text);
	peer_answer(p, answer ? answer : json_object());
}

static void *as_asker(struct peer *p)
{
	peer_wait(p);
	return (void *)(uintptr_t)p->serial;
}

static void paused(void *owner, void *arg, bool ok, int error, const char *text)
{
	struct monitor *m = owner;

	if (ok) {
		m->paused = true;
		mark(m, CONTAINER_PAUSED_MARK, true);
	}
	if (ok && m->ending) /* SIGKILL came first */
		link_ask(&m->link, "unpause", NULL, 0, unpaused, NULL);
	pass_answer(owner, arg, ok, error, text);
}

static void unpaused(void *owner, void *arg, bool ok, int error, const char *text)
{
	struct monitor *m = owner;

	if (ok) {
		m->paused = false;
		mark(m, CONTAINER_PAUSED_MARK, false);
	}
	pass_answer(owner, arg, ok, error, text);
}

static void do_pause(struct peer *p, const json_t *request, const int *fds, size_t count)
{
	struct monitor *m = monitor_of(p);

	if (!m->running || m->paused)
		refuse(p, m->paused ? "container is paused already" : "container not running");
	else
		link_ask(&m->link, "pause", NULL, 0, paused, as_asker(p));
}

static void do_unpause(struct peer *p, const json_t *request, const int *fds, size_t count)
{
	struct monitor *m = monitor_of(p);

	if (!m->paused)
		refuse(p, "container not paused");
	else
		link_ask(&m->link, "unpause", NULL, 0, unpaused, as_asker(p));
}

/* Also before the start: engines and hooks put programs into a container that was only created. */
static void do_exec(struct peer *p, const json_t *request, const int *fds, size_t count)
{
	struct monitor *m = monitor_of(p);

	if (m->paused)
		refuse(p, "cannot exec in a paused container");
	else
		link_ask(&m->link, "exec", fds, count, pass_answer, as_asker(p));
}

static void do_ask(struct peer *p, const json_t *request, const int *fds, size_t count)
{
	const char *text = json_string_value(json_object_get(request, "text"));

	if (!text)
		refuse(p, "the request says nothing to ask");
	else
		link_ask(&monitor_of(p)->link, text, fds, count, pass_answer, as_asker(p));
}

static void do_state(struct peer *p, const json_t *request, const int *fds, size_t count)
{
	struct monitor *m = monitor_of(p);

	peer_answer(p, json_pack("{s:b, s:b, s:i}", "started", (int)m->started, "paused", (int)m->paused, "sentry",
			       (int)proc_pid_of(m->sandbox.pidfd, m->sandbox.pid)));
}

static const struct {
	const char *name;
	void (*fn)(struct peer *p, const json_t *request, const int *fds, size_t count);
} requests[] = {
	{"state", do_state},
	{"start", do_start},
	{"kill", do_kill},
	{"pause", do_pause},
	{"unpause", do_unpause},
	{"exec", do_exec},
	{"ask", do_ask},
};

void monitor_request(struct peer *p, const json_t *request, const int *fds, size_t count)
{
	const char *name = json_string_value(json_object_get(request, "do"));

	/* A zombie takes signals. It is one until its monitor has ended, and to callers it runs until then. */
	if (monitor_of(p)->status >= 0 && name && strcmp(name, "kill") == 0) {
		peer_answer(p, json_object());
		return;
	}
	if (monitor_of(p)->status >= 0) {
		refuse(p, "container not running");
		return;
	}
	for (size_t i = 0; name && i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(requests[i].name, name) == 0) {
			requests[i].fn(p, request, fds, count);
			return;
		}
	}
	peer_refuse(p, EXIT_PICKET, "this monitor does not know the request; it may be of another version of Picket");
}
