/* SPDX-License-Identifier: MIT */
/* seccomp(2) and the life of tasks: fork, threads, exec, TSYNC, signals. */
#include "seccomp_util.h"

static struct sock_filter no_uid[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_ERRNO | EBADF), RET(SECCOMP_RET_ALLOW)};
static struct sock_filter no_gid[] = {LOAD(nr), WHEN(SYS_getgid, SECCOMP_RET_ERRNO | EXDEV), RET(SECCOMP_RET_ALLOW)};

static pthread_barrier_t two;

static void *ask_uid(void *arg)
{
	return (void *)(syscall(SYS_getuid) < 0 ? (long)errno : 0);
}

static void *ask_twice(void *arg)
{
	long first = syscall(SYS_getuid) < 0 ? errno : 0;

	pthread_barrier_wait(&two);
	pthread_barrier_wait(&two);
	return (void *)(first * 1000 + (syscall(SYS_getuid) < 0 ? errno : 0) + prctl(PR_GET_SECCOMP) * 100000 +
			prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) * 1000000);
}

static void *own_filter(void *arg)
{
	SET_FILTER(0, no_gid);
	pthread_barrier_wait(&two);
	pthread_barrier_wait(&two);
	return NULL;
}

static void inheritance(void)
{
	void *r;
	pthread_t th;

	CHILD("fork", {
		SET_FILTER(0, no_uid);
		CHILD("child", VALUE("uid", syscall(SYS_getuid)));
		CHILD("child of vfork", {
			pid_t v = vfork();

			if (!v)
				_exit(syscall(SYS_getuid) < 0 ? errno : 0);
			printf("vfork: %d\n", reap(v));
		});
		pthread_create(&th, NULL, ask_uid, NULL);
		pthread_join(th, &r);
		printf("thread %s\n", strerrorname_np((long)r));
	});
	CHILD("exec", {
		SET_FILTER(0, no_gid);
		execl("/proc/self/exe", "x", "executed", NULL);
	});
	CHILD("exec of a shell", {
		struct sock_filter no_write[] = {LOAD(nr), WHEN(SYS_unlink, SECCOMP_RET_ERRNO | EROFS), WHEN(SYS_unlinkat, SECCOMP_RET_ERRNO | EROFS),
			RET(SECCOMP_RET_ALLOW)};

		SET_FILTER(0, no_write);
		dup2(1, 2);
		execl("/bin/sh", "sh", "-c", "touch seccomp.x; rm seccomp.x; echo rm says $?; (echo in a child; exit 3); echo $?; ls /nonexistent | wc -l",
		      NULL);
	});
	CHILD("filter of a vfork child", {
		pid_t v = vfork();

		if (!v) {
			SET_FILTER(0, no_uid);
			_exit(syscall(SYS_getuid) < 0 ? errno : 0);
		}
		printf("child %d\n", reap(v));
		VALUE("the parent has none", prctl(PR_GET_SECCOMP));
		VALUE("uid", syscall(SYS_getuid) >= 0);
	});
}

static void threads(void)
{
	pthread_t th;
	void *r;

	CHILD("one thread only", {
		pthread_barrier_init(&two, NULL, 2);
		pthread_create(&th, NULL, ask_twice, NULL);
		pthread_barrier_wait(&two);
		SHOW("set", SET_FILTER(0, no_uid));
		pthread_barrier_wait(&two);
		pthread_join(th, &r);
		printf("the other: %ld\n", (long)r);
	});
	CHILD("all threads", {
		pthread_barrier_init(&two, NULL, 2);
		pthread_create(&th, NULL, ask_twice, NULL);
		pthread_barrier_wait(&two);
		nnp();
		SHOW("set", SET_FILTER(SECCOMP_FILTER_FLAG_TSYNC, no_uid));
		pthread_barrier_wait(&two);
		pthread_join(th, &r);
		printf("the other: %ld\n", (long)r);
	});
	CHILD("one that cannot follow", {
		long tid;

		pthread_barrier_init(&two, NULL, 2);
		pthread_create(&th, NULL, own_filter, NULL);
		pthread_barrier_wait(&two);
		tid = SET_FILTER(SECCOMP_FILTER_FLAG_TSYNC, no_uid);
		printf("a thread's number %d\n", tid > getpid());
		SHOW("esrch", SET_FILTER(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, no_uid));
		VALUE("not set", prctl(PR_GET_SECCOMP));
		pthread_barrier_wait(&two);
		pthread_join(th, NULL);
		VALUE("set when it is gone", SET_FILTER(SECCOMP_FILTER_FLAG_TSYNC, no_uid));
	});
}

static void *killed_thread(void *arg)
{
	struct sock_filter f[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_KILL_THREAD), RET(SECCOMP_RET_ALLOW)};

	SET_FILTER(0, f);
	syscall(SYS_getuid);
	printf("never\n");
	return NULL;
}

static void *strict_thread(void *arg)
{
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	syscall(SYS_getuid);
	printf("never\n");
	return NULL;
}

static void *killing_thread(void *arg)
{
	struct sock_filter f[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_KILL_PROCESS), RET(SECCOMP_RET_ALLOW)};

	SET_FILTER(0, f);
	syscall(SYS_getuid);
	return NULL;
}

static void kills(void)
{
	pthread_t th;

	CHILD("a thread is killed", {
		pthread_create(&th, NULL, killed_thread, NULL);
		pthread_join(th, NULL);
		printf("the others live\n");
	});
	CHILD("a strict thread is killed", {
		pthread_create(&th, NULL, strict_thread, NULL);
		pthread_join(th, NULL);
		printf("the others live\n");
	});
	CHILD("a thread kills all", {
		pthread_create(&th, NULL, killing_thread, NULL);
		pthread_join(th, NULL);
		printf("never\n");
	});
}

/* Signals, sleeping calls and restarts under a filter. */
static void signals(void)
{
	CHILD("restart", {
		char buf[10] = "";
		int p[2];
		pid_t c;

		pipe(p);
		handle(SIGUSR1, SA_RESTART);
		SET_FILTER(0, no_uid);
		c = fork();
		if (!c) {
			wait_asleep(getppid());
			kill(getppid(), SIGUSR1);
			wait_asleep(getppid());
			write(p[1], "done", 4);
			_exit(0);
		}
		VALUE("read", read(p[0], buf, sizeof(buf)));
		printf("%s, handler ran %d\n", buf, n_sig);
		reap(c);
	});
	CHILD("pthread", {
		pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
		pthread_t th[4];
		char *p;

		SET_FILTER(0, no_uid);
		for (int i = 0; i < 4; i++)
			pthread_create(&th[i], NULL, ask_uid, NULL);
		for (int i = 0; i < 4; i++)
			pthread_join(th[i], NULL);
		p = malloc(10 << 20);
		memset(p, 1, 10 << 20);
		p = realloc(p, 30 << 20);
		printf("memory %d\n", p[(10 << 20) - 1]);
		free(p);
	});
}

int main(int argc, char **argv)
{
	struct rlimit none = {0, 0};

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) {
		VALUE("mode", prctl(PR_GET_SECCOMP));
		VALUE("gid", syscall(SYS_getgid));
		return 0;
	}
	setrlimit(RLIMIT_CORE, &none);
	inheritance();
	threads();
	kills();
	signals();
	return 0;
}
