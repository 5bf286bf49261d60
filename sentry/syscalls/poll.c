/* SPDX-License-Identifier: MIT */
/* poll(2), select(2) and their forms with a signal mask. Both are one wait over a list of (file, events). */
#include "host/loop.h"
#include "kernel/task.h"
#include "syscalls/event.h"
#include "syscalls/syscalls.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <linux/time_types.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

struct poll_item {
	struct file *file; /* held; NULL: no such descriptor */
	struct task_waiter tw;
	uint32_t events;   /* wanted */
	uint32_t ready;
};

#define ITEMS_ON_STACK 8

static void put_items(struct poll_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		wait_queue_remove(&items[i].tw.waiter);
		if (items[i].file)
			file_put(items[i].file);
	}
}

/* One look at all items; queue their waiters while nothing was found ready. Returns how many are ready. */
static size_t scan(struct task *t, struct poll_item *items, size_t n, bool queue)
{
	size_t found = 0;

	host_loop_gather(t->kernel->loop);
	for (size_t i = 0; i < n; i++) {
		struct poll_item *it = &items[i];
		struct waiter *w = NULL;

		if (!it->file)
			continue;
		if (queue && !found) {
			task_waiter_init(&it->tw, t, UINT32_MAX);
			w = &it->tw.waiter;
		}
		it->ready = file_poll(it->file, w) & (it->events | EPOLLERR | EPOLLHUP);
		found += it->ready != 0;
	}
	return found;
}

/*
 * Wait until an item is ready, the deadline (0: do not wait, -1: for ever) or a signal. *already*: descriptors that are not
 * open count as ready. Returns the number of ready files, or -ERESTARTSYS.
 */
static int64_t wait_items(struct task *t, struct poll_item *items, size_t n, bool already, int64_t deadline)
{
	bool sleep = deadline != 0 && !already;
	size_t found = scan(t, items, n, sleep);

	while (sleep && !found) {
		int r = task_block(t, deadline);

		found = scan(t, items, n, false);
		if (r == -ETIMEDOUT)
			break;
		if (r && !found)
			return r;
	}
	return (int64_t)found;
}

/* --- poll ------------------------------------------------------------------------------------------------------------------------ */

static int64_t poll_fds(struct task *t, struct pollfd *fds, struct poll_item *items, size_t n, int64_t deadline)
{
	int64_t count = 0, r;
	bool invalid = false;

	for (size_t i = 0; i < n; i++) {
		items[i] = (struct poll_item){.events = (uint16_t)fds[i].events};
		fds[i].revents = 0;
		if (fds[i].fd < 0)
			continue;
		items[i].file = fd_get(t, fds[i].fd);
		if (items[i].file)
			continue;
		fds[i].revents = POLLNVAL;
		invalid = true;
	}
	r = wait_items(t, items, n, invalid, deadline);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (items[i].file)
			fds[i].revents = (short)items[i].ready;
		count += fds[i].revents != 0;
	}
	put_items(items, n);
	return r < 0 ? r : count;
}

static int64_t do_poll(struct task *t, uint64_t ufds, uint64_t n, int64_t deadline)
{
	struct poll_item items_stack[ITEMS_ON_STACK], *items = items_stack;
	struct pollfd fds_stack[ITEMS_ON_STACK], *fds = fds_stack;
	uint64_t charged = 0;
	int64_t r = -ENOMEM;

	n = (uint32_t)n;
	if (n > task_rlimit(t, RLIMIT_NOFILE))
		return -EINVAL;
	if (n > ITEMS_ON_STACK) {
		charged = n * (sizeof(*items) + sizeof(*fds));
		if (kernel_charge(t->kernel, charged))
			return -ENOMEM;
		items = reallocarray(NULL, n, sizeof(*items));
		fds = reallocarray(NULL, n, sizeof(*fds));
	}
	if (!items || !fds)
		goto out;
	r = copy_in(t, fds, ufds, n * sizeof(*fds));
	if (!r)
		r = poll_fds(t, fds, items, n, deadline);
	if (r >= 0 && n && copy_out(t, ufds, fds, n * sizeof(*fds)))
		r = -EFAULT;
out:
	if (items != items_stack)
		free(items);
	if (fds != fds_stack)
		free(fds);
	kernel_uncharge(t->kernel, charged);
	return r;
}

/* A poll that was interrupted goes on until its first deadline. */
static int64_t poll_again(struct task *t, struct restart_block *rb)
{
	int64_t r = do_poll(t, rb->arg[0], rb->arg[1], rb->deadline_ns);

	return r == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : r;
}

int64_t sys_poll(struct task *t, const uint64_t *a)
{
	int ms = ARG_INT(a, 2);
	int64_t deadline = event_deadline(ms < 0 ? -1 : ms * 1000000ll), r = do_poll(t, a[0], a[1], deadline);

	if (r != -ERESTARTSYS)
		return r;
	t->restart = (struct restart_block){.fn = poll_again, .arg = {a[0], a[1]}, .deadline_ns = deadline};
	return -ERESTART_RESTARTBLOCK;
}

/* --- time left ---------------------------------------------------------------------------------------------------------------- */

#define STICKY_TIMEOUTS 0x4000000

static int64_t time_left(int64_t deadline)
{
	int64_t left = deadline > 0 ? deadline - kernel_now_mono() : 0;

	return left > 0 ? left : 0;
}

/* Linux writes the time that was left back; a guest that made it read-only still gets its result. */
static void put_timespec_left(struct task *t, uint64_t addr, int64_t deadline)
{
	int64_t left = time_left(deadline);
	struct __kernel_timespec ts = {left / 1000000000, left % 1000000000};

	if (addr && !(t->personality & STICKY_TIMEOUTS))
		(void)copy_out(t, addr, &ts, sizeof(ts));
}

int64_t sys_ppoll(struct task *t, const uint64_t *a)
{
	struct event_mask m;
	int64_t ns, deadline, r;
	int err = copy_in_timespec(t, a[2], &ns);

	if (!err)
		err = event_mask_begin(t, a[3], a[4], &m);
	if (err)
		return err;
	deadline = event_deadline(ns);
	r = do_poll(t, a[0], a[1], deadline);
	if (r == -ERESTARTSYS)
		r = -ERESTARTNOHAND;
	event_mask_end(t, &m, r == -ERESTARTNOHAND);
	put_timespec_left(t, a[2], deadline);
	return r;
}

/* --- select --------------------------------------------------------------------------------------------------------------------- */

#define SELECT_IN (EPOLLRDNORM | EPOLLRDBAND | EPOLLIN | EPOLLHUP | EPOLLERR)
#define SELECT_OUT (EPOLLWRNORM | EPOLLWRBAND | EPOLLOUT | EPOLLERR)
#define SELECT_EX EPOLLPRI

static const uint32_t select_events[3] = {SELECT_IN, SELECT_OUT, SELECT_EX};

struct select_sets {
	size_t n, words;   /* descriptors; 64-bit words in a set */
	uint64_t addr[3];
	uint64_t *bits[3]; /* in, out, except; one allocation */
};

static bool set_has(const struct select_sets *s, int which, size_t fd)
{
	return s->bits[which][fd / 64] >> (fd % 64) & 1;
}

static uint32_t wanted_events(const struct select_sets *s, size_t fd)
{
	uint32_t ev = 0;

	for (int i = 0; i < 3; i++)
		if (set_has(s, i, fd))
			ev |= select_events[i];
	return ev;
}

static int sets_in(struct task *t, struct select_sets *s)
{
	s->words = (s->n + 63) / 64;
	s->bits[0] = calloc(s->words * 3 + 1, sizeof(uint64_t));
	if (!s->bits[0])
		return -ENOMEM;
	for (int i = 0; i < 3; i++) {
		s->bits[i] = s->bits[0] + (size_t)i * s->words;
		if (s->addr[i] && copy_in(t, s->bits[i], s->addr[i], s->words * 8))
			return -EFAULT;
		if (s->words && s->n % 64)
			s->bits[i][s->words - 1] &= (1ull << (s->n % 64)) - 1;
	}
	return 0;
}

/* Replace the bits by those that are ready. */
static int64_t sets_out(struct task *t, struct select_sets *s, const struct poll_item *items, const int *fds, size_t n)
{
	int64_t count = 0;
	uint64_t *was = s->bits[0], *now[3];
	uint64_t *result = calloc(s->words * 3 + 1, sizeof(uint64_t));

	if (!result)
		return -ENOMEM;
	for (int i = 0; i < 3; i++)
		now[i] = result + (size_t)i * s->words;
	for (size_t j = 0; j < n; j++) {
		size_t fd = (size_t)fds[j];

		for (int i = 0; i < 3; i++) {
			if (!set_has(s, i, fd) || !(items[j].ready & select_events[i]))
				continue;
			now[i][fd / 64] |= 1ull << (fd % 64);
			count++;
		}
	}
	s->bits[0] = result;
	free(was);
	for (int i = 0; i < 3; i++)
		if (s->addr[i] && s->words && copy_out(t, s->addr[i], now[i], s->words * 8))
			return -EFAULT;
	return count;
}

static int64_t select_wait(struct task *t, struct select_sets *s, int64_t deadline)
{
	struct poll_item *items;
	size_t n = 0;
	int64_t r = 0;
	int *fds;

	for (size_t fd = 0; fd < s->n; fd++)
		n += wanted_events(s, fd) != 0;
	items = calloc(n + 1, sizeof(*items));
	fds = calloc(n + 1, sizeof(*fds));
	if (!items || !fds) {
		free(items);
		free(fds);
		return -ENOMEM;
	}
	n = 0;
	for (size_t fd = 0; fd < s->n && !r; fd++) {
		uint32_t ev = wanted_events(s, fd);

		if (!ev)
			continue;
		items[n].events = ev;
		items[n].file = fd_get(t, (int)fd);
		if (!items[n].file)
			r = -EBADF;
		else
			fds[n++] = (int)fd;
	}
	if (!r)
		r = wait_items(t, items, n, false, deadline);
	put_items(items, n);
	if (r >= 0)
		r = sets_out(t, s, items, fds, n);
	free(items);
	free(fds);
	return r;
}

static int64_t do_select(struct task *t, const uint64_t *a, int64_t deadline)
{
	struct select_sets s = {.addr = {a[1], a[2], a[3]}};
	int n = ARG_INT(a, 0);
	uint64_t limit = t->fds->n_entries < 64 ? 64 : t->fds->n_entries;
	int64_t r;

	if (n < 0)
		return -EINVAL;
	/* Bits above the table are not looked at, as Linux has it. */
	s.n = (uint64_t)n < limit ? (size_t)n : (size_t)limit;
	r = sets_in(t, &s);
	if (!r)
		r = select_wait(t, &s, deadline);
	free(s.bits[0]);
	return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

int64_t sys_select(struct task *t, const uint64_t *a)
{
	struct timeval tv;
	int64_t deadline = -1, ns, r;

	if (a[4]) {
		if (copy_in(t, &tv, a[4], sizeof(tv)))
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;
		/* Microseconds may exceed a second here. */
		if (__builtin_mul_overflow(tv.tv_sec, 1000000000ll, &ns) || __builtin_mul_overflow(tv.tv_usec, 1000ll, &tv.tv_usec) ||
		    __builtin_add_overflow(ns, tv.tv_usec, &ns))
			ns = INT64_MAX; /* event_deadline() makes it what can be waited for */
		deadline = event_deadline(ns);
	}
	r = do_select(t, a, deadline);
	if (a[4] && !(t->personality & STICKY_TIMEOUTS)) {
		int64_t left = time_left(deadline);

		tv = (struct timeval){left / 1000000000, left % 1000000000 / 1000};
		(void)copy_out(t, a[4], &tv, sizeof(tv));
	}
	return r;
}

int64_t sys_pselect6(struct task *t, const uint64_t *a)
{
	uint64_t sig[2] = {0, 0}; /* address and size of the mask */
	struct event_mask m;
	int64_t ns, deadline, r;
	int err = copy_in_timespec(t, a[4], &ns);

	if (!err && a[5])
		err = copy_in(t, sig, a[5], sizeof(sig));
	if (!err)
		err = event_mask_begin(t, sig[0], sig[1], &m);
	if (err)
		return err;
	deadline = event_deadline(ns);
	r = do_select(t, a, deadline);
	event_mask_end(t, &m, r == -ERESTARTNOHAND);
	put_timespec_left(t, a[4], deadline);
	return r;
}
