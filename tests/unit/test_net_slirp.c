/* SPDX-License-Identifier: MIT */
/* slirp4netns on a real namespace: it comes up, and goes with the last holder of its pipe. Skipped where namespaces are
 * not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/slirp.h"

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(1);
	close(fd);
}

/* A process in namespaces of its own that waits to be killed; 0 if there are none to be had. */
static pid_t make_namespace(void)
{
	char uid[64], gid[64], c = 0;
	int ready[2];
	pid_t pid;

	snprintf(uid, sizeof(uid), "0 %u 1", (unsigned int)getuid());
	snprintf(gid, sizeof(gid), "0 %u 1", (unsigned int)getgid());
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
			_exit(1);
		write_text("/proc/self/setgroups", "deny");
		write_text("/proc/self/uid_map", uid);
		write_text("/proc/self/gid_map", gid);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	close(ready[0]);
	return pid;
}

static void end_namespace(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void life_and_death(void **state)
{
	pid_t ns = make_namespace();
	struct slirp_options opt = {.pid = ns};
	struct slirp s;
	char *err = NULL;
	int status;

	if (!ns)
		skip();
	if (slirp_start(&opt, &s, &err)) {
		end_namespace(ns);
		if (strstr(err, "not installed") || strstr(err, "/dev/net/tun"))
			skip();
		fail_msg("%s", err);
	}
	assert_int_equal(waitpid(s.pid, &status, WNOHANG), 0);
	close(s.exit_fd);
	assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
	end_namespace(ns);
}

static void missing(void **state)
{
	struct slirp_options opt = {.pid = getpid(), .program = "no-such-slirp4netns"};
	struct slirp s;
	char *err = NULL;

	assert_int_equal(slirp_start(&opt, &s, &err), -1);
	assert_non_null(strstr(err, "not installed"));
	free(err);
}

static void no_such_process(void **state)
{
	struct slirp_options opt = {.pid = 0x7ffffff0};
	struct slirp s;
	char *err = NULL;

	assert_int_equal(slirp_start(&opt, &s, &err), -1);
	assert_non_null(strstr(err, "slirp4netns"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	free(err);
}

static void silent(void **state)
{
	struct slirp_options opt = {.pid = 1, .program = "/bin/cat", .timeout_ms = 50};
	struct slirp s;
	char *err = NULL;

	/* cat does not know the options, and ends. */
	assert_int_equal(slirp_start(&opt, &s, &err), -1);
	assert_non_null(err);
	free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life_and_death),
		cmocka_unit_test(missing),
		cmocka_unit_test(no_such_process),
		cmocka_unit_test(silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
