/* SPDX-License-Identifier: MIT */
/* The listener's ioctls (seccomp_unotify(2)). */
#include "platform/internal.h"

#include "arch/x86_64/cancel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

int notify_recv(struct worker *w, struct listener *l, struct seccomp_notif *n)
{
	long r;

	memset(n, 0, sizeof(*n));
	r = arch_ioctl_cancellable(l->fd, SECCOMP_IOCTL_NOTIF_RECV, n, &w->cancel);
	if (r < 0 && atomic_exchange(&w->cancel, 0))
		return -EINTR; /* with r == 0 it stays set: the caller looks again after this notification */
	if (r == -ENOENT) {
		/* The caller died meanwhile; or, on newer kernels, nobody is left: the reaper will tell. */
		struct pollfd p = {.fd = l->fd};

		if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP)) {
			const struct timespec ts = {.tv_nsec = 200000};

			nanosleep(&ts, NULL);
		}
		return -EINTR;
	}
	return (int)r;
}

/*
 * The signal that cancels RECV may hit the worker anywhere. SEND then fails with EINTR before it has done anything, and
 * is repeated.
 */
static int send_response(struct listener *l, struct seccomp_notif_resp *resp)
{
	int r;

	do
		r = ioctl(l->fd, SECCOMP_IOCTL_NOTIF_SEND, resp);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int notify_reply(struct listener *l, uint64_t id, int64_t val)
{
	struct seccomp_notif_resp resp = {.id = id, .val = val};

	return send_response(l, &resp);
}

int notify_continue(struct listener *l, uint64_t id)
{
	struct seccomp_notif_resp resp = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	return send_response(l, &resp);
}

/*
 * Two calls although ADDFD could answer too: its wake-up is not one that pulls the stub to our processor, so the two of us could stay
 * on two, each waking the other out of an idle one. An interrupted ADDFD is repeated: it puts the same file at the same number.
 */
int notify_add_fd(struct listener *l, uint64_t id, int src_fd, unsigned fd)
{
	struct seccomp_notif_addfd add = {
		.id = id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)src_fd,
		.newfd = fd,
	};
	int r;

	do
		r = ioctl(l->fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

bool notify_valid(struct listener *l, uint64_t id)
{
	int r;

	do
		r = ioctl(l->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id);
	while (r < 0 && errno == EINTR);
	return r == 0;
}

bool notify_in_stub(const struct seccomp_notif *n)
{
	return n->data.instruction_pointer - STUB_TEXT < STUB_TEXT_SIZE;
}
