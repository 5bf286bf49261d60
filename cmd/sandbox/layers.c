/* SPDX-License-Identifier: MIT */
/* Opening the layers of a sandbox. */
#include "cmd/sandbox/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/run/own.h"
#include "fuse-snap/index.h"

/* ---- What lies below `host`: only the directories that it shows ---- */

struct host_lower {
	struct upper_lower base;
	struct upper_lower *inner;
};

static bool host_shows(const char *path)
{
	static const char *const names[] = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt"};
	size_t len = strcspn(path, "/");

	if (!len)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && strncmp(path, names[i], len) == 0)
			return true;
	return false;
}

static struct upper_lower *inner_of(struct upper_lower *l)
{
	return ((struct host_lower *)l)->inner;
}

static int host_stat(struct upper_lower *l, const char *path, struct upper_meta *ret)
{
	return host_shows(path) ? inner_of(l)->stat(inner_of(l), path, ret) : -ENOENT;
}

struct host_list {
	int (*each)(void *ctx, const char *name);
	void *ctx;
};

static int host_each(void *ctx, const char *name)
{
	const struct host_list *h = ctx;

	return host_shows(name) ? h->each(h->ctx, name) : 0;
}

static int host_list(struct upper_lower *l, const char *path, int (*each)(void *ctx, const char *name), void *ctx)
{
	struct host_list h = {each, ctx};

	if (!*path)
		return inner_of(l)->list(inner_of(l), path, host_each, &h);
	return host_shows(path) ? inner_of(l)->list(inner_of(l), path, each, ctx) : -ENOENT;
}

static ssize_t host_pread(struct upper_lower *l, const char *path, void *buf, size_t len, uint64_t off)
{
	return host_shows(path) ? inner_of(l)->pread(inner_of(l), path, buf, len, off) : -ENOENT;
}

static void host_destroy(struct upper_lower *l)
{
	upper_lower_free(inner_of(l)); /* the caller frees l */
}

static struct upper_lower *host_lower(int fd)
{
	struct host_lower *h = xcalloc(1, sizeof(*h));

	h->base = (struct upper_lower){
		.stat = host_stat, .list = host_list, .pread = host_pread, .destroy = host_destroy};
	h->inner = upper_lower_dir(fd);
	return &h->base;
}

/* ---- Views ---- */

static int image_lower(struct layers *l, struct layer_view *v)
{
	struct snap_error e;
	struct stat st;

	if (snap_open_image(l->run.store, &l->run.ref.chain, NULL, SNAP_OPEN_NO_FUSE, &v->image, &e) < 0)
		return complain(EXIT_FAILED, "%s", e.text);
	v->image_open = true;
	v->index = xcalloc(1, sizeof(*v->index));
	if (fstat(v->image.index_fd, &st) < 0)
		return complain(EXIT_FAILED, "cannot read the image of the sandbox: %s", strerror(errno));
	v->map_len = (size_t)st.st_size;
	v->map = mmap(NULL, v->map_len, PROT_READ, MAP_SHARED, v->image.index_fd, 0);
	if (v->map == MAP_FAILED || snap_index_open(v->map, v->map_len, v->index) < 0)
		return complain(EXIT_FAILED, "the image of the sandbox is damaged; picket verify says more");
	v->lower = upper_lower_snap(v->index, v->image.pack_fds, v->image.pack_count);
	return 0;
}

static int dir_lower(struct layer_view *v, const char *path, bool host)
{
	v->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->dir_fd < 0)
		return complain(EXIT_FAILED, "cannot open %s, on which the sandbox was made: %s", path, strerror(errno));
	v->lower = host ? host_lower(v->dir_fd) : upper_lower_dir(v->dir_fd);
	return 0;
}

static int open_upper(const struct entry *e, struct layer_view *v, const char *below)
{
	char *path = xasprintf("%s/%s", e->dir, below);
	int r = 0;

	v->upper_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (v->upper_fd < 0 && errno != ENOENT)
		r = complain(EXIT_FAILED, "cannot open %s: %s", path, strerror(errno));
	free(path);
	return r;
}

static int open_view(struct layers *l, struct layer_view *v, const char *below)
{
	const struct run *r = &l->run;
	int status;

	v->upper_fd = v->dir_fd = -1;
	v->map = MAP_FAILED;
	status = open_upper(&r->entry, v, below);
	if (status || v->upper_fd < 0)
		return status;
	if (v->share)
		status = dir_lower(v, v->share, false);
	else if (r->target == ON_IMAGE)
		status = image_lower(l, v);
	else
		status = dir_lower(v, r->target == ON_DIR ? r->o->rootfs : "/", r->target == ON_HOST);
	if (status == 0 && !v->lower)
		status = complain(EXIT_FAILED, "out of memory");
	return status;
}

int layers_open(struct entry *e, unsigned int which, struct layers *ret)
{
	const struct str_list *cow;
	int status;

	*ret = (struct layers){.run = {.entry = *e}};
	*e = (struct entry){.lock = -1};
	if (ret->run.entry.temporary)
		status = complain(EXIT_FAILED,
			"the sandbox %s keeps its writes in memory until it ends; only kept ones (--keep, or runs of images "
			"without --rm) can be looked into",
			ret->run.entry.config.name);
	else
		status = run_load(&ret->run) ? EXIT_FAILED : 0;
	if (status)
		return status;
	cow = &ret->run.o->shares_cow;
	ret->views = xcalloc(1 + cow->count, sizeof(*ret->views));
	if (which & LAYERS_TREE)
		status = open_view(ret, &ret->views[ret->count++], "upper");
	for (size_t i = 0; status == 0 && (which & LAYERS_SHARES) && i < cow->count; i++) {
		char *below = xasprintf("cow/%zu", i);

		ret->views[ret->count].share = xstrdup(cow->items[i]);
		status = open_view(ret, &ret->views[ret->count++], below);
		free(below);
	}
	return status;
}

void layers_close(struct layers *l)
{
	for (size_t i = 0; i < l->count; i++) {
		struct layer_view *v = &l->views[i];

		if (v->lower)
			upper_lower_free(v->lower);
		if (v->map != MAP_FAILED && v->map)
			munmap(v->map, v->map_len);
		if (v->image_open)
			snap_close_image(&v->image);
		if (v->upper_fd >= 0)
			close(v->upper_fd);
		if (v->dir_fd >= 0)
			close(v->dir_fd);
		free(v->index);
		free(v->share);
	}
	free(l->views);
	run_record_free(&l->run.record);
	store_close(l->run.store);
	entry_free(&l->run.entry);
	*l = (struct layers){0};
}

int layer_walk(const struct layer_view *v, int (*each)(void *ctx, const struct upper_change *c), void *ctx)
{
	struct upper_error e = {.text = ""};
	int r;

	if (v->upper_fd < 0)
		return 0;
	r = upper_walk(v->upper_fd, v->lower, each, ctx, &e);
	if (r < 0)
		return complain(EXIT_FAILED, "%s", *e.text ? e.text : strerror(-r));
	return r;
}

char *layer_path(const struct layer_view *v, const char *path)
{
	return v->share && strcmp(v->share, "/") != 0 ? xasprintf("%s%s", v->share, path) : xstrdup(path);
}

static bool is_one_of(const char *path, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(path, list[i]) == 0)
			return true;
	return false;
}

#define IS_ONE_OF(path, list) is_one_of(path, list, sizeof(list) / sizeof((list)[0]))

bool layer_is_ours(const struct layer_view *v, const char *path)
{
	static const char *const ours[] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};

	return !v->share && IS_ONE_OF(path, ours);
}

static bool leads_to(const struct str_list *dirs, const char *path)
{
	for (size_t i = 0; i < dirs->count; i++)
		if (path_within(dirs->items[i], path))
			return true;
	return false;
}

bool layer_is_scaffold(const struct layers *l, const struct layer_view *v, const struct upper_change *c)
{
	static const char *const mounts[] = {"/dev", "/proc", "/sys"};
	static const char *const host[] = {"/home", "/root", "/tmp", "/run", "/run/lock", "/run/secrets", "/var", "/var/tmp",
		"/var/log", "/var/lib", "/var/cache", "/var/spool", "/var/run", "/var/lock", "/mnt", "/media", "/srv"};
	const struct run_options *o = l->run.o;

	if (v->share || c->kind != UPPER_ADDED)
		return false;
	if (IS_ONE_OF(c->path, mounts) || (l->run.target == ON_HOST && IS_ONE_OF(c->path, host)))
		return true;
	return S_ISDIR(c->meta->mode) && (leads_to(&o->shares, c->path) || leads_to(&o->shares_ro, c->path) ||
						 leads_to(&o->shares_cow, c->path));
}
