/* SPDX-License-Identifier: MIT */
/*
 * picket exec: a process in a running sandbox. Without a terminal of its own it has our own descriptors, but never our
 * terminal: what the process leaves behind would read on what the user types when we have long ended. Then, and with one
 * of its own, bytes go through us; with one we look for the detach keys.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/keep/attach.h"
#include "cmd/keep/keeper.h"
#include "cmd/lib/keys.h"
#include "cmd/lib/message.h"
#include "cmd/lib/terminal.h"
#include "cmd/run/environment.h"
#include "cmd/sandbox/session.h"

/* As docker: whoever asks this often means it. */
#define INTERRUPTS_TO_KILL 3

#define PIECE 16384

/* As much of the command as the keeper is told, in bytes. */
#define COMMAND_MAX 1024
/* No pipe holds more, in bytes. */
#define PIPE_SIZE_MAX (1 << 20)

/* How long the last output of an ended process may take to come, in ms. */
#define LAST_OUTPUT 2000

/* Between our terminal and a pipe of the process's; descriptors are -1 when it has ended or is not needed. */
struct flow {
	int from, to;
	char buf[PIECE];
	size_t at, len;
};

struct exec {
	const struct exec_options *o;
	struct entry entry;
	struct launch launch;
	char *command; /* for events: its words, cut */
	int sock;  /* the session */
	int tty;   /* our terminal; -1: the process has none */
	int relay; /* to the process's terminal */
	struct keys keys;
	bool input_ended, done;
	bool left; /* what the process writes still is not waited for */
	int status;
	int interrupts;
	char out[PIECE]; /* from the process, for standard output */
	size_t out_at, out_len;
	char in[PIECE + DETACH_KEYS_MAX]; /* typed, for the process */
	size_t in_at, in_len;
	struct flow flows[3]; /* by our descriptor */
};

/* ---- The request ---- */

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The descriptor for the process: ours, or a pipe in place of our terminal. */
static const char *lent(struct exec *x, int fd)
{
	struct flow *f = &x->flows[fd];
	int ends[2];

	if (!is_open(fd))
		return "-1";
	if (!isatty(fd) || pipe2(ends, O_CLOEXEC) < 0)
		return isatty(fd) ? "-1" : launch_lend(&x->launch, fd);
	*(fd == STDIN_FILENO ? &f->to : &f->from) = ends[fd == STDIN_FILENO];
	*(fd == STDIN_FILENO ? &f->from : &f->to) = fd;
	fcntl(ends[fd == STDIN_FILENO], F_SETFL, O_NONBLOCK);
	return launch_give(&x->launch, ends[fd != STDIN_FILENO]);
}

static int write_stdio(struct exec *x)
{
	const char *in = x->o->interactive && !x->o->detach ? NULL : "-1", *both;
	unsigned int rows, cols;
	char text[2][16];
	int ends[2];

	if (x->o->detach) {
		launch_record(&x->launch, CONFIG_STDIO, "-1", "-1", "-1");
		return 0;
	}
	if (x->tty < 0) {
		launch_record(&x->launch, CONFIG_STDIO, in ? in : lent(x, STDIN_FILENO), lent(x, STDOUT_FILENO),
			lent(x, STDERR_FILENO));
		return 0;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return complain(EXIT_PICKET, "cannot prepare the terminal: %s", strerror(errno));
	x->relay = ends[0];
	both = launch_give(&x->launch, ends[1]);
	launch_record(&x->launch, CONFIG_STDIO, in ? in : both, both, "-1");
	terminal_size(x->tty, &rows, &cols);
	snprintf(text[0], sizeof(text[0]), "%u", rows);
	snprintf(text[1], sizeof(text[1]), "%u", cols);
	launch_record(&x->launch, CONFIG_TTY, text[0], text[1], terminal_is_utf8(x->tty) ? "1" : "0");
	return 0;
}

static int write_environment(struct exec *x)
{
	struct str_list env = {0};
	int status;

	if (x->tty >= 0)
		str_list_add(&env, xstrdup("TERM=xterm"));
	status = read_environment(&env, &x->o->env_files, &x->o->env, true);
	for (size_t i = 0; !status && i < env.count; i++)
		launch_record(&x->launch, CONFIG_ENV, env.items[i]);
	/* What we do not have either is taken away from the process, as docker does. */
	for (size_t i = 0; !status && i < x->o->env.count; i++)
		if (!strchr(x->o->env.items[i], '=') && !getenv(x->o->env.items[i]))
			launch_record(&x->launch, CONFIG_ENV, x->o->env.items[i]);
	str_list_free(&env);
	return status;
}

static char *words(int argc, char **argv)
{
	char *all = xstrdup("");

	for (int i = 0; i < argc && strlen(all) < COMMAND_MAX; i++) {
		char *more = xasprintf("%s%s%.*s", all, i ? " " : "", COMMAND_MAX, argv[i]);

		free(all);
		all = more;
	}
	return all;
}

static int write_session(struct exec *x, int argc, char **argv)
{
	int status;

	session_begin(&x->launch);
	for (int i = 0; i < argc; i++)
		launch_record(&x->launch, CONFIG_ARG, argv[i]);
	x->command = words(argc, argv);
	if (x->o->workdir)
		launch_record(&x->launch, CONFIG_CWD, x->o->workdir);
	if (x->o->user)
		launch_record(&x->launch, CONFIG_USER, x->o->user);
	status = write_environment(x);
	status = status ? status : write_stdio(x);
	if (!status && x->launch.len > CONFIG_SIZE_MAX)
		status = complain(EXIT_PICKET, "the arguments and variables are too long: %zu bytes, %u are possible",
			x->launch.len, CONFIG_SIZE_MAX);
	return status;
}

static int check_options(struct exec *x)
{
	const struct exec_options *o = x->o;
	int count;

	if (o->workdir && o->workdir[0] != '/')
		return complain(
			EXIT_PICKET, "the working directory inside must be an absolute path, not \"%s\"", o->workdir);
	if (o->detach || !o->tty)
		return 0;
	if (o->interactive && !isatty(STDIN_FILENO))
		return complain(EXIT_PICKET, "the input is not a terminal: leave out -t");
	if (!o->interactive && !isatty(STDOUT_FILENO))
		return complain(EXIT_PICKET, "the output is not a terminal: leave out -t");
	count = detach_keys(o->detach_keys, x->keys.keys);
	if (count < 0)
		return EXIT_PICKET;
	x->keys.count = (size_t)count;
	x->tty = o->interactive ? STDIN_FILENO : STDOUT_FILENO;
	return 0;
}

/* ---- Signals ---- */

static void tell_size(struct exec *x)
{
	unsigned int rows, cols;
	char text[40];

	if (x->tty < 0 || !terminal_size(x->tty, &rows, &cols))
		return;
	send(x->sock, text, (size_t)snprintf(text, sizeof(text), "winsize %u %u", rows, cols),
		MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void stop_job(struct exec *x)
{
	terminal_restore();
	session_signal(x->sock, SIGTSTP);
	raise(SIGSTOP);
	if (x->tty >= 0 && x->o->interactive)
		terminal_raw_again();
	session_signal(x->sock, SIGCONT);
	tell_size(x);
}

static void finish(struct exec *x, int status)
{
	x->status = status;
	x->done = true;
}

static void interrupted(struct exec *x, int sig)
{
	session_signal(x->sock, sig);
	if (sig == SIGHUP) {
		x->left = true;
		finish(x, 128 + sig);
	}
	if ((sig != SIGINT && sig != SIGTERM) || ++x->interrupts < INTERRUPTS_TO_KILL)
		return;
	session_signal(x->sock, SIGKILL);
	terminal_restore();
	x->left = true;
	finish(x, complain(128 + sig, "ended by force after %d signals", x->interrupts));
}

static void read_signals(struct exec *x, int fd)
{
	struct signalfd_siginfo si;

	while (!x->done && read(fd, &si, sizeof(si)) == sizeof(si)) {
		int sig = (int)si.ssi_signo;

		if (sig == SIGWINCH)
			tell_size(x);
		else if (sig == SIGTSTP)
			stop_job(x);
		else if (sig != SIGCONT && sig != SIGCHLD)
			interrupted(x, sig);
	}
}

/* ---- Bytes of a terminal ---- */

static void read_typed(struct exec *x)
{
	char typed[PIECE];
	ssize_t n = read(STDIN_FILENO, typed, sizeof(typed));
	bool found;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		x->input_ended = true;
		shutdown(x->relay, SHUT_WR);
		return;
	}
	x->in_at = 0;
	x->in_len = keys_filter(&x->keys, typed, (size_t)n, x->in, &found);
	if (!found)
		return;
	/* The process goes on without us: its terminal is hung up, as docker does not do, whose daemon holds it. */
	terminal_restore();
	x->left = true;
	finish(x, 0);
}

/* Move what is there. False: the other end is closed. */
static bool pass(int fd, const char *buf, size_t *at, size_t *len)
{
	ssize_t n = write(fd, buf + *at, *len);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	*at += (size_t)n;
	*len -= (size_t)n;
	return true;
}

/* False at its end. */
static bool read_output(struct exec *x)
{
	ssize_t n = read(x->relay, x->out, sizeof(x->out));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	x->out_at = 0;
	x->out_len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* After the end: what is on the way still. */
static void drain(struct exec *x)
{
	struct pollfd p = {.fd = x->relay, .events = POLLIN};

	while (x->relay >= 0) {
		while (x->out_len)
			if (!pass(STDOUT_FILENO, x->out, &x->out_at, &x->out_len))
				return;
		if (poll(&p, 1, LAST_OUTPUT) <= 0 || !read_output(x))
			return;
	}
}

/* ---- Bytes between our terminal and pipes ---- */

static void flow_close(struct flow *f)
{
	if (f->from > STDERR_FILENO)
		close(f->from);
	if (f->to > STDERR_FILENO)
		close(f->to);
	f->from = f->to = -1;
	f->len = 0;
}

/* One piece, in or out. False: there is nothing more now, or for ever. */
static bool flow_move(struct flow *f)
{
	ssize_t n;

	if (f->len) {
		if (!pass(f->to, f->buf, &f->at, &f->len))
			flow_close(f);
		return f->to >= 0;
	}
	n = read(f->from, f->buf, sizeof(f->buf));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	f->at = 0;
	f->len = n > 0 ? (size_t)n : 0;
	if (n <= 0)
		flow_close(f);
	return n > 0;
}

/* All that the ended process has written is in the pipe; what others of the sandbox write there is nobody's. */
static void flow_drain(struct flow *f)
{
	struct pollfd out = {.fd = f->to, .events = POLLOUT};

	for (size_t moved = 0; f->from >= 0 && moved <= PIPE_SIZE_MAX; moved += f->len) {
		while (f->len && poll(&out, 1, -1) >= 0)
			flow_move(f);
		if (f->from < 0 || !flow_move(f))
			break;
	}
	flow_close(f);
}

static void flow_watch(const struct flow *f, struct pollfd *p)
{
	*p = (struct pollfd){.fd = f->len ? f->to : f->from, .events = f->len ? POLLOUT : POLLIN};
}

/* ---- The loop ---- */

static void read_session(struct exec *x)
{
	struct session_end end;

	switch (session_read(x->sock, true, &end)) {
	case SESSION_ENDED:
		finish(x, end.status);
		break;
	case SESSION_FAILED:
		terminal_restore();
		finish(x, complain(end.status, "%s", end.text));
		break;
	case SESSION_LOST:
		terminal_restore();
		finish(x, session_lost(&x->entry));
		break;
	case SESSION_STARTED:
	case SESSION_NOTHING:
		break;
	}
}

static void serve(struct exec *x, int signals)
{
	enum { SESSION, SIGNALS, TYPED, TO_RELAY, FROM_RELAY, OUTPUT, FLOWS, COUNT = FLOWS + 3 };
	struct pollfd fds[COUNT] = {[SESSION] = {.fd = x->sock, .events = POLLIN},
		[SIGNALS] = {.fd = signals, .events = POLLIN},
		[TYPED] = {.events = POLLIN},
		[TO_RELAY] = {.events = POLLOUT},
		[FROM_RELAY] = {.events = POLLIN},
		[OUTPUT] = {.events = POLLOUT}};
	bool output_open = x->relay >= 0;

	while (!x->done) {
		bool typing = x->relay >= 0 && x->o->interactive && !x->input_ended;

		fds[TYPED].fd = typing && !x->in_len ? STDIN_FILENO : -1;
		fds[TO_RELAY].fd = x->in_len ? x->relay : -1;
		fds[FROM_RELAY].fd = output_open && !x->out_len ? x->relay : -1;
		fds[OUTPUT].fd = x->out_len ? STDOUT_FILENO : -1;
		for (int i = 0; i < 3; i++)
			flow_watch(&x->flows[i], &fds[FLOWS + i]);
		if (poll(fds, COUNT, -1) < 0)
			continue;
		if (fds[SIGNALS].revents)
			read_signals(x, signals);
		if (!x->done && fds[TYPED].fd >= 0 && fds[TYPED].revents)
			read_typed(x);
		if (fds[TO_RELAY].fd >= 0 && fds[TO_RELAY].revents && !pass(x->relay, x->in, &x->in_at, &x->in_len))
			x->in_len = 0;
		if (fds[FROM_RELAY].fd >= 0 && fds[FROM_RELAY].revents)
			output_open = read_output(x);
		if (fds[OUTPUT].fd >= 0 && fds[OUTPUT].revents && !pass(STDOUT_FILENO, x->out, &x->out_at, &x->out_len))
			x->out_len = 0;
		for (int i = 0; i < 3; i++)
			if (fds[FLOWS + i].fd >= 0 && fds[FLOWS + i].revents)
				flow_move(&x->flows[i]);
		if (!x->done && fds[SESSION].revents)
			read_session(x);
	}
	if (!x->left)
		drain(x);
	flow_drain(&x->flows[1]);
	flow_drain(&x->flows[2]);
}

/* -d: only that it started is waited for. */
static int wait_for_start(struct exec *x)
{
	struct session_end end;

	for (;;) {
		switch (session_read(x->sock, false, &end)) {
		case SESSION_STARTED:
		case SESSION_ENDED:
			return 0;
		case SESSION_FAILED:
			return complain(end.status, "%s", end.text);
		case SESSION_LOST:
			return session_lost(&x->entry);
		case SESSION_NOTHING:
			break;
		}
	}
}

static int run(struct exec *x)
{
	int signals;

	if (x->o->detach) {
		x->sock = session_open(&x->entry, &x->launch, x->command);
		launch_free(&x->launch);
		return x->sock < 0 ? EXIT_FAILED : wait_for_start(x);
	}
	signals = keeper_signals();
	if (signals < 0)
		return EXIT_PICKET;
	/* Without -i nothing is typed for the process: Ctrl-C stays a signal. */
	if (x->tty >= 0 && x->o->interactive && terminal_raw(x->tty) < 0)
		return complain(EXIT_PICKET, "cannot set the terminal: %s", strerror(errno));
	x->sock = session_open(&x->entry, &x->launch, x->command);
	launch_free(&x->launch); /* its end of the terminal too */
	if (x->sock < 0) {
		terminal_restore();
		return EXIT_FAILED;
	}
	serve(x, signals);
	terminal_restore();
	close(signals);
	return x->status;
}

int cmd_exec(const void *opts, int argc, char **argv)
{
	struct exec *x = xcalloc(1, sizeof(*x));
	int status;

	x->o = opts;
	x->sock = x->tty = x->relay = -1;
	for (int i = 0; i < 3; i++)
		x->flows[i].from = x->flows[i].to = -1;
	status = check_options(x);
	status = status ? status : session_find(argv[0], false, &x->entry);
	if (!status) {
		status = write_session(x, argc - 1, argv + 1);
		status = status ? status : run(x);
		entry_free(&x->entry);
	}
	launch_free(&x->launch);
	free(x->command);
	for (int i = 0; i < 3; i++)
		flow_close(&x->flows[i]);
	if (x->relay >= 0)
		close(x->relay);
	if (x->sock >= 0)
		close(x->sock);
	free(x);
	return status;
}
