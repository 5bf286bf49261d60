/* SPDX-License-Identifier: MIT */
/*
 * Confinement of the registry client. Decompressors and parsers of four libraries read a stranger's bytes here; should
 * one of them be taken over, the user's files are out of reach. See docs/registry.md.
 */
#include "confine.h"

#include "rootless/harden.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Rules before ABI 2 forbid renaming from one directory to another, which is how the store publishes. */
#define LANDLOCK_ABI_MIN 2

/* Libraries, certificates, and what the resolver reads. */
static const char *const readable[] = {
	"/etc",
	"/usr",
	"/lib",
	"/lib64",
	"/nix/store",
	"/dev/null",
	"/dev/urandom",
	"/sys/devices/system/cpu",
	"/run/systemd/resolve",
	"/run/resolvconf",
	"/run/NetworkManager",
	"/var/lib/ca-certificates",
	"/var/lib/sss",
};

static void allow_path(int rules, const char *path)
{
	int fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	landlock_allow(rules, fd, 0);
	close(fd);
}

void confine(const struct store *s, const char *source, bool network)
{
	char resolv[PATH_MAX];
	int rules;

	if (CONFINE_OFF)
		return;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* secrets: no core files, no ptrace by the user's other programs */
	if (landlock_abi() < LANDLOCK_ABI_MIN)
		return;
	rules = landlock_create(LANDLOCK_RULES_SCOPE | (network ? 0 : LANDLOCK_RULES_NET));
	if (rules < 0)
		return;
	for (size_t i = 0; i < sizeof(readable) / sizeof(*readable); i++)
		allow_path(rules, readable[i]);
	allow_path(rules, realpath("/etc/resolv.conf", resolv));
	allow_path(rules, getenv("SSL_CERT_FILE"));
	if (source)
		allow_path(rules, source);
	if (!landlock_allow(rules, store_dirfd(s), LANDLOCK_WRITE))
		landlock_enforce(rules);
	close(rules);
}
