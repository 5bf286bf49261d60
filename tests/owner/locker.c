/* SPDX-License-Identifier: MIT */
/*
 * Takes and asks for locks of a file, on orders from standard input, one a line; for containers that share a volume.
 *
 *	f sh|ex|un [nb]		flock(2)
 *	r|w|u START LEN [w]	record lock (fcntl), w: wait
 *	g START LEN		who is in the way of a write lock there?
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void answer(int r)
{
	printf("%s\n", r < 0 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR | O_CREAT, 0666);
	char line[128], word[8], more[8];
	long start, len;

	answer(fd);
	while (fgets(line, sizeof(line), stdin)) {
		struct flock fl = {.l_whence = SEEK_SET};

		more[0] = 0;
		if (line[0] == 'f' && sscanf(line, "f %7s %7s", word, more) >= 1) {
			answer(flock(fd, (!strcmp(word, "sh") ? LOCK_SH : !strcmp(word, "ex") ? LOCK_EX : LOCK_UN) | (*more ? LOCK_NB : 0)));
		} else if (sscanf(line, "%*c %ld %ld %7s", &start, &len, more) >= 2) {
			fl.l_type = line[0] == 'r' ? F_RDLCK : line[0] == 'u' ? F_UNLCK : F_WRLCK;
			fl.l_start = start;
			fl.l_len = len;
			if (line[0] == 'g') {
				fcntl(fd, F_GETLK, &fl);
				printf("%s %ld %ld\n", fl.l_type == F_UNLCK ? "free" : fl.l_type == F_RDLCK ? "read" : "write", fl.l_type == F_UNLCK ? 0 : (long)fl.l_start,
					fl.l_type == F_UNLCK ? 0 : (long)fl.l_len);
				fflush(stdout);
			} else {
				answer(fcntl(fd, *more ? F_SETLKW : F_SETLK, &fl));
			}
		}
	}
	return 0;
}
