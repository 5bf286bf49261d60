/* SPDX-License-Identifier: MIT */
/* USER[:GROUP] as docker understands it: names and numbers by the sandbox's own /etc/passwd and /etc/group. */
#include "control/rootfs.h"

#include "kernel/task.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX (4u << 20) /* bytes of passwd or group that are looked at */
#define FIELDS_MAX 7
#define GROUPS_MAX 4096u

/* The file's text, NUL-terminated; an empty string where it is missing or cannot be read. NULL: no memory. */
static char *read_table(struct task *t, const char *path)
{
	const struct open_how_args how = {.flags = O_RDONLY | O_NONBLOCK};
	size_t len = 0, room = 1u << 16;
	char *text = malloc(room);
	FILE_SCOPE f = NULL;

	if (text && vfs_open(t, AT_FDCWD, path, &how, &f) < 0)
		f = NULL;
	while (text && f && len < TABLE_MAX) {
		struct uio u;
		ssize_t n;

		if (len + 1 == room) {
			char *more = realloc(text, room * 2);

			if (!more) {
				free(text);
				return NULL;
			}
			text = more;
			room *= 2;
		}
		uio_init_kernel(&u, text + len, room - len - 1);
		n = file_read(t, f, &u, -1);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (text)
		text[len] = 0;
	return text;
}

/* Split the next line at colons, in place. Returns the number of fields, 0 at the end. */
static unsigned next_row(char **text, char *fields[FIELDS_MAX])
{
	char *line = *text, *end;
	unsigned n = 0;

	if (!*line)
		return 0;
	end = strchrnul(line, '\n');
	*text = *end ? end + 1 : end;
	*end = 0;
	fields[n++] = line;
	for (char *s = line; *s && n < FIELDS_MAX; s++) {
		if (*s == ':') {
			*s = 0;
			fields[n++] = s + 1;
		}
	}
	for (unsigned i = n; i < FIELDS_MAX; i++)
		fields[i] = end;
	return n;
}

static bool parse_id(const char *s, uint32_t *ret)
{
	char *end;
	unsigned long v;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoul(s, &end, 10);
	if (errno || *end || v >= UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

struct account {
	char name[256]; /* empty: there is no entry */
	bool found;
};

/* Fill uid, gid and home from the row of *user*, a name or a number. */
static int find_user(struct task *t, const char *user, struct rootfs_user *u, struct account *a)
{
	char *text = read_table(t, "/etc/passwd"), *at = text, *f[FIELDS_MAX];
	uint32_t number = 0, uid, gid;
	bool numeric = parse_id(user, &number);

	if (!text)
		return -ENOMEM;
	while (next_row(&at, f)) {
		if (!parse_id(f[2], &uid) || !parse_id(f[3], &gid))
			continue;
		/* A name that looks like a number is still a name: docker looks for names first. */
		if (strcmp(f[0], user) != 0 && !(numeric && uid == number))
			continue;
		u->uid = uid;
		u->gid = gid;
		if (f[5][0] == '/' && strlen(f[5]) < sizeof(u->home))
			strcpy(u->home, f[5]);
		snprintf(a->name, sizeof(a->name), "%s", f[0]);
		a->found = true;
		break;
	}
	free(text);
	if (!a->found && numeric) {
		u->uid = number;
		u->gid = 0;
		a->found = true;
	}
	return 0;
}

int rootfs_find_home(struct task *t, uint32_t uid, char *home)
{
	char *text = read_table(t, "/etc/passwd"), *at = text, *f[FIELDS_MAX];
	uint32_t id;

	if (!text)
		return -ENOMEM;
	strcpy(home, "/");
	while (next_row(&at, f)) {
		if (!parse_id(f[2], &id) || id != uid)
			continue;
		if (f[5][0] && strlen(f[5]) < sizeof(((struct rootfs_user *)0)->home))
			strcpy(home, f[5]);
		break;
	}
	free(text);
	return 0;
}

static int find_group(struct task *t, const char *group, uint32_t *ret_gid, bool *found)
{
	char *text = read_table(t, "/etc/group"), *at = text, *f[FIELDS_MAX];
	uint32_t gid;

	if (!text)
		return -ENOMEM;
	*found = false;
	while (!*found && next_row(&at, f)) {
		if (strcmp(f[0], group) == 0 && parse_id(f[2], &gid)) {
			*ret_gid = gid;
			*found = true;
		}
	}
	free(text);
	if (!*found)
		*found = parse_id(group, ret_gid);
	return 0;
}

static bool is_member(char *members, const char *name)
{
	char *save = NULL;

	for (char *m = strtok_r(members, ",", &save); m; m = strtok_r(NULL, ",", &save))
		if (strcmp(m, name) == 0)
			return true;
	return false;
}

/* The groups that list *name* as a member. */
static int find_groups(struct task *t, const char *name, struct rootfs_user *u)
{
	char *text = read_table(t, "/etc/group"), *at = text, *f[FIELDS_MAX];
	uint32_t gid;
	int r = 0;

	if (!text)
		return -ENOMEM;
	while (next_row(&at, f) && u->n_groups < GROUPS_MAX) {
		uint32_t *more;

		if (!parse_id(f[2], &gid) || !is_member(f[3], name))
			continue;
		more = reallocarray(u->groups, u->n_groups + 1, sizeof(*more));
		if (!more) {
			r = -ENOMEM;
			break;
		}
		u->groups = more;
		u->groups[u->n_groups++] = gid;
	}
	free(text);
	return r;
}

static int resolve(struct task *t, const char *user, const char *group, struct rootfs_user *u, struct rootfs_error *err)
{
	struct account a = {.found = false};
	bool found;
	int r = find_user(t, user, u, &a);

	if (r < 0)
		return r;
	if (!a.found) {
		snprintf(err->text, sizeof(err->text), "no user '%s' in the sandbox's /etc/passwd", user);
		return -ENOENT;
	}
	if (!group)
		return *a.name ? find_groups(t, a.name, u) : 0;
	r = find_group(t, group, &u->gid, &found);
	if (r == 0 && !found) {
		snprintf(err->text, sizeof(err->text), "no group '%s' in the sandbox's /etc/group", group);
		r = -ENOENT;
	}
	return r;
}

int rootfs_resolve_user(struct task *init, const char *spec, struct rootfs_user *ret, struct rootfs_error *err)
{
	struct rootfs_user u = {.home = "/"};
	char *user = strdup(spec && *spec ? spec : "0"), *group;
	int r;

	snprintf(err->text, sizeof(err->text), "cannot look up the user: out of memory");
	if (!user)
		return -ENOMEM;
	group = strchr(user, ':');
	if (group)
		*group++ = 0;
	r = resolve(init, *user ? user : "0", group && *group ? group : NULL, &u, err);
	free(user);
	if (r < 0) {
		free(u.groups);
		return r;
	}
	*ret = u;
	return 0;
}

int rootfs_add_groups(struct task *init, const char *const *names, size_t n, struct rootfs_user *u, struct rootfs_error *err)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t gid = 0, *more;
		bool found = false;
		int r = find_group(init, names[i], &gid, &found);

		if (r == 0 && !found) {
			snprintf(err->text, sizeof(err->text), "no group '%s' in the sandbox's /etc/group", names[i]);
			return -ENOENT;
		}
		more = r || u->n_groups >= GROUPS_MAX ? NULL : reallocarray(u->groups, u->n_groups + 1, sizeof(*more));
		if (!more) {
			snprintf(err->text, sizeof(err->text), "cannot add groups: out of memory");
			return -ENOMEM;
		}
		u->groups = more;
		u->groups[u->n_groups++] = gid;
	}
	return 0;
}
