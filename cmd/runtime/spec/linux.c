/* SPDX-License-Identifier: MIT */
/* `linux`: namespaces, devices, paths, kernel parameters; and what of it others read. */
#include "cmd/runtime/spec/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- namespaces -------------------------------------------------------------------------------------------------------------------- */

static void take_namespace(struct reader *r, size_t i, const char *type, const char *path, struct spec *s)
{
	int ns = namespace_by_name(type);
	const char *why = NULL;

	if (ns < 0) {
		reader_fail(r, "linux.namespaces[%zu].type: \"%.100s\" is not a namespace", i, type);
		return;
	}
	if (s->ns[ns].given) {
		reader_fail(r, "linux.namespaces[%zu].type: %s stands twice", i, type);
		return;
	}
	if (path && *path && path[0] != '/') {
		reader_fail(r, "linux.namespaces[%zu].path: \"%.200s\" is not absolute", i, path);
		return;
	}
	s->ns[ns].given = true;
	s->ns[ns].path = path && *path ? path : NULL;
	if (!s->ns[ns].path)
		return;
	if (ns == SPEC_NS_PID)
		why = "processes of another container are not seen by this one";
	else if (ns == SPEC_NS_MOUNT)
		why = "mounts are the sandbox's own";
	else if (ns == SPEC_NS_TIME)
		why = "clocks are the sandbox's own";
	if (why)
		reader_fail(r, "linux.namespaces[%zu].path: joining a %s namespace (%.200s) is not supported: %s", i, type, path, why);
	else if (ns == SPEC_NS_IPC || ns == SPEC_NS_UTS || ns == SPEC_NS_CGROUP)
		reader_warn(r, "linux.namespaces: the %s namespace %.200s is not joined: the container has one of its own", type, path);
}

static void read_namespaces(struct reader *r, json_t *linux_, struct spec *s)
{
	json_t *list = reader_array(r, linux_, "linux.", "namespaces", 64);

	for (size_t i = 0; i < json_array_size(list) && !r->err; i++) {
		json_t *e = json_array_get(list, i);
		const char *type, *path;
		char at[48];

		snprintf(at, sizeof(at), "linux.namespaces[%zu]", i);
		if (!json_is_object(e)) {
			reader_fail(r, "%s is not an object", at);
			return;
		}
		strcat(at, ".");
		reader_need(r, e, at, "type");
		type = reader_string(r, e, at, "type");
		path = reader_string(r, e, at, "path");
		if (!r->err)
			take_namespace(r, i, type, path, s);
	}
	if (!s->ns[SPEC_NS_PID].given)
		reader_warn(r, "linux.namespaces has no pid: processes of the host are not seen, the container has a namespace of its own");
	if (!s->ns[SPEC_NS_IPC].given)
		reader_warn(r, "linux.namespaces has no ipc: the container has a namespace of its own");
}

static struct spec_id_map *read_map(struct reader *r, json_t *linux_, const char *key, size_t *ret)
{
	json_t *list = reader_array(r, linux_, "linux.", key, MAPS_LIMIT);
	size_t n = json_array_size(list);
	struct spec_id_map *map = n ? xcalloc(n, sizeof(*map)) : NULL;

	for (size_t i = 0; i < n && !r->err; i++) {
		json_t *e = json_array_get(list, i);
		char at[64];
		int64_t size = 0;

		snprintf(at, sizeof(at), "linux.%s[%zu]", key, i);
		if (!json_is_object(e)) {
			reader_fail(r, "%s is not an object", at);
			break;
		}
		strcat(at, ".");
		map[i].inside = reader_id(r, e, at, "containerID", false);
		map[i].outside = reader_id(r, e, at, "hostID", false);
		reader_need(r, e, at, "size");
		reader_number(r, e, at, "size", 1, UINT32_MAX, &size);
		map[i].count = (uint32_t)size;
		if (!r->err && ((uint64_t)map[i].inside + map[i].count > UINT32_MAX || (uint64_t)map[i].outside + map[i].count > UINT32_MAX))
			reader_fail(r, "%ssize is %lld: more ids than there are", at, (long long)size);
	}
	*ret = n;
	return map;
}

static bool is_ours(const char *path)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat("/proc/self/ns/user", &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool is_own_id(const struct spec_id_map *map, size_t n, unsigned id)
{
	return n == 0 || (n == 1 && map->inside == 0 && map->outside == id && map->count == 1);
}

static void read_user_namespace(struct reader *r, json_t *linux_, struct spec *s)
{
	s->uid_map = read_map(r, linux_, "uidMappings", &s->n_uid_map);
	s->gid_map = read_map(r, linux_, "gidMappings", &s->n_gid_map);
	if (r->err)
		return;
	if (s->ns[SPEC_NS_USER].path && (!s->n_uid_map || !s->n_gid_map) && !is_ours(s->ns[SPEC_NS_USER].path))
		reader_fail(r, "linux.namespaces: joining the user namespace %.200s is not supported without linux.uidMappings and linux.gidMappings",
			s->ns[SPEC_NS_USER].path);
	if (s->ns[SPEC_NS_USER].given && !s->ns[SPEC_NS_USER].path && (!s->n_uid_map || !s->n_gid_map))
		reader_fail(r, "linux.namespaces asks for a user namespace, but linux.%s is missing", s->n_uid_map ? "gidMappings" : "uidMappings");
	if (!s->ns[SPEC_NS_USER].given && (s->n_uid_map || s->n_gid_map))
		reader_fail(r, "linux.%s is there, but linux.namespaces asks for no user namespace", s->n_uid_map ? "uidMappings" : "gidMappings");
	if (geteuid() != 0 && (!is_own_id(s->uid_map, s->n_uid_map, geteuid()) || !is_own_id(s->gid_map, s->n_gid_map, getegid())))
		reader_fail(r, "linux.uidMappings and gidMappings: an ordinary user has his own id alone, as 0");
}

/* --- time ---------------------------------------------------------------------------------------------------------------------------- */

static void read_time_offsets(struct reader *r, json_t *linux_)
{
	json_t *offsets = reader_object(r, linux_, "linux.", "timeOffsets"), *v;
	const char *clock;

	if (!offsets)
		return;
	json_object_foreach(offsets, clock, v) {
		int64_t secs = 0, nanosecs = 0;
		char at[64];

		snprintf(at, sizeof(at), "linux.timeOffsets.%.20s", clock);
		if (strcmp(clock, "monotonic") != 0 && strcmp(clock, "boottime") != 0)
			reader_fail(r, "%s is not a clock that has an offset", at);
		if (!json_is_object(v)) {
			reader_fail(r, "%s is not an object", at);
			return;
		}
		strcat(at, ".");
		reader_number(r, v, at, "secs", INT64_MIN, INT64_MAX, &secs);
		reader_number(r, v, at, "nanosecs", 0, 999999999, &nanosecs);
		if (secs || nanosecs)
			reader_fail(r, "linux.timeOffsets.%s is not supported: clocks inside are the host's", clock);
	}
}

/* --- devices ------------------------------------------------------------------------------------------------------------------------ */

static void read_device(struct reader *r, json_t *e, size_t i, struct spec_device *d)
{
	char at[40];
	const char *type;
	int64_t major = 0, minor = 0, mode = 0666;

	snprintf(at, sizeof(at), "linux.devices[%zu]", i);
	if (!json_is_object(e)) {
		reader_fail(r, "%s is not an object", at);
		return;
	}
	strcat(at, ".");
	reader_need(r, e, at, "type");
	reader_need(r, e, at, "path");
	type = reader_string(r, e, at, "type");
	d->path = reader_string(r, e, at, "path");
	reader_number(r, e, at, "major", 0, 4095, &major);
	reader_number(r, e, at, "minor", 0, 1048575, &minor);
	reader_number(r, e, at, "fileMode", 0, UINT32_MAX, &mode);
	d->uid = reader_id(r, e, at, "uid", false);
	d->gid = reader_id(r, e, at, "gid", false);
	if (r->err)
		return;
	if (strlen(type) != 1 || !strchr("cubp", *type))
		reader_fail(r, "%stype: \"%.20s\" is none of c, b, u and p", at, type);
	if (d->path[0] != '/' || strlen(d->path) >= PATH_MAX)
		reader_fail(r, "%spath: \"%.200s\" is not an absolute path", at, d->path);
	d->type = *type == 'u' ? 'c' : *type;
	d->major = (unsigned)major;
	d->minor = (unsigned)minor;
	d->mode = (uint32_t)mode & 07777;
}

/* Those that the sentry serves: sentry/fs/devfs.c. */
static bool is_served(const struct spec_device *d)
{
	static const unsigned char memory[] = {3, 5, 7, 8, 9};

	for (size_t i = 0; d->type == 'c' && d->major == 1 && i < sizeof(memory); i++)
		if (d->minor == memory[i])
			return true;
	return d->type == 'p' || (d->type == 'c' && ((d->major == 5 && d->minor <= 2) || d->major == 136));
}

static void read_devices(struct reader *r, json_t *linux_, struct spec *s)
{
	json_t *list = reader_array(r, linux_, "linux.", "devices", DEVICES_LIMIT);
	size_t n = json_array_size(list), dead = 0;
	const char *first = NULL;

	s->devices = xcalloc(n + 1, sizeof(*s->devices));
	for (; s->n_devices < n && !r->err; s->n_devices++) {
		struct spec_device *d = &s->devices[s->n_devices];

		read_device(r, json_array_get(list, s->n_devices), s->n_devices, d);
		if (!r->err && !is_served(d) && !dead++)
			first = d->path;
	}
	if (dead > 1)
		reader_warn(r, "linux.devices: %.100s and %zu others are there, but opening them fails (ENXIO): devices of the host are not reached from inside",
			first, dead - 1);
	else if (dead)
		reader_warn(r, "linux.devices: %.100s is there, but opening it fails (ENXIO): devices of the host are not reached from inside", first);
}

/* --- paths --------------------------------------------------------------------------------------------------------------------------- */

static const char **read_paths(struct reader *r, json_t *linux_, const char *key)
{
	size_t n;
	const char **list = reader_strings(r, linux_, "linux.", key, PATHS_LIMIT, &n);

	for (size_t i = 0; i < n; i++)
		if (list[i][0] != '/' || strlen(list[i]) >= PATH_MAX)
			reader_fail(r, "linux.%s[%zu]: \"%.200s\" is not an absolute path", key, i, list[i]);
	return list;
}

static void read_propagation(struct reader *r, json_t *linux_, struct spec *s)
{
	const char *name = reader_string(r, linux_, "linux.", "rootfsPropagation");

	if (!name || !*name)
		return;
	s->rootfs_propagation = mount_propagation(name);
	if (!s->rootfs_propagation)
		reader_fail(r, "linux.rootfsPropagation: \"%.100s\" is not a kind of propagation", name);
	else if (s->rootfs_propagation & MS_SHARED)
		reader_warn(r, "linux.rootfsPropagation: %s holds inside: the host sees no mount made there", name);
}

/* --- kernel parameters -------------------------------------------------------------------------------------------------------------- */

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* As runc: only what belongs to a namespace of the container's own. */
static void check_sysctl(struct reader *r, const struct spec *s, const char *name)
{
	static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
		"kernel.shmmni", "kernel.shm_rmid_forced"};
	bool of_ipc = begins(name, "fs.mqueue.");

	for (size_t i = 0; i < sizeof(ipc) / sizeof(ipc[0]); i++)
		of_ipc |= strcmp(name, ipc[i]) == 0;
	if (!*name || strlen(name) > 255 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(name) ||
		*name == '.' || strstr(name, ".."))
		reader_fail(r, "linux.sysctl: \"%.100s\" is not the name of a kernel parameter", name);
	else if (of_ipc && !s->ns[SPEC_NS_IPC].given)
		reader_fail(r, "sysctl \"%s\" is not allowed in the hosts ipc namespace", name);
	else if (begins(name, "net.") && !s->ns[SPEC_NS_NETWORK].given)
		reader_fail(r, "sysctl \"%s\" not allowed in host network namespace", name);
	else if (strcmp(name, "kernel.hostname") == 0)
		reader_fail(r, "sysctl \"kernel.hostname\" conflicts with the field hostname");
	else if (strcmp(name, "kernel.domainname") == 0 && !s->ns[SPEC_NS_UTS].given)
		reader_fail(r, "sysctl \"%s\" is not allowed in the hosts uts namespace", name);
	else if (!of_ipc && !begins(name, "net.") && strcmp(name, "kernel.domainname") != 0)
		reader_fail(r, "sysctl \"%s\" is not in a separate kernel namespace", name);
}

/* "net/ipv4/ip_forward" is the same as with dots; dots in such names stand for slashes. The tree keeps the result. */
static const char *with_dots(struct spec *s, const char *name)
{
	char *dots = xstrdup(name);
	json_t *kept;

	for (char *c = dots; *c; c++)
		*c = *c == '/' ? '.' : *c == '.' ? '/' : *c;
	kept = json_string(dots);
	json_object_set_new(s->tree, dots, kept);
	free(dots);
	return json_string_value(kept);
}

static void read_sysctls(struct reader *r, json_t *linux_, struct spec *s)
{
	json_t *list = reader_object(r, linux_, "linux.", "sysctl"), *v;
	const char *name;

	if (json_object_size(list) > SYSCTLS_LIMIT)
		reader_fail(r, "linux.sysctl has %zu entries: more than %u", json_object_size(list), SYSCTLS_LIMIT);
	if (r->err || !list)
		return;
	s->sysctls = xcalloc(json_object_size(list) + 1, sizeof(*s->sysctls));
	json_object_foreach(list, name, v) {
		const char *dotted;

		if (!json_is_string(v)) {
			reader_fail(r, "linux.sysctl: the value of %.100s is not a string", name);
			return;
		}
		dotted = strchr(name, '/') ? with_dots(s, name) : name; /* *name* is the loop's */
		check_sysctl(r, s, dotted);
		s->sysctls[s->n_sysctls++] = (struct spec_sysctl){.name = dotted, .value = json_string_value(v)};
	}
}

/* --- the rest ----------------------------------------------------------------------------------------------------------------------- */

static void read_refused(struct reader *r, json_t *linux_)
{
	json_t *rdt = reader_object(r, linux_, "linux.", "intelRdt"), *p = reader_object(r, linux_, "linux.", "personality");
	json_t *net = reader_object(r, linux_, "linux.", "netDevices"), *policy = reader_object(r, linux_, "linux.", "memoryPolicy");
	const char *label = reader_string(r, linux_, "linux.", "mountLabel"), *domain;

	if (json_object_size(rdt))
		reader_fail(r, "linux.intelRdt is not supported: cache and bandwidth of the processor are not divided");
	if (json_object_size(net))
		reader_fail(r, "linux.netDevices is not supported: put the device into the network namespace before");
	if (policy)
		reader_warn(r, "linux.memoryPolicy has no effect: the host places the memory");
	if (label && *label)
		reader_warn(r, "linux.mountLabel: \"%.100s\" has no effect: processes inside are confined by the sentry", label);
	if (!p)
		return;
	domain = reader_string(r, p, "linux.personality.", "domain");
	if (!domain || strcmp(domain, "LINUX") != 0)
		reader_fail(r, "linux.personality.domain: \"%.100s\" is not supported: programs inside are 64 bit ones", domain ? domain : "");
	if (json_array_size(reader_array(r, p, "linux.personality.", "flags", 64)))
		reader_fail(r, "linux.personality.flags are not supported");
}

void read_linux(struct reader *r, json_t *tree, struct spec *s)
{
	json_t *l = reader_object(r, tree, "", "linux");

	s->linux_ = l;
	read_namespaces(r, l, s);
	read_user_namespace(r, l, s);
	read_time_offsets(r, l);
	read_devices(r, l, s);
	s->masked = read_paths(r, l, "maskedPaths");
	s->readonly = read_paths(r, l, "readonlyPaths");
	read_propagation(r, l, s);
	read_sysctls(r, l, s);
	s->seccomp = reader_object(r, l, "linux.", "seccomp");
	s->resources = reader_object(r, l, "linux.", "resources");
	s->cgroups_path = reader_string(r, l, "linux.", "cgroupsPath");
	if (s->cgroups_path && !*s->cgroups_path)
		s->cgroups_path = NULL;
	s->rootfs_mount_label = reader_string(r, l, "linux.", "mountLabel");
	read_refused(r, l);
}
