/* SPDX-License-Identifier: MIT */
/* Options as callers write them: for runc (Go: -name is --name, --flag=true) and for crun (getopt: letters together). */
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/str.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"

static bool takes_value(const struct option_row *o)
{
	return o->kind == OPTION_TEXT || o->kind == OPTION_NUMBER || o->kind == OPTION_LIST || o->kind == OPTION_UNUSED;
}

static const struct option_row *find_name(const struct option_row *rows, const char *name, size_t len)
{
	for (; rows->kind != OPTION_END; rows++)
		if (rows->name && strlen(rows->name) == len && memcmp(rows->name, name, len) == 0)
			return rows;
	return NULL;
}

static const struct option_row *find_letter(const struct option_row *rows, char letter)
{
	for (; rows->kind != OPTION_END; rows++)
		if (rows->letter && rows->letter == letter)
			return rows;
	return NULL;
}

static int set_flag(const struct option_row *o, void *into, const char *value)
{
	bool on = !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;

	if (!on && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
		return fail("--%s is true or false, not %s", o->name, value);
	if (o->kind == OPTION_FLAG)
		memcpy((char *)into + o->at, &on, sizeof(on));
	return 0;
}

static int set_value(const struct option_row *o, void *into, char *value)
{
	void *at = (char *)into + o->at;
	int64_t number;

	if (o->kind == OPTION_TEXT) {
		memcpy(at, &value, sizeof(value));
	} else if (o->kind == OPTION_LIST) {
		str_list_add(at, xstrdup(value));
	} else if (o->kind == OPTION_NUMBER) {
		if (parse_number(value, 0, INT32_MAX, &number) < 0)
			return fail("--%s is a number, not %s", o->name, value);
		memcpy(at, &(int){(int)number}, sizeof(int));
	}
	return 0;
}

/* argv[*i] is an option; *i is moved to its value, if that is the next word. */
static int set_option(const struct option_row *o, void *into, char *value, int *i, int argc, char **argv)
{
	if (!takes_value(o))
		return set_flag(o, into, value);
	if (!value && *i + 1 < argc)
		value = argv[++*i];
	return value ? set_value(o, into, value) : fail("option --%s needs a value", o->name);
}

/* -abc: letters, of which the last may have a value, in the same word or the next. */
static int read_letters(const struct option_row *rows, void *into, int *i, int argc, char **argv)
{
	const char *word = argv[*i];

	for (char *p = argv[*i] + 1; *p; p++) {
		const struct option_row *o = find_letter(rows, *p);
		char *value = NULL;

		if (!o)
			return fail("%s: there is no option %s", argv[0], word);
		if (takes_value(o) && p[1])
			value = p[1] == '=' ? p + 2 : p + 1;
		if (set_option(o, into, value, i, argc, argv) < 0)
			return -1;
		if (takes_value(o))
			break;
	}
	return 0;
}

static int read_option(const struct option_row *rows, void *into, int *i, int argc, char **argv)
{
	char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1), *value = strchr(name, '=');
	size_t len = value ? (size_t)(value - name) : strlen(name);
	const struct option_row *o = find_name(rows, name, len);

	if (o)
		return set_option(o, into, value ? value + 1 : NULL, i, argc, argv);
	if (argv[*i][1] == '-')
		return fail("%s: there is no option %s", argv[0], argv[*i]);
	return read_letters(rows, into, i, argc, argv);
}

int options_read(const struct option_row *rows, void *into, bool leading, int argc, char **argv)
{
	bool options = true;
	int words = 0;

	for (int i = 1; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			if (read_option(rows, into, &i, argc, argv) < 0)
				return -1;
		} else {
			argv[++words] = argv[i];
			options = options && !leading;
		}
	}
	argv[words + 1] = NULL;
	return words;
}

int options_words(const struct option_row *rows, void *into, int min, int max, int argc, char **argv)
{
	int words = options_read(rows, into, false, argc, argv);

	if (words < 0 || (words >= min && words <= max))
		return words;
	return min == max ? fail("\"%s\" requires exactly %d argument(s)", argv[0], min)
			  : fail("\"%s\" requires %d to %d arguments", argv[0], min, max);
}
