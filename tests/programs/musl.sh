# A program linked against musl's dynamic loader.
set -e
cat >m.c <<'E'
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
static void *f(void *p) { *(int *)p = 42; return NULL; }
int main(void) { pthread_t t; int v = 0; pthread_create(&t, NULL, f, &v); pthread_join(t, NULL); char *p = malloc(1 << 20); memset(p, 1, 1 << 20); int s; if (!fork()) _exit(6); wait(&s); printf("musl %d %d %d\n", v, p[1000], WEXITSTATUS(s)); fflush(stdout); system("echo system"); return 2; }
E
musl-gcc -O1 -o m m.c; ./m || echo "status $?"; musl-gcc -static -O1 -o ms m.c; ./ms || echo "status $?"
