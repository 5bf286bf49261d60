/* SPDX-License-Identifier: MIT */
/* setgroups, getgroups, getresuid with bad pointers. */
#include "cred_util.h"

static void show(void)
{
	gid_t g[16];
	int n = getgroups(16, g);

	printf("  groups %d:", n);
	for (int i = 0; i < n; i++)
		printf(" %u", g[i]);
	printf("\n");
}

int main(void)
{
	gid_t g[8] = {5, 3, 9, 3}, one[1];
	static gid_t many[65537];

	T(setgroups(4, g));
	show();
	T(getgroups(0, NULL));
	T(getgroups(0, one));
	T(getgroups(1, one));
	T(getgroups(-1, g));
	T(syscall(SYS_getgroups, 4, 8L));
	T(syscall(SYS_getgroups, 100, g));
	T(syscall(SYS_setgroups, 65537, many));
	T(syscall(SYS_setgroups, -1, many));
	T(syscall(SYS_setgroups, 2, 8L));
	show();
	T(syscall(SYS_setgroups, 65536, many));
	T(getgroups(0, NULL));
	T(setgroups(0, NULL));
	show();
	T(syscall(SYS_getgroups, 4, 8L));
	T(syscall(SYS_getresuid, 8L, g, g));
	T(syscall(SYS_getresuid, g, 8L, g));
	T(syscall(SYS_getresgid, g, g, 8L));
	CHILD {
		g[0] = 7;
		T(setgroups(1, g));
		T(setresuid(5, 5, 5));
		T(setgroups(0, NULL));
		T(syscall(SYS_setgroups, 65537, many));
		show();
	}
	CHILD {
		/* Access by a supplementary group, sorted or not. */
		gid_t h[5] = {90, 10, 50, 30, 70};
		int fd = open("by-group", O_CREAT | O_WRONLY, 0640);

		T(fchown(fd, 0, 30));
		T(setgroups(5, h));
		T(setresgid(4, 4, 4));
		T(setresuid(5, 5, 5));
		T(open("by-group", O_RDONLY) >= 0);
		T(open("by-group", O_WRONLY));
	}
	CHILD {
		gid_t h[2] = {90, 31};

		T(setgroups(2, h));
		T(setresgid(4, 4, 4));
		T(setresuid(5, 5, 5));
		T(open("by-group", O_RDONLY));
	}
	return 0;
}
