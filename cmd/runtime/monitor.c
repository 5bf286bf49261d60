/* SPDX-License-Identifier: MIT */
/* The monitor's process: its birth, its loop, its end. */
#include "cmd/runtime/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/lib/packet.h"
#include "cmd/lib/process.h"
#include "cmd/lib/str.h"
#include "cmd/runtime/console.h"
#include "cmd/runtime/confine.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/monitor_priv.h"
#include "cmd/runtime/signals.h"
#include "cmd/runtime/spec/spec.h"
#include "cmd/runtime/state.h"
#include "cmd/runtime/view.h"

/* Of a sentence to create. */
#define SENTENCE_MAX 4096

#define LISTEN_BACKLOG 64

/* ---- Create's side ---- */

static _Noreturn void be_monitor(const struct monitor_options *o, int birth);

int monitor_fork(const struct monitor_options *o, struct monitor_link *ret)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return fail("cannot make a socket for the monitor: %s", strerror(errno));
	pid = view_fork();
	if (pid == 0) {
		close(ends[0]);
		be_monitor(o, ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return fail("cannot start the monitor: %s", strerror(errno));
	}
	*ret = (struct monitor_link){.pid = pid, .sock = ends[0]};
	return 0;
}

void monitor_say(const struct monitor_link *l, char what)
{
	/* One that is gone is noticed when it should say something. */
	packet_send(l->sock, &what, 1, NULL, 0, 0);
}

int monitor_hear(const struct monitor_link *l, char what)
{
	char text[SENTENCE_MAX + 1];
	ssize_t n = packet_receive(l->sock, text, SENTENCE_MAX, NULL, NULL, 0);

	text[n > 0 ? n : 0] = '\0';
	if (n > 0 && text[0] == what)
		return 0;
	if (n > 0 && text[0] == MONITOR_ERROR)
		return fail("%s", text + 1);
	return fail("the container's monitor was ended");
}

void monitor_kill(struct monitor_link *l)
{
	close(l->sock);
	kill(l->pid, SIGKILL);
	while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
		;
	l->pid = 0;
	l->sock = -1;
}

/* ---- The monitor's side ---- */

/* Sentences go to create. */
static void tell_create(void *arg, bool warning, const char *text)
{
	struct monitor *m = arg;
	char *message;

	if (m->birth < 0 || warning)
		return;
	message = xasprintf("%c%.*s", MONITOR_ERROR, SENTENCE_MAX - 1, text);
	packet_send(m->birth, message, strlen(message), NULL, 0, 0);
	free(message);
}

static _Noreturn void end(struct monitor *m, int status)
{
	sandbox_kill(&m->sandbox);
	_exit(status);
}

static void say(struct monitor *m, char what)
{
	if (packet_send(m->birth, &what, 1, NULL, 0, 0) < 0)
		end(m, 1); /* create is gone */
}

static void hear(struct monitor *m, char what)
{
	char c = 0;

	if (packet_receive(m->birth, &c, 1, NULL, NULL, 0) != 1 || c != what)
		end(m, 1);
}

/* The socket's name is reached through the directory: paths of sockets are short. */
static int listen_at(int dir)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/" CONTAINER_SOCKET, dir);
	if (sock >= 0 && bind(sock, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(sock, LISTEN_BACKLOG) == 0)
		return sock;
	fail("cannot make the container's control socket: %s", strerror(errno));
	if (sock >= 0)
		close(sock);
	return -1;
}

/* The program has its copies: whoever reads from it is to see its end, not ours. */
static void leave_stdio(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

static void watch(struct monitor *m, struct watch *w, int fd, void (*fn)(void *arg, short revents))
{
	*w = (struct watch){.fd = fd, .events = POLLIN, .fn = fn, .arg = m};
	loop_watch(&m->loop, w);
}

/* ---- The loop ---- */

void monitor_signal(struct monitor *m, int sig)
{
	link_tell(&m->link, "signal %d", sig);
}

static void signals_ready(void *arg, short revents)
{
	struct signalfd_siginfo si;
	struct monitor *m = arg;
	char text[CONSOLE_TEXT];

	while (read(m->signals.fd, &si, sizeof(si)) == sizeof(si)) {
		if (console_signal_text(m->terminal, (int)si.ssi_signo, text))
			link_tell(&m->link, "%s", text);
		else
			monitor_signal(m, (int)si.ssi_signo);
	}
}

static void failed(struct monitor *m, int status, const char *text)
{
	if (m->status >= 0)
		return;
	m->status = status;
	free(m->error);
	m->error = xstrdup(text);
	if (!m->ready)
		tell_create(m, false, text);
	monitor_tell_starter(m);
}

/* What the sentry says, once each. */
static void said(void *owner, char *text)
{
	struct monitor *m = owner;
	int status, at = 0;

	if (m->status >= 0)
		return;
	if (strcmp(text, "ready") == 0 && !m->ready) {
		m->ready = true;
		monitor_guard(m);
		say(m, MONITOR_READY);
	} else if (strcmp(text, "memory over") == 0 || strcmp(text, "memory under") == 0) {
		monitor_memory(m, text[7] == 'o');
	} else if (strcmp(text, "started") == 0 && m->started) {
		m->running = true;
		monitor_tell_starter(m);
	} else if (sscanf(text, "exit %d%n", &status, &at) == 1 && text[at] == '\0') {
		if (!m->ready) {
			failed(m, shell_status(status), "the sentry ended before the container was ready");
			return;
		}
		m->status = shell_status(status);
		monitor_tell_starter(m);
	} else if (sscanf(text, "error %d %n", &status, &at) == 1 && at && status > 0 && status < 256) {
		failed(m, status, text + at);
	}
}

static void control_ready(void *arg, short revents)
{
	struct monitor *m = arg;

	if (!link_read(&m->link))
		loop_unwatch(&m->loop, &m->control_watch);
}

static void sentry_ended(void *arg, short revents)
{
	struct monitor *m = arg;

	if (m->control_watch.slot)
		link_read(&m->link);
	m->gone = true;
}

/* It is to end the sentry, and in the host's network to bind low ports for it; no more. */
static void give_up(const struct monitor *m)
{
	uint64_t keep = (uint64_t)1 << CAP_KILL;

	if (m->ports.fd >= 0)
		keep |= (uint64_t)1 << CAP_NET_BIND_SERVICE;
	confine(m->dir, &m->group, keep);
}

/* Create is done with us, or gone: then nobody will ever know of this container. */
static void create_ready(void *arg, short revents)
{
	struct monitor *m = arg;

	hear(m, MONITOR_KEEP);
	view_mounts(m->o->spec);
	loop_unwatch(&m->loop, &m->create);
	close(m->birth);
	m->birth = -1;
	spec_free(m->o->spec);
	m->o = NULL;
	if (chdir("/") < 0) /* its caller's directory is not kept in use */
		debug("the monitor stays in its caller's directory");
	malloc_trim(0);
	give_up(m);
}

/* It has ended by itself, or was ended from outside. */
static int reap(struct monitor *m)
{
	int status = 0;

	while (waitpid(m->sandbox.pid, &status, 0) < 0 && errno == EINTR)
		;
	m->sandbox.pid = 0;
	if (m->status >= 0)
		return m->status;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 128 + SIGKILL;
}

static _Noreturn void run(struct monitor *m)
{
	int status;

	while (!m->gone)
		loop_once(&m->loop, -1);
	status = reap(m);
	if (m->status < 0)
		failed(m, status, m->ending ? "it was killed" : "the sentry ended");
	server_close(&m->server);
	console_leave(m->terminal);
	_exit(status);
}

static int begin(struct monitor *m)
{
	int listener = listen_at(m->dir), signals = signals_receive();

	if (listener < 0 || signals < 0)
		return -1;
	m->server = (struct server){.owner = m, .request = monitor_request, .dropped = monitor_dropped};
	server_open(&m->server, &m->loop, listener);
	watch(m, &m->signals, signals, signals_ready);
	watch(m, &m->create, m->birth, create_ready);
	watch(m, &m->control_watch, m->control[0], control_ready);
	watch(m, &m->sentry, m->sandbox.pidfd, sentry_ended);
	monitor_network_watch(m);
	m->link = (struct sentry_link){.fd = m->control[0], .owner = m, .said = said};
	return 0;
}

static _Noreturn void be_monitor(const struct monitor_options *o, int birth)
{
	static struct monitor m;

	m = (struct monitor){.o = o, .birth = birth, .dir = o->c->dir, .status = -1, .sandbox = {.pidfd = -1, .setup_sock = -1},
		.terminal = -1, .control = {-1, -1}};
	container_unlock(o->c); /* the copy of create's, which would hold as long */
	setsid();
	prctl(PR_SET_NAME, "picket-monitor");
	log_to(tell_create, &m);
	process_close_inherited(3 + o->preserve_fds);
	hear(&m, MONITOR_BEGIN);
	view_names(o->spec);
	if (monitor_spawn(&m) < 0)
		end(&m, 1);
	say(&m, MONITOR_MADE);
	if (monitor_configure(&m) < 0)
		end(&m, 1);
	hear(&m, MONITOR_LAUNCH);
	if (monitor_hand_over(&m) < 0 || begin(&m) < 0)
		end(&m, 1);
	leave_stdio();
	process_close_inherited(3);
	run(&m);
}
