/* SPDX-License-Identifier: MIT */
/* semget(2), semop(2), semtimedop(2), semctl(2). */
#include "ipc_util.h"

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static int ctl(int id, int num, int cmd, long v)
{
	return (int)syscall(SYS_semctl, id, num, cmd, v);
}

static int op(int id, int num, int n, int flags)
{
	struct sembuf b = {(unsigned short)num, (short)n, (short)flags};

	return semop(id, &b, 1);
}

static void getting(void)
{
	int id = semget(IPC_PRIVATE, 3, 0600), k, k2;

	SHOW("private", id);
	SHOW("none", semget(IPC_PRIVATE, 0, 0600));
	SHOW("negative", semget(IPC_PRIVATE, -1, 0600));
	SHOW("many", semget(IPC_PRIVATE, 32001, 0600));
	SHOW("absent key", semget(0x1234, 1, 0600));
	k = semget(0x1234, 2, IPC_CREAT | 0600);
	SHOW("key", k);
	k2 = semget(0x1234, 0, 0);
	printf("same %d\n", k == k2);
	SHOW("excl", semget(0x1234, 2, IPC_CREAT | IPC_EXCL | 0600));
	SHOW("too many of old", semget(0x1234, 3, 0));
	SHOW("rmid", ctl(k, 0, IPC_RMID, 0));
	SHOW("gone", semget(0x1234, 1, 0));
	SHOW("rmid again", ctl(k, 0, IPC_RMID, 0));
	SHOW("op on gone", op(k, 0, 1, 0));
	SHOW("bad id", ctl(-1, 0, IPC_STAT, 0));
	SHOW("rmid private", ctl(id, 0, IPC_RMID, 0));
}

static void values(void)
{
	int id = semget(IPC_PRIVATE, 3, 0640);
	unsigned short v[3] = {1, 2, 3}, w[3] = {0};
	struct semid_ds ds;
	struct seminfo si;

	SHOW("setall", ctl(id, 0, SETALL, (long)v));
	SHOW("getall", ctl(id, 0, GETALL, (long)w));
	printf("%d %d %d\n", w[0], w[1], w[2]);
	VALUE("getval", ctl(id, 2, GETVAL, 0));
	SHOW("setval", ctl(id, 1, SETVAL, 7));
	VALUE("getval 1", ctl(id, 1, GETVAL, 0));
	SHOW("setval range", ctl(id, 1, SETVAL, 32768));
	SHOW("setval negative", ctl(id, 1, SETVAL, -1));
	SHOW("setval num", ctl(id, 3, SETVAL, 1));
	SHOW("getval num", ctl(id, 3, GETVAL, 1));
	SHOW("getval num", ctl(id, -1, GETVAL, 1));
	v[1] = 32768;
	SHOW("setall range", ctl(id, 0, SETALL, (long)v));
	SHOW("setall fault", ctl(id, 0, SETALL, 8));
	SHOW("getall fault", ctl(id, 0, GETALL, 8));
	SHOW("stat fault", ctl(id, 0, IPC_STAT, 8));
	SHOW("set fault", ctl(id, 0, IPC_SET, 8));
	SHOW("bad command", ctl(id, 0, 77, 0));
	printf("getpid is mine %d\n", ctl(id, 1, GETPID, 0) == getpid());
	VALUE("ncnt", ctl(id, 0, GETNCNT, 0));
	VALUE("zcnt", ctl(id, 0, GETZCNT, 0));
	SHOW("stat", ctl(id, 0, IPC_STAT, (long)&ds));
	printf("nsems %lu mode %o otime %d ctime %d mine %d key %x\n", ds.sem_nsems, ds.sem_perm.mode, ds.sem_otime != 0,
	       ds.sem_ctime != 0, ds.sem_perm.cuid == getuid() && ds.sem_perm.uid == getuid(), ds.sem_perm.__key);
	SHOW("op", op(id, 0, 1, 0));
	SHOW("stat", ctl(id, 0, IPC_STAT, (long)&ds));
	printf("otime %d\n", ds.sem_otime != 0);
	ds.sem_perm.mode = 0777604;
	SHOW("set", ctl(id, 0, IPC_SET, (long)&ds));
	SHOW("stat", ctl(id, 0, IPC_STAT, (long)&ds));
	printf("mode %o\n", ds.sem_perm.mode);
	ds.sem_perm.uid = -1;
	SHOW("set nobody", ctl(id, 0, IPC_SET, (long)&ds));
	VALUE("info", ctl(0, 0, IPC_INFO, (long)&si) >= 0);
	printf("%d %d %d %d vmx %d\n", si.semmsl, si.semmns, si.semopm, si.semmni, si.semvmx);
	VALUE("info", ctl(0, 0, SEM_INFO, (long)&si) >= 0);
	printf("sets %d sems %d\n", si.semusz, si.semaem);
	printf("stat by place %d\n", ctl(id & 0x7fff, 0, SEM_STAT, (long)&ds) == id);
	printf("any %d\n", ctl(id & 0x7fff, 0, 20, (long)&ds) == id);
	SHOW("empty place", ctl(30000, 0, SEM_STAT, (long)&ds));
	ctl(id, 0, IPC_RMID, 0);
}

static void ops(void)
{
	int id = semget(IPC_PRIVATE, 2, 0600);
	struct sembuf many[501] = {0};
	struct timespec ts = {0, 1000000}, bad = {0, 1000000000}, neg = {-1, 0};
	struct sembuf b[3];

	SHOW("up", op(id, 0, 2, 0));
	SHOW("down", op(id, 0, -1, 0));
	SHOW("nowait", op(id, 0, -2, IPC_NOWAIT));
	SHOW("zero nowait", op(id, 0, 0, IPC_NOWAIT));
	SHOW("zero of zero", op(id, 1, 0, 0));
	SHOW("range", op(id, 0, 32767, 0));
	SHOW("big", op(id, 2, 1, 0));
	SHOW("no ops", semop(id, b, 0));
	SHOW("too many", semop(id, many, 501));
	SHOW("500", semop(id, many + 1, 0));
	SHOW("fault", semop(id, (void *)8, 1));
	SHOW("bad id", op(-1, 0, 1, 0));
	SHOW("bad id", op(0x7fff0000, 0, 1, 0));
	b[0] = (struct sembuf){1, 5, 0};
	b[1] = (struct sembuf){0, -5, IPC_NOWAIT};
	SHOW("atomic", semop(id, b, 2));
	VALUE("unchanged", ctl(id, 1, GETVAL, 0));
	b[1] = (struct sembuf){1, -5, 0};
	b[2] = (struct sembuf){1, 0, 0};
	SHOW("up, down, zero", semop(id, b, 3));
	b[0] = (struct sembuf){1, 32767, 0};
	b[1] = (struct sembuf){1, 1, 0};
	SHOW("over the top in the middle", semop(id, b, 2));
	b[0] = (struct sembuf){1, -1, 0};
	SHOW("time", semtimedop(id, b, 1, &ts));
	SHOW("bad time", semtimedop(id, b, 1, &bad));
	SHOW("negative time", semtimedop(id, b, 1, &neg));
	SHOW("time fault", semtimedop(id, b, 1, (void *)8));
	ts.tv_nsec = 0;
	SHOW("no time", semtimedop(id, b, 1, &ts));
	ctl(id, 0, IPC_RMID, 0);
}

static void sleepers(void)
{
	int id = semget(IPC_PRIVATE, 2, 0600), st;
	pid_t a, b;

	a = fork();
	if (!a) {
		struct sembuf two[2] = {{0, -1, 0}, {1, -1, 0}};

		_exit(semop(id, two, 2) ? errno : 0);
	}
	wait_asleep(a);
	VALUE("ncnt 0", ctl(id, 0, GETNCNT, 0));
	VALUE("ncnt 1", ctl(id, 1, GETNCNT, 0));
	op(id, 0, 1, 0);
	wait_asleep(a);
	VALUE("ncnt 0", ctl(id, 0, GETNCNT, 0));
	VALUE("ncnt 1", ctl(id, 1, GETNCNT, 0));
	VALUE("still", ctl(id, 0, GETVAL, 0));
	op(id, 1, 1, 0);
	printf("child %d\n", reap(a));
	printf("values %d %d, last %d\n", ctl(id, 0, GETVAL, 0), ctl(id, 1, GETVAL, 0), ctl(id, 0, GETPID, 0) == a);

	op(id, 0, 1, 0);
	a = fork();
	if (!a)
		_exit(op(id, 0, 0, 0) ? errno : 0);
	wait_asleep(a);
	VALUE("zcnt", ctl(id, 0, GETZCNT, 0));
	ctl(id, 0, SETVAL, 0);
	printf("zero %d\n", reap(a));

	/* first come, first served */
	a = fork();
	if (!a)
		_exit(op(id, 0, -1, 0) ? errno : 0);
	wait_asleep(a);
	b = fork();
	if (!b)
		_exit(op(id, 0, -1, 0) ? errno : 0);
	wait_asleep(b);
	op(id, 0, 1, 0);
	printf("first %d\n", reap(a));
	printf("second runs %d\n", waitpid(b, &st, WNOHANG));
	kill(b, SIGKILL);
	printf("second %d\n", reap(b));
	VALUE("ncnt after kill", ctl(id, 0, GETNCNT, 0));

	a = fork();
	if (!a)
		_exit(op(id, 0, -1, 0) ? errno : 0);
	wait_asleep(a);
	ctl(id, 0, IPC_RMID, 0);
	printf("removed under a sleeper %s\n", strerrorname_np(reap(a)));
}

static void interrupts(void)
{
	int id = semget(IPC_PRIVATE, 1, 0600);
	pid_t a = fork();

	if (!a) {
		handle(SIGUSR1, SA_RESTART);
		a = op(id, 0, -1, 0) ? errno : 0;
		printf("handler ran %d\n", n_sig);
		fflush(stdout);
		_exit(a);
	}
	wait_asleep(a);
	kill(a, SIGUSR1);
	printf("signal with SA_RESTART: %s\n", strerrorname_np(reap(a)));
	a = fork();
	if (!a)
		_exit(op(id, 0, -1, 0) ? errno : 0);
	wait_asleep(a);
	kill(a, SIGSTOP);
	waitpid(a, NULL, WUNTRACED);
	kill(a, SIGCONT);
	printf("stop and go on: %s\n", strerrorname_np(reap(a)));
	ctl(id, 0, IPC_RMID, 0);
}

static int undo_thread_id;
static void *undo_thread(void *arg)
{
	op(undo_thread_id, 0, 3, SEM_UNDO);
	return NULL;
}

static void undo(void)
{
	int id = semget(IPC_PRIVATE, 2, 0600);
	pthread_t th;
	pid_t a;

	ctl(id, 0, SETVAL, 5);
	a = fork();
	if (!a) {
		op(id, 0, -2, SEM_UNDO);
		op(id, 1, 4, SEM_UNDO);
		_exit(0);
	}
	reap(a);
	printf("undone %d %d, by %d\n", ctl(id, 0, GETVAL, 0), ctl(id, 1, GETVAL, 0), ctl(id, 0, GETPID, 0) == a);
	a = fork();
	if (!a) {
		op(id, 0, -2, SEM_UNDO);
		ctl(id, 0, SETVAL, 9);
		_exit(0);
	}
	reap(a);
	VALUE("set forgets", ctl(id, 0, GETVAL, 0));
	a = fork();
	if (!a) {
		op(id, 0, 5, SEM_UNDO);
		op(id, 0, -13, 0);
		_exit(0);
	}
	reap(a);
	VALUE("not below zero", ctl(id, 0, GETVAL, 0));
	/* a sleeper is woken by an exit */
	ctl(id, 0, SETVAL, 1);
	a = fork();
	if (!a) {
		op(id, 0, -1, SEM_UNDO);
		if (!fork()) {
			/* the child has no adjustments of its own */
			_exit(0);
		}
		wait(NULL);
		printf("child's exit changes nothing: %d\n", ctl(id, 0, GETVAL, 0));
		fflush(stdout);
		_exit(0);
	}
	reap(a);
	VALUE("back", ctl(id, 0, GETVAL, 0));
	op(id, 0, -1, 0);
	a = fork();
	if (!a) {
		undo_thread_id = id;
		pthread_create(&th, NULL, undo_thread, NULL);
		pthread_join(th, NULL);
		printf("thread's stays while the process lives: %d\n", ctl(id, 0, GETVAL, 0));
		fflush(stdout);
		_exit(0);
	}
	reap(a);
	VALUE("and goes with it", ctl(id, 0, GETVAL, 0));
	a = fork();
	if (!a) {
		op(id, 0, 1, SEM_UNDO);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	reap(a);
	VALUE("after exec and exit", ctl(id, 0, GETVAL, 0));
	ctl(id, 0, SETVAL, 0);
	a = fork();
	if (!a) {
		SHOW("adj range", op(id, 0, 32767, SEM_UNDO));
		op(id, 0, -32767, 0);
		SHOW("adj range", op(id, 0, 2, SEM_UNDO));
		fflush(stdout);
		_exit(0);
	}
	reap(a);
	a = fork();
	if (!a) {
		op(id, 1, 1, SEM_UNDO);
		ctl(id, 0, IPC_RMID, 0);
		_exit(0);
	}
	printf("removed before the undo %d\n", reap(a));
}

static void rights(void)
{
	int id = semget(0x777, 1, IPC_CREAT | 0600), ro = semget(0x778, 1, IPC_CREAT | 0644);
	struct semid_ds ds;
	pid_t a;

	fflush(stdout);
	a = fork();
	if (!a) {
		/* without capabilities, as owner: bits count */
		unsigned char caps[24] = {0};

		((uint32_t *)caps)[0] = 0x20080522;
		syscall(SYS_capset, (uint32_t[]){0x20080522, 0}, (uint32_t[6]){0});
		ctl(id, 0, IPC_STAT, (long)&ds);
		ds.sem_perm.mode = 0400;
		SHOW("owner sets", ctl(id, 0, IPC_SET, (long)&ds));
		SHOW("read only up", op(id, 0, 1, 0));
		SHOW("read only zero", op(id, 0, 0, 0));
		SHOW("get rw", semget(0x777, 1, 0600));
		SHOW("get r", semget(0x777, 1, 0400));
		SHOW("setval", ctl(id, 0, SETVAL, 1));
		SHOW("getval", ctl(id, 0, GETVAL, 1));
		SHOW("setall", ctl(id, 0, SETALL, (long)&ds));
		ds.sem_perm.mode = 0;
		SHOW("owner sets", ctl(id, 0, IPC_SET, (long)&ds));
		SHOW("stat", ctl(id, 0, IPC_STAT, (long)&ds));
		SHOW("stat by place", ctl(id & 0x7fff, 0, SEM_STAT, (long)&ds));
		VALUE("any", ctl(id & 0x7fff, 0, 20, (long)&ds) == id);
		SHOW("getval", ctl(id, 0, GETVAL, 1));
		SHOW("rmid", ctl(id, 0, IPC_RMID, 0));
		fflush(stdout);
		_exit(0);
	}
	reap(a);
	SHOW("rmid", ctl(ro, 0, IPC_RMID, 0));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	getting();
	values();
	ops();
	sleepers();
	interrupts();
	undo();
	rights();
	return 0;
}
