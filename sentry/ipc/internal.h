/* SPDX-License-Identifier: MIT */
/* What an ipc namespace asks of its parts. */
#pragma once

struct ipc_ns;

/* The last reference of a namespace is gone: its objects go too. */
void sem_ns_gone(struct ipc_ns *ns);
void msg_ns_gone(struct ipc_ns *ns);
void shm_ns_gone(struct ipc_ns *ns);
int shm_fs_create(struct ipc_ns *ns); /* -ENOMEM */

/* The file system of a namespace's message queues (ns->mqfs). -ENOMEM. */
int mqueue_fs_create(struct ipc_ns *ns);
void mqueue_fs_gone(struct ipc_ns *ns);
