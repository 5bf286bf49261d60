/* SPDX-License-Identifier: MIT */
/* /proc/sysvipc, and the limits of IPC in /proc/sys/kernel and /proc/sys/fs/mqueue: those of the reader's ipc namespace. */
#include "fs/procfs_internal.h"

#include "ipc/ipc.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int show_shm(struct task *v, const struct kobj *o, struct seq *s)
{
	return shm_show(v, s);
}

static int show_sem(struct task *v, const struct kobj *o, struct seq *s)
{
	return sem_show(v, s);
}

static int show_msg(struct task *v, const struct kobj *o, struct seq *s)
{
	return msg_show(v, s);
}

const struct kentry proc_sysvipc_entries[PROC_N_SYSVIPC] = {
	KSHOW("msg", 0444, show_msg),
	KSHOW("sem", 0444, show_sem),
	KSHOW("shm", 0444, show_shm),
};

/* --- limits ----------------------------------------------------------------------------------------------------------- */

/* The first *n* numbers of *text*, each from *min* to *max*: how many there are, or -EINVAL. */
static int parse(char *text, uint64_t *v, int n, uint64_t min, uint64_t max)
{
	char *save = NULL;
	int i = 0;

	for (char *w = strtok_r(text, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save)) {
		char *end;

		if (i == n)
			break; /* the rest is not looked at */
		errno = 0;
		v[i] = strtoull(w, &end, 10);
		if (errno || *end || *w == '-' || v[i] < min || v[i] > max)
			return -EINVAL;
		i++;
	}
	return i;
}

/* Functions that show and store one field of struct ipc_ns. */
#define LIMIT(field, min, max)                                                                                         \
	int proc_show_##field(struct task *v, const struct kobj *o, struct seq *s)                                     \
	{                                                                                                              \
		seq_printf(s, "%llu\n", (unsigned long long)task_ipc_ns(v)->field);                                    \
		return 0;                                                                                              \
	}                                                                                                              \
	int proc_store_##field(struct task *v, const struct kobj *o, char *text, size_t len)                           \
	{                                                                                                              \
		uint64_t n;                                                                                            \
		int r = parse(text, &n, 1, min, max);                                                                  \
                                                                                                                       \
		if (r == 1)                                                                                            \
			task_ipc_ns(v)->field = (__typeof__(+task_ipc_ns(v)->field))n;                                 \
		return r < 0 ? r : 0;                                                                                  \
	}

LIMIT(shm_max, 0, UINT64_MAX)
LIMIT(shm_all, 0, UINT64_MAX)
LIMIT(shm_mni, 0, IPC_SLOTS_MAX)
LIMIT(msg_max, 0, INT32_MAX)
LIMIT(msg_mnb, 0, INT32_MAX)
LIMIT(msg_mni, 0, IPC_SLOTS_MAX)
LIMIT(mq_queues_max, 0, INT32_MAX)
LIMIT(mq_msg_max, 1, 65536)
LIMIT(mq_msgsize_max, 128, 16 << 20)
LIMIT(mq_msg_default, 1, 65536)
LIMIT(mq_msgsize_default, 128, 16 << 20)

int proc_show_shm_rmid_forced(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%u\n", task_ipc_ns(v)->shm_rmid_forced);
	return 0;
}

int proc_store_shm_rmid_forced(struct task *v, const struct kobj *o, char *text, size_t len)
{
	uint64_t n;
	int r = parse(text, &n, 1, 0, 1);

	if (r == 1) {
		task_ipc_ns(v)->shm_rmid_forced = (unsigned)n;
		if (n)
			shm_remove_orphans(task_ipc_ns(v));
	}
	return r < 0 ? r : 0;
}

int proc_show_sem_limits(struct task *v, const struct kobj *o, struct seq *s)
{
	struct ipc_ns *ns = task_ipc_ns(v);

	seq_printf(s, "%u\t%u\t%u\t%u\n", ns->sem_msl, ns->sem_mns, ns->sem_opm, ns->sem_mni);
	return 0;
}

int proc_store_sem_limits(struct task *v, const struct kobj *o, char *text, size_t len)
{
	struct ipc_ns *ns = task_ipc_ns(v);
	uint64_t n[4] = {ns->sem_msl, ns->sem_mns, ns->sem_opm, ns->sem_mni};
	int r = parse(text, n, 4, 0, INT32_MAX);

	if (r < 0)
		return r;
	ns->sem_msl = (unsigned)n[0];
	ns->sem_mns = (unsigned)n[1];
	ns->sem_opm = (unsigned)n[2];
	if (n[3] > IPC_SLOTS_MAX)
		return -ERANGE;
	ns->sem_mni = (unsigned)n[3];
	return 0;
}

const struct kentry proc_mqueue_entries[PROC_N_MQUEUE] = {
	PROC_IPC("msg_default", mq_msg_default),
	PROC_IPC("msg_max", mq_msg_max),
	PROC_IPC("msgsize_default", mq_msgsize_default),
	PROC_IPC("msgsize_max", mq_msgsize_max),
	PROC_IPC("queues_max", mq_queues_max),
};
