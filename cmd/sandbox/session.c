/* SPDX-License-Identifier: MIT */
/* The client's side of sessions. */
#include "cmd/sandbox/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/keep/ask.h"
#include "cmd/lib/jtext.h"
#include "cmd/lib/message.h"
#include "cmd/lib/programs.h"

#define START_TRIES 500
#define START_TRY_US 10000

int session_find(const char *name, bool paused, struct entry *e)
{
	char *err = NULL;
	int status = 0;

	if (entry_find(name, e, &err) < 0) {
		status = complain(EXIT_FAILED, "%s", err);
		free(err);
		return status;
	}
	if (e->state.status == ENTRY_PAUSED && !paused)
		status =
			complain(EXIT_FAILED, "the sandbox %s is paused; picket unpause lets it go on", e->config.name);
	else if (e->state.status != ENTRY_RUNNING && e->state.status != ENTRY_PAUSED &&
		 e->state.status != ENTRY_RESTARTING)
		status = complain(EXIT_FAILED, "the sandbox %s is not running", e->config.name);
	if (status)
		entry_free(e);
	return status;
}

void session_begin(struct launch *l)
{
	*l = (struct launch){.by_place = true};
	launch_record(l, CONFIG_VERSION, CONFIG_FORMAT);
}

int session_guest(struct launch *l, const char *part)
{
	char *program = find_program("picket-guest");
	int fd = program ? open(program, O_RDONLY | O_CLOEXEC) : -1;

	if (program && fd < 0)
		complain(EXIT_PICKET, "cannot open %s: %s", program, strerror(errno));
	free(program);
	if (fd < 0)
		return EXIT_PICKET;
	launch_record(l, CONFIG_GUEST, launch_give(l, fd));
	launch_record(l, CONFIG_ARG, "picket-guest");
	launch_record(l, CONFIG_ARG, part);
	return 0;
}

/* Ask for it; while the sandbox is still starting, for a few seconds. */
static int ask_session(const struct entry *e, const char *command, const int *fds, size_t count, json_t **answer)
{
	for (int tries = 0;; tries++) {
		int r = keeper_ask(e, json_pack("{s:s, s:o}", "do", "exec", "command", jtext(command)), fds, count, answer);

		if (r >= 0 || tries == START_TRIES || json_integer_value(json_object_get(*answer, "status")) != ASK_AGAIN)
			return r;
		json_decref(*answer);
		*answer = NULL;
		usleep(START_TRY_US);
	}
}

int session_open(const struct entry *e, const struct launch *l, const char *command)
{
	int socks[2], config = launch_finish(l), r = -1;
	int *fds = xrealloc(NULL, (l->fd_count + 2) * sizeof(*fds));
	json_t *answer = NULL;

	if (config < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0) {
		complain(-1, "cannot prepare the session: %s", strerror(errno));
	} else {
		fds[0] = socks[1];
		fds[1] = config;
		for (size_t i = 0; i < l->fd_count; i++)
			fds[2 + i] = l->fds[i];
		r = ask_session(e, command, fds, l->fd_count + 2, &answer);
		if (r < 0) {
			complain(-1, "cannot start a process in the sandbox %s: %s", e->config.name,
				keeper_error(r, answer));
			close(socks[0]);
		}
		close(socks[1]);
		json_decref(answer);
		r = r < 0 ? -1 : socks[0];
	}
	if (config >= 0)
		close(config);
	free(fds);
	return r;
}

enum session_news session_read(int sock, bool now, struct session_end *end)
{
	int status, at = 0;
	ssize_t n;

	do {
		n = recv(sock, end->text, sizeof(end->text) - 1, now ? MSG_DONTWAIT : 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return SESSION_NOTHING;
	if (n <= 0)
		return SESSION_LOST;
	end->text[n] = '\0';
	if (strncmp(end->text, "started ", 8) == 0)
		return SESSION_STARTED;
	if (sscanf(end->text, "exit %d%n", &status, &at) == 1 && end->text[at] == '\0') {
		end->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		return SESSION_ENDED;
	}
	if (sscanf(end->text, "error %d %n", &status, &at) == 1 && at && status >= EXIT_PICKET &&
		status <= EXIT_NOT_FOUND) {
		end->status = status;
		memmove(end->text, end->text + at, strlen(end->text + at) + 1);
		return SESSION_FAILED;
	}
	return SESSION_NOTHING;
}

void session_signal(int sock, int sig)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "signal %d", sig);

	/* A sentry that does not read is not waited for. */
	send(sock, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int session_lost(const struct entry *e)
{
	return complain(128 + SIGKILL, "the sandbox %s has ended, and the process with it", e->config.name);
}
