/* SPDX-License-Identifier: MIT */
/* Running hooks. */
#include "cmd/runtime/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/lib/str.h"
#include "cmd/runtime/log.h"

/* Of what a hook writes to standard error the end is told. */
#define OUTPUT_MAX 2048

struct hook {
	const char *path;
	struct str_list args, env;
	json_int_t timeout; /* s; 0: none */
	const struct container *c;
	enum hook_place place;
};

static void list_of(const json_t *array, struct str_list *ret)
{
	size_t i;
	const json_t *v;

	json_array_foreach(array, i, v)
		if (json_is_string(v))
			str_list_add(ret, xstrdup(json_string_value(v)));
}

/* A file that holds the state, at its beginning: a hook that does not read it is not waited for. */
static int state_file(const struct container *c, enum container_status s)
{
	json_t *state = container_oci_state(c, s);
	int fd = memfd_create("state", MFD_CLOEXEC);

	if (fd >= 0 && (json_dumpfd(state, fd, JSON_COMPACT) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		fd = -1;
	}
	json_decref(state);
	return fd;
}

static int enter_network(const struct container *c)
{
	struct stat own, its;
	char path[64];
	int fd, r;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)c->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	r = fd < 0 || fstat(fd, &its) < 0 || stat("/proc/self/ns/net", &own) < 0 ? -1 : 0;
	if (r == 0 && (own.st_dev != its.st_dev || own.st_ino != its.st_ino))
		r = setns(fd, CLONE_NEWNET);
	if (fd >= 0)
		close(fd);
	return r;
}

static void execute(const struct hook *h)
{
	static char *nothing[] = {NULL};

	syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
	execve(h->path, h->args.count ? h->args.items : (char *[]){(char *)(uintptr_t)h->path, NULL},
		h->env.count ? h->env.items : nothing);
	dprintf(STDERR_FILENO, "%s", strerror(errno));
}

static _Noreturn void become(const struct hook *h, int state, int output, pid_t parent)
{
	sigset_t none;

	/* What a killed command began is not to go on behind its back. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0); /* what it starts ends with it, when its time is over */
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(state, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		_exit(127);
	if (h->place == HOOK_INSIDE)
		_exit(hook_inside(h->c, h->path, &h->args, &h->env));
	if (h->place == HOOK_NETWORK && enter_network(h->c) < 0)
		dprintf(STDERR_FILENO, "cannot enter the container's network namespace: %s", strerror(errno));
	else
		execute(h);
	_exit(127);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait for its end; false if it took too long, and was killed. */
static bool wait_for(pid_t pid, json_int_t timeout, int *status)
{
	int fd = timeout > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	int64_t end = now_ms() + (int64_t)timeout * 1000, left;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	bool in_time = true;

	while (fd >= 0 && (left = end - now_ms()) > 0)
		if (poll(&p, 1, left > 60000 ? 60000 : (int)left) == 1)
			break;
	if (fd >= 0 && poll(&p, 1, 0) != 1) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		in_time = false;
	}
	if (fd >= 0)
		close(fd);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return in_time;
}

static char *output_end(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END), from = size > OUTPUT_MAX ? size - OUTPUT_MAX : 0;
	char *text = xcalloc(1, OUTPUT_MAX + 1);
	ssize_t n = pread(fd, text, OUTPUT_MAX, from);

	while (n > 0 && strchr("\n\t \r", text[n - 1]))
		n--;
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* NULL, or what went wrong, allocated. */
static char *run_hook(const struct hook *h, int state)
{
	int output = memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING), status = 0;
	char *text, *why = NULL;
	pid_t parent = getpid(), pid;

	if (output < 0)
		return xasprintf("cannot start it: %s", strerror(errno));
	fcntl(output, F_SETFL, O_APPEND);
	pid = fork();
	if (pid == 0)
		become(h, state, output, parent);
	if (pid < 0) {
		why = xasprintf("cannot start it: %s", strerror(errno));
	} else if (!wait_for(pid, h->timeout, &status)) {
		why = xasprintf("it took longer than its timeout of %lld s", (long long)h->timeout);
	} else if (status) {
		text = output_end(output);
		why = WIFSIGNALED(status) ? xasprintf("it was ended by signal %d%s%s", WTERMSIG(status), *text ? ": " : "", text)
					  : xasprintf("exit status %d%s%s", WEXITSTATUS(status), *text ? ": " : "", text);
		free(text);
	}
	close(output);
	return why;
}

static char *run_one(const json_t *v, const struct container *c, enum container_status s, enum hook_place place)
{
	struct hook h = {.c = c, .place = place, .path = json_string_value(json_object_get(v, "path")),
		.timeout = json_integer_value(json_object_get(v, "timeout"))};
	int state = state_file(c, s);
	char *why;

	if (!h.path || state < 0)
		return xstrdup(h.path ? strerror(errno) : "it has no path");
	list_of(json_object_get(v, "args"), &h.args);
	list_of(json_object_get(v, "env"), &h.env);
	debug("hook %s", h.path);
	why = run_hook(&h, state);
	close(state);
	str_list_free(&h.args);
	str_list_free(&h.env);
	return why;
}

int hooks_run(const json_t *hooks, const char *kind, const struct container *c, enum container_status s, enum hook_place place)
{
	const json_t *list = json_object_get(hooks, kind), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		char *why = run_one(v, c, s, place);

		if (!why)
			continue;
		fail("%s hook #%zu (%s) failed: %s", kind, i, json_string_value(json_object_get(v, "path")), why);
		free(why);
		return -1;
	}
	return 0;
}

void hooks_try(const json_t *hooks, const char *kind, const struct container *c, enum container_status s)
{
	const json_t *list = json_object_get(hooks, kind), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		char *why = run_one(v, c, s, HOOK_OUTSIDE);

		if (why)
			warn("%s hook #%zu (%s) failed: %s", kind, i, json_string_value(json_object_get(v, "path")), why);
		free(why);
	}
}
