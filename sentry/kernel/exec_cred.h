/* SPDX-License-Identifier: MIT */
/* What running a program does to the credentials: set-ID bits, file capabilities, root, ambient capabilities. */
#pragma once

#include "kernel/task.h"

struct file;

struct exec_creds {
	struct cred *cred; /* of the new program, held */
	bool secure;	   /* AT_SECURE: it must not trust its caller */
	bool dumpable;
	bool gains;	   /* more than the caller had, and no tracer without the right to it was there yet */
	struct user_ns *owner; /* of the new memory: above cred's where that may not read the file; held by cred */
	uint32_t personality; /* bits that go */
};

/* Work out the credentials with which *t* runs *f*. -EPERM: the file's capabilities are more than may be had. -ENOMEM,
 * -EIO. */
int exec_creds_prepare(struct task *t, struct file *f, struct exec_creds *ec);
/* They become *t*'s, which is past the point of no return; before it has the new memory. Takes ec->cred. */
void exec_creds_commit(struct task *t, struct exec_creds *ec);
