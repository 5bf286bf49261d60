/* SPDX-License-Identifier: MIT */
/* What an ipc namespace asks of its parts. */
#pragma once

struct ipc_ns;

/* The last reference of a namespace is gone: its objects go too. */
void sem_ns_gone(struct ipc_ns *ns);
void msg_ns_gone(struct ipc_ns *ns);
void shm_ns_gone(struct ipc_ns *ns);
