/* SPDX-License-Identifier: MIT */
/* What monitors give up (docs/runtime.md, Privileges). */
#ifndef PICKET_RUNTIME_CONFINE_H
#define PICKET_RUNTIME_CONFINE_H

#include <stdint.h>

struct cg;

/*
 * For good: files are written only below the directory `dir` (-1: none) and in the groups of `group` (NULL: none), and in those open already; as root
 * only the capabilities of the mask `keep` (1 << CAP_…) stay, else none; no programs, no changes of owners and modes, no namespaces, no other
 * process's memory. What the kernel does not have is left out.
 */
void confine(int dir, const struct cg *group, uint64_t keep);

#endif
