/* SPDX-License-Identifier: MIT */
/* What picket-fetch gives up before it reads the first byte of a stranger's. */
#ifndef PICKET_NET_CONFINE_H
#define PICKET_NET_CONFINE_H

#include "fuse-snap/store.h"

/* LeakSanitizer reads /proc and attaches itself at the end: a build with AddressSanitizer is not confined. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define CONFINE_OFF 1
#endif
#endif
#if !defined(CONFINE_OFF) && defined(__SANITIZE_ADDRESS__)
#define CONFINE_OFF 1
#endif
#ifndef CONFINE_OFF
#define CONFINE_OFF 0
#endif

/*
 * Confine the calling thread and those it starts, by landlock where the kernel has it: writing in the store alone,
 * reading there, in the system's directories and of `source` (an archive or directory; NULL: none). network: false if
 * TCP is not needed either. A kernel without landlock is no error: the checks do not rest on it.
 */
void confine(const struct store *s, const char *source, bool network);

#endif
