/* SPDX-License-Identifier: MIT */
/* Argument and environment strings on their way to a new program's stack. */
#pragma once

#include "kernel/task.h"

struct exec_page;
struct exec_args {
	struct exec_page *page; /* of the guest, read last */
	char *buf;	      /* all strings, each with its NUL */
	size_t len, cap, limit;
	uint64_t stack;	      /* RLIMIT_STACK */
	uint32_t *argv, *envp; /* offsets into buf */
	unsigned argc, envc, cap_argv, cap_envp;
	size_t arg_off, env_off, env_end_off, execfn_off;
	bool path_gone;	      /* the name leads nowhere once the program runs */
	char script_path[4096]; /* the script whose interpreter runs now */
};

void exec_args_init(struct exec_args *a, uint64_t stack_limit);
void exec_args_free(struct exec_args *a);
/* -E2BIG: over the limits of execve(2); -EFAULT. */
int exec_args_from_guest(struct exec_args *a, struct task *t, uint64_t argv, uint64_t envp);
int exec_args_from_strings(struct exec_args *a, char *const *argv, char *const *envp);
/* "#!": argv becomes interp [arg] path argv[1…]. */
int exec_args_script(struct exec_args *a, const char *path, const char *interp, const char *arg);
/* Lay the strings out in order, and add AT_EXECFN's. */
int exec_args_finish(struct exec_args *a, const char *execfn);
