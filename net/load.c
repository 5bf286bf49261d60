/* SPDX-License-Identifier: MIT */
/*
 * picket-fetch load: a docker-archive, an OCI layout, or the two in one, into the store. Of the hybrid the OCI layout
 * is read (it has the manifests' digests); manifest.json then only adds names.
 */
#include "fetch.h"

#include "archive.h"
#include "confine.h"
#include "fuse-snap/refname.h"
#include "json.h"
#include "pipeline.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGES_MAX 1000u
#define NAMES_MAX 64u
#define INDEX_DEPTH_MAX 3
#define READ_SIZE (1u << 20)

struct load {
	struct fetch *f;
	const char *source;
	struct archive *archive;
	json_t *docker;		    /* manifest.json, an array, or NULL */
	const struct ref_name *ref; /* of --ref, or NULL */
	bool ref_used;
	size_t loaded;
	_Atomic bool cancelled;
};

/* One image on its way. */
struct load_image {
	struct load *l;
	char what[160]; /* for messages */
	char *names[NAMES_MAX];
	size_t name_count;
	struct image_docs docs;
	void *list_data, *manifest_data, *config_data;
	size_t list_len;
	struct image_config config;
	struct descriptor *blobs; /* of the layers; digests are zero in a docker-archive */
	char **paths;
	size_t layer_count;
};

static void image_clear(struct load_image *i)
{
	for (size_t n = 0; n < i->name_count; n++)
		free(i->names[n]);
	for (size_t n = 0; i->paths && n < i->layer_count; n++)
		free(i->paths[n]);
	free(i->paths);
	free(i->blobs);
	free(i->list_data);
	free(i->manifest_data);
	free(i->config_data);
	image_config_free(&i->config);
}

/* ---- Names ---- */

/* Add a name in its canonical form, once. What is no name is passed over: archives hold odd ones. */
static void add_name(struct load_image *i, const char *text)
{
	char canonical[REF_NAME_MAX + 1];
	struct ref_name ref;

	if (!text || i->name_count == NAMES_MAX || ref_parse(text, &ref, NULL) || !*ref.tag)
		return;
	ref_canonical(&ref, canonical);
	for (size_t n = 0; n < i->name_count; n++)
		if (!strcmp(i->names[n], canonical))
			return;
	i->names[i->name_count] = strdup(canonical);
	if (i->names[i->name_count])
		i->name_count++;
}

/* NAME:TAG, or nothing if that is none. */
static void add_tagged(struct load_image *i, const char *name, size_t len, const char *tag)
{
	char text[600];

	if (len && len < 300 && (size_t)snprintf(text, sizeof(text), "%.*s:%s", (int)len, name, tag) < sizeof(text))
		add_name(i, text);
}

/*
 * A bare tag, as umoci and skopeo write it, belongs to a name: that of --ref, or that of the file or directory it came
 * from.
 */
static void add_tag(struct load_image *i, const char *tag)
{
	char path[PATH_MAX], *base;

	if (!realpath(i->l->source, path))
		return;
	base = strrchr(path, '/') + 1;
	if (i->l->ref && !i->l->ref->explicit_tag)
		add_tagged(i, i->l->f->opt->ref, strlen(i->l->f->opt->ref), tag);
	else if (!i->l->ref)
		add_tagged(i, base, strcspn(base, "."), tag);
}

/* The name of last resort. It can be given once: a second image would take it from the first. */
static int add_ref(struct load_image *i, struct snap_error *e)
{
	if (i->name_count || !i->l->ref)
		return 0;
	if (i->l->ref_used)
		return snap_fail(
			e, EINVAL, "%s has several images without a name, and --ref can name one only", i->l->source);
	i->l->ref_used = true;
	add_name(i, i->l->f->opt->ref);
	return 0;
}

static void add_repo_tags(struct load_image *i, const json_t *entry)
{
	const json_t *tags = json_get_array(entry, "RepoTags");

	for (size_t n = 0; n < json_array_size(tags); n++)
		add_name(i, json_string_value(json_array_get(tags, n)));
}

/* The names of an entry of index.json: its annotations, then manifest.json's entry with the same config, then --ref. */
static int add_names(struct load_image *i, const json_t *entry, struct snap_error *e)
{
	const json_t *notes = json_get_object(entry, "annotations");
	const char *full = json_get_string(notes, "io.containerd.image.name");
	const char *name = json_get_string(notes, "org.opencontainers.image.ref.name");
	char hex[DIGEST_HEX_LEN + 1];

	add_name(i, full);
	digest_hex(&i->docs.config, hex);
	for (size_t n = 0; n < json_array_size(i->l->docker); n++) {
		const json_t *other = json_array_get(i->l->docker, n);
		const char *config = json_get_string(other, "Config");

		if (config && strstr(config, hex))
			add_repo_tags(i, other);
	}
	if (!i->name_count && name && strpbrk(name, ":/"))
		add_name(i, name);
	if (!i->name_count && name && *name)
		add_tag(i, name);
	return add_ref(i, e);
}

/* ---- Layers ---- */

static int feed_member(
	struct load *l, struct pipeline *p, const struct member *m, struct bar *bar, struct snap_error *e)
{
	char *buf = malloc(READ_SIZE);
	uint64_t done = 0;
	int r = buf ? 0 : snap_fail(e, ENOMEM, "out of memory");

	while (!r && done < m->size) {
		size_t want = m->size - done < READ_SIZE ? (size_t)(m->size - done) : READ_SIZE;
		ssize_t n = pread(m->fd, buf, want, (off_t)(m->off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (l->cancelled)
			r = snap_fail(e, ECANCELED, "cancelled");
		else if (n <= 0)
			r = snap_fail(
				e, EIO, "cannot read %s: %s", l->source, n ? strerror(errno) : "it has become shorter");
		else
			r = pipeline_feed(p, buf, (size_t)n, e);
		if (!r)
			done += (uint64_t)n;
		bar_set(bar, done);
	}
	free(buf);
	return r;
}

static int load_layer(void *arg, unsigned int worker, const struct layer_task *task, struct snap_error *e)
{
	struct load_image *i = arg;
	const char *path = i->paths[task->position];
	bool promised = !digest_is_zero(&task->digest);
	char what[300];
	struct pipeline_options opt = {
		.txn = i->l->f->txn,
		.what = what,
		.digest = promised ? &task->digest : NULL,
		.diffid = &task->diffid,
		.size = task->size,
		.limits = i->l->f->opt->limits,
	};
	struct pipeline *p;
	struct member m;
	int r;

	snprintf(what, sizeof(what), "layer %.200s", path);
	r = archive_find(i->l->archive, path, &m);
	if (r)
		return snap_fail(e, -r, "%s is incomplete: it has no '%s'", i->l->source, path);
	if (m.size != task->size)
		r = snap_fail(e, EBADMSG, "the %s has the wrong size: %llu bytes instead of %llu", what,
			(unsigned long long)m.size, (unsigned long long)task->size);
	if (!r)
		r = pipeline_start(&opt, &p, e);
	if (!r) {
		bar_set_state(task->bar, BAR_LOADING);
		r = feed_member(i->l, p, &m, task->bar, e);
		if (r)
			pipeline_abort(p);
		else
			r = pipeline_finish(p, e);
	}
	member_close(&m);
	return r;
}

static void load_cancel(void *arg)
{
	struct load_image *i = arg;

	i->l->cancelled = true;
}

static int load_layers(struct load_image *i, struct snap_error *e)
{
	const struct fetch_options *opt = i->l->f->opt;
	struct progress *progress = opt->quiet ? NULL : progress_new(opt->progress);
	struct layer_pool pool = {.workers = opt->jobs, .run = load_layer, .cancel = load_cancel, .arg = i};
	int r = layer_tasks(i->l->f, &i->config, i->blobs, NULL, progress, &pool.tasks, &pool.count, e);

	if (!r && pool.count) {
		progress_start(progress);
		r = layer_pool_run(&pool, e);
	}
	progress_free(progress);
	free(pool.tasks);
	return r;
}

/* ---- The end of each image ---- */

static int publish(struct load_image *i, struct snap_error *e)
{
	const struct fetch_options *opt = i->l->f->opt;
	char id[DIGEST_TEXT_LEN + 1];
	int r = 0;

	if (i->list_data)
		r = store_put_blob(i->l->f->txn, &i->docs.list, i->list_data, i->list_len, e);
	for (size_t n = 0; !r && (n < i->name_count || !n); n++) {
		i->docs.name = n < i->name_count ? i->names[n] : "";
		r = image_publish(i->l->f, &i->docs, &i->config, e);
		if (r)
			break;
		i->l->loaded++;
		if (i->name_count)
			printf("%s%s\n", opt->quiet ? "" : "Loaded image: ",
				opt->quiet ? i->names[n] : ref_familiar(i->names[n]));
		else
			printf("%s%s\n", opt->quiet ? "" : "Loaded image ID: ", digest_text(&i->docs.config, id));
	}
	return r;
}

static int check_image(const struct load_image *i, struct snap_error *e)
{
	char want[PLATFORM_TEXT_MAX], have[PLATFORM_TEXT_MAX];
	const struct fetch_options *opt = i->l->f->opt;

	if (i->config.layer_count != i->layer_count)
		return snap_fail(e, EPROTO, "%s contradicts itself: %zu layers are listed, its config has %zu", i->what,
			i->layer_count, i->config.layer_count);
	if (!platform_matches(&opt->platform, &i->config.platform))
		return snap_fail(e, ENOENT, "%s has no image for %s; it has: %s", i->what,
			platform_format(&opt->platform, want), platform_format(&i->config.platform, have));
	return 0;
}

/* ---- OCI layouts ---- */

static char *blob_path(const struct digest *d)
{
	char hex[DIGEST_HEX_LEN + 1], *path;

	return asprintf(&path, "blobs/sha256/%s", digest_hex(d, hex)) < 0 ? NULL : path;
}

/* A document under its digest: size (if size_known) and digest are checked. */
static int read_blob(
	const struct load *l, const struct descriptor *d, size_t limit, void **data, size_t *len, struct snap_error *e)
{
	char got[DIGEST_TEXT_LEN + 1], *path = blob_path(&d->digest);
	struct digest digest;
	int r;

	if (!path)
		return snap_fail(e, ENOMEM, "out of memory");
	r = archive_read(l->archive, path, limit, data, len, e);
	if (!r) {
		sha256_of(*data, *len, &digest);
		if (!digest_equal(&digest, &d->digest))
			r = snap_fail(e, EBADMSG, "'%s' in %s has the wrong digest: %s", path, l->source,
				digest_text(&digest, got));
		else if (*len != d->size)
			r = snap_fail(e, EBADMSG, "'%s' in %s has the wrong size: %zu bytes instead of %llu", path,
				l->source, *len, (unsigned long long)d->size);
		if (r) {
			free(*data);
			*data = NULL;
		}
	}
	free(path);
	return r;
}

/* The documents of an image from an entry of index.json: through indexes to the manifest and the config. */
static int read_image_docs(struct load_image *i, const struct descriptor *top, struct snap_error *e)
{
	struct descriptor at = *top;
	struct manifest m;
	size_t len;
	int r;

	for (int depth = 0;; depth++) {
		void *data;

		r = read_blob(i->l, &at, MANIFEST_MAX, &data, &len, e);
		if (r)
			return r;
		r = manifest_parse(&m, data, len, NULL, &i->l->f->opt->platform, i->what, e);
		if (r) {
			free(data);
			return r;
		}
		if (m.kind == MANIFEST_IMAGE) {
			i->manifest_data = data;
			break;
		}
		if (depth) {
			free(data);
		} else {
			i->docs.list = at.digest;
			i->list_data = data;
			i->list_len = len;
		}
		at = m.layers[0];
		manifest_free(&m);
		if (depth == INDEX_DEPTH_MAX)
			return snap_fail(e, EPROTO, "%s is refused: its indexes are nested too deep", i->what);
	}
	i->docs.manifest = at.digest;
	i->docs.manifest_data = i->manifest_data;
	i->docs.manifest_len = len;
	i->docs.config = m.config.digest;
	i->blobs = m.layers;
	i->layer_count = m.layer_count;
	r = read_blob(i->l, &m.config, CONFIG_MAX, &i->config_data, &len, e);
	i->docs.config_data = i->config_data;
	i->docs.config_len = len;
	return r ? r : image_config_parse(&i->config, i->config_data, len, i->what, e);
}

static int load_entry(struct load_image *i, const json_t *entry, struct snap_error *e)
{
	struct descriptor top;
	int r;

	if (json_get_digest(entry, "digest", &top.digest) || json_get_size(entry, "size", &top.size))
		return snap_fail(e, EPROTO, "index.json in %s has the wrong shape: an entry has no digest and size",
			i->l->source);
	r = read_image_docs(i, &top, e);
	if (!r)
		r = check_image(i, e);
	if (r)
		return r;
	i->paths = calloc(i->layer_count + 1, sizeof(*i->paths));
	for (size_t n = 0; i->paths && n < i->layer_count; n++)
		i->paths[n] = blob_path(&i->blobs[n].digest);
	if (!i->paths)
		return snap_fail(e, ENOMEM, "out of memory");
	r = add_names(i, entry, e);
	if (!r)
		r = load_layers(i, e);
	return r ? r : publish(i, e);
}

static int load_oci(struct load *l, struct snap_error *e)
{
	struct snap_error other = {0};
	const json_t *entries;
	json_t *index;
	void *data;
	size_t len;
	int r = archive_read(l->archive, "index.json", MANIFEST_MAX, &data, &len, e);

	if (r)
		return r;
	index = json_parse_object(data, len, "index.json", e);
	free(data);
	entries = json_get_array(index, "manifests");
	if (!index)
		return -EPROTO;
	if (!entries || json_array_size(entries) > IMAGES_MAX)
		r = snap_fail(e, EPROTO,
			"index.json in %s has the wrong shape: 'manifests' is missing, no array or too long",
			l->source);
	for (size_t n = 0; !r && n < json_array_size(entries); n++) {
		struct load_image i = {.l = l};

		snprintf(i.what, sizeof(i.what), "image %zu of %.120s", n + 1, l->source);
		r = load_entry(&i, json_array_get(entries, n), e);
		image_clear(&i);
		/* An index may list one image for several platforms: those of others are passed over. */
		if (r == -ENOENT && json_array_size(entries) > 1 && strstr(e->text, "has no image for")) {
			other = *e;
			r = 0;
		}
	}
	json_decref(index);
	if (!r && !l->loaded) {
		if (other.err && e)
			*e = other;
		r = other.err ? -other.err : snap_fail(e, ENOENT, "%s has no image in it", l->source);
	}
	return r;
}

/* ---- docker-archives ---- */

/* The config's file is called by its digest, in both the old and the new form. */
static int check_config_name(const struct load_image *i, const char *path, struct snap_error *e)
{
	const char *base = strrchr(path, '/');
	char got[DIGEST_HEX_LEN + 1];

	base = base ? base + 1 : path;
	if (strspn(base, "0123456789abcdef") == 64 && strncmp(base, digest_hex(&i->docs.config, got), 64))
		return snap_fail(e, EBADMSG, "'%s' in %s has the wrong digest: sha256:%s", path, i->l->source, got);
	return 0;
}

static int docker_layers(struct load_image *i, const json_t *layers, struct snap_error *e)
{
	i->layer_count = json_array_size(layers);
	i->paths = calloc(i->layer_count + 1, sizeof(*i->paths));
	i->blobs = calloc(i->layer_count + 1, sizeof(*i->blobs));
	if (!i->paths || !i->blobs)
		return snap_fail(e, ENOMEM, "out of memory");
	for (size_t n = 0; n < i->layer_count; n++) {
		const char *path = json_string_value(json_array_get(layers, n));
		struct member m;

		if (!path)
			return snap_fail(e, EPROTO, "manifest.json in %s has the wrong shape: a layer is no string",
				i->l->source);
		i->paths[n] = strdup(path);
		if (!i->paths[n])
			return snap_fail(e, ENOMEM, "out of memory");
		/* Layers the store has may be missing from the archive; whether one is needed shows later. */
		if (archive_find(i->l->archive, path, &m))
			continue;
		i->blobs[n].size = m.size;
		member_close(&m);
	}
	return 0;
}

static int load_docker_entry(struct load_image *i, const json_t *entry, struct snap_error *e)
{
	const char *config = json_get_string(entry, "Config");
	const json_t *layers = json_get_array(entry, "Layers");
	size_t len;
	int r;

	if (!config || !layers || json_array_size(layers) > LAYERS_MAX)
		return snap_fail(e, EPROTO,
			"manifest.json in %s has the wrong shape: an entry has no Config and Layers", i->l->source);
	r = archive_read(i->l->archive, config, CONFIG_MAX, &i->config_data, &len, e);
	if (r)
		return r;
	sha256_of(i->config_data, len, &i->docs.config);
	i->docs.manifest = i->docs.config;
	i->docs.config_data = i->config_data;
	i->docs.config_len = len;
	r = check_config_name(i, config, e);
	if (!r)
		r = image_config_parse(&i->config, i->config_data, len, i->what, e);
	if (!r)
		r = docker_layers(i, layers, e);
	if (!r)
		r = check_image(i, e);
	if (r)
		return r;
	add_repo_tags(i, entry);
	r = add_ref(i, e);
	if (!r)
		r = load_layers(i, e);
	return r ? r : publish(i, e);
}

static int load_docker(struct load *l, struct snap_error *e)
{
	int r = 0;

	if (!json_array_size(l->docker) || json_array_size(l->docker) > IMAGES_MAX)
		return snap_fail(e, EPROTO, "manifest.json in %s lists no image, or too many", l->source);
	for (size_t n = 0; !r && n < json_array_size(l->docker); n++) {
		struct load_image i = {.l = l};

		snprintf(i.what, sizeof(i.what), "image %zu of %.120s", n + 1, l->source);
		r = load_docker_entry(&i, json_array_get(l->docker, n), e);
		image_clear(&i);
	}
	return r;
}

/* ---- The whole ---- */

static bool has(const struct load *l, const char *name)
{
	struct member m;

	if (archive_find(l->archive, name, &m))
		return false;
	member_close(&m);
	return true;
}

static int load_run(struct load *l, struct snap_error *e)
{
	void *data;
	size_t len;
	int r;

	if (has(l, "manifest.json")) {
		r = archive_read(l->archive, "manifest.json", MANIFEST_MAX, &data, &len, e);
		if (r)
			return r;
		l->docker = json_parse_array(data, len, "manifest.json", e);
		free(data);
		if (!l->docker)
			return -EPROTO;
	}
	if (has(l, "index.json"))
		return load_oci(l, e);
	if (l->docker)
		return load_docker(l, e);
	return snap_fail(e, EINVAL,
		"%s is neither a docker archive nor an OCI layout: it has no manifest.json and no index.json",
		l->source);
}

int fetch_load(struct fetch *f, const char *source, struct snap_error *e)
{
	struct load l = {.f = f, .source = strcmp(source, "-") ? source : "standard input"};
	struct ref_name ref;
	int r = f->opt->ref ? ref_parse(f->opt->ref, &ref, e) : 0;

	if (r)
		return r;
	if (f->opt->ref && !*ref.tag)
		return snap_fail(e, EINVAL, "--ref takes a name with a tag, not with a digest alone: %s", f->opt->ref);
	confine(f->store, strcmp(source, "-") ? source : NULL, false);
	l.ref = f->opt->ref ? &ref : NULL;
	r = archive_open(source, f->txn, &f->opt->limits, &l.archive, e);
	if (r)
		return r;
	r = load_run(&l, e);
	json_decref(l.docker);
	archive_close(l.archive);
	return r;
}
