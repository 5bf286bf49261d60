/* SPDX-License-Identifier: MIT */
/* picket pull and picket load: picket-fetch does the work and draws its progress itself. */
#include "cmd/keep/events.h"
#include "cmd/image/fetch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/message.h"
#include "cmd/lib/programs.h"
#include "cmd/minikube/minikube.h"

int fetch_pull(const char *name, const char *platform, const char *tls_verify, bool quiet, bool to_stdout)
{
	struct str_list argv = {0};
	int r, saved = -1;

	str_list_add(&argv, NULL); /* the program, set by run_fetch */
	str_list_add(&argv, xstrdup("pull"));
	if (platform) {
		str_list_add(&argv, xstrdup("--platform"));
		str_list_add(&argv, xstrdup(platform));
	}
	if (tls_verify && strcmp(tls_verify, "false") == 0)
		str_list_add(&argv, xstrdup("--tls-verify=false"));
	if (quiet)
		str_list_add(&argv, xstrdup("--quiet"));
	str_list_add(&argv, xstrdup("--"));
	str_list_add(&argv, xstrdup(name));
	if (!to_stdout) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	r = run_fetch(argv.items);
	if (saved >= 0) {
		dup2(saved, STDOUT_FILENO);
		close(saved);
	}
	str_list_free(&argv);
	if (r == 0)
		event_note("image", "pull", name, json_pack("{s:s}", "name", name));
	return r;
}

/* 125 tells Picket's failures from the program's: of a run. Here there is no program, and a failure is 1 as docker's.
 */
static int own_status(int status)
{
	return status == EXIT_PICKET ? EXIT_FAILED : status;
}

int cmd_pull(const void *opts, int argc, char **argv)
{
	const struct fetch_options *o = opts;
	const char *there = mk_image_name(argv[0]);
	char *stored = NULL;
	int r;

	if (there && !o->platform && !o->tls_verify) {
		r = mk_fetch_image(there, NULL, o->quiet, &stored);
		if (r == 0)
			puts(stored);
		free(stored);
		return r ? r : finish_output();
	}
	if (there)
		return complain(EXIT_FAILED, "what minikube has is taken as it is: --platform and --tls-verify are for registries");
	return own_status(fetch_pull(argv[0], o->platform, o->tls_verify, o->quiet, true));
}

int cmd_load(const void *opts, int argc, char **argv)
{
	const struct fetch_options *o = opts;
	const char *input = o->input ? o->input : argc ? argv[0] : "-";
	struct str_list args = {0};
	int r;

	if (o->input && argc)
		return complain(EXIT_FAILED, "picket load takes one archive, not both %s and %s", o->input, argv[0]);
	if (strcmp(input, "-") == 0 && isatty(STDIN_FILENO))
		return complain(EXIT_FAILED,
			"picket load reads an archive from standard input, which is a terminal; name a file or a "
			"directory");
	str_list_add(&args, NULL);
	str_list_add(&args, xstrdup("load"));
	if (o->quiet)
		str_list_add(&args, xstrdup("--quiet"));
	str_list_add(&args, xstrdup("--"));
	str_list_add(&args, xstrdup(input));
	r = own_status(run_fetch(args.items));
	str_list_free(&args);
	return r;
}
