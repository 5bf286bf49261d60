/* SPDX-License-Identifier: MIT */
/* Addresses, control messages and netlink requests as a hostile guest sends them, and answers as no host should. */
#include "net/netlink.h"
#include "net/route.h"
#include "net/unix.h"
#include "tests/unit/net_fake.h"

#include "host/socket.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t left;
};

static struct input answer; /* what the host says next */

static size_t take(struct input *in, void *dst, size_t max)
{
	size_t n;

	if (!in->left)
		return 0;
	n = in->p[0] % (max + 1);
	in->p++;
	in->left--;
	if (n > in->left)
		n = in->left;
	memcpy(dst, in->p, n);
	in->p += n;
	in->left -= n;
	return n;
}

ssize_t host_sendmsg(int fd, const struct msghdr *m, int flags)
{
	const struct nlmsghdr *h = m->msg_iov->iov_base;

	if (h->nlmsg_len != m->msg_iov->iov_len || h->nlmsg_len > ROUTE_REQUEST_MAX)
		abort();
	return (ssize_t)h->nlmsg_len;
}

ssize_t host_recvmsg(int fd, struct msghdr *m, int flags)
{
	size_t n = take(&answer, m->msg_iov->iov_base, 250);

	return n ? (ssize_t)n : -EAGAIN;
}

static void fuzz_unix(struct fake *f, struct input *in)
{
	struct net_addr addr = {.len = 0};
	uint8_t control[256], data[16];
	struct cmsg_sink sink = {.buf = control};
	int fds[2], s = fake_socket(f, SOCK_DGRAM);
	struct net_msg m = {0};
	struct uio u;

	addr.len = (uint32_t)take(in, &addr.ss, sizeof(addr.ss));
	fake_sock(f, s)->ops->bind(&f->task, fake_sock(f, s), &addr);
	fake_sock(f, s)->ops->connect(&f->task, fake_sock(f, s), &addr, true);
	fake_sock(f, s)->ops->getname(fake_sock(f, s), false, &addr);
	fake_pair(f, SOCK_STREAM, fds);
	m.control = control;
	m.control_len = take(in, control, sizeof(control));
	m.addr = &addr;
	addr.len = 0;
	uio_init_kernel(&u, data, 4);
	m.uio = &u;
	socket_send(&f->task, fake_sock(f, fds[0]), &m, MSG_DONTWAIT);
	sink.cap = in->left ? in->p[0] : 0;
	fake_recv(f, fds[1], data, sizeof(data), 0, &sink, NULL);
	if (sink.used > sink.cap)
		abort();
}

static void fuzz_netlink(struct fake *f, struct input *in)
{
	uint8_t buf[256], out[4096];
	struct net_msg m = {0};
	struct socket *s;
	struct file *file;
	struct uio u;

	if (netlink_create(&f->task, SOCK_RAW, NETLINK_ROUTE, &s) != 0 || socket_file(s, 0, &file) != 0)
		abort();
	uio_init_kernel(&u, buf, take(in, buf, 255));
	m.uio = &u;
	answer = *in;
	socket_send(&f->task, s, &m, MSG_DONTWAIT);
	for (int i = 0; i < 8; i++) {
		uio_init_kernel(&u, out, sizeof(out));
		socket_recv(&f->task, s, &m, MSG_DONTWAIT);
	}
	file_put(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake *f = fake_new();
	struct input in = {.p = data, .left = size};
	struct net_device *devs = NULL;
	size_t n;

	f->net.route_fd = size & 1 ? 5 : -1;
	fuzz_unix(f, &in);
	fuzz_netlink(f, &in);
	answer = in;
	if (net_devices(&f->kernel, &devs, &n) == 0)
		free(devs);
	fake_free(f);
	return 0;
}
