/* SPDX-License-Identifier: MIT */
/* --change of picket commit, with the syntax of a Dockerfile's instructions. */
#include "cmd/sandbox/commit_config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

static json_t *member(json_t *config, const char *key, json_t *(*make)(void))
{
	json_t *v = json_object_get(config, key);

	if (make == json_array ? json_is_array(v) : json_is_object(v))
		return v;
	json_object_set_new(config, key, make());
	return json_object_get(config, key);
}

static json_t *strings(const struct str_list *list, size_t from)
{
	json_t *a = json_array();

	for (size_t i = from; i < list->count; i++)
		json_array_append_new(a, json_string(list->items[i]));
	return a;
}

static void set_env(json_t *config, const char *text)
{
	json_t *env = member(config, "Env", json_array), *old;
	size_t i, len = env_name_len(text);

	json_array_foreach(env, i, old) {
		const char *s = json_string_value(old);

		if (s && env_name_len(s) == len && strncmp(s, text, len) == 0) {
			json_array_set_new(env, i, json_string(text));
			return;
		}
	}
	json_array_append_new(env, json_string(text));
}

static void set_label(json_t *config, const char *text)
{
	char *name = xstrndup(text, env_name_len(text));
	const char *value = strchr(text, '=');

	json_object_set_new(member(config, "Labels", json_object), name, json_string(value ? value + 1 : ""));
	free(name);
}

void commit_merge_run(json_t *config, const struct run *r)
{
	const struct run_options *o = r->o;
	const struct entry_config *c = &r->entry.config;

	for (size_t i = 0; i < o->env.count; i++)
		if (strchr(o->env.items[i], '='))
			set_env(config, o->env.items[i]);
	for (size_t i = 0; i < c->labels.count; i++)
		set_label(config, c->labels.items[i]);
	if (o->user)
		json_object_set_new(config, "User", json_string(o->user));
	if (o->workdir)
		json_object_set_new(config, "WorkingDir", json_string(o->workdir));
	if (o->entrypoint) {
		json_object_set_new(config, "Entrypoint", *o->entrypoint ? json_pack("[s]", o->entrypoint) : json_null());
		json_object_set_new(config, "Cmd", strings(&c->arguments, 0));
	} else if (c->arguments.count) {
		json_object_set_new(config, "Cmd", strings(&c->arguments, 0));
	}
}

/* ---- Instructions ---- */

/* Words with quotes and backslashes as a Dockerfile has them. False: a quote is not closed. */
static bool split_words(const char *s, struct str_list *words)
{
	for (;;) {
		char *word, *out;
		char quote = 0;

		while (isspace((unsigned char)*s))
			s++;
		if (!*s)
			return true;
		out = word = xcalloc(1, strlen(s) + 1);
		for (; *s && (quote || !isspace((unsigned char)*s)); s++) {
			if (quote ? *s == quote : (*s == '"' || *s == '\''))
				quote = quote ? 0 : *s;
			else if (*s == '\\' && s[1] && quote != '\'')
				*out++ = *++s;
			else
				*out++ = *s;
		}
		str_list_add(words, word);
		if (quote)
			return false;
	}
}

/* ["a","b"], or a line for the shell. */
static json_t *command_of(const char *text)
{
	json_t *v = *text == '[' ? json_loads(text, 0, NULL) : NULL, *s;
	bool fine = json_is_array(v);
	size_t i;

	json_array_foreach(v, i, s)
		fine = fine && json_is_string(s);
	if (fine)
		return v;
	json_decref(v);
	return json_pack("[s,s,s]", "/bin/sh", "-c", text);
}

static int change_command(json_t *config, const char *key, const char *text)
{
	json_object_set_new(config, key, command_of(text));
	if (strcmp(key, "Entrypoint") == 0)
		json_object_set_new(config, "Cmd", json_null()); /* as docker: it was the old one's */
	return 0;
}

/* NAME=VALUE … or NAME VALUE. */
static int change_pairs(json_t *config, const char *text, void (*set)(json_t *config, const char *text))
{
	struct str_list words = {0};
	bool fine = split_words(text, &words) && words.count;

	if (fine && !strchr(words.items[0], '=') && words.count > 1) {
		const char *value = text + strcspn(text, " \t");
		char *pair = xasprintf("%s=%s", words.items[0], value + strspn(value, " \t"));

		set(config, pair);
		free(pair);
	} else {
		for (size_t i = 0; fine && i < words.count; i++)
			fine = strchr(words.items[i], '=') > words.items[i];
		for (size_t i = 0; fine && i < words.count; i++)
			set(config, words.items[i]);
	}
	str_list_free(&words);
	return fine ? 0 : -1;
}

/* Keys of an object: ports, volumes. */
static int change_set(json_t *config, const char *key, const char *text, const char *suffix)
{
	json_t *v = *text == '[' ? json_loads(text, 0, NULL) : NULL, *s, *set = member(config, key, json_object);
	struct str_list words = {0};
	bool fine = true;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach(v, i, s)
			str_list_add(&words, xstrdup(json_is_string(s) ? json_string_value(s) : ""));
	} else {
		fine = split_words(text, &words);
	}
	for (i = 0; fine && i < words.count; i++) {
		char *name = xasprintf("%s%s", words.items[i], strchr(words.items[i], '/') ? "" : suffix);

		fine = *words.items[i] != '\0';
		if (fine)
			json_object_set_new(set, name, json_object());
		free(name);
	}
	json_decref(v);
	str_list_free(&words);
	return fine && i ? 0 : -1;
}

static int change_workdir(json_t *config, const char *text)
{
	const char *old = json_string_value(json_object_get(config, "WorkingDir"));
	char *dir = text[0] == '/' ? xstrdup(text)
				   : xasprintf("%s%s%s", old ? old : "", old && old[0] && old[strlen(old) - 1] == '/' ? "" : "/", text);

	json_object_set_new(config, "WorkingDir", json_string(dir));
	free(dir);
	return 0;
}

int commit_change(json_t *config, const char *instruction)
{
	size_t len = strcspn(instruction, " \t");
	const char *text = instruction + len + strspn(instruction + len, " \t");
	int r = -1;

#define IS(word) (len == strlen(word) && strncasecmp(instruction, word, len) == 0)
	if (!*text)
		;
	else if (IS("CMD"))
		r = change_command(config, "Cmd", text);
	else if (IS("ENTRYPOINT"))
		r = change_command(config, "Entrypoint", text);
	else if (IS("ENV"))
		r = change_pairs(config, text, set_env);
	else if (IS("LABEL"))
		r = change_pairs(config, text, set_label);
	else if (IS("EXPOSE"))
		r = change_set(config, "ExposedPorts", text, "/tcp");
	else if (IS("VOLUME"))
		r = change_set(config, "Volumes", text, "");
	else if (IS("WORKDIR"))
		r = change_workdir(config, text);
	else if (IS("USER"))
		r = json_object_set_new(config, "User", json_string(text));
	else if (IS("STOPSIGNAL"))
		r = json_object_set_new(config, "StopSignal", json_string(text));
	else if (IS("HEALTHCHECK") && strcasecmp(text, "NONE") == 0)
		r = json_object_set_new(config, "Healthcheck", json_pack("{s:[s]}", "Test", "NONE"));
#undef IS
	return r ? complain(EXIT_FAILED,
			   "--change \"%s\" is not understood: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and "
			   "WORKDIR are, as in a Dockerfile",
			   instruction)
		 : 0;
}
