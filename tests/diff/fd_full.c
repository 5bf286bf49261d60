/* SPDX-License-Identifier: MIT */
/* With no descriptor left, open(2) says so before it looks at the name, and leaves no trace. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const char *what, int r)
{
	printf("%s: %s\n", what, r < 0 ? strerror(errno) : "ok");
}

int main(void)
{
	char dir[] = "fd_full.XXXXXX";
	struct rlimit full = {3, 64};
	struct stat st;

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	close(open("old", O_WRONLY | O_CREAT, 0600));
	if (truncate("old", 10) || setrlimit(RLIMIT_NOFILE, &full))
		return 1;
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	say("missing", open("missing", O_RDONLY));
	say("below a file", open("old/x", O_RDONLY));
	say("there", open("old", O_RDONLY));
	say("create", open("new", O_WRONLY | O_CREAT | O_EXCL, 0600));
	say("created", access("new", F_OK));
	say("truncate", open("old", O_WRONLY | O_TRUNC));
	printf("size %d\n", stat("old", &st) ? -1 : (int)st.st_size);
	full.rlim_cur = 4;
	setrlimit(RLIMIT_NOFILE, &full);
	say("with room", open("missing", O_RDONLY));
	say("with room", open("old", O_RDONLY));
	say("full again", open("old", O_RDONLY));
	close(3);
	say("free again", open("old", O_RDONLY));
	unlink("old");
	return chdir("..") || rmdir(dir);
}
