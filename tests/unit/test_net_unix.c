/* SPDX-License-Identifier: MIT */
/* Unix sockets and control messages; each test ends with nothing left behind. */
#include "net_fake.h"
#include "net/unix.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void stream_data(void **state)
{
	struct fake *f = fake_new();
	char buf[16];
	int fds[2];

	fake_pair(f, SOCK_STREAM, fds);
	assert_int_equal(fake_recv(f, fds[0], buf, 4, 0, NULL, NULL), -EAGAIN);
	assert_int_equal(fake_send(f, fds[0], "abc", 3, NULL), 3);
	assert_int_equal(fake_send(f, fds[0], "defg", 4, NULL), 4);
	assert_int_equal(fake_recv(f, fds[1], buf, 5, MSG_PEEK, NULL, NULL), 5);
	assert_memory_equal(buf, "abcde", 5);
	assert_int_equal(fake_recv(f, fds[1], buf, 2, 0, NULL, NULL), 2);
	assert_int_equal(fake_recv(f, fds[1], buf, 16, 0, NULL, NULL), 5);
	assert_memory_equal(buf, "cdefg", 5);
	fake_close(f, fds[0]);
	assert_int_equal(fake_recv(f, fds[1], buf, 16, 0, NULL, NULL), 0);
	assert_int_equal(fake_send(f, fds[1], "x", 1, NULL), -EPIPE);
	assert_int_equal(f->task.exit_signal, SIGPIPE);
	fake_free(f);
}

static void stream_reset(void **state)
{
	struct fake *f = fake_new();
	char buf[4];
	int fds[2];

	fake_pair(f, SOCK_STREAM, fds);
	assert_int_equal(fake_send(f, fds[0], "lost", 4, NULL), 4);
	fake_close(f, fds[1]);
	assert_true(fake_sock(f, fds[0])->ops->poll(fake_sock(f, fds[0])) & EPOLLERR);
	assert_int_equal(fake_recv(f, fds[0], buf, 4, 0, NULL, NULL), -ECONNRESET);
	assert_int_equal(fake_recv(f, fds[0], buf, 4, 0, NULL, NULL), 0);
	fake_free(f);
}

static void back_pressure(void **state)
{
	struct fake *f = fake_new();
	static char big[100000];
	size_t sent = 0, got = 0;
	ssize_t n;
	int fds[2];

	fake_pair(f, SOCK_STREAM, fds);
	while ((n = fake_send(f, fds[0], big, sizeof(big), NULL)) > 0)
		sent += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_true(sent > 100000 && sent < 400000);
	assert_true(f->kernel.memory_used < 1000000);
	assert_false(fake_sock(f, fds[0])->ops->poll(fake_sock(f, fds[0])) & EPOLLOUT);
	while ((n = fake_recv(f, fds[1], big, sizeof(big), 0, NULL, NULL)) > 0)
		got += (size_t)n;
	assert_int_equal(sent, got);
	assert_true(fake_sock(f, fds[0])->ops->poll(fake_sock(f, fds[0])) & EPOLLOUT);
	fake_free(f);
}

static void memory_limit(void **state)
{
	struct fake *f = fake_new();
	static char big[60000];
	int fds[2];

	fake_pair(f, SOCK_DGRAM, fds);
	f->kernel.memory_limit = f->kernel.memory_used + 70000;
	assert_int_equal(fake_send(f, fds[0], big, sizeof(big), NULL), sizeof(big));
	assert_int_equal(fake_send(f, fds[0], big, sizeof(big), NULL), -ENOMEM);
	fake_free(f);
}

static void datagrams(void **state)
{
	struct fake *f = fake_new();
	char buf[16];
	int fds[2], flags;

	fake_pair(f, SOCK_SEQPACKET, fds);
	assert_int_equal(fake_send(f, fds[0], "first", 5, NULL), 5);
	assert_int_equal(fake_send(f, fds[0], "", 0, NULL), 0);
	assert_int_equal(fake_send(f, fds[0], "third", 5, NULL), 5);
	assert_int_equal(fake_recv(f, fds[1], buf, 2, MSG_TRUNC | MSG_PEEK, NULL, &flags), 5);
	assert_true(flags & MSG_TRUNC);
	assert_int_equal(fake_recv(f, fds[1], buf, 16, 0, NULL, &flags), 5);
	assert_int_equal(flags, 0);
	assert_int_equal(fake_recv(f, fds[1], buf, 16, 0, NULL, NULL), 0);
	assert_int_equal(fake_recv(f, fds[1], buf, 2, 0, NULL, &flags), 2);
	assert_true(flags & MSG_TRUNC);
	assert_int_equal(fake_recv(f, fds[1], buf, 2, 0, NULL, &flags), -EAGAIN);
	fake_free(f);
}

static void set_name(struct net_addr *a, const char *name)
{
	memset(a, 0, sizeof(*a));
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path + 1, name, strlen(name));
	a->len = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static void full_receiver(void **state)
{
	struct fake *f = fake_new();
	int rx = fake_socket(f, SOCK_DGRAM), tx = fake_socket(f, SOCK_DGRAM), n = 0;
	struct socket *s = fake_sock(f, tx);
	struct net_addr a;
	char c;

	set_name(&a, "rx");
	assert_int_equal(fake_sock(f, rx)->ops->bind(&f->task, fake_sock(f, rx), &a), 0);
	assert_int_equal(s->ops->connect(&f->task, s, &a, true), 0);
	while (fake_send(f, tx, "x", 1, NULL) == 1)
		n++;
	assert_int_equal(n, UNIX_DGRAM_QUEUE_MAX + 1);
	assert_false(s->ops->poll(s) & EPOLLOUT);
	assert_int_equal(fake_recv(f, rx, &c, 1, 0, NULL, NULL), 1);
	assert_true(s->ops->poll(s) & EPOLLOUT);
	fake_close(f, rx);
	assert_int_equal(fake_send(f, tx, "x", 1, NULL), -ECONNREFUSED);
	assert_int_equal(fake_send(f, tx, "x", 1, NULL), -ENOTCONN);
	fake_free(f);
}

static void connections(void **state)
{
	struct fake *f = fake_new();
	int l = fake_socket(f, SOCK_STREAM), c[3];
	struct socket *ls = fake_sock(f, l), *s;
	struct net_addr a, name;
	struct file *file;

	set_name(&a, "listener");
	for (int i = 0; i < 3; i++)
		c[i] = fake_socket(f, SOCK_STREAM);
	s = fake_sock(f, c[0]);
	assert_int_equal(s->ops->connect(&f->task, s, &a, true), -ECONNREFUSED);
	assert_int_equal(ls->ops->listen(&f->task, ls, 1), -EINVAL);
	assert_int_equal(ls->ops->bind(&f->task, ls, &a), 0);
	assert_int_equal(s->ops->bind(&f->task, s, &a), -EADDRINUSE);
	assert_int_equal(s->ops->connect(&f->task, s, &a, true), -ECONNREFUSED);
	assert_int_equal(ls->ops->listen(&f->task, ls, 1), 0);
	assert_int_equal(s->ops->connect(&f->task, s, &a, true), 0);
	assert_int_equal(s->ops->connect(&f->task, s, &a, true), -EISCONN);
	assert_int_equal(fake_send(f, c[0], "hi", 2, NULL), 2);
	s = fake_sock(f, c[1]);
	assert_int_equal(s->ops->connect(&f->task, s, &a, true), 0);
	s = fake_sock(f, c[2]);
	assert_int_equal(s->ops->connect(&f->task, s, &a, true), -EAGAIN);
	assert_int_equal(socket_accept(&f->task, ls, true, &s), 0);
	assert_int_equal(socket_file(s, 0, &file), 0);
	assert_int_equal(s->ops->getname(s, false, &name), 0);
	assert_int_equal(name.len, a.len);
	file_put(file); /* unread data: the client is reset */
	assert_int_equal(fake_recv(f, c[0], &name, 1, 0, NULL, NULL), -ECONNRESET);
	s = fake_sock(f, c[2]);
	assert_int_equal(s->ops->connect(&f->task, s, &a, true), 0);
	fake_close(f, l);
	assert_int_equal(fake_recv(f, c[2], &name, 1, 0, NULL, NULL), -ECONNRESET);
	fake_free(f);
}

static void rights(void **state)
{
	uint8_t control[64] __attribute__((aligned(8)));
	struct cmsg_sink sink = {.buf = control, .cap = sizeof(control)};
	struct fake *f = fake_new();
	int a[2], b[2], send[] = {0, 0, -1}, flags, fd;
	char buf[8];

	fake_pair(f, SOCK_STREAM, a);
	fake_pair(f, SOCK_STREAM, b);
	send[0] = b[0];
	send[1] = 999;
	assert_int_equal(fake_send(f, a[0], "x", 1, send), -EBADF);
	send[1] = -1;
	assert_int_equal(fake_send(f, a[0], "plain", 5, NULL), 5);
	assert_int_equal(fake_send(f, a[0], "x", 1, send), 1);
	assert_int_equal(fake_send(f, a[0], "y", 1, NULL), 1);
	fake_close(f, b[0]);
	assert_int_equal(f->net.n_flight, 1);
	assert_int_equal(fake_recv(f, a[1], buf, 8, 0, &sink, &flags), 6); /* up to the message with the descriptor */
	assert_int_equal(flags, 0);
	assert_int_equal(sink.used, CMSG_SPACE(sizeof(int)));
	memcpy(&fd, control + sizeof(struct cmsghdr), sizeof(fd));
	assert_int_equal(fake_send(f, fd, "via", 3, NULL), 3);
	assert_int_equal(fake_recv(f, b[1], buf, 8, 0, NULL, NULL), 3);
	assert_int_equal(f->net.n_flight, 0);
	fake_free(f);
}

static void rights_without_room(void **state)
{
	uint8_t control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct cmsg_sink sink = {.buf = control, .cap = CMSG_LEN(sizeof(int))};
	struct fake *f = fake_new();
	int a[2], send[] = {0, 1, -1}, flags;
	char c;

	fake_pair(f, SOCK_DGRAM, a);
	assert_int_equal(fake_send(f, a[0], "x", 1, send), 1);
	assert_int_equal(fake_recv(f, a[1], &c, 1, 0, &sink, &flags), 1);
	assert_true(flags & MSG_CTRUNC);
	assert_int_equal(sink.used, CMSG_LEN(sizeof(int)));
	assert_int_equal(fake_send(f, a[0], "x", 1, send), 1);
	assert_int_equal(fake_recv(f, a[1], &c, 1, 0, NULL, &flags), 1);
	assert_true(flags & MSG_CTRUNC);
	assert_int_equal(f->net.n_flight, 0);
	fake_free(f);
}

static void credentials(void **state)
{
	uint8_t control[64] __attribute__((aligned(8)));
	struct cmsg_sink sink = {.buf = control, .cap = sizeof(control)};
	struct fake *f = fake_new();
	struct ucred u;
	uint32_t len = sizeof(u);
	int a[2], one = 1;
	char c;

	fake_pair(f, SOCK_STREAM, a);
	assert_int_equal(socket_getsockopt(&f->task, fake_sock(f, a[0]), SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	assert_int_equal(u.pid, 42);
	assert_int_equal(
		socket_setsockopt(&f->task, fake_sock(f, a[1]), SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
	assert_int_equal(fake_send(f, a[0], "x", 1, NULL), 1);
	assert_int_equal(fake_recv(f, a[1], &c, 1, 0, &sink, NULL), 1);
	assert_int_equal(sink.used, CMSG_SPACE(sizeof(u)));
	memcpy(&u, control + sizeof(struct cmsghdr), sizeof(u));
	assert_int_equal(u.pid, 42);
	assert_int_equal(u.uid, 7);
	assert_int_equal(u.gid, 8);
	fake_free(f);
}

/* Both ends of a pair travel in each other's queues, and are closed: nobody can ever read them. */
static void cycle(void **state)
{
	struct fake *f = fake_new();
	int a[2], b[2], send[] = {0, -1};

	fake_pair(f, SOCK_STREAM, a);
	send[0] = a[0];
	assert_int_equal(fake_send(f, a[0], "x", 1, send), 1);
	send[0] = a[1];
	assert_int_equal(fake_send(f, a[1], "x", 1, send), 1);
	fake_pair(f, SOCK_STREAM, b); /* an innocent one, in the garbage too */
	send[0] = b[0];
	assert_int_equal(fake_send(f, a[0], "x", 1, send), 1);
	fake_close(f, a[0]);
	fake_close(f, a[1]);
	assert_int_equal(f->net.n_flight, 3);
	unix_collect(&f->net);
	assert_int_equal(f->net.n_flight, 0);
	assert_int_equal(fake_send(f, b[0], "alive", 5, NULL), 5);
	fake_free(f);
}

/* What a live queue holds, directly or through another, is no garbage. */
static void reachable(void **state)
{
	struct fake *f = fake_new();
	int a[2], b[2], c[2], send[] = {0, -1}, fd;
	uint8_t control[64] __attribute__((aligned(8)));
	struct cmsg_sink sink = {.buf = control, .cap = sizeof(control)};
	char x;

	fake_pair(f, SOCK_STREAM, a);
	fake_pair(f, SOCK_STREAM, b);
	fake_pair(f, SOCK_STREAM, c);
	send[0] = c[1];
	assert_int_equal(fake_send(f, b[0], "x", 1, send), 1);
	send[0] = b[1];
	assert_int_equal(fake_send(f, a[0], "x", 1, send), 1);
	fake_close(f, b[1]);
	fake_close(f, c[1]);
	unix_collect(&f->net);
	assert_int_equal(f->net.n_flight, 2);
	assert_int_equal(fake_recv(f, a[1], &x, 1, 0, &sink, NULL), 1);
	memcpy(&fd, control + sizeof(struct cmsghdr), sizeof(fd));
	sink.used = 0;
	assert_int_equal(fake_recv(f, fd, &x, 1, 0, &sink, NULL), 1);
	memcpy(&fd, control + sizeof(struct cmsghdr), sizeof(fd));
	assert_int_equal(fake_send(f, c[0], "x", 1, NULL), 1);
	assert_int_equal(fake_recv(f, fd, &x, 1, 0, NULL, NULL), 1);
	fake_free(f);
}

/* Descriptors waiting in a connection that was never accepted, whose listener is in flight to itself. */
static void cycle_by_listener(void **state)
{
	struct fake *f = fake_new();
	int l = fake_socket(f, SOCK_STREAM), c = fake_socket(f, SOCK_STREAM), send[] = {l, -1};
	struct socket *s = fake_sock(f, l);
	struct net_addr a;

	set_name(&a, "l");
	assert_int_equal(s->ops->bind(&f->task, s, &a), 0);
	assert_int_equal(s->ops->listen(&f->task, s, 5), 0);
	s = fake_sock(f, c);
	assert_int_equal(s->ops->connect(&f->task, s, &a, true), 0);
	assert_int_equal(fake_send(f, c, "x", 1, send), 1);
	fake_close(f, l);
	fake_close(f, c);
	assert_int_equal(f->net.n_flight, 0);
	fake_free(f);
}

/* A socket in a socket in a socket …: letting go of the outermost must not recurse. */
static void nested(void **state)
{
	struct fake *f = fake_new();
	int outer[2], inner[2], send[] = {0, -1};

	fake_pair(f, SOCK_STREAM, inner);
	for (int i = 0; i < 30000; i++) {
		fake_pair(f, SOCK_STREAM, outer);
		send[0] = inner[1];
		assert_int_equal(fake_send(f, outer[0], "x", 1, send), 1);
		fake_close(f, inner[1]);
		fake_close(f, inner[0]);
		memcpy(inner, outer, sizeof(inner));
	}
	assert_int_equal(f->net.n_flight, 30000);
	fake_close(f, inner[1]);
	assert_int_equal(f->net.n_flight, 0);
	fake_free(f);
}

static void cmsg_lengths(void **state)
{
	uint8_t buf[64] __attribute__((aligned(8))) = {0};
	struct cmsghdr *h = (void *)buf;
	struct cmsg_iter it = {.buf = buf, .len = sizeof(buf)};
	const uint8_t *data;
	int level, type;
	size_t len, bad[] = {0, 15, 65, SIZE_MAX, SIZE_MAX - 7};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		it.off = 0;
		h->cmsg_len = bad[i];
		assert_int_equal(cmsg_next(&it, &level, &type, &data, &len), -EINVAL);
	}
	it.off = 0;
	h->cmsg_len = 61; /* padding beyond the end */
	assert_int_equal(cmsg_next(&it, &level, &type, &data, &len), 1);
	assert_int_equal(len, 45);
	assert_int_equal(cmsg_next(&it, &level, &type, &data, &len), 0);
	it.off = 0;
	it.len = 8;
	assert_int_equal(cmsg_next(&it, &level, &type, &data, &len), 0);
}

/* --- threads ----------------------------------------------------------------------------------------------------- */

#define PUMP (8u << 20)

struct pump {
	struct fake *f;
	struct task *t;
	int fd;
};

static void *pump_out(void *arg)
{
	struct pump *p = arg;
	static uint8_t data[50000];
	uint8_t next = 0;

	for (size_t sent = 0; sent < PUMP;) {
		struct net_msg m = {0};
		struct uio u;
		ssize_t n;

		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)(next + i);
		uio_init_kernel(&u, data, sizeof(data) < PUMP - sent ? sizeof(data) : PUMP - sent);
		m.uio = &u;
		n = socket_send(p->t, fake_sock(p->f, p->fd), &m, 0);
		assert_true(n > 0);
		next = (uint8_t)(next + n);
		sent += (size_t)n;
	}
	return NULL;
}

static void two_threads(void **state)
{
	struct fake *f = fake_new();
	static uint8_t data[30011];
	uint8_t next = 0;
	struct pump p = {.f = f, .t = fake_thread(f)};
	pthread_t th;
	int fds[2];

	fake_pair(f, SOCK_STREAM, fds);
	p.fd = fds[0];
	assert_int_equal(pthread_create(&th, NULL, pump_out, &p), 0);
	for (size_t got = 0; got < PUMP;) {
		struct net_msg m = {0};
		struct uio u;
		ssize_t n;

		uio_init_kernel(&u, data, sizeof(data) < PUMP - got ? sizeof(data) : PUMP - got);
		m.uio = &u;
		n = socket_recv(&f->task, fake_sock(f, fds[1]), &m, MSG_WAITALL);
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(data[i], (uint8_t)(next + i));
		next = (uint8_t)(next + n);
		got += (size_t)n;
	}
	pthread_join(th, NULL);
	free(p.t);
	fake_free(f);
}

static void timeout(void **state)
{
	struct fake *f = fake_new();
	struct timeval tv = {.tv_usec = 20000};
	struct net_msg m = {0};
	struct uio u;
	char c;
	int fds[2];

	fake_pair(f, SOCK_STREAM, fds);
	assert_int_equal(
		socket_setsockopt(&f->task, fake_sock(f, fds[0]), SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	uio_init_kernel(&u, &c, 1);
	m.uio = &u;
	assert_int_equal(socket_recv(&f->task, fake_sock(f, fds[0]), &m, 0), -EAGAIN);
	fake_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream_data),
		cmocka_unit_test(stream_reset),
		cmocka_unit_test(back_pressure),
		cmocka_unit_test(memory_limit),
		cmocka_unit_test(datagrams),
		cmocka_unit_test(full_receiver),
		cmocka_unit_test(connections),
		cmocka_unit_test(rights),
		cmocka_unit_test(rights_without_room),
		cmocka_unit_test(credentials),
		cmocka_unit_test(cycle),
		cmocka_unit_test(reachable),
		cmocka_unit_test(cycle_by_listener),
		cmocka_unit_test(nested),
		cmocka_unit_test(cmsg_lengths),
		cmocka_unit_test(two_threads),
		cmocka_unit_test(timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
