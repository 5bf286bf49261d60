/* SPDX-License-Identifier: MIT */
/* Cursors over guest ranges or sentry memory. */
#include "vfs/uio.h"
#include "kernel/task.h"
#include "mm/mm.h"

#include <errno.h>
#include <string.h>

#define UIO_BATCH 16 /* guest ranges handed to the platform at once */

void uio_init_kernel(struct uio *u, void *buf, size_t len)
{
	*u = (struct uio){.buf = buf, .left = len};
}

void uio_init_guest(struct uio *u, struct aspace *as, const struct guest_iovec *iov, size_t n, size_t len)
{
	*u = (struct uio){.as = as, .iov = iov, .n_iov = n, .left = len};
}

/* Collect the next ranges of *u*, at most *len* bytes; returns their number and the bytes in *ret_bytes*. */
static size_t gather(const struct uio *u, size_t len, struct guest_iovec *out, size_t *ret_bytes)
{
	size_t n = 0, bytes = 0;
	uint64_t off = u->iov_off;

	for (size_t i = u->i_iov; i < u->n_iov && n < UIO_BATCH && bytes < len; i++, off = 0) {
		uint64_t have = u->iov[i].len - off;

		if (!have)
			continue;
		if (have > len - bytes)
			have = len - bytes;
		out[n++] = (struct guest_iovec){.base = u->iov[i].base + off, .len = have};
		bytes += have;
	}
	*ret_bytes = bytes;
	return n;
}

static void advance(struct uio *u, size_t len)
{
	u->left -= len;
	while (len) {
		uint64_t have = u->iov[u->i_iov].len - u->iov_off;

		if (len < have) {
			u->iov_off += len;
			return;
		}
		len -= have;
		u->i_iov++;
		u->iov_off = 0;
	}
}

/* What was read of the caller's rewritten text is to be the original. */
static void show_originals(const struct uio *u, const struct guest_iovec *iov, size_t n, uint8_t *data, size_t len)
{
	if (!u->task || !u->task->mm || u->task->mm->as != u->as)
		return;
	for (size_t i = 0; i < n && len; i++) {
		size_t have = iov[i].len < len ? iov[i].len : len;

		patched_originals(u->task->mm, iov[i].base, data, have);
		data += have;
		len -= have;
	}
}

static ssize_t move_guest(struct uio *u, uint8_t *data, size_t len, bool put)
{
	struct guest_iovec iov[UIO_BATCH];
	size_t total = 0;

	while (total < len) {
		size_t want, n = gather(u, len - total, iov, &want);
		ssize_t r;

		if (!n)
			break;
		r = put ? aspace_writev(u->as, iov, n, data + total, want) :
			  aspace_readv(u->as, iov, n, data + total, want);
		if (r <= 0)
			return total ? (ssize_t)total : -EFAULT;
		if (!put)
			show_originals(u, iov, n, data + total, (size_t)r);
		advance(u, (size_t)r);
		total += (size_t)r;
		if ((size_t)r < want)
			break;
	}
	return (ssize_t)total;
}

ssize_t uio_put(struct uio *u, const void *data, size_t len)
{
	if (len > u->left)
		len = u->left;
	if (!len)
		return 0;
	if (u->as)
		return move_guest(u, (uint8_t *)(uintptr_t)data, len, true);
	memcpy(u->buf, data, len);
	u->buf += len;
	u->left -= len;
	return (ssize_t)len;
}

ssize_t uio_take(struct uio *u, void *data, size_t len)
{
	if (len > u->left)
		len = u->left;
	if (!len)
		return 0;
	if (u->as)
		return move_guest(u, data, len, false);
	memcpy(data, u->buf, len);
	u->buf += len;
	u->left -= len;
	return (ssize_t)len;
}

ssize_t uio_put_zero(struct uio *u, size_t len)
{
	static const uint8_t zeros[16384];
	size_t total = 0;

	if (len > u->left)
		len = u->left;
	while (total < len) {
		size_t chunk = len - total < sizeof(zeros) ? len - total : sizeof(zeros);
		ssize_t r = uio_put(u, zeros, chunk);

		if (r <= 0)
			return total ? (ssize_t)total : r;
		total += (size_t)r;
		if ((size_t)r < chunk)
			break;
	}
	return (ssize_t)total;
}

void uio_rewind(struct uio *u, size_t len)
{
	u->left += len;
	if (!u->as) {
		u->buf -= len;
		return;
	}
	while (len) {
		if (u->iov_off) {
			size_t back = len < u->iov_off ? len : (size_t)u->iov_off;

			u->iov_off -= back;
			len -= back;
		} else {
			u->i_iov--;
			u->iov_off = u->iov[u->i_iov].len;
		}
	}
}
