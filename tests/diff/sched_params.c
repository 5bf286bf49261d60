/* SPDX-License-Identifier: MIT */
/* Policies, nice values, I/O priorities and affinities: what is kept, inherited and refused. Without capabilities. */
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct attr {
	unsigned size, policy;
	unsigned long flags;
	int nice;
	unsigned priority;
	unsigned long runtime, deadline, period;
	unsigned umin, umax, more[4];
};

static void show(const char *what, long r)
{
	printf("%s: %s %ld\n", what, r < 0 ? strerrorname_np(errno) : "ok", r < 0 ? -1 : r);
}

static void drop_caps(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {0};

	show("capset", syscall(SYS_capset, &h, d));
}

static void show_attr(const char *what, int pid)
{
	struct attr at;
	long r;

	memset(&at, 0xff, sizeof(at));
	r = syscall(SYS_sched_getattr, pid, &at, 48, 0);
	if (r < 0)
		show(what, r);
	else
		printf("%s: size %u policy %u flags %lu nice %d prio %u\n", what, at.size, at.policy, at.flags, at.nice, at.priority);
}

static void policies(void)
{
	struct sched_param p0 = {0}, p5 = {5}, p100 = {100};

	show("getscheduler", sched_getscheduler(0));
	show("getscheduler -1", sched_getscheduler(-1));
	show("getscheduler none", sched_getscheduler(4194000));
	show("FIFO", sched_setscheduler(0, SCHED_FIFO, &p5));
	show("FIFO 0", sched_setscheduler(0, SCHED_FIFO, &p0));
	show("FIFO 100", sched_setscheduler(0, SCHED_FIFO, &p100));
	show("RR", sched_setscheduler(0, SCHED_RR, &p5));
	show("OTHER 5", sched_setscheduler(0, SCHED_OTHER, &p5));
	show("policy 4", sched_setscheduler(0, 4, &p0));
	show("policy 77", sched_setscheduler(0, 77, &p0));
	show("policy -1", sched_setscheduler(0, -1, &p0));
	show("null", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NULL));
	show("fault", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, 8));
	show("BATCH", sched_setscheduler(0, SCHED_BATCH, &p0));
	show("get", sched_getscheduler(0));
	show("setparam 0", sched_setparam(0, &p0));
	show("setparam 5", sched_setparam(0, &p5));
	show("setparam null", syscall(SYS_sched_setparam, 0, NULL));
	show("getparam null", syscall(SYS_sched_getparam, 0, NULL));
	show("getparam none", sched_getparam(4194000, &p5));
	show("getparam", sched_getparam(0, &p5));
	show("param", p5.sched_priority);
	show("OTHER, reset on fork", sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &p0));
	show("get", sched_getscheduler(0));
	show("clear reset on fork", sched_setscheduler(0, SCHED_OTHER, &p0));
	show_attr("attr", 0);
	for (int i = -1; i < 7; i++) {
		show("max", sched_get_priority_max(i));
		show("min", sched_get_priority_min(i));
	}
}

static void attrs(void)
{
	struct attr at = {.size = 48, .policy = SCHED_OTHER, .nice = 3, .flags = 1};
	struct timespec ts;

	show("setattr", syscall(SYS_sched_setattr, 0, &at, 0));
	show_attr("attr", 0);
	at.nice = 1;
	show("less nice", syscall(SYS_sched_setattr, 0, &at, 0));
	at.nice = 4;
	at.flags = 0x100;
	show("bad flag", syscall(SYS_sched_setattr, 0, &at, 0));
	show("bad flags", syscall(SYS_sched_setattr, 0, &at, 1));
	show("null", syscall(SYS_sched_setattr, 0, NULL, 0));
	at.flags = 1;
	at.size = 40;
	show("short", syscall(SYS_sched_setattr, 0, &at, 0));
	at.size = sizeof(at);
	show("longer", syscall(SYS_sched_setattr, 0, &at, 0));
	at.size = sizeof(at);
	at.more[3] = 1;
	show("longer, not zero", syscall(SYS_sched_setattr, 0, &at, 0));
	at = (struct attr){.size = 48, .policy = SCHED_DEADLINE, .runtime = 1000, .deadline = 1000000};
	show("deadline, short", syscall(SYS_sched_setattr, 0, &at, 0));
	at.runtime = 100000;
	show("deadline", syscall(SYS_sched_setattr, 0, &at, 0));
	at = (struct attr){.size = 48, .flags = 8 | 16 | 1, .policy = 3};
	show("keep", syscall(SYS_sched_setattr, 0, &at, 0));
	show_attr("attr", 0);
	show("getattr short", syscall(SYS_sched_getattr, 0, &at, 40, 0));
	show("getattr long", syscall(SYS_sched_getattr, 0, &at, 5000, 0));
	show("getattr flags", syscall(SYS_sched_getattr, 0, &at, 48, 1));
	show_attr("getattr none", 4194000);
	show("rr interval none", sched_rr_get_interval(4194000, &ts));
	show("rr interval -1", sched_rr_get_interval(-1, &ts));
	show("rr interval", sched_rr_get_interval(0, &ts));
	show("rr interval fault", syscall(SYS_sched_rr_get_interval, 0, 8));
}

static void *other_thread(void *arg)
{
	show("nice of a thread", syscall(SYS_setpriority, PRIO_PROCESS, 0, 9));
	show("its own", syscall(SYS_getpriority, PRIO_PROCESS, 0));
	show("the leader's", syscall(SYS_getpriority, PRIO_PROCESS, getpid()));
	show("the group's", syscall(SYS_getpriority, PRIO_PGRP, 0));
	return arg;
}

static void nices(void)
{
	pthread_t th;
	int st;

	setpgid(0, 0);
	show("get", syscall(SYS_getpriority, PRIO_PROCESS, 0));
	show("set 5", setpriority(PRIO_PROCESS, 0, 5));
	show("set 4", setpriority(PRIO_PROCESS, 0, 4));
	show("get", syscall(SYS_getpriority, PRIO_PROCESS, 0));
	show("which", syscall(SYS_getpriority, 3, 0));
	show("set which", setpriority(-1, 0, 5));
	show("none", setpriority(PRIO_PROCESS, 4194000, 5));
	show("no group", setpriority(PRIO_PGRP, 4194000, 5));
	show("no user", setpriority(PRIO_USER, 12345678, 5));
	show("group", setpriority(PRIO_PGRP, 0, 6));
	show("get", syscall(SYS_getpriority, PRIO_PROCESS, 0));
	pthread_create(&th, NULL, other_thread, NULL);
	pthread_join(th, NULL);
	fflush(stdout);
	if (!fork()) {
		show_attr("child", 0);
		show("set 100", setpriority(PRIO_PROCESS, 0, 100));
		show("get", syscall(SYS_getpriority, PRIO_PROCESS, 0));
		fflush(stdout);
		_exit(0);
	}
	wait(&st);
	struct rlimit rl = {25, 25};

	show("RLIMIT_NICE up", setrlimit(RLIMIT_NICE, &rl));
}

static void ioprios(void)
{
	show("get", syscall(SYS_ioprio_get, 1, 0));
	show("user's default", syscall(SYS_ioprio_get, 1, getpid()));
	show("none", syscall(SYS_ioprio_get, 1, 4194000));
	show("which", syscall(SYS_ioprio_get, 4, 0));
	show("RT", syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4));
	show("class 4", syscall(SYS_ioprio_set, 1, 0, 4 << 13));
	show("none, 3", syscall(SYS_ioprio_set, 1, 0, 3));
	show("which", syscall(SYS_ioprio_set, 0, 0, 2 << 13 | 3));
	show("BE 3", syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 3));
	show("get", syscall(SYS_ioprio_get, 1, 0));
	fflush(stdout);
	if (!fork()) {
		show("child", syscall(SYS_ioprio_get, 1, 0));
		show("idle", syscall(SYS_ioprio_set, 1, 0, 3 << 13));
		show("get", syscall(SYS_ioprio_get, 1, 0));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	show("get", syscall(SYS_ioprio_get, 1, 0));
}

static int cpus_of(char *list, size_t n)
{
	FILE *f = fopen("/proc/thread-self/status", "r");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Cpus_allowed_list:", 18)) {
			fputs(line, stdout);
			break;
		}
	if (f)
		fclose(f);
	return 0;
}

static void *same_cpu(void *arg)
{
	int *cpu = arg;

	for (int i = 0; i < 50; i++) {
		unsigned c;

		syscall(SYS_getcpu, &c, NULL, NULL);
		if (sched_getcpu() != *cpu || (int)c != *cpu)
			return "elsewhere";
		sched_yield();
	}
	return "there";
}

static void affinity(char **argv)
{
	cpu_set_t all, one;
	int last = 0;
	pthread_t th;
	void *text;

	sched_getaffinity(0, sizeof(all), &all);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			last = i;
	CPU_ZERO(&one);
	show("empty", sched_setaffinity(0, sizeof(one), &one));
	CPU_SET(last, &one);
	show("none", sched_setaffinity(4194000, sizeof(one), &one));
	show("fault", syscall(SYS_sched_setaffinity, 0, 8, 8));
	show("short", syscall(SYS_sched_getaffinity, 0, 4, &one));
	show("odd", syscall(SYS_sched_getaffinity, 0, 129, &one));
	show("fault", syscall(SYS_sched_getaffinity, 0, 128, 8));
	show("last only", sched_setaffinity(0, sizeof(one), &one));
	show("count", (sched_getaffinity(0, sizeof(one), &one), CPU_COUNT(&one)));
	cpus_of(NULL, 0);
	printf("self %s\n", (char *)same_cpu(&last));
	pthread_create(&th, NULL, same_cpu, &last);
	pthread_join(th, &text);
	printf("thread %s\n", (char *)text);
	fflush(stdout);
	if (!fork()) {
		printf("child %s\n", (char *)same_cpu(&last));
		fflush(stdout);
		execl("/proc/self/exe", argv[0], "again", NULL);
		_exit(1);
	}
	wait(NULL);
	if (!vfork()) {
		CPU_ZERO(&one);
		CPU_SET(0, &one);
		sched_setaffinity(0, sizeof(one), &one);
		_exit(0);
	}
	wait(NULL);
	printf("after vfork %s\n", (char *)same_cpu(&last));
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		cpu_set_t one;
		int cpu = 0;

		sched_getaffinity(0, sizeof(one), &one);
		while (!CPU_ISSET(cpu, &one))
			cpu++;
		printf("exec: %d %s\n", CPU_COUNT(&one), (char *)same_cpu(&cpu));
		return 0;
	}
	drop_caps();
	policies();
	nices();
	ioprios();
	attrs();
	affinity(argv);
	return 0;
}
