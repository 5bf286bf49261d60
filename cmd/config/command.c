/* SPDX-License-Identifier: MIT */
/* picket config: what is configured, and from where. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/config/config.h"
#include "cmd/help/table_out.h"
#include "cmd/lib/json.h"
#include "cmd/lib/message.h"

/* ---- list ---- */

struct listing {
	const struct config *config;
	struct table_out table;
	struct json json;
	bool as_json;
};

static void list_entry(struct listing *l, const char *key, const char *value, const char *origin)
{
	if (l->as_json) {
		jw_open(&l->json, NULL, '{');
		jw_string(&l->json, "key", key);
		jw_string(&l->json, "value", value);
		jw_string(&l->json, "origin", origin);
		jw_close(&l->json, '}');
		return;
	}
	table_cell(&l->table, key);
	table_cell(&l->table, value);
	table_cell(&l->table, origin);
}

/* The value of one file, as text; NULL if the file does not set the key. Allocated. */
static char *file_value(const struct config_file *f, const struct config_key *k)
{
	const json_t *section = k->setting ? f->values : json_object_get(f->values, k->cmd->name);
	const json_t *value = json_object_get(section, k->setting ? k->setting : k->opt->name);

	if (!value || json_is_null(value))
		return NULL;
	return json_is_string(value) ? xstrdup(json_string_value(value))
				     : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

static void list_file(struct listing *l, const struct config_file *f, const struct config_key *k, const char *name)
{
	char *value = file_value(f, k);

	if (value)
		list_entry(l, name, value, f->path);
	free(value);
}

/* Each place that sets the key; the strongest, first, is the one that holds (of lists all do). */
static bool list_key(struct listing *l, const struct config_key *k)
{
	char *name = config_key_name(k), *variable = config_variable(k);
	bool add = !k->setting && k->opt->kind == OPT_LIST;
	const char *places[3] = {getenv(variable)};
	char *user = file_value(&l->config->user, k), *project = file_value(&l->config->project, k);
	bool any = false;

	if (places[0] && *places[0]) {
		list_entry(l, name, places[0], variable);
		any = true;
	}
	if (project && (add || !any)) {
		list_file(l, &l->config->project, k, name);
		any = true;
	}
	if (user && (add || !any)) {
		list_file(l, &l->config->user, k, name);
		any = true;
	}
	free(user);
	free(project);
	free(name);
	free(variable);
	return any;
}

static void list_all(struct listing *l)
{
	const char *setting;

	for (size_t i = 0; (setting = config_setting_at(i, NULL)); i++)
		list_key(l, &(struct config_key){.setting = setting});
	for (size_t i = 0; command_at(i); i++) {
		const struct cmd_spec *cmd = command_at(i);

		for (size_t k = 0; config_has_section(cmd) && k < cmd->opt_count; k++)
			if (!cmd->opts[k].hidden && config_can_default(&cmd->opts[k]))
				list_key(l, &(struct config_key){.cmd = cmd, .opt = &cmd->opts[k]});
	}
}

static int read_for_list(struct config *c)
{
	return config_read(c, find_command("run")) ? EXIT_FAILED : 0;
}

int cmd_config(const void *opts, int argc, char **argv)
{
	static const char *const heads[] = {"KEY", "VALUE", "FROM"};
	const struct config_options *o = opts;
	struct config c;
	struct listing l = {
		.config = &c, .json = {.out = stdout}, .as_json = o->format && strcmp(o->format, "json") == 0};
	int status = read_for_list(&c);

	if (status == 0) {
		if (l.as_json)
			jw_open(&l.json, NULL, '[');
		else
			table_begin(&l.table, heads, sizeof(heads) / sizeof(heads[0]));
		list_all(&l);
		if (l.as_json)
			jw_close(&l.json, ']');
		else
			table_end(&l.table);
		status = finish_output();
	}
	config_free(&c);
	return status;
}

/* ---- get, set, unset ---- */

static int key_of(const char *name, struct config_key *k)
{
	char why[1200];

	return config_find_key(name, k, why, sizeof(why)) ? 0 : complain(EXIT_FAILED, "%s", why);
}

int cmd_config_get(const void *opts, int argc, char **argv)
{
	struct config_key k;
	struct config c;
	char *value = NULL, *variable = NULL;
	int status = key_of(argv[0], &k);

	if (status)
		return status;
	status = read_for_list(&c);
	variable = config_variable(&k);
	if (status == 0 && getenv(variable) && *getenv(variable))
		value = xstrdup(getenv(variable));
	if (status == 0 && !value)
		value = file_value(&c.project, &k);
	if (status == 0 && !value)
		value = file_value(&c.user, &k);
	if (value)
		puts(value);
	else if (status == 0)
		status = complain(EXIT_FAILED, "%s is not configured", argv[0]);
	free(value);
	free(variable);
	config_free(&c);
	return status ? status : finish_output();
}

/* The file that is changed: the project's (made here if there is none), or the user's. Allocated; NULL after a
 * complaint. */
static char *target_of(bool project)
{
	char *dir, *path = NULL;

	if (project) {
		path = config_find_project();
		if (!path) {
			dir = getcwd(NULL, 0);
			path = dir ? xasprintf("%s/.picket.json", dir) : NULL;
			free(dir);
		}
	} else {
		dir = config_dir();
		path = dir ? xasprintf("%s/config.json", dir) : NULL;
		free(dir);
	}
	if (!path)
		complain(EXIT_FAILED, "no place for the configuration: set HOME or XDG_CONFIG_HOME");
	return path;
}

/* The file's object; an empty one if there is no file; NULL after a complaint. *text (may be NULL): as it was. */
static json_t *read_target(const char *path, bool project, char **text)
{
	char *read = NULL;
	int r = config_slurp(path, !project, &read);
	json_t *values = r < 0 ? NULL : r == 0 ? json_object() : config_parse(path, read);

	if (text)
		*text = read;
	else
		free(read);
	return values;
}

/* A word of the command line as the type the option has. */
static json_t *typed(const struct config_key *k, const char *word)
{
	int64_t number;

	if (!k->setting && k->opt->kind == OPT_FLAG && (strcmp(word, "true") == 0 || strcmp(word, "false") == 0))
		return json_boolean(strcmp(word, "true") == 0);
	if (!k->setting && k->opt->kind == OPT_NUMBER && parse_number(word, INT64_MIN + 1, INT64_MAX, &number) == 0)
		return json_integer(number);
	return json_string(word);
}

static json_t *value_of(const struct config_key *k, int argc, char **argv)
{
	json_t *list;

	if (k->setting || k->opt->kind != OPT_LIST)
		return argc == 1 ? typed(k, argv[0]) : NULL;
	list = json_array();
	for (int i = 0; i < argc; i++)
		json_array_append_new(list, json_string(argv[i]));
	return list;
}

/* Put a value (taken over; NULL: take the key away) into an object. */
static int put_value(json_t *values, const struct config_key *k, json_t *value)
{
	const char *name = k->setting ? k->setting : k->opt->name;
	json_t *section = values;
	int r;

	if (!k->setting) {
		section = json_object_get(values, k->cmd->name);
		if (!json_is_object(section)) {
			section = json_object();
			json_object_set_new(values, k->cmd->name, section);
		}
	}
	r = value ? json_object_set_new(section, name, value) : json_object_del(section, name);
	if (!k->setting && json_object_size(section) == 0)
		json_object_del(values, k->cmd->name);
	return r;
}

/* Change one key of the file; an approval that held goes on to hold for what the user made of it. */
static int change(const struct config_key *k, json_t *value, bool project)
{
	char *path = target_of(project), *before = NULL, *after = NULL, *approved = NULL;
	json_t *values = path ? read_target(path, project, &before) : NULL;
	int status = values ? 0 : EXIT_FAILED;

	if (!values)
		json_decref(value);
	else if (put_value(values, k, value) < 0 && !value)
		status = complain(EXIT_FAILED, "%s does not set %s", path, k->setting ? k->setting : k->opt->name);
	else if (config_write(path, values) < 0)
		status = EXIT_FAILED;
	if (status == 0 && project) {
		approved = config_approved(path);
		if ((!before || (approved && strcmp(before, approved) == 0)) && config_slurp(path, false, &after) > 0)
			status = config_approve(path, after) < 0 ? EXIT_FAILED : 0;
	}
	json_decref(values);
	free(before);
	free(after);
	free(approved);
	free(path);
	return status;
}

int cmd_config_set(const void *opts, int argc, char **argv)
{
	const struct config_options *o = opts;
	struct config_key k;
	char why[1200];
	json_t *value;
	int status = key_of(argv[0], &k);

	if (status)
		return status;
	if (o->project && k.setting)
		return complain(EXIT_FAILED, "%s cannot be set by a project; leave --project out", argv[0]);
	value = value_of(&k, argc - 1, argv + 1);
	if (!value)
		return complain(EXIT_FAILED, "%s takes one value, not %d", argv[0], argc - 1);
	if (config_check_value(&k, value, why, sizeof(why)) < 0) {
		json_decref(value);
		return complain(EXIT_FAILED, "%s %s", argv[0], why);
	}
	return change(&k, value, o->project);
}

int cmd_config_unset(const void *opts, int argc, char **argv)
{
	const struct config_options *o = opts;
	struct config_key k;
	int status = key_of(argv[0], &k);

	return status ? status : change(&k, NULL, o->project);
}

/* ---- path, edit, trust ---- */

int cmd_config_path(const void *opts, int argc, char **argv)
{
	const struct config_options *o = opts;
	char *path = target_of(o->project);

	if (!path)
		return EXIT_FAILED;
	puts(path);
	free(path);
	return finish_output();
}

/* The user's editor on the file, by the shell, as the variables may hold options. 0, or an exit status. */
static int run_editor(const char *path)
{
	const char *editor = getenv("VISUAL");
	int status;
	pid_t pid;

	if (!editor || !*editor)
		editor = getenv("EDITOR");
	if (!editor || !*editor)
		editor = "vi";
	pid = fork();
	if (pid == 0) {
		char *script = xasprintf("%s \"$1\"", editor);

		execl("/bin/sh", "sh", "-c", script, "sh", path, (char *)NULL);
		_exit(EXIT_NOT_FOUND);
	}
	if (pid < 0)
		return complain(EXIT_FAILED, "cannot start %s: %s", editor, strerror(errno));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return complain(EXIT_FAILED, "lost %s: %s", editor, strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return complain(EXIT_FAILED, "%s failed on %s; set EDITOR to an editor", editor, path);
	return 0;
}

int cmd_config_edit(const void *opts, int argc, char **argv)
{
	const struct config_options *o = opts;
	char *path = target_of(o->project);
	json_t *values;
	struct config c;
	int status = EXIT_FAILED;

	if (!path)
		return status;
	/* An editor begins with something to fill in. */
	if (access(path, F_OK) < 0) {
		values = json_object();
		status = config_write(path, values) < 0 ? EXIT_FAILED : 0;
		json_decref(values);
	} else {
		status = 0;
	}
	if (status == 0)
		status = run_editor(path);
	if (status == 0 && !o->project) {
		status = config_read(&c, NULL) ? EXIT_FAILED : 0;
		config_free(&c);
	}
	free(path);
	return status;
}

/* The project file that the argument names, or the one of the working directory; NULL after a complaint. Allocated. */
static char *project_named(int argc, char **argv)
{
	char *path;

	if (argc == 0) {
		path = config_find_project();
		if (!path)
			complain(EXIT_FAILED, "no .picket.json here or in a directory above");
		return path;
	}
	path = realpath(argv[0], NULL);
	if (!path)
		complain(EXIT_FAILED, "cannot find %s: %s", argv[0], strerror(errno));
	return path;
}

int cmd_config_trust(const void *opts, int argc, char **argv)
{
	char *path = project_named(argc, argv), *text = NULL;
	json_t *values = NULL;
	int status = EXIT_FAILED, r;

	if (!path)
		return EXIT_FAILED;
	r = config_slurp(path, false, &text);
	if (r == 0)
		complain(EXIT_FAILED, "there is no %s", path);
	if (r > 0)
		values = config_parse(path, text);
	/* What is approved is shown: the file may have changed since the user looked. */
	if (values && fputs(text, stdout) >= 0 && finish_output() == 0)
		status = config_approve(path, text) < 0 ? EXIT_FAILED : 0;
	json_decref(values);
	free(text);
	free(path);
	return status;
}

int cmd_config_untrust(const void *opts, int argc, char **argv)
{
	char *path = project_named(argc, argv);
	int status = path && config_approve(path, NULL) == 0 ? 0 : EXIT_FAILED;

	free(path);
	return status;
}
