/* SPDX-License-Identifier: MIT */
/* Stand-ins for kernel, files and descriptors. */
#include "net_fake.h"

#include "mm/mm.h"
#include "kernel/pid_ns.h"
#include "net/inet.h"
#include "net/netlink.h"
#include "net/unix.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct user_ns initial_ns; /* its maps are the identity */

/* --- kernel ------------------------------------------------------------------------------------------------------ */

int64_t kernel_now_mono(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t kernel_now_real(void)
{
	return kernel_now_mono();
}

int kernel_charge(struct kernel *k, uint64_t bytes)
{
	if (k->memory_limit && k->memory_used + bytes > k->memory_limit)
		return -ENOMEM;
	k->memory_used += bytes;
	return 0;
}

void kernel_uncharge(struct kernel *k, uint64_t bytes)
{
	assert_true(k->memory_used >= bytes);
	k->memory_used -= bytes;
}

void ns_get(struct ns_head *h)
{
}

void ns_put(struct ns_head *h)
{
}

int pid_ns_lookup(const struct pid_ns *ns, int nr)
{
	return nr;
}

int pid_ns_global(const struct pid_ns *ns, int nr)
{
	return nr;
}

void cred_get(struct cred *c)
{
	refs_get(&c->refs);
}

void cred_put(struct cred *c)
{
	assert_false(refs_put(&c->refs));
}

bool task_capable(const struct task *t, int cap)
{
	return cred_capable(t->cred, cap);
}

struct thread_group *tg_find(struct kernel *k, int pid)
{
	return NULL;
}

void tg_put(struct thread_group *tg)
{
}

void signal_kernel_task(struct task *t, int signo)
{
	t->exit_signal = signo; /* a place to look at */
}

static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sleep_cond = PTHREAD_COND_INITIALIZER;

static void notify(struct waiter *w, uint32_t events)
{
	struct task *t = container_of(w, struct task_waiter, waiter)->task;

	pthread_mutex_lock(&sleep_lock);
	t->waker.word = 1;
	pthread_cond_broadcast(&sleep_cond);
	pthread_mutex_unlock(&sleep_lock);
}

void task_waiter_init(struct task_waiter *w, struct task *t, uint32_t mask)
{
	memset(w, 0, sizeof(*w));
	w->waiter.notify = notify;
	w->waiter.mask = mask;
	w->task = t;
}

int task_block(struct task *t, int64_t deadline_ns)
{
	int err = 0;

	pthread_mutex_lock(&sleep_lock);
	while (!t->waker.word && !err) {
		struct timespec ts = {.tv_sec = time(NULL) + 1};

		pthread_cond_timedwait(&sleep_cond, &sleep_lock, &ts);
		if (deadline_ns >= 0 && kernel_now_mono() >= deadline_ns)
			err = -ETIMEDOUT;
	}
	t->waker.word = 0;
	pthread_mutex_unlock(&sleep_lock);
	return err;
}

int copy_out(struct task *t, uint64_t dst, const void *src, size_t len)
{
	memcpy((void *)(uintptr_t)dst, src, len);
	return 0;
}

void patched_originals(struct mm *mm, uint64_t addr, void *buf, size_t len)
{
}

ssize_t aspace_readv(struct aspace *as, const struct guest_iovec *giov, size_t n, void *buf, size_t len)
{
	return -EFAULT;
}

ssize_t aspace_writev(struct aspace *as, const struct guest_iovec *giov, size_t n, const void *buf, size_t len)
{
	return -EFAULT;
}

/* --- files ------------------------------------------------------------------------------------------------------- */

struct inode *inode_alloc(
	struct super_block *sb, const struct inode_ops *ops, const struct file_ops *fops, uint32_t mode)
{
	struct inode *inode = calloc(1, sizeof(*inode));

	refs_init(&inode->refs);
	return inode;
}

void inode_put(struct inode *inode)
{
	if (refs_put(&inode->refs))
		free(inode);
}

struct dentry *d_alloc_anon(struct inode *inode, const char *name)
{
	struct dentry *d = calloc(1, sizeof(*d));

	refs_init(&d->refs);
	d->inode = inode;
	return d;
}

void dentry_put(struct dentry *d)
{
	if (refs_put(&d->refs)) {
		inode_put(d->inode);
		free(d);
	}
}

void path_put(struct path *p)
{
	dentry_put(p->dentry);
}

struct file *file_alloc(const struct path *p, struct inode *inode, const struct file_ops *ops, int flags)
{
	struct file *f = calloc(1, sizeof(*f));

	refs_init(&f->refs);
	f->ops = ops;
	f->inode = inode;
	f->path = *p;
	refs_get(&p->dentry->refs);
	f->flags = flags;
	return f;
}

void file_get(struct file *f)
{
	refs_get(&f->refs);
}

void file_put(struct file *f)
{
	if (!refs_put(&f->refs))
		return;
	f->ops->release(f);
	path_put(&f->path);
	free(f);
}

static struct fake *fake_of(struct task *t)
{
	return container_of(t->kernel, struct fake, kernel);
}

struct file *fd_get_path(struct task *t, int fd)
{
	struct fake *f = fake_of(t);

	if (fd < 0 || fd >= FAKE_FDS || !f->fds[fd])
		return NULL;
	file_get(f->fds[fd]);
	return f->fds[fd];
}

int fd_install(struct task *t, struct file *file, bool cloexec, int min)
{
	struct fake *f = fake_of(t);

	for (int i = min; i < FAKE_FDS; i++) {
		if (!f->fds[i]) {
			f->fds[i] = file;
			return i;
		}
	}
	return -EMFILE;
}

int vfs_bind_socket(struct task *t, const char *name, uint32_t mode, struct path *ret)
{
	return -EROFS;
}

int vfs_walk(struct task *t, int dirfd, const char *name, unsigned flags, struct path *ret)
{
	return -ENOENT;
}

int inode_permission(struct task *t, struct inode *inode, int mask)
{
	return 0;
}

/* Families that a test may bring along. */
#define WEAK __attribute__((weak))

/* --- other families ---------------------------------------------------------------------------------------------- */

WEAK int inet_create(struct task *t, int family, int type, int protocol, struct socket **ret)
{
	return -EAFNOSUPPORT;
}

WEAK int netlink_create(struct task *t, int type, int protocol, struct socket **ret)
{
	return -EAFNOSUPPORT;
}

WEAK int64_t netdev_ioctl(struct task *t, struct socket *s, int family, uint32_t cmd, uint64_t arg)
{
	return -ENOTTY;
}

/* --- the fake itself --------------------------------------------------------------------------------------------- */

static void init_net(struct net_state *net)
{
	lock_init(&net->names_lock, RANK_SOCKET_PEER);
	lock_init(&net->flight_lock, RANK_SOCKET_PEER);
	for (size_t i = 0; i < UNIX_HASH_SIZE; i++)
		list_init(&net->names[i]);
	list_init(&net->unix_all);
	list_init(&net->flight);
	list_init(&net->doomed);
	list_init(&net->netlink_all);
}

struct fake *fake_new(void)
{
	struct fake *f = calloc(1, sizeof(*f));

	init_net(&f->net);
	f->kernel.net = &f->net;
	f->cred = calloc(1, sizeof(*f->cred));
	refs_init(&f->cred->refs);
	f->cred->user_ns = &initial_ns;
	f->cred->uid = f->cred->euid = f->cred->suid = 7;
	f->cred->gid = f->cred->egid = f->cred->sgid = 8;
	f->tg.pid = 42;
	f->task = (struct task){.kernel = &f->kernel, .tg = &f->tg, .cred = f->cred};
	return f;
}

struct task *fake_thread(struct fake *f)
{
	struct task *t = calloc(1, sizeof(*t));

	*t = (struct task){.kernel = &f->kernel, .tg = &f->tg, .cred = f->cred};
	return t;
}

void fake_close(struct fake *f, int fd)
{
	struct file *file = f->fds[fd];

	assert_non_null(file);
	f->fds[fd] = NULL;
	file_put(file);
}

void fake_free(struct fake *f)
{
	for (int i = 0; i < FAKE_FDS; i++)
		if (f->fds[i])
			fake_close(f, i);
	assert_int_equal(f->net.n_flight, 0);
	assert_true(list_empty(&f->net.unix_all));
	assert_int_equal(f->kernel.memory_used, 0);
	assert_int_equal(refs_read(&f->cred->refs), 1);
	free(f->cred);
	free(f);
}

struct socket *fake_sock(struct fake *f, int fd)
{
	return socket_of_file(f->fds[fd]);
}

static int install(struct fake *f, struct socket *s)
{
	struct file *file;
	int fd;

	assert_int_equal(socket_file(s, 0, &file), 0);
	fd = fd_install(&f->task, file, false, 0);
	assert_true(fd >= 0);
	return fd;
}

void fake_pair(struct fake *f, int type, int fds[2])
{
	struct socket *s[2];

	assert_int_equal(socket_create_pair(&f->task, AF_UNIX, type, 0, s), 0);
	fds[0] = install(f, s[0]);
	fds[1] = install(f, s[1]);
}

int fake_socket(struct fake *f, int type)
{
	struct socket *s;

	assert_int_equal(socket_create(&f->task, AF_UNIX, type, 0, &s), 0);
	return install(f, s);
}

ssize_t fake_send(struct fake *f, int fd, const void *data, size_t len, const int *rights)
{
	uint8_t control[CMSG_SPACE(64 * sizeof(int))] __attribute__((aligned(8)));
	struct cmsg_sink sink = {.buf = control, .cap = sizeof(control)};
	struct net_msg m = {0};
	struct uio u;
	size_t n = 0;

	while (rights && rights[n] >= 0)
		n++;
	if (n)
		cmsg_put(&sink, SOL_SOCKET, SCM_RIGHTS, rights, n * sizeof(int));
	uio_init_kernel(&u, (void *)(uintptr_t)data, len);
	m.uio = &u;
	m.control = control;
	m.control_len = sink.used;
	return socket_send(&f->task, fake_sock(f, fd), &m, MSG_DONTWAIT);
}

ssize_t fake_recv(struct fake *f, int fd, void *data, size_t len, int flags, struct cmsg_sink *sink, int *out_flags)
{
	struct net_msg m = {.sink = sink};
	struct uio u;
	ssize_t n;

	uio_init_kernel(&u, data, len);
	m.uio = &u;
	n = socket_recv(&f->task, fake_sock(f, fd), &m, flags | MSG_DONTWAIT);
	if (out_flags)
		*out_flags = m.flags | (sink ? sink->flags : 0);
	return n;
}

WEAK int net_await(struct task *t)
{
	return 0;
}
