/* SPDX-License-Identifier: MIT */
/*
 * The keeper. It goes through the sandbox's starts one by one: launch, serve until the sentry has told a status or has died,
 * clear away, and ask the restart policy. The control socket is read to its end before a death is believed, so that a
 * status sent just before is not lost.
 */
#include "cmd/keep/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/keep/execs.h"
#include "cmd/keep/keeper_priv.h"
#include "cmd/keep/requests.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"
#include "cmd/lib/when.h"
#include "cmd/run/report.h"
#include "cmd/run/net_options.h"

/* How long the sentry may take to go after it has sent a status, in ms. */
#define GOODBYE_TIMEOUT 1000

/* The log of a sandbox whose entry is in memory, in bytes. */
#define MEMORY_LOG_MAX (16 << 20)

/* ---- One start ---- */

/* Who has waited for the last end is not to end this start when his time is over. */
static void forget_timers(struct keeper *k)
{
	for (struct client *c = client_first(k); c; c = client_next(c))
		loop_untimer(&k->loop, &c->timer);
	loop_untimer(&k->loop, &k->kill_timer);
}

static void reap_old_network(struct keeper *k)
{
	while (k->old_network > 0 && waitpid(k->old_network, NULL, 0) < 0 && errno == EINTR)
		;
	k->old_network = 0;
}

static void begin(struct keeper *k)
{
	struct entry_state *s = &k->entry->state;
	int status = 0;

	k->done = k->gone = k->forced = k->paused = k->stopped = k->told_started = false;
	forget_timers(k);
	reap_old_network(k);
	k->interrupts = 0;
	k->ooms = 0;
	k->since = loop_now();
	k->life = LIFE_STARTING;
	if (k->stdio == KEEPER_STDIO_STREAM && stdio_open(k) < 0)
		status = EXIT_PICKET;
	if (status == 0 && k->starts++)
		status = run_load(k->run); /* it may have been renamed or changed; and paths of a command line may lead elsewhere */
	status = status ? status : run_launch(k->run);
	if (k->stdio == KEEPER_STDIO_STREAM && chdir("/") < 0)
		warn("cannot leave the working directory: %s", strerror(errno));
	if (status) {
		k->failed = true;
		k->forced = true; /* the sentry waits for what it will not be given */
		keeper_finish(k, status);
		return;
	}
	k->life = LIFE_RUNNING;
	keeper_watch(k);
	entry_keeper_is(k->entry, getpid());
	s->detached = k->detached;
	s->status = ENTRY_RUNNING;
	s->sentry = k->run->sandbox.pid;
	s->started = now_real();
	s->exit_code = 0;
	s->oom_killed = false;
	keeper_note(k);
	entry_unlock(k->entry);
	entry_sync_later(k->entry);
	if (k->set.timeout) {
		k->timeout = (struct timer){.fn = keeper_timed_out, .arg = k};
		loop_timer(&k->loop, &k->timeout, k->set.timeout / 1000000);
	}
}

/* Reap the sentry, by force if it does not go. Its death before a status is a failure of Picket's own. */
static void end_sentry(struct keeper *k)
{
	struct sandbox *sandbox = &k->run->sandbox;
	struct pollfd pfd = {.fd = sandbox->pidfd, .events = POLLIN};
	siginfo_t si = {0};

	if (sandbox->pid <= 0)
		return; /* killed already, for a reason that was told */
	if (k->done && !k->forced)
		poll(&pfd, 1, GOODBYE_TIMEOUT);
	if (!k->done && waitid(P_PID, (id_t)sandbox->pid, &si, WEXITED | WNOWAIT) == 0) {
		if (si.si_code == CLD_EXITED)
			keeper_finish(k,
				complain(EXIT_PICKET, "the sandbox's sentry ended without a result (status %d)",
					si.si_status));
		else if (si.si_status == SIGKILL && keeper_ran_out(k))
			keeper_finish(k, 128 + SIGKILL);
		else
			keeper_finish(k, complain(EXIT_PICKET, "the sandbox's sentry was ended by signal %d (%s)",
						 si.si_status, strsignal(si.si_status)));
	}
	sandbox_kill(sandbox);
}

/*
 * End the network without waiting: closing its tap device takes the kernel several milliseconds, which are nobody's
 * business any more. Init reaps it, or we do when there is another start. Published ports are waited for: whoever is told of
 * the end may start another sandbox that wants them.
 */
static void drop_network(struct keeper *k)
{
	struct slirp *s = &k->run->slirp;

	if (s->pid <= 0)
		return;
	if (k->run->ports.count) {
		slirp_stop(s);
		return;
	}
	kill(s->pid, SIGKILL);
	k->old_network = s->pid;
	if (s->exit_fd >= 0)
		close(s->exit_fd);
	*s = (struct slirp){.exit_fd = -1, .ready_fd = -1, .message_fd = -1};
}

/*
 * The entry of one that is dropped, in memory: it goes while the kernel still takes the sandbox's processes and namespaces down, which is nothing
 * that anybody could use again.
 */
static void drop_entry(struct keeper *k)
{
	char *err = NULL;

	serve_close(k);
	if (!k->failed)
		keeper_event(k, "die", "exitCode", k->status);
	entry_runtime_remove(k->entry);
	/* Somebody else who holds the lock (rm) does it himself. */
	if (entry_lock(k->entry, false, &err) == 0)
		entry_remove(k->entry, &err);
	free(err);
	k->dropped = true;
}

static void end(struct keeper *k)
{
	struct entry_state *s = &k->entry->state;

	keeper_unwatch(k);
	if (k->done && !k->forced && !k->again && k->stdio == KEEPER_STDIO_OWN && k->entry->temporary)
		drop_entry(k);
	end_sentry(k);
	drop_network(k);
	k->life = LIFE_WAITING;
	health_end(k);
	k->link.fd = -1;
	link_forget(&k->link);
	execs_end(k);
	if (k->stdio == KEEPER_STDIO_STREAM) {
		stdio_drain(k);
		stdio_close(k);
	}
	run_cleared(k->run);
	s->sentry = 0;
	s->exit_code = k->status;
	s->finished = now_real();
	free(s->error);
	s->error = k->error;
	k->error = NULL;
	if (!k->failed && !k->dropped)
		keeper_event(k, "die", "exitCode", k->status);
	if (k->stopped)
		keeper_event(k, "stop", NULL, 0);
	serve_tell(k, UNTIL_END);
}

/* ---- All starts ---- */

static void wait_over(void *arg)
{
	struct keeper *k = arg;

	k->waited = true;
}

/* Whether there is another start: asked for, or by the restart policy, whose pause is spent here. */
static bool another(struct keeper *k)
{
	struct timer timer = {.fn = wait_over, .arg = k};
	int64_t pause;

	if (!k->again) {
		pause = k->stopping || k->failed ? -1 : policy_pause(&k->set.policy, k->status, loop_now() - k->since);
		if (pause < 0)
			return false;
		k->entry->state.status = ENTRY_RESTARTING;
		k->entry->state.restarts++;
		keeper_note(k);
		k->waited = false;
		loop_timer(&k->loop, &timer, pause);
		while (!k->waited && !k->stopping)
			loop_once(&k->loop, -1);
		loop_untimer(&k->loop, &timer);
		if (k->stopping && !k->again)
			return false;
	}
	if (k->again)
		policy_reset(&k->set.policy);
	k->again = k->stopping = false;
	return true;
}

static void flush_streams(struct keeper *k)
{
	int64_t until = loop_now() + 5000000000;

	while (stream_lags(k, false) || (stream_lags(k, true) && loop_now() < until))
		loop_once(&k->loop, 100);
}

static void refuse_rest(struct keeper *k)
{
	struct client *c = client_first(k), *next;

	for (; c; c = next) {
		next = client_next(c);
		if (c->peer.waits && c->until != UNTIL_OVER)
			client_refuse(c, k->status,
				k->entry->state.error ? k->entry->state.error : "it has ended");
	}
}

/* The entry tells it first, then those who wait. */
static void over(struct keeper *k)
{
	char text[16], *err = NULL;

	k->life = LIFE_OVER;
	if (!k->dropped)
		serve_close(k);
	k->entry->state.status = k->failed && !k->entry->state.started ? ENTRY_CREATED : ENTRY_EXITED;
	k->entry->state.pid = 0;
	if (!k->dropped)
		entry_runtime_remove(k->entry);
	if (!k->entry->config.dropped)
		keeper_note(k);
	/* Somebody else who holds the lock (rm) does it himself. */
	else if (!k->dropped && entry_lock(k->entry, false, &err) == 0)
		entry_remove(k->entry, &err);
	free(err);
	if (k->entry->config.dropped)
		keeper_event(k, "destroy", NULL, 0);
	snprintf(text, sizeof(text), "%d", k->status);
	stream_all(k, false, STREAM_EXIT, text, strlen(text));
	serve_tell(k, UNTIL_OVER);
	refuse_rest(k);
	flush_streams(k);
}

/* What is complained of goes to the clients, and the last of it into the entry. */
static void heard(void *arg, bool warning, int status, const char *text)
{
	struct keeper *k = arg;
	char *line;

	if (warning) {
		stream_all(k, true, STREAM_WARNING, text, strlen(text));
		return;
	}
	free(k->error);
	k->error = xstrdup(text);
	line = xasprintf("%d %s", status, text);
	stream_all(k, false, STREAM_FAILURE, line, strlen(line));
	free(line);
}

/* Sandboxes that are dropped at their end and have a terminal are looked at, not read about. */
static int open_log(struct keeper *k)
{
	struct log_options log = k->set.log;

	if (k->stdio == KEEPER_STDIO_OWN || log.none || (k->entry->temporary && !k->detached))
		return 0;
	if (k->entry->temporary && !log.max_size)
		log.max_size = MEMORY_LOG_MAX;
	k->log = log_open(k->entry->dir, &log);
	return k->log ? 0 : -1;
}

int keeper_run(struct run *r, enum keeper_stdio stdio, int client, bool detached)
{
	struct keeper k = {.run = r,
		.entry = &r->entry,
		.stdio = stdio,
		.detached = detached,
		.server = {.loop = &k.loop,
			.owner = &k,
			.listener = {.fd = -1},
			.peer_size = sizeof(struct client),
			.request = request_received,
			.dropped = client_dropped},
		.control = {.fd = -1},
		.link = {.fd = -1, .said = keeper_hear},
		.in = {.fd = -1},
		.out = {{.watch = {.fd = -1}}, {.watch = {.fd = -1}}},
		.input_tail = &k.input};
	int signals = keeper_signals();

	keeper_watch_signals(&k, signals);
	if (client >= 0)
		stream_begin(client_add(&k, client), !detached, r->client_input, !detached);
	message_to(stdio == KEEPER_STDIO_STREAM ? heard : NULL, &k);
	if (signals < 0 || serve_open(&k) < 0 || keep_settings_read(r->o, &r->record, &k.set) < 0 ||
		open_log(&k) < 0) {
		k.failed = true;
		k.status = EXIT_PICKET;
	} else {
		do {
			begin(&k);
			while (!k.done && !k.gone)
				loop_once(&k.loop, -1);
			end(&k);
		} while (another(&k));
	}
	report_show(r->report_fd, r->o->report, REPORT_OF_KEEPER, k.status);
	over(&k);
	message_to(NULL, NULL);
	while (client_first(&k))
		client_drop(client_first(&k));
	if (k.log)
		log_close(k.log);
	loop_free(&k.loop);
	close(signals);
	return k.status;
}
