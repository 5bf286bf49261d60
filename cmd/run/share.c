/* SPDX-License-Identifier: MIT */
/* Shares. */
#include "cmd/run/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/run/own.h"
#include "cmd/run/upper.h"

/* The sandbox has its own of these; the host's would take their place. */
static const char *const kernel_dirs[] = {"/proc", "/sys", "/dev", "/run/secrets"};

struct numbers {
	char dev[24], ino[24];
};

static bool numbers_of(const char *path, struct numbers *ret, bool *ret_link)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return false;
	snprintf(ret->dev, sizeof(ret->dev), "%llu",
		(unsigned long long)major(st.st_dev) << 32 | (unsigned long long)minor(st.st_dev));
	snprintf(ret->ino, sizeof(ret->ino), "%llu", (unsigned long long)st.st_ino);
	*ret_link = S_ISLNK(st.st_mode);
	return true;
}

/* Hold one name of the way to Picket's own; the end of it is hidden, whatever it is and whether it is there yet. */
static int hold_name(void *arg, const char *dir, const char *name, bool last)
{
	char *path = xasprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
	struct numbers at, it;
	bool link = false, is_there = numbers_of(path, &it, &link);
	struct launch *l = arg;

	free(path);
	if (numbers_of(dir, &at, &(bool){false}))
		launch_record(l, CONFIG_PLACE, at.dev, at.ino, name, last && !link ? "hide" : "hold");
	if (last && is_there && !link)
		launch_record(l, CONFIG_HIDE, it.dev, it.ino);
	return 0;
}

void hold_own(struct launch *l)
{
	if (l->shares_host)
		own_walk(hold_name, l);
}

/* A directory that is to be given for writing. */
struct given {
	const char *option, *source, *real;
};

/* A directory on the way that is missing could be made by the guest, as it likes: it is made here. */
static int make_name(void *arg, const char *dir, const char *name, bool last)
{
	const struct given *g = arg;
	char *path;
	int r = 0;

	if (last || !path_within(dir, g->real))
		return 0;
	path = xasprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
	/* What we may not make, the sentry may not either. */
	if (mkdir(path, 0700) < 0 && errno != EEXIST && errno != EACCES && errno != EPERM && errno != EROFS)
		r = complain(EXIT_PICKET,
			"%s %s is refused: a sandbox that writes there could make %s, where Picket looks for its own files, and that "
			"cannot be made now: %s; give a directory below it, or give it read only",
			g->option, g->source, path, strerror(errno));
	free(path);
	return r;
}

int protect_own(struct launch *l, const char *option, const char *source, bool writable)
{
	struct str_list own = {0};
	char *real = resolved_path(source);
	struct given given = {option, source, real};
	int r = 0;

	own_dirs(&own);
	for (size_t i = 0; r == 0 && i < own.count; i++)
		if (path_within(real, own.items[i]))
			r = complain(EXIT_PICKET, "%s %s is refused: it lies in Picket's own directory %s", option,
				source, own.items[i]);
	if (r == 0 && writable)
		r = own_walk(make_name, &given);
	l->shares_host = true;
	str_list_free(&own);
	free(real);
	return r;
}

char *share_source(const char *option, const char *dir)
{
	char *real = realpath(dir, NULL), *home;
	const char *why = NULL;
	struct stat st;

	if (!real || stat(real, &st) < 0) {
		complain(EXIT_PICKET, "%s %s: cannot share it: %s", option, dir, strerror(errno));
		free(real);
		return NULL;
	}
	home = home_dir();
	if (!S_ISDIR(st.st_mode))
		complain(EXIT_PICKET, "%s %s: it is not a directory; -v shows a single file", option, dir);
	else if (strcmp(real, "/") == 0)
		why = "it is the whole machine";
	else if (home && path_within(home, real))
		why = "it holds your whole home directory, with its keys and passwords";
	for (size_t i = 0; !why && i < sizeof(kernel_dirs) / sizeof(kernel_dirs[0]); i++)
		if (path_within(real, kernel_dirs[i]) || path_within(kernel_dirs[i], real))
			why = "the sandbox has its own in that place";
	if (why)
		complain(EXIT_PICKET, "%s %s is refused: %s; share a directory below it%s", option, dir, why,
			strcmp(real, "/") == 0 ? "" : ", or show it elsewhere with -v");
	free(home);
	if (why || !S_ISDIR(st.st_mode)) {
		free(real);
		return NULL;
	}
	return real;
}

static int share(struct launch *l, const char *option, const char *dir, bool writable)
{
	char *real = share_source(option, dir);
	int fd, r;

	if (!real)
		return EXIT_PICKET;
	r = protect_own(l, option, real, writable);
	fd = r == 0 ? open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (r == 0 && fd < 0)
		r = complain(EXIT_PICKET, "%s %s: cannot open it: %s", option, dir, strerror(errno));
	if (fd >= 0)
		launch_record(l, CONFIG_BIND, real, launch_give_host(l, fd, writable), writable ? "rw" : "ro");
	free(real);
	return r;
}

/* Writes of the n-th go to the entry, or to memory where nothing is kept. */
static int share_cow(struct run *r, size_t n)
{
	const char *dir = r->o->shares_cow.items[n];
	struct launch *l = &r->launch;
	char *real = share_source("--share-cow", dir), *above, *path;
	int fd, upper = -1, status;

	if (!real)
		return EXIT_PICKET;
	status = protect_own(l, "--share-cow", real, false);
	fd = status == 0 ? open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (status == 0 && fd < 0)
		status = complain(EXIT_PICKET, "--share-cow %s: cannot open it: %s", dir, strerror(errno));
	if (status == 0 && !r->entry.temporary) {
		above = xasprintf("%s/cow", r->entry.dir);
		path = xasprintf("%s/%zu", above, n);
		mkdir(above, 0700); /* where it fails, the next one says why */
		upper = upper_layer_open(l, path, "the layer of --share-cow");
		free(above);
		free(path);
		status = upper < 0 ? EXIT_PICKET : 0;
	}
	if (status == 0) {
		const char *lower = launch_give_host(l, fd, false);

		launch_record(l, CONFIG_COW, real, lower, upper < 0 ? "-1" : launch_give_host(l, upper, true));
	} else if (fd >= 0) {
		close(fd);
	}
	free(real);
	return status;
}

/* One directory in two ways: neither is what was meant. */
static int check_twice(const struct run_options *o)
{
	const struct str_list *lists[] = {&o->shares, &o->shares_ro, &o->shares_cow};
	struct str_list seen = {0};
	int r = 0;

	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
		for (size_t i = 0; i < lists[l]->count; i++) {
			char *real = resolved_path(lists[l]->items[i]);

			for (size_t k = 0; r == 0 && k < seen.count; k++)
				if (strcmp(seen.items[k], real) == 0)
					r = complain(EXIT_PICKET, "%s is shared twice: choose one of --share, --share-ro and --share-cow",
						real);
			str_list_add(&seen, real);
		}
	}
	str_list_free(&seen);
	return r;
}

int write_shares(struct run *run)
{
	const struct run_options *o = run->o;
	struct launch *l = &run->launch;
	int r = check_twice(o);

	for (size_t i = 0; r == 0 && i < o->shares.count; i++)
		r = share(l, "--share", o->shares.items[i], true);
	for (size_t i = 0; r == 0 && i < o->shares_ro.count; i++)
		r = share(l, "--share-ro", o->shares_ro.items[i], false);
	for (size_t i = 0; r == 0 && i < o->shares_cow.count; i++)
		r = share_cow(run, i);
	return r;
}

static bool any_holds(const struct str_list *dirs, const char *path)
{
	bool found = false;

	for (size_t i = 0; !found && i < dirs->count; i++) {
		char *real = realpath(dirs->items[i], NULL);

		found = real && path_within(path, real);
		free(real);
	}
	return found;
}

char *shared_workdir(const struct run_options *o)
{
	char *cwd;

	if (!o->shares.count && !o->shares_ro.count && !o->shares_cow.count)
		return NULL;
	cwd = getcwd(NULL, 0);
	if (cwd && (any_holds(&o->shares, cwd) || any_holds(&o->shares_ro, cwd) ||
			   any_holds(&o->shares_cow, cwd)))
		return cwd;
	free(cwd);
	return NULL;
}
