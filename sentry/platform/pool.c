/* SPDX-License-Identifier: MIT */
/*
 * Stubs: the zygote, started once while the sentry may still fork and exec, and the pool of ready stubs that a thread
 * keeps filled, so that execve does not wait for one.
 */
#include "platform/internal.h"

#include "platform/stub_image.h" /* generated: the stub program's bytes */
#include "rootless/harden.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MS 10000 /* a stub that is not ready after this is given up */

static int make_image(void)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int fd = memfd_create("stub", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (write(fd, stub_image, sizeof(stub_image)) != (ssize_t)sizeof(stub_image) ||
		fcntl(fd, F_ADD_SEALS, seals) < 0) {
		int err = errno ? -errno : -EIO;

		close(fd);
		return err;
	}
	return fd;
}

static void limit(int resource, rlim_t value)
{
	struct rlimit rl;

	if (getrlimit(resource, &rl) < 0)
		return;
	if (value < rl.rlim_max || rl.rlim_max == RLIM_INFINITY)
		rl.rlim_max = value;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(resource, &rl);
}

/*
 * Limits of all stubs. The stack's makes the kernel choose addresses of mappings that far below the top, which is below
 * the stub; where its hard limit forbids that the zygote fills the range instead (stub.c).
 */
static void set_limits(void)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = 0;
	limit(RLIMIT_STACK, (2ull << 40) + (random & ((1ull << 40) - 1) & ~4095ull));
	limit(RLIMIT_NOFILE, STUB_FD_LAST + 1);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_MEMLOCK, 0);
	limit(RLIMIT_AS, RLIM_INFINITY);
	limit(RLIMIT_DATA, RLIM_INFINITY);
}

/* Where the kernel has landlock: no files, no network, no signals outwards, should the filter ever fail. */
static void deny_files(void)
{
	int rules = landlock_create(LANDLOCK_RULES_NET | LANDLOCK_RULES_SCOPE);

	if (rules < 0)
		return;
	landlock_enforce(rules);
	close(rules);
}

/* Between fork and exec: nothing of ours goes with the zygote but the socket. */
static _Noreturn void exec_zygote(int image, int sock)
{
	static char *const none[] = {NULL};
	static char name[] = "picket-stub";
	static char *const argv[] = {name, NULL};
	const struct sched_param batch = {0};
	sigset_t empty;

	image = fcntl(image, F_DUPFD_CLOEXEC, 3);
	sock = fcntl(sock, F_DUPFD_CLOEXEC, 3);
	if (image < 0 || sock < 0 || dup2(sock, STUB_SOCKET) < 0)
		_exit(1);
	syscall(__NR_close_range, 1, image - 1, 0);
	syscall(__NR_close_range, image + 1, ~0u, 0);
	setsid(); /* no signals from a terminal */
	for (int s = 1; s < 32; s++)
		signal(s, SIG_DFL);
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	set_limits();
	sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &batch); /* so is the zygote; its children are as others */
	harden_drop_capabilities();
	if (harden_no_new_privs() < 0)
		_exit(1);
	deny_files();
	syscall(__NR_execveat, image, "", argv, none, AT_EMPTY_PATH);
	_exit(127);
}

static int wait_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r;

	do
		r = poll(&p, 1, ANSWER_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	if (r < 0)
		return -errno;
	return p.revents & POLLIN ? 0 : -EPIPE;
}

static ssize_t receive_with_fd(int sock, void *buf, size_t len, int *fd)
{
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};
	struct cmsghdr *c;
	ssize_t r;
	int err = wait_readable(sock);

	*fd = -1;
	if (err < 0)
		return err;
	r = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	if (r < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return r;
}

static ssize_t send_with_fd(int sock, const void *buf, size_t len, int fd)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = {{0}};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The listener wakes its receiver on the caller's own processor, where the kernel can (6.6). */
static void tune_listener(int fd)
{
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, (unsigned long)SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

static int send_setup(struct platform *p)
{
	struct stub_setup *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	_Static_assert(sizeof(struct sock_filter) == 8, "an instruction is eight bytes");
	s->n_insns = filter_build((struct sock_filter *)s->insns, STUB_FILTER_MAX, !p->opt.no_waitv);
	s->n_watch = filter_build_watch((struct sock_filter *)s->watch, STUB_WATCH_MAX, p->hello.native + 2);
	s->notify_flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	if (!s->n_insns || !s->n_watch)
		r = -E2BIG;
	else if (p->opt.names_fd >= 0)
		r = (int)send_with_fd(p->zygote, s, sizeof(*s), p->opt.names_fd);
	else if (send(p->zygote, s, sizeof(*s), MSG_NOSIGNAL) != (ssize_t)sizeof(*s))
		r = -errno;
	if (p->opt.names_fd >= 0)
		close(p->opt.names_fd);
	p->opt.names_fd = -1;
	free(s);
	return r;
}

/* The stub stands in its first bell; take the notification. */
static int take_first(struct ready_stub *r)
{
	int err = wait_readable(r->listener);

	if (err < 0)
		return err;
	memset(&r->first, 0, sizeof(r->first));
	if (ioctl(r->listener, SECCOMP_IOCTL_NOTIF_RECV, &r->first) < 0)
		return -errno;
	if (r->first.data.nr != STUB_BELL || BELL_KIND(r->first.data.args[0]) != BELL_SIGNAL ||
		(pid_t)r->first.pid != r->pid)
		return -EPROTO;
	return 0;
}

void ready_stub_free(struct ready_stub *r)
{
	if (r->listener >= 0)
		close(r->listener);
	if (r->slots)
		munmap(r->slots, SLOTS_SIZE);
	free(r);
}

/* Have the zygote make one stub. */
static int make_stub(struct platform *p, struct ready_stub **ret)
{
	const char cmd = STUB_CMD_NEW;
	struct ready_stub *r = calloc(1, sizeof(*r));
	struct stub_born born = {0};
	ssize_t n;
	int memfd, err;

	if (!r)
		return -ENOMEM;
	r->listener = -1;
	memfd = slots_new(&r->slots);
	if (memfd < 0) {
		free(r);
		return memfd;
	}
	((struct slot *)(void *)r->slots)->ctid = 1;
	pthread_mutex_lock(&p->zygote_lock);
	err = (int)send_with_fd(p->zygote, &cmd, 1, memfd);
	n = err < 0 ? err : receive_with_fd(p->zygote, &born, sizeof(born), &r->listener);
	pthread_mutex_unlock(&p->zygote_lock);
	close(memfd);
	if (n != (ssize_t)sizeof(born))
		err = n < 0 ? (int)n : -EPIPE;
	else if (born.error || r->listener < 0)
		err = born.error ? -born.error : -EPROTO;
	if (err == 0) {
		r->pid = born.pid;
		tune_listener(r->listener);
		err = take_first(r);
		if (err < 0)
			kill(born.pid, SIGKILL);
	}
	if (err < 0) {
		ready_stub_free(r);
		return err;
	}
	p->stubs_made++;
	*ret = r;
	return 0;
}

static unsigned count_stub_fds(void)
{
	struct rlimit rl = {.rlim_max = STUB_FD_LAST + 1};

	getrlimit(RLIMIT_NOFILE, &rl);
	if (rl.rlim_max > STUB_FD_LAST + 1)
		rl.rlim_max = STUB_FD_LAST + 1;
	return rl.rlim_max > STUB_FD_FIRST ? (unsigned)rl.rlim_max - STUB_FD_FIRST : 0;
}

int pool_start_zygote(struct platform *p, const char **err)
{
	int sv[2], image = make_image();

	if (image < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0) {
		*err = "the stub's image could not be put into memory";
		return image < 0 ? image : -errno;
	}
	p->n_stub_fds = count_stub_fds();
	p->zygote_pid = fork();
	if (p->zygote_pid == 0)
		exec_zygote(image, sv[1]);
	close(sv[1]);
	close(image);
	p->zygote = sv[0];
	if (p->zygote_pid < 0) {
		*err = "the zygote could not be started";
		return -errno;
	}
	return 0;
}

/* What the zygote says first, and what it is to know. */
static int meet_zygote(struct platform *p, const char **err)
{
	int r = wait_readable(p->zygote);

	if (r < 0 || recv(p->zygote, &p->hello, sizeof(p->hello), 0) != (ssize_t)sizeof(p->hello) ||
		p->hello.magic != STUB_HELLO_MAGIC) {
		*err = "the stub did not start: executing a sealed memfd at a fixed high address is not possible here";
		return -ENOEXEC;
	}
	if (p->hello.probe >= STUB_GUEST_MAX || p->hello.text_end > STUB_TEXT + STUB_TEXT_SIZE) {
		*err = "the kernel places mappings above the range that is the guest's";
		return -ENOEXEC;
	}
	r = send_setup(p);
	if (r < 0)
		*err = "the zygote does not take its filter";
	return r;
}

/* --- the pool ---------------------------------------------------------------------------------- */

void pool_transit(struct platform *p, int change)
{
	lock_acquire(&p->lock);
	p->n_transit += (unsigned)change;
	lock_release(&p->lock);
}

/* The first stub tells whether stubs are possible here, and what the processor's extended state is. */
static int make_first(struct platform *p, const char **err)
{
	struct ready_stub *r;
	int e = make_stub(p, &r);

	if (e < 0) {
		*err = e == -EINVAL ? "the kernel is too old: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (5.19) is needed"
		       : e == -EACCES || e == -EPERM ? "the kernel refuses a seccomp filter with a listener"
						     : "the first stub could not be made";
		return e;
	}
	e = gthread_learn_xstate(p, r->slots, r->first.data.args[1]);
	if (e < 0) {
		*err = "the processor's extended state is larger than is supported";
		ready_stub_free(r);
		return e;
	}
	lock_acquire(&p->lock);
	list_add_tail(&r->link, &p->pool);
	p->n_pool++;
	lock_release(&p->lock);
	return 0;
}

/* Beside the sentry's own preparations: it has to wait for the zygote. */
static int begin_pool(struct platform *p)
{
	const char *why = "the first stub could not be made";
	int r;

	pool_transit(p, 1);
	r = meet_zygote(p, &why);
	r = r < 0 ? r : make_first(p, &why);
	pool_transit(p, -1);
	lock_acquire(&p->lock);
	p->pool_begun = r < 0 ? r : 1;
	p->pool_why = why;
	pthread_cond_broadcast(&p->pool_up);
	lock_release(&p->lock);
	return r;
}

int pool_await(struct platform *p, const char **err)
{
	int r;

	lock_acquire(&p->lock);
	while (p->pool_begun == 0)
		pthread_cond_wait(&p->pool_up, &p->lock.mutex);
	r = p->pool_begun;
	if (r < 0)
		*err = p->pool_why;
	lock_release(&p->lock);
	return r < 0 ? r : 0;
}

/* More than the first stub: a program that executes no other, and ends at once, shall not wait for the making of those it does not need. */
#define FIRST_PAUSE_US 1500

static void *fill_pool(void *arg)
{
	struct platform *p = arg;
	struct ready_stub *r;

	if (begin_pool(p) < 0)
		return NULL;
	lock_acquire(&p->lock);
	while (p->n_pool && !atomic_load(&p->stopping))
		pthread_cond_wait(&p->pool_cond, &p->lock.mutex);
	lock_release(&p->lock);
	usleep(FIRST_PAUSE_US);
	lock_acquire(&p->lock);
	while (!atomic_load(&p->stopping)) {
		int err;

		if (p->n_pool >= p->opt.pool_size) {
			pthread_cond_wait(&p->pool_cond, &p->lock.mutex);
			continue;
		}
		p->n_transit++;
		lock_release(&p->lock);
		err = make_stub(p, &r);
		if (err < 0)
			usleep(100000); /* out of processes or memory: callers try themselves */
		lock_acquire(&p->lock);
		p->n_transit--;
		if (err == 0) {
			list_add_tail(&r->link, &p->pool);
			p->n_pool++;
		}
	}
	lock_release(&p->lock);
	return NULL;
}

int pool_start_filler(struct platform *p)
{
	const struct sched_param none = {0};
	pthread_attr_t attr;
	int r;

	/* Who starts a program and goes on is not to be pushed aside by the filler, which that wakes. */
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_BATCH);
	pthread_attr_setschedparam(&attr, &none);
	r = pthread_create(&p->filler, &attr, fill_pool, p);
	pthread_attr_destroy(&attr);
	return r ? -pthread_create(&p->filler, NULL, fill_pool, p) : 0;
}

/* One that was taken has started, or has gone: until then the new program is not to be held up by the making of another stub. */
void pool_refill(struct platform *p)
{
	pthread_cond_signal(&p->pool_cond); /* not under the lock, for which the filler would wait at once */
}

struct ready_stub *pool_take(struct platform *p)
{
	struct ready_stub *r = NULL;

	lock_acquire(&p->lock);
	if (p->n_pool) {
		r = list_first(&p->pool, struct ready_stub, link);
		list_del(&r->link);
		p->n_pool--;
	}
	lock_release(&p->lock);
	if (!r && make_stub(p, &r) < 0)
		return NULL;
	return r;
}

void pool_stop(struct platform *p)
{
	struct ready_stub *r, *tmp;

	lock_acquire(&p->lock);
	atomic_store(&p->stopping, true);
	pthread_cond_broadcast(&p->pool_cond);
	lock_release(&p->lock);
	pthread_join(p->filler, NULL);
	list_for_each_entry_safe (r, tmp, &p->pool, link) {
		list_del(&r->link);
		kill(r->pid, SIGKILL);
		ready_stub_free(r);
	}
	p->n_pool = 0;
}
