/* SPDX-License-Identifier: MIT */
/* prctl(2): what each option takes and refuses. Capabilities, seccomp and names of memory are tested elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long prctl(int op, long a, long b, long c, long d)
{
	return syscall(SYS_prctl, op, a, b, c, d);
}

#define P(op, a, b, c, d) show(#op " " #a " " #b " " #c " " #d, prctl(op, (long)(a), (long)(b), (long)(c), (long)(d)))

static void show(const char *what, long r)
{
	printf("%s: %s %ld\n", what, r < 0 ? strerrorname_np(errno) : "ok", r < 0 ? -1 : r);
}

static void cat(const char *name)
{
	char b[300] = "";
	int fd = open(name, O_RDONLY), n = (int)read(fd, b, sizeof(b) - 1);

	for (int i = 0; i < n; i++)
		if (!b[i])
			b[i] = '|';
	printf("%s: %s\n", name, b);
	close(fd);
}

static void write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);

	show("write", write(fd, text, strlen(text)));
	close(fd);
}

static void *threads_name(void *arg)
{
	char path[64], b[17] = "";

	P(PR_SET_NAME, "thread", 0, 0, 0);
	cat("/proc/thread-self/comm");
	cat("/proc/self/comm");
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", getpid());
	write_file(path, "by-another");
	write_file("/proc/thread-self/comm", "a-name-that-is-far-too-long");
	prctl(PR_GET_NAME, (long)b, 0, 0, 0);
	printf("%s\n", b);
	return arg;
}

static void names(void)
{
	char b[17] = "";
	pthread_t th;

	P(PR_SET_NAME, 8, 0, 0, 0);
	P(PR_SET_NAME, "0123456789abcdefgh", 0, 0, 0);
	prctl(PR_GET_NAME, (long)b, 0, 0, 0);
	printf("%s\n", b);
	P(PR_GET_NAME, 8, 0, 0, 0);
	pthread_create(&th, NULL, threads_name, NULL);
	pthread_join(th, NULL);
	cat("/proc/self/comm");
}

static void small(void)
{
	int v = 0;

	P(PR_SET_PDEATHSIG, 65, 0, 0, 0);
	P(PR_SET_PDEATHSIG, 10, 0, 0, 0);
	prctl(PR_GET_PDEATHSIG, (long)&v, 0, 0, 0);
	printf("%d\n", v);
	P(PR_GET_PDEATHSIG, 8, 0, 0, 0);
	P(PR_SET_DUMPABLE, 2, 0, 0, 0);
	P(PR_SET_DUMPABLE, 0, 0, 0, 0);
	P(PR_GET_DUMPABLE, 0, 0, 0, 0);
	P(PR_SET_DUMPABLE, 1, 0, 0, 0);
	P(PR_GET_UNALIGN, &v, 0, 0, 0);
	P(PR_SET_UNALIGN, 1, 0, 0, 0);
	P(PR_GET_FPEMU, &v, 0, 0, 0);
	P(PR_GET_FPEXC, &v, 0, 0, 0);
	P(PR_GET_ENDIAN, &v, 0, 0, 0);
	P(PR_SET_FP_MODE, 0, 0, 0, 0);
	P(PR_SVE_GET_VL, 0, 0, 0, 0);
	P(PR_GET_TSC, &v, 0, 0, 0);
	P(PR_GET_TSC, 8, 0, 0, 0);
	P(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0);
	P(PR_SET_TSC, 3, 0, 0, 0);
	P(PR_GET_TIMING, 0, 0, 0, 0);
	P(PR_SET_TIMING, 0, 0, 0, 0);
	P(PR_SET_TIMING, 1, 0, 0, 0);
	P(PR_TASK_PERF_EVENTS_DISABLE, 0, 0, 0, 0);
	P(PR_TASK_PERF_EVENTS_ENABLE, 0, 0, 0, 0);
	P(PR_MCE_KILL_GET, 0, 0, 0, 0);
	P(PR_MCE_KILL_GET, 0, 1, 0, 0);
	P(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
	P(PR_MCE_KILL_GET, 0, 0, 0, 0);
	P(PR_MCE_KILL, PR_MCE_KILL_SET, 3, 0, 0);
	P(PR_MCE_KILL, PR_MCE_KILL_SET, 1, 1, 0);
	P(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1, 0, 0);
	P(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0);
	P(PR_MCE_KILL, 2, 0, 0, 0);
	P(PR_MCE_KILL_GET, 0, 0, 0, 0);
	P(PR_GET_SPECULATION_CTRL, 0, 1, 0, 0);
	P(PR_GET_SPECULATION_CTRL, 77, 0, 0, 0);
	P(PR_SET_SPECULATION_CTRL, 77, 2, 0, 0);
	P(PR_SET_SPECULATION_CTRL, 0, 2, 1, 0);
	P(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	P(PR_GET_THP_DISABLE, 1, 0, 0, 0);
	P(PR_SET_THP_DISABLE, 1, 0, 1, 0);
	P(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	P(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	P(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	P(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0);
	P(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	P(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
	P(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0);
	P(PR_GET_CHILD_SUBREAPER, 8, 0, 0, 0);
	P(PR_GET_TID_ADDRESS, 8, 0, 0, 0);
	P(PR_SET_VMA, 99, 0, 0, 0);
	P(9999, 0, 0, 0, 0);
}

static void slack(void)
{
	P(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	P(PR_SET_TIMERSLACK, 123456, 0, 0, 0);
	P(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	fflush(stdout);
	if (!fork()) {
		P(PR_GET_TIMERSLACK, 0, 0, 0, 0);
		P(PR_SET_TIMERSLACK, 1, 0, 0, 0);
		P(PR_SET_TIMERSLACK, 0, 0, 0, 0);
		P(PR_GET_TIMERSLACK, 0, 0, 0, 0);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	P(PR_SET_TIMERSLACK, -1, 0, 0, 0);
	P(PR_GET_TIMERSLACK, 0, 0, 0, 0);
}

static void drop_caps(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {0};

	syscall(SYS_capset, &h, d);
}

/* setproctitle(3) by prctl, the way without a capability: the whole map at once. */
static void set_mm(void)
{
	char *title = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned size = 0;
	unsigned long v[20] = {0};
	struct prctl_mm_map m = {.exe_fd = -1};
	char b[4096], *p;
	int fd = open("/proc/self/stat", O_RDONLY), n = (int)read(fd, b, sizeof(b) - 1);

	b[n] = 0;
	close(fd);
	p = strrchr(b, ')') + 2;
	for (int field = 3; (p = strtok(field == 3 ? p : NULL, " ")); field++) {
		unsigned long x = strtoul(p, NULL, 10);

		switch (field) {
		case 26: m.start_code = x; break;
		case 27: m.end_code = x; break;
		case 28: m.start_stack = x; break;
		case 45: m.start_data = x; break;
		case 46: m.end_data = x; break;
		case 47: m.start_brk = x; break;
		case 48: m.arg_start = x; break;
		case 49: m.arg_end = x; break;
		case 50: m.env_start = x; break;
		case 51: m.env_end = x; break;
		}
	}
	m.brk = (unsigned long)sbrk(0);
	P(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0);
	printf("size %u\n", size);
	strcpy(title, "new title");
	m.arg_start = (unsigned long)title;
	m.arg_end = m.arg_start + sizeof("new title");
	P(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof(m), 0);
	cat("/proc/self/cmdline");
	P(PR_SET_MM, PR_SET_MM_MAP, &m, 8, 0);
	P(PR_SET_MM, PR_SET_MM_MAP, 8, sizeof(m), 0);
	m.arg_end = m.arg_start - 1;
	P(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof(m), 0);
	m.arg_start = 1ul << 62;
	P(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof(m), 0);
	P(PR_SET_MM, PR_SET_MM_ARG_START, title, 0, 1);
	P(PR_SET_MM, PR_SET_MM_ARG_START, title, 1, 0);
	P(PR_SET_MM, PR_SET_MM_ARG_START, title, 0, 0);
	P(PR_SET_MM, 99, title, 0, 0);
}

int main(void)
{
	names();
	small();
	drop_caps();
	P(PR_GET_IO_FLUSHER, 0, 0, 0, 0);
	P(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	slack();
	set_mm();
	return 0;
}
