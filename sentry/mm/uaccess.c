/* SPDX-License-Identifier: MIT */
/* The gate to the caller's memory. */
#include "kernel/task.h"
#include "mm/mm.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define NSEC 1000000000ll

int copy_in(struct task *t, void *dst, uint64_t src, size_t len)
{
	int r = len ? aspace_read(t->mm->as, src, dst, len, NULL) : 0;

	if (!r)
		patched_originals(t->mm, src, dst, len);
	return r;
}

int copy_out(struct task *t, uint64_t dst, const void *src, size_t len)
{
	return len ? aspace_write(t->mm->as, dst, src, len, NULL) : 0;
}

ssize_t copy_in_str(struct task *t, char *dst, uint64_t src, size_t max)
{
	size_t have = aspace_read_window(t->mm->as, src, dst, max);
	char *nul = memchr(dst, 0, have);

	if (nul)
		return nul - dst;
	have = 0;
	while (have < max) {
		/* Up to the end of the page only: the next one may not be there, and need not be. */
		size_t n = 4096 - ((src + have) & 4095), done = 0;
		char *end;

		if (n > max - have)
			n = max - have;
		if (n > 256 && have == 0)
			n = 256; /* most strings are short */
		aspace_read(t->mm->as, src + have, dst + have, n, &done);
		end = memchr(dst + have, 0, done);
		if (end)
			return end - dst;
		if (done < n)
			return -EFAULT;
		have += n;
	}
	return -ENAMETOOLONG;
}

int copy_in_path(struct task *t, uint64_t src, bool allow_empty, char **ret)
{
	char buf[VFS_PATH_MAX];
	ssize_t n = copy_in_str(t, buf, src, sizeof(buf));
	char *p;

	if (n < 0)
		return (int)n;
	if (n == 0 && !allow_empty)
		return -ENOENT;
	p = malloc((size_t)n + 1);
	if (!p)
		return -ENOMEM;
	memcpy(p, buf, (size_t)n + 1);
	*ret = p;
	return 0;
}

int copy_in_iov(struct task *t, uint64_t src, uint64_t n, struct guest_iovec **ret, size_t *total)
{
	struct guest_iovec *v;
	size_t sum = 0;
	int r;

	if (n > UIO_MAXIOV)
		return -EINVAL;
	v = malloc(n ? n * sizeof(*v) : 1);
	if (!v)
		return -ENOMEM;
	r = copy_in(t, v, src, n * sizeof(*v));
	for (uint64_t i = 0; !r && i < n; i++) {
		if (v[i].len > SSIZE_MAX)
			r = -EINVAL;
		else if (v[i].len > UIO_MAX_BYTES - sum)
			v[i].len = UIO_MAX_BYTES - sum;
		sum += v[i].len;
	}
	if (r) {
		free(v);
		return r;
	}
	*ret = v;
	*total = sum;
	return 0;
}

int copy_in_timespec(struct task *t, uint64_t src, int64_t *ret_ns)
{
	struct timespec ts;
	int64_t ns;

	if (!src) {
		*ret_ns = -1;
		return 0;
	}
	if (copy_in(t, &ts, src, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NSEC)
		return -EINVAL;
	if (__builtin_mul_overflow(ts.tv_sec, NSEC, &ns) || __builtin_add_overflow(ns, ts.tv_nsec, &ns))
		ns = INT64_MAX / 2;
	if (ns > INT64_MAX / 2)
		ns = INT64_MAX / 2; /* longer than the machine lives; sums with now do not overflow */
	*ret_ns = ns;
	return 0;
}
