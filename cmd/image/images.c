/* SPDX-License-Identifier: MIT */
/* rmi, prune, verify: what is in the store. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/keep/events.h"
#include "cmd/commands.h"
#include "cmd/image/collect.h"
#include "cmd/lib/message.h"
#include "fuse-snap/store.h"

static int open_store(struct store **s)
{
	struct snap_error e;

	return store_open(NULL, s, &e) < 0 ? complain(EXIT_FAILED, "%s", e.text) : 0;
}

/* Whether a name is that of an image's id, which removes all its names. */
static bool is_by_id(const struct image_ref *ref, const char *text)
{
	char id[DIGEST_TEXT_LEN + 1];

	digest_text(&ref->config, id);
	if (strncmp(text, "sha256:", 7) == 0)
		text += 7;
	return strncmp(strchr(id, ':') + 1, text, strlen(text)) == 0;
}

/* Without -f the last name of an image stays as long as a sandbox is made of it. */
static int refuse_used(const struct store *s, const struct entry_list *entries, const char *name)
{
	const struct entry *user;
	struct image_ref ref;

	if (store_resolve(s, name, &ref, NULL) < 0)
		return 0; /* said by who removes it */
	user = image_user(entries, &ref);
	if (!user || (image_names(s, &ref) > 1 && !is_by_id(&ref, name)))
		return 0;
	return complain(EXIT_FAILED,
		"cannot remove the image %s: the sandbox %s (%s) %s it; remove that first (picket rm), or use picket rmi -f",
		name, user->config.name, user->short_id,
		user->state.status == ENTRY_EXITED || user->state.status == ENTRY_CREATED ? "is made of" : "runs on");
}

static int remove_image(struct store *s, const struct list_options *o, const struct entry_list *entries, const char *name,
	bool *any)
{
	struct image_ref ref;
	struct snap_error e;
	char text[DIGEST_TEXT_LEN + 1];
	size_t removed = 0;
	bool known = store_resolve(s, name, &ref, NULL) == 0;
	int r;

	if (!o->force && refuse_used(s, entries, name))
		return EXIT_FAILED;
	r = store_remove_ref(s, name, &removed, &e);
	if (r == 0) {
		printf("Untagged: %s\n", name);
		if (known && !image_names(s, &ref) && !image_user(entries, &ref))
			printf("Deleted: %s\n", digest_text(&ref.config, text));
		event_note("image", "untag", name, NULL);
		*any = true;
	} else if (!(o->force && r == -ENOENT)) {
		return complain(EXIT_FAILED, "%s", e.text);
	}
	return 0;
}

int cmd_rmi(const void *opts, int argc, char **argv)
{
	struct store_gc_stats stats = {0};
	struct entry_list entries;
	struct store *s;
	char *err = NULL;
	bool any = false;
	int status = 0;

	if (open_store(&s))
		return EXIT_FAILED;
	if (entries_list(0, &entries, &err) < 0)
		status = complain(EXIT_FAILED, "%s", err);
	for (int i = 0; (status == 0 || !err) && i < argc; i++)
		if (remove_image(s, opts, &entries, argv[i], &any))
			status = EXIT_FAILED;
	if (any && collect(s, &stats))
		status = EXIT_FAILED;
	if (stats.kept_in_use)
		warn("%" PRIu64 " of them %s still in use by a running sandbox or a mount; picket prune frees %s later",
			stats.kept_in_use, stats.kept_in_use == 1 ? "is" : "are",
			stats.kept_in_use == 1 ? "it" : "them");
	entry_list_free(&entries);
	free(err);
	store_close(s);
	return status ? status : finish_output();
}

int cmd_prune(const void *opts, int argc, char **argv)
{
	const struct list_options *o = opts;
	uint64_t freed = 0;
	char size[32];
	int status = prune_images(o->all, &freed);

	if (status)
		return status;
	printf("Total reclaimed space: %s\n", human_size(freed, size, sizeof(size)));
	return finish_output();
}

static void report_fault(void *arg, const char *text)
{
	size_t *faults = arg;

	(*faults)++;
	complain(0, "%s", text);
}

int cmd_verify(const void *opts, int argc, char **argv)
{
	struct snap_error e;
	struct store *s;
	size_t faults = 0;
	int r;

	if (open_store(&s))
		return EXIT_FAILED;
	r = store_verify(s, report_fault, &faults, &e);
	store_close(s);
	if (r == -EUCLEAN || faults)
		return complain(EXIT_FAILED,
			"the store has %zu fault%s; picket rmi and picket pull replace a damaged image", faults,
			faults == 1 ? "" : "s");
	if (r < 0)
		return complain(EXIT_FAILED, "%s", e.text);
	puts("The store is sound.");
	return finish_output();
}
