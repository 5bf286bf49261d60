/* SPDX-License-Identifier: MIT */
/* rseq(2) as the C library registers it, its errors and an aborted critical section; membarrier(2)'s commands. */
#include <errno.h>
#include <linux/membarrier.h>
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, long r)
{
	printf("%s: %s\n", what, r < 0 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
}

static long rseq(void *area, unsigned len, int flags, unsigned sig)
{
	return syscall(SYS_rseq, area, len, flags, sig);
}

static volatile struct rseq *libc_area(void)
{
	return (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static struct rseq own __attribute__((aligned(32)));

/* Turn in a critical section until a signal or another thread's turn throws us out. */
static int spin(volatile struct rseq *area)
{
	__asm__ __volatile__ goto(
		".pushsection __rseq_cs, \"aw\"\n"
		".balign 32\n"
		"9: .long 0, 0\n"
		".quad 1f, 2f - 1f, 4f\n"
		".popsection\n"
		"leaq 9b(%%rip), %%rax\n"
		"movq %%rax, %c1(%0)\n"
		"1: pause\n"
		"jmp 1b\n"
		"2:\n"
		".pushsection .text.unlikely, \"ax\"\n"
		".byte 0x0f, 0xb9, 0x3d\n"
		".long 0x53053053\n"
		"4: jmp %l[aborted]\n"
		".popsection\n"
		:
		: "r"(area), "i"(offsetof(struct rseq, rseq_cs))
		: "memory", "rax"
		: aborted);
	return 0;
aborted:
	return 1;
}

static volatile sig_atomic_t handled;

static void handler(int s)
{
	handled++;
}

static void critical(void)
{
	struct itimerval it = {{0, 2000}, {0, 2000}};
	int n = 0;

	signal(SIGALRM, handler);
	setitimer(ITIMER_REAL, &it, NULL);
	while (n < 20 || handled < 5)
		n += spin(libc_area());
	memset(&it, 0, sizeof(it));
	setitimer(ITIMER_REAL, &it, NULL);
	printf("aborted %d\n", n >= 20);
}

static void *thread(void *arg)
{
	volatile struct rseq *r = libc_area();

	return (void *)(long)((int)r->cpu_id >= 0 && r->cpu_id < 4096);
}

static void registered(void)
{
	struct rseq *r = (struct rseq *)libc_area();
	pthread_t th[8];
	int good = 0;
	void *ret;

	printf("size %u registered %d\n", __rseq_size, (int)r->cpu_id >= 0);
	for (int i = 0; i < 25; i++) {
		for (int k = 0; k < 8; k++)
			pthread_create(&th[k], NULL, thread, NULL);
		for (int k = 0; k < 8; k++) {
			pthread_join(th[k], &ret);
			good += ret != NULL;
		}
	}
	printf("threads %d\n", good);
	show("again", rseq(r, 32, 0, RSEQ_SIG));
	show("another signature", rseq(r, 32, 0, 1));
	show("another area", rseq(&own, 32, 0, RSEQ_SIG));
	show("another length", rseq(r, 64, 0, RSEQ_SIG));
	show("flags", rseq(r, 32, 2, RSEQ_SIG));
	show("unregister, flags", rseq(r, 32, 3, RSEQ_SIG));
	show("unregister, another signature", rseq(r, 32, RSEQ_FLAG_UNREGISTER, 1));
	show("unregister, another area", rseq(&own, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
	fflush(stdout);
	if (!fork()) {
		show("a child has it too", rseq(r, 32, 0, RSEQ_SIG));
		show("and gives it up", rseq(r, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
		printf("cpu %d\n", (int)r->cpu_id);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	show("unregister", rseq(r, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
	show("again", rseq(r, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
	printf("cpu %d\n", (int)r->cpu_id);
	show("odd address", rseq((char *)&own + 8, 32, 0, RSEQ_SIG));
	show("short", rseq(&own, 16, 0, RSEQ_SIG));
	show("own", rseq(&own, 32, 0, RSEQ_SIG));
	printf("cpu %d\n", (int)own.cpu_id >= 0);
	show("own, gone", rseq(&own, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
	show("libc's", rseq(r, 32, 0, RSEQ_SIG));
}

static long barrier(int cmd, unsigned flags, int cpu)
{
	return syscall(SYS_membarrier, cmd, flags, cpu);
}

static void barriers(void)
{
	long q = barrier(MEMBARRIER_CMD_QUERY, 0, 0);

	printf("query %lx\n", q & 0x1ff);
	show("query, flags", barrier(MEMBARRIER_CMD_QUERY, 1, 0));
	show("unknown", barrier(1 << 20, 0, 0));
	show("two", barrier(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	show("global", barrier(MEMBARRIER_CMD_GLOBAL, 0, 0));
	show("global expedited", barrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
	show("private, not registered", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	show("register", barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
	show("private", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	show("private, flags", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 1, 0));
	show("core, not registered", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0));
	show("register core", barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0));
	show("core", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0));
	show("rseq, not registered", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	show("register rseq", barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	show("rseq", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	show("rseq, one processor", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0));
	show("register global", barrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
	fflush(stdout);
	if (!fork()) {
		show("inherited", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
		_exit(0);
	}
	wait(NULL);
}

int main(void)
{
	registered();
	critical();
	barriers();
	return 0;
}
