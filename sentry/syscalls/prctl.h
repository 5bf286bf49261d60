/* SPDX-License-Identifier: MIT */
/* prctl(2) is long: what its files share. */
#pragma once

#include "kernel/task.h"

/* The options that are neither of a name, a signal nor of credentials. -EINVAL: not known, or not of this machine. */
int64_t prctl_other(struct task *t, const uint64_t *a);
/* PR_SET_MM. */
int64_t prctl_set_mm(struct task *t, const uint64_t *a);
/* PR_SET_SECCOMP (seccomp.c). */
int64_t prctl_set_seccomp(struct task *t, uint64_t mode, uint64_t filter);
/* mm_name.c: PR_SET_VMA. */
int64_t prctl_set_vma(struct task *t, const uint64_t *a);
