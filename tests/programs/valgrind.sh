# valgrind: the program's text is read and translated, so it has to be the files' own.
[ -n "$BASH_VERSION" ] || exec bash "$0"
command -v valgrind >/dev/null || { echo "valgrind is missing: skipped"; exit 0; }
cat >a.c <<'C'
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void *work(void *arg) { for (int i = 0; i < 50; i++) getppid(); return arg; }
int main(void)
{
	char *p = malloc(10), b;
	pthread_t t;
	int fd = open("/etc/passwd", O_RDONLY);
	if (read(fd, &b, 1) != 1 || close(fd)) return 1;
	pthread_create(&t, NULL, work, NULL); pthread_join(t, NULL);
	if (!fork()) { for (int i = 0; i < 50; i++) getppid(); _exit(3); }
	wait(NULL);
	p[10] = 1;
	if (write(1, "done\n", 5) != 5) return 1;
	return 0;
}
C
gcc -g -O0 -o a a.c -pthread
timeout 60 valgrind -q --error-exitcode=9 ./a 2>&1 | sed -E 's/==[0-9]+==//; s/0x[0-9A-F]+/A/g'
echo "memcheck: ${PIPESTATUS[0]}"
timeout 60 valgrind -q --tool=callgrind --callgrind-out-file=cg.out ./a; echo "callgrind: $?"
[ -s cg.out ] && echo "has a profile"
timeout 60 valgrind -q --trace-children=yes --tool=none sh -c 'echo a; /bin/echo b'; echo "none: $?"
