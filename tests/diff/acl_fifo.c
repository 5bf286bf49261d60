/* SPDX-License-Identifier: MIT */
/* A fifo made in a directory with a default access control list. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

struct list {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} e[8];
} __attribute__((packed));

int main(void)
{
	struct list l = {2, {{1, 7, -1}, {2, 5, 0}, {4, 5, -1}, {16, 7, -1}, {32, 4, -1}}};
	struct stat st;
	ssize_t n;

	mkdir("d", 0755);
	printf("%d\n", setxattr("d", "system.posix_acl_default", &l, 4 + 5 * 8, 0));
	mknod("d/fifo", S_IFIFO | 0640, 0);
	n = getxattr("d/fifo", "system.posix_acl_access", &l, sizeof(l));
	for (ssize_t i = 0; i < (n - 4) / 8; i++)
		printf(" %d:%d:%o", l.e[i].tag, (int)l.e[i].id, l.e[i].perm);
	lstat("d/fifo", &st);
	printf(" (size %zd) mode %o\n", n, st.st_mode);
	return 0;
}
