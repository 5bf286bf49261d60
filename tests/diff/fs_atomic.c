/* SPDX-License-Identifier: MIT */
/* Appends and small pipe writes of several processes do not mix; offsets are shared over fork and dup; rename replaces at once. */
#include "fs_util.h"

#include <stdbool.h>
#include <sys/uio.h>

#define WRITERS 4
#define LINES 300
#define LEN 97

static void fill(char *line, int who)
{
	memset(line, 'a' + who, LEN - 1);
	line[LEN - 1] = '\n';
}

static void writer(int fd, int who)
{
	char line[LEN];

	fill(line, who);
	for (int i = 0; i < LINES; i++) {
		struct iovec iov[2] = {{line, 40}, {line + 40, LEN - 40}};

		if ((i & 1 ? writev(fd, iov, 2) : write(fd, line, LEN)) != LEN)
			_exit(1);
	}
	_exit(0);
}

/* Read everything and count whole lines of each writer. */
static void check(const char *what, int fd)
{
	static char all[WRITERS * LINES * LEN + 1];
	int counts[WRITERS] = {0}, bad = 0;
	size_t n = 0;
	ssize_t r;

	while ((r = read(fd, all + n, sizeof(all) - n)) > 0)
		n += (size_t)r;
	for (size_t i = 0; i + LEN <= n; i += LEN) {
		char line[LEN];
		int who = all[i] - 'a';

		if (who < 0 || who >= WRITERS) {
			bad++;
			continue;
		}
		fill(line, who);
		if (memcmp(line, all + i, LEN))
			bad++;
		else
			counts[who]++;
	}
	printf("%s: %zu bytes, %d %d %d %d, %d bad\n", what, n, counts[0], counts[1], counts[2], counts[3], bad);
}

static void reap(void)
{
	int status;

	while (wait(&status) > 0)
		if (status)
			puts("a child failed");
}

static void appends(void)
{
	for (int i = 0; i < WRITERS; i++)
		if (!fork())
			writer(open("log", O_CREAT | O_WRONLY | O_APPEND, 0600), i);
	reap();
	check("append", open("log", O_RDONLY));
}

static void pipes(void)
{
	int p[2];

	if (pipe(p) < 0)
		return;
	for (int i = 0; i < WRITERS; i++)
		if (!fork())
			writer(p[1], i);
	close(p[1]);
	check("pipe", p[0]);
	reap();
}

static void shared_offset(void)
{
	int fd = open("shared", O_CREAT | O_RDWR | O_TRUNC, 0600), other;

	for (int i = 0; i < WRITERS; i++)
		if (!fork())
			writer(fd, i); /* one file description: the offset moves for all */
	reap();
	VALUE(lseek(fd, 0, SEEK_CUR));
	lseek(fd, 0, SEEK_SET);
	check("shared offset", fd);
	other = dup(fd);
	lseek(other, 10, SEEK_SET);
	VALUE(lseek(fd, 0, SEEK_CUR));
}

/* A reader of a name that is replaced all the time finds the old or the new file, never none. */
static void replacing(void)
{
	int missing = 0;
	pid_t pid;

	make_file("name", "x", 0600);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 500; i++) {
			make_file("tmp", "x", 0600);
			if (rename("tmp", "name") < 0)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < 2000; i++) {
		int fd = open("name", O_RDONLY);

		if (fd < 0)
			missing++;
		else
			close(fd);
	}
	reap();
	printf("missing %d\n", missing);
}

/* Of many who make one name only one succeeds. */
static void exclusive(void)
{
	int p[2], winners = 0;
	char c;

	if (pipe(p) < 0)
		return;
	fflush(stdout);
	for (int i = 0; i < WRITERS; i++) {
		if (!fork()) {
			for (int round = 0; round < 50; round++) {
				char name[16];

				snprintf(name, sizeof(name), "x%d", round);
				if (round & 1 ? mkdir(name, 0700) == 0 : open(name, O_CREAT | O_EXCL | O_RDWR, 0600) >= 0)
					if (write(p[1], "w", 1) != 1)
						_exit(1);
			}
			_exit(0);
		}
	}
	close(p[1]);
	while (read(p[0], &c, 1) == 1)
		winners++;
	reap();
	printf("winners %d\n", winners);
}

int main(void)
{
	appends();
	fflush(stdout);
	pipes();
	fflush(stdout);
	shared_offset();
	fflush(stdout);
	replacing();
	exclusive();
	return 0;
}
