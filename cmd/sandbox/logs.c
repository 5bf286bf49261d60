/* SPDX-License-Identifier: MIT */
/* picket logs. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/keep/ask.h"
#include "cmd/keep/logread.h"
#include "cmd/keep/record.h"
#include "cmd/lib/message.h"
#include "cmd/lib/when.h"

struct logs {
	const struct logs_options *o;
	struct log_reader *reader;
	int64_t since, until; /* ns since 1970; until 0: for ever */
	bool past; /* a line behind `until` has come */
	bool failed;
};

static int choose_times(struct logs *l)
{
	int64_t now = now_real();

	if (l->o->since && parse_when(l->o->since, now, &l->since) < 0)
		return complain(EXIT_FAILED,
			"--since \"%s\" is no time: 10m, 2024-01-31T10:00:00Z, or seconds since 1970", l->o->since);
	if (l->o->until && parse_when(l->o->until, now, &l->until) < 0)
		return complain(EXIT_FAILED,
			"--until \"%s\" is no time: 10m, 2024-01-31T10:00:00Z, or seconds since 1970", l->o->until);
	return 0;
}

static int choose_tail(const struct logs *l, int64_t *tail)
{
	const char *text = l->o->tail;

	*tail = -1;
	if (!text || strcmp(text, "all") == 0 || text[0] == '-')
		return 0;
	if (parse_number(text, 0, INT64_MAX, tail) < 0)
		return complain(EXIT_FAILED, "--tail \"%s\" is neither a number of lines nor \"all\"", text);
	return 0;
}

static void put(struct logs *l, const struct log_line *line)
{
	FILE *out = line->error ? stderr : stdout;
	char stamp[48];

	if (line->error)
		fflush(stdout); /* where both go to one place they are in order */
	if (l->o->timestamps)
		fprintf(out, "%s ", format_when(line->time, stamp, sizeof(stamp)));
	if (l->o->details)
		fputc(' ', out); /* of what docker puts here there is nothing */
	fwrite(line->data, 1, line->len, out);
	if (line->error)
		fflush(out);
	l->failed = ferror(out) != 0;
}

/* All that is there now. */
static void drain(struct logs *l)
{
	struct log_line line;

	while (!l->past && !l->failed && log_reader_next(l->reader, &line)) {
		if (line.time < l->since)
			continue;
		if (l->until && line.time > l->until)
			l->past = true;
		else
			put(l, &line);
	}
	if (fflush(stdout) != 0)
		l->failed = true;
}

/* A connection that is answered, or breaks, when the sandbox ends. -1: it does not run. */
static int watch_end(const struct entry *e)
{
	json_t *request = json_pack("{s:s}", "do", "wait");
	int sock = keeper_connect(e);

	if (sock >= 0 && keeper_send(sock, request, NULL, 0) < 0) {
		close(sock);
		sock = -1;
	}
	json_decref(request);
	return sock >= 0 ? sock : -1;
}

static int until_timeout(const struct logs *l)
{
	int64_t left = l->until ? (l->until - now_real()) / 1000000 + 1 : -1;

	return !l->until ? -1 : left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

/* As the log grows, until the sandbox has ended and all is read. */
static void follow(struct logs *l, const struct entry *e)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), end = watch_end(e);
	struct pollfd fds[2] = {{.fd = watch, .events = POLLIN}, {.fd = end, .events = POLLIN | POLLRDHUP}};
	bool over = end < 0;
	char buf[4096];

	if (watch >= 0)
		inotify_add_watch(watch, e->dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR);
	for (;;) {
		drain(l);
		if (over || l->past || l->failed || until_timeout(l) == 0)
			break;
		/* Without inotify (a limit of the host's) look again four times a second. */
		poll(fds, 2, watch < 0 ? 250 : until_timeout(l));
		while (watch >= 0 && read(watch, buf, sizeof(buf)) > 0)
			;
		over = fds[1].revents != 0;
	}
	if (watch >= 0)
		close(watch);
	if (end >= 0)
		close(end);
}

static int show(struct logs *l, const struct entry *e, int64_t tail)
{
	l->reader = log_reader_open(e->dir, tail);
	if (!l->reader && e->state.status == ENTRY_CREATED)
		return EXIT_OK; /* nothing has been written yet */
	if (!l->reader)
		return complain(EXIT_FAILED, "the sandbox %s keeps no log: %s", e->config.name,
			e->temporary ? "its output goes to where picket run was started"
				     : "it was started with --log-driver none");
	if (l->o->follow)
		follow(l, e);
	else
		drain(l);
	log_reader_close(l->reader);
	return l->failed ? finish_output() : EXIT_OK;
}

int cmd_logs(const void *opts, int argc, char **argv)
{
	struct logs l = {.o = opts};
	struct entry e;
	char *err = NULL;
	int64_t tail;
	int status = choose_times(&l);

	status = status ? status : choose_tail(&l, &tail);
	if (status)
		return status;
	if (entry_find(argv[0], &e, &err) < 0) {
		complain(EXIT_FAILED, "%s", err);
		free(err);
		return EXIT_FAILED;
	}
	status = show(&l, &e, tail);
	entry_free(&e);
	return status;
}
