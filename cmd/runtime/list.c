/* SPDX-License-Identifier: MIT */
/* `list`: all containers of a root. */
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/jtext.h"
#include "cmd/lib/str.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/state.h"

struct arguments {
	const char *format;
	bool quiet;
};

static const struct option_row options[] = {
	{OPTION_TEXT, "format", 'f', offsetof(struct arguments, format), "table or json"},
	{OPTION_FLAG, "quiet", 'q', offsetof(struct arguments, quiet), "show the ids alone"},
	{OPTION_END},
};

enum column { COLUMN_ID, COLUMN_PID, COLUMN_STATUS, COLUMN_BUNDLE, COLUMN_CREATED, COLUMN_OWNER, COLUMN_COUNT };

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What all containers are, as `state` shows each; those that vanish meanwhile are not there. */
static json_t *gather(const struct runtime *rt, const struct str_list *ids)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < ids->count; i++) {
		struct container c;
		json_t *v;

		if (container_find(rt, ids->items[i], &c) < 0)
			continue;
		v = container_oci_state(&c, container_status(&c));
		json_object_set_new(v, "rootfs", jtext(c.rootfs));
		json_object_set_new(v, "created", jtext(c.created));
		json_object_set_new(v, "owner", jtext(c.owner));
		json_array_append_new(rows, v);
		container_close(&c);
	}
	return rows;
}

static const char *cell(const json_t *row, enum column col, char number[static 16])
{
	static const char *const keys[] = {"id", "pid", "status", "bundle", "created", "owner"};
	const json_t *v = json_object_get(row, keys[col]);

	if (!json_is_integer(v))
		return json_string_value(v);
	snprintf(number, 16, "%lld", (long long)json_integer_value(v));
	return number;
}

static void print_table(const json_t *rows)
{
	static const char *const heads[] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
	size_t widths[COLUMN_COUNT], i;
	const json_t *row;
	char number[16];

	for (unsigned int col = 0; col < COLUMN_COUNT; col++)
		widths[col] = 9; /* two blanks less than runc's twelve */
	json_array_foreach(rows, i, row)
		for (unsigned int col = 0; col < COLUMN_COUNT; col++)
			if (strlen(cell(row, col, number)) > widths[col])
				widths[col] = strlen(cell(row, col, number));
	for (unsigned int col = 0; col < COLUMN_COUNT; col++)
		printf("%-*s%s", col + 1 < COLUMN_COUNT ? (int)widths[col] + 3 : 0, heads[col], col + 1 < COLUMN_COUNT ? "" : "\n");
	json_array_foreach(rows, i, row)
		for (unsigned int col = 0; col < COLUMN_COUNT; col++)
			printf("%-*s%s", col + 1 < COLUMN_COUNT ? (int)widths[col] + 3 : 0, cell(row, col, number),
				col + 1 < COLUMN_COUNT ? "" : "\n");
}

static int print(const struct arguments *a, const struct str_list *ids, const json_t *rows)
{
	if (a->quiet) {
		for (size_t i = 0; i < ids->count; i++)
			puts(ids->items[i]);
	} else if (a->format && strcmp(a->format, "json") == 0) {
		json_dumpf(rows, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_table(rows);
	}
	return 0;
}

static int run_list(const struct runtime *rt, int argc, char **argv)
{
	struct arguments a = {0};
	struct str_list ids = {0};
	json_t *rows;

	if (options_words(options, &a, 0, 0, argc, argv) < 0)
		return 1;
	if (a.format && strcmp(a.format, "json") != 0 && strcmp(a.format, "table") != 0)
		return fail("--format is table or json, not %s", a.format);
	if (containers_list(rt, &ids) < 0)
		return 1;
	if (ids.count)
		qsort(ids.items, ids.count, sizeof(*ids.items), by_name);
	rows = gather(rt, &ids);
	print(&a, &ids, rows);
	json_decref(rows);
	str_list_free(&ids);
	return 0;
}

const struct verb verb_list = {"list", "[OPTIONS]", "list the containers", run_list, options};
