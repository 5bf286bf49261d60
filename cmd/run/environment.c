/* SPDX-License-Identifier: MIT */
/* The environment of a sandboxed program. Nothing of the caller's comes in but what -e NAME asks for. */
#include "cmd/run/environment.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/message.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* NAME=VALUE sets; NAME copies the caller's value, or takes the variable away if the caller has none, as docker. Without
 * `copy` (the options are an entry's, for which that was done) it takes it away. */
static void set_or_copy(struct str_list *env, const char *text, bool copy)
{
	const char *value;
	char **old;

	if (strchr(text, '=')) {
		env_set(env, xstrdup(text));
		return;
	}
	value = copy ? getenv(text) : NULL;
	old = env_find(env, text);
	if (value) {
		env_set(env, xasprintf("%s=%s", text, value));
	} else if (old) {
		free(*old);
		*old = env->items[--env->count];
		env->items[env->count] = NULL;
	}
}

/* A line of an --env-file: comments and empty lines are skipped, white space before a name is dropped. */
static int env_line(struct str_list *env, char *line, const char *path, unsigned int number)
{
	line += strspn(line, " \t");
	line[strcspn(line, "\r\n")] = '\0';
	if (*line == '\0' || *line == '#')
		return 0;
	if (*line == '=' || strcspn(line, " \t") < env_name_len(line))
		return complain(EXIT_PICKET, "%s, line %u: \"%.*s\" is no name of a variable", path, number,
			(int)env_name_len(line), line);
	set_or_copy(env, line, true);
	return 0;
}

static int env_file(struct str_list *env, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	unsigned int number = 0;
	int r = 0;

	if (!f)
		return complain(EXIT_PICKET, "cannot read the variables in %s: %s", path, strerror(errno));
	while (r == 0 && getline(&line, &size, f) >= 0)
		r = env_line(env, line, path, ++number);
	if (r == 0 && ferror(f))
		r = complain(EXIT_PICKET, "cannot read the variables in %s: %s", path, strerror(errno));
	free(line);
	fclose(f);
	return r;
}

/* --allow-env: the caller's variables of that name, or that the pattern fits; what is not set is no error. */
static int allow(struct str_list *env, const char *pattern)
{
	extern char **environ;

	if (!*pattern || strchr(pattern, '=') || strspn(pattern, "*?") == strlen(pattern))
		return complain(EXIT_PICKET, "--allow-env takes the name of a variable, or a pattern such as NPM_*, not \"%s\"",
			pattern);
	for (char **v = environ; *v; v++) {
		char *name = xstrndup(*v, env_name_len(*v));

		if (strchr(*v, '=') && *name && fnmatch(pattern, name, 0) == 0)
			env_set(env, xstrdup(*v));
		free(name);
	}
	return 0;
}

int read_environment(struct str_list *env, const struct str_list *files, const struct str_list *set, bool copy)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->count; i++)
		r = env_file(env, files->items[i]);
	for (size_t i = 0; r == 0 && i < set->count; i++) {
		if (set->items[i][0] == '\0' || set->items[i][0] == '=')
			return complain(EXIT_PICKET, "-e \"%s\" has no name of a variable", set->items[i]);
		set_or_copy(env, set->items[i], copy);
	}
	return r;
}

/* What the options ask for, in the order of their weight. */
static int chosen(struct str_list *env, const struct run_options *o)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->allow_env.count; i++)
		r = allow(env, o->allow_env.items[i]);
	return r ? r : read_environment(env, &o->env_files, &o->env, !o->resolved);
}

int collect_environment(struct str_list *env, const struct run_options *o, char *const *image, const char *hostname)
{
	env_set(env, xstrdup(DEFAULT_PATH));
	env_set(env, xasprintf("HOSTNAME=%s", hostname));
	if (o->tty)
		env_set(env, xstrdup("TERM=xterm"));
	for (; image && *image; image++)
		if (strchr(*image, '=') && **image != '=')
			env_set(env, xstrdup(*image));
	return chosen(env, o);
}

int chosen_environment(struct str_list *env, const struct run_options *o)
{
	int r = chosen(env, o);

	/* What has no value now takes the image's away: the name alone says so later too. */
	for (size_t i = 0; r == 0 && i < o->env.count; i++)
		if (!strchr(o->env.items[i], '=') && !env_find(env, o->env.items[i]))
			str_list_add(env, xstrdup(o->env.items[i]));
	return r;
}
