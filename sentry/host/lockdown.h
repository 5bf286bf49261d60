/* SPDX-License-Identifier: MIT */
/* The sentry's own confinement: after this it can make no host calls but those of host/calls.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct host_grant {
	int fd;	       /* a directory or file that was given to the sandbox */
	bool writable;
	bool whiteouts; /* character devices 0:0 are made there; other devices the kernel refuses */
};

/*
 * First step, before platform_start() and before any thread: no_new_privs, and landlock so that paths lead only beneath
 * *grants*. Returns 0, or a negative errno: -EOPNOTSUPP where the kernel has no landlock (the caller goes on: namespaces
 * and the list of calls remain).
 */
int host_restrict_files(const struct host_grant *grants, size_t n);

/*
 * Last step, when everything is opened and platform_start() has run: the seccomp filter, on all threads. *network* adds the
 * socket calls. Returns 0, or a negative errno and a sentence in *err (static text); the caller must then not run the guest.
 */
int host_lockdown(bool network, const char **err);
