/* SPDX-License-Identifier: MIT */
/*
 * Option parsing with docker's conventions: --name VALUE, --name=VALUE, -nVALUE, -n VALUE, flags in one word (-it),
 * --flag=false, `--` ends the options. `run` ends them at its first argument too.
 */
#include "cmd/options.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/message.h"
#include "cmd/lib/str.h"
#include "fuse-snap/distance.h"

struct parser {
	const struct cmd_spec *cmd;
	struct parsed *out;
	int argc;
	char **argv;
	int at; /* the next word */
};

const struct opt_spec *find_option(const struct cmd_spec *cmd, const char *name, size_t len)
{
	for (size_t i = 0; i < cmd->opt_count; i++)
		if (strlen(cmd->opts[i].name) == len && strncmp(cmd->opts[i].name, name, len) == 0)
			return &cmd->opts[i];
	return NULL;
}

static const struct opt_spec *find_short(const struct cmd_spec *cmd, char letter)
{
	for (size_t i = 0; i < cmd->opt_count; i++)
		if (cmd->opts[i].letter == letter)
			return &cmd->opts[i];
	return NULL;
}

/* The only option that begins like this; NULL if there are several or none. */
static const char *completed_option(const struct cmd_spec *cmd, const char *name)
{
	size_t len = strlen(name), n = 0;
	const char *found = NULL;

	for (size_t i = 0; len >= 3 && i < cmd->opt_count; i++) {
		if (strncmp(name, cmd->opts[i].name, len) == 0 && !cmd->opts[i].hidden) {
			found = cmd->opts[i].name;
			n++;
		}
	}
	return n == 1 ? found : NULL;
}

const char *near_option(const struct cmd_spec *cmd, const char *name)
{
	size_t best = 3;
	const char *near = completed_option(cmd, name);

	if (near)
		return near;
	for (size_t i = 0; i < cmd->opt_count; i++) {
		size_t d = word_distance(name, cmd->opts[i].name, best - 1);

		if (d < best && !cmd->opts[i].hidden) {
			best = d;
			near = cmd->opts[i].name;
		}
	}
	return near;
}

static int unknown_option(const struct parser *p, const char *word)
{
	/* One dash and a word: -name for --name. */
	const char *near = strlen(word) > 2 ? near_option(p->cmd, word + 1 + (word[1] == '-')) : NULL;

	if (near)
		return complain(p->cmd->failure, "unknown option %s of picket %s; did you mean --%s?", word,
			p->cmd->name, near);
	return complain(p->cmd->failure, "unknown option %s of picket %s; see picket %s --help", word, p->cmd->name,
		p->cmd->name);
}

static int set_flag(const char *value, bool *field)
{
	static const char *const yes[] = {"true", "1", "t", "yes"}, *const no[] = {"false", "0", "f", "no"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
			*field = strcmp(value, yes[i]) == 0;
			return 0;
		}
	}
	return -1;
}

/* A choice that ends with a colon stands for all that begin so and go on. */
static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (const char *c = choices; len && *c; c += strcspn(c, " "), c += strspn(c, " ")) {
		size_t n = strcspn(c, " ");

		if (c[n - 1] == ':' ? len > n && strncmp(c, value, n) == 0 : len == n && strncmp(c, value, n) == 0)
			return true;
	}
	return false;
}

/* The choice that a mistyped value is likely to mean; false if none. */
static bool near_choice(const char *choices, const char *value, char *buf, size_t len)
{
	size_t best = strlen(value) < 4 ? 2 : 3;
	bool found = false;

	for (const char *c = choices; c && *c; c += strcspn(c, " "), c += strspn(c, " ")) {
		char word[64];
		size_t d;

		snprintf(word, sizeof(word), "%.*s", (int)strcspn(c, " "), c);
		d = word_distance(value, word, best - 1);
		if (d < best) {
			best = d;
			found = true;
			snprintf(buf, len, "%s", word);
		}
	}
	return found;
}

static int bad_choice(const struct opt_spec *o, const char *value, char *why, size_t len)
{
	char near[64];

	if (near_choice(o->choices, value, near, sizeof(near)))
		snprintf(why, len, "takes one of: %s; not \"%s\"; did you mean %s?", o->choices, value, near);
	else
		snprintf(why, len, "takes one of: %s; not \"%s\"", o->choices, value);
	return -1;
}

int option_store(const struct opt_spec *o, void *opts, char *value, char *why, size_t len)
{
	void *field = (char *)opts + o->offset;
	int r = 0;

	switch (o->kind) {
	case OPT_FLAG:
		r = set_flag(value ? value : "true", field);
		break;
	case OPT_STRING:
		*(const char **)field = value;
		break;
	case OPT_OPTIONAL:
		*(const char **)field = value ? value : "";
		break;
	case OPT_CHOICE:
		if (!is_choice(o->choices, value))
			return bad_choice(o, value, why, len);
		*(const char **)field = value;
		break;
	case OPT_LIST:
		str_list_add(field, value);
		break;
	case OPT_SIZE:
		r = parse_size(value, field);
		break;
	case OPT_NUMBER:
		r = parse_number(value, -1, INT64_C(1) << 40, field);
		break;
	case OPT_REFUSED:
		snprintf(why, len, "is not offered: %s", o->help);
		return -1;
	}
	if (r == 0)
		return 0;
	if (o->kind == OPT_FLAG)
		snprintf(why, len, "is a switch: it takes =true or =false, not \"%s\"", value);
	else
		snprintf(why, len, "takes %s, not \"%s\"",
			o->kind == OPT_SIZE ? "a size such as 512m or 2g" : "a number", value);
	return -1;
}

static int set_value(const struct parser *p, const struct opt_spec *o, char *value)
{
	char why[1024];

	p->out->given[o - p->cmd->opts] = true;
	if (option_store(o, p->out->opts, value, why, sizeof(why)) < 0)
		return complain(p->cmd->failure, "--%s %s", o->name, why);
	return 0;
}

bool option_given(const struct cmd_spec *cmd, const struct parsed *p, const struct opt_spec *o)
{
	for (size_t i = 0; i < cmd->opt_count; i++)
		if (p->given[i] && cmd->opts[i].offset == o->offset && cmd->opts[i].kind != OPT_REFUSED)
			return true;
	return false;
}

static bool takes_next(const struct opt_spec *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_OPTIONAL && o->kind != OPT_REFUSED;
}

static int next_value(struct parser *p, const struct opt_spec *o, const char *word, char **value)
{
	if (p->at >= p->argc)
		return complain(p->cmd->failure, "option %s of picket %s needs a value", word, p->cmd->name);
	*value = p->argv[p->at++];
	return 0;
}

static int parse_long(struct parser *p, char *word)
{
	char *name = word + 2, *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
	const struct opt_spec *o = find_option(p->cmd, name, equals ? (size_t)(equals - name) : strlen(name));
	int r;

	if (!o && strcmp(word, "--help") == 0) {
		p->out->help = true;
		return 0;
	}
	if (!o) {
		if (equals)
			*equals = '\0';
		return unknown_option(p, word);
	}
	if (!value && takes_next(o)) {
		r = next_value(p, o, word, &value);
		if (r)
			return r;
	}
	return set_value(p, o, value);
}

/* -abc: flags until an option that takes a value, which is the rest of the word or the next one. */
static int parse_short(struct parser *p, char *word)
{
	for (char *c = word + 1; *c; c++) {
		const struct opt_spec *o = find_short(p->cmd, *c);
		char name[3] = {'-', *c, '\0'};
		char *value = NULL;
		int r;

		if (!o && *c == 'h') {
			p->out->help = true;
			return 0;
		}
		if (!o)
			return unknown_option(p, c == word + 1 ? word : name);
		if (c[1] == '=')
			value = c + 2;
		else if (takes_next(o) && c[1])
			value = c + 1;
		if (!value && takes_next(o)) {
			r = next_value(p, o, name, &value);
			if (r)
				return r;
		}
		r = set_value(p, o, value);
		if (r || value)
			return r;
	}
	return 0;
}

static int check_count(const struct parser *p)
{
	const struct cmd_spec *cmd = p->cmd;

	if (p->out->help)
		return 0;
	if (p->out->argc < cmd->min_args)
		return complain(cmd->failure, "picket %s needs %s: picket %s %s", cmd->name,
			cmd->min_args == 1 ? "an argument" : "more arguments", cmd->name, cmd->usage);
	if (cmd->max_args >= 0 && p->out->argc > cmd->max_args)
		return complain(cmd->failure, "picket %s: unexpected argument \"%s\"; usage: picket %s %s", cmd->name,
			p->out->argv[cmd->max_args], cmd->name, cmd->usage);
	return 0;
}

/*
 * `run host --share . -- CMD`: where the word behind `host` is an option and a `--` follows, the words up to it are
 * Picket's. Without a `--` they belong to the program, as with an image.
 */
static bool options_behind_host(const struct parser *p, const char *word)
{
	if (strcmp(word, "host") != 0 || p->at >= p->argc || p->argv[p->at][0] != '-' ||
		strcmp(p->argv[p->at], "--") == 0)
		return false;
	for (int i = p->at; i < p->argc; i++)
		if (strcmp(p->argv[i], "--") == 0)
			return true;
	return false;
}

int parse_options(const struct cmd_spec *cmd, int argc, char **argv, struct parsed *ret)
{
	struct parser p = {.cmd = cmd, .out = ret, .argc = argc, .argv = argv};
	bool options = true, behind_host = false;
	int r = 0;

	*ret = (struct parsed){.opts = xcalloc(1, cmd->opts_size),
		.argv = xcalloc((size_t)argc + 1, sizeof(*ret->argv)),
		.given = xcalloc(cmd->opt_count, sizeof(*ret->given))};
	while (r == 0 && !ret->help && p.at < argc) {
		char *word = argv[p.at++];

		if (!options || word[0] != '-' || word[1] == '\0') {
			if (behind_host)
				return complain(cmd->failure,
					"\"%s\" between host and -- is no option; the command belongs behind the --", word);
			ret->argv[ret->argc++] = word;
			behind_host = options && cmd->stop_at_arg && options_behind_host(&p, word);
			options = options && (!cmd->stop_at_arg || behind_host);
		} else if (strcmp(word, "--") == 0) {
			options = behind_host = false;
		} else {
			r = word[1] == '-' ? parse_long(&p, word) : parse_short(&p, word);
		}
	}
	return r ? r : check_count(&p);
}

void parsed_free(const struct cmd_spec *cmd, struct parsed *p)
{
	for (size_t i = 0; p->opts && i < cmd->opt_count; i++) {
		struct str_list *list = (struct str_list *)((char *)p->opts + cmd->opts[i].offset);

		if (cmd->opts[i].kind == OPT_LIST) {
			free(list->items);
			*list = (struct str_list){0};
		}
	}
	free(p->opts);
	free(p->argv);
	free(p->given);
	*p = (struct parsed){0};
}

/* Whether an earlier row fills the same field: --net and --network. */
static bool is_alias(const struct cmd_spec *cmd, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (cmd->opts[j].offset == cmd->opts[i].offset && cmd->opts[j].kind != OPT_REFUSED)
			return true;
	return false;
}

static void dump_option(const struct opt_spec *o, const void *field, struct str_list *words)
{
	const struct str_list *list = field;
	const char *text;

	switch (o->kind) {
	case OPT_FLAG:
		if (*(const bool *)field)
			str_list_add(words, xasprintf("--%s", o->name));
		break;
	case OPT_STRING:
	case OPT_CHOICE:
	case OPT_OPTIONAL:
		text = *(const char *const *)field;
		if (text && (*text || o->kind != OPT_OPTIONAL))
			str_list_add(words, xasprintf("--%s=%s", o->name, text));
		else if (text)
			str_list_add(words, xasprintf("--%s", o->name));
		break;
	case OPT_LIST:
		for (size_t i = 0; i < list->count; i++)
			str_list_add(words, xasprintf("--%s=%s", o->name, list->items[i]));
		break;
	case OPT_SIZE:
	case OPT_NUMBER:
		if (*(const int64_t *)field)
			str_list_add(words, xasprintf("--%s=%lld", o->name, (long long)*(const int64_t *)field));
		break;
	case OPT_REFUSED:
		break;
	}
}

void dump_options(const struct cmd_spec *cmd, const void *opts, struct str_list *words)
{
	for (size_t i = 0; i < cmd->opt_count; i++)
		if (cmd->opts[i].kind != OPT_REFUSED && !is_alias(cmd, i))
			dump_option(&cmd->opts[i], (const char *)opts + cmd->opts[i].offset, words);
}
