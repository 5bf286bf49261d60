/* SPDX-License-Identifier: MIT */
/* What can be configured: the settings, and the options of the table. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/config/config.h"
#include "fuse-snap/distance.h"

static const struct {
	const char *name, *help;
	const char *choices; /* NULL: an absolute path */
} settings[] = {
	{"store", "directory of the images and the kept sandboxes"},
	{"runtime", "directory of what runs"},
	{"color", "colour: auto (on a terminal), always or never", "auto always never"},
};

const char *config_setting_at(size_t i, const char **help)
{
	if (i >= sizeof(settings) / sizeof(settings[0]))
		return NULL;
	if (help)
		*help = settings[i].help;
	return settings[i].name;
}

const struct cmd_spec *config_section(const struct cmd_spec *cmd)
{
	const struct cmd_spec *run = find_command("run");

	return strcmp(cmd->name, "create") == 0 && cmd->opts_size == run->opts_size ? run : cmd;
}

bool config_has_section(const struct cmd_spec *cmd)
{
	return !cmd->hidden && cmd->opt_count && config_section(cmd) == cmd && strcmp(cmd->name, "config") != 0;
}

bool config_can_default(const struct opt_spec *o)
{
	static const char *const never[] = {"name", "cidfile", "pid-file", "ip", "help"};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (strcmp(o->name, never[i]) == 0)
			return false;
	return o->kind != OPT_REFUSED;
}

static bool find_in_section(
	const struct cmd_spec *cmd, const char *option, struct config_key *ret, char *why, size_t len)
{
	const struct opt_spec *o = find_option(cmd, option, strlen(option));
	const char *near = near_option(cmd, option);

	if (o && config_can_default(o)) {
		*ret = (struct config_key){.cmd = cmd, .opt = o};
		return true;
	}
	if (o)
		snprintf(why, len, "--%s of picket %s can have no default", option, cmd->name);
	else if (near)
		snprintf(
			why, len, "unknown key \"%s.%s\"; did you mean \"%s.%s\"?", cmd->name, option, cmd->name, near);
	else
		snprintf(why, len, "unknown key \"%s.%s\"; the keys are the options of picket %s", cmd->name, option,
			cmd->name);
	return false;
}

/* The setting or the command nearest to a word that is neither. */
static const char *near_key(const char *name)
{
	const char *near = NULL;
	size_t best = 3;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		size_t d = word_distance(name, settings[i].name, best - 1);

		if (d < best) {
			best = d;
			near = settings[i].name;
		}
	}
	for (size_t i = 0; command_at(i); i++) {
		size_t d =
			config_has_section(command_at(i)) ? word_distance(name, command_at(i)->name, best - 1) : best;

		if (d < best) {
			best = d;
			near = command_at(i)->name;
		}
	}
	return near;
}

bool config_find_key(const char *name, struct config_key *ret, char *why, size_t len)
{
	const struct cmd_spec *cmd, *run = find_command("run");
	const char *dot = strchr(name, '.');
	char section[64];

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (strcmp(settings[i].name, name) == 0) {
			*ret = (struct config_key){.setting = settings[i].name};
			return true;
		}
	}
	if (!dot) {
		const struct opt_spec *o = find_option(run, name, strlen(name));
		const char *near = near_key(name), *option = near_option(run, name);

		if (o)
			return find_in_section(run, name, ret, why, len);
		if (find_command(name))
			snprintf(why, len, "\"%s\" is a command: a key has an option too, \"%s.OPTION\"", name, name);
		else if (near || option)
			snprintf(why, len, "unknown key \"%s\"; did you mean \"%s\"?", name, near ? near : option);
		else
			snprintf(why, len, "unknown key \"%s\"; picket help config lists them", name);
		return false;
	}
	snprintf(section, sizeof(section), "%.*s", (int)(dot - name), name);
	cmd = find_command(section);
	if (cmd && config_has_section(config_section(cmd)))
		return find_in_section(config_section(cmd), dot + 1, ret, why, len);
	snprintf(why, len, "unknown key \"%s\": no command \"%s\" has options", name, section);
	return false;
}

char *config_key_name(const struct config_key *k)
{
	return k->setting ? xstrdup(k->setting) : xasprintf("%s.%s", k->cmd->name, k->opt->name);
}

char *config_variable(const struct config_key *k)
{
	char *name = k->setting				? xasprintf("PICKET_%s", k->setting)
		     : strcmp(k->cmd->name, "run") == 0 ? xasprintf("PICKET_%s", k->opt->name)
							: xasprintf("PICKET_%s_%s", k->cmd->name, k->opt->name);

	for (char *p = name; *p; p++)
		*p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
	return name;
}

static int check_setting(const char *name, const json_t *value, char *why, size_t len)
{
	const char *s = json_string_value(value), *choices = NULL;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].name, name) == 0)
			choices = settings[i].choices;
	if (!choices && (!s || *s != '/')) {
		snprintf(why, len, "takes an absolute path, in quotes");
		return -1;
	}
	for (const char *c = choices; s && c && *c; c += strcspn(c, " "), c += strspn(c, " "))
		if (strlen(s) == strcspn(c, " ") && strncmp(s, c, strlen(s)) == 0)
			return 0;
	if (choices)
		snprintf(why, len, "takes one of: %s", choices);
	return choices ? -1 : 0;
}

/* What the type of an option is called, as a part of a sentence. */
static const char *wanted_type(const struct opt_spec *o)
{
	switch (o->kind) {
	case OPT_FLAG:
		return "true or false";
	case OPT_LIST:
		return "a list of strings: [\"…\", \"…\"]";
	case OPT_NUMBER:
		return "a number";
	case OPT_SIZE:
		return "a size such as \"512m\"";
	default:
		return "a string";
	}
}

int config_check_value(const struct config_key *k, const json_t *value, char *why, size_t len)
{
	struct str_list words = {0};
	void *opts;
	int r = 0;

	if (json_is_null(value))
		return 0;
	if (k->setting)
		return check_setting(k->setting, value, why, len);
	if (config_words(k->opt, value, NULL, &words) < 0) {
		snprintf(why, len, "takes %s", wanted_type(k->opt));
		str_list_free(&words);
		return -1;
	}
	opts = xcalloc(1, k->cmd->opts_size);
	for (size_t i = 0; i < words.count && r == 0; i++)
		r = option_store(k->opt, opts, words.items[i], why, len);
	if (k->opt->kind == OPT_LIST)
		free(((struct str_list *)((char *)opts + k->opt->offset))->items);
	free(opts);
	str_list_free(&words);
	return r;
}

/* A path of a file stands for the directory the file is in; ~ is the home directory. */
static char *resolved(const struct opt_spec *o, const char *dir, const char *text)
{
	const char *home = getenv("HOME");
	bool is_path = o->complete == COMPLETE_FILE || o->complete == COMPLETE_DIR || o->complete == COMPLETE_SHARE;
	size_t word = strcspn(text, ":");

	if (is_path && home && text[0] == '~' && (text[1] == '/' || word == 1))
		return xasprintf("%s%s", home, text + 1);
	if (!is_path || !dir || text[0] != '.')
		return xstrdup(text);
	if (word == 1)
		return xasprintf("%s%s", dir, text + 1);
	if (strncmp(text, "./", 2) == 0)
		return xasprintf("%s/%s", dir, text + 2);
	return word == 2 || strncmp(text, "../", 3) == 0 ? xasprintf("%s/%s", dir, text) : xstrdup(text);
}

static int scalar_word(const struct opt_spec *o, const json_t *value, const char *dir, struct str_list *out)
{
	if (o->kind == OPT_FLAG ? !json_is_boolean(value) : json_is_boolean(value) && o->kind != OPT_OPTIONAL)
		return -1;
	if (json_is_boolean(value)) {
		/* An option with an optional value: true is the option alone. */
		if (o->kind == OPT_FLAG)
			str_list_add(out, xstrdup(json_is_true(value) ? "true" : "false"));
		else if (json_is_true(value))
			str_list_add(out, xstrdup(""));
		return 0;
	}
	if (json_is_integer(value))
		str_list_add(out, xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value)));
	else if (json_is_real(value) && o->kind != OPT_NUMBER)
		str_list_add(out, xasprintf("%g", json_real_value(value)));
	else if (json_is_string(value))
		str_list_add(out, resolved(o, dir, json_string_value(value)));
	else
		return -1;
	return 0;
}

int config_words(const struct opt_spec *o, const json_t *value, const char *dir, struct str_list *out)
{
	const json_t *item;
	const char *name;
	size_t i;

	if (json_is_null(value))
		return 0;
	if (o->kind != OPT_LIST || json_is_string(value))
		return scalar_word(o, value, dir, out);
	if (json_is_array(value)) {
		json_array_foreach(value, i, item)
		{
			if (!json_is_string(item) || scalar_word(o, item, dir, out) < 0)
				return -1;
		}
		return 0;
	}
	if (!json_is_object(value))
		return -1;
	/* "env": {"A": "1"} is ["A=1"]. */
	for (void *it = json_object_iter((json_t *)(uintptr_t)value); it;
		it = json_object_iter_next((json_t *)(uintptr_t)value, it)) {
		name = json_object_iter_key(it);
		if (!json_is_string(json_object_iter_value(it)))
			return -1;
		str_list_add(out, xasprintf("%s=%s", name, json_string_value(json_object_iter_value(it))));
	}
	return 0;
}
