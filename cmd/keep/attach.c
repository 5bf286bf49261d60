/* SPDX-License-Identifier: MIT */
/*
 * Bytes and signals between a terminal and a keeper. Nothing here waits but poll(2): Ctrl-C comes through also while the
 * output is stopped.
 */
#include "cmd/keep/attach.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/keep/ask.h"
#include "cmd/keep/keeper.h"
#include "cmd/keep/stream.h"
#include "cmd/lib/message.h"
#include "cmd/lib/terminal.h"

/* As docker: whoever asks this often means it. */
#define INTERRUPTS_TO_LEAVE 3

/* A pipe that can be written to takes so much at once without making us wait. */
#define WRITE_MAX 4096

#define READ_MAX 16384

struct state {
	struct attach *a;
	bool done;
	int status;
	int interrupts;
	bool input_ended;
	size_t window;	   /* input that may be sent now */
	char packet[STREAM_SIZE_MAX + 1];
	const char *output; /* what is left of it to write to `to` */
	size_t output_len;
	int to;
	struct keys keys; /* that detach */
};

/* ---- To the keeper ---- */

static void say(struct state *s, char kind, const char *data, size_t len)
{
	char buf[READ_MAX + DETACH_KEYS_MAX + 1];

	buf[0] = kind;
	memcpy(buf + 1, data, len);
	/* A keeper that is gone is seen by the end of the stream. */
	packet_send(s->a->sock, buf, len + 1, NULL, 0, 0);
}

static void say_number(struct state *s, char kind, int number)
{
	char text[16];

	say(s, kind, text, (size_t)snprintf(text, sizeof(text), "%d", number));
}

static void say_size(struct state *s)
{
	unsigned int rows, cols;
	char text[32];

	if (s->a->tty && terminal_size(s->a->input ? STDIN_FILENO : STDOUT_FILENO, &rows, &cols))
		say(s, STREAM_WINSIZE, text, (size_t)snprintf(text, sizeof(text), "%u %u", rows, cols));
}

static void typed(struct state *s, const char *data, size_t len)
{
	char out[READ_MAX + DETACH_KEYS_MAX];
	bool found;
	size_t used = keys_filter(&s->keys, data, len, out, &found);

	if (used)
		say(s, STREAM_INPUT, out, used);
	s->window -= used < s->window ? used : s->window;
	if (!found)
		return;
	say(s, STREAM_DETACH, "", 0);
	s->a->detached = s->done = true;
}

static void read_input(struct state *s)
{
	char buf[READ_MAX];
	ssize_t n = read(STDIN_FILENO, buf, s->window < sizeof(buf) ? s->window : sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		s->input_ended = true;
		say(s, STREAM_INPUT_END, "", 0);
	} else if (s->a->tty && s->a->key_count) {
		typed(s, buf, (size_t)n);
	} else {
		say(s, STREAM_INPUT, buf, (size_t)n);
		s->window -= (size_t)n;
	}
}

/* ---- Signals ---- */

static void stop_job(struct state *s)
{
	terminal_restore();
	if (s->a->foreground)
		say_number(s, STREAM_SIGNAL, SIGTSTP);
	raise(SIGSTOP);
	if (s->a->tty)
		terminal_raw_again();
	if (s->a->foreground)
		say_number(s, STREAM_SIGNAL, SIGCONT);
	say_size(s);
}

static void interrupted(struct state *s, int sig)
{
	if (s->a->sig_proxy)
		say_number(s, STREAM_SIGNAL, sig);
	if (s->a->foreground && s->a->sig_proxy && sig != SIGHUP)
		return; /* the third one ends the sandbox, the keeper says so */
	if ((sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGQUIT) &&
		(!s->a->sig_proxy || sig == SIGHUP || ++s->interrupts >= INTERRUPTS_TO_LEAVE)) {
		s->status = 128 + sig;
		s->done = true;
	}
}

static void read_signals(struct state *s, int fd)
{
	struct signalfd_siginfo si;

	while (!s->done && read(fd, &si, sizeof(si)) == sizeof(si)) {
		int sig = (int)si.ssi_signo;

		if (sig == SIGWINCH)
			say_size(s);
		else if (sig == SIGTSTP)
			stop_job(s);
		else if (sig != SIGCONT && sig != SIGCHLD)
			interrupted(s, sig);
	}
}

/* ---- From the keeper ---- */

/* Sentences come between the program's lines: the terminal is put back for them. */
static void show(struct state *s, char kind, const char *text)
{
	int status = 0, at = 0;

	terminal_restore();
	if (kind == STREAM_WARNING)
		warn("%s", text);
	else if (sscanf(text, "%d %n", &status, &at) == 1 && at)
		complain(status, "%s", text + at);
	if (s->a->tty)
		terminal_raw_again();
}

static void received(struct state *s, size_t len)
{
	char *text = s->packet + 1;
	size_t taken;
	int status;

	s->packet[len] = '\0';
	switch (s->packet[0]) {
	case STREAM_OUTPUT:
	case STREAM_ERROR:
		s->output = text;
		s->output_len = len - 1;
		s->to = s->packet[0] == STREAM_OUTPUT ? STDOUT_FILENO : STDERR_FILENO;
		break;
	case STREAM_TAKEN:
		if (sscanf(text, "%zu", &taken) == 1 && taken <= STREAM_WINDOW - s->window)
			s->window += taken;
		break;
	case STREAM_WARNING:
	case STREAM_FAILURE:
		show(s, s->packet[0], text);
		break;
	case STREAM_EXIT:
		if (sscanf(text, "%d", &status) == 1) {
			s->status = status;
			s->done = true;
		}
		break;
	default:
		break;
	}
}

static void read_stream(struct state *s)
{
	ssize_t n = packet_receive(s->a->sock, s->packet, STREAM_SIZE_MAX, NULL, NULL, MSG_DONTWAIT);

	if (n == -EAGAIN || n == -EMSGSIZE)
		return;
	if (n > 0) {
		received(s, (size_t)n);
		return;
	}
	terminal_restore();
	s->status = complain(EXIT_PICKET, s->a->foreground
						  ? "the sandbox's keeper was killed; the sandbox has ended with it"
						  : "the sandbox's keeper ended the connection");
	s->done = true;
}

/* Nobody reads what we write any more: end as any program in a pipeline does. */
static void broken_pipe(void)
{
	sigset_t set;

	terminal_restore();
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	raise(SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + SIGPIPE);
}

static void write_output(struct state *s)
{
	ssize_t n = write(s->to, s->output, s->output_len < WRITE_MAX ? s->output_len : WRITE_MAX);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0 && errno == EPIPE)
		broken_pipe();
	if (n < 0 && s->to == STDOUT_FILENO) {
		terminal_restore();
		s->status = complain(EXIT_PICKET, "cannot write the program's output: %s", strerror(errno));
		s->done = true;
	}
	if (n < 0) /* error output that nobody can have is lost */
		n = (ssize_t)s->output_len;
	s->output += n;
	s->output_len -= (size_t)n;
}

/* ---- The loop ---- */

static int take_terminal(const struct attach *a)
{
	if (a->tty && isatty(a->input ? STDIN_FILENO : STDOUT_FILENO) &&
		terminal_raw(a->input ? STDIN_FILENO : STDOUT_FILENO) < 0)
		return complain(-1, "cannot set the terminal: %s", strerror(errno));
	return 0;
}

static void serve(struct state *s, int signals)
{
	enum { STREAM, SIGNALS, INPUT, OUTPUT, COUNT };
	struct pollfd fds[COUNT] = {[STREAM] = {.events = POLLIN}, [SIGNALS] = {.fd = signals, .events = POLLIN},
		[INPUT] = {.events = POLLIN}, [OUTPUT] = {.events = POLLOUT}};

	while (!s->done) {
		fds[STREAM].fd = s->output_len ? -1 : s->a->sock;
		fds[INPUT].fd = s->a->input && !s->input_ended && s->window ? STDIN_FILENO : -1;
		fds[OUTPUT].fd = s->output_len ? s->to : -1;
		if (poll(fds, COUNT, -1) < 0)
			continue;
		if (fds[SIGNALS].revents)
			read_signals(s, signals);
		if (!s->done && fds[OUTPUT].fd >= 0 && fds[OUTPUT].revents)
			write_output(s);
		if (!s->done && fds[STREAM].fd >= 0 && fds[STREAM].revents)
			read_stream(s);
		if (!s->done && fds[INPUT].fd >= 0 && fds[INPUT].revents)
			read_input(s);
	}
}

/* The keeper has noted that we are gone when it hangs up: whoever asks next shall find it so. */
static void await_end(int sock)
{
	struct pollfd pfd = {.fd = sock, .events = POLLRDHUP};

	poll(&pfd, 1, 1000);
}

int attach_run(struct attach *a)
{
	struct state *s;
	int signals = keeper_signals(), status;

	if (signals < 0 || take_terminal(a) < 0)
		return EXIT_PICKET;
	s = calloc(1, sizeof(*s));
	if (!s)
		return complain(EXIT_PICKET, "out of memory");
	s->a = a;
	s->window = STREAM_WINDOW;
	s->keys.count = a->key_count;
	if (a->key_count)
		memcpy(s->keys.keys, a->keys, a->key_count);
	say_size(s);
	serve(s, signals);
	terminal_restore();
	close(signals);
	if (a->detached)
		await_end(a->sock);
	status = s->status;
	free(s);
	return status;
}

int attach_started(int sock)
{
	struct attach a = {.sock = sock};
	struct state s = {.a = &a};

	for (;;) {
		ssize_t n = packet_receive(sock, s.packet, STREAM_SIZE_MAX, NULL, NULL, 0);

		if (n <= 0)
			return complain(EXIT_PICKET, "the sandbox's keeper was killed");
		if (s.packet[0] == STREAM_STARTED)
			return 0;
		if (s.packet[0] != STREAM_OUTPUT && s.packet[0] != STREAM_ERROR)
			received(&s, (size_t)n);
		if (s.done)
			return s.status;
	}
}
