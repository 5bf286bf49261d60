/* SPDX-License-Identifier: MIT */
/* Puts the sentry's own confinement into force; its seccomp filter was made by host/calls-filter.c. */
#include "host/lockdown.h"

#include "host/calls_filter.h" /* generated */
#include "lib/list.h"
#include "rootless/harden.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

int host_restrict_files(const struct host_grant *grants, size_t n)
{
	int rules, r = harden_no_new_privs();

	if (r < 0)
		return r;
	rules = landlock_create(LANDLOCK_RULES_SCOPE);
	if (rules < 0)
		return rules;
	for (size_t i = 0; i < n && r == 0; i++)
		r = landlock_allow(rules, grants[i].fd, grants[i].writable ? LANDLOCK_WRITE | (grants[i].whiteouts ? LANDLOCK_WHITEOUTS : 0) : 0);
	if (r == 0)
		r = landlock_enforce(rules);
	close(rules);
	return r;
}

/* The runtime of a sanitizer makes host calls of its own: such builds, made for tests alone, run without the filter. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

int host_lockdown(bool network, const char **err)
{
	const struct sock_fprog prog = {.len = network ? ARRAY_SIZE(filter_network) : ARRAY_SIZE(filter_alone),
		.filter = (struct sock_filter *)(uintptr_t)(network ? filter_network : filter_alone)};
	long r = SANITIZED ? 0 : harden_no_new_privs();

	if (SANITIZED)
		return 0;
	/* On all threads: the platform's are there already. A positive result is one that could not follow. */
	errno = 0;
	if (r == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog) != 0)
		r = errno ? -errno : -ECANCELED;
	if (r < 0)
		*err = "the sentry's list of host calls could not be put into force";
	return (int)r;
}
