/* SPDX-License-Identifier: MIT */
/* Which operations move which times; utimensat(2). */
#include "fs_util.h"

#include <sys/time.h>
#include <utime.h>

static struct stat before;

static void mark(const char *name)
{
	struct timespec old[2] = {{.tv_sec = 1000, .tv_nsec = 5}, {.tv_sec = 2000, .tv_nsec = 7}};

	utimensat(AT_FDCWD, name, old, AT_SYMLINK_NOFOLLOW);
	lstat(name, &before);
	usleep(20000);
}

static int moved(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec;
}

static void what(const char *text, const char *name)
{
	struct stat st;

	if (lstat(name, &st) < 0)
		perror(name);
	printf("%s:%s%s%s\n", text, moved(st.st_atim, before.st_atim) ? " atime" : "",
	       moved(st.st_mtim, before.st_mtim) ? " mtime" : "", moved(st.st_ctim, before.st_ctim) ? " ctime" : "");
}

#define STEP(name, call)                                                                                               \
	do {                                                                                                           \
		mark(name);                                                                                            \
		if ((long)(call) < 0)                                                                                  \
			perror(#call);                                                                                 \
		what(#call, name);                                                                                     \
	} while (0)

int main(void)
{
	struct timespec ts[2] = {{.tv_sec = 11, .tv_nsec = 12}, {.tv_nsec = UTIME_OMIT}};
	struct timeval tv[2] = {{.tv_sec = 5, .tv_usec = 6}, {.tv_sec = 7, .tv_usec = 8}};
	struct stat st;
	char c;
	int fd;

	make_file("f", "text", 0644);
	mkdir("d", 0755);
	fd = open("f", O_RDWR);
	STEP("f", pread(fd, &c, 1, 0));
	STEP("f", pwrite(fd, "x", 1, 0));
	STEP("f", ftruncate(fd, 2));
	STEP("f", ftruncate(fd, 2));
	STEP("f", ftruncate(fd, 9));
	STEP("f", fchmod(fd, 0600));
	STEP("f", fchown(fd, 0, 0));
	STEP("f", link("f", "f2"));
	STEP("f", unlink("f2"));
	STEP("f", rename("f", "f3"));
	STEP("f3", rename("f3", "f"));
	STEP("f", access("f", R_OK));
	STEP("f", utimensat(AT_FDCWD, "f", NULL, 0));
	STEP("f", close(open("f", O_WRONLY | O_TRUNC)));
	STEP("f", write(fd, "", 0));
	STEP("d", close(open("d/x", O_CREAT | O_WRONLY, 0600)));
	STEP("d", close(open("d/x", O_WRONLY)));
	STEP("d", unlink("d/x"));
	STEP("d", mkdir("d/s", 0700));
	STEP("d", rename("d/s", "d/t"));
	STEP("d", rmdir("d/t"));
	STEP("d", symlink("f", "d/l"));
	STEP("d", rmdir("d/nope") + 1);

	SHOW(utimensat(AT_FDCWD, "f", ts, 0));
	stat("f", &st);
	printf("%ld.%ld\n", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec);
	ts[1].tv_nsec = 1000000000;
	SHOW(utimensat(AT_FDCWD, "f", ts, 0));
	ts[1].tv_nsec = -1;
	SHOW(utimensat(AT_FDCWD, "f", ts, 0));
	ts[0].tv_nsec = ts[1].tv_nsec = UTIME_OMIT;
	SHOW(utimensat(AT_FDCWD, "nope", ts, 0));
	ts[1].tv_nsec = UTIME_NOW;
	SHOW(utimensat(AT_FDCWD, "nope", ts, 0));
	SHOW(utimensat(AT_FDCWD, "f", ts, 99));
	SHOW(utimes("f", tv));
	stat("f", &st);
	printf("%ld.%ld %ld.%ld\n", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	tv[0].tv_usec = 1000000;
	SHOW(utimes("f", tv));
	SHOW(utime("f", &(struct utimbuf){.actime = 3, .modtime = 4}));
	stat("f", &st);
	printf("%ld %ld\n", (long)st.st_atime, (long)st.st_mtime);
	SHOW(futimens(fd, NULL));
	SHOW(futimens(-1, NULL));
	return 0;
}
