/* SPDX-License-Identifier: MIT */
/*
 * A sandbox over a host directory with real owners, as picket-runtime makes them, without a runtime: for tests.
 *
 *	owner-run [--in-place] [--sentry PATH] [--cwd DIR] [-v HOST:INSIDE[:ro]]... ROOT PROGRAM [ARGUMENT...]
 *
 * Run by root, or by user 0 of a user namespace. Ends with the program's status.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/run/launch.h"
#include "rootless/sandbox.h"

static int open_or_die(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		exit(125);
	}
	return fd;
}

/* HOST:INSIDE[:ro] */
static void volume(struct launch *l, char *arg)
{
	char *inside = strchr(arg, ':'), *mode = inside ? strchr(inside + 1, ':') : NULL;

	if (!inside) {
		fprintf(stderr, "owner-run: -v HOST:INSIDE[:ro]\n");
		exit(125);
	}
	*inside++ = '\0';
	if (mode)
		*mode++ = '\0';
	launch_record(l, CONFIG_BIND, inside, launch_give_host(l, open_or_die(arg), !mode), mode ? "ro,owners,nodev" : "rw,owners,nodev");
}

static void standard_files(struct launch *l)
{
	char numbers[3][16];

	for (int i = 0; i < 3; i++)
		snprintf(numbers[i], sizeof(numbers[i]), "%s", launch_lend(l, i));
	launch_record(l, CONFIG_STDIO, numbers[0], numbers[1], numbers[2]);
}

/* Follow the sentry until it has said how it ended. */
static int follow(int control)
{
	char msg[CONFIG_MESSAGE_MAX + 1];
	ssize_t n;
	int status, code, at;

	while ((n = recv(control, msg, sizeof(msg) - 1, 0)) > 0) {
		msg[n] = '\0';
		if (sscanf(msg, "exit %d", &status) == 1)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (sscanf(msg, "error %d %n", &code, &at) == 1) {
			fprintf(stderr, "owner-run: %s\n", msg + at);
			return code;
		}
	}
	return 125;
}

int main(int argc, char **argv)
{
	struct sandbox_options opt = {.sentry = getenv("PICKET_SENTRY"), .ids = SANDBOX_IDS_ALL};
	struct launch l = {0};
	struct sandbox s;
	const char *cwd = "/";
	char *err = NULL;
	int pair[2], status, i = 1, config;

	launch_record(&l, CONFIG_VERSION, CONFIG_FORMAT);
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--in-place"))
			opt.ids = SANDBOX_IDS_IN_PLACE;
		else if (!strcmp(argv[i], "--sentry") && argv[i + 1])
			opt.sentry = argv[++i];
		else if (!strcmp(argv[i], "--cwd") && argv[i + 1])
			cwd = argv[++i];
		else if (!strcmp(argv[i], "-v") && argv[i + 1])
			volume(&l, argv[++i]);
	}
	if (argc - i < 2 || !opt.sentry || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		fprintf(stderr, "usage: owner-run [--in-place] [--sentry PATH] [--cwd DIR] [-v HOST:INSIDE[:ro]]... ROOT PROGRAM [ARGUMENT...]\n");
		return 125;
	}
	launch_record(&l, CONFIG_ID, "000000000000");
	launch_record(&l, CONFIG_ROOT_BIND, launch_give_host(&l, open_or_die(argv[i]), true), "rw,owners");
	while (argv[++i])
		launch_record(&l, CONFIG_ARG, argv[i]);
	launch_record(&l, CONFIG_ENV, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	launch_record(&l, CONFIG_CWD, cwd);
	standard_files(&l);
	launch_record(&l, CONFIG_CONTROL, launch_lend(&l, pair[1]));
	launch_record(&l, CONFIG_NETWORK, "none");
	if (sandbox_spawn(&opt, &s, &err) < 0 || sandbox_ready(&s, &err) < 0) {
		fprintf(stderr, "owner-run: %s\n", err);
		return 125;
	}
	if (s.proc)
		launch_record(&l, CONFIG_PROC, "4");
	if (s.sysnet)
		launch_record(&l, CONFIG_SYSNET, "5");
	config = launch_finish(&l);
	if (config < 0 || sandbox_exec(&s, config, l.fds, l.fd_kinds, l.fd_count, &err) < 0) {
		fprintf(stderr, "owner-run: %s\n", err ? err : "no configuration");
		return 125;
	}
	close(pair[1]);
	status = follow(pair[0]);
	sandbox_kill(&s);
	launch_free(&l);
	return status;
}
