/* SPDX-License-Identifier: MIT */
/* linux.seccomp of config.json as a filter that the sentry runs (docs/seccomp-inside.md). */
#ifndef PICKET_RUNTIME_SECCOMP_H
#define PICKET_RUNTIME_SECCOMP_H

#include <jansson.h>

/*
 * Translate the profile to a program of classic BPF, in a memory file for the launch record `seccomp`: *ret_fd, the caller's; -1 if
 * there is nothing to filter. Calls that libseccomp does not know are left out, as with runc. 0, or -1 with a sentence in *err (to be
 * freed).
 */
int seccomp_translate(const json_t *profile, int *ret_fd, char **err);

#endif
