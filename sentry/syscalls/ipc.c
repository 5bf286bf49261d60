/* SPDX-License-Identifier: MIT */
/* The calls of System V IPC. sysvipc(7). */
#include "ipc/ipc.h"
#include "syscalls/syscalls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

#define OPS_FAST 16
#define OPS_MAX 65536 /* whatever the limit is set to: they stand in the sentry's memory */

int64_t sys_shmget(struct task *t, const uint64_t *a)
{
	return shm_get(t, ARG_INT(a, 0), a[1], ARG_INT(a, 2));
}

int64_t sys_shmat(struct task *t, const uint64_t *a)
{
	return shm_attach(t, ARG_INT(a, 0), a[1], ARG_INT(a, 2));
}

int64_t sys_shmdt(struct task *t, const uint64_t *a)
{
	return shm_detach(t, a[0]);
}

int64_t sys_shmctl(struct task *t, const uint64_t *a)
{
	return shm_control(t, ARG_INT(a, 0), ARG_INT(a, 1), a[2]);
}

int64_t sys_semget(struct task *t, const uint64_t *a)
{
	return sem_get(t, ARG_INT(a, 0), ARG_INT(a, 1), ARG_INT(a, 2));
}

int64_t sys_semctl(struct task *t, const uint64_t *a)
{
	return sem_control(t, ARG_INT(a, 0), ARG_INT(a, 1), ARG_INT(a, 2), a[3]);
}

static int64_t operate(struct task *t, int id, uint64_t addr, unsigned n, int64_t timeout_ns)
{
	struct sembuf fast[OPS_FAST], *ops = fast;
	int64_t deadline = -1, r;

	if (n > task_ipc_ns(t)->sem_opm)
		return -E2BIG;
	if (!n || id < 0)
		return -EINVAL;
	if (n > OPS_FAST) {
		if (n > OPS_MAX)
			return -ENOMEM;
		ops = malloc(n * sizeof(*ops));
		if (!ops)
			return -ENOMEM;
	}
	r = copy_in(t, ops, addr, n * sizeof(*ops));
	if (!r) {
		if (timeout_ns >= 0 && __builtin_add_overflow(kernel_now_mono(), timeout_ns, &deadline))
			deadline = -1;
		r = sem_operate(t, id, ops, n, deadline);
	}
	if (ops != fast)
		free(ops);
	return r;
}

int64_t sys_semop(struct task *t, const uint64_t *a)
{
	return operate(t, ARG_INT(a, 0), a[1], ARG_UINT(a, 2), -1);
}

int64_t sys_semtimedop(struct task *t, const uint64_t *a)
{
	int64_t ns = -1;
	int r = copy_in_timespec(t, a[3], &ns);

	return r ? r : operate(t, ARG_INT(a, 0), a[1], ARG_UINT(a, 2), ns);
}

int64_t sys_msgget(struct task *t, const uint64_t *a)
{
	return msg_get(t, ARG_INT(a, 0), ARG_INT(a, 1));
}

int64_t sys_msgctl(struct task *t, const uint64_t *a)
{
	return msg_control(t, ARG_INT(a, 0), ARG_INT(a, 1), a[2]);
}

int64_t sys_msgsnd(struct task *t, const uint64_t *a)
{
	struct sysv_msg *m;
	int64_t type, r;

	if (copy_in(t, &type, a[1], sizeof(type)))
		return -EFAULT;
	if (a[2] > task_ipc_ns(t)->msg_max || ARG_INT(a, 0) < 0 || type < 1)
		return -EINVAL;
	r = sysv_msg_alloc(t->kernel, a[2], &m);
	if (r)
		return r;
	m->type = type;
	r = copy_in(t, m->text, a[1] + sizeof(type), m->len);
	if (!r)
		r = msg_send(t, ARG_INT(a, 0), m, ARG_INT(a, 3));
	if (r)
		sysv_msg_free(m);
	return r;
}

int64_t sys_msgrcv(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 4);
	struct sysv_msg *m = NULL;
	int64_t r;

	if (ARG_INT(a, 0) < 0 || (int64_t)a[2] < 0)
		return -EINVAL;
	if ((flags & MSG_COPY) && ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT)))
		return -EINVAL;
	r = msg_receive(t, ARG_INT(a, 0), a[2], (int64_t)a[3], flags, &m);
	if (r)
		return r;
	r = (int64_t)(m->len < a[2] ? m->len : a[2]);
	if (copy_out(t, a[1], &m->type, sizeof(m->type)) || copy_out(t, a[1] + sizeof(m->type), m->text, (size_t)r))
		r = -EFAULT;
	sysv_msg_free(m);
	return r;
}
