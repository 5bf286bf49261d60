/* SPDX-License-Identifier: MIT */
/* readlink of one name asked again and again while what it names changes: directory, nothing, link, file, link to elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void ask(const char *what, const char *name)
{
	char buf[100];
	ssize_t n = 0;
	int same = 1;

	for (int i = 0; i < 60; i++) {
		char again[100];
		ssize_t m = readlink(name, again, sizeof(again));
		int err = m < 0 ? errno : 0;

		if (m < 0)
			m = -err;
		if (i && (m != n || (m > 0 && memcmp(buf, again, (size_t)m))))
			same = 0;
		n = m;
		if (m > 0)
			memcpy(buf, again, (size_t)m);
	}
	if (n < 0)
		printf("%s: %s%s\n", what, strerror((int)-n), same ? "" : ", not always");
	else
		printf("%s: %.*s%s\n", what, (int)n, buf, same ? "" : ", not always");
}

int main(void)
{
	char dir[] = "/tmp/names-XXXXXX", b[1];

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	for (int round = 0; round < 3; round++) {
		ask("nothing", "x");
		mkdir("x", 0755);
		ask("directory", "x");
		rmdir("x");
		ask("nothing", "x");
		symlink("one", "x");
		ask("link", "x");
		unlink("x");
		symlink("another", "x");
		ask("other link", "x");
		unlink("x");
		close(open("x", O_CREAT | O_WRONLY, 0600));
		ask("file", "x");
		symlink("moved", "y");
		rename("y", "x");
		ask("link moved over the file", "x");
		mkdir("d", 0755);
		close(open("d/f", O_CREAT | O_WRONLY, 0600));
		ask("in a directory", "d/f");
		rename("d", "e");
		ask("its old name", "d/f");
		ask("its new name", "e/f");
		unlink("x");
		unlink("e/f");
		rmdir("e");
	}
	printf("%zd %s\n", readlink("/", b, 0), strerror(errno));
	printf("%zd %s\n", readlink("/", NULL, 1), strerror(errno));
	printf("%zd %s\n", readlink("", b, 1), strerror(errno));
	chdir("/");
	rmdir(dir);
	return 0;
}
