/* SPDX-License-Identifier: MIT */
/* Views of host files: what is read, and that a file that is cut under one ends nothing. */
#include "host/view.h"

#include "vfs/uio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(x)                                                                                                       \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                        \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

static char buf[3 * 4096];

static ssize_t take(const struct host_view *v, uint64_t off, size_t len)
{
	struct uio u;
	ssize_t n;

	memset(buf, 'z', sizeof(buf));
	uio_init_kernel(&u, buf, len);
	n = host_view_to_uio(v, off, len, &u);
	CHECK(u.left == len - (size_t)n);
	return n;
}

static int file_of(size_t len)
{
	int fd = memfd_create("view", 0);

	CHECK(fd >= 0 && ftruncate(fd, (off_t)len) == 0);
	CHECK(pwrite(fd, "first", 5, 0) == 5 && pwrite(fd, "second", 6, 4096) == 6);
	return fd;
}

static void test_read(void)
{
	int fd = file_of(4096 + 6);
	struct host_view *v = host_view_map(fd, 4096 + 6);

	CHECK(v);
	CHECK(take(v, 0, 5) == 5 && memcmp(buf, "first", 5) == 0);
	CHECK(take(v, 4096, 100) == 6 && memcmp(buf, "secondz", 7) == 0);
	CHECK(take(v, 4096 + 6, 1) == 0);
	CHECK(take(v, UINT64_MAX, 1) == 0);
	CHECK(take(v, 0, 0) == 0);
	host_view_unmap(v);
	CHECK(!host_view_map(fd, 0));
	close(fd);
}

static void test_cut(void)
{
	int fd = file_of(3 * 4096);
	struct host_view *v = host_view_map(fd, 3 * 4096), *other;
	int fd2 = file_of(4096 + 6);

	CHECK(v);
	other = host_view_map(fd2, 4096 + 6);
	CHECK(other);
	CHECK(ftruncate(fd, 4096) == 0);
	CHECK(take(v, 0, 5) == 5); /* still there */
	CHECK(take(v, 4096, 6) == 0); /* asks for the file itself, and does not die */
	CHECK(take(v, 0, 5) == 0); /* nobody trusts it any more */
	CHECK(take(other, 0, 5) == 5);
	host_view_unmap(v);
	host_view_unmap(other);
	close(fd);
	close(fd2);
}

static void test_many(void)
{
	static struct host_view *all[HOST_VIEWS_MAX];
	int fd = file_of(4096);

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < HOST_VIEWS_MAX; i++)
			CHECK((all[i] = host_view_map(fd, 4096)));
		CHECK(!host_view_map(fd, 4096));
		for (unsigned i = 0; i < HOST_VIEWS_MAX; i++)
			host_view_unmap(all[i]);
	}
	host_view_unmap(NULL);
	close(fd);
}

int main(void)
{
	CHECK(host_views_init() == 0);
	test_read();
	test_cut();
	test_many();
	puts("view: ok");
	return 0;
}
