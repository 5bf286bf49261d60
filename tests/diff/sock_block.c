/* SPDX-License-Identifier: MIT */
/* Sleeping in sockets, and what ends the sleep: data, room, shutdown, time-outs, signals; epoll; several acceptors; sendfile. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

static socklen_t abstract(struct sockaddr_un *a, const char *name)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path + 1, name, strlen(name));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static void tcp_listen(int *l, struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*l = socket(AF_INET, SOCK_STREAM, 0);
	bind(*l, (void *)a, len);
	listen(*l, 64);
	getsockname(*l, (void *)a, &len);
}

static void tcp_pair(int s[2])
{
	struct sockaddr_in a;
	int l;

	tcp_listen(&l, &a);
	s[0] = socket(AF_INET, SOCK_STREAM, 0);
	connect(s[0], (void *)&a, sizeof(a));
	s[1] = accept(l, NULL, NULL);
	close(l);
}

struct later {
	pthread_t th;
	int fd, arg;
	void (*fn)(struct later *l);
};

static void *later_main(void *arg)
{
	struct later *l = arg;

	usleep(40000);
	l->fn(l);
	return NULL;
}

static void later(struct later *l, int fd, int arg, void (*fn)(struct later *l))
{
	*l = (struct later){.fd = fd, .arg = arg, .fn = fn};
	pthread_create(&l->th, NULL, later_main, l);
}

static void do_shutdown(struct later *l)
{
	shutdown(l->fd, l->arg);
}

static void do_write(struct later *l)
{
	write(l->fd, "abcdef", (size_t)l->arg);
}

static void do_read(struct later *l)
{
	static char buf[1 << 20];
	int left = l->arg;

	while (left > 0) {
		ssize_t n = read(l->fd, buf, sizeof(buf));

		if (n <= 0)
			break;
		left -= (int)n;
	}
}

static void do_accept(struct later *l)
{
	close(accept(l->fd, NULL, NULL));
}

static void pair_sleeps(const char *name, int s[2])
{
	static char big[2 << 20];
	struct timeval tv = {.tv_usec = 50000};
	struct later l;
	char buf[16];
	long n;

	printf("-- %s\n", name);
	later(&l, s[1], 3, do_write);
	say("recv sleeps", recv(s[0], buf, sizeof(buf), 0));
	pthread_join(l.th, NULL);
	write(s[1], "12", 2);
	later(&l, s[1], 6, do_write);
	say("waitall", recv(s[0], buf, 8, MSG_WAITALL));
	pthread_join(l.th, NULL);
	later(&l, s[0], sizeof(big), do_read);
	say("send sleeps", send(s[1], big, sizeof(big), 0));
	pthread_join(l.th, NULL);
	setsockopt(s[1], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	for (n = 0; n < 64 && send(s[1], big, sizeof(big), 0) == sizeof(big); n++)
		;
	printf("send times out: %d\n", n < 64);
	while (recv(s[0], big, sizeof(big), MSG_DONTWAIT) > 0)
		usleep(1000);
	later(&l, s[0], SHUT_RD, do_shutdown);
	say("recv ended by shutdown", recv(s[0], buf, 1, 0));
	pthread_join(l.th, NULL);
	close(s[0]);
	close(s[1]);
}

static void listeners(void)
{
	struct sockaddr_un a;
	struct sockaddr_in in;
	socklen_t len = abstract(&a, "picket-diff-block");
	struct later l;
	int u = socket(AF_UNIX, SOCK_STREAM, 0), t, c[2];

	bind(u, (void *)&a, len);
	listen(u, 0);
	for (int i = 0; i < 2; i++)
		c[i] = socket(AF_UNIX, SOCK_STREAM, 0);
	say("connect", connect(c[0], (void *)&a, len));
	later(&l, u, 0, do_accept);
	say("connect sleeps", connect(c[1], (void *)&a, len));
	pthread_join(l.th, NULL);
	close(accept(u, NULL, NULL));
	later(&l, u, SHUT_RDWR, do_shutdown);
	say("accept ended by shutdown", accept(u, NULL, NULL));
	pthread_join(l.th, NULL);
	close(u);
	tcp_listen(&t, &in);
	later(&l, t, SHUT_RDWR, do_shutdown);
	say("accept ended by shutdown", accept(t, NULL, NULL));
	pthread_join(l.th, NULL);
	close(t);
}

static void do_recv_all(struct later *l)
{
	char c;

	for (int i = 0; i < l->arg; i++)
		recv(l->fd, &c, 1, 0);
}

static void datagrams(void)
{
	struct sockaddr_un a;
	socklen_t len = abstract(&a, "picket-diff-dgram");
	int r = socket(AF_UNIX, SOCK_DGRAM, 0), s = socket(AF_UNIX, SOCK_DGRAM, 0), n = 0;
	struct timeval tv = {.tv_usec = 30000};
	struct later l;

	bind(r, (void *)&a, len);
	while (sendto(s, "x", 1, MSG_DONTWAIT, (void *)&a, len) == 1)
		n++;
	later(&l, r, n, do_recv_all);
	say("sendto sleeps", sendto(s, "x", 1, 0, (void *)&a, len));
	pthread_join(l.th, NULL);
	recv(r, &a, 1, 0);
	connect(s, (void *)(abstract(&a, "picket-diff-dgram") ? &a : NULL), len);
	while (send(s, "x", 1, MSG_DONTWAIT) == 1)
		;
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	say("send times out", send(s, "x", 1, 0));
	say("write times out", write(s, "x", 1));
	close(r);
	close(s);
}

static void show_events(const char *what, int ep)
{
	struct epoll_event ev[4];
	int n = epoll_wait(ep, ev, 4, 50);

	printf("%s: %d", what, n);
	for (int i = 0; i < n; i++)
		printf(" %#x", ev[i].events);
	printf("\n");
}

static void edges(const char *name, int s[2])
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	int ep = epoll_create1(0);
	char buf[4];

	printf("-- %s\n", name);
	epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &ev);
	usleep(100000); /* a socket of the host's tells once more what it was when it was added (docs/sockets.md) */
	show_events("added", ep);
	show_events("again", ep);
	write(s[1], "abc", 3);
	show_events("data", ep);
	show_events("again", ep);
	read(s[0], buf, 1);
	show_events("partly read", ep);
	write(s[1], "d", 1);
	show_events("more", ep);
	shutdown(s[1], SHUT_WR);
	show_events("half closed", ep);
	close(s[1]);
	close(s[0]);
	show_events("closed", ep);
	close(ep);
}

static void prefork(void)
{
	struct sockaddr_in a;
	int l, total = 0, status;
	pid_t kids[4];

	tcp_listen(&l, &a);
	for (int i = 0; i < 4; i++) {
		kids[i] = fork();
		if (kids[i] == 0) {
			char c;
			int n = 0;

			for (;;) {
				int d = accept(l, NULL, NULL);

				if (read(d, &c, 1) != 1 || c == 'q')
					_exit(n);
				write(d, &c, 1);
				close(d);
				n++;
			}
		}
	}
	for (int i = 0; i < 44; i++) {
		int c = socket(AF_INET, SOCK_STREAM, 0);
		char x = i < 40 ? 'x' : 'q';

		connect(c, (void *)&a, sizeof(a));
		write(c, &x, 1);
		read(c, &x, 1);
		close(c);
	}
	for (int i = 0; i < 4; i++) {
		waitpid(kids[i], &status, 0);
		total += WEXITSTATUS(status);
	}
	printf("served %d\n", total);
	close(l);
}

static void files(void)
{
	char path[] = "/tmp/picket-diff-XXXXXX", buf[64];
	struct iovec iov[3] = {{"one", 3}, {NULL, 0}, {"two", 3}}, in[2] = {{buf, 2}, {buf + 10, 20}};
	int f = mkstemp(path), s[2], p[2];
	off_t off = 2;

	unlink(path);
	write(f, "0123456789", 10);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	say("sendfile", sendfile(s[0], f, &off, 5));
	say("recv", recv(s[1], buf, sizeof(buf), 0));
	printf("%.5s offset %ld\n", buf, (long)off);
	tcp_pair(s);
	say("sendfile tcp", sendfile(s[0], f, &off, 100));
	say("recv", recv(s[1], buf, sizeof(buf), 0));
	say("writev", writev(s[0], iov, 3));
	usleep(10000);
	say("readv", readv(s[1], in, 2));
	printf("%.2s %.4s\n", buf, buf + 10);
	pipe(p);
	write(p[1], "spliced", 7);
	say("splice", splice(p[0], NULL, s[0], NULL, 7, 0));
	say("recv", recv(s[1], buf, sizeof(buf), 0));
	say("send bad pointer", send(s[0], (void *)8, 10, MSG_NOSIGNAL));
	say("recv bad pointer", (write(s[0], "x", 1), usleep(1000), recv(s[1], (void *)8, 10, 0)));
	say("pread", pread(s[1], buf, 1, 0));
	say("lseek", lseek(s[1], 0, SEEK_SET));
	say("ftruncate", ftruncate(s[1], 0));
	say("fsync", fsync(s[1]));
	close(s[0]);
	close(s[1]);
	close(f);
}

static void nothing(int sig)
{
}

static void signals(void)
{
	struct sigaction sa = {.sa_handler = nothing};
	struct itimerval it = {.it_value.tv_usec = 30000};
	struct sockaddr_in a;
	int l, s[2];
	char c;

	sigaction(SIGALRM, &sa, NULL);
	tcp_listen(&l, &a);
	setitimer(ITIMER_REAL, &it, NULL);
	say("accept interrupted", accept(l, NULL, NULL));
	tcp_pair(s);
	setitimer(ITIMER_REAL, &it, NULL);
	say("recv interrupted", recv(s[0], &c, 1, 0));
	setitimer(ITIMER_REAL, &it, NULL);
	say("read interrupted", read(s[0], &c, 1));
	write(s[1], "ab", 2);
	setitimer(ITIMER_REAL, &it, NULL);
	{
		char four[4];

		say("waitall interrupted", recv(s[0], four, 4, MSG_WAITALL));
	}
	close(l);
	close(s[0]);
	close(s[1]);
}

int main(void)
{
	int s[2];

	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGPIPE, SIG_IGN);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	pair_sleeps("unix", s);
	tcp_pair(s);
	pair_sleeps("tcp", s);
	listeners();
	datagrams();
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	edges("unix", s);
	tcp_pair(s);
	edges("tcp", s);
	prefork();
	files();
	signals();
	return 0;
}
