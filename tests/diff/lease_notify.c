/* SPDX-License-Identifier: MIT */
/* Leases and directory notification. fcntl(2): F_SETLEASE, F_GETLEASE, F_NOTIFY. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RT (SIGRTMIN + 4)

static const char *err(long r)
{
	return r < 0 ? strerror(errno) : "ok";
}

static const char *type(int t)
{
	return t == F_RDLCK ? "read" : t == F_WRLCK ? "write" : t == F_UNLCK ? "none" : "error";
}

static int wait_signal(int ms, int fd)
{
	struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
	siginfo_t si;
	sigset_t set;
	int s;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, RT);
	s = sigtimedwait(&set, &si, &wait);
	if (s < 0)
		printf(" [none]");
	else if (s == RT)
		printf(" [RT code %d band %lx fd %d]", si.si_code, (long)si.si_band, si.si_fd == fd);
	else
		printf(" [SIGIO code %d]", si.si_code);
	return s;
}

static void taking(void)
{
	int d = open(".", O_RDONLY), w, r, r2;

	printf("directory %s", err(fcntl(d, F_SETLEASE, F_RDLCK)));
	printf(" get %s\n", type(fcntl(d, F_GETLEASE)));
	close(d);
	w = open("leased", O_RDWR | O_CREAT, 0600);
	printf("read lease of a writer %s", err(fcntl(w, F_SETLEASE, F_RDLCK)));
	printf(", write lease %s", err(fcntl(w, F_SETLEASE, F_WRLCK)));
	printf(" is %s", type(fcntl(w, F_GETLEASE)));
	int d2 = dup(w);
	printf(", through a dup %s", type(fcntl(d2, F_GETLEASE)));
	close(d2);
	printf(", bad %s", err(fcntl(w, F_SETLEASE, 77)));
	printf(", off %s", err(fcntl(w, F_SETLEASE, F_UNLCK)));
	printf(", off again %s\n", err(fcntl(w, F_SETLEASE, F_UNLCK)));
	close(w);
	r = open("leased", O_RDONLY);
	printf("reader: read %s", err(fcntl(r, F_SETLEASE, F_RDLCK)));
	printf(", then write %s", err(fcntl(r, F_SETLEASE, F_WRLCK)));
	printf(" is %s", type(fcntl(r, F_GETLEASE)));
	printf(", down %s", err(fcntl(r, F_SETLEASE, F_RDLCK)));
	r2 = open("leased", O_RDONLY);
	printf(", second reader opens %s", err(r2));
	printf(", its lease %s", err(fcntl(r2, F_SETLEASE, F_RDLCK)));
	printf(", write now %s", err(fcntl(r, F_SETLEASE, F_WRLCK)));
	printf(" own %s other %s\n", type(fcntl(r, F_GETLEASE)), type(fcntl(r2, F_GETLEASE)));
	printf("owner %d\n", fcntl(r, F_GETOWN) == getpid());
	close(r2);
	close(r);
	w = open("leased", O_WRONLY);
	r = open("leased", O_RDONLY);
	printf("beside a writer: read %s", err(fcntl(r, F_SETLEASE, F_RDLCK)));
	printf(", write %s", err(fcntl(w, F_SETLEASE, F_WRLCK)));
	close(r);
	printf(", alone %s\n", err(fcntl(w, F_SETLEASE, F_WRLCK)));
	close(w);
	int p[2];
	pipe(p);
	printf("pipe %s get %s\n", err(fcntl(p[0], F_SETLEASE, F_RDLCK)), type(fcntl(p[0], F_GETLEASE)));
	close(p[0]);
	close(p[1]);
}

/* A child does *what* to the file; we see the signal, give way, and the child goes on. */
static void broken(const char *name, int lease, int open_as, int what, int give)
{
	int fd = open("leased", open_as), st;
	pid_t child;

	fcntl(fd, F_SETSIG, RT);
	printf("%s: %s", name, err(fcntl(fd, F_SETLEASE, lease)));
	fflush(stdout);
	child = fork();
	if (!child) {
		int r;

		if (what == -2) {
			r = truncate("leased", 0);
			_exit(r ? errno : 0);
		}
		close(fd);
		r = open("leased", what);
		_exit(r < 0 ? errno : 0);
	}
	wait_signal(what == O_RDONLY && lease == F_RDLCK ? 50 : 2000, fd);
	printf(" now %s", type(fcntl(fd, F_GETLEASE)));
	if (give >= 0)
		printf(", give way %s", err(fcntl(fd, F_SETLEASE, give)));
	else
		close(fd);
	waitpid(child, &st, 0);
	printf(", other %s", WEXITSTATUS(st) ? strerror(WEXITSTATUS(st)) : "ok");
	if (give >= 0) {
		printf(", left %s", type(fcntl(fd, F_GETLEASE)));
		close(fd);
	}
	printf("\n");
}

static void breaking(void)
{
	broken("writer breaks read", F_RDLCK, O_RDONLY, O_WRONLY, F_UNLCK);
	broken("reader beside read", F_RDLCK, O_RDONLY, O_RDONLY, F_UNLCK);
	broken("reader breaks write", F_WRLCK, O_RDWR, O_RDONLY, F_UNLCK);
	broken("reader breaks write of a reader, downgraded", F_WRLCK, O_RDONLY, O_RDONLY, F_RDLCK);
	broken("writer breaks write", F_WRLCK, O_RDWR, O_RDWR, F_UNLCK);
	broken("not waiting", F_WRLCK, O_RDWR, O_RDWR | O_NONBLOCK, F_UNLCK);
	broken("not waiting, reader", F_WRLCK, O_RDWR, O_RDONLY | O_NONBLOCK, F_UNLCK);
	broken("truncate", F_RDLCK, O_RDONLY, -2, F_UNLCK);
	broken("closed", F_RDLCK, O_RDONLY, O_WRONLY, -1);
	/* By ourselves, too. */
	int fd = open("leased", O_RDONLY);
	fcntl(fd, F_SETSIG, RT);
	fcntl(fd, F_SETLEASE, F_RDLCK);
	printf("ourselves %s", err(open("leased", O_WRONLY | O_NONBLOCK)));
	wait_signal(500, fd);
	printf(" lease %s, again", type(fcntl(fd, F_GETLEASE)));
	printf(" %s", err(fcntl(fd, F_SETLEASE, F_RDLCK)));
	printf(" write open %s", err(open("leased", O_WRONLY | O_NONBLOCK)));
	wait_signal(0, fd);
	printf("\n");
	close(fd);
	/* One who waits can be interrupted. */
	fd = open("leased", O_RDONLY);
	fcntl(fd, F_SETSIG, RT);
	fcntl(fd, F_SETLEASE, F_RDLCK);
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		struct sigaction sa = {.sa_handler = (void (*)(int))exit};

		sa.sa_handler = SIG_DFL;
		alarm(1);
		open("leased", O_WRONLY);
		_exit(7);
	}
	int st;
	waitpid(child, &st, 0);
	printf("killed by %d", WTERMSIG(st));
	wait_signal(500, fd);
	printf("\n");
	close(fd);
	unlink("leased");
}

static void notify(void)
{
	int d, f;

	mkdir("noted", 0700);
	f = open("noted", O_RDONLY);
	close(f);
	f = open("plain", O_CREAT | O_RDWR, 0600);
	printf("not a directory %s\n", err(fcntl(f, F_NOTIFY, DN_CREATE)));
	printf("nothing on a file %s\n", err(fcntl(f, F_NOTIFY, 0)));
	close(f);
	unlink("plain");
	d = open("noted", O_RDONLY);
	printf("notify %s", err(fcntl(d, F_NOTIFY, DN_CREATE)));
	printf(" owner %d", fcntl(d, F_GETOWN) == getpid());
	f = open("noted/a", O_CREAT | O_RDWR, 0600);
	wait_signal(500, d);
	close(open("noted/b", O_CREAT | O_RDWR, 0600));
	printf(" once");
	wait_signal(0, d);
	printf("\n");
	fcntl(d, F_SETSIG, RT);
	fcntl(d, F_NOTIFY, DN_MODIFY | DN_ACCESS | DN_MULTISHOT);
	printf("write");
	write(f, "x", 1);
	wait_signal(500, d);
	lseek(f, 0, SEEK_SET);
	char c;
	printf(" read");
	read(f, &c, 1);
	wait_signal(500, d);
	printf(" chmod");
	fchmod(f, 0640);
	wait_signal(0, d);
	fcntl(d, F_NOTIFY, DN_ATTRIB | DN_MULTISHOT);
	printf(" added: chmod");
	fchmod(f, 0600);
	wait_signal(500, d);
	printf(" truncate");
	ftruncate(f, 0);
	wait_signal(500, d);
	fcntl(d, F_NOTIFY, 0);
	printf(" off: write");
	write(f, "x", 1);
	wait_signal(0, d);
	printf("\n");
	fcntl(d, F_NOTIFY, DN_DELETE);
	printf("delete");
	unlink("noted/b");
	wait_signal(500, d);
	fcntl(d, F_NOTIFY, DN_RENAME);
	printf(" rename");
	rename("noted/a", "noted/c");
	wait_signal(500, d);
	fcntl(d, F_NOTIFY, DN_CREATE);
	printf(" moved in");
	close(open("outside", O_CREAT | O_RDWR, 0600));
	rename("outside", "noted/in");
	wait_signal(500, d);
	fcntl(d, F_NOTIFY, DN_DELETE);
	printf(" moved out");
	rename("noted/in", "outside");
	wait_signal(500, d);
	printf("\n");
	int e = dup(d);
	fcntl(d, F_NOTIFY, DN_CREATE | DN_MULTISHOT);
	mkdir("noted/sub", 0700);
	printf("mkdir");
	wait_signal(500, d);
	close(e); /* any descriptor of it */
	mkdir("noted/sub2", 0700);
	printf(" closed");
	wait_signal(0, d);
	printf("\n");
	close(d);
	close(f);
	unlink("outside");
	unlink("noted/c");
	rmdir("noted/sub");
	rmdir("noted/sub2");
	rmdir("noted");
}

int main(void)
{
	sigset_t set;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, RT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	taking();
	breaking();
	notify();
	return 0;
}
