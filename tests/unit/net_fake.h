/* SPDX-License-Identifier: MIT */
/* The rest of the sentry, as little of it as sockets need, for their unit tests. */
#pragma once

#include "kernel/task.h"
#include "net/net.h"
#include "net/socket.h"
#include "vfs/vfs.h"

#define FAKE_FDS 1024

struct fake {
	struct kernel kernel;
	struct net_state net;
	struct task task;
	struct thread_group tg;
	struct cred *cred;
	struct file *fds[FAKE_FDS]; /* the task's descriptors */
};

struct fake *fake_new(void);
/* Closes all descriptors and asserts that nothing the sentry holds for the guest is left. */
void fake_free(struct fake *f);
/* A second task of the same process, for a second thread. */
struct task *fake_thread(struct fake *f);
/* Descriptor *fd* is closed. */
void fake_close(struct fake *f, int fd);
struct socket *fake_sock(struct fake *f, int fd);
/* socketpair(2), socket(2) */
void fake_pair(struct fake *f, int type, int fds[2]);
int fake_socket(struct fake *f, int type);
/* Non-blocking send and receive of a few bytes; rights: descriptors to send, -1 ends them. */
ssize_t fake_send(struct fake *f, int fd, const void *data, size_t len, const int *rights);
ssize_t fake_recv(struct fake *f, int fd, void *data, size_t len, int flags, struct cmsg_sink *sink, int *out_flags);
