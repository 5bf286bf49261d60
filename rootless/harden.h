/* SPDX-License-Identifier: MIT */
/*
 * Giving up what a process does not need: descriptors, capabilities, file system rights. No output, no allocation;
 * used by the launcher and free to be used by the sentry. Functions return 0 (or what they say) or a negative errno.
 */
#ifndef PICKET_ROOTLESS_HARDEN_H
#define PICKET_ROOTLESS_HARDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Close every descriptor from `first` on (close_range(2), or the list in /proc/self/fd where the kernel has none). */
int harden_close_from(int first);

/* Close every descriptor from `first` on but those of keep[0..count), which must be in ascending order. */
int harden_close_except(int first, const int *keep, size_t count);

/*
 * Give up all capabilities for good: ambient, bounding (as far as the process may), and the thread's own three sets
 * are emptied, and the securebits locked so that user 0 gets none back by execve. Only for single-threaded processes.
 */
int harden_drop_capabilities(void);

/*
 * The same but for the capabilities `keep` (bits), which the thread keeps, and ambient: a program it executes that is not privileged itself has
 * them too, and can drop them, but get no others.
 */
int harden_keep_capabilities(uint64_t keep);

/* prctl(PR_SET_NO_NEW_PRIVS). */
int harden_no_new_privs(void);

/* Raise the soft limit of open files to the hard one; make core dumps empty. */
int harden_limits(void);

#define LANDLOCK_RULES_NET (1u << 0)   /* no TCP bind or connect either (ABI 4) */
#define LANDLOCK_RULES_SCOPE (1u << 1) /* no signals and abstract sockets to the outside (ABI 6) */

/* The ABI version of landlock here, 0 if the kernel has none or it is switched off. */
int landlock_abi(void);

/*
 * A rule set that denies everything the kernel's ABI can deny in file systems, and what `flags` (LANDLOCK_RULES_*) add
 * where the ABI has it. Returns a close-on-exec descriptor; -EOPNOTSUPP without landlock.
 */
int landlock_create(unsigned int flags);

#define LANDLOCK_WRITE (1u << 0)     /* everything but making device nodes */
#define LANDLOCK_WHITEOUTS (1u << 1) /* character devices too: the kernel has rules of its own for all but 0:0 */

/* Allow reading beneath the directory (or of the file) `fd`, and what `what` says (LANDLOCK_WRITE …). */
int landlock_allow(int rules, int fd, unsigned int what);

/* Enforce the rule set on the calling thread (and what it starts), after no_new_privs. Does not close `rules`. */
int landlock_enforce(int rules);

#endif
