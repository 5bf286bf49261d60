/* SPDX-License-Identifier: MIT */
/* Extended attributes in user.: values, flags, lists, sizes, kinds of files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

static int cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *name)
{
	char buf[4096], *names[32];
	ssize_t len = listxattr(name, buf, sizeof(buf));
	int n = 0;

	say("list", len);
	for (char *p = buf; len > 0 && p < buf + len && n < 32; p += strlen(p) + 1)
		names[n++] = p;
	qsort(names, (size_t)n, sizeof(names[0]), cmp);
	for (int i = 0; i < n; i++)
		printf(" %s\n", names[i]);
}

int main(void)
{
	char buf[64], big[300];
	int fd;

	setvbuf(stdout, NULL, _IONBF, 0);
	fd = open("f", O_CREAT | O_RDWR, 0644);
	mkdir("d", 0755);
	symlink("f", "s");
	mkfifo("p", 0644);
	say("set", setxattr("f", "user.a", "value", 5, 0));
	say("set empty", setxattr("f", "user.empty", "", 0, 0));
	say("create", setxattr("f", "user.a", "other", 5, XATTR_CREATE));
	say("replace", setxattr("f", "user.b", "other", 5, XATTR_REPLACE));
	say("replace", setxattr("f", "user.a", "replaced", 8, XATTR_REPLACE));
	say("flags", setxattr("f", "user.a", "x", 1, 8));
	say("size", getxattr("f", "user.a", NULL, 0));
	say("get", getxattr("f", "user.a", buf, sizeof(buf)));
	printf("'%.8s'\n", buf);
	say("small", getxattr("f", "user.a", buf, 3));
	say("missing", getxattr("f", "user.none", buf, sizeof(buf)));
	say("empty", getxattr("f", "user.empty", buf, sizeof(buf)));
	list("f");
	say("list small", listxattr("f", buf, 3));
	say("fset", fsetxattr(fd, "user.c", "c", 1, 0));
	say("fget", fgetxattr(fd, "user.c", buf, sizeof(buf)));
	say("through link", getxattr("s", "user.a", buf, sizeof(buf)));
	say("of link", lgetxattr("s", "user.a", buf, sizeof(buf)));
	say("set on link", lsetxattr("s", "user.a", "x", 1, 0));
	say("set on fifo", setxattr("p", "user.a", "x", 1, 0));
	say("set on dir", setxattr("d", "user.dir", "x", 1, 0));
	list("d");
	say("namespace", setxattr("f", "bogus.a", "x", 1, 0));
	say("no suffix", setxattr("f", "user.", "x", 1, 0));
	say("no name", setxattr("f", "", "x", 1, 0));
	memset(big, 'n', sizeof(big));
	memcpy(big, "user.", 5);
	big[255] = 0;
	say("longest name", setxattr("f", big, "x", 1, 0) == 0 || errno == ENOSPC ? 0 : -1);
	removexattr("f", big);
	big[255] = 'n', big[256] = 0;
	say("longer name", setxattr("f", big, "x", 1, 0));
	say("too big", setxattr("f", "user.big", buf, 65537, 0));
	say("remove", removexattr("f", "user.a"));
	say("remove again", removexattr("f", "user.a"));
	say("fremove", fremovexattr(fd, "user.c"));
	list("f");
	say("missing file", getxattr("nothing", "user.a", buf, sizeof(buf)));
	say("rename keeps", rename("f", "g"));
	list("g");
	return 0;
}
