/* SPDX-License-Identifier: MIT */
/* Shared by the tests of seccomp(2). */
#pragma once

#include "ipc_util.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RET(v) BPF_STMT(BPF_RET | BPF_K, v)
/* If the loaded word is *v*, the verdict is *r*. */
#define WHEN(v, r) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v, 0, 1), RET(r)
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n))

static inline long set_filter_n(unsigned flags, struct sock_filter *f, unsigned n)
{
	struct sock_fprog p = {(unsigned short)n, f};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
}
#define SET_FILTER(flags, f) set_filter_n(flags, f, sizeof(f) / sizeof((f)[0]))

/* The child's end: 0-255 its code, 1000 + signal. */
#define CHILD(what, ...)                                                                                               \
	do {                                                                                                           \
		pid_t child_ = fork();                                                                                 \
		if (!child_) {                                                                                         \
			__VA_ARGS__;                                                                                   \
			_exit(0);                                                                                      \
		}                                                                                                      \
		printf("%s: end %d\n", what, reap(child_));                                                            \
	} while (0)

static inline void nnp(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
