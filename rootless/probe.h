/* SPDX-License-Identifier: MIT */
/* What this host gives, found out by trying in processes of their own. No output. */
#ifndef PICKET_ROOTLESS_PROBE_H
#define PICKET_ROOTLESS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a seccomp filter can hand calls to another process: 0, or a negative errno. */
int probe_seccomp_notify(void);

/* The same with waits that only a fatal signal ends (Linux 5.19); 0 or a negative errno. */
int probe_seccomp_killable(void);

/* Whether a parent may read the memory of its child with process_vm_readv: 0 or a negative errno (Yama, ptrace rules).
 */
int probe_child_memory(void);

/* Whether `path` can be opened for reading and writing: 0 or a negative errno. */
int probe_device(const char *path);

/* A number in a file of /proc/sys or the like; -1 if there is no such file. */
int64_t probe_number(const char *path);

/* The value of a "Name:  123 kB" line of /proc/meminfo in bytes; 0 if there is none. */
uint64_t probe_meminfo(const char *name);

/* The cgroup v2 directory into buf in which the user may make groups with limits; false if there is none. */
bool probe_cgroup(char *buf, unsigned long len);

/*
 * Whether the user's systemd gives a process a scope with control groups: tried with one, which ends again. True, and where it was made in dir;
 * or false, and the reason in `why`.
 */
bool probe_scope(char *dir, unsigned long len, char *why, unsigned long why_len);

#endif
