/* SPDX-License-Identifier: MIT */
/* Many threads whose last call was a mapping of a file: what it took is there for the next. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 1100

static int fd;
static atomic_int bad, done;
static atomic_uint go;

static void *mapper(void *arg)
{
	if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		bad++;
	done++;
	while (!go)
		syscall(SYS_futex, &go, FUTEX_WAIT, 0, NULL, NULL, 0);
	return NULL;
}

int main(void)
{
	static pthread_t threads[THREADS];
	pthread_attr_t a;
	int n = 0;

	fd = open("/bin/sh", O_RDONLY);
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	while (n < THREADS && !pthread_create(&threads[n], &a, mapper, NULL))
		n++;
	while (done < n)
		usleep(1000);
	go = 1;
	syscall(SYS_futex, &go, FUTEX_WAKE, THREADS, NULL, NULL, 0);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%d threads, %d without a mapping\n", n, bad);
	return 0;
}
