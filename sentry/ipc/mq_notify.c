/* SPDX-License-Identifier: MIT */
/* mq_notify(3): who is told of a message in an empty queue. */
#include "ipc/mqueue.h"
#include "net/netlink.h"
#include "net/socket.h"

#include <signal.h>
#include <string.h>

/* The last byte of the cookie says what has happened. */
#define COOKIE_WOKEN 1
#define COOKIE_REMOVED 2

static void send_cookie(struct mq_registration *r, uint8_t what)
{
	r->cookie[MQ_COOKIE_LEN - 1] = what;
	netlink_deliver(r->sock, r->cookie, MQ_COOKIE_LEN);
}

static void let_go(struct mq_registration *r)
{
	if (r->sock)
		socket_put(r->sock);
	tg_put(r->tg);
	memset(r, 0, sizeof(*r));
}

void mq_registration_take(struct mqueue *q, struct mq_registration *ret)
{
	*ret = q->notify;
	memset(&q->notify, 0, sizeof(q->notify));
}

void mq_registration_fire(struct mq_registration *r, struct task *t)
{
	struct ksiginfo info = {.signo = r->signo, .code = SI_MESGQ};

	if (!r->tg)
		return;
	if (r->kind == SIGEV_SIGNAL && r->signo) {
		info.pid = t->tg->pid;
		info.uid = t->cred->uid;
		info.value = r->value;
		signal_send_group(r->tg, &info);
	} else if (r->kind == SIGEV_THREAD) {
		send_cookie(r, COOKIE_WOKEN);
	}
	let_go(r);
}

void mq_registration_end(struct mq_registration *r)
{
	if (!r->tg)
		return;
	if (r->kind == SIGEV_THREAD)
		send_cookie(r, COOKIE_REMOVED);
	let_go(r);
}

int mq_register(struct task *t, struct mqueue *q, struct mq_registration *r)
{
	LOCK_SCOPE(&q->fs->lock);

	if (q->notify.tg)
		return -EBUSY;
	tg_get(t->tg);
	r->tg = t->tg;
	q->notify = *r;
	return 0;
}

void mq_unregister(struct task *t, struct mqueue *q)
{
	struct mq_registration r = {0};

	lock_acquire(&q->fs->lock);
	if (q->notify.tg == t->tg)
		mq_registration_take(q, &r);
	lock_release(&q->fs->lock);
	mq_registration_end(&r);
}
