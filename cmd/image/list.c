/* SPDX-License-Identifier: MIT */
/* picket images: the table, docker's --format and --filter. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/commands.h"
#include "cmd/lib/columns.h"
#include "cmd/lib/message.h"
#include "fuse-snap/store.h"

/* One image, with what its record says. */
struct image {
	const struct image_ref *ref;
	struct run_record record;
	char repository[REF_NAME_MAX + 1], tag[REF_NAME_MAX + 1], id[DIGEST_TEXT_LEN + 1], digest[DIGEST_TEXT_LEN + 1];
};

struct image_filter {
	const char *name, *value;
	size_t name_len;
	int64_t when; /* of before and since: when that image was made */
};

/* --- what is told --------------------------------------------------------------------------------------------------------------- */

static uint64_t image_size(const struct store *s, const struct image_ref *ref)
{
	uint64_t size = 0;

	store_image_size(s, &ref->chain, &size, NULL);
	return size;
}

/* As docker's lists have it; "" if unknown. */
static const char *time_text(int64_t when, char *buf, size_t len)
{
	time_t t = (time_t)when;
	struct tm tm;

	buf[0] = '\0';
	if (when > 0 && gmtime_r(&t, &tm))
		strftime(buf, len, "%Y-%m-%d %H:%M:%S +0000 UTC", &tm);
	return buf;
}

/* The repository and the tag of a canonical name, as docker's table parts them. */
static void split_name(const char *name, char *repository, char *tag, size_t len)
{
	const char *shown = *name ? ref_familiar(name) : "<none>", *colon = strrchr(shown, ':'), *at = strchr(shown, '@');

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

static void image_read(struct image *i, const struct store *s, const struct image_ref *ref)
{
	i->ref = ref;
	if (store_get_record(s, &ref->config, &i->record, NULL) < 0)
		i->record = (struct run_record){0};
	split_name(ref->name, i->repository, i->tag, sizeof(i->tag));
	digest_text(&ref->config, i->id);
	digest_text(&ref->manifest, i->digest);
}

static const struct list_column columns[] = {
	{"Repository", "REPOSITORY", COLUMN_SHOWN},
	{"Tag", "TAG", COLUMN_SHOWN},
	{"Digest", "DIGEST", COLUMN_SHOWN},
	{"ID", "IMAGE ID", COLUMN_SHOWN},
	{"CreatedSince", "CREATED", COLUMN_SHOWN},
	{"Size", "SIZE", COLUMN_SHOWN},
	{"CreatedAt", "CREATED AT", 0},
	{"Platform", "PLATFORM", 0},
	{"Layers", "LAYERS", 0},
	{"PulledAt", "PULLED AT", 0},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

static json_t *image_row(const struct store *s, const struct image *i, bool whole)
{
	char id[DIGEST_TEXT_LEN + 1], age[64], when[40], pulled[40], size[32];

	snprintf(id, sizeof(id), whole ? "%s" : "%.12s", whole ? i->id : strchr(i->id, ':') + 1);
	return json_pack("{s:s s:s s:s s:s s:s s:s s:s s:s s:I s:s}", "Repository", i->repository, "Tag", i->tag, "Digest", i->digest, "ID", id,
		"CreatedSince", human_age(i->record.created, time(NULL), age, sizeof(age)), "Size",
		human_size(image_size(s, i->ref), size, sizeof(size)), "CreatedAt",
		time_text(i->record.created, when, sizeof(when)), "Platform", i->ref->platform, "Layers",
		(json_int_t)i->ref->layers, "PulledAt", time_text(i->ref->pulled, pulled, sizeof(pulled)));
}

/* --- which are wanted -------------------------------------------------------------------------------------------------------------- */

/* Whether `picket images NAME` means this image: its repository with any tag, or the name with its tag. */
static bool is_named(const struct image_ref *ref, const char *wanted)
{
	struct ref_name name;
	char canonical[REF_NAME_MAX + 1];
	size_t len;

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

/* A pattern of docker's reference filter: of the repository, or of it and the tag. */
static bool matches_reference(const struct image *i, const char *pattern)
{
	char whole[2 * REF_NAME_MAX + 3];

	snprintf(whole, sizeof(whole), "%s:%s", i->repository, i->tag);
	return fnmatch(pattern, whole, FNM_PATHNAME) == 0 || fnmatch(pattern, i->repository, FNM_PATHNAME) == 0;
}

/* "NAME" or "NAME=VALUE". */
static bool has_label(const struct image *i, const char *wanted)
{
	size_t len = strlen(wanted);

	for (char **l = i->record.labels; l && *l; l++)
		if (strcmp(*l, wanted) == 0 || (!strchr(wanted, '=') && strncmp(*l, wanted, len) == 0 && (*l)[len] == '='))
			return true;
	return false;
}

static bool filter_is(const struct image_filter *f, const char *name)
{
	return f->name_len == strlen(name) && strncmp(f->name, name, f->name_len) == 0;
}

static bool passes_one(const struct image_filter *f, const struct image *i)
{
	if (filter_is(f, "reference"))
		return matches_reference(i, f->value);
	if (filter_is(f, "label"))
		return has_label(i, f->value);
	if (filter_is(f, "dangling"))
		return (*i->ref->name == '\0') == (strcmp(f->value, "true") == 0 || strcmp(f->value, "1") == 0);
	return filter_is(f, "before") ? i->record.created < f->when : i->record.created > f->when;
}

/* Of reference any will do, of all others every one. */
static bool passes(const struct image_filter *filters, size_t n, const struct image *i)
{
	bool references = false, found = false;

	for (size_t k = 0; k < n; k++) {
		bool ok = passes_one(&filters[k], i);

		if (filter_is(&filters[k], "reference")) {
			references = true;
			found |= ok;
		} else if (!ok) {
			return false;
		}
	}
	return !references || found;
}

static int read_filter(const struct store *s, const char *word, struct image_filter *f)
{
	const char *equal = strchr(word, '=');
	struct run_record record;
	struct image_ref ref;
	struct snap_error e;

	*f = (struct image_filter){.name = word, .value = equal ? equal + 1 : "", .name_len = equal ? (size_t)(equal - word) : 0};
	if (!equal)
		return complain(EXIT_FAILED, "--filter %s: write NAME=VALUE, as reference=alpine*", word);
	if (filter_is(f, "reference") || filter_is(f, "label"))
		return 0;
	if (filter_is(f, "dangling"))
		return strstr(" true false 1 0 ", f->value) ? 0 : complain(EXIT_FAILED, "--filter %s: it is true or false", word);
	if (!filter_is(f, "before") && !filter_is(f, "since"))
		return complain(EXIT_FAILED, "--filter %s: there are " IMAGE_FILTERS, word);
	if (store_resolve(s, f->value, &ref, &e) < 0 || store_get_record(s, &ref.config, &record, &e) < 0)
		return complain(EXIT_FAILED, "--filter %s: %s", word, e.text);
	f->when = record.created;
	run_record_free(&record);
	return 0;
}

/* --- the command --------------------------------------------------------------------------------------------------------------------- */

/* As rows of --format's list, or only the numbers. */
static int print_images(const struct images_options *o, const struct store *s, const struct image *images, size_t n)
{
	struct list_column shown[COLUMN_COUNT];
	json_t *rows;
	int status;

	if (o->quiet && !o->format) {
		for (size_t i = 0; i < n; i++)
			printf(o->no_trunc ? "%s\n" : "%.12s\n", o->no_trunc ? images[i].id : strchr(images[i].id, ':') + 1);
		return 0;
	}
	memcpy(shown, columns, sizeof(shown));
	for (size_t i = 0; i < COLUMN_COUNT; i++)
		if (!o->digests && strcmp(shown[i].key, "Digest") == 0)
			shown[i].flags = 0;
	rows = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(rows, image_row(s, &images[i], o->no_trunc));
	status = print_list(o->format, shown, COLUMN_COUNT, rows, stdout);
	json_decref(rows);
	return status;
}

int cmd_images(const void *opts, int argc, char **argv)
{
	const struct images_options *o = opts;
	struct image_filter *filters = xcalloc(o->filters.count + 1, sizeof(*filters));
	struct image_ref *refs = NULL;
	struct image *images = NULL;
	struct snap_error e;
	struct store *s;
	size_t n = 0, count = 0;
	int status = check_list_format(o->format);

	if (status || store_open(NULL, &s, &e) < 0) {
		free(filters);
		return status ? status : complain(EXIT_FAILED, "%s", e.text);
	}
	for (size_t i = 0; status == 0 && i < o->filters.count; i++)
		status = read_filter(s, o->filters.items[i], &filters[i]);
	if (status == 0 && store_list_refs(s, &refs, &n, &e) < 0)
		status = complain(EXIT_FAILED, "%s", e.text);
	images = xcalloc(n + 1, sizeof(*images));
	for (size_t i = 0; status == 0 && i < n; i++) {
		if (argc && !is_named(&refs[i], argv[0]))
			continue;
		image_read(&images[count], s, &refs[i]);
		if (passes(filters, o->filters.count, &images[count]))
			count++;
		else
			run_record_free(&images[count].record);
	}
	status = status ? status : print_images(o, s, images, count);
	for (size_t i = 0; i < count; i++)
		run_record_free(&images[i].record);
	free(images);
	free(refs);
	free(filters);
	store_close(s);
	return status ? status : finish_output();
}
