/* SPDX-License-Identifier: MIT */
/* container prune, image prune and system prune. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/image/collect.h"
#include "cmd/keep/volumes.h"
#include "cmd/lib/message.h"
#include "cmd/sandbox/control.h"
#include "cmd/sandbox/describe.h"
#include "cmd/sandbox/filter.h"
#include "fuse-snap/client.h"

/* Remove what does not run and passes; the names are printed. *freed grows by what they had written. */
static int prune_sandboxes(const struct filters *f, uint64_t *freed)
{
	struct entry_list list;
	char *err = NULL;
	int status = entries_list(0, &list, &err) < 0 ? complain(EXIT_FAILED, "%s", err) : 0;
	bool any = false;

	for (size_t i = 0; i < list.count; i++) {
		struct entry *e = &list.items[i];
		char id[ENTRY_ID_LEN + 1];
		uint64_t size;

		/* A temporary one that is only made is about to start. */
		if (is_live(e) || e->temporary || !filters_pass(f, e))
			continue;
		size = entry_size(e);
		memcpy(id, e->id, sizeof(id));
		if (remove_stopped(e) == 0) {
			if (!any)
				puts("Deleted Containers:");
			any = true;
			puts(id);
			*freed += size;
		}
	}
	if (any)
		puts("");
	entry_list_free(&list);
	free(err);
	return status;
}

/* Volumes of sandboxes' own that no sandbox has any more. */
static int prune_volumes(uint64_t *freed)
{
	struct volume_list list;
	char *err = NULL;
	int status = volumes_list(&list, &err) < 0 ? complain(EXIT_FAILED, "%s", err) : 0;

	for (size_t i = 0; status == 0 && i < list.count; i++) {
		const struct volume *v = &list.items[i];
		struct str_list users = {0};
		uint64_t size = volume_size(v);

		volume_users(v, &users);
		if (*v->sandbox && users.count == 0 && volume_remove(v, &err) == 0) {
			printf("Deleted volume: %s\n", v->name);
			*freed += size;
		}
		str_list_free(&users);
	}
	volume_list_free(&list);
	free(err);
	return status;
}

enum { PRUNE_SANDBOXES = 1, PRUNE_IMAGES = 2 };

static int prune(const struct prune_options *o, const char *warning, unsigned int what)
{
	struct filters f;
	uint64_t freed = 0;
	char size[32];
	int status = filters_parse(&o->filters, PRUNE_FILTERS, &f);

	if (status == 0 && !o->force && !confirmed(warning)) {
		filters_free(&f);
		return finish_output();
	}
	if (status == 0 && (what & PRUNE_SANDBOXES))
		status = prune_sandboxes(&f, &freed);
	if (status == 0 && o->volumes)
		status = prune_volumes(&freed);
	if (status == 0 && (what & PRUNE_IMAGES))
		status = prune_images(o->all, &freed);
	filters_free(&f);
	snap_clean_runtime();
	if (status == 0)
		printf("Total reclaimed space: %s\n", human_size(freed, size, sizeof(size)));
	return status ? status : finish_output();
}

int cmd_container_prune(const void *opts, int argc, char **argv)
{
	return prune(opts, "WARNING! This will remove all stopped containers.", PRUNE_SANDBOXES);
}

int cmd_image_prune(const void *opts, int argc, char **argv)
{
	const struct prune_options *o = opts;

	return prune(o,
		o->all ? "WARNING! This will remove all images without at least one container associated to them."
		       : "WARNING! This will remove all dangling images.",
		PRUNE_IMAGES);
}

int cmd_system_prune(const void *opts, int argc, char **argv)
{
	const struct prune_options *o = opts;

	return prune(o,
		o->all ? "WARNING! This will remove:\n  - all stopped containers\n  - all images without at least one "
			 "container associated to them\n"
		       : "WARNING! This will remove:\n  - all stopped containers\n  - all dangling images\n",
		PRUNE_SANDBOXES | PRUNE_IMAGES);
}
