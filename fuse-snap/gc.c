/* SPDX-License-Identifier: MIT */
/*
 * Collection: with the exclusive lock no transaction is alive, so what no reference reaches and no reader locks is
 * garbage. Things go by being renamed into tmp/, so that none is ever half there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store_priv.h"

#define PARTIAL_SECONDS (7 * 24 * 3600)

/* Digests; the set grows while it is walked. */
struct set {
	struct digest *v;
	size_t n;
	size_t cap;
};

struct gc {
	struct store *store;
	struct set images;
	struct set layers;
	struct set blobs;   /* manifests, lists, configs */
	struct set records; /* configs */
	struct store_gc_stats stats;
	unsigned int next; /* names in tmp/ */
	const struct store_users *users;
	bool full; /* no memory for all that is used */
};

static bool set_has(const struct set *s, const struct digest *d)
{
	for (size_t i = 0; i < s->n; i++)
		if (digest_equal(&s->v[i], d))
			return true;
	return false;
}

static int set_add(struct set *s, const struct digest *d)
{
	if (digest_is_zero(d) || set_has(s, d))
		return 0;
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		struct digest *v = realloc(s->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = *d;
	return 0;
}

static int to_tmp(struct gc *gc, const char *path, const char *tmp)
{
	return renameat(gc->store->dirfd, path, gc->store->dirfd, tmp) ? -errno : 0;
}

static int remove_thing(struct gc *gc, const char *path)
{
	char tmp[64];
	int r;

	snprintf(tmp, sizeof(tmp), STORE_TMP "/gc-%d-%u", getpid(), gc->next++);
	r = to_tmp(gc, path, tmp);
	if (store_reserve_release(gc->store, r))
		r = to_tmp(gc, path, tmp);
	if (r)
		return r == -ENOENT ? 0 : r;
	return store_remove_tree(gc->store, tmp, &gc->stats.bytes);
}

/* ---- Marking ---- */

static int mark_refs(struct gc *gc, struct snap_error *e)
{
	struct image_ref *refs;
	size_t n;
	int r = store_list_refs(gc->store, &refs, &n, e);

	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++) {
		r = set_add(&gc->images, &refs[i].chain);
		if (!r)
			r = set_add(&gc->blobs, &refs[i].manifest);
		if (!r)
			r = set_add(&gc->blobs, &refs[i].list);
		if (!r)
			r = set_add(&gc->blobs, &refs[i].config);
		if (!r)
			r = set_add(&gc->records, &refs[i].config);
	}
	free(refs);
	return r ? snap_fail_errno(e, -r, "cannot clean the store") : 0;
}

static void mark_used(void *to, const struct digest *chain, const struct digest *config)
{
	struct gc *gc = to;

	if (set_add(&gc->images, chain) || set_add(&gc->blobs, config) || set_add(&gc->records, config))
		gc->full = true;
}

static int mark_users(struct gc *gc, struct snap_error *e)
{
	int r = gc->users ? gc->users->each(gc->users->arg, mark_used, gc, e) : 0;

	return r == 0 && gc->full ? snap_fail_errno(e, ENOMEM, "cannot clean the store") : r;
}

/* All packs that an index names. */
static int mark_packs(struct gc *gc, const char *index)
{
	struct mapped_index m;
	int r = store_map_index(gc->store, index, &m);

	if (r)
		return r == -ENOENT ? 0 : r;
	for (uint32_t i = 0; i < m.ix.pack_count && !r; i++) {
		struct digest d;

		memcpy(d.b, m.ix.packs[i].layer, sizeof(d.b));
		r = set_add(&gc->layers, &d);
	}
	store_unmap_index(&m);
	return r;
}

/* Layers of live images, then whatever packs those layers lean on, and so on: the set grows while it is walked. */
static int mark_layers(struct gc *gc)
{
	int r = 0;

	for (size_t i = 0; i < gc->images.n && !r; i++) {
		struct digest *ids = NULL;
		size_t n = 0;

		r = store_image_layers(gc->store, &gc->images.v[i], &ids, &n);
		if (r == -ENOENT)
			r = 0;
		for (size_t j = 0; j < n && !r; j++)
			r = set_add(&gc->layers, &ids[j]);
		free(ids);
		if (!r)
			r = mark_packs(gc, store_name(STORE_IMAGES, &gc->images.v[i], "index").s);
	}
	for (size_t i = 0; i < gc->layers.n && !r; i++)
		r = mark_packs(gc, store_name(STORE_LAYERS, &gc->layers.v[i], "index").s);
	return r;
}

/* ---- Sweeping ---- */

/* An image without a reference goes, unless somebody reads it: then it is marked instead. */
static int sweep_image(struct gc *gc, const struct digest *d)
{
	struct store_name index = store_name(STORE_IMAGES, d, "index");
	int fd = openat(gc->store->dirfd, index.s, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = 0;

	if (fd >= 0 && store_flock(fd, LOCK_EX | LOCK_NB)) {
		gc->stats.kept_in_use++;
		r = set_add(&gc->images, d);
	} else {
		r = remove_thing(gc, store_name(STORE_IMAGES, d, NULL).s);
		gc->stats.images++;
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static int sweep_layer(struct gc *gc, const struct digest *d)
{
	gc->stats.layers++;
	return remove_thing(gc, store_name(STORE_LAYERS, d, NULL).s);
}

static int sweep_blob(struct gc *gc, const struct digest *d)
{
	gc->stats.blobs++;
	return remove_thing(gc, store_name(STORE_BLOBS, d, NULL).s);
}

static int sweep_record(struct gc *gc, const struct digest *d)
{
	return remove_thing(gc, store_name(STORE_RECORDS, d, NULL).s);
}

static int sweep(
	struct gc *gc, const char *dir, const struct set *live, int (*drop)(struct gc *, const struct digest *))
{
	char **names;
	int r = store_list(gc->store, dir, &names);

	if (r)
		return r;
	for (char **n = names; *n && !r; n++) {
		struct digest d;

		if (!digest_parse(*n, &d) && !set_has(live, &d))
			r = drop(gc, &d);
	}
	store_free_names(names);
	return r;
}

/* Lock files of pulls that are over. One that somebody holds or waits for stays. */
static void sweep_locks(struct gc *gc)
{
	char path[300], **names;

	if (store_list(gc->store, STORE_LOCKS, &names))
		return;
	for (char **n = names; *n; n++) {
		int fd;

		snprintf(path, sizeof(path), STORE_LOCKS "/%.255s", *n);
		fd = openat(gc->store->dirfd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 && !store_flock(fd, LOCK_EX | LOCK_NB))
			unlinkat(gc->store->dirfd, path, 0);
		if (fd >= 0)
			close(fd);
	}
	store_free_names(names);
}

/* Unfinished downloads that nobody has gone on with for a week. */
static void sweep_partial(struct gc *gc)
{
	char path[300], **names;

	if (store_list(gc->store, STORE_PARTIAL, &names))
		return;
	for (char **n = names; *n; n++) {
		struct stat st;

		snprintf(path, sizeof(path), STORE_PARTIAL "/%.255s", *n);
		if (!fstatat(gc->store->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) &&
			st.st_mtime < time(NULL) - PARTIAL_SECONDS)
			store_remove_tree(gc->store, path, &gc->stats.bytes);
	}
	store_free_names(names);
}

/* Twins of the host's files: a cache. Those that were made a while ago go; what is still wanted is made again. */
static void sweep_twins(struct gc *gc)
{
	char path[300], **names;

	if (store_list(gc->store, STORE_TWINS, &names))
		return;
	for (char **n = names; *n; n++) {
		struct stat st;

		snprintf(path, sizeof(path), STORE_TWINS "/%.255s", *n);
		if (!fstatat(gc->store->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) && st.st_mtime < time(NULL) - PARTIAL_SECONDS)
			store_remove_tree(gc->store, path, &gc->stats.bytes);
	}
	store_free_names(names);
}

static int collect(struct gc *gc, struct snap_error *e)
{
	int r;

	store_clean_tmp(gc->store);
	sweep_locks(gc);
	sweep_partial(gc);
	sweep_twins(gc);
	r = mark_refs(gc, e);
	if (!r)
		r = mark_users(gc, e);
	if (r)
		return r;
	r = sweep(gc, STORE_IMAGES, &gc->images, sweep_image);
	if (!r)
		r = mark_layers(gc);
	if (!r)
		r = sweep(gc, STORE_LAYERS, &gc->layers, sweep_layer);
	if (!r)
		r = sweep(gc, STORE_BLOBS, &gc->blobs, sweep_blob);
	if (!r)
		r = sweep(gc, STORE_RECORDS, &gc->records, sweep_record);
	return r ? snap_fail_errno(e, -r, "cannot clean the store in %s", gc->store->path) : 0;
}

int store_hold(const struct store *s, int *ret_fd, struct snap_error *e)
{
	int fd = openat(s->dirfd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? -errno : store_flock(fd, LOCK_SH);

	if (r) {
		if (fd >= 0)
			close(fd);
		return snap_fail_errno(e, -r, "cannot lock the store in %s", s->path);
	}
	*ret_fd = fd;
	return 0;
}

int store_collect(struct store *s, struct store_gc_stats *stats, struct snap_error *e)
{
	return store_collect_but(s, NULL, stats, e);
}

int store_collect_but(
	struct store *s, const struct store_users *users, struct store_gc_stats *stats, struct snap_error *e)
{
	struct gc gc = {.store = s, .users = users};
	int fd = openat(s->dirfd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? -errno : store_flock(fd, LOCK_EX | LOCK_NB);

	if (r == -EWOULDBLOCK)
		r = snap_fail(e, EBUSY, "another picket is adding to the store: what is no longer needed goes later");
	else if (r)
		snap_fail_errno(e, -r, "cannot lock the store in %s", s->path);
	else
		r = collect(&gc, e);
	if (fd >= 0)
		close(fd);
	free(gc.images.v);
	free(gc.layers.v);
	free(gc.blobs.v);
	free(gc.records.v);
	if (stats)
		*stats = gc.stats;
	return r;
}
