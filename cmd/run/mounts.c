/* SPDX-License-Identifier: MIT */
/*
 * picket mount and picket umount. picket-snapd serves the tree until it is unmounted; the kernel's list of mounts is
 * the only record of where. Its source field is the image's canonical name, or its ID where it has none.
 */
#include "cmd/run/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/message.h"
#include "cmd/lib/programs.h"
#include "cmd/keep/runtime.h"
#include "fuse-snap/client.h"

/* The type of picket-snapd's tree mounts. */
#define MOUNT_TYPE "fuse.picket"

static void each_mount(void (*fn)(void *arg, const char *dir, const char *source), void *arg)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	while (f && (m = getmntent(f)))
		if (strcmp(m->mnt_type, MOUNT_TYPE) == 0)
			fn(arg, m->mnt_dir, m->mnt_fsname);
	if (f)
		endmntent(f);
}

struct dir_visitor {
	void (*fn)(void *arg, const char *dir);
	void *arg;
};

static void visit_dir(void *arg, const char *dir, const char *source)
{
	const struct dir_visitor *v = arg;

	v->fn(v->arg, dir);
}

void mounts_each(void (*fn)(void *arg, const char *dir), void *arg)
{
	struct dir_visitor v = {fn, arg};

	each_mount(visit_dir, &v);
}

/* ---- mount ---- */

/* What is mounted where a mount is wanted. */
struct wanted {
	const char *dir, *source;
	bool same, other;
};

static void compare(void *arg, const char *dir, const char *source)
{
	struct wanted *w = arg;

	if (strcmp(dir, w->dir) != 0)
		return;
	w->same = strcmp(source, w->source) == 0;
	w->other = !w->same;
}

/* A directory of our own for a mount that names none: RUNTIME/mounts/ID. NULL after a complaint. */
static char *own_dir(const struct image_ref *ref)
{
	const char *runtime = runtime_dir();
	char hex[DIGEST_HEX_LEN + 1], *base, *dir;

	if (!runtime)
		return NULL;
	base = xasprintf("%s/mounts", runtime);
	dir = xasprintf("%s/%.12s", base, digest_hex(&ref->config, hex));
	if ((mkdir(base, 0700) < 0 && errno != EEXIST) || (mkdir(dir, 0700) < 0 && errno != EEXIST)) {
		complain(EXIT_FAILED, "cannot make the directory %s: %s", dir, strerror(errno));
		free(dir);
		dir = NULL;
	}
	free(base);
	return dir;
}

static char *given_dir(const char *path)
{
	char *dir = realpath(path, NULL);
	struct stat st;

	if (!dir || stat(dir, &st) < 0) {
		complain(EXIT_FAILED, "cannot mount on %s: %s", path, strerror(errno));
	} else if (!S_ISDIR(st.st_mode)) {
		complain(EXIT_FAILED, "cannot mount on %s: it is not a directory", path);
		free(dir);
		dir = NULL;
	}
	return dir;
}

static int mount_image(struct store *s, const struct image_ref *ref, const char *dir, const char *source)
{
	char *snapd = find_program("picket-snapd");
	struct snap_error e;
	int r;

	if (!snapd)
		return EXIT_FAILED;
	r = snap_mount_image(s, &ref->chain, snapd, source, dir, &e);
	free(snapd);
	return r < 0 ? complain(EXIT_FAILED, "%s", e.text) : 0;
}

/* What is in a directory would be out of sight until the umount. */
static bool is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	bool empty = true;

	while (d && empty && (de = readdir(d)))
		empty = strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0;
	if (d)
		closedir(d);
	return empty;
}

static int mount_on(struct store *s, const struct image_ref *ref, const char *dir)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct wanted w = {.dir = dir, .source = *ref->name ? ref->name : digest_text(&ref->config, text)};

	each_mount(compare, &w);
	if (w.other)
		return complain(EXIT_FAILED, "another image is mounted on %s; picket umount %s first", dir, dir);
	if (!w.same && access(dir, W_OK) < 0)
		return complain(EXIT_FAILED, "cannot mount on %s: that needs a directory that you may write", dir);
	if (!w.same && !is_empty(dir))
		return complain(EXIT_FAILED, "cannot mount on %s: it is not empty", dir);
	if (!w.same && mount_image(s, ref, dir, w.source))
		return EXIT_FAILED;
	puts(dir);
	return finish_output();
}

int cmd_mount(const void *opts, int argc, char **argv)
{
	struct image_ref ref;
	struct snap_error e;
	struct store *s;
	char *dir;
	int status;

	if (store_open(NULL, &s, &e) < 0)
		return complain(EXIT_FAILED, "%s", e.text);
	if (store_resolve(s, argv[0], &ref, &e) < 0) {
		store_close(s);
		return complain(EXIT_FAILED, "%s", e.text);
	}
	dir = argc > 1 ? given_dir(argv[1]) : own_dir(&ref);
	status = dir ? mount_on(s, &ref, dir) : EXIT_FAILED;
	free(dir);
	store_close(s);
	return status;
}

/* ---- umount ---- */

/* The mounts that an argument of umount means: the directory itself, or all of an image. */
struct meant {
	const char *dir; /* may be NULL */
	char source[REF_NAME_MAX + 1];
	struct str_list dirs;
};

static void collect_meant(void *arg, const char *dir, const char *source)
{
	struct meant *m = arg;

	if ((m->dir && strcmp(dir, m->dir) == 0) || (m->source[0] && strcmp(source, m->source) == 0))
		str_list_add(&m->dirs, xstrdup(dir));
}

/* The absolute path of a directory whose server may be dead: only its parent is looked up. */
static char *mount_path(const char *text)
{
	char *copy = xstrdup(text), *slash, *parent, *path;
	size_t len = strlen(copy);

	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	parent = realpath(!slash ? "." : *copy ? copy : "/", NULL);
	path = parent ? xasprintf("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, slash ? slash + 1 : copy) : NULL;
	free(parent);
	free(copy);
	return path;
}

static int unmount(const char *dir)
{
	const char *runtime = runtime_dir();
	char *ours = xasprintf("%s/mounts/", runtime ? runtime : "");
	struct snap_error e;
	int r = snap_umount(dir, &e);

	if (r < 0)
		complain(EXIT_FAILED, "%s", e.text);
	else if (runtime && strncmp(dir, ours, strlen(ours)) == 0)
		rmdir(dir);
	free(ours);
	return r < 0 ? EXIT_FAILED : 0;
}

static int unmount_meant(const char *text)
{
	struct ref_name name;
	char *path = mount_path(text);
	struct meant m = {.dir = path};
	int status = 0;

	if (ref_parse(text, &name, NULL) == 0)
		ref_canonical(&name, m.source);
	each_mount(collect_meant, &m);
	if (m.dirs.count == 0)
		status = complain(EXIT_FAILED, "no image is mounted on %s, and none of that name is mounted", text);
	for (size_t i = 0; i < m.dirs.count; i++)
		if (unmount(m.dirs.items[i]))
			status = EXIT_FAILED;
	str_list_free(&m.dirs);
	free(path);
	return status;
}

int cmd_umount(const void *opts, int argc, char **argv)
{
	int status = 0;

	for (int i = 0; i < argc; i++)
		if (unmount_meant(argv[i]))
			status = EXIT_FAILED;
	return status;
}
