/* SPDX-License-Identifier: MIT */
/*
 * Guests that attack the sandbox; one subcommand each. What they do to themselves does not matter: the sandbox must live or
 * end, and the host must not notice.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../sentry/platform/stub/layout.h"
#include "../../sentry/platform/stub/names.h"

static char buffer[65536] __attribute__((aligned(4096)));

/*
 * Has *p* ended? A thread that asked to be traced is waited for by us, before its process is said to have ended.
 */
static int reaped(pid_t p, int flags)
{
	int st;
	pid_t r;

	do
		r = waitpid(-1, &st, __WALL | flags);
	while (r > 0 && (r != p || WIFSTOPPED(st)));
	return r == p || (r < 0 && errno == ECHILD);
}

static void in_child(void (*fn)(long), long arg, int ms)
{
	pid_t p = fork();

	if (p == 0) {
		struct itimerval it = {.it_value = {ms / 1000, ms % 1000 * 1000}};

		setsid();
		signal(SIGALRM, SIG_DFL);
		setitimer(ITIMER_REAL, &it, NULL);
		fn(arg);
		_exit(0);
	}
	if (p < 0)
		return;
	/* A child that has made itself deaf is killed. */
	for (int i = 0; i < ms + 500; i++) {
		struct timespec ts = {0, 1000000};

		if (reaped(p, WNOHANG))
			return;
		nanosleep(&ts, NULL);
	}
	kill(p, SIGKILL);
	reaped(p, 0);
}

/* --- every system call number, with plausible arguments ------------------------------------------------------------------ */

static void call(long nr)
{
	static const char *path = "/tmp/x";
	int fd = open("/tmp/x", O_RDWR | O_CREAT, 0600);
	long p = (long)buffer;

	memset(buffer, 0, sizeof(buffer));
	syscall(nr, 0, 0, 0, 0, 0, 0);
	syscall(nr, fd, p, 64, 0, 0, 0);
	syscall(nr, (long)path, O_RDONLY, 0644, p, p, 0);
	syscall(nr, -100, (long)path, p, 256, p + 4096, 0);
	syscall(nr, 1, 2, 3, 4, 5, 6);
	syscall(nr, p, p + 64, p + 128, p + 192, p + 256, p + 320);
	syscall(nr, -1, -1, -1, -1, -1, -1);
	syscall(nr, 0x7f8000000000, 0x7f9000000000, 4096, 7, 0x32, 0);
	memset(buffer, 0x41, 8192);
	syscall(nr, fd, p, 8, p, 8, p);
}

/* The victims' kill(1, …) shall not end the attack. */
static void deafen(void)
{
	for (int s = 1; s < 64; s++)
		if (s != SIGCHLD && s != SIGSEGV)
			signal(s, SIG_IGN);
}

static int cmd_syscalls(void)
{
	deafen();
	for (long nr = 0; nr <= 470; nr++)
		in_child(call, nr, 60);
	puts("survived");
	return 0;
}

/* Random numbers and arguments, several processes and threads at once. */
static void *fuzz_thread(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	static const uint64_t values[] = {0, 1, 2, 3, 7, 8, 64, 4096, 0xffffffff, -1ull, 1ull << 63, 0x7fffffff, 0x7f9000000000,
					  0x7f8000000000, 100, 1000};

	for (int i = 0; i < 3000; i++) {
		uint64_t a[6];
		long nr;

		for (int k = 0; k < 6; k++) {
			seed = seed * 1103515245 + 12345;
			a[k] = seed & 0x10000 ? (uint64_t)buffer + (seed >> 17) % 60000 : values[(seed >> 20) % 16];
		}
		seed = seed * 1103515245 + 12345;
		nr = (seed >> 16) % 471;
		if (nr == SYS_exit || nr == SYS_exit_group || nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3 ||
		    nr == SYS_pause || nr == SYS_rt_sigsuspend)
			continue;
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	return NULL;
}

static void fuzz_process(long seed)
{
	pthread_t t[3];

	for (long i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, fuzz_thread, (void *)(seed * 7919 + i));
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

static int cmd_fuzz(void)
{
	deafen();
	for (long s = 1; s <= 40; s++)
		in_child(fuzz_process, s, 400);
	puts("survived");
	return 0;
}

/* --- the slot, the stub, forged frames ---------------------------------------------------------------------------------- */

static void *scribble_thread(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	for (;;) {
		volatile uint64_t *p = (volatile uint64_t *)(STUB_SLOTS + (seed >> 8) % (4 * SLOT_SIZE) / 8 * 8);

		seed = seed * 1103515245 + 12345;
		*p = seed * 0x100000001ul;
	}
	return NULL;
}

static void scribble(long seed)
{
	pthread_t t;

	pthread_create(&t, NULL, scribble_thread, (void *)seed);
	for (int i = 0; i < 500; i++) {
		int fd = open("/proc/self/exe", O_RDONLY);
		void *p = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE, fd, 0);

		munmap(p, 65536);
		close(fd);
		sbrk(i % 2 ? 65536 : -65536);
		if (i % 20 == 0 && fork() == 0)
			_exit(0);
	}
}

static int cmd_scribble(void)
{
	for (long s = 1; s <= 30; s++)
		in_child(scribble, s, 300);
	puts("survived");
	return 0;
}

static void jump(long offset)
{
	void (*f)(long, long, long, long, long, long) = (void (*)(long, long, long, long, long, long))(STUB_TEXT + (uint64_t)offset);

	f(offset & 1 ? SYS_fork : STUB_BELL, 0x401, (long)buffer, (long)buffer, 0, 0);
}

static int cmd_jump(void)
{
	for (long off = 0; off < 4096; off += 13)
		in_child(jump, off, 40);
	puts("survived");
	return 0;
}

/* A sigreturn frame of garbage, through the guest's own call and with the stack pointing anywhere. */
static void forge(long seed)
{
	unsigned s = (unsigned)seed;

	for (size_t i = 0; i < sizeof(buffer) / 4; i++) {
		s = s * 1103515245 + 12345;
		((uint32_t *)buffer)[i] = s;
	}
	__asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall" ::"r"(buffer + 1024 + seed % 64 * 8) : "memory", "rax");
}

static int cmd_forge(void)
{
	for (long s = 1; s <= 300; s++)
		in_child(forge, s, 40);
	puts("survived");
	return 0;
}

/* --- calls by the slot (docs/fastpath.md) --------------------------------------------------------------------------------- */

static void *bomb_thread(void *arg);

static long site_call(long nr, uint64_t entry, const uint64_t *a)
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];

	__asm__ volatile("lea 1f(%%rip), %%rcx\n\t jmp *%%rbx\n1: syscall"
			 : "+a"(nr), "+r"(r10), "+r"(r8), "+r"(r9)
			 : "b"(entry), "D"(a[0]), "S"(a[1]), "d"(a[2])
			 : "rcx", "r11", "memory", "cc");
	return nr;
}

static unsigned next(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

static void random_args(uint64_t *a, unsigned *seed)
{
	for (int k = 0; k < 6; k++)
		a[k] = next(seed) % 3 ? (uint64_t)buffer + next(seed) % 60000 : next(seed) % 2 ? next(seed) % 5000 : -(uint64_t)next(seed);
}

static long harmless(unsigned *seed)
{
	long nr;

	do
		nr = next(seed) % 464;
	while (nr == SYS_exit || nr == SYS_exit_group || nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3 ||
	       nr == SYS_pause || nr == SYS_rt_sigsuspend || nr == SYS_execve);
	return nr;
}

/* Every byte of it, with registers of all kinds. */
static void into_site(long offset)
{
	unsigned seed = (unsigned)offset + 1;
	uint64_t a[6];

	random_args(a, &seed);
	site_call(offset & 1 ? harmless(&seed) : (long)STUB_SLOTS, STUB_FAST + (uint64_t)offset, a);
}

static int cmd_site(void)
{
	deafen();
	for (long off = 0; off < 800; off += 1)
		in_child(into_site, off, 20);
	puts("survived");
	return 0;
}

/* Calls while another thread writes all over the slots. */
static void torn_slot(long seed)
{
	unsigned s = (unsigned)seed;
	uint64_t a[6];
	pthread_t t;

	pthread_create(&t, NULL, scribble_thread, (void *)seed);
	for (int i = 0; i < 3000; i++) {
		random_args(a, &s);
		site_call(harmless(&s), STUB_FAST, a);
	}
}

static int cmd_tornslot(void)
{
	deafen();
	for (long s = 1; s <= 30; s++)
		in_child(torn_slot, s, 300);
	puts("survived");
	return 0;
}

/* Requests made up in the slot, and the bell rung for them by the stub's own instruction. */
static void forged_call(long seed)
{
	long (*bell)(long, long, long, long, long, long, long) = (long (*)(long, long, long, long, long, long, long))(STUB_TEXT + 0x13);
	struct slot *slot = (struct slot *)STUB_SLOTS;
	unsigned s = (unsigned)seed;

	for (int i = 0; i < 200; i++) {
		slot->nr = seed % 4 ? (uint32_t)harmless(&s) : next(&s);
		random_args(slot->args, &s);
		slot->ip = seed % 3 ? (uint64_t)next(&s) << 32 : (uint64_t)cmd_tornslot;
		slot->str_len[0] = (uint16_t)next(&s);
		slot->str_len[1] = (uint16_t)next(&s);
		slot->fast_state = next(&s) % 8;
		slot->sigmask = next(&s);
		slot->mode = next(&s);
		memset(slot->window, (int)next(&s), sizeof(slot->window));
		bell(STUB_BELL, seed % 5 ? BELL_CALL : BELL_FAST, 0, 0, 0, 0, 0);
	}
}

static int cmd_forgedcall(void)
{
	deafen();
	for (long s = 1; s <= 100; s++)
		in_child(forged_call, s, 60);
	puts("survived");
	return 0;
}

/* Mappings made up by the stub's own instruction, while descriptors for ordered ones come and go: nobody writes to a file that he has open for reading. */
static const char mapped_file[] = "/tmp/mapped";

static void *mapping_thread(void *arg)
{
	for (;;) {
		int fd = open(mapped_file, O_RDONLY);

		munmap(mmap(NULL, 65536, PROT_READ, MAP_PRIVATE, fd, 0), 65536);
		close(fd);
	}
	return NULL;
}

static void forged_map(long seed)
{
	static const int flags[] = {MAP_PRIVATE, MAP_PRIVATE | MAP_FIXED, MAP_SHARED, MAP_SHARED_VALIDATE};
	static const uint64_t places[] = {0, STUB_TEXT, STUB_DATA, STUB_SLOTS, STUB_GUEST_MAX - 4096, 0x10000};
	long (*call)(long, uint64_t, long, long, long, long, long) =
		(long (*)(long, uint64_t, long, long, long, long, long))(STUB_TEXT + 0x13);
	pthread_t t;

	pthread_create(&t, NULL, mapping_thread, NULL);
	for (long i = 0; i < 200000; i++) {
		long p = call(SYS_mmap, places[seed / 4 % 6], 65536, PROT_READ | PROT_WRITE, flags[seed % 4],
			      seed % 4 < 2 ? STUB_FD_FIRST + i % (STUB_FD_WHOLE_END - STUB_FD_FIRST) : i % 64, 0);

		if (p < 0 && p >= -4095)
			continue;
		memset((void *)p, 'X', 65536);
		if (flags[seed % 4] == MAP_PRIVATE)
			munmap((void *)p, 65536);
	}
}

static int cmd_forgedmap(void)
{
	static char bytes[65536];
	int fd = open(mapped_file, O_RDWR | O_CREAT, 0600);

	memset(bytes, 'a', sizeof(bytes));
	if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		return 1;
	deafen();
	for (long s = 0; s < 24; s++)
		in_child(forged_map, s, 100);
	if (pread(fd, bytes, sizeof(bytes), 0) != sizeof(bytes))
		return 1;
	for (size_t i = 0; i < sizeof(bytes); i++)
		if (bytes[i] != 'a')
			return 1;
	puts("survived");
	return 0;
}

/* The table of names can be read by all: what others cannot see is not in it. */
static const char *const hidden_names[] = {"below-a-closed-one", "gone-below-a-closed-one", "/tmp/unlisted/not-to-be-guessed"};

static int find_names(void)
{
	const char *t = (const char *)STUB_NAMES;
	int found = 0;

	if (setgid(1000) || setuid(1000))
		return 1;
	for (size_t i = 0; i < 3; i++)
		found += memmem(t, sizeof(struct names_table), hidden_names[i], strlen(hidden_names[i])) != NULL;
	return found != 0;
}

static int cmd_names(void)
{
	uint64_t a[6] = {0, (uint64_t)buffer};
	int st = 1;

	mkdir("/tmp/closed", 0700);
	mkdir("/tmp/closed/sub", 0755);
	mkdir("/tmp/unlisted", 0711);
	if (chdir("/tmp/closed/sub"))
		return 1;
	close(open(hidden_names[0], O_RDWR | O_CREAT, 0644));
	close(open(hidden_names[2], O_RDWR | O_CREAT, 0644));
	for (int i = 0; i < 30; i++) {
		a[0] = (uint64_t)hidden_names[i % 3];
		site_call(SYS_stat, STUB_FAST, a);
	}
	if (fork() == 0)
		_exit(find_names());
	wait(&st);
	if (st)
		return 1;
	puts("survived");
	return 0;
}

/* What a view shows belongs to everybody who has the file: nobody writes to it by the stub's own instructions. */
static int cmd_view(void)
{
	long (*call)(long, uint64_t, long, long, long, long, long) =
		(long (*)(long, uint64_t, long, long, long, long, long))(STUB_TEXT + 0x13);
	const struct slot_view *views = ((struct slot *)STUB_SLOTS)->views;
	int fd = open("/holes", O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);
	uint64_t a[6] = {(uint64_t)fd, (uint64_t)buffer, 64, 0}, base;
	const char *p;

	for (int i = 0; i < 200; i++)
		site_call(SYS_pread64, STUB_FAST, a);
	base = *(const volatile uint64_t *)&views[0].base;
	if (!base)
		return 2;
	call(SYS_remap_file_pages, base, 4096, 0, 1, 0, 0);
	if (call(SYS_mprotect, base, 65536, PROT_READ | PROT_WRITE, 0, 0, 0) == 0)
		memset((void *)base, 'X', 65536);
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	for (size_t i = 0; i < 65536; i++)
		if (p[i] != 'H')
			return 1;
	puts("survived");
	return 0;
}

/* gs anywhere: another thread's slot, the middle of one, behind the last, the guest's own memory, no address of the guest's. */
static void any_gs(long seed)
{
	static const uint64_t bases[] = {STUB_SLOTS + SLOT_SIZE, STUB_SLOTS + 12345, STUB_SLOTS + SLOTS_SIZE - 8, STUB_SLOTS + SLOTS_SIZE,
		STUB_SLOTS + 0xffff0000, STUB_TEXT, STUB_FAST, 0xffff800000000000, 0x7fffffffffff, 1};
	uint64_t base = (size_t)seed < sizeof(bases) / sizeof(bases[0]) ? bases[seed] : (uint64_t)buffer + 64, a[6];
	unsigned s = (unsigned)seed;
	pthread_t t;

	pthread_create(&t, NULL, bomb_thread, NULL);
	__asm__ volatile("wrgsbase %0" : : "r"(base));
	for (int i = 0; i < 300; i++) {
		random_args(a, &s);
		site_call(harmless(&s), STUB_FAST, a);
	}
}

static int cmd_anygs(void)
{
	deafen();
	for (long s = 0; s < 20; s++)
		in_child(any_gs, s, 100);
	puts("survived");
	return 0;
}

/* --- exhaustion ----------------------------------------------------------------------------------------------------------- */

static int cmd_forkbomb(void)
{
	for (;;)
		if (fork() < 0 && errno != EAGAIN && errno != ENOMEM)
			usleep(1000);
}

static void *bomb_thread(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

static int cmd_threadbomb(void)
{
	pthread_attr_t a;
	pthread_t t;
	long n = 0;
	int r;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	while ((r = pthread_create(&t, &a, bomb_thread, NULL)) == 0 && n < 100000)
		n++;
	printf("stopped: %s\n", n > 50 && r == EAGAIN ? "EAGAIN" : strerror(r));
	return 0;
}

static int cmd_memhog(void)
{
	for (size_t n = 0; n < 4096; n++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return 3;
		memset(p, 1, 1 << 20);
	}
	puts("took 4 GiB");
	return 0;
}

static void *hog_thread(void *arg)
{
	usleep(300000);
	puts("alone");
	exit(cmd_memhog());
}

/* The first thread ends, the other goes on: its memory is still the sentry's to read, and counts. */
static int cmd_leaderless(void)
{
	pthread_t t;

	pthread_create(&t, NULL, hog_thread, NULL);
	pthread_exit(NULL);
}

static int hog_shared(int fd)
{
	size_t size = 1ul << 30;
	char *p;

	if (fd >= 0 && ftruncate(fd, (off_t)size))
		return 3;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return 3;
	/* The pages stay allocated where the process's tables forget them. */
	for (size_t at = 0; at < size; at += 16 << 20) {
		memset(p + at, 1, 16 << 20);
		madvise(p + at, 16 << 20, MADV_DONTNEED);
		usleep(10000);
	}
	puts("took 1 GiB");
	return 0;
}

static int cmd_sharedhog(void)
{
	return hog_shared(-1);
}

static int cmd_mappedhog(void)
{
	return hog_shared(open("/tmp/mapped", O_RDWR | O_CREAT, 0600));
}

static int cmd_filehog(void)
{
	int fd = open("/tmp/big", O_WRONLY | O_CREAT, 0600);
	long n = 0;

	while (write(fd, buffer, sizeof(buffer)) > 0 && n < 4 << 14)
		n++;
	printf("stopped: %s\n", n < 4 << 14 ? strerror(errno) : "never");
	return 0;
}

static int cmd_fdbomb(void)
{
	struct rlimit rl = {1 << 20, 1 << 20};
	long n = 0;

	setrlimit(RLIMIT_NOFILE, &rl);
	while (n < 2000000 && open("/dev/null", O_RDONLY) >= 0)
		n++;
	printf("stopped: %s\n", strerror(errno));
	return 0;
}

/* Sockets in flight that refer to each other: nobody can ever receive them. */
static int cmd_scmbomb(void)
{
	for (int i = 0; i < 20000; i++) {
		int sv[2];
		char cbuf[CMSG_SPACE(2 * sizeof(int))] = {0};
		struct iovec iov = {.iov_base = "x", .iov_len = 1};
		struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = cbuf, .msg_controllen = sizeof(cbuf)};
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);

		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sv))
			break;
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(2 * sizeof(int));
		memcpy(CMSG_DATA(c), sv, sizeof(sv));
		sendmsg(sv[0], &m, 0);
		close(sv[0]);
		close(sv[1]);
	}
	puts("survived");
	return 0;
}

/* --- races ------------------------------------------------------------------------------------------------------------------ */

static int seek_fd;

static void nothing(int sig)
{
}

/* While sendfile() sleeps, another thread rewinds the file: what was not sent must not be given back to before its beginning. */
static void *rewind_thread(void *arg)
{
	pthread_t *sender = arg;

	usleep(100000);
	lseek(seek_fd, 0, SEEK_SET);
	pthread_kill(*sender, SIGUSR1);
	return NULL;
}

static int cmd_giveback(void)
{
	struct sigaction sa = {.sa_handler = nothing};
	pthread_t self = pthread_self(), t;
	int p[2];

	sigaction(SIGUSR1, &sa, NULL);
	if (pipe2(p, O_NONBLOCK))
		return 3;
	while (write(p[1], buffer, sizeof(buffer)) > 0)
		;
	fcntl(p[1], F_SETFL, 0);
	seek_fd = open("/tmp/seek", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (write(seek_fd, buffer, sizeof(buffer)) != sizeof(buffer) || lseek(seek_fd, 0, SEEK_SET))
		return 3;
	pthread_create(&t, NULL, rewind_thread, &self);
	sendfile(p[1], seek_fd, NULL, sizeof(buffer));
	pthread_join(t, NULL);
	/* From a negative position this would reach beyond zero. */
	if (write(seek_fd, buffer, sizeof(buffer)) < 0 || write(seek_fd, "x", 1) != 1 || lseek(seek_fd, 0, SEEK_CUR) < 0)
		return 3;
	puts("survived");
	return 0;
}

static void *open_thread(void *arg)
{
	for (;;)
		close(open("/tmp/watched", O_RDONLY));
	return NULL;
}

/* One-shot watches end by an event and are removed at the same time. */
static int cmd_watches(void)
{
	int in = inotify_init1(IN_NONBLOCK);
	pthread_t t;

	close(open("/tmp/watched", O_RDWR | O_CREAT, 0600));
	pthread_create(&t, NULL, open_thread, NULL);
	pthread_create(&t, NULL, open_thread, NULL);
	for (int i = 0; i < 60000; i++) {
		int wd = inotify_add_watch(in, "/tmp/watched", IN_OPEN | IN_ONESHOT);

		for (volatile int k = 0; k < i % 3000; k++)
			;
		inotify_rm_watch(in, wd);
		while (i % 64 == 0 && read(in, buffer, sizeof(buffer)) > 0)
			;
	}
	puts("survived");
	return 0;
}

/* Waiters of a condition variable that give up at the moment when they are moved to its mutex. */
static uint32_t cond_word, mutex_word;

static void *waiting_thread(void *arg)
{
	for (int i = 0; i < 3000; i++) {
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_nsec += 20000 + i % 97 * 1000;
		if (ts.tv_nsec >= 1000000000)
			ts.tv_sec++, ts.tv_nsec -= 1000000000;
		if (syscall(SYS_futex, &cond_word, FUTEX_WAIT_REQUEUE_PI, 0, &ts, &mutex_word, 0) == 0)
			syscall(SYS_futex, &mutex_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	}
	return NULL;
}

static int cmd_requeue(void)
{
	pthread_t t[4];

	alarm(30);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, waiting_thread, NULL);
	for (int i = 0; i < 20000; i++) {
		bool locked = i % 2 && syscall(SYS_futex, &mutex_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0;

		syscall(SYS_futex, &cond_word, FUTEX_CMP_REQUEUE_PI, 1, 4, &mutex_word, 0);
		if (locked)
			syscall(SYS_futex, &mutex_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	puts("survived");
	return 0;
}

/* Somebody waits for changes of a mount namespace that ends meanwhile. */
static int cmd_mountwait(void)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLPRI};
	int ep = epoll_create1(0);

	for (int i = 0; i < 50; i++) {
		int up[2], fd;
		char path[64], c;
		pid_t pid;

		if (pipe(up))
			return 3;
		pid = fork();
		if (!pid) {
			if (unshare(CLONE_NEWNS) || write(up[1], "x", 1) != 1)
				_exit(3);
			for (;;)
				pause();
		}
		if (read(up[0], &c, 1) != 1)
			return 3;
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
		fd = open(path, O_RDONLY);
		if (fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
			return 3;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		for (int k = 0; k < 100; k++)
			close(dup(up[0]));
		close(fd);
		close(up[0]);
		close(up[1]);
	}
	puts("survived");
	return 0;
}

/* Timers of the shortest interval do not keep others from going off. */
static int cmd_timers(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec often = {{0, 1}, {0, 1}}, once = {{0, 0}, {0, 50000000}};
	struct timespec wait = {5, 0};
	sigset_t set;
	timer_t id;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 8; i++)
		if (timer_create(CLOCK_MONOTONIC, &ev, &id) || timer_settime(id, 0, &often, NULL))
			return 3;
	ev.sigev_signo = SIGUSR2;
	if (timer_create(CLOCK_REALTIME, &ev, &id) || timer_settime(id, 0, &once, NULL))
		return 3;
	sigdelset(&set, SIGUSR1);
	if (sigtimedwait(&set, NULL, &wait) != SIGUSR2)
		return 3;
	puts("survived");
	return 0;
}

static int cmd_spin(void)
{
	for (;;)
		;
}

static const struct {
	const char *name;
	int (*fn)(void);
} commands[] = {
	{"syscalls", cmd_syscalls}, {"fuzz", cmd_fuzz},		  {"scribble", cmd_scribble}, {"jump", cmd_jump},
	{"site", cmd_site}, {"tornslot", cmd_tornslot}, {"forgedcall", cmd_forgedcall}, {"forgedmap", cmd_forgedmap}, {"anygs", cmd_anygs}, {"names", cmd_names}, {"view", cmd_view}, {"forge", cmd_forge},	    {"forkbomb", cmd_forkbomb},	  {"threadbomb", cmd_threadbomb}, {"memhog", cmd_memhog},
	{"leaderless", cmd_leaderless}, {"sharedhog", cmd_sharedhog}, {"mappedhog", cmd_mappedhog}, {"giveback", cmd_giveback}, {"watches", cmd_watches},
	{"filehog", cmd_filehog},   {"fdbomb", cmd_fdbomb},	  {"scmbomb", cmd_scmbomb},	  {"spin", cmd_spin},
	{"requeue", cmd_requeue},   {"timers", cmd_timers},	  {"mountwait", cmd_mountwait},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].fn();
	return 2;
}
