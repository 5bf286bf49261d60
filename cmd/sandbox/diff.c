/* SPDX-License-Identifier: MIT */
/* picket diff: what a kept sandbox has changed, in its tree and in the directories of its --share-cow. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/lib/escape.h"
#include "cmd/lib/jtext.h"
#include "cmd/lib/message.h"
#include "cmd/sandbox/layers.h"

struct diff {
	const struct layers *layers;
	const struct layer_view *view;
	struct str_list parents; /* paths of directories that were not told yet: are so once something in them is */
	json_t *rows;		 /* NULL: lines */
};

static char letter_of(enum upper_kind kind)
{
	return kind == UPPER_ADDED ? 'A' : kind == UPPER_DELETED ? 'D' : 'C';
}

static void tell(struct diff *d, char letter, const char *below)
{
	char *path = layer_path(d->view, below);

	if (d->rows) {
		json_t *row = json_pack("{s:s, s:o}", "change",
			letter == 'A' ? "added" : letter == 'D' ? "deleted" : "changed", "path", jtext(path));

		if (d->view->share)
			json_object_set_new(row, "share", jtext(d->view->share));
		json_array_append_new(d->rows, row);
	} else {
		make_printable(path, "");
		printf("%c %s\n", letter, path);
	}
	free(path);
}

static bool is_above(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	return strcmp(dir, "/") == 0 || (strncmp(dir, path, len) == 0 && path[len] == '/');
}

static void drop_last(struct str_list *list)
{
	free(list->items[--list->count]);
	list->items[list->count] = NULL;
}

static int each(void *ctx, const struct upper_change *c)
{
	struct diff *d = ctx;

	if (layer_is_ours(d->view, c->path))
		return 0;
	while (d->parents.count && !is_above(d->parents.items[d->parents.count - 1], c->path))
		drop_last(&d->parents);
	if (c->kind == UPPER_PARENT || layer_is_scaffold(d->layers, d->view, c)) {
		str_list_add(&d->parents, xstrdup(c->path));
		return 0;
	}
	for (size_t i = 0; i < d->parents.count; i++) {
		if (d->parents.items[i][0] && strcmp(d->parents.items[i], "/") != 0)
			tell(d, 'C', d->parents.items[i]);
		d->parents.items[i][0] = '\0';
	}
	while (d->parents.count && !d->parents.items[d->parents.count - 1][0])
		drop_last(&d->parents);
	tell(d, letter_of(c->kind), c->path);
	return 0;
}

int cmd_diff(const void *opts, int argc, char **argv)
{
	const struct diff_options *o = opts;
	struct diff d = {.rows = o->format && strcmp(o->format, "json") == 0 ? json_array() : NULL};
	struct layers l = {0};
	char *err = NULL;
	struct entry e;
	int status;

	if (entry_find(argv[0], &e, &err) < 0) {
		status = complain(EXIT_FAILED, "%s", err);
		free(err);
		return status;
	}
	status = layers_open(&e, (o->share ? 0 : LAYERS_TREE) | LAYERS_SHARES, &l);
	for (size_t i = 0; status == 0 && i < l.count; i++) {
		d.layers = &l;
		d.view = &l.views[i];
		status = layer_walk(d.view, each, &d);
		str_list_free(&d.parents);
	}
	if (status == 0 && d.rows) {
		json_dumpf(d.rows, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	}
	json_decref(d.rows);
	layers_close(&l);
	return status ? status : finish_output();
}
