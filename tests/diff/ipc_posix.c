/* SPDX-License-Identifier: MIT */
/* POSIX shared memory and semaphores: files of /dev/shm and futexes shared between processes. */
#include "ipc_util.h"
#include <semaphore.h>
#include <sys/stat.h>

struct shared {
	sem_t up, down;
	pthread_mutex_t m;
	pthread_cond_t c;
	int value, flag;
};

static void shared_memory(void)
{
	struct shared *s;
	struct stat st;
	pid_t a;
	int fd;

	shm_unlink("/tx");
	SHOW("absent", shm_open("/tx", O_RDWR, 0));
	fd = shm_open("/tx", O_RDWR | O_CREAT | O_EXCL, 0600);
	SHOW("made", fd);
	SHOW("excl", shm_open("/tx", O_RDWR | O_CREAT | O_EXCL, 0600));
	printf("cloexec %d\n", fcntl(fd, F_GETFD));
	ftruncate(fd, sizeof(*s));
	fstat(fd, &st);
	printf("size %d mode %o\n", st.st_size == sizeof(*s), st.st_mode);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sem_init(&s->up, 1, 0);
	sem_init(&s->down, 1, 0);
	a = fork();
	if (!a) {
		struct shared *o;

		fd = shm_open("/tx", O_RDWR, 0);
		o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		for (int i = 0; i < 1000; i++) {
			sem_wait(&o->up);
			o->value++;
			sem_post(&o->down);
		}
		_exit(0);
	}
	for (int i = 0; i < 1000; i++) {
		sem_post(&s->up);
		sem_wait(&s->down);
	}
	printf("child %d value %d\n", reap(a), s->value);
	SHOW("unlink", shm_unlink("/tx"));
	SHOW("unlink", shm_unlink("/tx"));
	s->value = 5;
	printf("still mapped %d\n", s->value);
	munmap(s, sizeof(*s));
	close(fd);
}

static void mutexes(void)
{
	struct shared *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	pid_t a[3];

	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_condattr_init(&ca);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&s->m, &ma);
	pthread_cond_init(&s->c, &ca);
	for (int i = 0; i < 3; i++) {
		a[i] = fork();
		if (!a[i]) {
			for (int k = 0; k < 2000; k++) {
				pthread_mutex_lock(&s->m);
				s->value++;
				pthread_mutex_unlock(&s->m);
			}
			pthread_mutex_lock(&s->m);
			s->flag++;
			pthread_cond_broadcast(&s->c);
			while (s->flag < 3)
				pthread_cond_wait(&s->c, &s->m);
			pthread_mutex_unlock(&s->m);
			_exit(0);
		}
	}
	for (int i = 0; i < 3; i++)
		printf("child %d\n", reap(a[i]));
	printf("value %d\n", s->value);
}

static void named(void)
{
	struct timespec ts;
	sem_t *s, *o;
	pid_t a;
	int v;

	sem_unlink("/ts");
	s = sem_open("/ts", 0);
	printf("absent %s\n", s == SEM_FAILED ? strerrorname_np(errno) : "ok");
	s = sem_open("/ts", O_CREAT | O_EXCL, 0600, 1);
	printf("made %s\n", s == SEM_FAILED ? strerrorname_np(errno) : "ok");
	o = sem_open("/ts", O_CREAT | O_EXCL, 0600, 1);
	printf("excl %s\n", o == SEM_FAILED ? strerrorname_np(errno) : "ok");
	o = sem_open("/ts", O_CREAT, 0600, 1);
	printf("same %d\n", o == s);
	sem_getvalue(s, &v);
	printf("value %d\n", v);
	SHOW("trywait", sem_trywait(s));
	SHOW("trywait", sem_trywait(s));
	clock_gettime(CLOCK_REALTIME, &ts);
	SHOW("timedwait", sem_timedwait(s, &ts));
	a = fork();
	if (!a) {
		s = sem_open("/ts", 0);
		sem_post(s);
		_exit(0);
	}
	SHOW("wait", sem_wait(s));
	reap(a);
	handle(SIGUSR1, 0);
	a = fork();
	if (!a) {
		SHOW("interrupted", sem_wait(s));
		_exit(0);
	}
	wait_asleep(a);
	kill(a, SIGUSR1);
	reap(a);
	SHOW("close", sem_close(s));
	SHOW("unlink", sem_unlink("/ts"));
	SHOW("unlink", sem_unlink("/ts"));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	shared_memory();
	mutexes();
	named();
	return 0;
}
