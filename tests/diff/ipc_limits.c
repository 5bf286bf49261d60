/* SPDX-License-Identifier: MIT */
/* The limits of /proc/sys/kernel and /proc/sys/fs/mqueue: shown, set, obeyed. */
#include "ipc_util.h"
#include <mqueue.h>
#include <stdbool.h>

static void show(const char *name)
{
	char path[100], buf[100];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n < 0)
		printf("%s: %s\n", name, strerrorname_np(errno));
	else
		printf("%s: %.*s", name, (int)n, buf);
	close(fd);
}

static void put(const char *name, const char *value)
{
	char path[100];
	int fd, r;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_WRONLY);
	r = fd < 0 ? -1 : (int)write(fd, value, strlen(value));
	printf("%s = %s: %s\n", name, value, r < 0 ? strerrorname_np(errno) : "ok");
	close(fd);
	show(name);
}

static void messages(void)
{
	static struct { long type; char text[9000]; } m = {1};
	int q, q2;
	struct msqid_ds ds;

	show("kernel/msgmax");
	show("kernel/msgmnb");
	show("kernel/msgmni");
	put("kernel/msgmax", "100\n");
	put("kernel/msgmnb", "250");
	put("kernel/msgmni", "1");
	put("kernel/msgmni", "40000");
	put("kernel/msgmax", "-1");
	put("kernel/msgmax", "word");
	q = msgget(IPC_PRIVATE, 0600);
	SHOW("second queue", q2 = msgget(IPC_PRIVATE, 0600));
	SHOW("101", msgsnd(q, &m, 101, IPC_NOWAIT));
	SHOW("100", msgsnd(q, &m, 100, IPC_NOWAIT));
	SHOW("100", msgsnd(q, &m, 100, IPC_NOWAIT));
	SHOW("full", msgsnd(q, &m, 100, IPC_NOWAIT));
	msgctl(q, IPC_STAT, &ds);
	printf("max %lu\n", ds.msg_qbytes);
	msgctl(q, IPC_RMID, NULL);
}

static void semaphores(void)
{
	struct sembuf b[3] = {{0, 1, 0}, {0, 1, 0}, {0, 1, 0}};
	int s;

	show("kernel/sem");
	put("kernel/sem", "10 15 2 3");
	SHOW("11", semget(IPC_PRIVATE, 11, 0600));
	SHOW("10", s = semget(IPC_PRIVATE, 10, 0600));
	SHOW("16 in all", semget(IPC_PRIVATE, 6, 0600));
	SHOW("three operations", semop(s, b, 3));
	SHOW("two", semop(s, b, 2));
	SHOW("second set", semget(IPC_PRIVATE, 1, 0600));
	SHOW("third set", semget(IPC_PRIVATE, 1, 0600));
	SHOW("fourth set", semget(IPC_PRIVATE, 1, 0600));
	put("kernel/sem", "20");
	put("kernel/sem", "1 2 3 4 5");
	put("kernel/sem", "1 2 3 40000");
}

static void memory(void)
{
	int a;

	show("kernel/shmmax");
	show("kernel/shmall");
	show("kernel/shmmni");
	put("kernel/shmmax", "10000");
	put("kernel/shmall", "4");
	put("kernel/shmmni", "2");
	SHOW("10001", shmget(IPC_PRIVATE, 10001, 0600));
	SHOW("10000", a = shmget(IPC_PRIVATE, 10000, 0600));
	SHOW("five pages", shmget(IPC_PRIVATE, 4097, 0600));
	SHOW("four", shmget(IPC_PRIVATE, 4096, 0600));
	put("kernel/shmall", "100");
	SHOW("third", shmget(IPC_PRIVATE, 4096, 0600));
	shmctl(a, IPC_RMID, NULL);
	SHOW("in its place", shmget(IPC_PRIVATE, 4096, 0600));
}

static void queues(void)
{
	struct mq_attr a = {.mq_maxmsg = 20, .mq_msgsize = 256};
	int q;

	show("fs/mqueue/queues_max");
	show("fs/mqueue/msg_max");
	show("fs/mqueue/msgsize_max");
	show("fs/mqueue/msg_default");
	show("fs/mqueue/msgsize_default");
	put("fs/mqueue/msg_max", "20");
	put("fs/mqueue/msgsize_max", "256");
	put("fs/mqueue/msg_default", "5");
	put("fs/mqueue/msg_max", "0");
	put("fs/mqueue/msgsize_max", "100");
	put("fs/mqueue/queues_max", "2");
	syscall(SYS_capset, (uint32_t[]){0x20080522, 0}, (uint32_t[6]){0});
	SHOW("20 of 256", mq_open("/a", O_RDWR | O_CREAT, 0600, &a));
	a.mq_msgsize = 257;
	SHOW("of 257", mq_open("/b", O_RDWR | O_CREAT, 0600, &a));
	SHOW("defaults", q = mq_open("/b", O_RDWR | O_CREAT, 0600, NULL));
	mq_getattr(q, &a);
	printf("%ld %ld\n", a.mq_maxmsg, a.mq_msgsize);
	SHOW("third", mq_open("/c", O_RDWR | O_CREAT, 0600, NULL));
	mq_unlink("/a");
	SHOW("in its place", mq_open("/c", O_RDWR | O_CREAT, 0600, NULL));
	mq_unlink("/b");
	mq_unlink("/c");
}

/* What a process leaves behind: a segment, which it has attached or not. */
static int left_by_child(bool attached)
{
	int id = -1, p[2], status;

	if (pipe(p) < 0)
		return -1;
	if (fork() == 0) {
		id = shmget(IPC_PRIVATE, 4096, 0600);
		if (attached)
			shmat(id, NULL, 0);
		_exit(write(p[1], &id, sizeof(id)) != sizeof(id));
	}
	wait(&status);
	(void)!read(p[0], &id, sizeof(id));
	close(p[0]);
	close(p[1]);
	return id;
}

static void forced_removal(void)
{
	struct shmid_ds ds;
	int left, mine = shmget(IPC_PRIVATE, 4096, 0600);
	void *at;

	show("kernel/shm_rmid_forced");
	left = left_by_child(true);
	SHOW("left behind stays", shmctl(left, IPC_STAT, &ds));
	put("kernel/shm_rmid_forced", "2");
	put("kernel/shm_rmid_forced", "1");
	SHOW("what was left goes", shmctl(left, IPC_STAT, &ds));
	SHOW("mine stays", shmctl(mine, IPC_STAT, &ds));
	left = left_by_child(false);
	SHOW("never attached", shmctl(left, IPC_STAT, &ds));
	left = left_by_child(true);
	SHOW("attached", shmctl(left, IPC_STAT, &ds));
	at = shmat(mine, NULL, 0);
	SHOW("mine, attached", shmctl(mine, IPC_STAT, &ds));
	SHOW("left by me", shmdt(at));
	SHOW("gone", shmctl(mine, IPC_STAT, &ds));
	put("kernel/shm_rmid_forced", "0");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	messages();
	semaphores();
	memory();
	queues();
	forced_removal();
	return 0;
}
