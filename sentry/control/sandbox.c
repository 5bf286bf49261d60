/* SPDX-License-Identifier: MIT */
/* Building the sandbox, running its first program, ending it. */
#include "control/config.h"
#include "control/control.h"
#include "control/program.h"
#include "control/report.h"
#include "control/limits.h"
#include "control/rootfs.h"
#include "control/session.h"
#include "control/secrets.h"
#include "fs/fs.h"
#include "fs/nsfs.h"
#include "fs/tty.h"
#include "host/file.h"
#include "host/lockdown.h"
#include "host/loop.h"
#include "host/machine.h"
#include "kernel/exec.h"
#include "kernel/kernel_main.h"
#include "kernel/memory.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/seccomp.h"
#include "kernel/task_internal.h"
#include "kernel/report.h"
#include "kernel/timers.h"
#include "kernel/trace.h"
#include "net/net.h"
#include "vfs/vfs.h"
#include "ipc/ipc.h"
#include "vfs/fasync.h"
#include "vfs/names_table.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <unistd.h>

#define DEFAULT_TASKS 4096
#define POOL_SIZE 2
#define DRAIN_MS 2000

static unsigned count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static struct kernel *kernel_alloc(const struct config *c)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->config = c;
	lock_init(&k->tasklist_lock, RANK_TASKLIST);
	lock_init(&k->pid_lock, RANK_LEAF);
	list_init(&k->ended_ns);
	lock_init(&k->epoll_lock, RANK_EPOLL_TREE);
	lock_init(&k->fasync_mutex, RANK_EPOLL_TREE);
	lock_init(&k->fasync_lock, RANK_LEAF);
	list_init(&k->fasyncs);
	lock_init(&k->lease_lock, RANK_FILE_LOCKS);
	list_init(&k->leases);
	wait_queue_init(&k->lease_wait);
	k->max_tasks = c->pids ? c->pids : DEFAULT_TASKS;
	k->memory_limit = c->memory;
	lock_init(&k->shared_lock, RANK_LEAF);
	list_init(&k->shared_mem);
	lock_init(&k->sessions_lock, RANK_LEAF);
	list_init(&k->sessions);
	k->control_fd = c->control_fd;
	k->proc_fd = c->proc_fd;
	k->sysnet_fd = c->sysnet_fd;
	k->n_cpus = count_cpus();
	k->memory_total = host_memory_total();
	clock_gettime(CLOCK_MONOTONIC, &k->boot_monotonic);
	k->boot_ticks = arch_ticks();
	clock_gettime(CLOCK_REALTIME, &k->boot_realtime);
	atomic_init(&k->exit_status, -1);
	atomic_init(&k->next_dev, 0x20);
	return k;
}

/* The container's filter, an array of struct sock_filter in a file of the runtime's. */
static int load_profile(struct kernel *k, const struct config *c, bool *no_waitv, struct failure *f)
{
	const size_t size = (BPF_MAXINSNS + 1) * sizeof(struct sock_filter);
	struct sock_filter *insns;
	ssize_t n;

	if (c->seccomp_fd < 0)
		return 0;
	insns = malloc(size);
	n = insns ? host_pread(c->seccomp_fd, insns, size, 0) : -ENOMEM;
	close(c->seccomp_fd);
	if (n >= 0)
		n = (size_t)n % sizeof(*insns) ? -EINVAL
					       : seccomp_set_profile(k, insns, (unsigned)((size_t)n / sizeof(*insns)), no_waitv);
	free(insns);
	return n < 0 ? failure_set(f, 125, "cannot load the seccomp profile: %s", strerror((int)-n)) : 0;
}

static int create_services(struct kernel *k, const struct config *c, struct failure *f)
{
	struct platform_options opt = {.proc_fd = c->proc_fd, .pool_size = POOL_SIZE, .names_fd = -1, .poller = k->n_cpus > 1};
	const char *why = NULL;
	int r;

	if (load_profile(k, c, &opt.no_waitv, f))
		return -1;
	opt.names_fd = names_create(k);
	r = platform_start(&opt, &kernel_platform_client, &k->platform, &why);
	if (r)
		return failure_set(f, 125, "cannot start guest processes: %s (%s)", why ? why : "platform", strerror(-r));
	k->no_rewrite = c->no_rewrite;
	k->user_ns = user_ns_init(k);
	r = k->user_ns ? nsproxy_create_initial(k) : -ENOMEM;
	if (!r) {
		struct uts_ns *uts = k->nsproxy->uts;

		snprintf(uts->nodename, sizeof(uts->nodename), "%s", c->hostname ? c->hostname : "picket");
		snprintf(uts->domainname, sizeof(uts->domainname), "(none)");
		r = pid_table_create(k);
	}
	if (!r)
		r = timers_create(k);
	if (!r)
		r = host_loop_create(&k->loop);
	if (!r)
		r = vfs_init(k);
	if (!r)
		r = ipc_ns_create(k, k->user_ns, &k->ipc);
	if (!r) {
		ipc_ns_get(k->ipc);
		k->nsproxy->ipc = k->ipc;
		r = nsfs_init(k);
	}
	if (!r)
		r = net_create(k);
	if (!r && c->trace_fd >= 0)
		r = trace_create(k, c->trace_fd);
	if (!r && c->report_fd >= 0)
		r = report_create(k, c->network == CONFIG_NET_HOST);
	if (!r)
		r = control_create(k);
	return r ? failure_set(f, 125, "cannot prepare the sandbox: %s", strerror(-r)) : 0;
}

/* The first task, with root's credentials, number 1, standing at the root. */
static int create_init(struct kernel *k, struct failure *f)
{
	struct sighand *sh = sighand_copy(NULL);
	struct thread_group *tg = sh ? tg_alloc(k, sh) : NULL;
	struct path root = {.mnt = k->mounts->root, .dentry = k->mounts->root->root};
	struct task *t = task_alloc(k);
	int tid;

	if (!tg || !t)
		return failure_set(f, 125, "cannot prepare the sandbox: out of memory");
	t->tg = tg;
	t->cred = cred_alloc_root(k->user_ns);
	t->nsproxy = k->nsproxy;
	nsproxy_get(k->nsproxy);
	tg->pid_ns = k->nsproxy->pid_for_children;
	pid_ns_get(tg->pid_ns);
	t->fds = fd_table_alloc();
	t->fs = fs_context_copy(NULL);
	if (!t->cred || !t->fds || !t->fs)
		return failure_set(f, 125, "cannot prepare the sandbox: out of memory");
	fs_set_root(t->fs, &root);
	fs_set_cwd(t->fs, &root);
	lock_acquire(&k->tasklist_lock);
	tid = pid_attach(k, t);
	t->tid = tid;
	tg->pid = tid;
	tg->pgid = tid;
	tg->sid = tid;
	tg->leader = t;
	tg->n_threads = 1;
	atomic_init(&tg->n_live, 1);
	list_add_tail(&t->tg_link, &tg->threads);
	lock_release(&k->tasklist_lock);
	k->init = t;
	return 0;
}

/* A descriptor that came from outside, at its number. What it can do is the host's to say. */
static int open_given(struct kernel *k, const struct config_fd *d)
{
	struct file *f;
	int mode = host_access_mode(d->fd), r = mode < 0 ? mode : hostfd_file_create(k, d->fd, mode, &f);

	if (!r) {
		r = fd_install(k->init, f, false, d->number);
		if (r < 0)
			file_put(f);
	}
	return r < 0 ? r : 0;
}

static int open_stdio(struct kernel *k, const struct config *c, struct failure *f)
{
	struct task *t = k->init;
	struct file *files[3] = {NULL};
	int r = 0;

	if (c->tty) {
		r = console_create(k, c->stdio, c->rows, c->cols, c->tty_utf8, files, &k->console);
	if (!r && c->tty && c->tty_hangs_up)
		console_hangs_up(k->console);
	} else {
		for (int i = 0; !r && i < 3; i++) {
			struct open_how_args how = {.flags = i ? O_WRONLY : O_RDONLY};

			r = c->stdio[i] >= 0 ? hostfd_file_create(k, c->stdio[i], how.flags, &files[i])
					     : vfs_open(t, AT_FDCWD, "/dev/null", &how, &files[i]);
		}
	}
	for (int i = 0; !r && i < 3; i++) {
		r = fd_install(t, files[i], false, i);
		r = r < 0 ? r : 0;
	}
	for (size_t i = 0; !r && i < c->n_fds; i++)
		r = open_given(k, &c->fds[i]);
	if (r)
		return failure_set(f, 125, "cannot connect standard input and output: %s", strerror(-r));
	if (c->tty)
		console_attach(k->console, t);
	return 0;
}

static int populate(struct kernel *k, const struct config *c, char ***envp, struct failure *f)
{
	struct rootfs_error err;
	struct rootfs_user u = {0};
	char home[VFS_PATH_MAX];

	if (rootfs_populate(k->init, c, &err))
		return failure_set(f, 125, "%s", err.text);
	if (open_stdio(k, c, f))
		return -1;
	if (c->bare.on && c->tty)
		rootfs_bare_console(k->init);
	if (!c->bare.on && (rootfs_resolve_user(k->init, c->user ? c->user : "", &u, &err) || rootfs_place_secrets(k->init, c, &u, &err)))
		return failure_set(f, 125, "%s", err.text);
	if (rootfs_enter_cwd(k->init, c->cwd && *c->cwd ? c->cwd : "/", c->bare.on ? NULL : &u, &err))
		return failure_set(f, 125, "%s", err.text);
	free(u.groups);
	if (limits_apply(k->init, &c->limits, &err))
		return failure_set(f, 125, "%s", err.text);
	if (program_become_user(k->init, c, home, f))
		return -1;
	*envp = program_environment(NULL, c, home); /* lives as long as the sandbox */
	return *envp ? 0 : failure_set(f, 125, "cannot prepare the sandbox: out of memory");
}

/* --- start and end -------------------------------------------------------------------------------------------------------- */

/* Paths of the host lead only beneath what the command line named. Without landlock namespaces and the call list remain. */
static int restrict_files(const struct config *c, struct failure *f)
{
	struct host_grant *g = calloc(c->bare.n_mounts + c->n_binds + c->n_host_entries + 2 * c->n_layers + 4, sizeof(*g));
	size_t n = 0;
	int r;

	if (!g)
		return failure_set(f, 125, "cannot prepare the sandbox: out of memory");
	if (c->root == CONFIG_ROOT_IS_DIR)
		g[n++] = (struct host_grant){.fd = c->root_fd};
	if (c->root == CONFIG_ROOT_IS_BIND)
		g[n++] = (struct host_grant){.fd = c->root_fd, .writable = c->root_bind.writable, .whiteouts = c->root_bind.owners};
	if (c->proc_fd >= 0) /* maps and statm of the stubs */
		g[n++] = (struct host_grant){.fd = c->proc_fd};
	if (c->sysnet_fd >= 0)
		g[n++] = (struct host_grant){.fd = c->sysnet_fd};
	for (size_t i = 0; i < c->n_host_entries; i++)
		if (c->host_entries[i].fd >= 0)
			g[n++] = (struct host_grant){.fd = c->host_entries[i].fd};
	for (size_t i = 0; i < c->n_binds; i++)
		g[n++] = (struct host_grant){.fd = c->binds[i].fd, .writable = c->binds[i].writable, .whiteouts = c->binds[i].owners};
	for (size_t i = 0; i < c->bare.n_mounts; i++)
		if (c->bare.mounts[i].fd >= 0)
			g[n++] = (struct host_grant){.fd = c->bare.mounts[i].fd, .writable = !(c->bare.mounts[i].flags & MS_RDONLY), .whiteouts = true};
	if (c->upper_fd >= 0)
		g[n++] = (struct host_grant){.fd = c->upper_fd, .writable = true};
	for (size_t i = 0; i < c->n_layers; i++) {
		if (c->layers[i].lower_fd >= 0)
			g[n++] = (struct host_grant){.fd = c->layers[i].lower_fd};
		if (c->layers[i].upper_fd >= 0)
			g[n++] = (struct host_grant){.fd = c->layers[i].upper_fd, .writable = true};
	}
	r = host_restrict_files(g, n);
	free(g);
	if (r && r != -EOPNOTSUPP)
		return failure_set(f, 125, "cannot confine the sentry: landlock: %s", strerror(-r));
	return 0;
}

/* Wait for the word to go. A signal that ends the program meanwhile ends the wait. */
static bool hold(struct kernel *k)
{
	struct thread_group *tg = k->init->tg;

	atomic_store(&k->held, true);
	control_send_text(k, "ready");
	for (;;) {
		uint32_t now = atomic_load(&k->go);
		bool killed;

		lock_acquire(&tg->siglock);
		killed = tg->group_exiting;
		lock_release(&tg->siglock);
		if (killed || (now & HOLD_GO))
			return !killed;
		syscall(SYS_futex, &k->go, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
	}
}

/*
 * As the first process of a pid namespace, what an OCI runtime starts gets of signals only those that it handles, and SIGKILL and SIGSTOP from
 * outside: programs count on it (kill -TERM 1 inside does nothing), and engines on what it looks like. Until it is started anything ends it.
 */
static void protect_init(struct kernel *k)
{
	struct thread_group *tg = k->init->tg;

	lock_acquire(&tg->siglock);
	tg->unkillable = true;
	lock_release(&tg->siglock);
}

static int run_held(struct kernel *k, const struct config *c, char *const *envp, struct failure *f)
{
	char path[VFS_PATH_MAX];

	if (program_find(k->init, c, envp, path, f))
		return -1;
	if (!hold(k))
		return failure_set(f, 125, "it was killed before it was started");
	protect_init(k);
	return program_exec_found(k->init, c, path, envp, f);
}

static int build(struct kernel *k, const struct config *c, struct failure *f)
{
	struct rootfs_error err;
	const char *why = NULL;
	char **envp = NULL;
	int r;

	if (restrict_files(c, f))
		return -1;
	if (create_services(k, c, f))
		return -1;
	if (rootfs_mount_root(k, c, &err))
		return failure_set(f, 125, "%s", err.text);
	if (create_init(k, f))
		return -1;
	r = host_lockdown(k->net->inet, &why);
	if (r)
		return failure_set(f, 125, "cannot confine the sentry: %s (%s)", why ? why : "seccomp", strerror(-r));
	/* Threads only now: they inherit what the lock-down left. */
	host_loop_after(k->loop, fasync_send, k);
	r = host_loop_start(k->loop);
	if (!r)
		r = timers_start(k);
	if (!r)
		r = memory_watch_start(k);
	if (!r)
		r = control_report_start(k);
	if (r)
		return failure_set(f, 125, "cannot start the sentry's threads: %s", strerror(-r));
	if (populate(k, c, &envp, f))
		return -1;
	r = platform_await(k->platform, &why);
	if (r)
		return failure_set(f, 125, "cannot start guest processes: %s (%s)", why ? why : "platform", strerror(-r));
	report_begin(k);
	if (c->network_first)
		net_await_first(k);
	return c->hold ? run_held(k, c, envp, f) : program_exec(k->init, c, c->guest_fd, envp, f);
}

void kernel_init_exited(struct kernel *k, int code)
{
	atomic_store(&k->exit_status, code);
	syscall(SYS_futex, &k->exit_status, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int wait_for_init(struct kernel *k)
{
	int s;

	while ((s = atomic_load(&k->exit_status)) == -1)
		syscall(SYS_futex, &k->exit_status, FUTEX_WAIT_PRIVATE, -1, NULL, NULL, 0);
	return s;
}

/*
 * Somebody ended the sandbox while it was being made: its program could not be started because the task was killed. That is no
 * failure, but an end by this signal.
 */
static bool killed_early(struct kernel *k, int *status)
{
	struct thread_group *tg = k->init ? k->init->tg : NULL;
	bool killed;

	if (!tg)
		return false;
	lock_acquire(&tg->siglock);
	killed = tg->group_exiting;
	if (killed)
		*status = tg->group_exit_code;
	lock_release(&tg->siglock);
	return killed;
}

int sandbox_run(int fd)
{
	struct failure f = {.code = 125};
	struct config *c = NULL;
	struct kernel *k;
	const char *why = NULL;
	unsigned record = 0;
	int r = config_read(fd, &c, &why, &record), status;

	if (r) {
		fprintf(stderr, "picket-sentry: launch configuration: %s (record %u)\n", why ? why : strerror(-r), record);
		return 125;
	}
	close(fd);
	signal(SIGPIPE, SIG_IGN);
	k = kernel_alloc(c);
	if (!k || build(k, c, &f)) {
		if (k && killed_early(k, &status)) {
			control_send_started(k);
			control_send_exit(k, status);
			_exit(0);
		}
		control_send_error(c->control_fd, f.code, k ? f.text : "out of memory");
		_exit(f.code);
	}
	atomic_store(&k->started, true);
	control_send_started(k);
	status = wait_for_init(k);
	sessions_end(k);
	if (k->console)
		console_drain(k->console, DRAIN_MS);
	control_report_end(k);
	rootfs_ended(k);
	lock_counts_print();
	control_send_exit(k, status);
	/* Not exit(): other threads still run, and the end of this process is the end of all the sandbox's. */
	_exit(0);
}
