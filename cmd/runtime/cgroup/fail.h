/* SPDX-License-Identifier: MIT */
/* How the files here report: a negative errno and a sentence. */
#ifndef PICKET_RUNTIME_CGROUP_FAIL_H
#define PICKET_RUNTIME_CGROUP_FAIL_H

/* *err becomes the sentence, if there is none yet and err is not NULL. Returns `code`, a negative errno. */
int cg_fail(char **err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
