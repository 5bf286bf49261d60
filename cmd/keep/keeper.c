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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/keep/keeper_priv.h"
#include "cmd/keep/requests.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"
#include "cmd/run/report.h"
#include "cmd/run/net_options.h"
#include "net/err.h"

/* As docker: whoever asks this often means it. */
#define INTERRUPTS_TO_KILL 3

/* How long slirp4netns may take to set the network up, in ms. */
#define NETWORK_TIMEOUT 10000

/* How long the sentry may take to go after it has sent a status, in ms. */
#define GOODBYE_TIMEOUT 1000

/* How long the sentry may take to end the program after SIGKILL, in ms, before it is ended itself. */
#define KILL_GRACE 2000

/* The log of a sandbox whose entry is in memory, in bytes. */
#define MEMORY_LOG_MAX (16 << 20)

/* How long to wait for the news that the sandbox ended, after slirp4netns failed, in ms. */
#define LAST_NEWS 50

int keeper_signals(void)
{
	struct sigaction hup;
	/* Not forwarded: what cannot be caught, what a fault of ours raises, and what has no meaning across. */
	static const int ours[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGPIPE,
		SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGPROF, SIGVTALRM};
	sigset_t set;
	int fd;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		sigdelset(&set, ours[i]);
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler == SIG_IGN)
		sigdelset(&set, SIGHUP); /* nohup(1) */
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		complain(-1, "cannot receive signals: %s", strerror(errno));
	return fd;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Failures are ignored: a full disk must not end what runs. */
static void write_state(struct keeper *k)
{
	char *err = NULL;

	entry_write_state(k->entry, &err);
	free(err);
}

/* ---- How it ends ---- */

void keeper_finish(struct keeper *k, int status)
{
	if (!k->done)
		k->status = status;
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

void keeper_kill_soon(struct keeper *k)
{
	k->kill_timer.fn = kill_timeout;
	k->kill_timer.arg = k;
	loop_timer(&k->loop, &k->kill_timer, KILL_GRACE);
}

void keeper_stop(struct keeper *k, int sig)
{
	k->stopping = true;
	k->again = false;
	if (k->life != LIFE_RUNNING || k->done)
		return;
	if (k->paused)
		sentry_ask(k, "unpause", NULL, 0, keeper_unpaused, NULL);
	sentry_tell(k, "signal %d", sig ? sig : k->stop_signal);
}

void keeper_interrupted(struct keeper *k, int sig)
{
	sentry_tell(k, "signal %d", sig);
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
		sentry_tell(k, "winsize %u %u", rows, cols);
}

void keeper_detached(struct keeper *k)
{
	k->detached = true;
	k->entry->state.detached = true;
	write_state(k);
}

void keeper_paused(struct keeper *k, bool paused)
{
	if (k->paused == paused)
		return;
	k->paused = paused;
	k->entry->state.status = paused ? ENTRY_PAUSED : ENTRY_RUNNING;
	write_state(k);
	keeper_event(k, paused ? "pause" : "unpause", NULL, 0);
}

void keeper_unpaused(struct keeper *k, void *arg, bool ok, int error, const char *text)
{
	if (ok)
		keeper_paused(k, false);
}

void keeper_out_of_memory(struct keeper *k, const char *what)
{
	k->entry->state.oom_killed = true;
	keeper_event(k, "oom", NULL, 0);
}

int keeper_reload(struct keeper *k, char **err)
{
	int r = entry_reload(k->entry, err);

	if (r == 0 && run_load(k->run) != 0)
		r = -EUCLEAN;
	return r < 0 || policy_change(&k->policy, k->run->o->restart) == 0 ? r : -EINVAL;
}

void keeper_started(struct keeper *k)
{
	stream_all(k, false, STREAM_STARTED, "", 0);
	keeper_event(k, "start", NULL, 0);
	if (!k->again)
		serve_tell(k, UNTIL_RUNNING);
}

void keeper_event(struct keeper *k, const char *action, const char *key, int value)
{
}

/* ---- What happens meanwhile ---- */

/* slirp4netns cannot set up the network of a sandbox that failed to start: then the sandbox's own reason counts. */
static bool sandbox_ended(const struct keeper *k)
{
	struct pollfd end = {.fd = k->run->sandbox.pidfd, .events = POLLIN};

	return poll(&end, 1, LAST_NEWS) > 0;
}

static void network_failed(struct keeper *k, char *err)
{
	if (k->run->network_asked) {
		keeper_finish(k, complain(EXIT_PICKET, "%s; --network none runs without", err));
		k->forced = true;
	} else {
		warn("%s; the sandbox has no network", err);
		sentry_tell(k, "network none");
	}
}

/* slirp4netns has told how it went, or died, or takes too long: tell the sentry, which holds the first program until
 * then. */
static void network_settled(struct keeper *k, bool late)
{
	struct slirp_options so = {0};
	char *err = NULL;

	loop_unwatch(&k->loop, &k->network);
	loop_untimer(&k->loop, &k->network_timer);
	if (late) {
		slirp_stop(&k->run->slirp);
		err_set(&err, "slirp4netns did not set up the sandbox's network within %d s", NETWORK_TIMEOUT / 1000);
	} else if (slirp_wait_ready(&k->run->slirp, &so, &err) == 0) {
		if (net_publish(k->run, &err) == 0) {
			sentry_tell(k, "network up");
			return;
		}
		keeper_finish(k, complain(EXIT_PICKET, "%s", err));
		k->forced = true;
		free(err);
		return;
	}
	if (!sandbox_ended(k))
		network_failed(k, err);
	free(err);
}

static void network_ready(void *arg, short revents)
{
	network_settled(arg, false);
}

static void network_late(void *arg)
{
	network_settled(arg, true);
}

/* Children that ended: slirp4netns only; the sentry is seen by its pidfd and reaped at the end. */
static void reap_network(struct keeper *k)
{
	struct slirp *s = &k->run->slirp;

	/* Before it is ready its death is network_settled()'s. */
	if (s->pid > 0 && s->ready_fd < 0 && waitpid(s->pid, NULL, WNOHANG) == s->pid) {
		s->pid = 0;
		if (k->run->sandbox.pid > 0 &&
			waitid(P_PID, (id_t)k->run->sandbox.pid, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT) == 0)
			warn("slirp4netns ended: the sandbox has no network any more");
	}
}

/* Ctrl-Z or kill -TSTP at `picket run` itself: the sandbox stops as a whole; then we do. */
static void stop_job(struct keeper *k)
{
	keeper_pause_job(k, true);
	raise(SIGSTOP);
	keeper_pause_job(k, false);
}

/* Who ends the keeper (the machine goes down, the session ends) ends the sandbox. */
static void keeper_signalled(struct keeper *k, int sig)
{
	if (sig != SIGTERM && sig != SIGINT && sig != SIGHUP && sig != SIGPWR)
		return;
	keeper_stop(k, 0);
	k->kill_timer.fn = kill_timeout;
	k->kill_timer.arg = k;
	loop_timer(&k->loop, &k->kill_timer, (int64_t)k->stop_timeout * 1000);
}

static void signals_ready(void *arg, short revents)
{
	struct signalfd_siginfo si;
	struct keeper *k = arg;

	while (!k->done && read(k->signals.fd, &si, sizeof(si)) == sizeof(si)) {
		int sig = (int)si.ssi_signo;

		if (sig == SIGCHLD)
			reap_network(k);
		else if (k->stdio != KEEPER_STDIO_OWN)
			keeper_signalled(k, sig);
		else if (sig == SIGTSTP)
			stop_job(k);
		else if (sig != SIGCONT && sig != SIGWINCH)
			keeper_interrupted(k, sig);
	}
}

static void control_ready(void *arg, short revents)
{
	struct keeper *k = arg;

	if (!sentry_read(k))
		loop_unwatch(&k->loop, &k->control);
}

static void sentry_ended(void *arg, short revents)
{
	struct keeper *k = arg;

	if (k->control.slot)
		sentry_read(k);
	k->gone = true;
}

static void snapd_ready(void *arg, short revents)
{
	struct keeper *k = arg;

	if (!(revents & (POLLHUP | POLLRDHUP | POLLERR)) || k->done)
		return;
	k->forced = true;
	keeper_finish(k,
		complain(EXIT_PICKET, "picket-snapd, which serves the image's files, ended; the sandbox cannot go on"));
}

/* ---- One start ---- */

static void watch(struct keeper *k, struct watch *w, int fd, short events, void (*fn)(void *arg, short revents))
{
	*w = (struct watch){.fd = fd, .events = events, .fn = fn, .arg = k};
	if (fd >= 0)
		loop_watch(&k->loop, w);
}

static void watch_all(struct keeper *k)
{
	struct run *r = k->run;

	watch(k, &k->control, r->control[0], POLLIN, control_ready);
	watch(k, &k->sentry, r->sandbox.pidfd, POLLIN, sentry_ended);
	watch(k, &k->snapd, r->snap_open ? r->snap.conn_fd : -1, POLLIN | POLLRDHUP, snapd_ready);
	watch(k, &k->network, r->slirp.pid > 0 ? r->slirp.ready_fd : -1, POLLIN, network_ready);
	if (k->network.fd >= 0) {
		k->network_timer = (struct timer){.fn = network_late, .arg = k};
		loop_timer(&k->loop, &k->network_timer, NETWORK_TIMEOUT);
	}
}

static void unwatch_all(struct keeper *k)
{
	loop_unwatch(&k->loop, &k->control);
	loop_unwatch(&k->loop, &k->sentry);
	loop_unwatch(&k->loop, &k->snapd);
	loop_unwatch(&k->loop, &k->network);
	loop_untimer(&k->loop, &k->network_timer);
	loop_untimer(&k->loop, &k->kill_timer);
}

static void begin(struct keeper *k)
{
	struct entry_state *s = &k->entry->state;
	int status = 0;

	k->done = k->gone = k->forced = k->paused = false;
	k->interrupts = 0;
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
		keeper_finish(k, status);
		return;
	}
	k->life = LIFE_RUNNING;
	watch_all(k);
	entry_keeper_is(k->entry, getpid());
	s->detached = k->detached;
	s->status = ENTRY_RUNNING;
	s->sentry = k->run->sandbox.pid;
	s->started = now_ns();
	s->exit_code = 0;
	s->oom_killed = false;
	write_state(k);
	entry_unlock(k->entry);
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
		else
			keeper_finish(k, complain(EXIT_PICKET, "the sandbox's sentry was ended by signal %d (%s)",
						 si.si_status, strsignal(si.si_status)));
	}
	sandbox_kill(sandbox);
}

/*
 * End the network without waiting: closing its tap device takes the kernel several milliseconds, which are nobody's
 * business any more. Init reaps it, or we do when there is another start.
 */
static void drop_network(struct keeper *k)
{
	struct slirp *s = &k->run->slirp;

	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	if (s->exit_fd >= 0)
		close(s->exit_fd);
	*s = (struct slirp){.exit_fd = -1, .ready_fd = -1, .message_fd = -1};
}

static void end(struct keeper *k)
{
	struct entry_state *s = &k->entry->state;

	unwatch_all(k);
	end_sentry(k);
	drop_network(k);
	k->life = LIFE_WAITING;
	sentry_forget_questions(k);
	if (k->stdio == KEEPER_STDIO_STREAM) {
		stdio_drain(k);
		stdio_close(k);
	}
	run_cleared(k->run);
	s->sentry = 0;
	s->exit_code = k->status;
	s->finished = now_ns();
	free(s->error);
	s->error = k->error;
	k->error = NULL;
	if (!k->failed)
		keeper_event(k, "die", "exitCode", k->status);
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
		pause = k->stopping || k->failed ? -1 : policy_pause(&k->policy, k->status, loop_now() - k->since);
		if (pause < 0)
			return false;
		k->entry->state.status = ENTRY_RESTARTING;
		k->entry->state.restarts++;
		write_state(k);
		k->waited = false;
		loop_timer(&k->loop, &timer, pause);
		while (!k->waited && !k->stopping)
			loop_once(&k->loop, -1);
		loop_untimer(&k->loop, &timer);
		if (k->stopping && !k->again)
			return false;
	}
	if (k->again)
		policy_reset(&k->policy);
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
	struct client *c = k->clients, *next;

	for (; c; c = next) {
		next = c->next;
		if (c->kind == CLIENT_WAITS && c->until != UNTIL_OVER)
			client_refuse(c, k->status,
				k->entry->state.error ? k->entry->state.error : "it has ended");
	}
}

/* The entry tells it first, then those who wait. */
static void over(struct keeper *k)
{
	char text[16], *err = NULL;

	k->life = LIFE_OVER;
	serve_close(k);
	k->entry->state.status = k->failed && !k->entry->state.started ? ENTRY_CREATED : ENTRY_EXITED;
	k->entry->state.pid = 0;
	entry_runtime_remove(k->entry);
	if (!k->entry->config.dropped)
		write_state(k);
	/* Somebody else who holds the lock (rm) does it himself. */
	else if (entry_lock(k->entry, false, &err) == 0)
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
	const struct run_options *o = k->run->o;
	struct log_options log;

	if (log_options_parse(o->log_driver, &o->log_opts, &log) < 0)
		return -1;
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
		.listener = {.fd = -1},
		.control = {.fd = -1},
		.in = {.fd = -1},
		.out = {{.watch = {.fd = -1}}, {.watch = {.fd = -1}}},
		.input_tail = &k.input,
		.stop_signal = SIGTERM,
		.stop_timeout = 10};
	int signals = keeper_signals();

	watch(&k, &k.signals, signals, POLLIN, signals_ready);
	if (client >= 0)
		stream_begin(client_add(&k, client), !detached, r->client_input, !detached);
	message_to(stdio == KEEPER_STDIO_STREAM ? heard : NULL, &k);
	if (signals < 0 || serve_open(&k) < 0 || policy_parse(&k.policy, r->o->restart) < 0 ||
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
	while (k.clients)
		client_drop(k.clients);
	if (k.log)
		log_close(k.log);
	loop_free(&k.loop);
	close(signals);
	return k.status;
}
