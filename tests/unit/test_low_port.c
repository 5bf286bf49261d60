/* SPDX-License-Identifier: MIT */
/* What a sentry that was taken over may send to who binds low ports for it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/runtime/low_port.h"

static struct sockaddr_in address(uint16_t port)
{
	/* Not an address of this machine, which is what bind(2) looks at first. */
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0xcb007109)};
}

static int try(int family, int type, int protocol, const void *message, size_t len)
{
	int fd = socket(family, type, protocol), r;

	assert_true(fd >= 0);
	r = low_port_bind(fd, message, len);
	close(fd);
	return r;
}

static void ports(void **state)
{
	struct sockaddr_in a = address(80);

	(void)state;
	assert_int_equal(try(AF_INET, SOCK_STREAM, 0, &a, sizeof(a)), -EADDRNOTAVAIL);
	assert_int_equal(try(AF_INET, SOCK_DGRAM, 0, &a, sizeof(a)), -EADDRNOTAVAIL);
	a = address(0);
	assert_int_equal(try(AF_INET, SOCK_STREAM, 0, &a, sizeof(a)), -EACCES);
	a = address(1024);
	assert_int_equal(try(AF_INET, SOCK_STREAM, 0, &a, sizeof(a)), -EACCES);
}

static void messages(void **state)
{
	struct sockaddr_in a = address(80);
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/tmp/picket-no-such-socket"};
	char large[256] = {AF_INET};

	(void)state;
	for (size_t len = 0; len < sizeof(a); len++)
		assert_int_equal(try(AF_INET, SOCK_STREAM, 0, &a, len), -EACCES);
	assert_int_equal(try(AF_INET, SOCK_STREAM, 0, large, sizeof(six)), -EACCES);
	assert_int_equal(try(AF_INET, SOCK_STREAM, 0, large, sizeof(large)), -EINVAL);
	assert_int_equal(try(AF_INET, SOCK_STREAM, 0, &six, sizeof(six)), -EACCES);
	assert_int_equal(try(AF_UNIX, SOCK_STREAM, 0, &a, sizeof(a)), -EACCES);
	assert_int_equal(try(AF_UNIX, SOCK_STREAM, 0, &path, 16), -EACCES);
	assert_int_equal(access(path.sun_path, F_OK), -1);
	assert_int_equal(try(AF_NETLINK, SOCK_RAW, 0, &a, sizeof(a)), -EACCES);
	assert_int_equal(low_port_bind(0, &a, sizeof(a)), -EACCES); /* no socket at all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ports), cmocka_unit_test(messages)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
