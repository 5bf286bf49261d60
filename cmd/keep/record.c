/* SPDX-License-Identifier: MIT */
/* The files of an entry: config.json, state.json, lock. */
#include "cmd/keep/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/keep/runtime.h"
#include "cmd/lib/process.h"
#include "cmd/keep/record_priv.h"
#include "cmd/lib/jtext.h"
#include "net/err.h"

#define CONFIG_MAX (8u << 20)
#define STATE_MAX (256u << 10)
#define WORDS_MAX 65536
#define WORD_MAX (2u << 20)
#define TEXT_MAX 4096
#define TIME_MAX INT64_MAX

static const char *const status_names[ENTRY_STATUS_COUNT + 1] = {"created", "running", "paused", "restarting", "exited"};

const char *entry_status_name(enum entry_status status)
{
	return status_names[status];
}

int entry_fail(char **err, int error, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	err_set(err, "%s: %s", text ? text : "", strerror(error));
	free(text);
	return -error;
}

void entry_config_free(struct entry_config *c)
{
	free(c->name);
	free(c->image);
	free(c->image_id);
	free(c->chain);
	free(c->platform);
	str_list_free(&c->options);
	str_list_free(&c->arguments);
	str_list_free(&c->command);
	str_list_free(&c->labels);
	*c = (struct entry_config){0};
}

static void state_free(struct entry_state *s)
{
	free(s->error);
	free(s->runtime);
	*s = (struct entry_state){0};
}

void entry_free(struct entry *e)
{
	entry_unlock(e);
	entry_config_free(&e->config);
	state_free(&e->state);
	free(e->dir);
	*e = (struct entry){.lock = -1};
}

/* ---- config.json ---- */

static json_t *config_json(const char *id, const struct entry_config *c)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:b, s:o, s:o, s:o, s:o}", "id", id, "name", jtext(c->name),
		"image", jtext(c->image), "image_id", jtext(c->image_id), "chain", jtext(c->chain), "platform",
		jtext(c->platform), "created", (json_int_t)c->created, "dropped", c->dropped, "options",
		jtext_list(&c->options), "arguments", jtext_list(&c->arguments), "command", jtext_list(&c->command),
		"labels", jtext_list(&c->labels));
}

static int read_list(const json_t *v, const char *key, struct str_list *ret)
{
	return jtext_list_bytes(json_object_get(v, key), WORDS_MAX, WORD_MAX, ret);
}

static int parse_config(const json_t *v, struct entry_config *c)
{
	int r = jget_text(v, "name", ENTRY_NAME_MAX, &c->name);

	r = r ? r : jget_text(v, "image", TEXT_MAX, &c->image);
	r = r ? r : jget_text(v, "image_id", TEXT_MAX, &c->image_id);
	r = r ? r : jget_text(v, "chain", TEXT_MAX, &c->chain);
	r = r ? r : jget_text(v, "platform", TEXT_MAX, &c->platform);
	r = r ? r : jget_int(v, "created", 0, TIME_MAX, 0, &c->created);
	r = r ? r : jget_bool(v, "dropped", &c->dropped);
	r = r ? r : read_list(v, "options", &c->options);
	r = r ? r : read_list(v, "arguments", &c->arguments);
	r = r ? r : read_list(v, "command", &c->command);
	r = r ? r : read_list(v, "labels", &c->labels);
	return r || valid_entry_name(c->name) ? r : -EUCLEAN;
}

static bool is_entry_id(const char *s)
{
	return s && strlen(s) == ENTRY_ID_LEN && strspn(s, "0123456789abcdef") == ENTRY_ID_LEN;
}

static int read_config(int dirfd, const char *id, struct entry *e)
{
	const char *text;
	json_t *v;
	int r = jfile_read(dirfd, "config.json", CONFIG_MAX, &v);

	if (r)
		return r;
	text = json_string_value(json_object_get(v, "id"));
	if (!is_entry_id(text) || strncmp(text, id, strlen(id)) != 0) {
		r = -EUCLEAN;
	} else {
		snprintf(e->id, sizeof(e->id), "%s", text);
		snprintf(e->short_id, sizeof(e->short_id), "%.*s", ENTRY_SHORT_LEN, text);
		r = parse_config(v, &e->config);
	}
	json_decref(v);
	return r;
}

static int open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

char *entry_name_of(const char *dir)
{
	int fd = open_dir(dir);
	char *name = NULL;
	json_t *v;

	if (fd < 0)
		return NULL;
	if (jfile_read(fd, "config.json", CONFIG_MAX, &v) == 0) {
		if (jget_text(v, "name", ENTRY_NAME_MAX, &name) < 0)
			name = NULL;
		json_decref(v);
	}
	close(fd);
	return name;
}

static int write_json(const char *dir, const char *file, json_t *v)
{
	int fd = open_dir(dir), r;

	if (!v)
		r = -ENOMEM;
	else
		r = fd < 0 ? fd : jfile_write(fd, file, v, false);
	json_decref(v);
	if (fd >= 0)
		close(fd);
	return r;
}

int entry_write_new(const char *dir, const char *id, const struct entry_config *config)
{
	return write_json(dir, "config.json", config_json(id, config));
}

int entry_write_config(const struct entry *e, char **err)
{
	int r = entry_write_new(e->dir, e->id, &e->config);

	return r ? entry_fail(err, -r, "cannot write config.json of the sandbox %s in %s", e->config.name, e->dir) : 0;
}

/* ---- state.json ---- */

static json_t *state_json(const struct entry_state *s)
{
	return json_pack("{s:s, s:I, s:I, s:s, s:I, s:i, s:b, s:b, s:I, s:I, s:I, s:s, s:o, s:o}", "status",
		status_names[s->status], "pid", (json_int_t)s->pid, "start", (json_int_t)s->start, "boot", s->boot,
		"sentry", (json_int_t)s->sentry, "exit_code", s->exit_code, "oom_killed", s->oom_killed, "detached",
		s->detached, "restarts", (json_int_t)s->restarts, "started", (json_int_t)s->started, "finished",
		(json_int_t)s->finished, "health", s->health, "error", jtext(s->error), "runtime", jtext(s->runtime));
}

static int read_status(const json_t *v, enum entry_status *ret)
{
	const char *text = json_string_value(json_object_get(v, "status"));

	for (int i = 0; text && i < ENTRY_STATUS_COUNT; i++) {
		if (strcmp(text, status_names[i]) == 0) {
			*ret = (enum entry_status)i;
			return 0;
		}
	}
	return -EUCLEAN;
}

/* A short string without allocation. */
static int read_word(const json_t *v, const char *key, char *buf, size_t size)
{
	const json_t *text = json_object_get(v, key);

	if (text && (!json_is_string(text) || json_string_length(text) >= size))
		return -EUCLEAN;
	snprintf(buf, size, "%s", text ? json_string_value(text) : "");
	return 0;
}

/* As jget_text, but what is not there or empty is NULL. */
static int read_text(const json_t *v, const char *key, char **ret)
{
	int r = jget_text(v, key, TEXT_MAX, ret);

	if (r == 0 && !**ret) {
		free(*ret);
		*ret = NULL;
	}
	return r;
}

static int parse_state(const json_t *v, struct entry_state *s)
{
	int64_t pid = 0, start = 0, sentry = 0, code = 0, restarts = 0;
	int r = read_status(v, &s->status);

	r = r ? r : jget_int(v, "pid", 0, INT_MAX, 0, &pid);
	r = r ? r : jget_int(v, "start", 0, INT64_MAX, 0, &start);
	r = r ? r : read_word(v, "boot", s->boot, sizeof(s->boot));
	r = r ? r : jget_int(v, "sentry", 0, INT_MAX, 0, &sentry);
	r = r ? r : jget_int(v, "exit_code", 0, 255, 0, &code);
	r = r ? r : jget_bool(v, "oom_killed", &s->oom_killed);
	r = r ? r : jget_bool(v, "detached", &s->detached);
	r = r ? r : jget_int(v, "restarts", 0, INT64_MAX, 0, &restarts);
	r = r ? r : jget_int(v, "started", 0, TIME_MAX, 0, &s->started);
	r = r ? r : jget_int(v, "finished", 0, TIME_MAX, 0, &s->finished);
	r = r ? r : read_word(v, "health", s->health, sizeof(s->health));
	r = r ? r : read_text(v, "error", &s->error);
	r = r ? r : read_text(v, "runtime", &s->runtime);
	s->pid = (pid_t)pid;
	s->start = (uint64_t)start;
	s->sentry = (pid_t)sentry;
	s->exit_code = (int)code;
	s->restarts = (uint64_t)restarts;
	return r;
}

/* Absent: it was never started. */
static int read_state(int dirfd, struct entry_state *s)
{
	json_t *v;
	int r = jfile_read(dirfd, "state.json", STATE_MAX, &v);

	*s = (struct entry_state){0};
	if (r == -ENOENT)
		return 0;
	if (r)
		return r;
	r = parse_state(v, s);
	json_decref(v);
	return r;
}

static bool needs_keeper(const struct entry_state *s)
{
	return s->status == ENTRY_RUNNING || s->status == ENTRY_PAUSED || s->status == ENTRY_RESTARTING ||
	       (s->status == ENTRY_CREATED && s->pid);
}

static bool keeper_lives(const struct entry_state *s)
{
	return process_lives(s->pid, s->start, s->boot);
}

/*
 * The state, and whether its keeper is gone. A keeper that ends writes the end first: whoever finds it dead looks at the
 * file once more before it believes in a crash.
 */
static int judge_state(int dirfd, struct entry *e)
{
	int r = read_state(dirfd, &e->state);

	if (r == 0 && needs_keeper(&e->state) && !keeper_lives(&e->state)) {
		state_free(&e->state);
		r = read_state(dirfd, &e->state);
	}
	e->crashed = r == 0 && needs_keeper(&e->state) && !keeper_lives(&e->state);
	if (!e->crashed)
		return r;
	e->state.status = ENTRY_EXITED;
	e->state.exit_code = ENTRY_CRASHED_STATUS;
	e->state.health[0] = '\0';
	free(e->state.error);
	e->state.error = xstrdup("the keeper was killed");
	return 0;
}

int entry_write_state(const struct entry *e, char **err)
{
	int r = write_json(e->dir, "state.json", state_json(&e->state));

	return r ? entry_fail(err, -r, "cannot write state.json of the sandbox %s in %s", e->config.name, e->dir) : 0;
}

int entry_write_maker(const char *dir, const char *id)
{
	struct entry e = {.lock = -1};
	int r;

	snprintf(e.short_id, sizeof(e.short_id), "%.*s", ENTRY_SHORT_LEN, id);
	entry_keeper_is(&e, getpid());
	r = write_json(dir, "state.json", state_json(&e.state));
	state_free(&e.state);
	return r;
}

void entry_keeper_is(struct entry *e, pid_t pid)
{
	e->state.pid = pid;
	e->state.start = process_start(pid);
	snprintf(e->state.boot, sizeof(e->state.boot), "%s", boot_id());
	free(e->state.runtime);
	e->state.runtime = runtime_dir() ? xasprintf("%s/%s", runtime_dir(), e->short_id) : NULL;
}

/* ---- Both ---- */

int entry_load(const char *dir, const char *id, bool temporary, struct entry *ret)
{
	struct entry e = {.lock = -1, .temporary = temporary, .dir = xstrdup(dir)};
	int fd = open_dir(dir), r = fd;

	if (fd >= 0) {
		r = read_config(fd, id, &e);
		r = r ? r : judge_state(fd, &e);
		close(fd);
	}
	if (r < 0)
		entry_free(&e);
	else
		*ret = e;
	return r < 0 ? r : 0;
}

int entry_reload(struct entry *e, char **err)
{
	struct entry new;
	int r = entry_load(e->dir, e->id, e->temporary, &new);

	if (r == -ENOENT)
		return err_set(err, "the sandbox %s has been removed", e->config.name), -ENOENT;
	if (r)
		return entry_fail(err, -r, "cannot read the sandbox %s in %s", e->config.name, e->dir);
	new.lock = e->lock;
	e->lock = -1;
	entry_free(e);
	*e = new;
	return 0;
}

int entry_lock_file(const char *dir, bool wait)
{
	char *path = xasprintf("%s/lock", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), r = fd < 0 ? -errno : 0;
	struct stat ours, theirs;

	while (r == 0 && flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0)
		if (errno != EINTR)
			r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	/* The entry may have been removed while we waited. */
	if (r == 0 && (fstat(fd, &ours) < 0 || stat(path, &theirs) < 0 || ours.st_ino != theirs.st_ino))
		r = -ENOENT;
	free(path);
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

int entry_lock(struct entry *e, bool wait, char **err)
{
	int fd, r;

	if (e->lock >= 0)
		return entry_reload(e, err); /* held already */
	fd = entry_lock_file(e->dir, wait);
	if (fd == -EBUSY)
		return err_set(err, "another picket is at work on the sandbox %s", e->config.name), -EBUSY;
	if (fd == -ENOENT)
		return err_set(err, "the sandbox %s has been removed", e->config.name), -ENOENT;
	if (fd < 0)
		return entry_fail(err, -fd, "cannot lock the sandbox %s in %s", e->config.name, e->dir);
	e->lock = fd;
	r = entry_reload(e, err);
	if (r)
		entry_unlock(e);
	return r;
}

void entry_unlock(struct entry *e)
{
	if (e->lock >= 0)
		close(e->lock);
	e->lock = -1;
}
