/* SPDX-License-Identifier: MIT */
/* Many processes and threads at the same IPC objects: nothing is lost, nothing is left over. */
#include "ipc_util.h"
#include <mqueue.h>

#define WORKERS 6

static int up(int id, int n, int flags)
{
	struct sembuf b = {0, (short)n, (short)flags};
	int r;

	do
		r = semop(id, &b, 1);
	while (r && errno == EINTR);
	return r;
}

static void mutex(void)
{
	int sem = semget(IPC_PRIVATE, 1, 0600), shm = shmget(IPC_PRIVATE, 4096, 0600);
	volatile int *p = shmat(shm, NULL, 0);
	pid_t w[WORKERS], victim[3];

	semctl(sem, 0, SETVAL, 1);
	for (int i = 0; i < WORKERS; i++) {
		w[i] = fork();
		if (!w[i]) {
			for (int k = 0; k < 150; k++) {
				up(sem, -1, SEM_UNDO);
				p[0]++;
				up(sem, 1, SEM_UNDO);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < WORKERS; i++)
		reap(w[i]);
	printf("count %d value %d\n", p[0], semctl(sem, 0, GETVAL));
	/* killed at any point, they give back what they had taken */
	for (int i = 0; i < 3; i++) {
		victim[i] = fork();
		if (!victim[i])
			for (;;) {
				up(sem, -1, SEM_UNDO);
				up(sem, 1, SEM_UNDO);
			}
	}
	nap(20);
	for (int i = 0; i < 3; i++) {
		kill(victim[i], SIGKILL);
		reap(victim[i]);
	}
	printf("after the kills %d waiting %d\n", semctl(sem, 0, GETVAL), semctl(sem, 0, GETNCNT));
	semctl(sem, 0, IPC_RMID);
	shmctl(shm, IPC_RMID, NULL);
	shmdt((void *)p);
}

static void messages(void)
{
	int q = msgget(IPC_PRIVATE, 0600), sum = 0;
	struct msqid_ds ds;
	pid_t w[WORKERS];

	msgctl(q, IPC_STAT, &ds);
	ds.msg_qbytes = 64;
	msgctl(q, IPC_SET, &ds);
	for (int i = 0; i < WORKERS; i++) {
		w[i] = fork();
		if (!w[i]) {
			struct { long type; int v; } m = {i + 1, i};

			/* pairs: 0 sends to 1, 2 to 3 … */
			for (int k = 0; k < 200; k++)
				if (i & 1 ? msgrcv(q, &m, sizeof(int), i, 0) != sizeof(int) || m.v != i - 1 : msgsnd(q, &m, sizeof(int), 0))
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < WORKERS; i++)
		sum += reap(w[i]);
	msgctl(q, IPC_STAT, &ds);
	printf("failures %d left %lu bytes %lu\n", sum, ds.msg_qnum, ds.__msg_cbytes);
	msgctl(q, IPC_RMID, NULL);
}

static void queues(void)
{
	struct mq_attr a = {.mq_maxmsg = 3, .mq_msgsize = 4};
	pid_t w[WORKERS];
	int q, sum = 0;

	mq_unlink("/many");
	q = mq_open("/many", O_RDWR | O_CREAT, 0600, &a);
	for (int i = 0; i < WORKERS; i++) {
		w[i] = fork();
		if (!w[i]) {
			int v = 1, n = 0;

			for (int k = 0; k < 200; k++) {
				if (i & 1)
					mq_send(q, (char *)&v, 4, (unsigned)k % 5);
				else
					n += mq_receive(q, (char *)&v, 4, NULL) == 4 && v == 1;
			}
			_exit(n);
		}
	}
	for (int i = 0; i < WORKERS; i++)
		sum += reap(w[i]);
	mq_getattr(q, &a);
	printf("received %d left %ld\n", sum, a.mq_curmsgs);
	close(q);
	mq_unlink("/many");
}

static int seg;
static void *attach_often(void *arg)
{
	for (int i = 0; i < 40; i++) {
		char *p = shmat(seg, NULL, i & 1 ? SHM_RDONLY : 0);

		if (p == (void *)-1)
			return (void *)1;
		(void)*(volatile char *)p;
		if (i % 3 == 0)
			munmap(p, 8192);
		else if (shmdt(p))
			return (void *)2;
	}
	return NULL;
}

static void attachments(void)
{
	struct shmid_ds ds;
	pthread_t th[4];
	long bad = 0;

	seg = shmget(IPC_PRIVATE, 8192, 0600);
	for (int i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, attach_often, NULL);
	for (int i = 0; i < 10; i++) {
		pid_t c = fork();

		if (!c)
			_exit((long)attach_often(NULL));
		shmctl(seg, IPC_STAT, &ds);
		bad += reap(c);
	}
	for (int i = 0; i < 4; i++) {
		void *r;

		pthread_join(th[i], &r);
		bad += (long)r;
	}
	shmctl(seg, IPC_STAT, &ds);
	printf("failures %ld attached %d\n", bad, (int)ds.shm_nattch);
	shmctl(seg, IPC_RMID, NULL);
	printf("gone %d\n", shmctl(seg, IPC_STAT, &ds));
}

/* Who has asked to be told goes, by exit or by exec: another may ask. */
static void registrations(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	struct mq_attr a = {.mq_maxmsg = 3, .mq_msgsize = 4};
	int q = mq_open("/reg", O_RDWR | O_CREAT, 0600, &a), p[2];
	pid_t c;

	SHOW("mine", mq_notify(q, &ev));
	c = fork();
	if (!c)
		_exit(0);
	reap(c);
	SHOW("a child's exit changes nothing", mq_notify(q, &ev));
	mq_notify(q, NULL);
	c = fork();
	if (!c)
		_exit(mq_notify(q, &ev) ? errno : 0);
	printf("child %d\n", reap(c));
	SHOW("free after its exit", mq_notify(q, &ev));
	mq_notify(q, NULL);
	pipe(p);
	c = fork();
	if (!c) {
		mq_notify(q, &ev);
		dup2(p[1], 1);
		execl("/bin/sh", "sh", "-c", "echo x; exec sleep 10", NULL);
	}
	read(p[0], &(char){0}, 1);
	SHOW("free after its exec", mq_notify(q, &ev));
	kill(c, SIGKILL);
	reap(c);
	mq_unlink("/reg");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	mutex();
	messages();
	queues();
	attachments();
	registrations();
	return 0;
}
