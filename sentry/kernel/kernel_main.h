/* SPDX-License-Identifier: MIT */
/* The sandbox's own beginning and end. */
#pragma once

struct kernel;

/* The first process has ended with wait status *code*: the sandbox ends. From any thread. */
void kernel_init_exited(struct kernel *k, int code);
