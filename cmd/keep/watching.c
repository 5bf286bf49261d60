/* SPDX-License-Identifier: MIT */
/* What happens to the keeper while its sandbox runs: signals, and the deaths of those who serve it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/keep/keeper_priv.h"
#include "cmd/lib/message.h"
#include "net/err.h"

/* How long slirp4netns may take to set the network up, in ms. */
#define NETWORK_TIMEOUT 10000

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
		link_tell(&k->link, "network none");
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
			link_tell(&k->link, "network up");
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
	keeper_kill_later(k, (k->set.stop_timeout < 0 ? 10 : k->set.stop_timeout) * 1000);
}

static void signals_ready(void *arg, short revents)
{
	struct signalfd_siginfo si;
	struct keeper *k = arg;

	/* All that came is read, between two starts too: what stays makes poll(2) return at once, again and again. */
	while (read(k->signals.fd, &si, sizeof(si)) == sizeof(si)) {
		int sig = (int)si.ssi_signo;

		if (k->done && (sig == SIGCHLD || k->stdio == KEEPER_STDIO_OWN))
			continue;
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

	if (!link_read(&k->link))
		loop_unwatch(&k->loop, &k->control);
}

static void sentry_ended(void *arg, short revents)
{
	struct keeper *k = arg;

	if (k->control.slot)
		link_read(&k->link);
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

static void watch(struct keeper *k, struct watch *w, int fd, short events, void (*fn)(void *arg, short revents))
{
	*w = (struct watch){.fd = fd, .events = events, .fn = fn, .arg = k};
	if (fd >= 0)
		loop_watch(&k->loop, w);
}

void keeper_watch_signals(struct keeper *k, int fd)
{
	watch(k, &k->signals, fd, POLLIN, signals_ready);
}

void keeper_watch(struct keeper *k)
{
	struct run *r = k->run;

	k->link.owner = k;
	k->link.fd = r->control[0];
	watch(k, &k->control, r->control[0], POLLIN, control_ready);
	watch(k, &k->sentry, r->sandbox.pidfd, POLLIN, sentry_ended);
	watch(k, &k->snapd, r->snap_open ? r->snap.conn_fd : -1, POLLIN | POLLRDHUP, snapd_ready);
	watch(k, &k->network, r->slirp.pid > 0 ? r->slirp.ready_fd : -1, POLLIN, network_ready);
	if (k->network.fd >= 0) {
		k->network_timer = (struct timer){.fn = network_late, .arg = k};
		loop_timer(&k->loop, &k->network_timer, NETWORK_TIMEOUT);
	}
}

void keeper_unwatch(struct keeper *k)
{
	loop_unwatch(&k->loop, &k->control);
	loop_unwatch(&k->loop, &k->sentry);
	loop_unwatch(&k->loop, &k->snapd);
	loop_unwatch(&k->loop, &k->network);
	loop_untimer(&k->loop, &k->network_timer);
	loop_untimer(&k->loop, &k->kill_timer);
	loop_untimer(&k->loop, &k->timeout);
}
