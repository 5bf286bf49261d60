/* SPDX-License-Identifier: MIT */
/* Finding and starting the sibling programs. */
#include "cmd/lib/programs.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

/* The folder of the source and build tree that makes a program. */
static const char *build_folder(const char *name)
{
	if (strcmp(name, "picket-sentry") == 0)
		return "sentry";
	if (strcmp(name, "picket-guest") == 0)
		return "cmd";
	return strcmp(name, "picket-fetch") == 0 ? "net" : "fuse-snap";
}

char *find_program(const char *name)
{
	char exe[PATH_MAX], *slash, *above; /* the directory picket is in, and the one that is in */
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0) {
		complain(EXIT_PICKET, "cannot tell where picket is installed: /proc/self/exe: %s", strerror(errno));
		return NULL;
	}
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	*slash = '\0';
	slash = strrchr(exe, '/');
	above = xasprintf("%.*s", slash ? (int)(slash - exe) : 0, exe);

	char *const places[] = {
		xasprintf("%s/%s", exe, name),
		xasprintf("%s/%s/%s", above, build_folder(name), name),
		xasprintf("%s/libexec/picket/%s", above, name),
		xasprintf("%s/%s", PICKET_LIBEXEC, name), /* where distributions have another name for libexec */
	};
	const size_t count = sizeof(places) / sizeof(places[0]);
	char *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!found && access(places[i], X_OK) == 0)
			found = places[i];
		else
			free(places[i]);
	}
	if (!found)
		complain(EXIT_PICKET, "%s is not installed: looked in %s, in %s/libexec/picket and in %s",
			name, exe, above, PICKET_LIBEXEC);
	free(above);
	return found;
}

char *find_in_path(const char *name)
{
	char *path = xstrdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin"), *save = NULL, *found_at = NULL;

	for (char *dir = strtok_r(path, ":", &save); dir && !found_at; dir = strtok_r(NULL, ":", &save)) {
		found_at = xasprintf("%s/%s", dir, name);
		if (access(found_at, X_OK) < 0) {
			free(found_at);
			found_at = NULL;
		}
	}
	free(path);
	return found_at;
}

static void __attribute__((noreturn)) become_fetch(const char *program, char **argv, pid_t parent)
{
	/* With picket gone nobody waits for the image; a half-made ingestion leaves nothing behind. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_PICKET);
	execv(program, argv);
	_exit(complain(EXIT_PICKET, "cannot execute %s: %s", program, strerror(errno)));
}

int run_fetch(char **argv)
{
	char *program = find_program("picket-fetch");
	pid_t parent = getpid(), pid;
	int status;

	if (!program)
		return EXIT_PICKET;
	argv[0] = program;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		become_fetch(program, argv, parent);
	free(program);
	argv[0] = NULL;
	if (pid < 0)
		return complain(EXIT_PICKET, "cannot start picket-fetch: %s", strerror(errno));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return complain(EXIT_PICKET, "lost picket-fetch: %s", strerror(errno));
	if (WIFSIGNALED(status))
		return complain(128 + WTERMSIG(status), "picket-fetch was ended by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	return WEXITSTATUS(status);
}
