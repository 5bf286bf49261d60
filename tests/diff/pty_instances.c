/* SPDX-License-Identifier: MIT */
/* devpts: instances by mount(2), their options, ptmx of each. mount(8), pts(4). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char *err(long r)
{
	return r < 0 ? strerror(errno) : "ok";
}

static void node(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		printf(" %s: %s", path, strerror(errno));
	else
		printf(" %s: %o %u:%u %u:%u", path, st.st_mode, st.st_uid, st.st_gid, major(st.st_rdev), minor(st.st_rdev));
}

static int number(int m)
{
	int n = -1;

	ioctl(m, TIOCGPTN, &n);
	return n;
}

static int try(const char *options)
{
	int r = mount("devpts", "pts", "devpts", MS_NOSUID | MS_NOEXEC, options);

	printf("%s: %s", options, err(r));
	return r;
}

int main(void)
{
	int m, s, m2, lock = 0;
	struct statfs fs;
	char line[512];

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Where that cannot be had, the mount stands in the only tree. */
	if (unshare(CLONE_NEWNS) == 0)
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	mkdir("pts", 0755);
	static const char *const bad[] = {"mode=9", "frob", "mode=", "uid=x", "max=-1", "max=99999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (try(bad[i]) == 0)
			umount("pts");
		printf("\n");
	}
	try("newinstance,ptmxmode=0666,mode=0640");
	statfs("pts", &fs);
	printf(" magic %lx\n", (long)fs.f_type);
	node("pts/ptmx");
	printf("\n");
	m = open("pts/ptmx", O_RDWR | O_NOCTTY);
	printf("first is %d", number(m));
	node("pts/0");
	printf("\n");
	m2 = open("pts/ptmx", O_RDWR | O_NOCTTY);
	printf("second is %d", number(m2));
	close(m);
	node("pts/0");
	m = open("pts/ptmx", O_RDWR | O_NOCTTY);
	printf(" again %d\n", number(m));
	printf("locked %s", err(open("pts/0", O_RDWR | O_NOCTTY)));
	ioctl(m, TIOCSPTLCK, &lock);
	s = open("pts/0", O_RDWR | O_NOCTTY);
	printf(" then %s, a line %zd", err(s), write(m, "hi\n", 3));
	printf(" %zd\n", read(s, line, sizeof(line)));
	printf("beside pts: %s", err(symlink("pts/ptmx", "ptmx")));
	int m3 = open("ptmx", O_RDWR | O_NOCTTY);
	printf(" number %d\n", number(m3));
	close(m3);
	int other = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	struct stat a, b;
	fstat(s, &a);
	sprintf(line, "/dev/pts/%d", number(other));
	stat(line, &b);
	printf("the machine's are others: %d\n", a.st_dev != b.st_dev);
	close(other);
	printf("peer %s\n", err(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY)));
	printf("umount busy %s\n", err(umount("pts")));
	close(s);
	close(m);
	printf("still busy with a peer %s\n", err(umount("pts")));
	printf("lazily %s\n", err(umount2("pts", MNT_DETACH)));
	printf("second works on: %d", number(m2));
	ioctl(m2, TIOCSPTLCK, &lock);
	s = ioctl(m2, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	printf(" %zd", write(m2, "x\n", 2));
	printf(" %zd\n", read(s, line, sizeof(line)));
	close(s);
	close(m2);
	printf("%s", try("") ? " fails" : "");
	node("pts/ptmx");
	m = open("pts/ptmx", O_RDWR | O_NOCTTY);
	printf(" open %s\n", err(m));
	umount("pts");
	try("max=1,ptmxmode=600");
	m = open("pts/ptmx", O_RDWR | O_NOCTTY);
	printf(" one %s", err(m));
	printf(" two %s", err(open("pts/ptmx", O_RDWR | O_NOCTTY)));
	close(m);
	m = open("pts/ptmx", O_RDWR | O_NOCTTY);
	printf(" one again %s\n", err(m));
	close(m);
	umount("pts");
	unlink("ptmx");
	rmdir("pts");
	return 0;
}
