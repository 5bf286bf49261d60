/* SPDX-License-Identifier: MIT */
/* Mount namespaces that hold each other in a row through their bound files; files that must not spread to others. */
#include "cred_util.h"

#define ROW 300

static int wait_for(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

/* A copy of the namespace for *what*, until a byte comes. */
static pid_t born(int go[2], int ready[2], int flags)
{
	char c;
	pid_t pid;

	pipe(go);
	pipe(ready);
	pid = fork();
	if (pid) {
		read(ready[0], &c, 1);
		return pid;
	}
	if (unshare(flags))
		_exit(1);
	write(ready[1], "", 1);
	close(go[1]);
	read(go[0], &c, 1);
	_exit(0);
}

static int bind_ns(pid_t pid, const char *at)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	return mount(path, at, NULL, MS_BIND, NULL);
}

/* Each one's file is bound in the one before, which is its maker's; all of them die with the first. */
static void row(void)
{
	int made = 0, out[2];

	pipe(out);
	if (!fork()) {
		for (int i = 0; i < ROW; i++) {
			int ready[2], go[2];
			char c = 1;
			pid_t pid;

			pipe(ready);
			pipe(go);
			pid = fork();
			if (!pid) {
				c = !unshare(CLONE_NEWNS);
				write(ready[1], &c, 1);
				read(go[0], &c, 1);
				if (!c)
					_exit(1);
				close(ready[0]), close(ready[1]), close(go[0]), close(go[1]);
				continue;
			}
			read(ready[0], &c, 1);
			if (c && bind_ns(pid, "/tmp/file")) { perror("bind"); c = 0; }
			write(go[1], &c, 1);
			if (c)
				write(out[1], "", 1);
			_exit(0);
		}
		_exit(0);
	}
	close(out[1]);
	for (char c; read(out[0], &c, 1) == 1;)
		made++;
	printf("row: %d\n", made);
}

static void spread(void)
{
	int go[2], ready[2];
	pid_t pid;

	mkdir("/tmp/a", 0755);
	OK(mount("t", "/tmp/a", "tmpfs", 0, NULL));
	OK(mount(NULL, "/tmp/a", NULL, MS_SHARED, NULL));
	OK(close(open("/tmp/a/file", O_CREAT | O_WRONLY, 0644)));
	pid = born(go, ready, CLONE_NEWNS);
	OK(bind_ns(pid, "/tmp/a/file"));
	OK(mount(NULL, "/tmp/a", NULL, MS_PRIVATE, NULL));
	OK(bind_ns(pid, "/tmp/a/file"));
	OK(umount("/tmp/a/file"));
	OK(mount("/proc/self/ns/mnt", "/tmp/a/file", NULL, MS_BIND, NULL));
	OK(mount("/proc/self/ns/uts", "/tmp/a/file", NULL, MS_BIND, NULL));
	OK(umount("/tmp/a/file"));
	write(go[1], "", 1);
	printf("child %d\n", wait_for(pid));
	OK(umount2("/tmp/a", MNT_DETACH));
}

int main(void)
{
	cpu_set_t one;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Some kernels number namespaces by processor, and only of a younger one may the file be bound. */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	OK(unshare(CLONE_NEWNS));
	OK(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL));
	OK(mount("t", "/tmp", "tmpfs", 0, NULL));
	OK(close(open("/tmp/file", O_CREAT | O_WRONLY, 0644)));
	spread();
	row();
	return 0;
}
