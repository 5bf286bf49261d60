/* SPDX-License-Identifier: MIT */
/*
 * picket save: images as an archive that is a docker-archive and an OCI layout in one, as docker's own is. The store does not keep
 * layers as they came, only what was in them: their archives are made anew from index and pack, so their digests, and with
 * them the image's ID, are not those of the registry. Saving the same image again gives the same bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/image/save.h"
#include "cmd/image/tarout.h"
#include "cmd/lib/message.h"
#include "fuse-snap/index.h"
#include "fuse-snap/store.h"

#define DEPTH_MAX 2048u
#define LAYERS_MAX 1024u

struct layer {
	struct digest diffid; /* in the store */
	struct digest made;   /* of the archive that is made of it */
	uint64_t size;
};

struct save {
	struct store *store;
	struct tarout *out;
	struct layer *layers; /* each once */
	size_t layer_count;
	struct digest *blobs; /* written already */
	size_t blob_count;
	json_t *docker, *oci; /* manifest.json, the manifests of index.json */
};

/* ---- A layer as a tar archive ---- */

struct layer_tar {
	struct tarout *t;
	struct snap_index ix;
	int *packs;
	char **first_path; /* of each inode with several names, by number - 1 */
	char path[SNAP_PATH_MAX + 8];
	const char *why; /* a fault of the layer */
};

static int damaged(struct layer_tar *l)
{
	l->why = "the layer is damaged; picket verify says more";
	return -EUCLEAN;
}

static int put_data(struct layer_tar *l, uint32_t ino, uint64_t size)
{
	char buf[65536];
	uint64_t off = 0;

	while (off < size && !l->t->err) {
		struct snap_run run;
		uint64_t left;

		if (snap_data_at(&l->ix, ino, off, &run) || !run.len)
			return damaged(l);
		left = run.len < size - off ? run.len : size - off;
		off += left;
		if (run.hole) {
			tarout_zeros(l->t, left);
			continue;
		}
		if (run.pack >= l->ix.pack_count)
			return damaged(l);
		for (uint64_t at = run.pack_off; left && !l->t->err;) {
			size_t want = left < sizeof(buf) ? (size_t)left : sizeof(buf);
			ssize_t n = pread(l->packs[run.pack], buf, want, (off_t)at);

			if (n <= 0)
				return damaged(l);
			tarout_data(l->t, buf, (size_t)n);
			at += (uint64_t)n;
			left -= (uint64_t)n;
		}
	}
	tarout_pad(l->t);
	return 0;
}

#define XATTRS_MAX 64

/* The names are copied: the index ends them with a length. */
static size_t collect_xattrs(struct layer_tar *l, uint32_t ino, struct tar_xattr x[XATTRS_MAX], char *names[XATTRS_MAX])
{
	const char *name;
	size_t n = 0, len;

	while (n < XATTRS_MAX && snap_xattr_at(&l->ix, ino, (uint32_t)n, &name, &len, &x[n].value, &x[n].len) == 0) {
		x[n].name = names[n] = xstrndup(name, len);
		n++;
	}
	return n;
}

static void put_whiteout(struct layer_tar *l, size_t at, const char *name, size_t len)
{
	struct tar_entry e = {.type = '0', .path = l->path};

	snprintf(l->path + at, sizeof(l->path) - at, ".wh.%.*s", (int)len, name);
	tarout_entry(l->t, &e);
}

/* The object at l->path. */
static int put_inode(struct layer_tar *l, uint32_t ino)
{
	const struct snap_inode *i = snap_inode_get(&l->ix, ino);
	struct tar_xattr xattrs[XATTRS_MAX];
	struct tar_entry e = {.path = l->path, .xattrs = xattrs};
	char *target = NULL, *names[XATTRS_MAX];
	const char *text;
	size_t len, named;
	bool again = false; /* a further name of a file that is in the archive */
	int r = 0;

	if (!i)
		return damaged(l);
	e.type = i->flags & SNAP_INODE_LINK ? '1' : tar_type(i->mode);
	if (!e.type)
		return 0;
	e.mode = i->mode;
	e.uid = i->uid;
	e.gid = i->gid;
	e.mtime_sec = i->mtime_sec;
	e.mtime_nsec = i->mtime_nsec < 1000000000u ? i->mtime_nsec : 0;
	if (e.type == '3' || e.type == '4') {
		e.major = i->rdev_major;
		e.minor = i->rdev_minor;
	}
	if (e.type == '1' || e.type == '2') {
		if (snap_readlink(&l->ix, ino, &text, &len) || len >= SNAP_PATH_MAX)
			return damaged(l);
		e.link = target = xstrndup(text, len);
	} else if (e.type != '5' && i->nlink > 1) {
		char **first = &l->first_path[ino - 1];

		if (*first) {
			e.type = '1';
			e.link = *first;
			again = true;
		} else {
			*first = xstrdup(l->path);
		}
	}
	e.size = e.type == '0' ? i->size : 0;
	e.xattr_count = named = again ? 0 : collect_xattrs(l, ino, xattrs, names);
	tarout_entry(l->t, &e);
	while (named-- > 0)
		free(names[named]);
	if (e.type == '0')
		r = put_data(l, ino, i->size);
	free(target);
	return r;
}

/* What is in directory `ino`, whose path, with a slash behind it, is the first `at` bytes of l->path. */
static int put_dir(struct layer_tar *l, uint32_t ino, size_t at, unsigned int depth)
{
	struct snap_entry en;
	int r = 0;

	if (depth > DEPTH_MAX)
		return damaged(l);
	if (snap_inode_get(&l->ix, ino)->flags & SNAP_INODE_OPAQUE)
		put_whiteout(l, at, ".wh..opq", 8);
	for (uint32_t pos = 0; r == 0 && !l->t->err; pos++) {
		const struct snap_inode *i;

		r = snap_entry_at(&l->ix, ino, pos, &en);
		if (r == -ENOENT)
			return 0;
		if (r || !en.name_len || en.name_len > SNAP_NAME_MAX || at + en.name_len + 6 > SNAP_PATH_MAX)
			return damaged(l);
		if (en.type == SNAP_DT_WHITEOUT) {
			put_whiteout(l, at, en.name, en.name_len);
			continue;
		}
		i = snap_inode_get(&l->ix, en.ino);
		if (!i)
			return damaged(l);
		memcpy(l->path + at, en.name, en.name_len);
		l->path[at + en.name_len] = '\0';
		if (!S_ISDIR(i->mode)) {
			r = put_inode(l, en.ino);
			continue;
		}
		l->path[at + en.name_len] = '/';
		l->path[at + en.name_len + 1] = '\0';
		if (i->parent != ino)
			return damaged(l);
		if (!(i->flags & SNAP_INODE_IMPLICIT))
			r = put_inode(l, en.ino);
		r = r ? r : put_dir(l, en.ino, at + en.name_len + 1, depth + 1);
	}
	return r;
}

static int put_index(struct layer_tar *l)
{
	const struct snap_inode *root = snap_inode_get(&l->ix, SNAP_ROOT_INO);
	int r = 0;

	if (!root || !S_ISDIR(root->mode))
		return damaged(l);
	l->first_path = xcalloc(l->ix.inode_count + 1, sizeof(*l->first_path));
	if (!(root->flags & SNAP_INODE_IMPLICIT)) {
		strcpy(l->path, "./");
		r = put_inode(l, SNAP_ROOT_INO);
	}
	l->path[0] = '\0';
	r = r ? r : put_dir(l, SNAP_ROOT_INO, 0, 0);
	for (uint32_t i = 0; i < l->ix.inode_count; i++)
		free(l->first_path[i]);
	free(l->first_path);
	return r;
}

static int open_packs(const struct store *s, const struct digest *diffid, struct layer_tar *l)
{
	l->packs = xcalloc(l->ix.pack_count + 1, sizeof(*l->packs));
	for (uint32_t i = 0; i < l->ix.pack_count; i++) {
		struct digest d;
		int r;

		memcpy(d.b, l->ix.packs[i].layer, sizeof(d.b));
		r = store_open_pack(s, digest_is_zero(&d) ? diffid : &d, &l->packs[i], NULL);
		if (r) {
			while (i-- > 0)
				close(l->packs[i]);
			free(l->packs);
			return r;
		}
	}
	return 0;
}

/* Write the layer as an archive. 0, or -1 after a complaint. */
static int write_layer(const struct store *s, const struct digest *diffid, struct tarout *t)
{
	struct layer_tar *l = xcalloc(1, sizeof(*l));
	char hex[DIGEST_HEX_LEN + 1], path[128];
	struct stat st;
	void *map = MAP_FAILED;
	int fd, r = -1;

	snprintf(path, sizeof(path), "layers/%s/index", digest_hex(diffid, hex));
	fd = openat(store_dirfd(s), path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	l->t = t;
	l->why = "it is not in the store; pull the image again";
	if (map != MAP_FAILED && snap_index_open(map, (size_t)st.st_size, &l->ix) == 0 && open_packs(s, diffid, l) == 0) {
		r = put_index(l);
		tarout_zeros(t, 1024);
		for (uint32_t i = 0; i < l->ix.pack_count; i++)
			close(l->packs[i]);
		free(l->packs);
	}
	if (map != MAP_FAILED)
		munmap(map, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	if (r)
		complain(-1, "cannot save layer sha256:%s: %s", hex, l->why);
	free(l);
	return r ? -1 : 0;
}

/* ---- Blobs ---- */

static const char *blob_path(const struct digest *d, char path[128])
{
	char hex[DIGEST_HEX_LEN + 1];

	snprintf(path, 128, "blobs/sha256/%s", digest_hex(d, hex));
	return path;
}

static bool is_new_blob(struct save *s, const struct digest *d)
{
	for (size_t i = 0; i < s->blob_count; i++)
		if (digest_equal(&s->blobs[i], d))
			return false;
	s->blobs = xrealloc(s->blobs, (s->blob_count + 1) * sizeof(*s->blobs));
	s->blobs[s->blob_count++] = *d;
	return true;
}

static void put_blob(struct save *s, const void *data, size_t len, struct digest *d)
{
	char path[128];

	sha256_of(data, len, d);
	if (is_new_blob(s, d))
		tarout_file(s->out, blob_path(d, path), data, len);
}

/* The layer of the store, as a blob: once to know its digest and size, once to write it. NULL after a complaint. */
static const struct layer *put_layer(struct save *s, const struct digest *diffid)
{
	struct tar_entry e = {.type = '0', .mode = 0644};
	struct tarout *counter;
	struct sha256 hash;
	struct layer made = {.diffid = *diffid};
	char path[128];
	int r;

	for (size_t i = 0; i < s->layer_count; i++)
		if (digest_equal(&s->layers[i].diffid, diffid))
			return &s->layers[i];
	sha256_init(&hash);
	counter = xcalloc(1, sizeof(*counter));
	tarout_begin(counter, -1, &hash);
	r = write_layer(s->store, diffid, counter);
	tarout_flush(counter);
	sha256_final(&hash, &made.made);
	made.size = counter->len;
	free(counter);
	if (r)
		return NULL;
	if (is_new_blob(s, &made.made)) {
		e.path = blob_path(&made.made, path);
		e.size = made.size;
		tarout_entry(s->out, &e);
		if (write_layer(s->store, diffid, s->out))
			return NULL;
		tarout_pad(s->out);
	}
	s->layers = xrealloc(s->layers, (s->layer_count + 1) * sizeof(*s->layers));
	s->layers[s->layer_count] = made;
	return &s->layers[s->layer_count++];
}

/* ---- Images ---- */

static json_t *descriptor(const char *type, const struct digest *d, uint64_t size)
{
	char text[DIGEST_TEXT_LEN + 1];

	return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest_text(d, text), "size", (json_int_t)size);
}

/* Write the image's layers; *ids get their new diffIDs, *descriptors and *paths what the manifests say. */
static int put_layers(struct save *s, json_t *ids, json_t *descriptors, json_t *paths)
{
	if (!json_is_array(ids) || json_array_size(ids) > LAYERS_MAX)
		return complain(-1, "the image's configuration is damaged");
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const char *text = json_string_value(json_array_get(ids, i));
		char path[128], made[DIGEST_TEXT_LEN + 1];
		const struct layer *l;
		struct digest diffid;

		if (!text || digest_parse(text, &diffid))
			return complain(-1, "the image's configuration is damaged");
		l = put_layer(s, &diffid);
		if (!l)
			return -1;
		json_array_set_new(ids, i, json_string(digest_text(&l->made, made)));
		json_array_append_new(descriptors, descriptor("application/vnd.oci.image.layer.v1.tar", &l->made, l->size));
		json_array_append_new(paths, json_string(blob_path(&l->made, path)));
	}
	return 0;
}

/* One more image of the archive; an image with several names is one entry for docker. */
static void note_image(struct save *s, const char *name, const struct digest *manifest, size_t len, json_t *entry)
{
	json_t *d = descriptor("application/vnd.oci.image.manifest.v1+json", manifest, len);
	const char *tag = name ? strrchr(name, ':') : NULL;
	json_t *other;
	size_t i;

	if (name) {
		json_array_append_new(json_object_get(entry, "RepoTags"), json_string(ref_familiar(name)));
		json_object_set_new(d, "annotations", json_pack("{s:s, s:s}", "io.containerd.image.name", name,
							      "org.opencontainers.image.ref.name", tag ? tag + 1 : name));
	}
	json_array_append_new(s->oci, d);
	json_array_foreach(s->docker, i, other) {
		if (!json_equal(json_object_get(other, "Config"), json_object_get(entry, "Config")))
			continue;
		json_array_extend(json_object_get(other, "RepoTags"), json_object_get(entry, "RepoTags"));
		json_decref(entry);
		return;
	}
	json_array_append_new(s->docker, entry);
}

static int save_config(struct save *s, const char *name, json_t *config, struct digest *ret_id)
{
	json_t *descriptors = json_array(), *paths = json_array(), *manifest;
	struct digest id, m;
	char path[128], *text;
	size_t len;

	if (put_layers(s, json_object_get(json_object_get(config, "rootfs"), "diff_ids"), descriptors, paths)) {
		json_decref(descriptors);
		json_decref(paths);
		return -1;
	}
	text = json_dumps(config, JSON_COMPACT | JSON_PRESERVE_ORDER);
	put_blob(s, text, strlen(text), &id);
	manifest = json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType",
		"application/vnd.oci.image.manifest.v1+json", "config",
		descriptor("application/vnd.oci.image.config.v1+json", &id, strlen(text)), "layers", descriptors);
	free(text);
	text = json_dumps(manifest, JSON_COMPACT | JSON_PRESERVE_ORDER);
	len = strlen(text);
	put_blob(s, text, len, &m);
	free(text);
	json_decref(manifest);
	if (ret_id)
		*ret_id = id;
	note_image(s, name, &m, len,
		json_pack("{s:s, s:[], s:o}", "Config", blob_path(&id, path), "RepoTags", "Layers", paths));
	return 0;
}

static int save_image(struct save *s, const char *text, struct digest *id)
{
	struct image_ref ref;
	struct snap_error e;
	json_t *config;
	size_t len;
	void *data;
	int r;

	if (store_resolve(s->store, text, &ref, &e) < 0 || store_get_blob(s->store, &ref.config, &data, &len, &e) < 0)
		return complain(-1, "%s", e.text);
	config = json_loadb(data, len, 0, NULL);
	free(data);
	if (!config)
		return complain(-1, "the configuration of %s is damaged; picket verify says more", text);
	r = save_config(s, *ref.name && !strchr(ref.name, '@') ? ref.name : NULL, config, id);
	json_decref(config);
	return r;
}

static void put_json(struct save *s, const char *path, json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_PRESERVE_ORDER);

	tarout_file(s->out, path, text, strlen(text));
	free(text);
	json_decref(v);
}

static int save_all(struct save *s, int argc, char *const *argv, struct digest *ids)
{
	int r = 0;

	s->docker = json_array();
	s->oci = json_array();
	for (int i = 0; r == 0 && i < argc; i++)
		r = save_image(s, argv[i], ids ? &ids[i] : NULL);
	if (r) {
		json_decref(s->oci);
		json_decref(s->docker);
		free(s->layers);
		free(s->blobs);
		return r; /* nothing that looks like a whole archive */
	}
	put_json(s, "oci-layout", json_pack("{s:s}", "imageLayoutVersion", "1.0.0"));
	put_json(s, "index.json",
		json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", "application/vnd.oci.image.index.v1+json",
			"manifests", s->oci));
	put_json(s, "manifest.json", s->docker);
	if (tarout_end(s->out))
		r = complain(-1, "cannot write the archive: %s", strerror(s->out->err));
	free(s->layers);
	free(s->blobs);
	return r;
}

int save_images(int fd, int argc, char *const *argv, struct digest *ids)
{
	struct save s = {.out = xcalloc(1, sizeof(*s.out))};
	struct store_txn *txn;
	struct snap_error e;
	int r = store_open(NULL, &s.store, &e);

	if (r == 0)
		r = store_begin(s.store, &txn, &e); /* nothing is collected meanwhile */
	if (r) {
		free(s.out);
		return complain(EXIT_FAILED, "%s", e.text);
	}
	tarout_begin(s.out, fd, NULL);
	r = save_all(&s, argc, argv, ids);
	store_end(txn);
	store_close(s.store);
	free(s.out);
	return r ? EXIT_FAILED : EXIT_OK;
}

int cmd_save(const void *opts, int argc, char **argv)
{
	const struct save_options *o = opts;
	char *beside;
	int fd, r;

	if (!o->output) {
		if (isatty(STDOUT_FILENO))
			return complain(EXIT_FAILED, "picket save writes an archive to standard output, which is a terminal; "
						     "name a file with -o, or redirect it");
		return save_images(STDOUT_FILENO, argc, argv, NULL);
	}
	beside = xasprintf("%s.%ld.part", o->output, (long)getpid());
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		r = complain(EXIT_FAILED, "cannot write %s: %s", o->output, strerror(errno));
	} else {
		r = save_images(fd, argc, argv, NULL);
		if (r == 0 && (close(fd) < 0 || rename(beside, o->output) < 0))
			r = complain(EXIT_FAILED, "cannot write %s: %s", o->output, strerror(errno));
		if (r)
			unlink(beside);
	}
	free(beside);
	return r;
}
