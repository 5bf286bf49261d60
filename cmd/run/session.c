/* SPDX-License-Identifier: MIT */
/*
 * The loop of `picket run`. It ends when the sentry has told an exit status, or has died. The control socket is read to
 * its end before a death is believed, so that a status sent just before is not lost.
 */
#include "cmd/run/session.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/lib/terminal.h"
#include "net/err.h"
#include "sentry/control/config.h"

/* As docker: whoever asks this often means it. */
#define INTERRUPTS_TO_KILL 3

/* How long slirp4netns may take to set the network up, in ms. */
#define NETWORK_TIMEOUT 10000

/* How long the sentry may take to go after it has sent a status, in ms. */
#define GOODBYE_TIMEOUT 1000

struct progress {
	bool done;
	int status; /* for the shell */
	int interrupts;
};

int session_signals(void)
{
	/* Not forwarded: what cannot be caught, what a fault of ours raises, and what has no meaning across. */
	static const int ours[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGPIPE,
		SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGPROF, SIGVTALRM};
	sigset_t set;
	int fd;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		sigdelset(&set, ours[i]);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		complain(-1, "cannot receive signals: %s", strerror(errno));
	return fd;
}

static void tell(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct session *s, const char *fmt, ...)
{
	char text[64];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* A sentry that does not read is not waited for; one that is gone is noticed by the loop. */
	send(s->control, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void tell_size(struct session *s)
{
	unsigned int rows, cols;

	if (s->tty && terminal_size(s->tty_fd, &rows, &cols))
		tell(s, "winsize %u %u", rows, cols);
}

/* Ctrl-Z or kill -TSTP: the sandbox stops as a whole, with nothing of it reading the terminal; then we do. */
static void stop_job(struct session *s)
{
	terminal_restore();
	kill(s->sandbox->pid, SIGSTOP);
	raise(SIGSTOP);
	if (s->tty)
		terminal_raw_again();
	kill(s->sandbox->pid, SIGCONT);
	tell_size(s);
}

static void finish(struct progress *p, int status)
{
	if (!p->done)
		p->status = status;
	p->done = true;
}

static void interrupted(struct session *s, struct progress *p, int sig)
{
	tell(s, "signal %d", sig);
	if ((sig != SIGINT && sig != SIGTERM) || ++p->interrupts < INTERRUPTS_TO_KILL)
		return;
	terminal_restore();
	finish(p, complain(128 + sig, "ended by force after %d signals", p->interrupts));
}

/* How long to wait for the news that the sandbox ended, after slirp4netns failed, in ms. */
#define LAST_NEWS 50

/* slirp4netns cannot set up the network of a sandbox that failed to start: then the sandbox's own reason counts. */
static bool sandbox_ended(const struct session *s)
{
	struct pollfd end = {.fd = s->sandbox->pidfd, .events = POLLIN};

	return poll(&end, 1, LAST_NEWS) > 0;
}

/* slirp4netns has told how it went, or died, or takes too long: tell the sentry, which holds the first program until
 * then. */
static void network_settled(struct session *s, struct progress *p, bool late)
{
	struct slirp_options so = {0};
	char *err = NULL;

	if (late) {
		slirp_stop(s->slirp);
		err_set(&err, "slirp4netns did not set up the sandbox's network within %d s", NETWORK_TIMEOUT / 1000);
	} else if (slirp_wait_ready(s->slirp, &so, &err) == 0) {
		tell(s, "network up");
		return;
	}
	if (sandbox_ended(s)) {
		free(err);
		return;
	}
	terminal_restore();
	if (s->network_asked) {
		finish(p, complain(EXIT_PICKET, "%s; --network none runs without", err));
		sandbox_kill(s->sandbox);
	} else {
		warn("%s; the sandbox has no network", err);
		if (s->tty)
			terminal_raw_again();
		tell(s, "network none");
	}
	free(err);
}

/* Children that ended: slirp4netns only; the sentry is seen by its pidfd and reaped at the end. */
static void reap_network(struct session *s)
{
	/* Before it is ready its death is network_settled()'s. */
	if (s->slirp->pid > 0 && s->slirp->ready_fd < 0 && waitpid(s->slirp->pid, NULL, WNOHANG) == s->slirp->pid) {
		s->slirp->pid = 0;
		if (waitid(P_PID, (id_t)s->sandbox->pid, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT) == 0)
			warn("slirp4netns ended: the sandbox has no network any more");
	}
}

static void read_signals(struct session *s, struct progress *p, int fd)
{
	struct signalfd_siginfo si;

	while (read(fd, &si, sizeof(si)) == sizeof(si)) {
		int sig = (int)si.ssi_signo;

		if (sig == SIGCHLD)
			reap_network(s);
		else if (sig == SIGWINCH)
			tell_size(s);
		else if (sig == SIGTSTP)
			stop_job(s);
		else if (sig != SIGCONT)
			interrupted(s, p, sig);
	}
}

static int shell_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* The sentry is the guest's prisoner as much as its guard: what it says is checked too. */
static void read_message(struct progress *p, char *text)
{
	int status, at = 0;

	if (strcmp(text, "started") == 0)
		return;
	if (sscanf(text, "exit %d%n", &status, &at) == 1 && text[at] == '\0') {
		finish(p, shell_status(status));
	} else if (sscanf(text, "error %d %n", &status, &at) == 1 && status >= EXIT_PICKET &&
		   status <= EXIT_NOT_FOUND) {
		terminal_restore();
		finish(p, complain(status, "%s", text + at));
	}
}

/* False at end of file. */
static bool read_control(struct session *s, struct progress *p)
{
	char text[CONFIG_MESSAGE_MAX + 1];
	ssize_t n;

	while ((n = recv(s->control, text, CONFIG_MESSAGE_MAX, MSG_DONTWAIT)) > 0) {
		text[n] = '\0';
		read_message(p, text);
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Reap the sentry, by force if it does not go. Its death before a status is a failure of Picket's own. */
static void end_sentry(struct session *s, struct progress *p)
{
	struct pollfd pfd = {.fd = s->sandbox->pidfd, .events = POLLIN};
	siginfo_t si = {0};

	if (s->sandbox->pid <= 0)
		return; /* killed already, for a reason that was told */
	if (p->done)
		poll(&pfd, 1, p->interrupts >= INTERRUPTS_TO_KILL ? 0 : GOODBYE_TIMEOUT);
	if (waitid(P_PID, (id_t)s->sandbox->pid, &si, WEXITED | WNOWAIT | (p->done ? WNOHANG : 0)) == 0 && !p->done) {
		terminal_restore();
		if (si.si_code == CLD_EXITED)
			finish(p, complain(EXIT_PICKET, "the sandbox's sentry ended without a result (status %d)",
					  si.si_status));
		else
			finish(p, complain(EXIT_PICKET, "the sandbox's sentry was ended by signal %d (%s)",
					  si.si_status, strsignal(si.si_status)));
	}
	sandbox_kill(s->sandbox);
}

/*
 * End the network without waiting: closing its tap device takes the kernel several milliseconds, which are nobody's
 * business any more. Init reaps it.
 */
static void drop_network(struct session *s)
{
	if (s->slirp->pid <= 0)
		return;
	kill(s->slirp->pid, SIGKILL);
	if (s->slirp->exit_fd >= 0)
		close(s->slirp->exit_fd);
	*s->slirp = (struct slirp){.exit_fd = -1, .ready_fd = -1, .message_fd = -1};
}

static void snapd_gone(struct session *s, struct progress *p)
{
	terminal_restore();
	finish(p,
		complain(EXIT_PICKET, "picket-snapd, which serves the image's files, ended; the sandbox cannot go on"));
	sandbox_kill(s->sandbox);
}

int session_run(struct session *s, int signals)
{
	enum { SIGNALS, CONTROL, SENTRY, SNAPD, NETWORK, COUNT };
	struct pollfd fds[COUNT] = {
		[SIGNALS] = {.fd = signals, .events = POLLIN},
		[CONTROL] = {.fd = s->control, .events = POLLIN},
		[SENTRY] = {.fd = s->sandbox->pidfd, .events = POLLIN},
		[SNAPD] = {.fd = s->snapd, .events = POLLIN | POLLRDHUP},
		[NETWORK] = {.fd = s->slirp->pid > 0 ? s->slirp->ready_fd : -1, .events = POLLIN},
	};
	struct progress p = {0};

	while (!p.done) {
		int n = poll(fds, COUNT, fds[NETWORK].fd >= 0 ? NETWORK_TIMEOUT : -1);

		if (n < 0 && errno != EINTR)
			break;
		if (n < 0)
			continue;
		if (fds[NETWORK].revents || n == 0) {
			fds[NETWORK].fd = -1;
			network_settled(s, &p, n == 0);
		}
		if (!p.done && fds[SIGNALS].revents)
			read_signals(s, &p, signals);
		if (!p.done && fds[CONTROL].revents && !read_control(s, &p))
			fds[CONTROL].fd = -1;
		if (!p.done && fds[SENTRY].revents) {
			if (fds[CONTROL].fd >= 0)
				read_control(s, &p);
			break;
		}
		if (!p.done && (fds[SNAPD].revents & (POLLHUP | POLLRDHUP | POLLERR)))
			snapd_gone(s, &p);
	}
	terminal_restore();
	end_sentry(s, &p);
	drop_network(s);
	return p.status;
}
