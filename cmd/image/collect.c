/* SPDX-License-Identifier: MIT */
/* Collection that knows the entries of sandboxes. */
#include "cmd/image/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/message.h"

struct adder {
	void (*add)(void *to, const struct digest *chain, const struct digest *config);
	void *to;
};

/* Entries that are read while the store is locked for us: one that is being made has its image held (store_hold). */
static int each_user(void *arg, void (*add)(void *to, const struct digest *chain, const struct digest *config), void *to,
	struct snap_error *e)
{
	struct entry_list list;
	char *err = NULL;
	int r = entries_list(0, &list, &err);

	for (size_t i = 0; i < list.count; i++) {
		const struct entry_config *c = &list.items[i].config;
		struct digest chain, config;

		if (digest_parse(c->chain, &chain) == 0 && digest_parse(c->image_id, &config) == 0)
			add(to, &chain, &config);
	}
	entry_list_free(&list);
	if (r < 0)
		snap_fail(e, -r, "cannot tell which images are used: %s", err);
	free(err);
	return r;
}

int collect(struct store *s, struct store_gc_stats *stats)
{
	static const struct store_users users = {.each = each_user};
	struct snap_error e;
	int r = store_collect_but(s, &users, stats, &e);

	if (r == -EBUSY) {
		warn("an image is being pulled or loaded: nothing is freed until picket prune or the next picket rmi");
		return 0;
	}
	return r < 0 ? complain(EXIT_FAILED, "%s", e.text) : 0;
}

const struct entry *image_user(const struct entry_list *list, const struct image_ref *ref)
{
	char text[DIGEST_TEXT_LEN + 1];

	digest_text(&ref->config, text);
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].config.image_id, text) == 0)
			return &list->items[i];
	return NULL;
}

size_t image_names(const struct store *s, const struct image_ref *ref)
{
	struct image_ref *refs = NULL;
	size_t n = 0, count = 0;

	if (store_list_refs(s, &refs, &n, NULL) == 0)
		for (size_t i = 0; i < n; i++)
			count += digest_equal(&refs[i].config, &ref->config);
	free(refs);
	return count;
}

int prune_images(bool all, uint64_t *freed)
{
	struct store_gc_stats stats = {0};
	struct image_ref *refs = NULL;
	struct entry_list list;
	struct snap_error e;
	char *err = NULL, text[DIGEST_TEXT_LEN + 1];
	struct store *s;
	size_t n = 0;
	bool any = false;
	int status = 0;

	if (store_open(NULL, &s, &e) < 0)
		return complain(EXIT_FAILED, "%s", e.text);
	if (entries_list(0, &list, &err) < 0)
		status = complain(EXIT_FAILED, "%s", err);
	else if (store_list_refs(s, &refs, &n, &e) < 0)
		status = complain(EXIT_FAILED, "%s", e.text);
	for (size_t i = 0; status == 0 && i < n; i++) {
		size_t removed = 0;

		if ((*refs[i].name && !all) || image_user(&list, &refs[i]))
			continue;
		digest_text(&refs[i].config, text);
		if (store_remove_ref(s, *refs[i].name ? refs[i].name : text, &removed, &e))
			continue;
		if (!any)
			puts("Deleted Images:");
		any = true;
		if (*refs[i].name)
			printf("untagged: %s\n", ref_familiar(refs[i].name));
		if (!image_names(s, &refs[i]))
			printf("deleted: %s\n", text);
	}
	if (any)
		puts("");
	status = status ? status : collect(s, &stats);
	*freed += stats.bytes;
	entry_list_free(&list);
	free(refs);
	free(err);
	store_close(s);
	return status;
}
