/* SPDX-License-Identifier: MIT */
/* What is asked of a sandbox that runs, and what becomes known of it: its end, a pause, a new size of its terminal. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "cmd/keep/events.h"
#include "cmd/keep/keeper_priv.h"
#include "cmd/lib/message.h"

/* As docker: whoever asks this often means it. */
#define INTERRUPTS_TO_KILL 3

/* Of one start: a guest can make as many as it likes. */
#define OOM_EVENTS_MAX 100

/* How long the sentry may take to end the program after SIGKILL, in ms, before it is ended itself. */
#define KILL_GRACE 2000

void keeper_note(struct keeper *k)
{
	char *err = NULL;

	entry_write_state(k->entry, &err);
	free(err);
}

/* ---- How it ends ---- */

void keeper_finish(struct keeper *k, int status)
{
	if (!k->done)
		k->status = k->timed_out ? EXIT_TIMEOUT : status;
	k->done = true;
}

void keeper_kill(struct keeper *k)
{
	k->stopping = true;
	k->again = false;
	if (k->run->sandbox.pid > 0 && !k->done) {
		kill(k->run->sandbox.pid, SIGKILL);
		k->forced = true;
	}
	if (k->life == LIFE_RUNNING)
		keeper_finish(k, 128 + SIGKILL);
}

static void kill_timeout(void *arg)
{
	struct keeper *k = arg;

	if (k->life == LIFE_RUNNING && !k->done)
		keeper_kill(k);
}

void keeper_kill_later(struct keeper *k, int64_t ms)
{
	k->kill_timer.fn = kill_timeout;
	k->kill_timer.arg = k;
	loop_timer(&k->loop, &k->kill_timer, ms);
}

void keeper_kill_soon(struct keeper *k)
{
	keeper_kill_later(k, KILL_GRACE);
}

void keeper_timed_out(void *arg)
{
	struct keeper *k = arg;

	if (k->life != LIFE_RUNNING || k->done)
		return;
	complain(EXIT_TIMEOUT, "the program was ended after its --timeout of %s", k->run->o->timeout);
	k->timed_out = true;
	keeper_stop(k, 0);
	keeper_kill_later(k, k->set.stop_timeout < 0 ? KILL_GRACE : k->set.stop_timeout * 1000);
}

void keeper_stop(struct keeper *k, int sig)
{
	k->stopping = true;
	k->again = false;
	if (k->life != LIFE_RUNNING || k->done)
		return;
	if (k->paused)
		link_ask(&k->link, "unpause", NULL, 0, keeper_unpaused, NULL);
	k->stopped = true;
	sig = sig ? sig : k->set.stop_signal;
	link_tell(&k->link, "signal %d", sig);
	keeper_event(k, "kill", "signal", sig);
}

void keeper_interrupted(struct keeper *k, int sig)
{
	link_tell(&k->link, "signal %d", sig);
	if ((sig != SIGINT && sig != SIGTERM) || ++k->interrupts < INTERRUPTS_TO_KILL)
		return;
	k->stopping = true;
	k->forced = true;
	keeper_finish(k, complain(128 + sig, "ended by force after %d signals", k->interrupts));
}

void keeper_pause_job(struct keeper *k, bool stop)
{
	if (k->run->sandbox.pid > 0)
		kill(k->run->sandbox.pid, stop ? SIGSTOP : SIGCONT);
}

void keeper_winsize(struct keeper *k, unsigned int rows, unsigned int cols)
{
	k->run->rows = rows;
	k->run->cols = cols;
	if (k->run->o->tty)
		link_tell(&k->link, "winsize %u %u", rows, cols);
}

void keeper_detached(struct keeper *k)
{
	k->detached = true;
	k->entry->state.detached = true;
	keeper_note(k);
}

void keeper_paused(struct keeper *k, bool paused)
{
	if (k->paused == paused)
		return;
	k->paused = paused;
	k->entry->state.status = paused ? ENTRY_PAUSED : ENTRY_RUNNING;
	keeper_note(k);
	keeper_event(k, paused ? "pause" : "unpause", NULL, 0);
}

void keeper_unpaused(void *owner, void *arg, bool ok, int error, const char *text)
{
	if (ok)
		keeper_paused(owner, false);
}

void keeper_out_of_memory(struct keeper *k, const char *what)
{
	k->entry->state.oom_killed = true;
	if (k->ooms++ < OOM_EVENTS_MAX)
		keeper_event(k, "oom", NULL, 0);
}

/* A wrong option in config.json leaves all as it was. */
int keeper_reload(struct keeper *k, char **err)
{
	struct entry_state state = k->entry->state; /* what we know, not what was last written */
	struct policy old = k->set.policy;
	struct keep_settings new = {0};
	int r;

	k->entry->state = (struct entry_state){0};
	r = entry_reload(k->entry, err);
	free(k->entry->state.error);
	free(k->entry->state.runtime);
	k->entry->state = state;
	if (r == 0 && (run_load(k->run) != 0 || keep_settings_read(k->run->o, &k->run->record, &new) < 0))
		r = -EINVAL;
	if (r < 0) {
		str_list_free(&new.health.command);
		return r;
	}
	str_list_free(&k->set.health.command);
	k->set = new;
	k->set.policy.count = old.count;
	k->set.policy.pause = old.pause;
	return 0;
}

void keeper_started(struct keeper *k)
{
	/* Who asks after `run -d` has returned finds all of it. */
	health_begin(k);
	keeper_event(k, "start", NULL, 0);
	stream_all(k, false, STREAM_STARTED, "", 0);
	if (!k->again)
		serve_tell(k, UNTIL_RUNNING);
}

void keeper_event(struct keeper *k, const char *action, const char *key, int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	event_of(k->entry, action, key ? json_pack("{s:s}", key, text) : NULL);
}
