/* SPDX-License-Identifier: MIT */
/*
 * The reader of a layer of writes (docs/kept-format.md): its tree is compared with the lower one, path by path. A directory is
 * told before what is in it; the walk is as deep as the layer and the lower tree are, at most DEPTH_MAX.
 */
#include "upper_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEPTH_MAX 500u
#define NAMES_MAX 4000000u /* of one directory */

struct walk {
	int upper_fd;
	struct upper_lower *lower;
	struct upper_links links;
	int (*each)(void *ctx, const struct upper_change *c);
	void *ctx;
	struct upper_error *err;
	dev_t dev;
};

/* A directory of the merged tree. */
struct dir {
	int fd;		    /* of its object; -1: it is the lower one alone, seen here by a renamed directory above */
	const char *path;   /* "" for the root, else "/etc" */
	const char *origin; /* the lower directory that shows through; NULL: none */
	unsigned depth;
};

struct name {
	char *host;	 /* of the object; NULL: none */
	bool white, low; /* a whiteout; seen from the lower directory at *origin* */
	char name[];
};

struct names {
	struct name **items;
	size_t n, room;
};

static int fail(struct walk *w, int r, const char *what, const char *path)
{
	const char *why = r == -EUCLEAN ? "it is damaged" : r == -EPROTONOSUPPORT ? "it is of a newer version" : strerror(-r);

	snprintf(w->err->text, sizeof(w->err->text), "cannot read %s %.380s: %s", what, *path ? path : "/", why);
	return r;
}

/* --- names ---------------------------------------------------------------------------------------------------------------------------- */

static int names_add(struct names *ns, const char *name, const char *host, bool white, bool low)
{
	size_t len = strlen(name);
	struct name *n;

	if (ns->n == ns->room) {
		size_t room = ns->room ? ns->room * 2 : 32;
		struct name **p = room > NAMES_MAX ? NULL : reallocarray(ns->items, room, sizeof(struct name *));

		if (!p)
			return -ENOMEM;
		ns->items = p;
		ns->room = room;
	}
	n = calloc(1, sizeof(*n) + len + 1);
	if (!n)
		return -ENOMEM;
	memcpy(n->name, name, len + 1);
	n->white = white;
	n->low = low;
	n->host = host ? strdup(host) : NULL;
	if (host && !n->host) {
		free(n);
		return -ENOMEM;
	}
	ns->items[ns->n++] = n;
	return 0;
}

static void name_free(struct name *n)
{
	free(n->host);
	free(n);
}

static void names_free(struct names *ns)
{
	for (size_t i = 0; i < ns->n; i++)
		name_free(ns->items[i]);
	free(ns->items);
}

static int compare(const void *a, const void *b)
{
	return strcmp((*(struct name *const *)a)->name, (*(struct name *const *)b)->name);
}

/* Sort, and make one of those that are equal. */
static void names_merge(struct names *ns)
{
	size_t to = 0;

	if (ns->n == 0)
		return;
	qsort(ns->items, ns->n, sizeof(*ns->items), compare);
	for (size_t i = 1; i < ns->n; i++) {
		struct name *at = ns->items[to], *n = ns->items[i];

		if (strcmp(at->name, n->name) != 0) {
			ns->items[++to] = n;
			continue;
		}
		at->white |= n->white;
		at->low |= n->low;
		if (!at->host) {
			at->host = n->host;
			n->host = NULL;
		}
		name_free(n);
	}
	ns->n = to + 1;
}

static int list_host(int dirfd, const char *sub, bool white, struct names *ns)
{
	int fd = upper_open_beneath(dirfd, sub, O_RDONLY | O_DIRECTORY), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	char name[256];

	if (!d) {
		r = fd < 0 ? fd : -errno;
		if (fd >= 0)
			close(fd);
		return r == -ENOENT && white ? 0 : r;
	}
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || upper_name_decode(e->d_name, name) < 0)
			continue;
		r = names_add(ns, name, white ? NULL : e->d_name, white, false);
	}
	closedir(d);
	return r;
}

static int add_low(void *ctx, const char *name)
{
	return names_add(ctx, name, NULL, false, true);
}

/* The path of what *d* is compared with, in the lower tree. */
static const char *own_path(const struct dir *d)
{
	return *d->path ? d->path + 1 : "";
}

static bool in_place(const struct dir *d)
{
	return d->origin && strcmp(d->origin, own_path(d)) == 0;
}

/*
 * All names that may have to be told: what the layer says of the directory; if it is not the one that the lower tree has at this
 * path, what shows through; and what the lower tree has here, for what is missing now (*white* and not *low*: compare() does that).
 */
static int collect(struct walk *w, const struct dir *d, struct names *ns)
{
	int r = d->fd < 0 ? 0 : list_host(d->fd, ".", false, ns);

	if (r == 0 && d->fd >= 0)
		r = list_host(d->fd, UPPER_WHITEOUTS, true, ns);
	if (r == 0 && !in_place(d) && d->origin) {
		r = w->lower->list(w->lower, d->origin, add_low, ns);
		r = r == -ENOENT || r == -ENOTDIR ? 0 : r;
	}
	if (r == 0 && in_place(d)) /* what is seen there by the index; whatever else the lower directory has is unchanged */
		r = upper_links_below(&w->links, d->origin, add_low, ns);
	if (r == 0 && !in_place(d)) {
		struct names here = {0};

		r = w->lower->list(w->lower, own_path(d), add_low, &here);
		r = r == -ENOENT || r == -ENOTDIR ? 0 : r;
		for (size_t i = 0; r == 0 && i < here.n; i++)
			r = names_add(ns, here.items[i]->name, NULL, false, false);
		names_free(&here);
	}
	names_merge(ns);
	return r;
}

/* --- objects ---------------------------------------------------------------------------------------------------------------------------- */

struct object {
	int fd; /* -1: none */
	uint8_t *bytes;
	struct upper_record rec;
	struct stat st;
	char *origin;
};

static void object_close(struct object *o)
{
	if (o->fd >= 0)
		close(o->fd);
	free(o->bytes);
	free(o->origin);
}

static int read_record(struct object *o)
{
	ssize_t n;

	o->bytes = malloc(UPPER_RECORD_MAX);
	if (!o->bytes)
		return -ENOMEM;
	n = fgetxattr(o->fd, UPPER_XATTR, o->bytes, UPPER_RECORD_MAX);
	if (n < 0)
		return errno == ENODATA || errno == ERANGE ? -EUCLEAN : -errno;
	return upper_record_decode(o->bytes, (size_t)n, &o->rec);
}

static int object_open(struct walk *w, int dirfd, const char *host, struct object *o)
{
	int at = upper_open_beneath(dirfd, host, O_PATH), r;

	*o = (struct object){.fd = -1};
	if (at < 0)
		return at;
	r = fstatat(at, "", &o->st, AT_EMPTY_PATH) < 0 ? -errno : 0;
	close(at);
	if (r == 0 && !S_ISDIR(o->st.st_mode) && !S_ISREG(o->st.st_mode))
		r = -EUCLEAN;
	if (r == 0) {
		o->fd = upper_open_beneath(dirfd, host, O_RDONLY | O_NONBLOCK | O_NOCTTY);
		r = o->fd < 0 ? o->fd : fstat(o->fd, &o->st) < 0 ? -errno : 0;
	}
	if (r == 0 && o->st.st_dev != w->dev)
		r = -EUCLEAN;
	if (r == 0)
		r = read_record(o);
	if (r == 0 && (S_ISDIR(o->rec.mode) ? !S_ISDIR(o->st.st_mode) : !S_ISREG(o->st.st_mode)))
		r = -EUCLEAN;
	if (r == 0 && o->rec.origin.p) {
		o->origin = strndup(o->rec.origin.p, o->rec.origin.len);
		r = o->origin ? 0 : -ENOMEM;
	}
	return r;
}

static int read_target(struct object *o, struct upper_meta *m)
{
	char buf[4096];
	ssize_t n = pread(o->fd, buf, sizeof(buf), 0);

	if (n <= 0 || n == sizeof(buf) || memchr(buf, 0, (size_t)n))
		return n < 0 ? -errno : -EUCLEAN;
	m->target = strndup(buf, (size_t)n);
	return m->target ? 0 : -ENOMEM;
}

static int object_meta(struct walk *w, struct object *o, struct upper_meta *m)
{
	struct upper_bytes list = o->rec.xattrs;
	struct upper_buf b = {0};
	struct upper_xattr x;
	int r = 0;

	*m = (struct upper_meta){.mode = o->rec.mode, .uid = o->rec.uid, .gid = o->rec.gid, .rdev_major = o->rec.rdev_major,
		.rdev_minor = o->rec.rdev_minor, .mtime = o->rec.has_mtime ? o->rec.mtime : o->st.st_mtim};
	if (S_ISREG(m->mode) || S_ISLNK(m->mode))
		m->size = (uint64_t)o->st.st_size;
	if (S_ISLNK(m->mode))
		r = read_target(o, m);
	if (r == 0 && (o->rec.flags & UPPER_DATA_BELOW)) {
		struct upper_meta below = {0};

		r = w->lower->stat(w->lower, o->origin, &below);
		r = r == 0 && !S_ISREG(below.mode) ? -ENOENT : r;
		m->size = below.size;
		upper_meta_clear(&below);
		r = r == -ENOENT ? -EUCLEAN : r;
	}
	while (upper_xattr_next(&list, &x))
		upper_put_xattr(&b, x.name, x.value, x.size);
	if (o->rec.acl.p)
		upper_put_xattr(&b, "system.posix_acl_access", o->rec.acl.p, o->rec.acl.len);
	if (o->rec.default_acl.p)
		upper_put_xattr(&b, "system.posix_acl_default", o->rec.default_acl.p, o->rec.default_acl.len);
	if (r == 0)
		r = b.err;
	upper_meta_take(m, &b);
	if (r < 0)
		upper_meta_clear(m);
	return r;
}

ssize_t upper_change_pread(const struct upper_change *c, void *buf, size_t len, uint64_t off)
{
	ssize_t n;

	if (c->fd < 0)
		return c->origin ? c->lower->pread(c->lower, c->origin, buf, len, off) : 0;
	do
		n = pread(c->fd, buf, len, (off_t)off);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* --- comparing ---------------------------------------------------------------------------------------------------------------------------- */

static bool same_xattrs(const struct upper_meta *a, const struct upper_meta *b)
{
	struct upper_bytes list = a->names;
	struct upper_xattr x, y;
	size_t n = 0, m = 0;

	for (struct upper_bytes other = b->names; upper_xattr_next(&other, &y);)
		m++;
	while (upper_xattr_next(&list, &x)) {
		struct upper_bytes other = b->names;
		bool found = false;

		n++;
		while (!found && upper_xattr_next(&other, &y))
			found = strcmp(x.name, y.name) == 0 && x.size == y.size && memcmp(x.value, y.value, x.size) == 0;
		if (!found)
			return false;
	}
	return n == m;
}

static bool same_meta(const struct upper_meta *a, const struct upper_meta *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && same_xattrs(a, b);
}

/* Names that only the index gives are no links of the host. */
static uint64_t link_id(const struct walk *w, const struct object *o)
{
	bool indexed = o->rec.flags & UPPER_INDEXED;

	return (indexed && w->links.n) || o->st.st_nlink > (indexed ? 2u : 1u) ? o->st.st_ino : 0;
}

static int walk_dir(struct walk *w, const struct dir *d);

/* Tell one object, and what is in it. *origin*: where its content below is. */
static int tell(struct walk *w, const struct dir *d, const char *path, struct object *o, const char *origin, struct upper_meta *m)
{
	bool dir = S_ISDIR(m->mode), has_below, at_home = origin && strcmp(origin, path + 1) == 0;
	struct upper_meta below = {0};
	int r = w->lower->stat(w->lower, path + 1, &below);
	struct upper_change c = {.path = path, .meta = m, .fd = -1, .origin = origin, .lower = w->lower};

	if (r < 0 && r != -ENOENT)
		return fail(w, r, "the lower object", path);
	has_below = r == 0;
	c.below = has_below ? &below : NULL;
	c.kind = has_below ? UPPER_CHANGED : UPPER_ADDED;
	if (dir && has_below && at_home && same_meta(m, &below))
		c.kind = UPPER_PARENT;
	c.opaque = dir && has_below && !at_home;
	if (S_ISREG(m->mode)) {
		bool above = o && !(o->rec.flags & UPPER_DATA_BELOW);

		c.data_changed = above || !at_home;
		c.fd = above ? o->fd : -1;
		c.link_id = o ? link_id(w, o) : 0;
	}
	r = w->each(w->ctx, &c);
	upper_meta_clear(&below);
	if (r == 0 && dir) {
		const struct dir sub = {.fd = o ? o->fd : -1, .path = path, .origin = origin, .depth = d->depth + 1};

		r = walk_dir(w, &sub);
	}
	return r;
}

static int visit_object(struct walk *w, const struct dir *d, const char *path, const char *host)
{
	struct upper_meta m = {0};
	struct object o;
	int r = object_open(w, d->fd, host, &o);

	if (r == 0)
		r = object_meta(w, &o, &m);
	if (r == -ENOENT)
		r = 0; /* gone meanwhile */
	else if (r < 0)
		r = fail(w, r, "the object of", path);
	else
		r = tell(w, d, path, &o, o.origin, &m);
	upper_meta_clear(&m);
	object_close(&o);
	return r;
}

/* A lower file of several names, one of which was changed: all show the object of the index. */
static int visit_indexed(struct walk *w, const struct dir *d, const char *path, const struct upper_link *l)
{
	struct upper_meta m = {0};
	struct object o;
	char host[32];
	int r;

	snprintf(host, sizeof(host), "index/%016llx", (unsigned long long)l->number);
	r = object_open(w, w->upper_fd, host, &o);
	if (r == 0 && !S_ISREG(o.rec.mode))
		r = -EUCLEAN;
	if (r == 0)
		r = object_meta(w, &o, &m);
	if (r < 0)
		r = r == -ENOENT ? 0 : fail(w, r, "the object of", path);
	else
		r = tell(w, d, path, &o, l->path, &m);
	upper_meta_clear(&m);
	object_close(&o);
	return r;
}

/* A lower object that a renamed directory shows at another path, or that the index changes, or that leads to such ones. */
static int visit_lower(struct walk *w, const struct dir *d, const char *path, const char *name)
{
	struct upper_meta m = {0};
	char *origin = NULL;
	int r = asprintf(&origin, "%s%s%s", d->origin, *d->origin ? "/" : "", name) < 0 ? -ENOMEM : 0;
	const struct upper_link *l = r == 0 ? upper_links_find(&w->links, origin) : NULL;

	if (l) {
		r = visit_indexed(w, d, path, l);
		free(origin);
		return r;
	}
	if (r == 0)
		r = w->lower->stat(w->lower, origin, &m);
	if (r == 0)
		r = tell(w, d, path, NULL, origin, &m);
	else if (r == -ENOENT)
		r = 0;
	else
		r = fail(w, r, "the lower object", path);
	upper_meta_clear(&m);
	free(origin);
	return r;
}

static int visit_missing(struct walk *w, const char *path)
{
	struct upper_meta below;
	struct upper_change c = {.kind = UPPER_DELETED, .path = path, .below = &below, .fd = -1, .lower = w->lower};
	int r = w->lower->stat(w->lower, path + 1, &below);

	if (r < 0)
		return r == -ENOENT ? 0 : fail(w, r, "the lower object", path);
	r = w->each(w->ctx, &c);
	upper_meta_clear(&below);
	return r;
}

static int walk_dir(struct walk *w, const struct dir *d)
{
	struct names ns = {0};
	int r = d->depth > DEPTH_MAX ? -ELOOP : collect(w, d, &ns);

	if (r < 0)
		fail(w, r, d->depth > DEPTH_MAX ? "the directory, more than 500 levels deep," : "the directory", d->path);
	for (size_t i = 0; r == 0 && i < ns.n; i++) {
		struct name *n = ns.items[i];
		char *path = NULL;

		if (asprintf(&path, "%s/%s", d->path, n->name) < 0)
			r = fail(w, -ENOMEM, "the directory", d->path);
		else if (n->host)
			r = visit_object(w, d, path, n->host);
		else if (n->low && !n->white)
			r = visit_lower(w, d, path, n->name);
		else
			r = visit_missing(w, path);
		free(path);
	}
	names_free(&ns);
	return r;
}

int upper_walk(int upper_fd, struct upper_lower *lower, int (*each)(void *ctx, const struct upper_change *c), void *ctx,
	       struct upper_error *err)
{
	struct walk w = {.upper_fd = upper_fd, .lower = lower, .each = each, .ctx = ctx, .err = err};
	struct stat st;
	struct object o;
	int r;

	if (fstat(upper_fd, &st) < 0)
		return fail(&w, -errno, "the layer at", "");
	w.dev = st.st_dev;
	r = object_open(&w, upper_fd, "root", &o);
	if (r == 0 && !S_ISDIR(o.rec.mode))
		r = -EUCLEAN;
	if (r == 0)
		r = upper_links_load(upper_fd, lower, &w.links);
	if (r == 0) {
		const struct dir root = {.fd = o.fd, .path = "", .origin = o.origin};

		r = walk_dir(&w, &root);
	} else if (r != -ENOENT) { /* never started: nothing has changed */
		r = fail(&w, r, "the root of the layer at", "");
	} else {
		r = 0;
	}
	upper_links_free(&w.links);
	object_close(&o);
	return r;
}
