/* SPDX-License-Identifier: MIT */
/* Processes that `exec` starts. */
#include "control/session.h"

#include "control/ask.h"
#include "control/config.h"
#include "control/control.h"
#include "control/program.h"
#include "fs/fs.h"
#include "fs/tty.h"
#include "host/file.h"
#include "host/loop.h"
#include "kernel/clone.h"
#include "kernel/freezer.h"
#include "kernel/kernel_main.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SESSIONS_MAX 1024
#define DRAIN_MS 2000

/* session.news */
#define NEWS_ENDED 1u	  /* the process has ended, with session.status */
#define NEWS_PEER_GONE 2u /* nobody listens any more */

struct session {
	struct kernel *kernel;
	struct list_head link; /* kernel->sessions */
	unsigned long number;  /* of the question: what the keeper knows it by */
	int sock;	       /* of the session; the thread closes it */
	struct host_event event;
	int fds[ASK_FDS_MAX]; /* what came behind the configuration */
	unsigned n_fds;
	int config_fd;
	struct config *config;
	struct task *task;	 /* held */
	struct console *console; /* of `-t`; guarded by sessions_lock against control messages */
	_Atomic uint32_t news;
	_Atomic int status;
	_Atomic bool told; /* the end was told: by the thread, or by sessions_end() */
	bool attached;	   /* its task is in the tables */
};

/* --- telling
 * ---------------------------------------------------------------------------------------------------------------- */

static void tell(struct session *s, const char *text)
{
	/* Who does not read what he asked for does not get it; his socket holds many such messages. */
	(void)!send(s->sock, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The keeper hears of it too: who asked for the session may be gone. */
static void tell_keeper(struct session *s, const char *what, int value)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "session %lu %s %d", s->number, what, value);
	control_send_text(s->kernel, buf);
}

static void tell_exit(struct session *s, int status)
{
	char buf[32];

	if (atomic_exchange(&s->told, true))
		return;
	tell_keeper(s, "exit", status);
	snprintf(buf, sizeof(buf), "exit %d", status);
	tell(s, buf);
}

static void tell_error(struct session *s, const struct failure *f)
{
	char buf[CONFIG_MESSAGE_MAX];

	if (atomic_exchange(&s->told, true))
		return;
	tell_keeper(s, "exit", f->code << 8);
	snprintf(buf, sizeof(buf), "error %d %s", f->code, f->text);
	tell(s, buf);
}

static void news(struct session *s, uint32_t what)
{
	_Atomic uint32_t *word = &s->news;

	atomic_fetch_or(word, what);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void kernel_session_exited(struct session *s, int code)
{
	atomic_store(&s->status, code);
	news(s, NEWS_ENDED);
}

void sessions_end(struct kernel *k)
{
	struct session *s;
	LOCK_SCOPE(&k->sessions_lock);

	list_for_each_entry (s, &k->sessions, link)
		tell_exit(s, atomic_load(&s->news) & NEWS_ENDED ? atomic_load(&s->status) : SIGKILL);
}

/* --- being told
 * --------------------------------------------------------------------------------------------------------------- */

static void handle(struct session *s, const char *msg)
{
	unsigned rows, cols;
	int sig;

	if (sscanf(msg, "winsize %u %u", &rows, &cols) == 2) {
		if (s->console && rows < 65536 && cols < 65536)
			console_winsize(s->console, rows, cols);
	} else if (!strcmp(msg, "hangup")) {
		if (s->console)
			console_hangup(s->console);
	} else if (sscanf(msg, "signal %d", &sig) == 1 && sig > 0 && sig <= KSIG_MAX) {
		struct ksiginfo info = {.signo = sig, .code = SI_KERNEL};

		/* Ctrl-C typed where input is not passed on (-t alone) is a key of the session's terminal all the same. */
		if (s->console && (sig == SIGINT || sig == SIGQUIT) && !console_signal(s->console, sig))
			return;
		signal_send_group(s->task->tg, &info);
	}
}

/* Watched only while the process runs and its terminal is open: console and task stay. */
static void session_event(struct host_event *he, uint32_t events)
{
	struct session *s = he->data;
	char buf[128];

	for (;;) {
		ssize_t n = recv(s->sock, buf, sizeof(buf) - 1, MSG_DONTWAIT);

		if (n > 0) {
			buf[n] = 0;
			handle(s, buf);
			continue;
		}
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		news(s, NEWS_PEER_GONE);
		return;
	}
}

/* --- the process
 * ----------------------------------------------------------------------------------------------------------------- */

static int no_memory(struct failure *f)
{
	return failure_set(f, 125, "cannot start the process: out of memory");
}

static struct thread_group *new_group(struct session *s)
{
	struct sighand *sh = sighand_copy(NULL);
	struct thread_group *tg = sh ? tg_alloc(s->kernel, sh) : NULL;

	if (!tg)
		sighand_put(sh);
	return tg;
}

/* A task at the root of the sandbox with root's credentials and the sandbox's namespaces; nobody sees it yet. */
static struct task *new_task(struct session *s)
{
	struct kernel *k = s->kernel;
	struct task *t = task_alloc(k);
	PATH_SCOPE root = {0};

	if (!t)
		return NULL;
	t->tg = new_group(s);
	t->cred = cred_alloc_root(k->user_ns);
	t->nsproxy = k->nsproxy;
	nsproxy_get(k->nsproxy);
	t->fds = fd_table_alloc();
	t->fs = fs_context_copy(NULL);
	if (!t->tg || !t->cred || !t->fds || !t->fs) {
		clone_discard(t);
		return NULL;
	}
	t->tg->pid_ns = k->nsproxy->pid_for_children;
	pid_ns_get(t->tg->pid_ns);
	t->tg->session = s;
	mount_ns_root(k->mounts, &root);
	fs_set_root(t->fs, &root);
	fs_set_cwd(t->fs, &root);
	strcpy(t->comm, "picket-exec");
	return t;
}

/* It gets a number, a session and a group of its own; as in a container, its parent is outside: 0. */
static int attach(struct session *s, struct failure *f)
{
	struct kernel *k = s->kernel;
	struct task *t = s->task;
	struct thread_group *tg = t->tg;
	int tid;

	lock_acquire(&k->tasklist_lock);
	tid = pid_attach(k, t);
	if (tid > 0) {
		task_get(t); /* the table's */
		t->tid = tg->pid = tid;
		tg->pgid = tid;
		tg->sid = tid;
		pid_group_used(k, tid);
		tg->leader = t;
		tg->n_threads = 1;
		atomic_init(&tg->n_live, 1);
		list_add_tail(&t->tg_link, &tg->threads);
		atomic_fetch_add(&k->forks, 1);
		s->attached = true;
	}
	lock_release(&k->tasklist_lock);
	return tid > 0 ? 0
		       : failure_set(f, 125, "cannot start the process: the sandbox's limit of processes is reached");
}

/* The host's descriptor that the configuration means by its place, which it may mean twice; the caller's from now on.
 * -1: none. */
static int take_fd(struct session *s, int place)
{
	return place < 0 || (unsigned)place >= s->n_fds ? -1 : fcntl(s->fds[place], F_DUPFD_CLOEXEC, 0);
}

static int open_plain(struct session *s, unsigned i, struct file **ret)
{
	struct open_how_args how = {.flags = i ? O_WRONLY : O_RDONLY};
	int place = s->config->stdio[i], fd, r;

	if (place < 0)
		return vfs_open(s->task, AT_FDCWD, "/dev/null", &how, ret);
	fd = take_fd(s, place);
	if (fd < 0)
		return -EBADF;
	r = hostfd_file_create(s->kernel, fd, how.flags, ret);
	if (r)
		close(fd);
	return r;
}

/* A descriptor that came from outside, at its number. What it can do is the host's to say. */
static int open_given(struct session *s, const struct config_fd *d)
{
	int fd = take_fd(s, d->fd), mode = fd < 0 ? fd : host_access_mode(fd), r;
	struct file *file;

	r = mode < 0 ? mode : hostfd_file_create(s->kernel, fd, mode, &file);
	if (r) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = fd_install(s->task, file, false, d->number);
	if (r < 0)
		file_put(file);
	return r < 0 ? r : 0;
}

static int open_terminal(struct session *s, struct file **files)
{
	const struct config *c = s->config;
	int fds[3] = {take_fd(s, c->stdio[0]), take_fd(s, c->stdio[1]), -1};
	int r = console_create(s->kernel, fds, c->rows, c->cols, c->tty_utf8, files, &s->console);

	if (!r && c->tty_hangs_up)
		console_hangs_up(s->console);

	for (int i = 0; r && i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return r;
}

static int open_stdio(struct session *s, struct failure *f)
{
	struct file *files[3] = {NULL};
	int r = 0;

	if (s->config->tty)
		r = open_terminal(s, files);
	for (unsigned i = 0; !r && !s->config->tty && i < 3; i++)
		r = open_plain(s, i, &files[i]);
	for (int i = 0; i < 3; i++) {
		int fd = r ? r : fd_install(s->task, files[i], false, i);

		if (fd >= 0)
			continue;
		if (files[i])
			file_put(files[i]);
		r = fd;
	}
	if (r)
		return failure_set(f, 125, "cannot connect standard input and output: %s", strerror(-r));
	if (s->console)
		console_attach(s->console, s->task);
	for (size_t i = 0; i < s->config->n_fds; i++)
		if (open_given(s, &s->config->fds[i]))
			return failure_set(f, 125, "cannot pass descriptor %d on", s->config->fds[i].number);
	return 0;
}

static int enter_cwd(struct session *s, struct failure *f)
{
	const char *cwd = s->config->cwd && *s->config->cwd ? s->config->cwd : "/";
	PATH_SCOPE p = {0};
	char text[64];
	int r = vfs_walk(s->task, AT_FDCWD, cwd, WALK_FOLLOW | WALK_DIRECTORY, &p);

	if (r < 0 && s->kernel->config->bare.on) /* runc's words */
		return failure_set(f, 126, "chdir to cwd (\"%s\") set in config.json failed: %s", cwd, failure_errno(r, text));
	if (r < 0)
		return failure_set(
			f, r == -ENOENT ? 127 : 126, "cannot enter the working directory %s: %s", cwd, strerror(-r));
	fs_set_cwd(s->task->fs, &p);
	return 0;
}

static int read_config(struct session *s, struct failure *f)
{
	const char *why = NULL;
	unsigned record = 0;
	size_t len;
	char *bytes;
	int r = config_slurp(s->config_fd, &bytes, &len);

	if (!r)
		r = config_parse_session(bytes, len, s->n_fds, &s->config, &why, &record);
	if (!r && !s->config->cwd)
		s->config->cwd = s->kernel->config->cwd;
	if (!r && !s->config->user)
		s->config->user = s->kernel->config->user;
	return r ? failure_set(f, 125, "the session's configuration: %s (record %u)", why ? why : strerror(-r), record)
		 : 0;
}

static int run_program(struct session *s, struct failure *f)
{
	int guest = s->config->guest_fd, r; /* a place */
	bool bare = s->kernel->config->bare.on;
	char home[VFS_PATH_MAX], path[VFS_PATH_MAX], **env;

	if (open_stdio(s, f) || enter_cwd(s, f) || program_become_user(s->task, s->config, home, f))
		return -1;
	env = program_environment(bare ? NULL : s->kernel->config, s->config, home); /* bare: described in full */
	if (env && bare && guest < 0) {
		r = program_find(s->task, s->config, env, path, f);
		r = r ? r : program_exec_found(s->task, s->config, path, env, f);
		free(env);
		return r;
	}
	r = env ? program_exec(s->task, s->config, guest < 0 ? -1 : s->fds[guest], env, f) : no_memory(f);
	free(env);
	return r;
}

static int start(struct session *s, struct failure *f)
{
	char buf[32];

	if (read_config(s, f))
		return -1;
	s->task = new_task(s);
	if (!s->task)
		return no_memory(f);
	if (attach(s, f) || run_program(s, f))
		return -1;
	tell_keeper(s, "started", s->task->tid);
	snprintf(buf, sizeof(buf), "started %d", s->task->tid);
	tell(s, buf);
	return 0;
}

/* --- the thread
 * ------------------------------------------------------------------------------------------------------------------ */

static void close_fds(struct session *s)
{
	for (unsigned i = 0; i < s->n_fds; i++)
		if (s->fds[i] >= 0)
			close(s->fds[i]);
	s->n_fds = 0;
	close(s->config_fd);
}

/* The caller is gone, or all is said: whoever still has the terminal loses it. */
static void close_terminal(struct session *s)
{
	if (s->console)
		console_close(s->console);
	s->console = NULL;
}

/*
 * In a container of picket-runtime's the other end is the process that stands for this one outside: engines kill that one (an exec probe that takes
 * too long), and mean this one. The process of `picket exec` goes on.
 */
static void kill_unwatched(struct session *s)
{
	const struct ksiginfo info = {.signo = SIGKILL, .code = SI_KERNEL};

	if (s->kernel->config->bare.on)
		signal_send_group(s->task->tg, &info);
}

static void wait_for_end(struct session *s)
{
	s->event = (struct host_event){.fd = s->sock, .fn = session_event, .data = s};
	if (host_loop_add(s->kernel->loop, &s->event))
		news(s, NEWS_PEER_GONE);
	for (;;) {
		uint32_t now = atomic_load(&s->news);

		if (now & NEWS_ENDED)
			break;
		if (now & NEWS_PEER_GONE) {
			host_loop_remove(&s->event);
			close_terminal(s);
			kill_unwatched(s);
		}
		syscall(SYS_futex, &s->news, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
	}
	host_loop_remove(&s->event);
	if (s->console)
		console_drain(s->console, DRAIN_MS);
	tell_exit(s, atomic_load(&s->status));
}

/* The process that could not become the program ends; killed meanwhile, that is its end. */
static void give_up(struct session *s, const struct failure *f)
{
	struct task *t = s->task;

	if (!s->attached) {
		tell_error(s, f);
		if (t)
			clone_discard(t);
		s->task = NULL;
		return;
	}
	if (t->tg->group_exiting)
		tell_exit(s, t->tg->group_exit_code);
	tell_error(s, f);
	task_exit(t, t->tg->group_exiting ? t->tg->group_exit_code : f->code << 8);
	/* If its host thread died it may be ending on another thread of ours, which is not done with us yet. */
	while (!(atomic_load(&s->news) & NEWS_ENDED))
		syscall(SYS_futex, &s->news, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void session_free(struct session *s)
{
	struct kernel *k = s->kernel;

	close_terminal(s);
	close_fds(s);
	lock_acquire(&k->sessions_lock);
	list_del(&s->link);
	k->n_sessions--;
	lock_release(&k->sessions_lock);
	close(s->sock);
	config_free(s->config);
	if (s->task)
		task_put(s->task);
	free(s);
}

static void *session_thread(void *arg)
{
	struct session *s = arg;
	struct failure f = {.code = 125};

	if (start(s, &f)) {
		give_up(s, &f);
	} else {
		close_fds(s);
		s->config_fd = -1;
		wait_for_end(s);
	}
	session_free(s);
	return NULL;
}

static int enter(struct session *s)
{
	struct kernel *k = s->kernel;
	LOCK_SCOPE(&k->sessions_lock);

	if (k->n_sessions >= SESSIONS_MAX)
		return -EAGAIN;
	k->n_sessions++;
	list_add_tail(&s->link, &k->sessions);
	return 0;
}

int ask_exec(struct ask *a)
{
	struct kernel *k = a->kernel;
	struct session *s;

	if (!atomic_load(&k->started) && !atomic_load(&k->held))
		return ask_fail(a, -EAGAIN, "the sandbox is still starting");
	if (atomic_load(&k->exit_status) != -1)
		return ask_fail(a, -ESRCH, "the sandbox has ended");
	if (atomic_load(&k->frozen) & FREEZE_PAUSE)
		return ask_fail(a, -EBUSY, "the sandbox is paused: unpause it first");
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->kernel = k;
	s->number = a->number;
	if (enter(s)) {
		free(s);
		return ask_fail(a, -EAGAIN, "too many sessions are open (%d)", SESSIONS_MAX);
	}
	s->sock = ask_take_fd(a, 0);
	s->config_fd = ask_take_fd(a, 1);
	for (unsigned i = 2; i < a->n_fds; i++)
		s->fds[s->n_fds++] = ask_take_fd(a, i);
	if (control_thread(session_thread, s)) {
		session_free(s);
		return ask_fail(a, -EAGAIN, "cannot make a thread");
	}
	return 0;
}
