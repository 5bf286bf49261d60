/* SPDX-License-Identifier: MIT */
/*
 * `picket mount`: the tree at a directory, through fusermount3, until it is unmounted.
 *
 * Two processes stay: the server, and its parent, which unmounts if the server dies without doing so (the auto_unmount
 * of fusermount3 3.14 and before works with allow_other only). If the parent dies, the server unmounts and goes.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Commas separate options, so a name that holds one is not shown. */
static struct fuse_session *make_session(struct snapfuse *fs, const char *name)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *session = NULL;
	char opt[600];

	snprintf(opt, sizeof(opt), "-oro,nosuid,nodev,subtype=picket,fsname=%s", strchr(name, ',') ? "image" : name);
	if (!fuse_opt_add_arg(&args, "picket-snapd") && !fuse_opt_add_arg(&args, opt))
		session = fuse_session_new(&args, &snapfuse_tree_ops, sizeof(snapfuse_tree_ops), fs);
	fuse_opt_free_args(&args);
	return session;
}

/* From here on nothing of the caller's is held; standard error only until the mount is there. */
static void detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++)
		dup2(null, i);
	if (chdir("/"))
		_exit(1);
}

static int run_server(struct snapshot *s, const char *path, const char *name, int ready)
{
	struct snapfuse fs = {.ix = &s->ix, .pack_fds = s->pack_fds};
	struct fuse_session *session = make_session(&fs, name);
	int r = 1;

	if (!session || fuse_set_signal_handlers(session))
		return 1;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (!fuse_session_mount(session, path)) {
		if (write(ready, "", 1) == 1) {
			close(ready);
			detach();
			r = fuse_session_loop(session);
		}
		fuse_session_unmount(session);
	}
	fuse_session_destroy(session);
	return r ? 1 : 0;
}

/* Wait for the server; clean up behind one that could not. */
static int watch(pid_t server, const char *path)
{
	int status;

	detach();
	while (waitpid(server, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", path, NULL);
	return 1;
}

static int keep(struct snapshot *s, const char *path, const char *name, int ready)
{
	pid_t server;

	setsid();
	signal(SIGHUP, SIG_IGN);
	server = fork();
	if (server < 0)
		return 1;
	if (!server)
		_exit(run_server(s, path, name, ready));
	close(ready);
	return watch(server, path);
}

/* A mount whose server and watcher were both killed is in the way: take it off first. */
static void clear_stale(const char *path)
{
	struct stat st;
	pid_t pid;

	if (!stat(path, &st) || errno != ENOTCONN)
		return;
	pid = fork();
	if (!pid) {
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", path, NULL);
		_exit(1);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int mount_tree(struct snapshot *s, const char *dir, const char *name)
{
	char *path = realpath(dir, NULL);
	int ready[2];
	char byte;
	ssize_t n;
	pid_t pid;

	if (!path || pipe2(ready, O_CLOEXEC)) {
		fprintf(stderr, "picket-snapd: cannot mount on %s: %s\n", dir, strerror(errno));
		free(path);
		return 125;
	}
	clear_stale(path);
	pid = fork();
	if (!pid) {
		close(ready[0]);
		_exit(keep(s, path, name, ready[1]));
	}
	close(ready[1]);
	free(path);
	do
		n = pid < 0 ? 0 : read(ready[0], &byte, 1);
	while (n < 0 && errno == EINTR);
	close(ready[0]);
	return n == 1 ? 0 : 125; /* libfuse and fusermount3 have said why */
}
