/* SPDX-License-Identifier: MIT */
/* From the configuration to launch records (docs/launch.md) and descriptors. */
#include "cmd/run/launch.h"
#include "cmd/runtime/spec/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define KEPT_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME | MS_RELATIME)
#define NUMBER_SIZE 24
#define TRACE_DIR "picket-trace"
#define PROC_ROOT_INO 1

struct number {
	char text[NUMBER_SIZE];
};

static const char *decimal(struct number *n, uint64_t v)
{
	snprintf(n->text, sizeof(n->text), "%llu", (unsigned long long)v);
	return n->text;
}

static const char *octal(struct number *n, unsigned v)
{
	snprintf(n->text, sizeof(n->text), "%o", v);
	return n->text;
}

static const char *limit_text(struct number *n, uint64_t v)
{
	return v == UINT64_MAX ? "-1" : decimal(n, v);
}

/* --- the process --------------------------------------------------------------------------------------------------------------------- */

static bool has_limit(const struct spec_process *p, unsigned resource)
{
	for (size_t i = 0; i < p->n_rlimits; i++)
		if (p->rlimits[i].resource == resource)
			return true;
	return false;
}

static void add_limit(struct launch *l, unsigned resource, uint64_t soft, uint64_t hard)
{
	struct number a, b, c;

	launch_record(l, CONFIG_ULIMIT, decimal(&a, resource), limit_text(&b, soft), limit_text(&c, hard));
}

/* Limits that are not given are those of who starts the runtime, as they are for runc's containers. */
static void add_limits(const struct spec_process *p, struct launch *l)
{
	for (size_t i = 0; i < p->n_rlimits; i++)
		add_limit(l, p->rlimits[i].resource, p->rlimits[i].soft, p->rlimits[i].hard);
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit own;

		if (!has_limit(p, i) && getrlimit((__rlimit_resource_t)i, &own) == 0)
			add_limit(l, i, own.rlim_cur == RLIM_INFINITY ? UINT64_MAX : own.rlim_cur, own.rlim_max == RLIM_INFINITY ? UINT64_MAX : own.rlim_max);
	}
}

int spec_launch_process(const struct spec_process *p, struct launch *l, char **err)
{
	struct number a, b, c, d, e;

	(void)err;
	for (size_t i = 0; i < p->n_args; i++)
		launch_record(l, CONFIG_ARG, p->args[i]);
	for (size_t i = 0; i < p->n_env; i++)
		launch_record(l, CONFIG_ENV, p->env[i]);
	launch_record(l, CONFIG_CWD, p->cwd);
	launch_record(l, CONFIG_IDS, decimal(&a, p->user.uid), decimal(&b, p->user.gid),
		p->user.umask == SPEC_NO_UMASK ? "-1" : octal(&c, p->user.umask));
	for (size_t i = 0; i < p->user.n_groups; i++)
		launch_record(l, CONFIG_GROUP_ADD, decimal(&a, p->user.groups[i]));
	launch_record(l, CONFIG_CAP_SETS, decimal(&a, p->caps.bounding), decimal(&b, p->caps.effective), decimal(&c, p->caps.permitted),
		decimal(&d, p->caps.inheritable), decimal(&e, p->caps.ambient));
	add_limits(p, l);
	if (p->no_new_privs)
		launch_word(l, CONFIG_NO_NEW_PRIVS);
	if (p->oom_given) {
		snprintf(a.text, sizeof(a.text), "%d", p->oom_score_adj);
		launch_record(l, CONFIG_OOM_ADJ, a.text);
	}
	return 0;
}

/* --- names --------------------------------------------------------------------------------------------------------------------------- */

/* A new namespace begins with its maker's names; the monitor has entered one that is given by path. */
static void add_names(const struct spec *s, struct launch *l)
{
	char name[65] = "";

	if (!s->hostname)
		gethostname(name, sizeof(name) - 1);
	launch_record(l, CONFIG_HOSTNAME, s->hostname ? s->hostname : name);
	if (s->domainname)
		launch_record(l, CONFIG_DOMAINNAME, s->domainname);
}

/* --- mounts ------------------------------------------------------------------------------------------------------------------------- */

static char *absolute_target(const struct spec_mount *m)
{
	return *m->target == '/' ? xstrdup(m->target) : xasprintf("/%s", m->target);
}

static void add_mount(struct launch *l, const struct spec_mount *m, const char *type, const char *source, const char *fd, const char *options)
{
	char *target = absolute_target(m);
	struct number flags, propagation;

	launch_record(l, CONFIG_MOUNT, target, type, source, fd, decimal(&flags, m->flags & KEPT_FLAGS), decimal(&propagation, m->propagation), options);
	free(target);
}

/* What is neither file nor directory is shown as a node of the same kind: devices that the sentry has work, others and sockets cannot be opened. */
static void add_node(struct spec *s, struct launch *l, const struct spec_mount *m, const struct stat *st)
{
	char type = S_ISCHR(st->st_mode) ? 'c' : S_ISBLK(st->st_mode) ? 'b' : S_ISSOCK(st->st_mode) ? 's' : 'p';
	char *options = xasprintf("%c %u %u %o %u %u", type, major(st->st_rdev), minor(st->st_rdev), st->st_mode & 07777, st->st_uid, st->st_gid);

	if (type == 's' || type == 'p')
		str_list_add(&s->warnings, xasprintf("mounts: %.200s is a %s: programs inside see it, but reach nobody through it", m->source,
			type == 's' ? "socket" : "FIFO"));
	add_mount(l, m, "node", m->source, "-1", options);
	free(options);
}

static int open_again(int fd, int flags)
{
	char link[40];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return open(link, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* A file that cannot be written to is shown read-only, as writing would fail anyway. */
static int open_source(int fd, bool dir, struct spec_mount *m)
{
	int r;

	if (dir)
		return open_again(fd, O_RDONLY | O_DIRECTORY);
	r = m->readonly ? -1 : open_again(fd, O_RDWR);
	if (r < 0 && (m->readonly || errno == EROFS || errno == EACCES || errno == ETXTBSY || errno == EPERM)) {
		m->readonly = true;
		m->flags |= MS_RDONLY;
		r = open_again(fd, O_RDONLY);
	}
	return r;
}

/* A procfs of the host's shows the sentry as self, and others to its rights: whoever wants all of it gets the sandbox's own. */
static int is_procfs(int fd, const struct stat *st)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	return st->st_ino == PROC_ROOT_INO ? 1 : -1;
}

static int add_bind(struct spec *s, struct launch *l, struct spec_mount *m, size_t i, char **err)
{
	char *source = *m->source == '/' ? xstrdup(m->source) : xasprintf("%s/%s", s->bundle, m->source);
	int place = open(source, O_PATH | O_CLOEXEC), proc, fd;
	struct stat st;

	if (place < 0 || fstat(place, &st) < 0) {
		*err = xasprintf("mounts[%zu].source: cannot open %s for %s: %s", i, source, m->target, strerror(errno));
		free(source);
		if (place >= 0)
			close(place);
		return -1;
	}
	proc = is_procfs(place, &st);
	if (proc < 0) {
		*err = xasprintf("mounts[%zu].source: %s is of the host's proc, which is not shown inside", i, source);
		close(place);
		free(source);
		return -1;
	}
	if (proc > 0) {
		str_list_add(&s->warnings, xasprintf("mounts: %.200s is the host's proc: the container sees its own at %.200s", source, m->target));
		add_mount(l, m, "proc", "proc", "-1", "");
	} else if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
		add_node(s, l, m, &st);
	} else {
		fd = open_source(place, S_ISDIR(st.st_mode), m);
		if (fd < 0) {
			*err = xasprintf("mounts[%zu].source: cannot open %s for %s: %s", i, source, m->target, strerror(errno));
			close(place);
			free(source);
			return -1;
		}
		add_mount(l, m, "bind", source, launch_give_host(l, fd, !m->readonly), "");
	}
	close(place);
	free(source);
	return 0;
}

static const char *const type_names[SPEC_MOUNT_TYPES] = {[SPEC_PROC] = "proc", [SPEC_SYSFS] = "sysfs", [SPEC_DEVPTS] = "devpts",
	[SPEC_MQUEUE] = "mqueue", [SPEC_TMPFS] = "tmpfs", [SPEC_CGROUP] = "cgroup2"};

static int add_mounts(struct spec *s, struct launch *l, char **err)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		struct spec_mount *m = &s->mounts[i];

		if (m->type == SPEC_BIND) {
			if (add_bind(s, l, m, i, err))
				return -1;
			continue;
		}
		char *options = m->copy_up ? xasprintf("%s%stmpcopyup", m->data, *m->data ? "," : "") : xstrdup(m->data);

		add_mount(l, m, type_names[m->type], m->source && *m->source ? m->source : type_names[m->type], "-1", options);
		free(options);
	}
	return 0;
}

/* --- the rest ------------------------------------------------------------------------------------------------------------------------ */

static void add_devices(const struct spec *s, struct launch *l)
{
	struct number a, b, c, d, e;

	launch_word(l, CONFIG_DEVICES);
	for (size_t i = 0; i < s->n_devices; i++) {
		const struct spec_device *v = &s->devices[i];
		const char type[2] = {v->type};

		launch_record(l, CONFIG_DEVICE, v->path, type, decimal(&a, v->major), decimal(&b, v->minor), octal(&c, v->mode), decimal(&d, v->uid),
			decimal(&e, v->gid));
	}
}

static int add_root(const struct spec *s, struct launch *l, char **err)
{
	int fd = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		*err = xasprintf("root.path: cannot open %s: %s", s->root, strerror(errno));
		return -1;
	}
	/* Writable in any case: missing mount points are made in it. A read-only one becomes so last. */
	launch_record(l, CONFIG_ROOT_BIND, launch_give_host(l, fd, true), "rw,owners");
	launch_record(l, CONFIG_ROOT_RO, s->root_readonly ? "1" : "0");
	return 0;
}

/*
 * Annotations come from whoever made the image or the pod, too. That a file of the host's may be written for them is said by who made this directory for it,
 * who is the caller.
 */
static int open_trace_dir(const char *path)
{
	const char *name = strrchr(path, '/');
	char *dir = xstrndup(path, (size_t)(name - path));
	const char *last = strrchr(dir, '/');
	struct stat st;
	int fd = -1;

	if (last && strcmp(last + 1, TRACE_DIR) == 0)
		fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	free(dir);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int add_trace(const struct spec *s, struct launch *l, char **err)
{
	struct stat st;
	int dir, fd;

	if (!s->trace)
		return 0;
	dir = open_trace_dir(s->trace);
	if (dir < 0) {
		*err = xasprintf("annotations: dev.picket.trace: %.200s is not in a directory " TRACE_DIR " that belongs to the caller and that nobody else can write to", s->trace);
		return -1;
	}
	fd = openat(dir, strrchr(s->trace, '/') + 1, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK, 0600);
	close(dir);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
		errno = EINVAL;
	}
	if (fd < 0) {
		*err = xasprintf("annotations: cannot open %.200s for the trace: %s", s->trace, strerror(errno));
		return -1;
	}
	launch_record(l, CONFIG_TRACE, launch_give(l, fd));
	return 0;
}

int spec_launch(struct spec *s, struct launch *l, char **err)
{
	struct number n;

	launch_word(l, CONFIG_BARE);
	if (s->no_rewrite)
		launch_word(l, CONFIG_NO_REWRITE);
	if (spec_launch_process(&s->process, l, err) || add_root(s, l, err))
		return -1;
	add_names(s, l);
	if (add_mounts(s, l, err))
		return -1;
	add_devices(s, l);
	for (const char **p = s->masked; p && *p; p++)
		launch_record(l, CONFIG_MASK, *p);
	for (const char **p = s->readonly; p && *p; p++)
		launch_record(l, CONFIG_READONLY, *p);
	if (s->rootfs_propagation)
		launch_record(l, CONFIG_PROPAGATION, decimal(&n, s->rootfs_propagation));
	for (size_t i = 0; i < s->n_sysctls; i++)
		if (strncmp(s->sysctls[i].name, "net.", 4) != 0)
			launch_record(l, CONFIG_SYSCTL, s->sysctls[i].name, s->sysctls[i].value);
	return add_trace(s, l, err);
}
