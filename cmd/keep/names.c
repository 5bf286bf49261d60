/* SPDX-License-Identifier: MIT */
/*
 * Names of sandboxes: links STORE/names/NAME and RUNTIME/names/NAME to ids. Both folders are one space of names. A link
 * counts if its entry is there and says that this is its name; all others are what a crash left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/keep/runtime.h"
#include "cmd/keep/record_priv.h"
#include "net/err.h"

bool valid_entry_name(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = name ? strlen(name) : 0;

	if (len < 1 || len > ENTRY_NAME_MAX || !strchr(ok, name[0]))
		return false;
	return strspn(name + 1, "_.-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == len - 1;
}

char *random_entry_name(unsigned int attempt)
{
	static const char *const how[] = {"able", "airy", "amber", "apt", "azure", "bold", "brave", "bright", "brisk",
		"calm", "candid", "clear", "clever", "cosy", "crisp", "dapper", "deft", "eager", "early", "easy", "fair",
		"fleet", "fond", "frank", "fresh", "gentle", "glad", "golden", "grand", "happy", "hardy", "hearty",
		"honest", "humble", "jolly", "keen", "kind", "lively", "loyal", "lucid", "lucky", "mellow", "merry",
		"mild", "modest", "neat", "nimble", "noble", "patient", "placid", "plucky", "polite", "proud", "quick",
		"quiet", "ready", "rosy", "serene", "sharp", "silent", "silver", "sleek", "snug", "sober", "solid",
		"spry", "steady", "stout", "sunny", "sure", "swift", "tidy", "trusty", "upbeat", "vivid", "warm",
		"wise", "witty", "young", "zesty"};
	static const char *const who[] = {"alder", "aspen", "badger", "beech", "birch", "bison", "bramble", "brook",
		"cedar", "clover", "condor", "coral", "crane", "curlew", "dune", "eider", "elm", "falcon", "fern",
		"finch", "fjord", "gecko", "glade", "grove", "harbor", "hare", "hazel", "heath", "heron", "ibex", "iris",
		"island", "jay", "juniper", "kestrel", "lagoon", "larch", "lark", "laurel", "linden", "lynx", "maple",
		"marten", "meadow", "mesa", "moss", "newt", "oak", "ocelot", "orchid", "osprey", "otter", "owl", "pebble",
		"pine", "plover", "poplar", "prairie", "puffin", "quail", "raven", "reed", "ridge", "river", "robin",
		"rowan", "sage", "seal", "shoal", "sparrow", "spruce", "stork", "summit", "swift", "teal", "tern",
		"thistle", "tundra", "valley", "vole", "walnut", "willow", "wren", "yarrow", "yew"};
	uint32_t number[2] = {0};
	const char *first, *second;

	if (getrandom(number, sizeof(number), 0) != sizeof(number))
		number[0] = number[1] = (uint32_t)getpid();
	first = how[number[0] % (sizeof(how) / sizeof(how[0]))];
	second = who[number[1] % (sizeof(who) / sizeof(who[0]))];
	if (attempt == 0)
		return xasprintf("%s_%s", first, second);
	return xasprintf("%s_%s%u", first, second, (number[0] >> 16) % 1000 + attempt);
}

/* ---- Links ---- */

static char *names_folder(const char *runtime)
{
	char *store, *path;

	if (runtime)
		return xasprintf("%s/names", runtime);
	store = store_dir(NULL);
	path = store ? xasprintf("%s/names", store) : NULL;
	free(store);
	return path;
}

/* The store's folder of names first, then the runtime directory: each where it is there. */
void names_lock(struct names_lock *lock)
{
	char *folder = names_folder(NULL);
	const char *dirs[] = {folder, runtime_dir()};

	for (size_t i = 0; i < 2; i++) {
		lock->fds[i] = dirs[i] ? open(dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		while (lock->fds[i] >= 0 && flock(lock->fds[i], LOCK_EX) < 0 && errno == EINTR)
			;
	}
	free(folder);
}

void names_unlock(struct names_lock *lock)
{
	for (size_t i = 0; i < 2; i++)
		if (lock->fds[i] >= 0)
			close(lock->fds[i]);
}

/* The id that FOLDER/NAME leads to; false if it is none of ours. */
static bool read_link(const char *folder, const char *name, char id[ENTRY_ID_LEN + 1])
{
	char *path = xasprintf("%s/%s", folder, name);
	ssize_t n = readlink(path, id, ENTRY_ID_LEN + 1);

	free(path);
	id[n == ENTRY_ID_LEN ? n : 0] = '\0';
	return strspn(id, "0123456789abcdef") == ENTRY_ID_LEN;
}

static void drop_link(const char *folder, const char *name)
{
	char *path = xasprintf("%s/%s", folder, name);

	unlink(path);
	free(path);
}

static char *entry_place(const char *runtime, const char *id)
{
	char *store, *path;

	if (runtime)
		return xasprintf("%s/%.*s/entry", runtime, ENTRY_SHORT_LEN, id);
	store = store_dir(NULL);
	path = store ? xasprintf("%s/sandboxes/%s", store, id) : NULL;
	free(store);
	return path;
}

/* The directory of the entry that has the name, allocated; NULL if the name is free there. A dead link is removed. */
static char *holder(const char *runtime, const char *name, char id[ENTRY_ID_LEN + 1])
{
	char *folder = names_folder(runtime), *place = NULL, *called;

	if (folder && read_link(folder, name, id)) {
		place = entry_place(runtime, id);
		called = place ? entry_name_of(place) : NULL;
		if (!called || strcmp(called, name) != 0) {
			free(place);
			place = NULL;
			drop_link(folder, name);
		}
		free(called);
	} else if (folder) {
		drop_link(folder, name);
	}
	free(folder);
	return place;
}

int name_check(const char *name, char **err)
{
	struct str_list runtimes = runtime_dirs();
	char id[ENTRY_ID_LEN + 1];
	char *place = holder(NULL, name, id);

	for (size_t i = 0; !place && i < runtimes.count; i++)
		place = holder(runtimes.items[i], name, id);
	str_list_free(&runtimes);
	if (!place)
		return 0;
	free(place);
	err_set(err,
		"the name \"%s\" is in use by the sandbox %.*s; remove or rename that one (picket rm, picket rename), "
		"or choose another",
		name, ENTRY_SHORT_LEN, id);
	return -EEXIST;
}

int name_take(const char *name, const char *id, const char *runtime, char **err)
{
	char *folder = names_folder(runtime), *path;
	int r = name_check(name, err);

	if (r || !folder) {
		free(folder);
		return r ? r : (err_set(err, "there is no place for the name \"%s\"", name), -ENOENT);
	}
	path = xasprintf("%s/%s", folder, name);
	r = symlink(id, path) < 0 ? -errno : 0;
	if (r == -ENOENT && (mkdir(folder, 0700) == 0 || errno == EEXIST))
		r = symlink(id, path) < 0 ? -errno : 0;
	if (r)
		entry_fail(err, -r, "cannot take the name \"%s\" in %s", name, folder);
	free(path);
	free(folder);
	return r;
}

void name_give(const char *name, const char *id, const char *runtime)
{
	char *folder = names_folder(runtime);
	char target[ENTRY_ID_LEN + 1];

	if (folder && read_link(folder, name, target) && strcmp(target, id) == 0)
		drop_link(folder, name);
	free(folder);
}
