/* SPDX-License-Identifier: MIT */
/* Starting a program that picket names: of a run, or of a session. */
#pragma once

struct config;
struct kernel;
struct task;

struct failure { /* what to tell the user, and picket's exit status for it */
	int code;
	char text[1024];
};

/* Fills *f*. Always -1. */
int failure_set(struct failure *f, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The text of a negative errno as Go writes it, with a small letter; in *text*. */
const char *failure_errno(int err, char text[64]);

/* The caller of them is *t*, which has no address space yet. 0, or -1 with *f*. */

/* Credentials of the configuration's user; *home* (4096 bytes) receives his home directory. */
int program_become_user(struct task *t, const struct config *c, char *home, struct failure *f);
/*
 * The configuration's variables, on top of those of *base* (NULL: none), and HOME unless they have it. One allocation, which points
 * into the configurations. NULL: no memory.
 */
char **program_environment(const struct config *base, const struct config *c, const char *home);
/*
 * Look the command up as its user would find it, into *path* (VFS_PATH_MAX bytes); and execute what was found. The sentences are runc's, by which
 * engines tell a command that is not there from one that cannot be run.
 */
int program_find(struct task *t, const struct config *c, char *const *envp, char *path, struct failure *f);
int program_exec_found(struct task *t, const struct config *c, const char *path, char *const *envp, struct failure *f);
/* Run the configuration's command, found in PATH; with *guest_fd* >= 0 the program of that host descriptor (`guest`), which is not closed. */
int program_exec(struct task *t, const struct config *c, int guest_fd, char *const *envp, struct failure *f);
