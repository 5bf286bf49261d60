/* SPDX-License-Identifier: MIT */
/* Small helpers of the file system calls. */
#pragma once

#include "kernel/task.h"
#include "mm/mm.h"
#include "platform/platform.h"
#include "syscalls/syscalls.h"
#include "vfs/vfs.h"

#include <fcntl.h>
#include <stdlib.h>

static inline void name_free_(char **p)
{
	free(*p);
}

/* A string from the guest, freed at the end of the scope. */
#define NAME_SCOPE __attribute__((cleanup(name_free_))) char *

/* A uio over one guest buffer; *iov* must outlive it. */
static inline void uio_guest_buf(struct uio *u, struct guest_iovec *iov, struct task *t, uint64_t addr, uint64_t len)
{
	if (len > UIO_MAX_BYTES)
		len = UIO_MAX_BYTES;
	*iov = (struct guest_iovec){.base = addr, .len = len};
	uio_init_guest(u, t->mm->as, iov, 1, len);
}
