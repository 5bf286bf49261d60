/* SPDX-License-Identifier: MIT */
/* Named volumes. */
#include "cmd/keep/volumes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/keep/record_priv.h"
#include "cmd/lib/jtext.h"
#include "fuse-snap/store.h"

#define VOLUME_NAME_MAX 200
#define VOLUME_FILE_MAX (1 << 20)
#define LABELS_MAX 1000
#define DEPTH_MAX 500

bool valid_volume_name(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = strlen(name);

	if (len < 2 || len > VOLUME_NAME_MAX || !strchr(first, name[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!strchr(first, name[i]) && !strchr("_.-", name[i]))
			return false;
	return true;
}

/* STORE/volumes, allocated; made with `make`. NULL after a sentence. */
static char *volumes_dir(bool make, char **err)
{
	char *store = store_dir(err), *dir = store ? xasprintf("%s/volumes", store) : NULL;

	if (dir && make) {
		struct store *s;
		struct snap_error e;

		if (store_open(NULL, &s, &e)) { /* makes what is missing on the way */
			*err = xstrdup(e.text);
			free(dir);
			dir = NULL;
		} else {
			store_close(s);
			if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
				entry_fail(err, errno, "cannot make %s", dir);
				free(dir);
				dir = NULL;
			}
		}
	}
	free(store);
	return dir;
}

void volume_free(struct volume *v)
{
	free(v->name);
	free(v->dir);
	free(v->sandbox);
	str_list_free(&v->labels);
	*v = (struct volume){0};
}

void volume_list_free(struct volume_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		volume_free(&list->items[i]);
	free(list->items);
	*list = (struct volume_list){0};
}

static int read_volume(const char *dir, struct volume *v)
{
	char *path = xasprintf("%s/volume.json", dir);
	json_t *j = NULL;
	int r = jfile_read(AT_FDCWD, path, VOLUME_FILE_MAX, &j);

	free(path);
	if (r == 0)
		r = jget_int(j, "created", 0, INT64_MAX, 0, &v->created);
	if (r == 0)
		r = jget_text(j, "sandbox", ENTRY_ID_LEN, &v->sandbox);
	if (r == 0 && json_object_get(j, "labels"))
		r = jtext_list_bytes(json_object_get(j, "labels"), LABELS_MAX, 65536, &v->labels);
	json_decref(j);
	return r;
}

int volume_find(const char *name, struct volume *ret, char **err)
{
	char *dir = valid_volume_name(name) ? volumes_dir(false, err) : NULL;
	struct volume v = {0};
	int r = -ENOENT;

	if (dir) {
		v.name = xstrdup(name);
		v.dir = xasprintf("%s/%s", dir, name);
		r = read_volume(v.dir, &v);
	}
	free(dir);
	if (r < 0) {
		volume_free(&v);
		free(*err);
		*err = r == -ENOENT ? xasprintf("no such volume: %s", name)
				    : xasprintf("the volume %s is damaged: %s", name, strerror(-r));
		return r;
	}
	*ret = v;
	return 0;
}

static json_t *volume_json(const struct str_list *labels, const char *sandbox)
{
	json_t *j = json_object();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(j, "created", json_integer((json_int_t)now.tv_sec * 1000000000 + now.tv_nsec));
	json_object_set_new(j, "sandbox", jtext(sandbox ? sandbox : ""));
	json_object_set_new(j, "labels", labels ? jtext_list(labels) : json_array());
	return j;
}

/* Complete before it has its name. */
static int make_under(const char *folder, const char *name, const struct str_list *labels, const char *sandbox)
{
	char *made = xasprintf("%s/.%s.%d", folder, name, (int)getpid()), *dir = xasprintf("%s/%s", folder, name);
	char *file = xasprintf("%s/volume.json", made), *upper = xasprintf("%s/upper", made);
	json_t *j = volume_json(labels, sandbox);
	int r = 0;

	remove_tree(AT_FDCWD, made);
	if (mkdir(made, 0700) < 0 || mkdir(upper, 0700) < 0)
		r = -errno;
	if (r == 0)
		r = jfile_write(AT_FDCWD, file, j, true);
	if (r == 0 && rename(made, dir) < 0)
		r = errno == ENOTEMPTY || errno == EEXIST ? 1 : -errno;
	if (r)
		remove_tree(AT_FDCWD, made);
	json_decref(j);
	free(made);
	free(dir);
	free(file);
	free(upper);
	return r;
}

int volume_make(const char *name, const struct str_list *labels, const char *sandbox, char **err)
{
	struct volume v;
	char *folder;
	int r;

	if (!valid_volume_name(name)) {
		*err = xasprintf("\"%s\" is no name of a volume: letters, digits, and _ . - behind the first, two at least", name);
		return -EINVAL;
	}
	r = volume_find(name, &v, err);
	free(*err);
	*err = NULL;
	if (r == 0) {
		volume_free(&v);
		return 1;
	}
	folder = volumes_dir(true, err);
	if (!folder)
		return -EIO;
	r = make_under(folder, name, labels, sandbox);
	if (r < 0)
		entry_fail(err, -r, "cannot make the volume %s in %s", name, folder);
	free(folder);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct volume *)a)->name, ((const struct volume *)b)->name);
}

int volumes_list(struct volume_list *ret, char **err)
{
	char *folder = volumes_dir(false, err);
	DIR *d = folder ? opendir(folder) : NULL;
	struct dirent *e;

	*ret = (struct volume_list){0};
	if (!folder)
		return -EIO;
	while (d && (e = readdir(d))) {
		struct volume v;
		char *why = NULL;

		if (e->d_name[0] == '.' || volume_find(e->d_name, &v, &why) < 0) {
			free(why);
			continue;
		}
		ret->items = xrealloc(ret->items, (ret->count + 1) * sizeof(*ret->items));
		ret->items[ret->count++] = v;
	}
	if (d)
		closedir(d);
	free(folder);
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_name);
	return 0;
}

/* --volume=NAME:… or --mount=…src=NAME… */
static bool names_volume(const char *word, const char *name)
{
	size_t len = strlen(name);
	const char *at;

	if (strncmp(word, "--volume=", 9) == 0)
		return strncmp(word + 9, name, len) == 0 && word[9 + len] == ':';
	if (strncmp(word, "--mount=", 8) != 0 || !strstr(word, "type=volume"))
		return false;
	for (at = word; (at = strstr(at, name)); at++)
		if (at[-1] == '=' && (!at[len] || at[len] == ','))
			return true;
	return false;
}

void volume_users(const struct volume *v, struct str_list *ret)
{
	struct entry_list list;
	char *err = NULL;

	if (entries_list(0, &list, &err) < 0) {
		free(err);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct entry *e = &list.items[i];
		bool uses = *v->sandbox && strcmp(v->sandbox, e->id) == 0;

		for (size_t k = 0; !uses && k < e->config.options.count; k++)
			uses = names_volume(e->config.options.items[k], v->name);
		if (uses)
			str_list_add(ret, xstrdup(e->config.name));
	}
	entry_list_free(&list);
	free(err);
}

/* What a making or a removal that was killed left: .NAME.PID, .NAME.gone.PID. */
static void sweep(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');
		int64_t pid;

		if (e->d_name[0] == '.' && dot != e->d_name && parse_number(dot + 1, 1, INT32_MAX, &pid) == 0 &&
			kill((pid_t)pid, 0) < 0 && errno == ESRCH)
			remove_tree(dirfd(d), e->d_name);
	}
	if (d)
		closedir(d);
}

/* It loses its name first: a removal that is killed leaves no half of a volume. */
int volume_remove(const struct volume *v, char **err)
{
	char *upper = xasprintf("%s/upper", v->dir), *slash = strrchr(v->dir, '/');
	char *gone = xasprintf("%.*s/.%s.gone.%d", (int)(slash - v->dir), v->dir, v->name, (int)getpid());
	int fd = open(upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = -EBUSY;
		*err = xasprintf("cannot remove the volume %s: a sandbox that runs has it", v->name);
	} else if (rename(v->dir, gone) < 0) {
		r = entry_fail(err, errno, "cannot remove the volume %s", v->name);
	} else {
		r = remove_tree(AT_FDCWD, gone);
		if (r < 0)
			entry_fail(err, -r, "cannot remove all of the volume %s; what is left is in %s", v->name, gone);
	}
	if (fd >= 0)
		close(fd);
	*slash = '\0';
	sweep(v->dir);
	*slash = '/';
	free(upper);
	free(gone);
	return r;
}

static uint64_t tree_size(int dirfd, const char *name, unsigned int depth)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t sum = 0;
	struct dirent *e;

	while (d && depth < DEPTH_MAX && (e = readdir(d))) {
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			sum += tree_size(fd, e->d_name, depth + 1);
		else if (S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_blocks * 512 / (st.st_nlink ? st.st_nlink : 1);
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return sum;
}

uint64_t volume_size(const struct volume *v)
{
	return tree_size(AT_FDCWD, v->dir, 0);
}

void volumes_drop(const char *sandbox)
{
	struct volume_list list;
	char *err = NULL;

	if (volumes_list(&list, &err) == 0)
		for (size_t i = 0; i < list.count; i++)
			if (strcmp(list.items[i].sandbox, sandbox) == 0) {
				free(err);
				err = NULL;
				volume_remove(&list.items[i], &err);
			}
	volume_list_free(&list);
	free(err);
}

char *volume_anonymous_name(const char *sandbox, const char *target)
{
	uint64_t hash = 14695981039346656037u;

	for (const char *s = target; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 1099511628211u;
	return xasprintf("%.48s%016llx", sandbox, (unsigned long long)hash);
}
