/* SPDX-License-Identifier: MIT */
/*
 * Pipes to and from picket-guest. What it says on its standard error is read along, so that it never waits for us; it
 * is a guest, and its words are cut and cleaned.
 */
#include "cmd/sandbox/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/run/run.h"
#include "cmd/sandbox/session.h"

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In a running sandbox: a session. */
static int start_session(struct inside *g, const struct str_list *words, const int theirs[3])
{
	struct launch l;
	int status;

	session_begin(&l);
	status = session_guest(&l, words->items[0]);
	for (size_t i = 1; !status && i < words->count; i++)
		launch_record(&l, CONFIG_ARG, words->items[i]);
	if (!status) {
		launch_record(&l, CONFIG_CWD, "/");
		launch_record(&l, CONFIG_USER, "0");
		launch_record(&l, CONFIG_STDIO, theirs[0] >= 0 ? launch_lend(&l, theirs[0]) : "-1",
			theirs[1] >= 0 ? launch_lend(&l, theirs[1]) : "-1", launch_lend(&l, theirs[2]));
		g->sock = session_open(&g->entry, &l, "picket-guest");
		status = g->sock < 0 ? EXIT_FAILED : 0;
	}
	launch_free(&l);
	return status;
}

static int find(const char *name, struct entry *e)
{
	char *err = NULL;

	if (entry_find(name, e, &err) < 0) {
		complain(EXIT_FAILED, "%s", err);
		free(err);
		return EXIT_FAILED;
	}
	if (e->state.status != ENTRY_PAUSED)
		return 0;
	complain(EXIT_FAILED, "the sandbox %s is paused; picket unpause lets it go on", e->config.name);
	entry_free(e);
	return EXIT_FAILED;
}

static void __attribute__((noreturn))
be_run(struct inside *g, const struct str_list *words, const int theirs[3], pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char *err = NULL;

	/* Who is killed while he copies leaves nothing behind: the sentry ends with us. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILED);
	for (int i = 0; i < 3; i++)
		dup2(theirs[i] >= 0 ? theirs[i] : null, i);
	/* The ends that we still have are closed by exec in the sandbox, but ours must not hold the pipes open. */
	drop(&g->in);
	drop(&g->out);
	drop(&g->err);
	for (int i = 0; i < 3; i++)
		if (theirs[i] > 2)
			close(theirs[i]);
	if (entry_lock(&g->entry, true, &err) < 0)
		_exit(complain(EXIT_FAILED, "%s", err));
	if (g->entry.state.status != ENTRY_EXITED && g->entry.state.status != ENTRY_CREATED)
		_exit(complain(EXIT_FAILED, "the sandbox %s is being started; try again", g->entry.config.name));
	_exit(run_guest(&g->entry, words));
}

/* In one that does not run: a run of its entry, by a child, so that we can go on with our half. */
static int start_run(struct inside *g, const struct str_list *words, const int theirs[3])
{
	pid_t parent = getpid();

	fflush(stdout);
	g->run = fork();
	if (g->run == 0)
		be_run(g, words, theirs, parent);
	if (g->run > 0)
		g->run_fd = (int)syscall(SYS_pidfd_open, g->run, 0);
	if (g->run > 0 && g->run_fd >= 0)
		return 0;
	return complain(EXIT_FAILED, "cannot start a process: %s", strerror(errno));
}

int inside_start(struct inside *g, const char *name, const struct str_list *words, bool to)
{
	int data[2], err[2], status;
	bool running;

	*g = (struct inside){.sock = -1, .run_fd = -1, .in = -1, .out = -1, .err = -1};
	status = find(name, &g->entry);
	if (status)
		return status;
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(data, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		return complain(EXIT_FAILED, "cannot make a pipe: %s", strerror(errno));
	g->err = err[0];
	*(to ? &g->in : &g->out) = data[to];
	/* Only our side of the pipe is set so; the other is another open file. */
	fcntl(data[to], F_SETFL, fcntl(data[to], F_GETFL) | O_NONBLOCK);
	fcntl(g->err, F_SETFL, O_NONBLOCK);
	running = g->entry.state.status == ENTRY_RUNNING || g->entry.state.status == ENTRY_RESTARTING;
	status = (running ? start_session : start_run)(
		g, words, (const int[3]){to ? data[0] : -1, to ? -1 : data[1], err[1]});
	close(data[!to]);
	close(err[1]);
	return status;
}

/* What it says is kept up to a length, and else dropped. */
static void read_words(struct inside *g)
{
	char rest[4096];
	size_t room = sizeof(g->said) - 1 - g->said_len;
	ssize_t n = read(g->err, room ? g->said + g->said_len : rest, room ? room : sizeof(rest));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		drop(&g->err);
	else if (room)
		g->said_len += (size_t)n;
}

/* Wait until *fd* is ready, reading along what it says. */
static void await(struct inside *g, int fd, short events)
{
	struct pollfd p[2] = {{.fd = fd, .events = events}, {.fd = g->err, .events = POLLIN}};

	if (poll(p, 2, -1) > 0 && p[1].fd >= 0 && p[1].revents)
		read_words(g);
}

int inside_write(struct inside *g, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(g->in, p, len);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			await(g, g->in, POLLOUT);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

ssize_t inside_read(struct inside *g, void *data, size_t len)
{
	for (;;) {
		ssize_t n = read(g->out, data, len);

		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			await(g, g->out, POLLIN);
		else if (errno != EINTR)
			return -errno;
	}
}

/* The lines that are warnings are shown; the others stay, as one sentence. */
static void sort_words(struct inside *g)
{
	char *save = NULL, kept[sizeof(g->said)] = "";
	size_t n = 0;

	g->said[g->said_len] = '\0';
	for (char *line = strtok_r(g->said, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line += strncmp(line, "picket: ", 8) == 0 ? 8 : 0;
		if (strncmp(line, "warning: ", 9) == 0) {
			warn("%s", line + 9);
			continue;
		}
		n += (size_t)snprintf(kept + n, sizeof(kept) - n, "%s%s", n ? "; " : "", line);
		n = n < sizeof(kept) ? n : sizeof(kept) - 1;
	}
	strcpy(g->said, kept);
}

/* The next message of the session. True: it is the last. */
static bool session_says(struct inside *g, int *status)
{
	struct session_end end;

	switch (session_read(g->sock, false, &end)) {
	case SESSION_ENDED:
		*status = end.status;
		return true;
	case SESSION_FAILED:
		g->said_len = (size_t)snprintf(g->said, sizeof(g->said), "%.*s", (int)sizeof(g->said) - 1, end.text);
		*status = end.status;
		return true;
	case SESSION_LOST:
		g->said_len = (size_t)snprintf(g->said, sizeof(g->said), "the sandbox has ended");
		*status = EXIT_FAILED;
		return true;
	case SESSION_STARTED:
	case SESSION_NOTHING:
		break;
	}
	return false;
}

/* Our child has ended, and said all it had to say. */
static int run_status(struct inside *g)
{
	int status;

	while (waitpid(g->run, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	g->run = 0;
	for (bool more = true; more && g->err >= 0;) {
		size_t before = g->said_len;

		read_words(g);
		more = g->said_len != before;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Wait for the end. What others inside may still hold its pipe for is of no interest then. */
static int session_status(struct inside *g)
{
	struct pollfd p[2] = {{.events = POLLIN}, {.fd = g->run ? g->run_fd : g->sock, .events = POLLIN}};
	int status = 0;

	for (;;) {
		p[0].fd = g->err;
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].fd >= 0 && p[0].revents)
			read_words(g);
		else if (p[1].revents && g->run)
			return run_status(g);
		else if (p[1].revents && session_says(g, &status))
			return status;
	}
}

int inside_finish(struct inside *g)
{
	int status;

	drop(&g->in);
	drop(&g->out);
	status = session_status(g);
	sort_words(g);
	if (status && !g->said[0])
		strcpy(g->said, "picket-guest was ended in the sandbox");
	return status;
}

void inside_free(struct inside *g)
{
	drop(&g->in);
	drop(&g->out);
	drop(&g->err);
	drop(&g->sock);
	if (g->run) {
		kill(g->run, SIGKILL);
		waitpid(g->run, NULL, 0);
	}
	drop(&g->run_fd);
	if (g->entry.dir)
		entry_free(&g->entry);
	g->entry = (struct entry){.lock = -1};
}
