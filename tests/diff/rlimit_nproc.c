/* SPDX-License-Identifier: MIT */
/* RLIMIT_NPROC for one who has no privileges, RLIMIT_NICE and RTPRIO raised by nobody, prlimit(2)'s errors. */
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, long r)
{
	printf("%s: %s\n", what, r < 0 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
}

static void drop_caps(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {0};

	syscall(SYS_capset, &h, d);
}

int main(void)
{
	struct rlimit rl = {10, 5}, old;

	show("soft above hard", setrlimit(RLIMIT_CORE, &rl));
	show("unknown", syscall(SYS_prlimit64, 0, 77, NULL, NULL));
	show("no process", syscall(SYS_prlimit64, 4194000, RLIMIT_CORE, NULL, &old));
	show("fault", syscall(SYS_prlimit64, 0, RLIMIT_CORE, 8, NULL));
	show("fault", syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, 8));
	rl = (struct rlimit){5, 5};
	show("down", setrlimit(RLIMIT_CORE, &rl));
	drop_caps();
	rl = (struct rlimit){5, 6};
	show("up", setrlimit(RLIMIT_CORE, &rl));
	rl = (struct rlimit){1 << 30, 1 << 30};
	show("too many files", setrlimit(RLIMIT_NOFILE, &rl));
	if (setresuid(getuid(), getuid(), getuid()) == 0 && getuid() != 0) {
		rl = (struct rlimit){0, 0};
		setrlimit(RLIMIT_NPROC, &rl);
		show("fork", fork());
	}
	return 0;
}
