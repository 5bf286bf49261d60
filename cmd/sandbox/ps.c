/* SPDX-License-Identifier: MIT */
/* picket ps. */
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/lib/columns.h"
#include "cmd/lib/message.h"
#include "cmd/sandbox/describe.h"
#include "cmd/sandbox/filter.h"

static const struct list_column columns[] = {
	{"ID", "CONTAINER ID", COLUMN_SHOWN},
	{"Image", "IMAGE", COLUMN_SHOWN | COLUMN_SHRINK},
	{"Command", "COMMAND", COLUMN_SHOWN | COLUMN_SHRINK},
	{"RunningFor", "CREATED", COLUMN_SHOWN},
	{"Status", "STATUS", COLUMN_SHOWN},
	{"Ports", "PORTS", COLUMN_SHOWN | COLUMN_SHRINK},
	{"Names", "NAMES", COLUMN_SHOWN},
	{"Size", "SIZE", COLUMN_SHOWN},
	{"CreatedAt", "CREATED AT", 0},
	{"Labels", "LABELS", 0},
	{"LocalVolumes", "LOCAL VOLUMES", 0},
	{"Mounts", "MOUNTS", 0},
	{"Networks", "NETWORKS", 0},
	{"State", "STATE", 0},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

/* The entries that are wanted, in the order of the list. */
static json_t *make_rows(const struct ps_options *o, const struct filters *f, const struct entry_list *list, bool sizes)
{
	int64_t now = time_now(), left = o->latest ? 1 : o->last > 0 ? o->last : INT64_MAX;
	json_t *rows = json_array();

	for (size_t i = 0; left > 0 && i < list->count; i++) {
		const struct entry *e = &list->items[i];

		if (!filters_pass(f, e))
			continue;
		left--;
		if (o->quiet && !o->format)
			puts(o->no_trunc ? e->id : e->short_id);
		else
			json_array_append_new(rows, ps_row(e, now, o->no_trunc, sizes));
	}
	return rows;
}

/* Without --size the table has no column for it. */
static int print_rows(const struct ps_options *o, const json_t *rows)
{
	struct list_column shown[COLUMN_COUNT];

	memcpy(shown, columns, sizeof(shown));
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		if (o->no_trunc)
			shown[i].flags &= ~(unsigned int)COLUMN_SHRINK;
		if (!o->size && strcmp(shown[i].key, "Size") == 0)
			shown[i].flags = 0;
	}
	return print_list(o->format, shown, COLUMN_COUNT, rows, stdout);
}

int cmd_ps(const void *opts, int argc, char **argv)
{
	const struct ps_options *o = opts;
	struct entry_list list = {0};
	struct filters f;
	char *err = NULL;
	int status = check_list_format(o->format);
	bool all, sizes;
	json_t *rows;

	if (status)
		return status;
	status = filters_parse(&o->filters, PS_FILTERS, &f);
	if (status) {
		filters_free(&f);
		return status;
	}
	all = o->all || o->latest || o->last > 0 || filters_have(&f, "status") || filters_have(&f, "exited");
	sizes = o->size || (o->format && strstr(o->format, ".Size"));
	if (entries_list(all ? 0 : ENTRIES_LIVE, &list, &err) < 0)
		status = complain(EXIT_FAILED, "%s", err);
	free(err);
	rows = make_rows(o, &f, &list, sizes);
	if (!o->quiet || o->format)
		status = print_rows(o, rows) ? EXIT_FAILED : status;
	json_decref(rows);
	entry_list_free(&list);
	filters_free(&f);
	return status ? status : finish_output();
}
