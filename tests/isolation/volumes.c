/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of test_volumes.py. The volumes are /v (writable) and /r (read only); the host prepared in /v:
 *   out -> a file outside, outdir -> the directory outside, fifo with a host reader, sock with a host listener, suid.
 * Prints "safe" lines and "BREACH" lines.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void result(const char *what, int breach)
{
	printf("%s %s\n", breach ? "BREACH" : "safe", what);
}

/* Does the file at *path* hold the host's secret? */
static int leaks(int dirfd, const char *path)
{
	char buf[256] = "";
	int fd = openat(dirfd, path, O_RDONLY | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof(buf) - 1);

	close(fd);
	return n > 0 && strstr(buf, "host secret");
}

static void links(const char *outside)
{
	char path[4200], name[64];
	int breach = 0, d = open("/v", O_RDONLY | O_DIRECTORY);

	result("a link to a file of the host", leaks(AT_FDCWD, "/v/out"));
	result("a link to a directory of the host", leaks(AT_FDCWD, "/v/outdir/secret"));
	symlink(outside, "/v/mine");
	snprintf(path, sizeof(path), "/v/mine/secret");
	result("a link that the guest made", leaks(AT_FDCWD, path));
	for (int up = 1; up < 30; up++) {
		path[0] = 0;
		for (int i = 0; i < up; i++)
			strcat(path, "../");
		strcat(path, outside + 1);
		strcat(path, "/secret");
		breach |= leaks(d, path);
		snprintf(name, sizeof(name), "/v/up%d", up);
		symlink(path, name);
		breach |= leaks(AT_FDCWD, name);
	}
	result("dots", breach);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/../outdir/secret", d);
	result("through /proc", leaks(AT_FDCWD, path));
	snprintf(path, sizeof(path), "/proc/1/root%s/secret", outside);
	result("through /proc/1/root", leaks(AT_FDCWD, path));
	link("/v/out", "/v/hard");
	result("a hard link to a link", leaks(AT_FDCWD, "/v/hard"));
	chmod("/v/out", 0777), truncate("/v/out", 0), chown("/v/out", 0, 0);
	close(d);
}

/* Swap a directory for a link to the outside while paths through it are used. */
static void race(void)
{
	time_t end = time(NULL) + 3;
	int breach = 0;
	pid_t pid;

	mkdir("/v/swap", 0755);
	close(open("/v/swap/secret", O_CREAT | O_WRONLY, 0644));
	symlink("outdir", "/v/swaplink");
	pid = fork();
	if (!pid)
		for (;;)
			syscall(SYS_renameat2, AT_FDCWD, "/v/swap", AT_FDCWD, "/v/swaplink", 2);
	while (time(NULL) < end) {
		int fd = open("/v/swap/secret", O_WRONLY | O_APPEND);

		breach |= leaks(AT_FDCWD, "/v/swap/secret");
		if (fd >= 0 && write(fd, "x", 1) == 1)
			close(fd);
		chmod("/v/swap/secret", 0777);
		truncate("/v/swap/secret", 0);
	}
	kill(pid, 9);
	result("a directory swapped for a link", breach);
}

static void special(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/v/sock"};
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fd;

	result("a listening socket of the host", connect(s, (void *)&a, sizeof(a)) == 0);
	fd = open("/v/fifo", O_WRONLY | O_NONBLOCK);
	result("a fifo that the host reads", fd >= 0 && write(fd, "from the guest", 14) > 0);
	mknod("/v/disk", S_IFBLK | 0666, 0xfe00);
	result("a device of its own", open("/v/disk", O_RDONLY) >= 0);
	chmod("/v/suid", 04755);
	result("a set-user-ID program", open("/v/new", O_CREAT | O_WRONLY | O_EXCL, 06755) >= 0);
}

static void read_only(void)
{
	int fd = open("/r/file", O_RDONLY), breach = 0;
	char *m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	breach |= open("/r/file", O_RDWR) >= 0 || open("/r/new", O_CREAT | O_WRONLY, 0644) >= 0;
	breach |= unlink("/r/file") == 0 || rename("/r/file", "/r/x") == 0 || link("/r/file", "/r/y") == 0;
	breach |= chmod("/r/file", 0) == 0 || truncate("/r/file", 0) == 0 || mkdir("/r/d", 0755) == 0;
	breach |= ftruncate(fd, 0) == 0 || utimensat(AT_FDCWD, "/r/file", NULL, 0) == 0;
	breach |= mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED;
	if (m != MAP_FAILED && mprotect(m, 4096, PROT_READ | PROT_WRITE) == 0)
		memcpy(m, "changed", 7); /* the host looks whether it is */
	result("a read-only volume", breach);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	links(argv[1]);
	special();
	read_only();
	race();
	printf("end\n");
	return 0;
}
