/* SPDX-License-Identifier: MIT */
/* images, rmi, prune, verify: what is in the store. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/keep/events.h"
#include "cmd/commands.h"
#include "cmd/image/collect.h"
#include "cmd/lib/json.h"
#include "cmd/lib/message.h"
#include "cmd/help/table_out.h"
#include "fuse-snap/store.h"

static int open_store(struct store **s)
{
	struct snap_error e;

	return store_open(NULL, s, &e) < 0 ? complain(EXIT_FAILED, "%s", e.text) : 0;
}

/* "sha256:" and 64 hex digits, or their first 12. */
static const char *image_id(const struct digest *d, bool whole, char *buf, size_t len)
{
	char text[DIGEST_TEXT_LEN + 1];

	digest_text(d, text);
	if (whole)
		snprintf(buf, len, "%s", text);
	else
		snprintf(buf, len, "%.12s", strchr(text, ':') + 1);
	return buf;
}

static uint64_t image_size(const struct store *s, const struct image_ref *ref)
{
	uint64_t size = 0;

	store_image_size(s, &ref->chain, &size, NULL);
	return size;
}

static int64_t image_created(const struct store *s, const struct image_ref *ref)
{
	struct run_record record = {0};
	int64_t created = 0;

	if (store_get_record(s, &ref->config, &record, NULL) == 0) {
		created = record.created;
		run_record_free(&record);
	}
	return created;
}

/* ISO 8601, as docker's JSON has it; "" if unknown. */
static const char *iso_time(int64_t when, char *buf, size_t len)
{
	time_t t = (time_t)when;
	struct tm tm;

	buf[0] = '\0';
	if (when > 0 && gmtime_r(&t, &tm))
		strftime(buf, len, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

/* The repository and the tag of a canonical name, as docker's table parts them. */
static void split_name(const char *name, char *repository, char *tag, size_t len)
{
	const char *shown = *name ? ref_familiar(name) : "<none>", *colon = strrchr(shown, ':'),
		   *at = strchr(shown, '@');

	if (at) {
		snprintf(repository, len, "%.*s", (int)(at - shown), shown);
		snprintf(tag, len, "<none>");
	} else if (!*name || !colon || strchr(colon, '/')) {
		snprintf(repository, len, "%s", shown);
		snprintf(tag, len, "<none>");
	} else {
		snprintf(repository, len, "%.*s", (int)(colon - shown), shown);
		snprintf(tag, len, "%s", colon + 1);
	}
}

static void image_row(struct table_out *t, const struct store *s, const struct image_ref *ref, bool whole)
{
	char repository[REF_NAME_MAX + 1], tag[REF_NAME_MAX + 1], id[DIGEST_TEXT_LEN + 1], age[64], size[32];

	split_name(ref->name, repository, tag, sizeof(tag));
	table_cell(t, repository);
	table_cell(t, tag);
	table_cell(t, image_id(&ref->config, whole, id, sizeof(id)));
	table_cell(t, human_age(image_created(s, ref), time(NULL), age, sizeof(age)));
	table_cell(t, human_size(image_size(s, ref), size, sizeof(size)));
}

static void image_json(struct json *j, const struct store *s, const struct image_ref *ref)
{
	char text[DIGEST_TEXT_LEN + 1], when[32];

	jw_open(j, NULL, '{');
	jw_string(j, "name", *ref->name ? ref_familiar(ref->name) : "");
	jw_string(j, "reference", ref->name);
	jw_string(j, "id", image_id(&ref->config, true, text, sizeof(text)));
	jw_string(j, "digest", image_id(&ref->manifest, true, text, sizeof(text)));
	jw_string(j, "platform", ref->platform);
	jw_number(j, "layers", (int64_t)ref->layers);
	jw_number(j, "size", (int64_t)image_size(s, ref));
	jw_string(j, "created", iso_time(image_created(s, ref), when, sizeof(when)));
	jw_string(j, "pulled", iso_time(ref->pulled, when, sizeof(when)));
	jw_close(j, '}');
}

/* Whether `picket images NAME` means this image: its repository with any tag, or the name with its tag. */
static bool is_wanted(const struct image_ref *ref, const char *wanted)
{
	struct ref_name name;
	char canonical[REF_NAME_MAX + 1];
	size_t len;

	if (!wanted)
		return true;
	if (ref_parse(wanted, &name, NULL) < 0)
		return false;
	ref_canonical(&name, canonical);
	if (name.has_digest && !digest_equal(&name.digest, &ref->manifest) && !digest_equal(&name.digest, &ref->list))
		return false;
	if (name.explicit_tag)
		return strcmp(canonical, ref->name) == 0;
	len = strlen(canonical);
	if (*name.tag)
		len -= strlen(name.tag) + 1;
	return strncmp(canonical, ref->name, len) == 0 && (ref->name[len] == ':' || ref->name[len] == '@');
}

static void list_json(const struct store *s, const struct image_ref *refs, size_t n, const char *wanted)
{
	struct json j = {.out = stdout};

	jw_open(&j, NULL, '[');
	for (size_t i = 0; i < n; i++)
		if (is_wanted(&refs[i], wanted))
			image_json(&j, s, &refs[i]);
	jw_close(&j, ']');
}

static void list_table(const struct store *s, const struct image_ref *refs, size_t n, const char *wanted, bool whole)
{
	static const char *const heads[] = {"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"};
	struct table_out t;

	table_begin(&t, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < n; i++)
		if (is_wanted(&refs[i], wanted))
			image_row(&t, s, &refs[i], whole);
	table_end(&t);
}

static void list_ids(const struct image_ref *refs, size_t n, const char *wanted, bool whole)
{
	char id[DIGEST_TEXT_LEN + 1];

	for (size_t i = 0; i < n; i++)
		if (is_wanted(&refs[i], wanted))
			puts(image_id(&refs[i].config, whole, id, sizeof(id)));
}

int cmd_images(const void *opts, int argc, char **argv)
{
	const struct list_options *o = opts;
	const char *wanted = argc ? argv[0] : NULL;
	struct image_ref *refs = NULL;
	struct snap_error e;
	struct store *s;
	size_t n = 0;

	if (open_store(&s))
		return EXIT_FAILED;
	if (store_list_refs(s, &refs, &n, &e) < 0) {
		store_close(s);
		return complain(EXIT_FAILED, "%s", e.text);
	}
	if (o->format && strcmp(o->format, "json") == 0)
		list_json(s, refs, n, wanted);
	else if (o->quiet)
		list_ids(refs, n, wanted, o->no_trunc);
	else
		list_table(s, refs, n, wanted, o->no_trunc);
	free(refs);
	store_close(s);
	return finish_output();
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
