/* SPDX-License-Identifier: MIT */
/*
 * One gate for data of read and write: a uio is a cursor over guest ranges or over sentry memory. File operations call
 * uio_put() to deliver bytes and uio_take() to fetch them, and never see guest addresses.
 */
#pragma once

#include "platform/platform.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define UIO_MAXIOV 1024
#define UIO_MAX_BYTES 0x7ffff000 /* as Linux's MAX_RW_COUNT */

struct task;

struct uio {
	struct aspace *as;	      /* NULL: buf is sentry memory */
	const struct guest_iovec *iov; /* of the guest */
	size_t n_iov, i_iov;	      /* i_iov: current */
	uint64_t iov_off;	      /* within the current one */
	uint8_t *buf;		      /* sentry memory */
	size_t left;		      /* bytes still wanted in all */
	bool nowait;		      /* RWF_NOWAIT */
	bool append;		      /* RWF_APPEND, as if the file were O_APPEND */
	struct task *task;	      /* who asks (set by file_read/file_write; ttys, signalfd, procfs); NULL: the sentry */
};

void uio_init_kernel(struct uio *u, void *buf, size_t len);
/* *iov* must outlive the uio. len is clamped to UIO_MAX_BYTES by the caller. */
void uio_init_guest(struct uio *u, struct aspace *as, const struct guest_iovec *iov, size_t n, size_t len);
/* Deliver up to *len* bytes; returns bytes delivered (short at a fault after some), or -EFAULT when none. Advances. */
ssize_t uio_put(struct uio *u, const void *data, size_t len);
ssize_t uio_take(struct uio *u, void *data, size_t len);
/* Deliver zeros. */
ssize_t uio_put_zero(struct uio *u, size_t len);
/* Give back the last *len* bytes moved (a host write was short). */
void uio_rewind(struct uio *u, size_t len);
