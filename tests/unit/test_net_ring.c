/* SPDX-License-Identifier: MIT */
/* The ring: every reader sees every byte, and an abort wakes all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

#include "net/ring.h"

#define TOTAL 3000000u

struct side {
	struct ring *ring;
	unsigned int reader;
	uint64_t seen;
	bool right, aborted;
};

static unsigned char byte_at(uint64_t i)
{
	return (unsigned char)(i * 31 + (i >> 8));
}

static void *reader(void *arg)
{
	struct side *s = arg;
	const unsigned char *p;
	size_t len;

	s->right = true;
	while ((p = ring_peek(s->ring, s->reader, &len)) && len) {
		size_t take = len > 777 ? len - s->reader * 500 : len;

		for (size_t i = 0; i < take; i++)
			s->right = s->right && p[i] == byte_at(s->seen + i);
		s->seen += take;
		ring_consume(s->ring, s->reader, take);
	}
	s->aborted = !p;
	return NULL;
}

static void two_readers(void **state)
{
	struct ring *r = ring_new(65536, 2);
	struct side a = {.ring = r}, b = {.ring = r, .reader = 1};
	pthread_t ta, tb;
	uint64_t done = 0;

	pthread_create(&ta, NULL, reader, &a);
	pthread_create(&tb, NULL, reader, &b);
	while (done < TOTAL) {
		unsigned char piece[1000];
		size_t n = done % 1000 + 1 < TOTAL - done ? done % 1000 + 1 : TOTAL - done;

		for (size_t i = 0; i < n; i++)
			piece[i] = byte_at(done + i);
		assert_int_equal(ring_write(r, piece, n), 0);
		done += n;
	}
	ring_close(r);
	pthread_join(ta, NULL);
	pthread_join(tb, NULL);
	assert_true(a.right && b.right && !a.aborted && !b.aborted);
	assert_int_equal(a.seen, TOTAL);
	assert_int_equal(b.seen, TOTAL);
	ring_free(r);
}

static void *aborter(void *arg)
{
	usleep(20000);
	ring_abort(arg);
	return NULL;
}

static void abort_wakes(void **state)
{
	struct ring *r = ring_new(65536, 1);
	struct side a = {.ring = r};
	static char zeros[65536];
	pthread_t t, u;

	/* A reader with nothing to read. */
	pthread_create(&t, NULL, reader, &a);
	pthread_create(&u, NULL, aborter, r);
	pthread_join(t, NULL);
	pthread_join(u, NULL);
	assert_true(a.aborted);
	ring_free(r);
	/* A writer without a reader. */
	r = ring_new(65536, 1);
	pthread_create(&u, NULL, aborter, r);
	assert_int_equal(ring_write(r, zeros, 65536), 0);
	assert_int_equal(ring_write(r, zeros, 65536), -1);
	pthread_join(u, NULL);
	ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_readers),
		cmocka_unit_test(abort_wakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
