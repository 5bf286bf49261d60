/* SPDX-License-Identifier: MIT */
/* Hooks that run in the container (startContainer): processes of it, as exec starts them. */
#include <stdlib.h>
#include <unistd.h>

#include "cmd/lib/str.h"
#include "cmd/runtime/exec.h"
#include "cmd/runtime/hooks.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/spec/spec.h"

#define HOOK_FAILED 127

static bool started(void *arg)
{
	return true;
}

/* Its path is what is executed, and its first word too: a session has no other. */
static int start(const struct container *c, const char *path, const struct str_list *args, const struct str_list *env)
{
	const char **words = xcalloc(args->count + 2, sizeof(*words)), **own;
	struct exec_arguments a = {.cwd = "/"};
	struct spec_process *p = NULL;
	int count = 0, status;
	size_t n_own;

	words[count++] = path;
	for (size_t i = 1; i < args->count; i++)
		words[count++] = args->items[i];
	if (exec_process(c, &a, count, (char **)(uintptr_t)words, &p) < 0) {
		free(words);
		return -1;
	}
	own = p->env;
	n_own = p->n_env;
	p->terminal = false;
	p->env = (const char **)(uintptr_t)env->items;
	p->n_env = env->count;
	status = exec_session(c, &a, p, -1, started, NULL);
	p->env = own;
	p->n_env = n_own;
	spec_process_free(p);
	free(words);
	return status;
}

int hook_inside(const struct container *c, const char *path, const struct str_list *args, const struct str_list *env)
{
	int status = start(c, path, args, env);

	if (status < 0 && log_error())
		dprintf(STDERR_FILENO, "%s", log_error());
	return status < 0 ? HOOK_FAILED : status;
}
