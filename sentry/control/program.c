/* SPDX-License-Identifier: MIT */
/* Starting a program that picket names: its user, its variables, where it is found, and what to say if it cannot be
 * run. */
#include "control/program.h"

#include "control/config.h"
#include "control/limits.h"
#include "control/rootfs.h"
#include "fs/memfd.h"
#include "host/file.h"
#include "kernel/exec.h"
#include "kernel/task.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define GUEST_NAME "picket-guest"
#define GUEST_MAX (64u << 20)
#define CHUNK (64u << 10)

int failure_set(struct failure *f, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	f->code = code;
	return -1;
}

/* Numbers alone, as picket-runtime gives them. */
static int groups_of(const struct config_limits *l, uint32_t **ret)
{
	uint32_t *g = calloc(l->n_groups + 1, sizeof(*g));

	for (size_t i = 0; g && i < l->n_groups; i++)
		g[i] = (uint32_t)strtoul(l->groups[i], NULL, 10);
	*ret = g;
	return g ? 0 : -ENOMEM;
}

/* Its terminal or what stands in for one is its own: it may open /dev/stdout and /dev/console again. As runc's fixStdioPermissions. */
static void own_stdio(struct task *t, const struct config *c)
{
	for (int i = 0; i < 3; i++) {
		struct file *f = c->tty || c->stdio[i] >= 0 ? fd_get(t, i) : NULL;

		if (!f)
			continue;
		lock_acquire(&f->inode->lock);
		f->inode->uid = c->bare.ids.uid;
		lock_release(&f->inode->lock);
		file_put(f);
	}
}

/* The process is described in full: nothing is looked up but its home directory. */
static int become_ids(struct task *t, const struct config *c, char *home, struct failure *f)
{
	const struct config_ids *ids = &c->bare.ids;
	const struct config_cap_sets *sets = &c->bare.sets;
	struct config_limits l = c->limits;
	uint32_t *groups = NULL;
	struct cred *n = NULL;

	if (rootfs_find_home(t, ids->uid, home) == 0 && groups_of(&l, &groups) == 0)
		n = cred_alloc_root(t->kernel->user_ns);
	if (!n) {
		free(groups);
		return failure_set(f, 125, "cannot prepare the sandbox: out of memory");
	}
	n->uid = n->euid = n->suid = n->fsuid = ids->uid;
	n->gid = n->egid = n->sgid = n->fsgid = ids->gid;
	cred_set_groups(n, groups, (uint32_t)l.n_groups);
	n->cap_bounding &= sets->bounding;
	n->cap_effective &= sets->effective;
	n->cap_permitted &= sets->permitted;
	n->cap_inheritable = sets->inheritable;
	n->cap_ambient = sets->ambient & n->cap_permitted & n->cap_inheritable;
	if (!l.oom_given)
		l.oom_score_adj = t->kernel->config->limits.oom_score_adj;
	limits_process(t, &l, n);
	own_stdio(t, c);
	task_cred_replace(t, n);
	if (ids->umask != UINT32_MAX)
		t->fs->umask = ids->umask;
	return 0;
}

int program_become_user(struct task *t, const struct config *c, char *home, struct failure *f)
{
	const struct config_limits *l = &t->kernel->config->limits; /* of the sandbox: those of a session bring none */
	struct rootfs_user u = {0};
	struct rootfs_error err;
	struct cred *n;

	if (c->bare.ids_given)
		return become_ids(t, c, home, f);
	if (rootfs_resolve_user(t, c->user ? c->user : "", &u, &err))
		return failure_set(f, 125, "%s", err.text);
	if (rootfs_add_groups(t, l->groups, l->n_groups, &u, &err)) {
		free(u.groups);
		return failure_set(f, 125, "%s", err.text);
	}
	n = cred_alloc_root(t->kernel->user_ns);
	if (!n) {
		free(u.groups);
		return failure_set(f, 125, "cannot prepare the sandbox: out of memory");
	}
	n->uid = n->euid = n->suid = n->fsuid = u.uid;
	n->gid = n->egid = n->sgid = n->fsgid = u.gid;
	cred_set_groups(n, u.groups, u.n_groups);
	if (u.uid)
		n->cap_effective = n->cap_permitted = 0;
	if (c->guest_fd < 0 || !t->tg->session) /* Picket's own work is not the sandbox's */
		limits_process(t, l, n);
	task_cred_replace(t, n);
	memcpy(home, u.home, sizeof(u.home));
	return 0;
}

static size_t name_len(const char *var)
{
	return strcspn(var, "=");
}

/* The last of *n* variables that has the name of *var*, or NULL. */
static const char *find_var(const char *const *env, size_t n, const char *var)
{
	size_t len = name_len(var);

	while (n-- > 0)
		if (!strncmp(env[n], var, len) && (env[n][len] == '=' || !env[n][len]))
			return env[n];
	return NULL;
}

struct variable {
	const char *text;
	size_t place;
};

static int by_name_and_place(const void *pa, const void *pb)
{
	const struct variable *a = pa, *b = pb;
	size_t la = name_len(a->text), lb = name_len(b->text);
	int r = memcmp(a->text, b->text, la < lb ? la : lb);

	if (!r)
		r = la < lb ? -1 : la > lb;
	return r ? r : a->place < b->place ? -1 : 1;
}

/* Copy to *to* those of *n* variables that have a value and are not set once more further on; services of a cluster are thousands. -1: no memory. */
static ssize_t copy_last(const char *const *env, size_t n, char **to)
{
	struct variable *v = calloc(n + 1, sizeof(*v));
	bool *last = calloc(n + 1, sizeof(*last));
	ssize_t copied = 0;

	for (size_t i = 0; v && i < n; i++)
		v[i] = (struct variable){env[i], i};
	if (v)
		qsort(v, n, sizeof(*v), by_name_and_place);
	for (size_t i = 0; v && last && i < n; i++) {
		size_t len = name_len(v[i].text);

		last[v[i].place] = i + 1 == n || name_len(v[i + 1].text) != len || memcmp(v[i].text, v[i + 1].text, len) != 0;
	}
	for (size_t i = 0; v && last && i < n; i++)
		if (last[i] && strchr(env[i], '='))
			to[copied++] = (char *)(uintptr_t)env[i];
	copied = v && last ? copied : -1;
	free(v);
	free(last);
	return copied;
}

char **program_environment(const struct config *base, const struct config *c, const char *home)
{
	bool has_home = find_var(c->envp, c->n_env, "HOME") || (base && find_var(base->envp, base->n_env, "HOME"));
	size_t n_base = base ? base->n_env : 0, n = 0, slots = n_base + c->n_env + 2;
	char **env = calloc(1, slots * sizeof(*env) + strlen(home) + sizeof("HOME="));

	if (!env)
		return NULL;
	if (!has_home) {
		env[n] = (char *)(env + slots);
		sprintf(env[n++], "HOME=%s", home);
	}
	for (size_t i = 0; i < n_base; i++)
		if (!find_var(c->envp, c->n_env, base->envp[i]))
			env[n++] = (char *)(uintptr_t)base->envp[i];
	if (copy_last(c->envp, c->n_env, env + n) < 0) {
		free(env);
		return NULL;
	}
	return env;
}

static const char *env_path(char *const *envp)
{
	for (; *envp; envp++)
		if (!strncmp(*envp, "PATH=", 5))
			return *envp + 5;
	return DEFAULT_PATH;
}

/* Try *fn* with the name in each directory of PATH until it succeeds. */
static int in_path(struct task *t, const struct config *c, char *const *envp, char *path,
	int (*fn)(struct task *t, const char *path, char *const *argv, char *const *envp))
{
	const char *p = env_path(envp), *name = c->argv[0];
	int r, best = -ENOENT;

	for (; *p; p += *p == ':') {
		size_t n = strcspn(p, ":");

		if (n + strlen(name) + 2 > VFS_PATH_MAX) {
			p += n;
			continue;
		}
		snprintf(path, VFS_PATH_MAX, "%.*s/%s", n ? (int)n : 1, n ? p : ".", name);
		p += n;
		r = fn(t, path, (char *const *)(uintptr_t)c->argv, envp);
		if (!r)
			return 0;
		/* As execvp: what is there but cannot be run counts more than what is not there. */
		if (r != -ENOENT && r != -ENOTDIR)
			best = r;
	}
	return best;
}

/* A copy in memory of a program of Picket's own, which the sandbox's tree does not have. */
static int copy_guest(struct task *t, int host_fd, struct file **ret)
{
	struct file *f;
	uint64_t at = 0;
	char *chunk;
	ssize_t n;
	int r = memfd_create_file(t->kernel, GUEST_NAME, 0, &f);

	if (r)
		return r;
	chunk = malloc(CHUNK);
	n = chunk ? 1 : -ENOMEM;
	while (n > 0) {
		struct uio u;

		n = host_pread(host_fd, chunk, CHUNK, at);
		if (n > 0 && at + (uint64_t)n > GUEST_MAX)
			n = -EFBIG;
		if (n <= 0)
			break;
		uio_init_kernel(&u, chunk, (size_t)n);
		n = file_write(t, f, &u, (int64_t)at);
		at += n > 0 ? (uint64_t)n : 0;
	}
	free(chunk);
	if (n < 0) {
		file_put(f);
		return (int)n;
	}
	*ret = f;
	return 0;
}

static int exec_guest(struct task *t, const struct config *c, int host_fd, char *const *envp, struct failure *f)
{
	struct file *file = NULL;
	int r = copy_guest(t, host_fd, &file);

	if (!r) {
		r = kernel_exec_file(t, file, "/" GUEST_NAME, (char *const *)(uintptr_t)c->argv, envp);
		file_put(file);
	}
	return r ? failure_set(f, 125, "cannot start " GUEST_NAME ": %s", strerror(-r)) : 0;
}

static int check_path(struct task *t, const char *path, char *const *argv, char *const *envp)
{
	return kernel_exec_check(t, path);
}

const char *failure_errno(int err, char text[64])
{
	snprintf(text, 64, "%s", strerror(-err));
	if (text[0] >= 'A' && text[0] <= 'Z')
		text[0] = (char)(text[0] | 0x20);
	return text;
}

/* The words of runc, by which engines tell what went wrong. */
static int not_found(const char *name, int r, struct failure *f)
{
	const char *why = strerror(-r);

	if (r == -ENOENT || r == -ENOTDIR)
		return strchr(name, '/') ? failure_set(f, 127, "exec: \"%s\": stat %s: %s", name, name,
						   r == -ENOENT ? "no such file or directory" : "not a directory")
					 : failure_set(f, 127, "exec: \"%s\": executable file not found in $PATH", name);
	if (r == -ENOMEM || r == -EAGAIN)
		return failure_set(f, 125, "cannot start %s: %s", name, why);
	return failure_set(f, 126, "exec: \"%s\": %c%s", name, (*why | 0x20), why + 1);
}

int program_find(struct task *t, const struct config *c, char *const *envp, char *path, struct failure *f)
{
	const char *name = c->argc ? c->argv[0] : "";
	int r;

	if (!*name)
		return failure_set(f, 127, "exec: \"\": executable file not found in $PATH");
	if (strchr(name, '/')) {
		r = strlen(name) < VFS_PATH_MAX ? kernel_exec_check(t, name) : -ENAMETOOLONG;
		if (!r)
			strcpy(path, name);
	} else {
		r = in_path(t, c, envp, path, check_path);
	}
	return r ? not_found(name, r, f) : 0;
}

int program_exec_found(struct task *t, const struct config *c, const char *path, char *const *envp, struct failure *f)
{
	int r = kernel_exec_first(t, path, (char *const *)(uintptr_t)c->argv, envp);

	return r ? not_found(c->argv[0], r, f) : 0;
}

int program_exec(struct task *t, const struct config *c, int guest_fd, char *const *envp, struct failure *f)
{
	const char *name = c->argc ? c->argv[0] : "";
	char path[VFS_PATH_MAX];
	int r;

	if (!*name)
		return failure_set(f, 125, "no command to run: give one, or use an image that has one");
	if (guest_fd >= 0)
		return exec_guest(t, c, guest_fd, envp, f);
	if (strchr(name, '/'))
		r = kernel_exec_first(t, name, (char *const *)(uintptr_t)c->argv, envp);
	else
		r = in_path(t, c, envp, path, kernel_exec_first);
	if (!r)
		return 0;
	if (r == -ENOENT && name[0] == '-')
		return failure_set(f, 127, "%s: not found in the sandbox's PATH; options of picket stand before the image or sandbox", name);
	if (r == -ENOENT || r == -ENOTDIR)
		return failure_set(f, 127, "%s: not found%s", name,
			strchr(name, '/') ? " in the sandbox (or its interpreter is missing)"
					  : " in the sandbox's PATH (or its interpreter is missing)");
	if (r == -ENOMEM || r == -EAGAIN)
		return failure_set(f, 125, "cannot start %s: %s", name, strerror(-r));
	return failure_set(f, 126, "%s: cannot be executed: %s", name,
		r == -ENOEXEC ? "neither a program for this machine nor a script that begins with #!" : strerror(-r));
}
