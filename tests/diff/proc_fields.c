/* SPDX-License-Identifier: MIT */
/* What the files of a process say, and that they agree: stat, status, statm, io, task, settings; zombies; odd reads. proc(5). */
#include "proc_util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct stat52 {
	char state;
	unsigned long v[53]; /* by field number of proc_pid_stat(5) */
	int n;
};

static void get_stat(const char *path, struct stat52 *s)
{
	char *p;

	memset(s, 0, sizeof(*s));
	slurp(path);
	s->v[1] = strtoul(text, NULL, 10);
	p = strrchr(text, ')');
	if (!p)
		return;
	s->state = p[2];
	p += 3;
	for (s->n = 4; s->n < 53; s->n++) {
		char *end;

		s->v[s->n] = strtoul(p, &end, 10);
		if (end == p)
			break;
		p = end;
	}
	s->n--;
}

static long status(const char *path, const char *key, int base)
{
	char *p;

	slurp(path);
	p = strstr(text, key);
	return p ? strtol(p + strlen(key), NULL, base) : -1;
}

/* --- one's own -------------------------------------------------------------------------------------------------------------- */

static void show_agreement(void)
{
	struct stat52 a, b;
	unsigned long size, resident;
	clock_t start = clock();
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigprocmask(SIG_BLOCK, &s, NULL);
	signal(SIGUSR2, SIG_IGN);
	raise(SIGUSR1);
	get_stat("/proc/self/stat", &a);
	printf("fields %d, state %c\n", a.n, a.state);
	printf("pid %d ppid %d pgrp %d sid %d\n", a.v[1] == (unsigned long)getpid(), a.v[4] == (unsigned long)getppid(),
		a.v[5] == (unsigned long)getpgrp(), a.v[6] == (unsigned long)getsid(0));
	printf("threads %lu itrealvalue %lu exit signal %ld policy %lu rt %lu\n", a.v[20], a.v[21], (long)a.v[38], a.v[41], a.v[40]);
	printf("priority %ld nice %ld\n", (long)a.v[18], (long)a.v[19]);
	printf("pending %lx blocked %lx ignored %lx\n", a.v[31], a.v[32], a.v[33]);
	printf("status: pending %lx blocked %lx ignored %lx\n", status("/proc/self/status", "SigPnd:", 16),
		status("/proc/self/status", "SigBlk:", 16), status("/proc/self/status", "SigIgn:", 16));
	printf("threads %ld pid %d ppid %d tracer %ld\n", status("/proc/self/status", "Threads:", 10),
		status("/proc/self/status", "\nPid:", 10) == getpid(), status("/proc/self/status", "PPid:", 10) == getppid(),
		status("/proc/self/status", "TracerPid:", 10));
	slurp("/proc/self/statm");
	sscanf(text, "%lu %lu", &size, &resident);
	printf("sizes agree %d, resident too %d\n", a.v[23] == size * 4096, labs((long)(a.v[24] - resident)) < 64);
	printf("VmSize agrees %d\n", (unsigned long)status("/proc/self/status", "VmSize:", 10) == a.v[23] / 1024);
	printf("peak %d\n", status("/proc/self/status", "VmPeak:", 10) >= status("/proc/self/status", "VmSize:", 10));
	printf("code %d stack %d data %d brk %d args %d env %d\n", a.v[26] < a.v[27], a.v[28] > a.v[27], a.v[45] < a.v[46], a.v[47] != 0,
		a.v[48] < a.v[49], a.v[50] <= a.v[51]);
	while (clock() < start + CLOCKS_PER_SEC / 20)
		;
	get_stat("/proc/self/stat", &b);
	printf("time grows %d, start stays %d, faults do not shrink %d\n", b.v[14] + b.v[15] > a.v[14] + a.v[15], a.v[22] == b.v[22],
		b.v[10] >= a.v[10]);
}

/* The lines of Linux 6.1, in their order; later ones are left out. */
static void show_lines(const char *path)
{
	static const char *const newer[] = {"Kthread", "untag_mask", "x86_Thread_features", "x86_Thread_features_locked", "Seccomp_filters"};
	char *save, *line;

	slurp(path);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		int is_newer = 0;

		line[strcspn(line, ":")] = 0;
		for (size_t i = 0; i < sizeof(newer) / sizeof(*newer); i++)
			is_newer |= !strcmp(line, newer[i]);
		if (!is_newer)
			printf("%s ", line);
	}
	printf("\n");
}

static long io(const char *key)
{
	return status("/proc/self/io", key, 10);
}

static void show_io(void)
{
	long r = io("rchar:"), w = io("wchar:"), cr = io("syscr:"), cw = io("syscw:");
	char buf[1000];
	int p[2], status_;

	pipe(p);
	write(p[1], buf, 1000);
	read(p[0], buf, 700);
	printf("written %ld in %ld\n", io("wchar:") - w, io("syscw:") - cw);
	printf("read 700 and more %d\n", io("rchar:") - r > 700 && io("syscr:") - cr > 1);
	w = io("wchar:");
	if (!fork()) {
		write(p[1], buf, 500);
		_exit(0);
	}
	wait(&status_);
	printf("a child's counts when it was waited for: %ld\n", io("wchar:") - w);
	show_lines("/proc/self/io");
	close(p[0]), close(p[1]);
}

/* --- threads -------------------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int thread_tid;

static void *waiter(void *arg)
{
	prctl(PR_SET_NAME, "waiter");
	thread_tid = (int)syscall(SYS_gettid);
	pthread_mutex_lock(&held);
	pthread_mutex_unlock(&held);
	return NULL;
}

static int count(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}

static void show_threads(void)
{
	struct stat52 s = {0};
	char path[64];
	pthread_t t;
	struct stat st;

	pthread_mutex_lock(&held);
	pthread_create(&t, NULL, waiter, NULL);
	while (!thread_tid)
		usleep(1000);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread_tid);
	for (int i = 0; i < 3000 && s.state != 'S'; i++) {
		usleep(1000);
		get_stat(path, &s);
	}
	printf("a thread at a mutex: %c, exit signal %ld\n", s.state, (long)s.v[38]);
	stat("/proc/self/task", &st);
	printf("threads %d, links %d\n", count("/proc/self/task"), (int)st.st_nlink);
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", thread_tid);
	slurp(path);
	printf("name %s", text);
	int fd = open(path, O_WRONLY);
	printf("rename a brother: %s\n", result(write(fd, "a very long name indeed", 23)));
	close(fd);
	slurp(path);
	printf("name %s", text);
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", thread_tid);
	printf("tgid %d pid %d threads %ld\n", status(path, "Tgid:", 10) == getpid(), status(path, "\nPid:", 10) == thread_tid,
		status(path, "Threads:", 10));
	snprintf(path, sizeof(path), "/proc/%d", thread_tid);
	printf("a thread has a directory of its own: %s, listed %d\n", result(access(path, F_OK)), 0);
	snprintf(path, sizeof(path), "/proc/1/task/%d", thread_tid);
	printf("but not in another process: %s\n", getpid() == 1 ? "ENOENT" : result(access(path, F_OK)));
	pthread_mutex_unlock(&held);
	pthread_join(t, NULL);
}

/* --- others ------------------------------------------------------------------------------------------------------------------------ */

static void try_write(const char *what, const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	printf("%s: %s", what, result(fd));
	if (fd >= 0) {
		printf(", %s", result(write(fd, value, strlen(value))));
		close(fd);
	}
	printf("\n");
}

static void show_zombie(void)
{
	struct stat52 s;
	char path[64], to[64];
	int old, dir, status_;
	pid_t pid = fork();

	if (!pid)
		_exit(3);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	old = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%d", pid);
	dir = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	do
		get_stat(path, &s);
	while (s.state != 'Z');
	printf("zombie: size %lu resident %lu exit code %lu\n", s.v[23], s.v[24], s.v[52]);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	printf("cmdline %zd\n", slurp(path));
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	printf("maps %zd\n", slurp(path));
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	printf("exe: %s\n", result(readlink(path, to, sizeof(to))));
	snprintf(path, sizeof(path), "/proc/%d/cwd", pid);
	printf("cwd: %s\n", result(readlink(path, to, sizeof(to))));
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	show_lines(path);
	waitpid(pid, &status_, 0);
	printf("read when gone: %s\n", result(read(old, text, 100)));
	printf("open in a directory that is gone: %s\n", result(openat(dir, "stat", O_RDONLY)));
	printf("list it: %s\n", result(syscall(SYS_getdents64, dir, text, sizeof(text))));
	close(old), close(dir);
}

static void show_children(void)
{
	int p[2], ok, status_;
	char path[64], c, expect[64];
	pid_t pid;

	pipe(p);
	pid = fork();
	if (!pid) {
		close(p[1]);
		read(p[0], &c, 1);
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	snprintf(expect, sizeof(expect), "%d ", pid);
	slurp(path);
	ok = !strcmp(text, expect);
	printf("children %d, in the process's own directory: %s\n", ok, result(access("/proc/self/children", F_OK)));
	close(p[1]), close(p[0]);
	waitpid(pid, &status_, 0);
	slurp(path);
	printf("then '%s'\n", text);
}

static void show_settings(void)
{
	int status_;

	slurp("/proc/self/coredump_filter");
	printf("coredump_filter %s", text);
	try_write("set it", "/proc/self/coredump_filter", "0x1f\n");
	try_write("nonsense", "/proc/self/coredump_filter", "x\n");
	if (!fork()) {
		slurp("/proc/self/coredump_filter");
		printf("inherited %s", text);
		fflush(stdout);
		_exit(0);
	}
	wait(&status_);
	try_write("oom_score_adj", "/proc/self/oom_score_adj", "300\n");
	slurp("/proc/self/oom_adj");
	printf("oom_adj %s", text);
	slurp("/proc/self/oom_score");
	printf("oom_score goes along %d\n", atoi(text) > 800 && atoi(text) < 960);
	try_write("out of range", "/proc/self/oom_score_adj", "1001\n");
	try_write("timerslack_ns", "/proc/self/timerslack_ns", "77777\n");
	slurp("/proc/self/timerslack_ns");
	printf("timerslack_ns %sby prctl %d\n", text, prctl(PR_GET_TIMERSLACK));
	try_write("zero is the default", "/proc/self/timerslack_ns", "0\n");
	printf("by prctl %d\n", prctl(PR_GET_TIMERSLACK));
	try_write("attr/current", "/proc/self/attr/current", "x\n");
	slurp("/proc/self/attr/current");
	printf("attr/current reads '%s'\n", text);
	try_write("stat", "/proc/self/stat", "x\n");
	try_write("limits", "/proc/self/limits", "x\n");
}

static void show_reads(void)
{
	char whole[8192], bytes[8192], odd[8192];
	int fd = open("/proc/self/limits", O_RDONLY);
	ssize_t n = read(fd, whole, sizeof(whole)), at;

	lseek(fd, 0, SEEK_SET);
	for (at = 0; read(fd, bytes + at, 1) == 1; at++)
		;
	printf("byte by byte the same %d\n", at == n && !memcmp(whole, bytes, (size_t)n));
	for (at = 0; at < n; at += 7)
		pread(fd, odd + at, 7, at);
	printf("by sevens the same %d\n", !memcmp(whole, odd, (size_t)n));
	printf("pread behind the end %zd, position %ld\n", pread(fd, odd, 10, n + 5), (long)lseek(fd, 0, SEEK_CUR) - n);
	printf("seek: set %ld cur %ld end %s\n", (long)lseek(fd, 10, SEEK_SET), (long)lseek(fd, -4, SEEK_CUR), result(lseek(fd, 0, SEEK_END)));
	printf("read at 6 %d\n", read(fd, odd, 20) == 20 && !memcmp(odd, whole + 6, 20));
	printf("negative: %s\n", result(lseek(fd, -100, SEEK_SET)));
	close(fd);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	show_agreement();
	show_lines("/proc/self/status");
	show_io();
	show_threads();
	show_children();
	show_zombie();
	show_settings();
	show_reads();
	return 0;
}
