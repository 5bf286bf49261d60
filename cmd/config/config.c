/* SPDX-License-Identifier: MIT */
/* Reads the configuration, checks it, and gives options their configured values. */
#include "cmd/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/message.h"

extern char **environ;

/* Complain of a key of a file with its line. */
static int bad_key(const struct config_file *f, const char *key, const char *inner, const char *what)
{
	size_t line = config_line(f->text, key, inner);

	if (line)
		return complain(EXIT_PICKET, "%s:%zu: %s", f->path, line, what);
	return complain(EXIT_PICKET, "%s: %s", f->path, what);
}

static int check_section(const struct config_file *f, const char *name, const json_t *section)
{
	const struct cmd_spec *cmd = find_command(name);
	json_t *object = (json_t *)(uintptr_t)section;
	char why[1200], what[1400];

	if (!cmd || !config_has_section(cmd)) {
		snprintf(what, sizeof(what), "unknown key \"%s\": no command of this name has options%s", name,
			cmd && config_section(cmd) != cmd ? "; those of create are run's" : "");
		return bad_key(f, name, NULL, what);
	}
	for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
		char *key = xasprintf("%s.%s", name, json_object_iter_key(it));
		struct config_key k;
		int status = 0;

		if (!config_find_key(key, &k, why, sizeof(why))) {
			status = bad_key(f, name, json_object_iter_key(it), why);
		} else if (config_check_value(&k, json_object_iter_value(it), why, sizeof(why)) < 0) {
			snprintf(what, sizeof(what), "\"%s\" %s", key, why);
			status = bad_key(f, name, json_object_iter_key(it), what);
		}
		free(key);
		if (status)
			return status;
	}
	return 0;
}

static int check_key(const struct config_file *f, const char *name, const json_t *value)
{
	struct config_key k;
	char why[1200], what[1400];

	if (json_is_object(value))
		return check_section(f, name, value);
	if (!config_find_key(name, &k, why, sizeof(why)))
		return bad_key(f, name, NULL, why);
	if (!k.setting) {
		snprintf(what, sizeof(what), "\"%s\" is an option of picket run: write \"run\": {\"%s\": …}", name,
			name);
		return bad_key(f, name, NULL, what);
	}
	if (f->dir) {
		snprintf(what, sizeof(what), "\"%s\" cannot be set by a project; it belongs into config.json", name);
		return bad_key(f, name, NULL, what);
	}
	if (config_check_value(&k, value, why, sizeof(why)) == 0)
		return 0;
	snprintf(what, sizeof(what), "\"%s\" %s", name, why);
	return bad_key(f, name, NULL, what);
}

static int check_file(struct config_file *f)
{
	f->values = config_parse(f->path, f->text);
	if (!f->values)
		return EXIT_PICKET;
	for (void *it = json_object_iter(f->values); it; it = json_object_iter_next(f->values, it)) {
		int status = check_key(f, json_object_iter_key(it), json_object_iter_value(it));

		if (status)
			return status;
	}
	return 0;
}

static int read_user(struct config_file *f)
{
	char *dir = config_dir();
	int r;

	if (!dir)
		return 0;
	f->path = xasprintf("%s/config.json", dir);
	free(dir);
	r = config_slurp(f->path, true, &f->text);
	return r < 0 ? EXIT_PICKET : r > 0 ? check_file(f) : 0;
}

static int read_project(struct config_file *f)
{
	char *approved;
	bool same;
	int r;

	f->path = config_find_project();
	if (!f->path)
		return 0;
	r = config_slurp(f->path, false, &f->text);
	if (r <= 0)
		return r < 0 ? EXIT_PICKET : 0;
	approved = config_approved(f->path);
	same = approved && strcmp(approved, f->text) == 0;
	if (!same)
		warn("%s is %s and is not used: look at it, then say picket config trust", f->path,
			approved ? "not as it was when you approved it" : "not approved");
	free(approved);
	if (!same)
		return 0;
	f->dir = xasprintf("%.*s", (int)(strrchr(f->path, '/') - f->path), f->path);
	return check_file(f);
}

int config_read(struct config *c, const struct cmd_spec *cmd)
{
	int status;

	*c = (struct config){0};
	status = read_user(&c->user);
	if (status == 0 && cmd && strcmp(config_section(cmd)->name, "run") == 0)
		status = read_project(&c->project);
	return status;
}

static void file_free(struct config_file *f)
{
	free(f->path);
	free(f->dir);
	free(f->text);
	json_decref(f->values);
}

void config_free(struct config *c)
{
	file_free(&c->user);
	file_free(&c->project);
	str_list_free(&c->made);
	*c = (struct config){0};
}

void config_settings(const struct config *c)
{
	const char *name;

	for (size_t i = 0; (name = config_setting_at(i, NULL)); i++) {
		const char *value = json_string_value(json_object_get(c->user.values, name));
		struct config_key k = {.setting = name};
		char *variable;

		if (!value)
			continue;
		variable = config_variable(&k);
		setenv(variable, value, 0);
		free(variable);
	}
}

/* ---- Giving options their values ---- */

struct defaults {
	struct config *config;
	const struct cmd_spec *cmd, *section;
	struct parsed *p;
	size_t *ahead; /* by option: items of a list that came from weaker places */
};

/* Of two options that exclude each other the stronger one holds. */
static const struct opt_spec *rival(const struct cmd_spec *cmd, const struct opt_spec *o)
{
	static const char *const pairs[][2] = {{"rm", "keep"}, {"rm", "restart"}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		for (size_t k = 0; k < 2; k++)
			if (strcmp(o->name, pairs[i][k]) == 0 && find_option(cmd, pairs[i][!k], strlen(pairs[i][!k])))
				return find_option(cmd, pairs[i][!k], strlen(pairs[i][!k]));
	return NULL;
}

static bool is_held(const struct defaults *d, const struct opt_spec *o)
{
	const struct opt_spec *other = rival(d->cmd, o);

	return (o->kind != OPT_LIST && option_given(d->cmd, d->p, o)) || (other && option_given(d->cmd, d->p, other));
}

static void clear_rival(const struct defaults *d, const struct opt_spec *o)
{
	const struct opt_spec *other = rival(d->cmd, o);
	void *field = other ? (char *)d->p->opts + other->offset : NULL;

	if (field && other->kind == OPT_FLAG)
		*(bool *)field = false;
	else if (field && (other->kind == OPT_STRING || other->kind == OPT_CHOICE))
		*(const char **)field = NULL;
}

/* Move the last item of a list before what stronger places gave. */
static void put_ahead(struct defaults *d, const struct opt_spec *o)
{
	struct str_list *list = (struct str_list *)((char *)d->p->opts + o->offset);
	size_t *ahead = &d->ahead[o - d->cmd->opts];
	char *last = list->items[list->count - 1];

	memmove(list->items + *ahead + 1, list->items + *ahead, (list->count - 1 - *ahead) * sizeof(*list->items));
	list->items[(*ahead)++] = last;
}

/* One word for one option; it is taken over. 0, or -1 with what is wrong. */
static int give(struct defaults *d, const struct opt_spec *o, char *word, char *why, size_t len)
{
	int r;

	str_list_add(&d->config->made, word);
	r = option_store(o, d->p->opts, word, why, len);
	if (r < 0)
		return r;
	if (o->kind == OPT_LIST)
		put_ahead(d, o);
	clear_rival(d, o);
	return 0;
}

static int give_file(struct defaults *d, const struct config_file *f)
{
	json_t *section = json_object_get(f->values, d->section->name);
	char why[1200];

	for (void *it = json_object_iter(section); it; it = json_object_iter_next(section, it)) {
		const char *key = json_object_iter_key(it);
		const struct opt_spec *o = find_option(d->cmd, key, strlen(key));
		struct str_list words = {0};
		int r;

		if (!o || is_held(d, o))
			continue;
		r = config_words(o, json_object_iter_value(it), f->dir, &words);
		for (size_t i = 0; i < words.count && r == 0; i++)
			r = give(d, o, xstrdup(words.items[i]), why, sizeof(why));
		str_list_free(&words);
		if (r < 0)
			return bad_key(f, d->section->name, key, "wrong value");
	}
	return 0;
}

static int give_environment(struct defaults *d)
{
	char why[1200];
	int status = 0;

	for (size_t i = 0; i < d->cmd->opt_count && status == 0; i++) {
		const struct opt_spec *o = &d->cmd->opts[i];
		struct config_key k = {.cmd = d->section, .opt = o};
		char *variable;
		const char *value;

		if (o->hidden || !config_can_default(o))
			continue;
		variable = config_variable(&k);
		value = getenv(variable);
		/* The settings have the first word: PICKET_STORE is never an option. */
		if (value && *value && !is_held(d, o) && give(d, o, xstrdup(value), why, sizeof(why)) < 0)
			status = complain(d->cmd->failure, "the variable %s, for --%s, %s", variable, o->name, why);
		free(variable);
	}
	return status;
}

static bool has_variables(void)
{
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "PICKET_", 7) == 0)
			return true;
	return false;
}

int config_defaults(struct config *c, const struct cmd_spec *cmd, struct parsed *p)
{
	struct defaults d = {.config = c, .cmd = cmd, .section = config_section(cmd), .p = p};
	int status = 0;

	if (cmd->hidden || !cmd->opt_count)
		return 0;
	d.ahead = xcalloc(cmd->opt_count, sizeof(*d.ahead));
	status = give_file(&d, &c->user);
	if (status == 0)
		status = give_file(&d, &c->project);
	if (status == 0 && has_variables())
		status = give_environment(&d);
	free(d.ahead);
	return status;
}
