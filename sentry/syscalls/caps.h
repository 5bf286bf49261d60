/* SPDX-License-Identifier: MIT */
/* prctl(2)'s operations on capabilities and securebits; each returns what the call does. */
#pragma once

#include "kernel/task.h"

int64_t caps_drop_bounding(struct task *t, uint64_t cap);
int64_t caps_ambient(struct task *t, const uint64_t *a); /* the whole arguments of prctl(2) */
int64_t caps_set_securebits(struct task *t, uint64_t bits);
int64_t caps_set_keep(struct task *t, uint64_t on);
int64_t caps_get_keep(const struct task *t);
