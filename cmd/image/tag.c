/* SPDX-License-Identifier: MIT */
/* picket tag and picket history. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/keep/events.h"
#include "cmd/commands.h"
#include "cmd/lib/columns.h"
#include "cmd/lib/jtext.h"
#include "cmd/lib/message.h"
#include "fuse-snap/store.h"

static int tag(struct store *s, const char *from, const char *to, struct snap_error *e)
{
	struct store_txn *txn = NULL;
	struct ref_name name;
	struct image_ref ref;
	int r = ref_parse(to, &name, e);

	if (r == 0 && (!*name.tag || name.has_digest))
		return snap_fail(e, EINVAL, "an image is given a name with a tag, not with a digest: %s", to);
	if (r == 0)
		r = store_begin(s, &txn, e); /* before it is looked up: it is not collected then */
	if (r == 0)
		r = store_resolve(s, from, &ref, e);
	if (r == 0) {
		ref_canonical(&name, ref.name);
		r = store_set_ref(txn, &ref, e);
	}
	store_end(txn);
	return r;
}

int cmd_tag(const void *opts, int argc, char **argv)
{
	struct snap_error e;
	struct store *s;
	int r = store_open(NULL, &s, &e);

	if (r == 0) {
		r = tag(s, argv[0], argv[1], &e);
		if (r == 0)
			event_note("image", "tag", argv[0], json_pack("{s:s}", "name", argv[1]));
		store_close(s);
	}
	return r ? complain(EXIT_FAILED, "%s", e.text) : EXIT_OK;
}

static const struct list_column history_columns[] = {
	{"ID", "IMAGE", COLUMN_SHOWN},
	{"CreatedSince", "CREATED", COLUMN_SHOWN},
	{"CreatedBy", "CREATED BY", COLUMN_SHOWN | COLUMN_SHRINK},
	{"Size", "SIZE", COLUMN_SHOWN},
	{"Comment", "COMMENT", COLUMN_SHOWN},
	{"CreatedAt", "CREATED AT", 0},
};

static int64_t time_of(const char *text)
{
	struct tm tm = {0};

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
			    &tm.tm_sec) != 6)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return timegm(&tm);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* Bytes of files that the layer holds; 0 if it is not there any more. */
static uint64_t layer_bytes(const struct store *s, const char *diffid)
{
	struct digest d;
	uint64_t size = 0;

	if (diffid && digest_parse(diffid, &d) == 0)
		store_layer_size(s, &d, &size, NULL);
	return size;
}

static json_t *history_row(const struct store *s, const json_t *h, const char *id, const char *diffid,
	const struct history_options *o)
{
	char age[64], size[32];
	const char *by = text_of(h, "created_by");
	char *shown = o->no_trunc || strlen(by) <= 45 ? xstrdup(by) : xasprintf("%.44s…", by);
	json_t *row = json_pack("{s:s, s:s, s:o, s:s, s:s, s:s}", "ID", id, "CreatedSince",
		human_age(time_of(text_of(h, "created")), time(NULL), age, sizeof(age)), "CreatedBy", jtext(shown), "Size",
		human_size(layer_bytes(s, diffid), size, sizeof(size)), "Comment", text_of(h, "comment"), "CreatedAt",
		text_of(h, "created"));

	free(shown);
	return row;
}

static json_t *history_rows(const struct store *s, const json_t *config, const char *id, const struct history_options *o)
{
	const json_t *history = json_object_get(config, "history"), *h,
		     *ids = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
	json_t *rows = json_array();
	size_t i, layer = 0;

	json_array_foreach(history, i, h) {
		bool empty = json_is_true(json_object_get(h, "empty_layer"));
		const char *diffid = empty ? NULL : json_string_value(json_array_get(ids, layer++));

		json_array_insert_new(rows, 0,
			history_row(s, h, i + 1 == json_array_size(history) ? id : "<missing>", diffid, o));
	}
	return rows;
}

int cmd_history(const void *opts, int argc, char **argv)
{
	const struct history_options *o = opts;
	char id[DIGEST_TEXT_LEN + 1];
	json_t *config, *rows, *row;
	struct image_ref ref;
	struct snap_error e;
	struct store *s;
	size_t len, i;
	void *data;
	int r = store_open(NULL, &s, &e);

	if (r < 0)
		return complain(EXIT_FAILED, "%s", e.text);
	if (store_resolve(s, argv[0], &ref, &e) < 0 || store_get_blob(s, &ref.config, &data, &len, &e) < 0) {
		store_close(s);
		return complain(EXIT_FAILED, "%s", e.text);
	}
	config = json_loadb(data, len, 0, NULL);
	free(data);
	digest_text(&ref.config, id);
	rows = history_rows(s, config, o->no_trunc ? id : (id[7 + 12] = '\0', id + 7), o);
	store_close(s);
	json_decref(config);
	if (o->quiet) {
		json_array_foreach(rows, i, row)
			puts(text_of(row, "ID"));
		r = finish_output();
	} else {
		r = print_list(o->format, history_columns, sizeof(history_columns) / sizeof(history_columns[0]), rows, stdout);
	}
	json_decref(rows);
	return r;
}
