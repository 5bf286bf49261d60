/* SPDX-License-Identifier: MIT */
/* epoll: threads that add, change, close and ask at once; nesting. What tasks see of it is in tests/diff/epoll_*.c. */
#include "fake_task.h"

#include "fs/event.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUNDS 3000

static struct fake *fake;
static struct file *ep, *inner;
static _Atomic bool stop;

static void add_to_count(struct file *f, uint64_t n)
{
	struct uio u;

	uio_init_kernel(&u, &n, sizeof(n));
	f->ops->write(f, &u, &f->pos);
}

static void *open_and_close(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct epoll_event ev = {.events = EPOLLIN | (i & 1 ? EPOLLET : 0), .data.u64 = (uint64_t)i};
		struct file *f, *into = i % 3 ? ep : inner;

		assert_int_equal(eventfd_create(&fake->kernel, 0, O_NONBLOCK, &f), 0);
		assert_int_equal(epoll_control(into, EPOLL_CTL_ADD, i, f, &ev), 0);
		add_to_count(f, 1);
		if (i % 5 == 0)
			epoll_control(into, EPOLL_CTL_MOD, i, f, &ev);
		if (i % 7 == 0)
			assert_int_equal(epoll_control(into, EPOLL_CTL_DEL, i, f, NULL), 0);
		file_put(f);
	}
	return NULL;
}

static void *make_and_drop(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct epoll_event ev = {.events = EPOLLIN};
		struct file *watcher;

		assert_int_equal(epoll_make(&fake->kernel, &watcher), 0);
		assert_int_equal(epoll_control(watcher, EPOLL_CTL_ADD, 3, ep, &ev), 0);
		file_poll(watcher, NULL);
		file_put(watcher);
	}
	return NULL;
}

static void *ask(void *arg)
{
	while (!stop)
		file_poll(ep, NULL);
	return NULL;
}

static void stress(void **state)
{
	struct epoll_event ev = {.events = EPOLLIN};
	pthread_t t[4];

	assert_int_equal(epoll_make(&fake->kernel, &ep), 0);
	assert_int_equal(epoll_make(&fake->kernel, &inner), 0);
	assert_int_equal(epoll_control(ep, EPOLL_CTL_ADD, 1, inner, &ev), 0);
	assert_int_equal(epoll_control(inner, EPOLL_CTL_ADD, 1, ep, &ev), -ELOOP);
	pthread_create(&t[0], NULL, open_and_close, NULL);
	pthread_create(&t[1], NULL, open_and_close, NULL);
	pthread_create(&t[2], NULL, make_and_drop, NULL);
	pthread_create(&t[3], NULL, ask, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	stop = true;
	pthread_join(t[3], NULL);
	assert_int_equal(file_poll(ep, NULL), 0); /* every watched file is closed */
	file_put(inner);
	file_put(ep);
}

static void depth(void **state)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct file *chain[8];
	int ok = 0;

	for (int i = 0; i < 8; i++)
		assert_int_equal(epoll_make(&fake->kernel, &chain[i]), 0);
	for (int i = 0; i < 7; i++)
		ok += epoll_control(chain[i + 1], EPOLL_CTL_ADD, 0, chain[i], &ev) == 0;
	assert_true(ok >= 4 && ok < 7);
	for (int i = 0; i < 8; i++)
		file_put(chain[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(stress), cmocka_unit_test(depth)};
	int r;

	fake = fake_create(NULL);
	lock_init(&fake->kernel.epoll_lock, RANK_EPOLL_TREE);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fake_destroy(fake);
	return r;
}
