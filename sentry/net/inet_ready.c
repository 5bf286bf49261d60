/* SPDX-License-Identifier: MIT */
/*
 * What is known of a host socket's readiness, so that epoll need not ask the host about each socket each time. The host's epoll says
 * a socket's whole state when an event is gathered; the guest's own calls then take from it: a stream that gave less than was asked
 * for is empty, EAGAIN says as much of any. Where a call may have changed it in other ways nothing is known, and the host is asked.
 */
#include "net/inet_sock.h"

#include <stdatomic.h>

#define READY_KNOWN (1u << 31) /* EPOLLET's bit, which is no readiness */
#define IN_BITS (EPOLLIN | EPOLLRDNORM)
#define OUT_BITS (EPOLLOUT | EPOLLWRNORM)
/* With these the end of what can be read is not the end of readiness. */
#define ODD_BITS (EPOLLPRI | EPOLLRDBAND | EPOLLRDHUP | EPOLLHUP | EPOLLERR)
/* So many sends of so few bytes leave a socket that was writable so: the smallest default buffer takes more. */
#define SMALL_SENDS 4
#define SMALL_SEND 1024

static uint64_t next_number(uint64_t old)
{
	return (old & ~(uint64_t)UINT32_MAX) + (1ull << 32);
}

static void set(struct inet_sock *i, uint32_t word)
{
	uint64_t old = atomic_load(&i->ready);

	while (!atomic_compare_exchange_weak(&i->ready, &old, next_number(old) | word))
		;
}

void inet_ready_event(struct host_event *he, uint32_t events)
{
	struct inet_sock *i = container_of(he, struct inet_sock, event);

	if (events & EPOLLPRI)
		i->ready_hard = true; /* a mark in the stream ends reads early */
	set(i, events | READY_KNOWN);
	atomic_store_explicit(&i->sends, 0, memory_order_relaxed);
	wait_queue_wake(&i->sock.waiters, events);
}

void inet_ready_forget(struct inet_sock *i)
{
	set(i, 0);
}

uint64_t inet_ready_mark(struct inet_sock *i)
{
	return atomic_load(&i->ready);
}

/* *bits* are not there any more; if the host has said something since *mark*, nobody knows whether before or behind that. */
static void used_up(struct inet_sock *i, uint64_t mark, uint32_t bits)
{
	if (!(mark & READY_KNOWN) || !(mark & bits))
		return;
	if (!atomic_compare_exchange_strong(&i->ready, &mark, mark & ~(uint64_t)bits))
		inet_ready_forget(i);
}

void inet_ready_received(struct inet_sock *i, uint64_t mark, size_t want, ssize_t n)
{
	if (n == -EAGAIN || (n > 0 && (size_t)n < want && !(mark & ODD_BITS)))
		used_up(i, mark, IN_BITS);
	else if (n || !want)
		inet_ready_forget(i);
}

void inet_ready_sent(struct inet_sock *i, uint64_t mark, size_t want, ssize_t n)
{
	if (n == -EAGAIN)
		used_up(i, mark, OUT_BITS);
	else if (n < 0 || (size_t)n < want || want > SMALL_SEND || i->sock.type != SOCK_STREAM ||
		 atomic_fetch_add_explicit(&i->sends, 1, memory_order_relaxed) >= SMALL_SENDS)
		inet_ready_forget(i);
}

uint32_t inet_poll(struct socket *s)
{
	struct inet_sock *i = inet_of(s);
	uint64_t old = atomic_load(&i->ready);
	uint32_t now;

	if (old & READY_KNOWN && !i->ready_hard)
		return (uint32_t)old & ~READY_KNOWN;
	now = host_poll_now(i->fd);
	if (now & EPOLLPRI)
		i->ready_hard = true;
	if (atomic_compare_exchange_strong(&i->ready, &old, next_number(old) | now | READY_KNOWN))
		atomic_store_explicit(&i->sends, 0, memory_order_relaxed);
	return now;
}
