/* SPDX-License-Identifier: MIT */
/* process_vm_readv(2), process_vm_writev(2). */
#include "kernel/pid_ns.h"
#include "kernel/ptrace.h"
#include "kernel/task_internal.h"
#include "mm/mm.h"
#include "syscalls/syscalls.h"

#include <stdlib.h>
#include <string.h>

static struct mm *mm_of(struct task *t, int pid, int *err)
{
	struct task *x = task_find_vnr(t, pid);
	struct mm *mm;

	*err = -ESRCH;
	if (!x)
		return NULL;
	mm = ptrace_mm_get(t, x, true);
	if (!mm && !ptrace_may_attach(t, x))
		*err = -EPERM;
	task_put(x);
	return mm;
}

static int64_t vm_copy(struct task *t, struct mm *mm, struct guest_iovec *local, size_t n_local, size_t total,
		       struct guest_iovec *remote, size_t n_remote, bool write)
{
	size_t chunk = 64 << 10, done = 0, ri = 0, roff = 0;
	uint8_t *buf = malloc(chunk);
	struct uio u;
	int r = 0;

	if (!buf)
		return -ENOMEM;
	uio_init_guest(&u, t->mm->as, local, n_local, total);
	u.task = t;
	while (ri < n_remote && done < total && !r) {
		size_t n = remote[ri].len - roff, moved = 0;
		ssize_t k;

		if (n > chunk)
			n = chunk;
		if (n > total - done)
			n = total - done;
		if (write) {
			k = uio_take(&u, buf, n);
			r = k < 0 ? (int)k : aspace_write(mm->as, remote[ri].base + roff, buf, (size_t)k, &moved);
		} else {
			r = aspace_read(mm->as, remote[ri].base + roff, buf, n, &moved);
			patched_originals(mm, remote[ri].base + roff, buf, moved);
			k = moved ? uio_put(&u, buf, moved) : 0;
			if (k < 0)
				r = (int)k;
			moved = k < 0 ? 0 : (size_t)k;
		}
		done += moved;
		roff += moved;
		if (roff == remote[ri].len) {
			ri++;
			roff = 0;
		} else if (!moved) {
			break;
		}
	}
	free(buf);
	return done ? (int64_t)done : r;
}

/* Nothing to move on one of the sides: the process is not even looked for. */
static int64_t process_vm(struct task *t, const uint64_t *a, bool write)
{
	struct guest_iovec *local, *remote;
	size_t lsum, rsum;
	struct mm *mm;
	int64_t r;
	int err;

	if (a[5])
		return -EINVAL;
	r = copy_in_iov(t, a[1], a[2], &local, &lsum);
	if (r)
		return r;
	r = lsum ? copy_in_iov(t, a[3], a[4], &remote, &rsum) : 0;
	if (r || !lsum) {
		free(local);
		return r;
	}
	if (rsum) {
		mm = mm_of(t, ARG_INT(a, 0), &err);
		r = mm ? vm_copy(t, mm, local, a[2], lsum < rsum ? lsum : rsum, remote, a[4], write) : err;
		if (mm)
			mm_put(mm);
	}
	free(local);
	free(remote);
	return r;
}

int64_t sys_process_vm_readv(struct task *t, const uint64_t *a)
{
	return process_vm(t, a, false);
}

int64_t sys_process_vm_writev(struct task *t, const uint64_t *a)
{
	return process_vm(t, a, true);
}
