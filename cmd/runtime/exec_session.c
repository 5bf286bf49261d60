/* SPDX-License-Identifier: MIT */
/* `exec`: the monitor of one process: a session of the sentry (docs/sandboxes.md), its terminal, its signals, its end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/lib/link.h"
#include "cmd/lib/message.h"
#include "cmd/lib/packet.h"
#include "cmd/lib/terminal.h"
#include "cmd/run/launch.h"
#include "cmd/runtime/confine.h"
#include "cmd/runtime/console.h"
#include "cmd/runtime/exec.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/signals.h"
#include "cmd/runtime/spec/spec.h"
#include "cmd/runtime/state.h"

/* A container that is being started answers that it is too early: in ms, and how often it is asked. */
#define START_TRY 10
#define START_TRIES 500

/* More than descriptors one message carries, less what a session has by itself. */
#define PRESERVE_MAX 8

struct session {
	const struct container *c;
	struct launch launch;
	int sock;     /* of the session */
	int terminal; /* the host's, which the process's is relayed to; -1: none */
	bool own;     /* it is the caller's, raw now */
	int signals;
};

/* ---- What is asked for ---- */

static int open_terminal(struct session *s, const struct spec_process *p, int console)
{
	if (console >= 0) {
		s->terminal = console_make(console, p->rows, p->cols);
		return s->terminal < 0 ? -1 : 0;
	}
	s->own = true;
	s->terminal = terminal_own(isatty(STDIN_FILENO) ? STDIN_FILENO : STDOUT_FILENO);
	return s->terminal < 0 ? fail("the process is to have a terminal: --console-socket, or a terminal as standard input") : 0;
}

static void lend_stdio(struct session *s, int preserve)
{
	struct launch *l = &s->launch;
	char number[16];

	launch_record(l, CONFIG_STDIO, launch_lend(l, STDIN_FILENO), launch_lend(l, STDOUT_FILENO), launch_lend(l, STDERR_FILENO));
	for (int i = 0; i < preserve; i++) {
		snprintf(number, sizeof(number), "%d", 3 + i);
		launch_record(l, CONFIG_FD, number, launch_lend(l, 3 + i));
	}
}

static int write_session(struct session *s, const struct exec_arguments *a, const struct spec_process *p, int console)
{
	char *err = NULL;

	s->launch = (struct launch){.by_place = true};
	launch_record(&s->launch, CONFIG_VERSION, CONFIG_FORMAT);
	if (spec_launch_process(p, &s->launch, &err) < 0) {
		fail("%s", err ? err : "out of memory");
		free(err);
		return -1;
	}
	if (!p->terminal) {
		lend_stdio(s, a->preserve_fds);
	} else {
		if (open_terminal(s, p, console) < 0)
			return -1;
		console_records(&s->launch, s->terminal, p->rows, p->cols, !s->own);
	}
	return s->launch.len > CONFIG_SIZE_MAX ? fail("the arguments and variables are too long: %zu bytes, %u are possible", s->launch.len,
							 CONFIG_SIZE_MAX)
					       : 0;
}

/* ---- Asking ---- */

static int ask(struct session *s, const int *fds, size_t count)
{
	json_t *answer = NULL;
	int r;

	for (int tries = 0;; tries++) {
		r = container_ask(s->c, json_pack("{s:s}", "do", "exec"), fds, count, &answer);
		if (r != -EREMOTEIO || tries == START_TRIES || json_integer_value(json_object_get(answer, "status")) != ASK_AGAIN)
			break;
		json_decref(answer);
		answer = NULL;
		poll(NULL, 0, START_TRY);
	}
	if (r == -ESRCH)
		fail("container not running: %s", s->c->id);
	else if (r < 0)
		fail("%s", container_ask_error(r, answer));
	json_decref(answer);
	return r < 0 ? -1 : 0;
}

static int open_session(struct session *s)
{
	int fds[ASK_FDS_MAX], ends[2], config = launch_finish(&s->launch), r;

	if (config < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return fail("cannot prepare the session: %s", strerror(errno));
	fds[0] = ends[1];
	fds[1] = config;
	for (size_t i = 0; i < s->launch.fd_count; i++)
		fds[2 + i] = s->launch.fds[i];
	s->sock = ends[0];
	r = ask(s, fds, s->launch.fd_count + 2);
	close(ends[1]);
	close(config);
	launch_free(&s->launch);
	return r;
}

/* ---- Living ---- */

static void tell(struct session *s, const char *text)
{
	/* A sentry that does not read is not waited for. */
	send(s->sock, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void pass_signals(struct session *s)
{
	struct signalfd_siginfo si;
	char text[CONSOLE_TEXT];

	while (read(s->signals, &si, sizeof(si)) == sizeof(si)) {
		int sig = (int)si.ssi_signo;

		if (!console_signal_text(s->terminal, sig, text))
			snprintf(text, sizeof(text), "signal %d", sig);
		tell(s, text);
	}
}

/* One message. -2: nothing has come out yet. */
static int hear(struct session *s, bool *running)
{
	char text[CONFIG_MESSAGE_MAX + 1];
	ssize_t n = packet_receive(s->sock, text, CONFIG_MESSAGE_MAX, NULL, NULL, MSG_DONTWAIT);
	int status, at = 0;

	if (n == -EAGAIN || n == -EINTR || n == -EMSGSIZE)
		return -2;
	if (n <= 0) { /* the container has ended, and all in it */
		if (*running)
			return 128 + SIGKILL;
		return fail("container not running: %s", s->c->id);
	}
	text[n] = '\0';
	if (strncmp(text, "started ", 8) == 0)
		*running = true;
	else if (sscanf(text, "exit %d%n", &status, &at) == 1 && text[at] == '\0')
		return *running ? shell_status(status) : fail("container not running: %s", s->c->id);
	else if (sscanf(text, "error %d %n", &status, &at) == 1 && at)
		return fail("%s", text + at);
	return -2;
}

static int live(struct session *s, bool (*started)(void *arg), void *arg)
{
	bool running = false, told = false;
	int status = -2;

	while (status == -2) {
		struct pollfd fds[] = {{.fd = s->sock, .events = POLLIN}, {.fd = s->signals, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			pass_signals(s);
		if (fds[0].revents)
			status = hear(s, &running);
		if (running && !told) {
			told = true;
			if (!started(arg))
				return -1;
			confine(-1, NULL, 0);
		}
	}
	return status;
}

/* The program has its copies: whoever reads what it writes is to see its end, not ours. */
static void leave_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
}

int exec_session(const struct container *c, const struct exec_arguments *a, const struct spec_process *p, int console,
	bool (*started)(void *arg), void *arg)
{
	struct session s = {.c = c, .sock = -1, .terminal = -1};
	int status = -1;

	if (a->preserve_fds > PRESERVE_MAX)
		return fail("--preserve-fds: at most %d descriptors, not %d", PRESERVE_MAX, a->preserve_fds);
	s.signals = signals_receive();
	if (s.signals >= 0 && write_session(&s, a, p, console) == 0 && open_session(&s) == 0) {
		if (a->detach)
			leave_stdio();
		if (s.own)
			terminal_raw(s.terminal);
		status = live(&s, started, arg);
		terminal_restore();
		if (!s.own)
			console_leave(s.terminal);
	}
	launch_free(&s.launch);
	return status;
}
