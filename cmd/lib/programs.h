/* SPDX-License-Identifier: MIT */
/* The programs beside picket. */
#ifndef PICKET_CMD_PROGRAMS_H
#define PICKET_CMD_PROGRAMS_H

/*
 * Path of picket-sentry, picket-fetch or picket-snapd: beside the running program, in the build tree it belongs to, or
 * in the libexec directory it was installed with. Never from PATH. Returns an allocated path, or NULL after a
 * complaint.
 */
char *find_program(const char *name);

/* Where the caller's PATH has a program of the system; allocated, NULL if nowhere. */
char *find_in_path(const char *name);

/* Start picket-fetch with these arguments (argv[0] is set here), wait for it, return its exit status. */
int run_fetch(char **argv);

#endif
