/* SPDX-License-Identifier: MIT */
/* stop, kill, restart, wait, rm, rename: what changes sandboxes that are there. */
#include "cmd/sandbox/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/keep/events.h"
#include "cmd/keep/ask.h"
#include "cmd/lib/process.h"
#include "cmd/keep/volumes.h"
#include "cmd/lib/message.h"
#include "cmd/lib/signals.h"
#include "fuse-snap/client.h"

/* How long a keeper may take to go once its sandbox has ended, in ms. */
#define GOODBYE 5000

bool is_live(const struct entry *e)
{
	return e->state.status == ENTRY_RUNNING || e->state.status == ENTRY_PAUSED || e->state.status == ENTRY_RESTARTING;
}

int find_sandbox(const char *name, struct entry *e)
{
	char *err = NULL;
	int r;

	*e = (struct entry){.lock = -1};
	r = entry_find(name, e, &err);

	if (r)
		complain(EXIT_FAILED, "%s", err);
	free(err);
	return r ? EXIT_FAILED : 0;
}

static bool said_before(char **argv, int i)
{
	for (int j = 0; j < i; j++)
		if (strcmp(argv[j], argv[i]) == 0)
			return true;
	return false;
}

int each_sandbox(int argc, char **argv, int (*fn)(struct entry *e, const void *arg), const void *arg)
{
	int status = EXIT_OK;

	for (int i = 0; i < argc; i++) {
		struct entry e;

		if (said_before(argv, i))
			continue;
		if (find_sandbox(argv[i], &e)) {
			status = EXIT_FAILED;
			continue;
		}
		if (fn(&e, arg) == 0) {
			puts(argv[i]);
			fflush(stdout);
		} else {
			status = EXIT_FAILED;
		}
		entry_free(&e);
	}
	return status ? status : finish_output();
}

bool keeper_gone(const struct entry *e, int timeout)
{
	int fd;
	struct pollfd pfd;
	bool gone;

	if (e->state.pid <= 0 || e->state.pid == getpid())
		return true;
	fd = (int)syscall(SYS_pidfd_open, e->state.pid, 0);
	if (fd < 0)
		return true;
	pfd = (struct pollfd){.fd = fd, .events = POLLIN};
	gone = !process_lives(e->state.pid, e->state.start, e->state.boot) || poll(&pfd, 1, timeout) > 0;
	close(fd);
	return gone;
}

static int check_signal(const char *text, int *ret)
{
	int sig = text ? parse_signal(text) : 0;

	if (sig < 0)
		return complain(EXIT_FAILED, "\"%s\" is no signal; kill -l lists them", text);
	*ret = sig;
	return 0;
}

/* -t of stop and restart; -1 is no limit, as docker's. NULL: the sandbox's own. */
static int check_timeout(const char *text, int64_t *ret, bool *given)
{
	*given = text;
	if (text && parse_number(text, -1, 366 * 86400, ret) < 0)
		return complain(EXIT_FAILED, "--time takes a number of seconds, not \"%s\"", text);
	return 0;
}

static json_t *stop_request(const char *what, int sig, bool timed, int64_t timeout)
{
	json_t *request = json_pack("{s:s}", "do", what);

	if (sig)
		json_object_set_new(request, "signal", json_integer(sig));
	if (timed)
		json_object_set_new(request, "timeout", json_integer(timeout));
	return request;
}

/* A keeper that has just ended is what was asked for. */
static bool has_ended(int r)
{
	return r == -EPIPE || r == -ENOENT || r == -ECONNREFUSED;
}

/* ---- stop: all are asked before the first is waited for ---- */

struct stopping {
	const char *word;
	struct entry e;
	int sock;
};

static int begin_stop(struct stopping *s, const json_t *request)
{
	int r;

	s->sock = -1;
	s->e.lock = -1;
	if (find_sandbox(s->word, &s->e))
		return EXIT_FAILED;
	if (!is_live(&s->e))
		return 0;
	s->sock = keeper_connect(&s->e);
	r = s->sock < 0 ? s->sock : keeper_send(s->sock, request, NULL, 0);
	return r == 0 || has_ended(r) ? 0
				      : complain(EXIT_FAILED, "cannot stop the sandbox %s: %s", s->word, strerror(-r));
}

static int end_stop(struct stopping *s)
{
	json_t *answer = NULL;
	int r = s->sock < 0 ? 0 : keeper_receive(s->sock, &answer), status = 0;

	if (r < 0 && !has_ended(r))
		status = complain(EXIT_FAILED, "cannot stop the sandbox %s: %s", s->word, keeper_error(r, answer));
	json_decref(answer);
	return status;
}

int cmd_stop(const void *opts, int argc, char **argv)
{
	const struct stop_options *o = opts;
	struct stopping *all = xcalloc((size_t)argc, sizeof(*all));
	int *status = xcalloc((size_t)argc, sizeof(*status)), sig = 0, failed = 0;
	int64_t timeout = 0;
	json_t *request;
	bool timed;

	failed = check_signal(o->signal, &sig);
	failed = failed ? failed : check_timeout(o->time, &timeout, &timed);
	request = failed ? NULL : stop_request("stop", sig, timed, timeout);
	for (int i = 0; request && i < argc; i++) {
		all[i].word = argv[i];
		status[i] = begin_stop(&all[i], request);
	}
	for (int i = 0; request && i < argc; i++) {
		if (status[i] == 0)
			status[i] = end_stop(&all[i]);
		if (status[i] == 0) {
			puts(argv[i]);
			fflush(stdout);
		}
		failed = failed || status[i];
		if (all[i].sock >= 0)
			close(all[i].sock);
		entry_free(&all[i].e);
	}
	json_decref(request);
	free(all);
	free(status);
	return failed ? EXIT_FAILED : finish_output();
}

/* ---- kill ---- */

static int kill_one(struct entry *e, const void *arg)
{
	const int *sig = arg;
	json_t *answer = NULL;
	int r, status = 0;

	if (!is_live(e))
		return complain(EXIT_FAILED, "cannot kill the sandbox %s: it is not running", e->config.name);
	r = keeper_ask(e, json_pack("{s:s, s:i}", "do", "kill", "signal", *sig), NULL, 0, &answer);
	if (r)
		status = complain(EXIT_FAILED, "cannot kill the sandbox %s: %s", e->config.name, keeper_error(r, answer));
	json_decref(answer);
	return status;
}

int cmd_kill(const void *opts, int argc, char **argv)
{
	const struct stop_options *o = opts;
	int sig = SIGKILL, status = check_signal(o->signal ? o->signal : "KILL", &sig);

	return status ? status : each_sandbox(argc, argv, kill_one, &sig);
}

/* ---- restart ---- */

struct restarting {
	int sig;
	int64_t timeout;
	bool timed;
};

static int restart_one(struct entry *e, const void *arg)
{
	const struct restarting *how = arg;
	json_t *answer = NULL;
	int r, status = 0;

	if (!is_live(e))
		return start_sandbox(e);
	r = keeper_ask(e, stop_request("restart", how->sig, how->timed, how->timeout), NULL, 0, &answer);
	if (has_ended(r)) {
		char *err = NULL;

		/* It ended by itself just now. */
		keeper_gone(e, GOODBYE);
		status = entry_reload(e, &err) ? complain(EXIT_FAILED, "%s", err) : start_sandbox(e);
		free(err);
	} else if (r) {
		status = complain(EXIT_FAILED, "cannot restart the sandbox %s: %s", e->config.name,
			keeper_error(r, answer));
	}
	json_decref(answer);
	return status;
}

int cmd_restart(const void *opts, int argc, char **argv)
{
	const struct stop_options *o = opts;
	struct restarting how = {0};
	int status = check_signal(o->signal, &how.sig);

	status = status ? status : check_timeout(o->time, &how.timeout, &how.timed);
	return status ? status : each_sandbox(argc, argv, restart_one, &how);
}

/* ---- wait ---- */

static int wait_one(const char *name)
{
	json_t *answer = NULL;
	char *err = NULL;
	struct entry e;
	int r, code, status = 0;

	if (find_sandbox(name, &e))
		return EXIT_FAILED;
	code = e.state.exit_code;
	if (is_live(&e)) {
		r = keeper_ask(&e, json_pack("{s:s}", "do", "wait"), NULL, 0, &answer);
		if (r == 0) {
			code = (int)json_integer_value(json_object_get(answer, "exit_code"));
		} else if (has_ended(r)) {
			/* It ended between our look and our question, or was killed: the entry tells. */
			keeper_gone(&e, GOODBYE);
			code = entry_reload(&e, &err) == 0 ? e.state.exit_code : ENTRY_CRASHED_STATUS;
		} else {
			status = complain(EXIT_FAILED, "cannot wait for the sandbox %s: %s", name, keeper_error(r, answer));
		}
	}
	if (status == 0) {
		printf("%d\n", code);
		fflush(stdout);
	}
	json_decref(answer);
	free(err);
	entry_free(&e);
	return status;
}

int cmd_wait(const void *opts, int argc, char **argv)
{
	int status = EXIT_OK;

	for (int i = 0; i < argc; i++)
		if (wait_one(argv[i]))
			status = EXIT_FAILED;
	return status ? status : finish_output();
}

/* ---- rm ---- */

/* End it whatever it takes: by its keeper, or with its keeper, whose death is its children's. */
static void end_by_force(struct entry *e)
{
	json_t *answer = NULL;
	int r = keeper_ask(e, stop_request("stop", SIGKILL, true, 1), NULL, 0, &answer);

	json_decref(answer);
	if (r == 0 || has_ended(r))
		keeper_gone(e, GOODBYE);
	if (process_end(e->state.pid, e->state.start, e->state.boot))
		keeper_gone(e, GOODBYE);
}

static int remove_entry(struct entry *e, char **err)
{
	int r = entry_remove(e, err);

	if (r == 0)
		event_of(e, "destroy", NULL);
	return r;
}

int remove_sandbox(struct entry *e, bool force, bool volumes)
{
	char id[ENTRY_ID_LEN + 1], *err = NULL;
	int r, status = 0;

	if (is_live(e) && !force)
		return complain(EXIT_FAILED,
			"cannot remove the sandbox %s, which is %s: stop it first (picket stop %s), or use picket rm -f",
			e->config.name, entry_status_name(e->state.status), e->config.name);
	if (is_live(e))
		end_by_force(e);
	r = entry_lock(e, true, &err);
	if (r == 0 && is_live(e)) {
		/* Another picket started it while we waited for the lock. */
		entry_unlock(e);
		free(err);
		return remove_sandbox(e, force, volumes);
	}
	memcpy(id, e->id, sizeof(id));
	if (r == 0)
		r = remove_entry(e, &err);
	if (r == 0 && volumes)
		volumes_drop(id);
	if (r && r != -ENOENT) /* removed meanwhile is removed */
		status = complain(EXIT_FAILED, "%s", err);
	free(err);
	return status;
}

int remove_stopped(struct entry *e)
{
	char *err = NULL;
	int r = entry_lock(e, false, &err);

	if (r == 0 && is_live(e)) {
		entry_unlock(e);
		r = -1;
	} else if (r == 0) {
		r = remove_entry(e, &err);
		if (r)
			complain(EXIT_FAILED, "%s", err);
	}
	free(err);
	return r ? -1 : 0;
}

static int rm_one(struct entry *e, const void *arg)
{
	const struct rm_options *o = arg;

	return remove_sandbox(e, o->force, o->volumes);
}

static int remove_all(const struct rm_options *o, int argc, char **argv)
{
	int status = EXIT_OK;

	if (!o->force)
		return each_sandbox(argc, argv, rm_one, o);
	/* As docker: what is not there is said, and is no failure of rm -f. */
	for (int i = 0; i < argc; i++) {
		char *err = NULL;
		struct entry e;
		int r = entry_find(argv[i], &e, &err);

		if (r == -EUCLEAN) {
			r = entry_remove_damaged(argv[i], &err);
			if (r == 0)
				puts(argv[i]);
			else
				status = complain(EXIT_FAILED, "%s", err);
			free(err);
			continue;
		}
		free(err);
		if (r == -ENOENT)
			complain(0, "no such sandbox: %s", argv[i]);
		else if (each_sandbox(1, argv + i, rm_one, o))
			status = EXIT_FAILED;
		if (r == 0)
			entry_free(&e);
	}
	return status;
}

int cmd_rm(const void *opts, int argc, char **argv)
{
	int status = remove_all(opts, argc, argv);

	snap_clean_runtime();
	return status;
}

/* ---- rename ---- */

int cmd_rename(const void *opts, int argc, char **argv)
{
	struct entry e;
	char *err = NULL, *old;
	int r;

	if (find_sandbox(argv[0], &e))
		return EXIT_FAILED;
	r = entry_lock(&e, true, &err);
	old = xstrdup(e.config.name);
	r = r ? r : entry_rename(&e, argv[1], &err);
	if (r == 0)
		event_of(&e, "rename", json_pack("{s:s}", "oldName", old));
	free(old);
	entry_unlock(&e);
	if (r)
		complain(EXIT_FAILED, "%s", err);
	else if (is_live(&e))
		keeper_ask(&e, json_pack("{s:s}", "do", "reload"), NULL, 0, NULL);
	entry_free(&e);
	free(err);
	return r ? EXIT_FAILED : EXIT_OK;
}

bool confirmed(const char *warning)
{
	char line[64] = "";

	fprintf(stdout, "%s\nAre you sure you want to continue? [y/N] ", warning);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin)) {
		line[0] = '\0';
		putchar('\n');
	}
	return (line[0] == 'y' || line[0] == 'Y') && (line[1] == '\n' || line[1] == '\0');
}
