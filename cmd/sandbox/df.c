/* SPDX-License-Identifier: MIT */
/* picket system df: what images, sandboxes and volumes take, and what would be free without those that nothing uses. */
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/image/collect.h"
#include "cmd/keep/record.h"
#include "cmd/keep/volumes.h"
#include "cmd/lib/columns.h"
#include "cmd/lib/message.h"
#include "cmd/sandbox/control.h"
#include "cmd/sandbox/describe.h"
#include "fuse-snap/store.h"

struct use {
	const char *type;
	size_t total, active;
	uint64_t size, idle; /* bytes: of all, and of those that are not active */
};

static void add(struct use *u, bool active, uint64_t size)
{
	u->total++;
	u->active += active;
	u->size += size;
	u->idle += active ? 0 : size;
}

/* An image of several names counts once; layers that images share count in each. */
static int images_use(const struct entry_list *entries, struct use *u)
{
	struct image_ref *refs = NULL;
	struct store *s;
	struct snap_error e;
	size_t count = 0;

	if (store_open(NULL, &s, &e) < 0)
		return complain(EXIT_FAILED, "%s", e.text);
	if (store_list_refs(s, &refs, &count, &e) < 0) {
		store_close(s);
		return complain(EXIT_FAILED, "%s", e.text);
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t size = 0;
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen |= digest_equal(&refs[k].config, &refs[i].config);
		if (seen)
			continue;
		store_image_size(s, &refs[i].chain, &size, NULL);
		add(u, image_user(entries, &refs[i]), size);
	}
	free(refs);
	store_close(s);
	return 0;
}

static int volumes_use(struct use *u)
{
	struct volume_list list = {0};
	char *err = NULL;

	if (volumes_list(&list, &err) < 0) {
		complain(0, "%s", err);
		free(err);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < list.count; i++) {
		struct str_list users = {0};

		volume_users(&list.items[i], &users);
		add(u, users.count, volume_size(&list.items[i]));
		str_list_free(&users);
	}
	volume_list_free(&list);
	return 0;
}

static json_t *row(const struct use *u)
{
	char size[32], idle[32], part[16] = "";

	human_size(u->size, size, sizeof(size));
	human_size(u->idle, idle, sizeof(idle));
	if (u->size)
		snprintf(part, sizeof(part), " (%.0f%%)", 100.0 * (double)u->idle / (double)u->size);
	return json_pack("{s:s s:o s:o s:s s:o}", "Type", u->type, "TotalCount", json_sprintf("%zu", u->total), "Active",
		json_sprintf("%zu", u->active), "Size", size, "Reclaimable", json_sprintf("%s%s", idle, part));
}

int cmd_system_df(const void *opts, int argc, char **argv)
{
	static const struct list_column columns[] = {
		{"Type", "TYPE", COLUMN_SHOWN},
		{"TotalCount", "TOTAL", COLUMN_SHOWN},
		{"Active", "ACTIVE", COLUMN_SHOWN},
		{"Size", "SIZE", COLUMN_SHOWN},
		{"Reclaimable", "RECLAIMABLE", COLUMN_SHOWN},
	};
	struct use uses[] = {{"Images"}, {"Containers"}, {"Local Volumes"}};
	const struct list_options *o = opts;
	struct entry_list entries = {0};
	char *err = NULL;
	json_t *rows;
	int status = check_list_format(o->format);

	if (status)
		return status;
	if (entries_list(0, &entries, &err) < 0)
		status = complain(EXIT_FAILED, "%s", err);
	for (size_t i = 0; status == 0 && i < entries.count; i++)
		add(&uses[1], is_live(&entries.items[i]), entry_size(&entries.items[i]));
	if (status == 0)
		status = images_use(&entries, &uses[0]);
	if (status == 0)
		status = volumes_use(&uses[2]);
	entry_list_free(&entries);
	free(err);
	if (status)
		return status;
	rows = json_array();
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		json_array_append_new(rows, row(&uses[i]));
	status = print_list(o->format, columns, sizeof(columns) / sizeof(columns[0]), rows, stdout);
	json_decref(rows);
	return status ? status : finish_output();
}
