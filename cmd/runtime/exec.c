/* SPDX-License-Identifier: MIT */
/*
 * `exec`: one more process in a container. Its monitor is the process whose pid is in the pid file: with --detach a child that is left behind, else
 * this command itself.
 */
#include "cmd/runtime/exec.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/lib/packet.h"
#include "cmd/lib/process.h"
#include "cmd/runtime/console.h"
#include "cmd/runtime/groups.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/pidfile.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/spec/spec.h"
#include "cmd/runtime/state.h"

#define SENTENCE_MAX 4096

static const struct option_row options[] = {
	{OPTION_TEXT, "process", 'p', offsetof(struct exec_arguments, process), "file with the process, as JSON"},
	{OPTION_TEXT, "console-socket", 0, offsetof(struct exec_arguments, console_socket), "socket that gets the terminal"},
	{OPTION_TEXT, "pid-file", 0, offsetof(struct exec_arguments, pid_file), "file for the process's pid"},
	{OPTION_TEXT, "pidfd-socket", 0, offsetof(struct exec_arguments, pidfd_socket), "socket that gets a pidfd of the process"},
	{OPTION_TEXT, "cwd", 0, offsetof(struct exec_arguments, cwd), "working directory"},
	{OPTION_LIST, "env", 'e', offsetof(struct exec_arguments, env), "NAME=VALUE"},
	{OPTION_TEXT, "user", 'u', offsetof(struct exec_arguments, user), "UID[:GID]"},
	{OPTION_TEXT, "additional-gids", 'g', offsetof(struct exec_arguments, gids), "more groups, with commas"},
	{OPTION_LIST, "cap", 'c', offsetof(struct exec_arguments, caps), "one more capability"},
	{OPTION_NUMBER, "preserve-fds", 0, offsetof(struct exec_arguments, preserve_fds), "descriptors from 3 on that the process gets"},
	{OPTION_FLAG, "tty", 't', offsetof(struct exec_arguments, tty), "with a terminal"},
	{OPTION_FLAG, "detach", 'd', offsetof(struct exec_arguments, detach), "do not wait for its end"},
	{OPTION_FLAG, "no-new-privs", 0, offsetof(struct exec_arguments, no_new_privs), "it cannot gain rights"},
	{OPTION_FLAG, "ignore-paused", 0, offsetof(struct exec_arguments, ignore_paused), "wait until a paused container goes on"},
	{OPTION_UNUSED, "process-label", 0, 0, "accepted: there is no SELinux inside"},
	{OPTION_UNUSED, "apparmor", 0, 0, "accepted: there is no AppArmor inside"},
	{OPTION_UNUSED, "cgroup", 0, 0, "accepted: the process is in the container's group"},
	{OPTION_END},
};

/* ---- With --detach: two processes ---- */

struct birth {
	int sock; /* to the command that waits: 'r' it runs; 'e' and a sentence */
};

static void say(const struct birth *b, char what, const char *text)
{
	char message[SENTENCE_MAX];
	int n = snprintf(message, sizeof(message), "%c%s", what, text);

	packet_send(b->sock, message, n < SENTENCE_MAX ? (size_t)n : SENTENCE_MAX - 1, NULL, 0, 0);
}

static void say_sentence(void *arg, bool warning, const char *text)
{
	if (!warning)
		say(arg, 'e', text);
}

static bool say_started(void *arg)
{
	struct birth *b = arg;

	say(b, 'r', "");
	close(b->sock);
	b->sock = -1;
	return true;
}

/* Who waits for 'g' is not in the group yet. */
static _Noreturn void be_monitor(const struct container *c, const struct exec_arguments *a, const struct spec_process *p, int console,
	int sock)
{
	struct birth b = {.sock = sock};
	char go;
	int status;

	setsid();
	prctl(PR_SET_NAME, "picket-exec");
	log_to(say_sentence, &b);
	process_close_inherited(3 + a->preserve_fds);
	if (packet_receive(sock, &go, 1, NULL, NULL, 0) != 1)
		_exit(EXEC_FAILED);
	status = exec_session(c, a, p, console, say_started, &b);
	_exit(status < 0 ? EXEC_FAILED : status);
}

static int hear(int sock)
{
	char text[SENTENCE_MAX + 1];
	ssize_t n = packet_receive(sock, text, SENTENCE_MAX, NULL, NULL, 0);

	text[n > 0 ? n : 0] = '\0';
	if (text[0] == 'r')
		return 0;
	return text[0] == 'e' ? fail("%s", text + 1) : fail("the process's monitor was ended");
}

static int leave_behind(const struct runtime *rt, const struct container *c, const struct exec_arguments *a, const struct spec_process *p, int console)
{
	int ends[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return fail("cannot make a socket: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		be_monitor(c, a, p, console, ends[1]);
	}
	close(ends[1]);
	r = pid < 0 ? fail("cannot start the process's monitor: %s", strerror(errno)) : group_enter(rt, c, pid);
	if (r == 0) {
		packet_send(ends[0], "g", 1, NULL, 0, 0);
		r = hear(ends[0]);
	}
	if (r == 0) {
		r = pid_tell(pid, a->pid_file, a->pidfd_socket);
		if (r < 0)
			kill(pid, SIGKILL); /* and with it the process that nobody knows */
	}
	close(ends[0]);
	return r;
}

/* ---- Without: this one ---- */

static bool self_started(void *arg)
{
	const struct exec_arguments *a = arg;

	return pid_tell(getpid(), a->pid_file, a->pidfd_socket) == 0;
}

static int stay(const struct container *c, const struct exec_arguments *a, const struct spec_process *p, int console)
{
	if (console >= 0)
		setsid(); /* the terminal becomes ours */
	return exec_session(c, a, p, console, self_started, (void *)(uintptr_t)a);
}

/* ---- The verb ---- */

static int check_status(struct container *c, const struct exec_arguments *a)
{
	switch (container_status(c)) {
	case CONTAINER_STOPPED:
		return fail("cannot exec in a stopped container");
	case CONTAINER_CREATING:
		return fail("cannot exec in a container that is being created");
	case CONTAINER_PAUSED:
		return a->ignore_paused ? 0 : fail("cannot exec in a paused container (use --ignore-paused to override)");
	default:
		return 0;
	}
}

static int start(const struct runtime *rt, struct container *c, const struct exec_arguments *a, int argc, char **argv)
{
	struct spec_process *p = NULL;
	int console = -1, status = -1;

	if (check_status(c, a) < 0 || exec_process(c, a, argc, argv, &p) < 0)
		return -1;
	if (a->console_socket && !p->terminal)
		fail("--console-socket is for a process with a terminal");
	else if (a->detach && p->terminal && !a->console_socket)
		fail("a process with a terminal that is left behind needs --console-socket");
	else if (!a->console_socket || (console = console_connect(a->console_socket)) >= 0)
		status = a->detach ? leave_behind(rt, c, a, p, console) : stay(c, a, p, console);
	if (console >= 0)
		close(console);
	spec_process_free(p);
	return status;
}

static int run_exec(const struct runtime *rt, int argc, char **argv)
{
	struct exec_arguments a = {0};
	int words = options_read(options, &a, true, argc, argv), status = -1;
	struct container c;

	if (words == 0)
		fail("exec needs a container's id");
	if (words > 0 && container_open(rt, argv[1], &c) == 0) {
		status = start(rt, &c, &a, words - 1, argv + 2);
		if (status < 0)
			fail_about("exec failed: unable to start container process");
		container_close(&c);
	}
	str_list_free(&a.env);
	str_list_free(&a.caps);
	return status < 0 ? EXEC_FAILED : status;
}

const struct verb verb_exec = {"exec", "[OPTIONS] ID [COMMAND [ARG...]]", "start one more process in a container", run_exec, options};
