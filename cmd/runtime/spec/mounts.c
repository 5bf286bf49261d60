/* SPDX-License-Identifier: MIT */
/* `mounts`: types, options, what of them is a flag, and what goes to the file system. */
#include "cmd/runtime/spec/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

#define ATIMES (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)
#define EVERY (1u << 31) /* on all that is below too: MS_* do not have that bit */

/* `norelatime` and the like clear without setting. Those with nothing at all are accepted and mean nothing, as for runc. */
static const struct option {
	const char *name;
	unsigned long set, clear;
} flag_options[] = {
	{"ro", MS_RDONLY, 0}, {"rw", 0, MS_RDONLY},
	{"nosuid", MS_NOSUID, 0}, {"suid", 0, MS_NOSUID},
	{"nodev", MS_NODEV, 0}, {"dev", 0, MS_NODEV},
	{"noexec", MS_NOEXEC, 0}, {"exec", 0, MS_NOEXEC},
	{"noatime", MS_NOATIME, ATIMES}, {"atime", 0, MS_NOATIME},
	{"nodiratime", MS_NODIRATIME, 0}, {"diratime", 0, MS_NODIRATIME},
	{"relatime", MS_RELATIME, ATIMES}, {"norelatime", 0, MS_RELATIME},
	{"strictatime", MS_STRICTATIME, ATIMES}, {"nostrictatime", 0, MS_STRICTATIME},
	{"nosymfollow", MS_NOSYMFOLLOW, 0}, {"symfollow", 0, MS_NOSYMFOLLOW},
	{"rro", MS_RDONLY | EVERY, 0}, {"rrw", EVERY, MS_RDONLY},
	{"rnosuid", MS_NOSUID | EVERY, 0}, {"rsuid", EVERY, MS_NOSUID},
	{"rnodev", MS_NODEV | EVERY, 0}, {"rdev", EVERY, MS_NODEV},
	{"rnoexec", MS_NOEXEC | EVERY, 0}, {"rexec", EVERY, MS_NOEXEC},
	{"rnoatime", MS_NOATIME | EVERY, ATIMES}, {"ratime", EVERY, MS_NOATIME},
	{"rnodiratime", MS_NODIRATIME | EVERY, 0}, {"rdiratime", EVERY, MS_NODIRATIME},
	{"rrelatime", MS_RELATIME | EVERY, ATIMES}, {"rnorelatime", EVERY, MS_RELATIME},
	{"rstrictatime", MS_STRICTATIME | EVERY, ATIMES}, {"rnostrictatime", EVERY, MS_STRICTATIME},
	{"rnosymfollow", MS_NOSYMFOLLOW | EVERY, 0}, {"rsymfollow", EVERY, MS_NOSYMFOLLOW},
	{"defaults", 0, 0}, {"async", 0, 0}, {"sync", 0, 0}, {"dirsync", 0, 0}, {"lazytime", 0, 0}, {"nolazytime", 0, 0}, {"loud", 0, 0}, {"silent", 0, 0},
	{"mand", 0, 0}, {"nomand", 0, 0}, {"iversion", 0, 0}, {"noiversion", 0, 0}, {"acl", 0, 0}, {"noacl", 0, 0},
};

static const struct option propagations[] = {
	{"private", MS_PRIVATE, 0}, {"rprivate", MS_PRIVATE | MS_REC, 0},
	{"shared", MS_SHARED, 0}, {"rshared", MS_SHARED | MS_REC, 0},
	{"slave", MS_SLAVE, 0}, {"rslave", MS_SLAVE | MS_REC, 0},
	{"unbindable", MS_UNBINDABLE, 0}, {"runbindable", MS_UNBINDABLE | MS_REC, 0},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct option *find(const struct option *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

unsigned long mount_propagation(const char *name)
{
	const struct option *o = find(propagations, COUNT(propagations), name);

	return o ? o->set : 0;
}

const char *mount_option_name(size_t i)
{
	static const char *const others[] = {"bind", "rbind", "tmpcopyup"};

	if (i < COUNT(flag_options))
		return flag_options[i].name;
	i -= COUNT(flag_options);
	if (i < COUNT(propagations))
		return propagations[i].name;
	i -= COUNT(propagations);
	return i < COUNT(others) ? others[i] : NULL;
}

/* --- options of the file systems ---------------------------------------------------------------------------------------------- */

/* What the sentry's file systems take; "name=" with a value. The rest is refused here, before anything is made. */
static const char *const tmpfs_words[] = {"size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks=", "huge=", "mpol=", "inode32", "inode64", NULL};
static const char *const proc_words[] = {"hidepid=", "gid=", NULL};
static const char *const devpts_words[] = {"newinstance", "ptmxmode=", "mode=", "gid=", "uid=", "max=", NULL};
static const char *const cgroup_words[] = {"nsdelegate", "memory_localevents", "memory_recursiveprot", NULL};
static const char *const no_words[] = {NULL};

static const struct type {
	const char *name;
	enum spec_mount_type type;
	const char *const *words;
} types[] = {
	{"proc", SPEC_PROC, proc_words}, {"sysfs", SPEC_SYSFS, no_words}, {"devpts", SPEC_DEVPTS, devpts_words},
	{"mqueue", SPEC_MQUEUE, no_words}, {"tmpfs", SPEC_TMPFS, tmpfs_words}, {"ramfs", SPEC_TMPFS, tmpfs_words},
	{"cgroup", SPEC_CGROUP, cgroup_words}, {"cgroup2", SPEC_CGROUP, cgroup_words}, {"bind", SPEC_BIND, no_words},
};

static bool takes(const struct type *t, const char *option)
{
	for (size_t i = 0; t->words[i]; i++) {
		size_t n = strlen(t->words[i]);

		if (t->words[i][n - 1] == '=' ? strncmp(option, t->words[i], n) == 0 : strcmp(option, t->words[i]) == 0)
			return true;
	}
	return false;
}

/* Options of Linux's that the sentry's file system has no use for. */
static bool means_nothing(const char *option)
{
	return strcmp(option, "newinstance") == 0 || strcmp(option, "inode32") == 0 || strcmp(option, "inode64") == 0;
}

static void add_data(struct spec_mount *m, const char *option)
{
	char *all = m->data ? xasprintf("%s,%s", m->data, option) : xstrdup(option);

	free(m->data);
	m->data = all;
}

static void read_option(struct reader *r, const char *at, const struct type *t, const char *option, struct spec_mount *m)
{
	const struct option *o = find(flag_options, COUNT(flag_options), option);
	unsigned long p;

	if (o) {
		unsigned long set = o->set & ~(unsigned long)EVERY;

		if (set & MS_NOSYMFOLLOW)
			reader_fail(r, "%soptions: \"%.100s\" is not supported", at, option);
		m->flags = (m->flags & ~o->clear) | set;
		m->flags_cleared = (m->flags_cleared & ~set) | (o->clear & ~set);
		if (o->set & EVERY) {
			m->recursive_flags = (m->recursive_flags & ~o->clear) | set;
			m->recursive_cleared = (m->recursive_cleared & ~set) | (o->clear & ~set);
		}
		return;
	}
	p = mount_propagation(option);
	if (p)
		m->propagation = p;
	else if (strcmp(option, "bind") == 0 || strcmp(option, "rbind") == 0)
		m->recursive |= *option == 'r';
	else if (strcmp(option, "tmpcopyup") == 0)
		m->copy_up = true;
	else if (strcmp(option, "idmap") == 0 || strcmp(option, "ridmap") == 0 || strncmp(option, "idmap=", 6) == 0)
		reader_fail(r, "%soptions: \"%.100s\" is not supported: files are shown with the ids that they have", at, option);
	else if (t->type == SPEC_BIND)
		return; /* engines pass on what was meant for themselves, as "nocopy": mount(2) ignores it */
	else if (!takes(t, option))
		reader_fail(r, "%soptions: \"%.200s\" is not an option of %s", at, option, t->type == SPEC_BIND ? "a bind mount" : t->name);
	else if (!means_nothing(option))
		add_data(m, option);
}

/* --- one mount ------------------------------------------------------------------------------------------------------------------- */

static bool asks_bind(const char *const *options, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(options[i], "bind") == 0 || strcmp(options[i], "rbind") == 0)
			return true;
	return false;
}

static const struct type *type_of(struct reader *r, const char *at, const char *name, bool bind)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (strcmp(types[i].name, bind ? "bind" : name ? name : "") == 0)
			return &types[i];
	if (!name)
		reader_fail(r, "%stype is missing, and no option says bind", at);
	else
		reader_fail(r, "%stype: \"%.100s\" is not supported: inside there are proc, sysfs, devpts, mqueue, tmpfs, cgroup and bind mounts", at, name);
	return NULL;
}

static void check_places(struct reader *r, const char *at, struct spec_mount *m)
{
	if (!m->target || !*m->target)
		reader_fail(r, "%sdestination is missing", at);
	else if (strlen(m->target) >= PATH_MAX - 1)
		reader_fail(r, "%sdestination is longer than a path can be", at);
	else if (m->target[0] != '/')
		reader_warn(r, "%sdestination: \"%.200s\" is not absolute: taken from the root", at, m->target);
	if (m->type != SPEC_BIND)
		return;
	if (!m->source || !*m->source)
		reader_fail(r, "%ssource of a bind mount is missing", at);
	else if (strlen(m->source) >= PATH_MAX)
		reader_fail(r, "%ssource is longer than a path can be", at);
}

static void refuse_mappings(struct reader *r, json_t *e, const char *at)
{
	if (json_array_size(reader_array(r, e, at, "uidMappings", MAPS_LIMIT)) || json_array_size(reader_array(r, e, at, "gidMappings", MAPS_LIMIT)))
		reader_fail(r, "%suidMappings and gidMappings are not supported: files are shown with the ids that they have", at);
}

static void read_mount(struct reader *r, json_t *e, size_t i, struct spec_mount *m)
{
	const char **options, *name;
	const struct type *t;
	char at[40];
	size_t n;

	snprintf(at, sizeof(at), "mounts[%zu].", i);
	if (!json_is_object(e)) {
		reader_fail(r, "mounts[%zu] is not an object", i);
		return;
	}
	m->target = reader_string(r, e, at, "destination");
	m->source = reader_string(r, e, at, "source");
	name = reader_string(r, e, at, "type");
	options = reader_strings(r, e, at, "options", OPTIONS_LIMIT, &n);
	refuse_mappings(r, e, at);
	t = r->err ? NULL : type_of(r, at, name, asks_bind(options, n));
	if (t) {
		m->type = t->type;
		for (size_t j = 0; j < n && !r->err; j++)
			read_option(r, at, t, options[j], m);
		m->readonly = m->flags & MS_RDONLY;
		check_places(r, at, m);
	}
	if (m->copy_up && m->type != SPEC_TMPFS)
		reader_fail(r, "%soptions: tmpcopyup is an option of tmpfs", at);
	if (m->propagation & (MS_SHARED | MS_UNBINDABLE) && m->type == SPEC_BIND)
		reader_warn(r, "%soptions: mounts made inside are not seen on the host, whatever the propagation is", at);
	if (!m->data)
		m->data = xstrdup("");
	free(options);
}

void read_mounts(struct reader *r, json_t *tree, struct spec *s)
{
	json_t *list = reader_array(r, tree, "", "mounts", MOUNTS_LIMIT);
	size_t n = json_array_size(list);

	s->mounts = xcalloc(n + 1, sizeof(*s->mounts));
	for (; s->n_mounts < n && !r->err; s->n_mounts++)
		read_mount(r, json_array_get(list, s->n_mounts), s->n_mounts, &s->mounts[s->n_mounts]);
}
