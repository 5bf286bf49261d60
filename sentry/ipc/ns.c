/* SPDX-License-Identifier: MIT */
/* ipc namespaces. ipc_namespaces(7). */
#include "ipc/ids.h"
#include "ipc/internal.h"

#include <stdlib.h>

static void default_limits(struct ipc_ns *ns)
{
	ns->shm_max = ns->shm_all = UINT64_MAX - (1u << 24);
	ns->shm_mni = 4096;
	ns->sem_msl = 32000;
	ns->sem_mns = 32000 * 32000;
	ns->sem_opm = 500;
	ns->sem_mni = 32000;
	ns->msg_max = 8192;
	ns->msg_mnb = 16384;
	ns->msg_mni = 32000;
	ns->mq_queues_max = 256;
	ns->mq_msg_max = ns->mq_msg_default = 10;
	ns->mq_msgsize_max = ns->mq_msgsize_default = 8192;
}

int ipc_ns_create(struct kernel *k, struct user_ns *owner, struct ipc_ns **ret)
{
	struct ipc_ns *ns = calloc(1, sizeof(*ns));
	int r = ns ? ns_head_init(k, &ns->head, NS_IPC, owner, !k->ipc) : -ENOMEM;

	if (r) {
		free(ns);
		return r;
	}
	refs_init(&ns->refs);
	ns->kernel = k;
	ipc_ids_init(&ns->sem);
	ipc_ids_init(&ns->msg);
	ipc_ids_init(&ns->shm);
	default_limits(ns);
	r = shm_fs_create(ns);
	if (!r)
		r = mqueue_fs_create(ns);
	if (r) {
		ipc_ns_put(ns);
		return r;
	}
	*ret = ns;
	return 0;
}

void ipc_ns_get(struct ipc_ns *ns)
{
	refs_get(&ns->refs);
}

void ipc_ns_put(struct ipc_ns *ns)
{
	if (!ns || !refs_put(&ns->refs))
		return;
	mqueue_fs_gone(ns);
	sem_ns_gone(ns);
	msg_ns_gone(ns);
	shm_ns_gone(ns);
	ipc_ids_free(&ns->sem);
	ipc_ids_free(&ns->msg);
	ipc_ids_free(&ns->shm);
	ns_head_drop(&ns->head);
	free(ns);
}

struct ipc_ns *task_ipc_ns(struct task *t)
{
	return t->nsproxy->ipc;
}
