/* SPDX-License-Identifier: MIT */
/* msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */
#include "ipc_util.h"

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct mbuf {
	long type;
	char text[20000];
};

static struct mbuf m;

static int send_to(int id, long type, const char *text, int flags)
{
	m.type = type;
	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), flags);
}

static void receive(const char *what, int id, size_t size, long type, int flags)
{
	ssize_t n;

	memset(&m, 0, sizeof(m));
	n = msgrcv(id, &m, size, type, flags);
	if (n < 0)
		printf("%s: %s\n", what, err(n));
	else
		printf("%s: %zd type %ld '%s'\n", what, n, m.type, m.text);
}

static void getting(void)
{
	int k, k2;

	SHOW("absent", msgget(0x55, 0600));
	k = msgget(0x55, IPC_CREAT | 0600);
	SHOW("made", k);
	k2 = msgget(0x55, 0);
	printf("same %d\n", k == k2);
	SHOW("excl", msgget(0x55, IPC_CREAT | IPC_EXCL));
	SHOW("rmid", msgctl(k, IPC_RMID, NULL));
	SHOW("gone", msgctl(k, IPC_RMID, NULL));
	SHOW("send", send_to(k, 1, "x", 0));
	SHOW("negative", send_to(-1, 1, "x", 0));
	receive("negative", -1, 10, 0, 0);
	receive("gone", k, 10, 0, 0);
}

static void types(void)
{
	int id = msgget(IPC_PRIVATE, 0600);

	SHOW("type 0", send_to(id, 0, "x", 0));
	SHOW("type -1", send_to(id, -1, "x", 0));
	SHOW("long", msgsnd(id, &m, 8193, 0));
	m.type = 1;
	SHOW("long", msgsnd(id, &m, 8193, 0));
	SHOW("negative size", msgsnd(id, &m, -1, 0));
	SHOW("fault", msgsnd(id, (void *)8, 1, 0));
	receive("empty", id, 10, 0, IPC_NOWAIT);
	for (int i = 0; i < 5; i++)
		send_to(id, (long[]){3, 1, 2, 5, 4}[i], (char *[]){"three", "one", "two", "five", "four"}[i], 0);
	receive("copy 3", id, 100, 3, MSG_COPY | IPC_NOWAIT);
	receive("copy 9", id, 100, 9, MSG_COPY | IPC_NOWAIT);
	receive("copy waits", id, 100, 0, MSG_COPY);
	receive("copy except", id, 100, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT);
	receive("any", id, 100, 0, 0);
	receive("two", id, 100, 2, 0);
	receive("at most 4", id, 100, -4, 0);
	receive("at most 4", id, 100, -4, 0);
	receive("at most 4", id, 100, -4, IPC_NOWAIT);
	receive("except 5", id, 100, 5, MSG_EXCEPT | IPC_NOWAIT);
	send_to(id, 9, "nine", 0);
	receive("except 5", id, 100, 5, MSG_EXCEPT | IPC_NOWAIT);
	receive("too big", id, 2, 0, 0);
	receive("cut", id, 2, 0, MSG_NOERROR);
	receive("now empty", id, 2, 0, IPC_NOWAIT);
	receive("negative size", id, -1, 0, IPC_NOWAIT);
	send_to(id, 1, "", 0);
	receive("nothing in it", id, 0, 0, 0);
	send_to(id, 1, "lost", 0);
	SHOW("fault", msgrcv(id, (void *)8, 100, 0, 0));
	receive("lost", id, 100, 0, IPC_NOWAIT);
	msgctl(id, IPC_RMID, NULL);
}

static void control(void)
{
	int id = msgget(IPC_PRIVATE, 0642);
	struct msqid_ds ds;
	struct msginfo mi;

	send_to(id, 1, "hello", 0);
	SHOW("stat", msgctl(id, IPC_STAT, &ds));
	printf("bytes %lu n %lu max %lu mode %o mine %d %d times %d %d %d\n", ds.__msg_cbytes, ds.msg_qnum, ds.msg_qbytes,
	       ds.msg_perm.mode, ds.msg_lspid == getpid(), ds.msg_lrpid, ds.msg_stime != 0, ds.msg_rtime != 0, ds.msg_ctime != 0);
	receive("it", id, 10, 0, 0);
	SHOW("stat", msgctl(id, IPC_STAT, &ds));
	printf("bytes %lu n %lu rcv %d time %d\n", ds.__msg_cbytes, ds.msg_qnum, ds.msg_lrpid == getpid(), ds.msg_rtime != 0);
	ds.msg_qbytes = 10;
	ds.msg_perm.mode = 0600;
	SHOW("set", msgctl(id, IPC_SET, &ds));
	SHOW("fits", send_to(id, 1, "0123456789", IPC_NOWAIT));
	SHOW("full", send_to(id, 1, "0", IPC_NOWAIT));
	SHOW("empty one", send_to(id, 1, "", IPC_NOWAIT));
	SHOW("too long for ever", send_to(id, 1, "01234567890", IPC_NOWAIT));
	SHOW("stat fault", msgctl(id, IPC_STAT, (void *)8));
	SHOW("set fault", msgctl(id, IPC_SET, (void *)8));
	SHOW("bad command", msgctl(id, 99, &ds));
	SHOW("bad id", msgctl(-1, IPC_STAT, &ds));
	VALUE("info", msgctl(0, IPC_INFO, (void *)&mi) >= 0);
	printf("%d %d %d\n", mi.msgmax, mi.msgmnb, mi.msgmni);
	VALUE("info", msgctl(0, MSG_INFO, (void *)&mi) >= 0);
	printf("queues %d messages %d bytes %d\n", mi.msgpool, mi.msgmap, mi.msgtql);
	printf("by place %d\n", msgctl(id & 0x7fff, MSG_STAT, &ds) == id);
	SHOW("empty place", msgctl(30000, MSG_STAT, &ds));
	msgctl(id, IPC_RMID, NULL);
}

static void sleepers(void)
{
	int id = msgget(IPC_PRIVATE, 0600);
	struct msqid_ds ds;
	pid_t a, b;

	a = fork();
	if (!a) {
		receive("waits for 2", id, 100, 2, 0);
		_exit(0);
	}
	wait_asleep(a);
	send_to(id, 1, "one", 0);
	send_to(id, 2, "two", 0);
	reap(a);
	receive("left", id, 100, 0, IPC_NOWAIT);
	a = fork();
	if (!a) {
		receive("small room", id, 2, 0, 0);
		_exit(0);
	}
	wait_asleep(a);
	send_to(id, 1, "long", 0);
	reap(a);
	receive("left", id, 100, 0, IPC_NOWAIT);

	msgctl(id, IPC_STAT, &ds);
	ds.msg_qbytes = 4;
	msgctl(id, IPC_SET, &ds);
	send_to(id, 1, "full", 0);
	a = fork();
	if (!a)
		_exit(send_to(id, 2, "next", 0) ? errno : 0);
	wait_asleep(a);
	receive("first", id, 100, 0, 0);
	printf("sender %d\n", reap(a));
	receive("second", id, 100, 0, 0);

	handle(SIGUSR1, SA_RESTART);
	a = fork();
	if (!a) {
		receive("interrupted", id, 100, 0, 0);
		printf("handler ran %d\n", n_sig);
		_exit(0);
	}
	wait_asleep(a);
	kill(a, SIGUSR1);
	reap(a);
	a = fork();
	if (!a) {
		receive("stopped meanwhile", id, 100, 0, 0);
		_exit(0);
	}
	wait_asleep(a);
	kill(a, SIGSTOP);
	waitpid(a, NULL, WUNTRACED);
	kill(a, SIGCONT);
	wait_asleep(a);
	send_to(id, 1, "go", 0);
	reap(a);
	send_to(id, 1, "full", 0);
	a = fork();
	if (!a) {
		SHOW("sender interrupted", send_to(id, 2, "next", 0));
		_exit(0);
	}
	wait_asleep(a);
	kill(a, SIGUSR1);
	reap(a);
	a = fork();
	if (!a) {
		_exit(send_to(id, 2, "next", 0) ? errno : 0);
	}
	b = fork();
	if (!b)
		_exit(msgrcv(id, &m, 100, 7, 0) < 0 ? errno : 0);
	wait_asleep(a);
	wait_asleep(b);
	msgctl(id, IPC_RMID, NULL);
	printf("sender of a removed queue: %s\n", strerrorname_np(reap(a)));
	printf("receiver of a removed queue: %s\n", strerrorname_np(reap(b)));
}

static void rights(void)
{
	int id = msgget(0x900, IPC_CREAT | 0200);
	struct msqid_ds ds;
	pid_t a = fork();

	if (!a) {
		syscall(SYS_capset, (uint32_t[]){0x20080522, 0}, (uint32_t[6]){0});
		SHOW("send", send_to(id, 1, "x", 0));
		receive("receive", id, 10, 0, IPC_NOWAIT);
		SHOW("stat", msgctl(id, IPC_STAT, &ds));
		SHOW("get", msgget(0x900, 0400));
		SHOW("get", msgget(0x900, 0200));
		memset(&ds, 0, sizeof(ds));
		ds.msg_perm.uid = getuid();
		ds.msg_perm.gid = getgid();
		ds.msg_perm.mode = 0600;
		ds.msg_qbytes = 16385;
		SHOW("more bytes", msgctl(id, IPC_SET, &ds));
		ds.msg_qbytes = 100;
		SHOW("fewer bytes", msgctl(id, IPC_SET, &ds));
		receive("receive", id, 10, 0, IPC_NOWAIT);
		SHOW("rmid", msgctl(id, IPC_RMID, NULL));
		_exit(0);
	}
	reap(a);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	getting();
	types();
	control();
	sleepers();
	rights();
	return 0;
}
