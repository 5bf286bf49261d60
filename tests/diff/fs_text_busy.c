/* SPDX-License-Identifier: MIT */
/* ETXTBSY: running programs and writers exclude each other. */
#include "fs_util.h"

static void copy_self(const char *to)
{
	char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0755);
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			puts("short");
	close(in);
	close(out);
}

static void run(const char *file, const char *arg)
{
	int status;

	fflush(stdout);
	if (!fork()) {
		execl(file, file, arg, NULL);
		printf("exec %s: %s\n", file, strerrorname_np(errno));
		fflush(stdout);
		_exit(1);
	}
	wait(&status);
	printf("status %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	int fd;

	if (argc > 1) {
		OPEN(argv[0], O_RDONLY);
		OPEN(argv[0], O_WRONLY);
		OPEN(argv[0], O_RDWR | O_TRUNC);
		SHOW(truncate(argv[0], 5));
		SHOW(unlink("other"));
		SHOW(rename(argv[0], "other"));
		SHOW(rename("other", argv[0]));
		return 7;
	}
	copy_self("prog");
	run("./prog", "x");
	OPEN("prog", O_WRONLY);
	fd = open("prog", O_WRONLY);
	run("./prog", "x");
	close(fd);
	run("./prog", "x");
	make_file("script", "#!/nope/interpreter\n", 0755);
	run("./script", "x");
	fd = open("script", O_WRONLY);
	run("./script", "x");
	return 0;
}
