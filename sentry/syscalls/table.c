/* SPDX-License-Identifier: MIT */
/* The system call table, put together from its families. */
#include "syscalls/syscalls.h"

#define FULL(nr_, name_, args_) [nr_] = {.name = #name_, .args = args_, .fn = sys_##name_, .state = SYSCALL_FULL},
#define PARTIAL(nr_, name_, args_, reason_)                                                                            \
	[nr_] = {.name = #name_, .args = args_, .fn = sys_##name_, .state = SYSCALL_PARTIAL, .reason = reason_},
#define NONE(nr_, name_, args_, err_, reason_)                                                                         \
	[nr_] = {.name = #name_, .args = args_, .state = SYSCALL_NONE, .err = err_, .reason = reason_},

static const struct syscall_desc table[SYSCALL_MAX] = {
#include "syscalls/table_vfs.def"
#include "syscalls/table_event.def"
#include "syscalls/table_net.def"
#include "syscalls/table_kernel.def"
#include "syscalls/table_mm.def"
};

const struct syscall_desc *syscall_lookup(uint64_t nr)
{
	return nr < SYSCALL_MAX && table[nr].name ? &table[nr] : NULL;
}
