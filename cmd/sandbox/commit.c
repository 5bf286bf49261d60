/* SPDX-License-Identifier: MIT */
/*
 * picket commit: the changes of a kept sandbox as one layer more on its image. The layer is written as an archive, with a
 * configuration that names the base's layers too, and picket-fetch takes that in as it takes any image; the layers that the
 * store has are not in the archive.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/image/publish.h"
#include "cmd/image/tarout.h"
#include "cmd/keep/ask.h"
#include "cmd/lib/message.h"
#include "cmd/sandbox/commit_config.h"
#include "cmd/sandbox/layers.h"

struct layer_tar {
	struct tarout *t;
	const struct layer_view *view;
	struct {
		uint64_t id;
		char *path;
	} *links; /* files with several names, by upper_change.link_id */
	size_t link_count;
	int err; /* reading a file failed: errno */
	char *err_path;
};

/* ---- The layer: what a directory has lost is told name by name, so no directory needs to be opaque ---- */

static const char *first_name(struct layer_tar *l, const struct upper_change *c, const char *path)
{
	for (size_t i = 0; i < l->link_count; i++)
		if (l->links[i].id == c->link_id)
			return l->links[i].path;
	if ((l->link_count & (l->link_count - 1)) == 0)
		l->links = xrealloc(l->links, (l->link_count ? l->link_count * 2 : 1) * sizeof(*l->links));
	l->links[l->link_count].id = c->link_id;
	l->links[l->link_count++].path = xstrdup(path);
	return NULL;
}

static void put_whiteout(struct layer_tar *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = slash ? xasprintf("%.*s/.wh.%s", (int)(slash - path), path, slash + 1) : xasprintf(".wh.%s", path);

	tarout_file(l->t, name, "", 0);
	free(name);
}

static int put_data(struct layer_tar *l, const struct upper_change *c)
{
	char buf[65536];
	uint64_t off = 0;

	while (off < c->meta->size) {
		size_t want = c->meta->size - off < sizeof(buf) ? (size_t)(c->meta->size - off) : sizeof(buf);
		ssize_t n = upper_change_pread(c, buf, want, off);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break; /* it became shorter while it was read */
		tarout_data(l->t, buf, (size_t)n);
		off += (uint64_t)n;
	}
	tarout_zeros(l->t, c->meta->size - off);
	tarout_pad(l->t);
	return 0;
}

#define XATTRS_MAX 64

static size_t collect_xattrs(const struct upper_meta *m, struct tar_xattr *x)
{
	struct upper_bytes names = m->names;
	struct upper_xattr a;
	size_t n = 0;

	while (n < XATTRS_MAX && names.p && upper_xattr_next(&names, &a))
		x[n++] = (struct tar_xattr){.name = a.name, .value = a.value, .len = a.size};
	return n;
}

static int put_object(struct layer_tar *l, const struct upper_change *c, const char *path)
{
	const struct upper_meta *m = c->meta;
	struct tar_xattr xattrs[XATTRS_MAX];
	struct tar_entry e = {.path = path, .type = tar_type(m->mode), .mode = m->mode, .uid = m->uid, .gid = m->gid,
		.mtime_sec = m->mtime.tv_sec, .mtime_nsec = (uint32_t)m->mtime.tv_nsec, .xattrs = xattrs};
	char *slashed = NULL;
	int r = 0;

	if (!e.type)
		return 0; /* a socket: nothing to be kept of it */
	e.xattr_count = collect_xattrs(m, xattrs);
	if (e.type == '5')
		e.path = slashed = xasprintf("%s/", path);
	if (e.type == '2')
		e.link = m->target;
	if (e.type == '3' || e.type == '4') {
		e.major = m->rdev_major;
		e.minor = m->rdev_minor;
	}
	if (e.type == '0' && c->link_id && (e.link = first_name(l, c, path))) {
		e.type = '1';
		e.xattr_count = 0;
	}
	e.size = e.type == '0' ? m->size : 0;
	tarout_entry(l->t, &e);
	if (e.type == '0')
		r = put_data(l, c);
	free(slashed);
	return r;
}

static int each(void *ctx, const struct upper_change *c)
{
	struct layer_tar *l = ctx;
	const char *path = c->path + 1;
	int r = 0;

	if (!*path || layer_is_ours(l->view, c->path))
		return 0; /* the root's own attributes stay the image's */
	if (c->kind == UPPER_DELETED)
		put_whiteout(l, path);
	else
		r = put_object(l, c, path);
	if (r < 0) {
		l->err = -r;
		l->err_path = xstrdup(c->path);
		return EXIT_FAILED;
	}
	return l->t->err ? EXIT_FAILED : 0;
}

/* Write the archive's member with the layer: its header is written when the length is known. */
static int put_layer(int fd, const struct layer_view *v, struct digest *diffid)
{
	struct tarout *t = xcalloc(1, sizeof(*t));
	struct layer_tar l = {.t = t, .view = v};
	struct sha256 hash;
	uint64_t len;
	int status;

	sha256_init(&hash);
	status = publish_layer_begin(fd);
	tarout_begin(t, fd, &hash);
	status = status ? status : layer_walk(v, each, &l);
	if (tarout_end(t) < 0 && !l.err)
		status = complain(EXIT_FAILED, "cannot write the layer: %s", strerror(t->err));
	else if (l.err)
		status = complain(EXIT_FAILED, "cannot read %s of the sandbox: %s", l.err_path, strerror(l.err));
	sha256_final(&hash, diffid);
	len = t->len;
	if (status == 0)
		status = publish_layer_end(fd, len);
	for (size_t i = 0; i < l.link_count; i++)
		free(l.links[i].path);
	free(l.links);
	free(l.err_path);
	free(t);
	return status;
}

/* ---- The configuration ---- */

static char *command_line_of(const struct run *r)
{
	char *s = xstrdup("");

	for (size_t i = 0; i < r->entry.config.command.count; i++) {
		char *more = xasprintf("%s%s%s", s, i ? " " : "", r->entry.config.command.items[i]);

		free(s);
		s = more;
	}
	return s;
}

static void add_history(json_t *root, const struct run *r, const struct commit_options *o)
{
	json_t *history = json_object_get(root, "history"), *h;
	char *when = publish_now(), *by = command_line_of(r);

	h = json_pack("{s:s}", "created", when);
	if (json_object_set_new(h, "created_by", json_string(by)) < 0)
		json_object_set_new(h, "created_by", json_string("")); /* a command that is no UTF-8 */
	if (o->author)
		json_object_set_new(h, "author", json_string(o->author));
	if (o->message)
		json_object_set_new(h, "comment", json_string(o->message));
	if (!json_is_array(history)) {
		json_object_set_new(root, "history", json_array());
		history = json_object_get(root, "history");
	}
	json_array_append_new(history, h);
	json_object_set_new(root, "created", json_string(when));
	if (o->author)
		json_object_set_new(root, "author", json_string(o->author));
	free(when);
	free(by);
}

/* The base's configuration with what commit changes; NULL after a complaint. */
static json_t *make_config(const struct layers *l, const struct commit_options *o, const struct digest *diffid)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct snap_error e;
	json_t *root, *config;
	size_t len;
	void *data;

	if (store_get_blob(l->run.store, &l->run.ref.config, &data, &len, &e) < 0) {
		complain(EXIT_FAILED, "%s", e.text);
		return NULL;
	}
	root = json_loadb(data, len, 0, NULL);
	free(data);
	if (!json_is_array(json_object_get(json_object_get(root, "rootfs"), "diff_ids"))) {
		complain(EXIT_FAILED, "the configuration of the sandbox's image is damaged");
		json_decref(root);
		return NULL;
	}
	config = json_object_get(root, "config");
	if (!json_is_object(config)) {
		json_object_set_new(root, "config", json_object());
		config = json_object_get(root, "config");
	}
	commit_merge_run(config, &l->run);
	for (size_t i = 0; i < o->changes.count; i++) {
		if (commit_change(config, o->changes.items[i])) {
			json_decref(root);
			return NULL;
		}
	}
	json_array_append_new(
		json_object_get(json_object_get(root, "rootfs"), "diff_ids"), json_string(digest_text(diffid, text)));
	add_history(root, &l->run, o);
	return root;
}

/* ---- The whole ---- */

static int commit(const struct layers *l, const struct commit_options *o, const char *name, struct digest *id)
{
	struct digest diffid;
	struct store_txn *txn;
	struct snap_error e;
	json_t *config;
	int fd, status;

	if (store_begin(l->run.store, &txn, &e) < 0)
		return complain(EXIT_FAILED, "%s", e.text);
	status = store_txn_tmp(txn, &fd, &e) < 0 ? complain(EXIT_FAILED, "%s", e.text) : 0;
	if (status == 0) {
		status = put_layer(fd, &l->views[0], &diffid);
		config = status ? NULL : make_config(l, o, &diffid);
		status = config ? publish_image(fd, config, name, id) : EXIT_FAILED;
		json_decref(config);
		close(fd);
	}
	store_end(txn);
	return status;
}

/* "done" is to be undone: the sandbox is paused. */
static bool pause_sandbox(const struct entry *e, const char *verb)
{
	return keeper_ask(e, json_pack("{s:s}", "do", verb), NULL, 0, NULL) == 0;
}

int cmd_commit(const void *opts, int argc, char **argv)
{
	const struct commit_options *o = opts;
	char name[REF_NAME_MAX + 1], text[DIGEST_TEXT_LEN + 1], *err = NULL;
	struct layers l = {0};
	struct digest id;
	struct entry e;
	bool paused = false;
	int status = argc > 1 ? publish_name(argv[1], name) : 0;

	if (status == 0 && entry_find(argv[0], &e, &err) < 0)
		status = complain(EXIT_FAILED, "%s", err);
	free(err);
	if (status)
		return status;
	if (e.state.status == ENTRY_RUNNING && (!o->pause || strcmp(o->pause, "false") != 0))
		paused = pause_sandbox(&e, "pause");
	status = layers_open(&e, LAYERS_TREE, &l);
	if (status == 0 && l.run.target != ON_IMAGE)
		status = complain(EXIT_FAILED, "the sandbox %s was made on %s, which is no image: picket export writes its tree to an "
					       "archive",
			l.run.entry.config.name, l.run.target == ON_HOST ? "this machine's directories" : "a directory");
	if (status == 0 && l.views[0].upper_fd < 0)
		status = complain(EXIT_FAILED, "the sandbox %s has never been started: it has changed nothing",
			l.run.entry.config.name);
	status = status ? status : commit(&l, o, argc > 1 ? name : NULL, &id);
	if (paused)
		pause_sandbox(&l.run.entry, "unpause");
	layers_close(&l);
	if (status)
		return status;
	puts(digest_text(&id, text));
	return finish_output();
}
