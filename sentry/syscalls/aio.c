/* SPDX-License-Identifier: MIT */
/* io_setup(2), io_submit(2), io_getevents(2) and their kin, as libaio uses them. */
#include "fs/event.h"
#include "kernel/aio.h"
#include "kernel/time.h"
#include "syscalls/event.h"
#include "syscalls/names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stddef.h>
#include <sys/mman.h>

#define RING_BYTES 4096
#define SUBMIT_CHUNK 32 /* results handed out at a time */

/*
 * The number of a context is the address of a page in the guest. On Linux it is a ring that libaio looks into, if a magic number is
 * there; here it is empty, and libaio asks.
 */
int64_t sys_io_setup(struct task *t, const uint64_t *a)
{
	unsigned n = ARG_UINT(a, 0);
	uint64_t id;
	int64_t at;
	int r;

	if (copy_in(t, &id, a[1], sizeof(id)))
		return -EFAULT;
	if (id || !n || n > 0x10000000 / sizeof(struct aio_event))
		return -EINVAL;
	at = gthread_mmap(t->th, 0, RING_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at < 0)
		return at;
	id = (uint64_t)at;
	r = aio_create(t, id, n);
	if (!r && copy_out(t, a[1], &id, sizeof(id))) {
		aio_destroy(t, id);
		r = -EFAULT;
	}
	if (r < 0)
		gthread_munmap(t->th, id, RING_BYTES);
	return r;
}

int64_t sys_io_destroy(struct task *t, const uint64_t *a)
{
	int r = aio_destroy(t, a[0]);

	if (!r)
		gthread_munmap(t->th, a[0], RING_BYTES);
	return r;
}

/* --- submission ------------------------------------------------------------------------------------------------------------- */

static int64_t do_rw(struct task *t, struct file *f, const struct iocb *cb, bool vector, bool write)
{
	int64_t off = f->stream ? -1 : cb->aio_offset, r;
	struct guest_iovec one, *iov = NULL;
	struct uio u;
	size_t total;

	if (vector) {
		r = copy_in_iov(t, cb->aio_buf, cb->aio_nbytes, &iov, &total);
		if (r < 0)
			return r;
		uio_init_guest(&u, t->mm->as, iov, cb->aio_nbytes, total < UIO_MAX_BYTES ? total : UIO_MAX_BYTES);
	} else {
		uio_guest_buf(&u, &one, t, cb->aio_buf, cb->aio_nbytes);
	}
	u.nowait = cb->aio_rw_flags & RWF_NOWAIT;
	u.append = cb->aio_rw_flags & RWF_APPEND;
	r = write ? file_write(t, f, &u, off) : file_read(t, f, &u, off);
	task_account_io(t, write, r);
	free(iov);
	return errno_is_restart(r) ? -EINTR : r;
}

/* What makes io_submit itself fail, rather than the request. */
static int check_request(const struct file *f, const struct iocb *cb)
{
	int mode = f->flags & O_ACCMODE;

	switch (cb->aio_lio_opcode) {
	case IOCB_CMD_PREAD:
	case IOCB_CMD_PREADV:
		if (mode == O_WRONLY)
			return -EBADF;
		if (!f->ops || (!f->ops->read && !f->ops->read_blocking))
			return -EINVAL;
		break;
	case IOCB_CMD_PWRITE:
	case IOCB_CMD_PWRITEV:
		if (mode == O_RDONLY)
			return -EBADF;
		if (!f->ops || (!f->ops->write && !f->ops->write_blocking))
			return -EINVAL;
		break;
	case IOCB_CMD_FSYNC:
	case IOCB_CMD_FDSYNC:
		return f->ops && f->ops->fsync ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
	if ((uint32_t)cb->aio_rw_flags & ~(uint32_t)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
	return !f->stream && cb->aio_offset < 0 ? -EINVAL : 0;
}

static int64_t run_request(struct task *t, struct file *f, const struct iocb *cb)
{
	switch (cb->aio_lio_opcode) {
	case IOCB_CMD_PREAD:
	case IOCB_CMD_PREADV:
		return do_rw(t, f, cb, cb->aio_lio_opcode == IOCB_CMD_PREADV, false);
	case IOCB_CMD_PWRITE:
	case IOCB_CMD_PWRITEV:
		return do_rw(t, f, cb, cb->aio_lio_opcode == IOCB_CMD_PWRITEV, true);
	default:
		return f->ops->fsync(f, cb->aio_lio_opcode == IOCB_CMD_FDSYNC);
	}
}

static int submit_one(struct task *t, struct aio_context *c, uint64_t addr)
{
	FILE_SCOPE f = NULL;
	FILE_SCOPE bell = NULL;
	struct aio_event ev = {.obj = addr};
	const uint32_t key = 0;
	struct iocb cb;
	int r;

	if (copy_in(t, &cb, addr, sizeof(cb)))
		return -EFAULT;
	if (cb.aio_reserved2 || cb.aio_nbytes > INT64_MAX)
		return -EINVAL;
	r = aio_reserve(c);
	if (r < 0)
		return r;
	f = fd_get(t, (int)cb.aio_fildes);
	r = f ? 0 : -EBADF;
	if (!r && cb.aio_flags & IOCB_FLAG_RESFD) {
		bell = fd_get(t, (int)cb.aio_resfd);
		r = !bell ? -EBADF : file_is_eventfd(bell) ? 0 : -EINVAL;
	}
	if (!r && copy_out(t, addr + offsetof(struct iocb, aio_key), &key, sizeof(key)))
		r = -EFAULT;
	if (!r)
		r = check_request(f, &cb);
	if (r < 0) {
		aio_unreserve(c);
		return r;
	}
	ev.data = cb.aio_data;
	ev.res = run_request(t, f, &cb);
	aio_complete(c, &ev);
	if (bell)
		eventfd_ring(bell);
	return 0;
}

int64_t sys_io_submit(struct task *t, const uint64_t *a)
{
	int64_t n = (int64_t)a[1], done = 0;
	struct aio_context *c;
	int r = 0;

	if (n < 0)
		return -EINVAL;
	c = aio_find(t, a[0]);
	if (!c)
		return -EINVAL;
	for (; done < n; done++) {
		uint64_t addr;

		r = copy_in(t, &addr, a[2] + (uint64_t)done * sizeof(addr), sizeof(addr)) ? -EFAULT : submit_one(t, c, addr);
		if (r < 0 || (done && signal_pending(t)))
			break;
	}
	if (r == 0 && done < n)
		done++; /* stopped for a signal, behind the one that was done */
	aio_put(c);
	return done ? done : r;
}

/* Nothing is ever under way. */
int64_t sys_io_cancel(struct task *t, const uint64_t *a)
{
	struct aio_context *c;
	uint32_t key;

	if (copy_in(t, &key, a[1] + offsetof(struct iocb, aio_key), sizeof(key)))
		return -EFAULT;
	c = aio_find(t, a[0]);
	aio_put(c);
	return -EINVAL;
}

/* --- results ------------------------------------------------------------------------------------------------------------------ */

/* Hand over what is there, at most *n*; the number or a negative errno. */
static int64_t take_events(struct task *t, struct aio_context *c, uint64_t to, int64_t n)
{
	struct aio_event ev[SUBMIT_CHUNK];
	int64_t done = 0;

	while (done < n) {
		unsigned want = n - done < SUBMIT_CHUNK ? (unsigned)(n - done) : SUBMIT_CHUNK;
		int got = aio_take(c, ev, want);

		if (got < 0)
			return done ? done : got;
		if (got && copy_out(t, to + (uint64_t)done * sizeof(*ev), ev, (size_t)got * sizeof(*ev)))
			return done ? done : -EFAULT;
		done += got;
		if ((unsigned)got < want)
			break;
	}
	return done;
}

static int64_t get_events(struct task *t, struct aio_context *c, int64_t min, int64_t n, uint64_t to, int64_t deadline)
{
	struct task_waiter w;
	int64_t done = 0, r;

	task_waiter_init(&w, t, EPOLLIN);
	aio_wait(c, &w.waiter);
	for (;;) {
		r = take_events(t, c, to + (uint64_t)done * sizeof(struct aio_event), n - done);
		if (r < 0)
			break;
		done += r;
		if (done >= min || !deadline)
			break;
		r = task_block(t, deadline);
		if (r < 0)
			break;
	}
	wait_queue_remove(&w.waiter);
	if (done || r >= 0 || r == -ETIMEDOUT)
		return done;
	return errno_is_restart(r) ? -EINTR : r;
}

static int64_t do_getevents(struct task *t, const uint64_t *a)
{
	int64_t min = (int64_t)a[1], n = (int64_t)a[2], ns = -1, r;
	struct aio_context *c;

	if (a[4]) {
		r = copy_in_timespec(t, a[4], &ns);
		if (r < 0)
			return r;
	}
	c = aio_find(t, a[0]);
	r = c && min <= n && min >= 0 ? 0 : -EINVAL;
	if (!r) {
		if (ns > 0 && __builtin_add_overflow(ns, kernel_now_mono(), &ns))
			ns = -1;
		r = get_events(t, c, min, n, a[3], ns);
	}
	aio_put(c);
	return r;
}

int64_t sys_io_getevents(struct task *t, const uint64_t *a)
{
	return do_getevents(t, a);
}

int64_t sys_io_pgetevents(struct task *t, const uint64_t *a)
{
	struct {
		uint64_t mask, size;
	} sig = {0};
	struct event_mask m;
	int64_t r;

	if (a[5] && copy_in(t, &sig, a[5], sizeof(sig)))
		return -EFAULT;
	r = event_mask_begin(t, sig.mask, sig.size, &m);
	if (r < 0)
		return r;
	r = do_getevents(t, a);
	event_mask_end(t, &m, r == -EINTR);
	return r;
}
