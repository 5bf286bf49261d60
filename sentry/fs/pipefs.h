/* SPDX-License-Identifier: MIT */
/* Pipes, for pipe(2), fifos and splice(2). */
#pragma once

#include "vfs/vfs.h"

struct pipe;

#define PIPE_DEFAULT_SIZE 65536u
#define PIPE_MAX_SIZE (1u << 20)

/* flags: O_NONBLOCK, O_DIRECT (packets). Both files are returned with one reference. */
int pipe_create(struct kernel *k, int flags, struct file **ret_read, struct file **ret_write);
/* The pipe behind *f*, or NULL if it is none. */
struct pipe *pipe_of(struct file *f);
uint32_t pipe_get_size(struct pipe *p);
/* F_SETPIPE_SZ: the new capacity, -EBUSY when more is inside, -EPERM above the limit, -EINVAL. */
int pipe_set_size(struct task *t, struct pipe *p, uint64_t size);
/* Bytes waiting. */
size_t pipe_bytes(struct pipe *p);
/* tee(2): copy up to *len* bytes into *buf* without taking them. Returns bytes, 0 at end of file, -EAGAIN when empty. */
ssize_t pipe_peek(struct pipe *p, void *buf, size_t len);
/* Free room for writing now; 0 when full. -EPIPE without readers. */
ssize_t pipe_room(struct pipe *p);
/* Put bytes that were read back in front; the pipe may be over-full for a while. */
void pipe_unread(struct pipe *p, const void *buf, size_t len);
