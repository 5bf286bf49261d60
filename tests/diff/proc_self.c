/* SPDX-License-Identifier: MIT */
/* /proc of one's own process and its threads: names, formats, links, permissions. proc(5). */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char buf[1 << 16];

static ssize_t slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n, total = 0;

	if (fd < 0) {
		printf("%s: %s\n", path, strerror(errno));
		buf[0] = 0;
		return -1;
	}
	while ((n = read(fd, buf + total, sizeof(buf) - 1 - (size_t)total)) > 0)
		total += n;
	buf[total] = 0;
	close(fd);
	return total;
}

static void show_stat(void)
{
	char comm[64], state;
	int pid, ppid, pgrp, sid, n;

	prctl(PR_SET_NAME, "a (b) c");
	slurp("/proc/self/stat");
	char *close_paren = strrchr(buf, ')');
	n = sscanf(buf, "%d (%63[^\n]", &pid, comm);
	*strrchr(comm, ')') = 0;
	printf("stat %d comm '%s' pid %d\n", n, comm, pid == getpid());
	sscanf(close_paren + 2, "%c %d %d %d", &state, &ppid, &pgrp, &sid);
	printf("state %c ppid %d pgrp %d sid %d\n", state, ppid == getppid(), pgrp == getpgrp(), sid == getsid(0));
	n = 0;
	for (char *p = close_paren; *p; p++)
		n += *p == ' ';
	printf("fields behind comm %d, ends with newline %d\n", n, buf[strlen(buf) - 1] == '\n');
	slurp("/proc/self/comm");
	printf("comm %s", buf);
	int fd = open("/proc/self/comm", O_WRONLY);
	printf("write comm %zd\n", write(fd, "renamed\n", 8));
	close(fd);
	prctl(PR_GET_NAME, buf);
	printf("name '%s'\n", buf);
}

static void line_of(const char *key)
{
	char *p = strstr(buf, key);

	printf("%.*s\n", p ? (int)strcspn(p, "\n") : 7, p ? p : "absent!");
}

static void show_status(void)
{
	slurp("/proc/self/status");
	line_of("Name:");
	line_of("State:");
	line_of("Threads:");
	line_of("TracerPid:");
	line_of("SigBlk:");
	line_of("SigCgt:");
	line_of("Umask:");
	printf("VmRSS %d VmSize %d Cpus_allowed %d Groups %d CapEff %d\n", !!strstr(buf, "\nVmRSS:\t"), !!strstr(buf, "\nVmSize:\t"),
		!!strstr(buf, "\nCpus_allowed_list:\t"), !!strstr(buf, "\nGroups:\t"), !!strstr(buf, "\nCapEff:\t"));
}

static void show_text(char **argv)
{
	ssize_t n = slurp("/proc/self/cmdline");

	printf("cmdline %d\n", n == (ssize_t)strlen(argv[0]) + 1 + 6 && !strcmp(buf + strlen(argv[0]) + 1, "again"));
	n = slurp("/proc/self/environ");
	printf("environ %zd %s %s\n", n, buf, buf + strlen(buf) + 1);
	slurp("/proc/self/statm");
	unsigned long v[7];
	printf("statm %d\n", sscanf(buf, "%lu %lu %lu %lu %lu %lu %lu", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6));
	slurp("/proc/self/limits");
	printf("%.85s\n", buf);
	slurp("/proc/self/maps");
	printf("maps: stack %d heap %d vdso %d, program first %d\n", !!strstr(buf, "[stack]"), !!strstr(buf, "[heap]"),
		!!strstr(buf, "[vdso]"), !!strstr(buf, " r--p 00000000 "));
	n = slurp("/proc/self/auxv");
	printf("auxv %d\n", n > 0 && n % 16 == 0);
	slurp("/proc/self/oom_score_adj");
	printf("oom_score_adj %s", buf);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_TRUNC);
	printf("write %zd", write(fd, "500\n", 4));
	printf(" too much %zd %d\n", pwrite(fd, "5000", 4, 0), errno);
	close(fd);
	slurp("/proc/self/oom_score_adj");
	printf("now %s", buf);
	slurp("/proc/self/wchan");
	slurp("/proc/self/loginuid");
	slurp("/proc/self/personality");
	printf("personality %s", buf);
}

static void link_is(const char *path)
{
	char to[4096];
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	if (n < 0) {
		printf("%s: %s\n", path, strerror(errno));
		return;
	}
	to[n] = 0;
	char *digit = strpbrk(to, "0123456789"); /* numbers differ */
	if (digit)
		strcpy(digit, "#");
	printf("%s -> %s\n", path, to);
}

static void show_fds(void)
{
	int p[2], f = open("/dev/null", O_RDWR), n = 0;
	struct stat a, b;
	struct dirent *de;

	if (pipe2(p, O_CLOEXEC))
		return;
	dup2(f, 30);
	dup2(p[0], 31);
	dup2(p[1], 32);
	link_is("/proc/self/fd/30");
	link_is("/proc/self/fd/31");
	link_is("/proc/self/fd/99");
	lstat("/proc/self/fd/31", &a);
	lstat("/proc/self/fd/32", &b);
	printf("modes %o %o\n", a.st_mode, b.st_mode);
	stat("/proc/self/fd/31", &a);
	fstat(31, &b);
	printf("same pipe %d\n", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	int again = open("/proc/self/fd/32", O_WRONLY);
	write(again, "through", 7);
	printf("through the link %zd\n", read(31, buf, 100));
	close(again);
	DIR *d = opendir("/proc/self/fd");
	while ((de = readdir(d)))
		n += atoi(de->d_name) >= 30 && atoi(de->d_name) <= 32;
	closedir(d);
	printf("listed %d\n", n);
	slurp("/proc/self/fdinfo/30");
	printf("%s", strstr(buf, "pos:") ? "pos: " : "");
	line_of("flags:");
	int del = open("/tmp/proc-self-deleted", O_CREAT | O_RDWR, 0600);
	unlink("/tmp/proc-self-deleted");
	dup2(del, 33);
	link_is("/proc/self/fd/33");
	write(del, "abc", 3);
	again = open("/proc/self/fd/33", O_RDONLY);
	printf("deleted file read %zd\n", read(again, buf, 10));
	close(again);
	close(del);
	chdir("/tmp");
	link_is("/proc/self/cwd");
	link_is("/proc/self/root");
	printf("exe %d\n", access("/proc/self/exe", X_OK));
	errno = 0;
	int fd = open("/proc/self/fd/abc", O_RDONLY);
	printf("bad name %d %d\n", fd, errno);
	fd = open("/proc/self/stat", O_WRONLY);
	printf("write stat %d\n", fd < 0);
	printf("mkdir %d", mkdir("/proc/self/x", 0777));
	printf(" %d\n", errno);
	fd = open("/proc/nothing", O_RDWR | O_CREAT, 0600);
	printf("create %d %d\n", fd, errno);
}

static void *thread(void *arg)
{
	char path[64];
	int *tid = arg;

	*tid = (int)syscall(SYS_gettid);
	prctl(PR_SET_NAME, "worker");
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", *tid);
	slurp(path);
	printf("thread %s", buf);
	slurp("/proc/thread-self/comm");
	printf("thread-self %s", buf);
	slurp("/proc/self/comm");
	printf("self %s", buf);
	struct dirent *de;
	DIR *d = opendir("/proc/self/task");
	int n = 0;
	while ((de = readdir(d)))
		n += de->d_name[0] != '.';
	closedir(d);
	printf("tasks %d\n", n);
	return NULL;
}

static void show_others(void)
{
	char path[64];
	pthread_t t;
	int tid = 0, status;

	pthread_create(&t, NULL, thread, &tid);
	pthread_join(t, NULL);
	pid_t pid = fork();
	if (!pid)
		_exit(7);
	usleep(30000);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	slurp(path);
	printf("zombie %.3s\n", strrchr(buf, ')') + 1);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	printf("zombie cmdline %zd\n", slurp(path));
	waitpid(pid, &status, 0);
	snprintf(path, sizeof(path), "/proc/%d", pid);
	printf("reaped %d", access(path, F_OK));
	printf(" %d\n", errno);
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	usleep(10000);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	slurp(path);
	line_of("State:");
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	slurp(path);
	line_of("State:");
	int dir = open("/proc", O_DIRECTORY), sub;
	char num[16];
	snprintf(num, sizeof(num), "%d", pid);
	sub = openat(dir, num, O_DIRECTORY);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("directory of the dead: %d", openat(sub, "stat", O_RDONLY));
	printf(" %s\n", errno == ESRCH || errno == ENOENT ? "gone" : strerror(errno));
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 1) {
		char *args[] = {argv[0], "again", NULL}, *env[] = {"A=1", "B=two", NULL};

		execve("/proc/self/exe", args, env);
		return 1;
	}
	char self[32];
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);
	self[n] = 0;
	printf("self %d\n", atoi(self) == getpid());
	umask(027);
	show_text(argv);
	show_stat();
	show_status();
	show_fds();
	show_others();
	return 0;
}
