/* SPDX-License-Identifier: MIT */
/*
 * A network that is still being made. slirp4netns needs several milliseconds to set the interface up, beside the program, which seldom wants it
 * before that: who asks for the first socket of the network, or what its interfaces are, waits until picket has said how it came out.
 */
#include "net/net.h"

#include "control/config.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "platform/platform.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_word(struct kernel *k)
{
	while (!atomic_load(&k->network_settled))
		syscall(SYS_futex, &k->network_settled, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

void net_settle_init(struct kernel *k)
{
	wait_queue_init(&k->net->settle_wait);
	/* picket always says how it came out, and if it dies the control socket's end ends us. */
	atomic_store(&k->network_settled, !k->config || k->config->network != CONFIG_NET_SLIRP || k->config->control_fd < 0);
}

void net_settled(struct kernel *k)
{
	atomic_store(&k->network_settled, 1);
	syscall(SYS_futex, &k->network_settled, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	wait_queue_wake(&k->net->settle_wait, EPOLLIN);
}

int net_await(struct task *t)
{
	struct kernel *k = t->kernel;
	struct task_waiter w;
	int r = 0;

	if (atomic_load(&k->network_settled))
		return 0;
	task_waiter_init(&w, t, EPOLLIN);
	wait_queue_add(&k->net->settle_wait, &w.waiter);
	while (r == 0 && !atomic_load(&k->network_settled))
		r = task_block_killable(t, -1); /* socket(2) knows no EINTR */
	wait_queue_remove(&w.waiter);
	return r;
}

void net_await_unbroken(struct kernel *k)
{
	if (atomic_load(&k->network_settled))
		return;
	platform_host_block_begin(k->platform);
	wait_word(k);
	platform_host_block_end(k->platform);
}

void net_await_first(struct kernel *k)
{
	wait_word(k);
}
