/* SPDX-License-Identifier: MIT */
/* What the parts under test need of the kernel and the platform. Weak: where the real thing is linked, it is used. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include "vfs/leases.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/pid_ns.h"
#include "fake_common.h"
#include "fake_kernel.h"
#include "host/file.h"

static struct user_ns initial_ns; /* its maps are the identity */

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

WEAK int64_t kernel_now_real(void)
{
	return now(CLOCK_REALTIME);
}

WEAK int64_t kernel_now_mono(void)
{
	return now(CLOCK_MONOTONIC);
}

WEAK ssize_t aspace_readv(struct aspace *as, const struct guest_iovec *giov, size_t n, void *buf, size_t len)
{
	return -EFAULT;
}

WEAK ssize_t aspace_writev(struct aspace *as, const struct guest_iovec *giov, size_t n, const void *buf, size_t len)
{
	return -EFAULT;
}

WEAK void signal_kernel_task(struct task *t, int signo)
{
}

WEAK uint64_t task_rlimit(const struct task *t, int resource)
{
	return RLIM_INFINITY;
}

WEAK bool cred_in_group(const struct cred *c, uint32_t gid)
{
	return c->fsgid == gid;
}

/* Sleeps are polls: to be told is not needed. */
static void ignore(struct waiter *w, uint32_t events)
{
}

WEAK void task_waiter_init(struct task_waiter *w, struct task *t, uint32_t mask)
{
	memset(w, 0, sizeof(*w));
	list_init(&w->waiter.link);
	w->waiter.mask = mask;
	w->waiter.notify = ignore;
	w->task = t;
}

WEAK int task_block(struct task *t, int64_t deadline_ns)
{
	struct timespec ts = {.tv_nsec = 1000000};

	t->nvcsw++;
	nanosleep(&ts, NULL);
	if (t->flags & TIF_SIGPENDING)
		return -ERESTARTSYS;
	return deadline_ns >= 0 && kernel_now_mono() >= deadline_ns ? -ETIMEDOUT : 0;
}

/* Guest addresses are the test's own. */
struct task *fake_task(struct fake *f, int pid)
{
	struct task *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->kernel = f->k;
	t->tid = pid;
	t->tg = calloc(1, sizeof(*t->tg));
	t->cred = calloc(1, sizeof(*t->cred));
	t->fds = fd_table_alloc();
	t->fs = fs_context_copy(f->t ? f->t->fs : NULL);
	assert_true(t->tg && t->cred && t->fds && t->fs);
	t->tg->pid = pid;
	t->cred->cap_effective = UINT64_MAX;
	t->cred->user_ns = &initial_ns;
	return t;
}

void fake_task_free(struct task *t)
{
	fd_table_put(t, t->fds);
	fs_context_put(t->fs);
	free(t->cred);
	free(t->tg);
	free(t);
}

void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	f->k = calloc(1, sizeof(*f->k));
	assert_non_null(f->k);
	lock_init(&f->k->epoll_lock, RANK_NONE);
	host_identity(&f->k->host_uid, &f->k->host_gid);
	assert_int_equal(vfs_init(f->k), 0);
	assert_int_equal(mount_ns_create(f->k, NULL, true, &f->k->mounts), 0);
	f->t = fake_task(f, 1);
}

void fake_mount_root(struct fake *f, struct super_block *sb)
{
	struct path p;

	assert_int_equal(mount_add(f->k->mounts, NULL, sb, NULL, 0, NULL), 0);
	p.mnt = f->k->mounts->root;
	p.dentry = p.mnt->root;
	fs_set_root(f->t->fs, &p);
	fs_set_cwd(f->t->fs, &p);
}

/* The tree itself stays until the process ends: what leaks of it is the tree's, not the tests'. */
void fake_destroy(struct fake *f)
{
	fake_task_free(f->t);
	f->t = NULL;
}

int fake_write(struct task *t, const char *name, int flags, const char *text)
{
	const struct open_how_args how = {.flags = O_WRONLY | flags, .mode = 0644};
	char copy[4096];
	struct file *f;
	struct uio u;
	ssize_t n;
	int r = vfs_open(t, AT_FDCWD, name, &how, &f);

	if (r < 0)
		return r;
	memcpy(copy, text, strlen(text));
	uio_init_kernel(&u, copy, strlen(text));
	n = strlen(text) ? file_write(t, f, &u, -1) : 0;
	file_put(f);
	return (int)n;
}

int fake_read(struct task *t, const char *name, char *buf, size_t size)
{
	const struct open_how_args how = {.flags = O_RDONLY};
	struct file *f;
	struct uio u;
	ssize_t n;
	int r = vfs_open(t, AT_FDCWD, name, &how, &f);

	if (r < 0)
		return r;
	uio_init_kernel(&u, buf, size - 1);
	n = file_read(t, f, &u, -1);
	file_put(f);
	buf[n > 0 ? n : 0] = 0;
	return (int)n;
}

int fake_stat(struct task *t, const char *name, struct kstat *st)
{
	int r = -ESTALE;

	/* As stat(2): what was replaced between the two is looked up anew. */
	for (int i = 0; i < VFS_STALE_TRIES && r == -ESTALE; i++) {
		PATH_SCOPE p = {0};

		r = vfs_walk(t, AT_FDCWD, name, 0, &p);
		r = r < 0 ? r : inode_getattr(p.dentry->inode, st);
	}
	return r == -ESTALE ? -ENOENT : r;
}

struct list_emit {
	struct dir_emit de;
	char *names[256];
	int n, left;
};

/* A full sink every third name: positions are tested by the way. */
static bool list_one(struct dir_emit *de, const char *name, size_t len, uint64_t ino, unsigned type, int64_t next)
{
	struct list_emit *l = container_of(de, struct list_emit, de);

	if (l->left-- == 0)
		return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return true;
	assert_true(l->n < 256);
	assert_true(ino != 0);
	l->names[l->n++] = strndup(name, len);
	return true;
}

static int cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int fake_list(struct task *t, const char *name, char *buf, size_t size)
{
	const struct open_how_args how = {.flags = O_RDONLY | O_DIRECTORY};
	struct list_emit l = {.de.emit = list_one};
	int64_t pos = 0, before;
	struct file *f;
	int r = vfs_open(t, AT_FDCWD, name, &how, &f);

	if (r < 0)
		return r;
	do {
		before = pos;
		l.left = 3;
		r = f->ops->readdir(f, &l.de, &pos);
	} while (r == 0 && l.left < 0 && pos != before);
	file_put(f);
	qsort(l.names, (size_t)l.n, sizeof(l.names[0]), cmp);
	buf[0] = 0;
	for (int i = 0; i < l.n; i++) {
		if (strlen(buf) + strlen(l.names[i]) + 2 < size) {
			if (i)
				strcat(buf, " ");
			strcat(buf, l.names[i]);
		}
		free(l.names[i]);
	}
	return r < 0 ? r : l.n;
}
