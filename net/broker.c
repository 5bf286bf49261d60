/* SPDX-License-Identifier: MIT */
/* The credential broker. It ends when the other end of its socket is closed, by whatever death. */
#include "broker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRET_MAX (64u << 10)

/* The answer: this, and then the three strings, each with its NUL if it is there (length 0 is NULL). */
struct answer {
	int err;
	struct snap_error error;
	unsigned int len[3];
};

static int send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int receive_all(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int answer_once(int fd, const char *registry)
{
	struct credentials c = {0};
	struct answer a = {0};
	const char *text[3];
	int r = 0;

	a.err = credentials_find(&c, registry, &a.error);
	text[0] = c.user;
	text[1] = c.password;
	text[2] = c.identity_token;
	for (int i = 0; i < 3; i++)
		a.len[i] = text[i] ? (unsigned int)strlen(text[i]) + 1 : 0;
	r = send_all(fd, &a, sizeof(a));
	for (int i = 0; !r && i < 3; i++)
		r = send_all(fd, text[i], a.len[i]);
	credentials_free(&c);
	return r;
}

static _Noreturn void broker_main(int fd, const char *registry)
{
	char c;

	/* Nothing else of the parent's: not the store's locks above all. */
	if (dup2(fd, 3) < 0 || close_range(4, ~0U, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		_exit(1);
	while (recv(3, &c, 1, 0) == 1)
		if (answer_once(3, registry))
			break;
	_exit(0);
}

int broker_start(struct broker *b, const char *registry, struct snap_error *e)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return snap_fail_errno(e, errno, "cannot make a socket");
	pid = fork();
	if (!pid)
		broker_main(pair[1], registry);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return snap_fail_errno(e, errno, "cannot start a process");
	}
	*b = (struct broker){.pid = pid, .fd = pair[0]};
	return 0;
}

int broker_find(struct broker *b, struct credentials *out, struct snap_error *e)
{
	struct credentials c = {0};
	char **text[3] = {&c.user, &c.password, &c.identity_token};
	struct answer a;
	int r;

	*out = c;
	r = send_all(b->fd, "?", 1) || receive_all(b->fd, &a, sizeof(a));
	for (int i = 0; !r && i < 3; i++) {
		if (!a.len[i])
			continue;
		*text[i] = a.len[i] <= SECRET_MAX ? calloc(1, a.len[i]) : NULL;
		r = !*text[i] || receive_all(b->fd, *text[i], a.len[i]);
	}
	if (r) {
		credentials_free(&c);
		return snap_fail(e, EIO, "the look-up of credentials ended without an answer");
	}
	if (a.err && e)
		*e = a.error;
	*out = c;
	return a.err;
}

void broker_stop(struct broker *b)
{
	if (b->pid <= 0)
		return;
	/* This is what ends it; a confined process may send it no signal. */
	close(b->fd);
	while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	*b = (struct broker){0};
}
