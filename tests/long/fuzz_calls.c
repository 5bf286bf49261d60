/* SPDX-License-Identifier: MIT */
/*
 * A random system call fuzzer that runs inside the sandbox: several processes of several threads each make calls from the
 * sentry's own table, with arguments drawn from the table's argument kinds. Process 1 starts an episode again when it ends,
 * and kills one that has become deaf. What guests do to themselves does not matter; the sandbox must go on.
 *
 *   fuzz_calls SECONDS SEED LOG [WORKERS]
 *
 * LOG (a file on a volume, mapped shared) tells the host what was last called, and that there is progress.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORKERS 8
#define THREADS 3
#define EPISODE_CALLS 1500
#define EPISODE_MS 2500
#define ARENA_PAGES 24
#define N_FDS 40

struct call {
	int nr;
	const char *name, *kinds;
	bool none;
};

#define FULL(nr, name, kinds) {nr, #name, kinds, false},
#define PARTIAL(nr, name, kinds, reason) {nr, #name, kinds, false},
#define NONE(nr, name, kinds, err, reason) {nr, #name, kinds, true},
static const struct call calls[] = {
#include "../../sentry/syscalls/table_event.def"
#include "../../sentry/syscalls/table_kernel.def"
#include "../../sentry/syscalls/table_mm.def"
#include "../../sentry/syscalls/table_net.def"
#include "../../sentry/syscalls/table_vfs.def"
};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

struct log_entry { /* what a thread is doing; read by the host after a fault */
	uint64_t n, nr, arg[6];
	char name[24];
	int64_t ret;
};

struct log {
	uint64_t magic, total, episodes, deaf;
	int64_t no_fork, no_start, why; /* episodes that could not begin, and the last errno */
	struct log_entry last[MAX_WORKERS][THREADS];
};

struct arena { /* of one process, as its threads know it */
	uint8_t *mem;
	int fd[N_FDS];
	unsigned worker;
	uint64_t seed;
	struct log *log;
};

struct rng {
	uint64_t s;
};

static uint64_t next(struct rng *r)
{
	r->s ^= r->s << 13;
	r->s ^= r->s >> 7;
	r->s ^= r->s << 17;
	return r->s * 0x2545f4914f6cdd1dull;
}

static uint64_t below(struct rng *r, uint64_t n)
{
	return (next(r) >> 11) % n;
}

static const int64_t boundary[] = {0, 1, 2, 3, 4, 7, 8, 16, 64, 127, 128, 255, 256, 1024, 4095, 4096, 4097, 65535, 65536, 1 << 20,
	INT32_MAX, INT32_MIN, UINT32_MAX, -1, -2, -22, -100, INT64_MAX, INT64_MIN, 0x7fffffffe000, 0x800000000000, 1ll << 32};

static uint64_t number(struct rng *r)
{
	switch (below(r, 4)) {
	case 0:
		return (uint64_t)boundary[below(r, sizeof(boundary) / sizeof(boundary[0]))];
	case 1:
		return 1ull << below(r, 64);
	case 2:
		return next(r) >> below(r, 64);
	default:
		return below(r, 24);
	}
}

static uint64_t flags(struct rng *r)
{
	uint64_t f = 0;

	if (below(r, 3) == 0)
		return number(r);
	for (unsigned n = (unsigned)below(r, 4); n; n--)
		f |= 1ull << below(r, below(r, 8) ? 24 : 64);
	return f;
}

static uint64_t pointer(struct arena *a, struct rng *r)
{
	uint64_t base = (uint64_t)a->mem;

	switch (below(r, 16)) {
	case 0:
		return 0;
	case 1:
		return (uint64_t)boundary[below(r, sizeof(boundary) / sizeof(boundary[0]))];
	case 2: /* across the end of the arena's readable part */
		return base + ARENA_PAGES / 2 * 4096 - below(r, 64);
	case 3: /* read-only, then without access */
		return base + (ARENA_PAGES / 2 + below(r, ARENA_PAGES / 2)) * 4096 + below(r, 4096);
	case 4:
		return next(r);
	case 5:
		return (uint64_t)&pointer;
	default:
		return (base + below(r, ARENA_PAGES / 2 * 4096)) & ~(below(r, 3) ? 7ull : 0);
	}
}

static const char *const paths[] = {".", "..", "", "/", "a", "b", "c", "d", "d/e", "d/e/f", "l", "loop", "a/", "/proc/self/fd", "/proc/self/maps",
	"/proc/self/status", "/proc/self/mem", "/proc/self/task", "/proc/1/root", "/proc/self/environ", "/proc/sys/kernel/hostname",
	"/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/shm/x", "/dev/pts", "/sys", "/sys/class/net", "/proc/mounts", "/tmp",
	"/proc/self/exe", "/bin/true", "/etc/passwd", "/proc/self/oom_score_adj", "/proc/self/comm", "/proc/self/ns/user", "/proc/self/uid_map",
	"/proc/locks", "/dev/mqueue/q", "/proc/sysvipc/shm", "/proc/self/fdinfo", "tmpfs", "proc", "user.x", "security.capability"};

static void fill_path(char *p, struct rng *r, size_t room)
{
	size_t n;

	switch (below(r, 10)) {
	case 0: /* long */
		n = below(r, room - 1);
		memset(p, "a/."[below(r, 3)], n);
		p[n] = 0;
		break;
	case 1:
		snprintf(p, room, "/proc/self/fd/%d", (int)below(r, 64));
		break;
	case 2:
		snprintf(p, room, "/proc/%d/%s", (int)below(r, 40), below(r, 2) ? "stat" : "fd/3");
		break;
	default:
		snprintf(p, room, "%s", paths[below(r, sizeof(paths) / sizeof(paths[0]))]);
	}
}

/* Some room of the arena, so that what is pointed to lies within. */
static uint8_t *room(struct arena *a, struct rng *r, size_t len)
{
	return a->mem + (below(r, ARENA_PAGES / 2 * 4096 - len) & ~7ull);
}

static uint64_t path(struct arena *a, struct rng *r)
{
	uint8_t *p = room(a, r, 5000);

	if (below(r, 12) == 0)
		return pointer(a, r);
	fill_path((char *)p, r, 5000);
	return (uint64_t)p;
}

static uint64_t some_struct(struct arena *a, struct rng *r)
{
	uint64_t *p = (uint64_t *)room(a, r, 256);

	for (unsigned i = 0; i < 16; i++)
		p[i] = below(r, 3) == 0 ? pointer(a, r) : below(r, 3) == 0 ? next(r) : number(r);
	return (uint64_t)p;
}

static uint64_t sockaddr(struct arena *a, struct rng *r)
{
	struct sockaddr_un *u = (struct sockaddr_un *)room(a, r, 256);
	static const uint16_t families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_UNSPEC, 77};

	for (unsigned i = 0; i < 16; i++)
		u->sun_path[i] = (char)next(r);
	u->sun_family = families[below(r, 6)];
	if (u->sun_family == AF_UNIX && below(r, 2))
		fill_path(u->sun_path, r, sizeof(u->sun_path));
	if (u->sun_family == AF_INET)
		memcpy((uint8_t *)u + 4, "\x7f\0\0\1", 4);
	return (uint64_t)u;
}

static uint64_t iov(struct arena *a, struct rng *r)
{
	uint64_t *v = (uint64_t *)room(a, r, 16 * 16);

	for (unsigned i = 0; i < 16; i++) {
		v[2 * i] = pointer(a, r);
		v[2 * i + 1] = below(r, 8) ? below(r, 5000) : number(r);
	}
	return (uint64_t)v;
}

static uint64_t timespec(struct arena *a, struct rng *r)
{
	int64_t *ts = (int64_t *)room(a, r, 16);

	ts[0] = below(r, 8) ? 0 : (int64_t)number(r);
	ts[1] = below(r, 8) ? (int64_t)below(r, 2000000) : (int64_t)number(r);
	return below(r, 8) ? (uint64_t)ts : pointer(a, r);
}

static uint64_t descriptor(struct arena *a, struct rng *r)
{
	switch (below(r, 10)) {
	case 0:
		return number(r);
	case 1:
		return below(r, 128);
	default:
		return (uint64_t)a->fd[below(r, N_FDS)];
	}
}

static uint64_t process(struct rng *r)
{
	switch (below(r, 5)) {
	case 0:
		return 0;
	case 1:
		return (uint64_t)getpid();
	case 2:
		return (uint64_t)syscall(SYS_gettid);
	case 3:
		return (uint64_t)-getpid();
	default:
		return 2 + below(r, 60); /* others, but never process 1 nor all of them: see spare() */
	}
}

static const uint32_t commands[] = {0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5408, 0x540a, 0x540b, 0x540e, 0x540f, 0x5410, 0x5411, 0x5412, 0x5413,
	0x5414, 0x541b, 0x5420, 0x5421, 0x5422, 0x5423, 0x5424, 0x5425, 0x5428, 0x5429, 0x542a, 0x802c542a, 0x402c542b, 0x80045430, 0x40045431,
	0x5441, 0x5450, 0x5451, 0x5452, 0x5460, 0x8901, 0x8905, 0x8910, 0x8912, 0x8913, 0x8915, 0x8927, 0x8933, 0x40086602, 0x80086601, 0x9, 0x40049409,
	0xb701, 0xb703, 0xc0502100, 0xc0182101, 0x40082102, 0x40182103, 0x127a, 0x4008af00, 0xc0045877, 0xc020660b};

static uint64_t argument(struct arena *a, struct rng *r, const char *kind, size_t len)
{
#define IS(s) (len == sizeof(s) - 1 && !memcmp(kind, s, len))
	if (IS("ptr"))
		return below(r, 3) ? some_struct(a, r) : pointer(a, r);
	if (IS("buf"))
		return pointer(a, r);
	if (IS("fd"))
		return descriptor(a, r);
	if (IS("dirfd"))
		return below(r, 2) ? (uint64_t)AT_FDCWD : descriptor(a, r);
	if (IS("path") || IS("str"))
		return path(a, r);
	if (IS("size"))
		return below(r, 6) ? below(r, 9000) : number(r);
	if (IS("off"))
		return below(r, 3) ? below(r, 1 << 20) : number(r);
	if (IS("flags") || IS("hex") || IS("atflags") || IS("oflags") || IS("mapflags") || IS("prot"))
		return flags(r);
	if (IS("mode"))
		return below(r, 8) ? below(r, 010000) : number(r);
	if (IS("sig"))
		return below(r, 8) ? below(r, 66) : number(r);
	if (IS("pid"))
		return process(r);
	if (IS("sockaddr"))
		return sockaddr(a, r);
	if (IS("iov"))
		return iov(a, r);
	if (IS("timespec"))
		return timespec(a, r);
	if (IS("clockid"))
		return below(r, 4) ? below(r, 14) : (uint64_t)(int64_t)(int32_t)number(r);
	if (IS("cmd"))
		return below(r, 2) ? commands[below(r, sizeof(commands) / sizeof(commands[0]))] : below(r, 40);
	return number(r);
#undef IS
}

static unsigned arguments(struct arena *a, struct rng *r, const char *kinds, uint64_t *arg)
{
	unsigned n = 0;

	for (const char *p = kinds; *p && n < 6;) {
		size_t len;

		p += strspn(p, ", ");
		len = strcspn(p, ", ");
		if (!len)
			break;
		arg[n++] = argument(a, r, p, len);
		p += len;
	}
	return n;
}

/* Calls that would only end the episode early, or the whole run, are made less often or spare process 1. */
static bool spare(const struct call *c, uint64_t *arg, struct rng *r)
{
	switch (c->nr) {
	case SYS_exit:
	case SYS_exit_group:
	case SYS_rt_sigreturn:
	case SYS_execve:
	case SYS_execveat:
	case SYS_pause:
		return below(r, 100) != 0;
	case SYS_fork:
	case SYS_vfork:
		return below(r, 10) != 0;
	case SYS_kill:
	case SYS_tkill:
	case SYS_rt_sigqueueinfo:
		return (int)arg[0] == 1 || (int)arg[0] == -1;
	case SYS_tgkill:
	case SYS_rt_tgsigqueueinfo:
		return (int)arg[0] == 1 || (int)arg[1] == 1;
	case SYS_pidfd_send_signal: /* it may be process 1's */
		return (int)arg[1] == SIGKILL || (int)arg[1] == SIGSTOP;
	case SYS_ptrace: /* a tracee of a worker that is stopped or asleep would start no more episodes */
		return (int)arg[1] == 1;
	case SYS_fcntl: /* of an owner that may be process 1 */
		return (int)arg[1] == F_SETSIG && (arg[2] == SIGKILL || arg[2] == SIGSTOP);
	case SYS_reboot:
		return true;
	default:
		return c->none && below(r, 10) != 0;
	}
}

static int64_t make_call(const struct call *c, uint64_t *arg)
{
	pid_t p;

	switch (c->nr) {
	case SYS_fork:
	case SYS_vfork:
	case SYS_clone:
	case SYS_clone3:
		/* Raw clones with a random stack die at once, which is as good as any; a copy that returns here leaves. */
		if (c->nr == SYS_clone)
			arg[1] = 0, arg[0] &= ~(uint64_t)(CLONE_VM | CLONE_THREAD | CLONE_SIGHAND);
		if (c->nr == SYS_clone3 || c->nr == SYS_vfork)
			p = (pid_t)syscall(SYS_fork);
		else
			p = (pid_t)syscall(c->nr, arg[0], arg[1], arg[2], arg[3], arg[4]);
		if (p == 0)
			syscall(SYS_exit_group, 0);
		return p;
	default:
		return syscall(c->nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	}
}

/* --- calls whose arguments mean something ------------------------------------------------------------------------------------- */

static const uint64_t ns_flags[] = {CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP,
	CLONE_FS, CLONE_FILES, CLONE_SYSVSEM};

static uint64_t some_ns(struct rng *r)
{
	uint64_t f = 0;

	for (unsigned n = 1 + (unsigned)below(r, 3); n; n--)
		f |= ns_flags[below(r, sizeof(ns_flags) / sizeof(ns_flags[0]))];
	return f;
}

static void write_some(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

static void write_maps(struct rng *r)
{
	static const char *const files[] = {"uid_map", "gid_map", "setgroups", "projid_map"};
	char path[64], text[200];
	unsigned pid = below(r, 3) ? (unsigned)getpid() : (unsigned)below(r, 60);

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, files[below(r, 4)]);
	if (below(r, 4) == 0)
		snprintf(text, sizeof(text), below(r, 2) ? "deny" : "allow");
	else
		snprintf(text, sizeof(text), "%u %u %u\n%u %u %u\n", (unsigned)below(r, 20), (unsigned)below(r, 20), (unsigned)number(r),
			 (unsigned)number(r), (unsigned)below(r, 2000), (unsigned)below(r, 4) + 1);
	write_some(path, text);
}

static void some_mount(struct rng *r)
{
	static const char *const types[] = {"tmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup2", "ramfs", "overlay"};
	static const char *const places[] = {"d", "d/e", ".", "x", "/fuzz"};
	static const uint64_t kinds[] = {0, MS_BIND, MS_BIND | MS_REC, MS_MOVE, MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_SHARED | MS_REC, MS_UNBINDABLE,
		MS_REMOUNT | MS_BIND | MS_RDONLY, MS_REMOUNT | MS_BIND, MS_REMOUNT, MS_RDONLY | MS_NOSUID};
	const char *at = places[below(r, 4)];

	mkdir("x", 0755);
	switch (below(r, 4)) {
	case 0:
		umount2(at, below(r, 2) ? MNT_DETACH : (int)below(r, 16));
		break;
	case 1:
		syscall(SYS_pivot_root, at, places[below(r, 4)]);
		break;
	default:
		mount(places[below(r, 4)], at, types[below(r, 8)], kinds[below(r, sizeof(kinds) / sizeof(kinds[0]))],
		      below(r, 3) ? NULL : "size=4096,mode=755");
	}
}

static void enter_ns(struct rng *r)
{
	static const char *const files[] = {"user", "mnt", "uts", "ipc", "pid", "net", "cgroup", "pid_for_children"};
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/ns/%s", below(r, 2) ? (unsigned)getpid() : 1 + (unsigned)below(r, 60), files[below(r, 8)]);
	fd = open(path, O_RDONLY);
	if (below(r, 2))
		syscall(SYS_setns, fd, below(r, 2) ? 0 : some_ns(r));
	else if (below(r, 2))
		mount(path, "a", NULL, MS_BIND, NULL);
	close(fd);
	fd = (int)syscall(SYS_pidfd_open, 1 + below(r, 60), 0);
	syscall(SYS_setns, fd, some_ns(r));
	close(fd);
	/* Not in the mounts of all. */
	if (syscall(SYS_unshare, CLONE_NEWNS))
		syscall(SYS_exit_group, 0);
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static void some_ipc(struct arena *a, struct rng *r)
{
	static const int commands[] = {0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
	uint16_t *ops = (uint16_t *)room(a, r, 64);
	int64_t key = 1 + (int64_t)below(r, 5), flags = 01000 | 0666, id, c = commands[below(r, 14)];

	switch (below(r, 3)) {
	case 0:
		id = syscall(SYS_shmget, key, below(r, 4) ? below(r, 40000) : number(r), flags);
		id = below(r, 8) ? id : (int64_t)number(r);
		if (below(r, 3) == 0)
			syscall(SYS_shmctl, id, c, some_struct(a, r));
		else
			syscall(SYS_shmdt, syscall(SYS_shmat, id, below(r, 4) ? 0 : pointer(a, r), below(r, 4) << 12));
		break;
	case 1:
		id = syscall(SYS_semget, key, below(r, 4) ? below(r, 10) : number(r), flags);
		for (unsigned i = 0; i < 4; i++) {
			ops[3 * i] = (uint16_t)below(r, 8);
			ops[3 * i + 1] = (uint16_t)(below(r, 5) - 2);
			ops[3 * i + 2] = below(r, 2) ? 0x1000 : 0x1800; /* SEM_UNDO, IPC_NOWAIT */
		}
		if (below(r, 3) == 0)
			syscall(SYS_semctl, id, below(r, 10), c, below(r, 2) ? some_struct(a, r) : number(r));
		else
			syscall(SYS_semtimedop, id, ops, below(r, 5), timespec(a, r));
		break;
	default:
		id = syscall(SYS_msgget, key, flags);
		*(int64_t *)ops = (int64_t)below(r, 5);
		if (below(r, 4) == 0)
			syscall(SYS_msgctl, id, c, some_struct(a, r));
		else if (below(r, 2))
			syscall(SYS_msgsnd, id, ops, below(r, 9000), below(r, 3) ? 04000 : 0);
		else
			syscall(SYS_msgrcv, id, ops, below(r, 9000), (int64_t)below(r, 7) - 3, below(r, 3) ? 04000 | below(r, 64) << 10 : 0);
	}
}

static void trace_some(struct arena *a, struct rng *r)
{
	static const uint64_t requests[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 24, 30, 31, 32, 0x4200, 0x4201, 0x4202, 0x4203, 0x4204,
		0x4205, 0x4206, 0x4207, 0x4208, 0x4209, 0x420a, 0x420b, 0x420c, 0x420d, 0x420e, 0x420f};
	uint64_t req = requests[below(r, sizeof(requests) / sizeof(requests[0]))], pid = 2 + below(r, 60);

	for (unsigned i = 0; i < 4; i++) {
		syscall(SYS_ptrace, below(r, 3) ? req : 0x4206, pid, below(r, 2) ? some_struct(a, r) : number(r) & ~7ull,
			below(r, 2) ? some_struct(a, r) : number(r) & 0xff);
		syscall(SYS_wait4, pid, 0, 0x40000001, 0);
		req = requests[below(r, sizeof(requests) / sizeof(requests[0]))];
	}
}

/* A filter that lets most calls pass, and is sometimes nonsense. */
static void filter_some(struct arena *a, struct rng *r)
{
	struct {
		uint16_t code;
		uint8_t jt, jf;
		uint32_t k;
	} *f = (void *)room(a, r, 256);
	struct {
		uint16_t len;
		uint64_t insns;
	} *prog = (void *)room(a, r, 16);
	static const uint16_t codes[] = {0x20, 0x15, 0x05, 0x06, 0x16, 0x07, 0x87, 0x04, 0x54, 0x60, 0x02, 0x25, 0x45, 0x34, 0x80};
	unsigned n = 1 + (unsigned)below(r, 12);

	for (unsigned i = 0; i < n; i++) {
		f[i].code = codes[below(r, 15)];
		f[i].jt = (uint8_t)below(r, 4);
		f[i].jf = (uint8_t)below(r, 4);
		f[i].k = below(r, 3) ? (uint32_t)below(r, 16) * 4 : (uint32_t)number(r);
	}
	f[n].code = 0x06;
	f[n].k = 0x7fff0000;
	prog->len = (uint16_t)(n + 1);
	prog->insns = (uint64_t)f;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscall(SYS_seccomp, 1, below(r, 3) ? 0 : below(r, 64), prog);
}

static void some_timer(struct arena *a, struct rng *r)
{
	uint64_t *ts = (uint64_t *)room(a, r, 32);
	int32_t *id = (int32_t *)room(a, r, 8);

	ts[0] = below(r, 4) ? 0 : number(r);
	ts[1] = below(r, 1000000);
	ts[2] = below(r, 4) ? 0 : number(r);
	ts[3] = below(r, 1000000);
	syscall(SYS_timer_create, below(r, 4), below(r, 3) ? 0 : some_struct(a, r), id);
	syscall(SYS_timer_settime, below(r, 3) ? *id : (int)below(r, 64), below(r, 2), ts, NULL);
	if (below(r, 2))
		syscall(SYS_timer_delete, below(r, 2) ? *id : (int)below(r, 64));
}

static void some_futex(struct arena *a, struct rng *r)
{
	static const int ops[] = {0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
	uint64_t base = (uint64_t)a->mem, w1 = base + below(r, 8) * 4, w2 = base + below(r, 8) * 4;

	if (below(r, 8) == 0)
		*(uint32_t *)w1 = (uint32_t)below(r, 60) | (uint32_t)below(r, 4) << 30;
	syscall(SYS_futex, w1, ops[below(r, 13)] | (below(r, 2) ? 128 : 0), *(uint32_t *)w1, timespec(a, r), w2, *(uint32_t *)w1);
}

/* In a process of its own that is not missed: what cannot be undone, and calls under it. */
static void apart(struct arena *a, struct rng *r)
{
	pid_t p = fork();

	if (p)
		return;
	alarm(1);
	/* The others' mounts stay as they are. */
	if (syscall(SYS_unshare, CLONE_NEWNS | (below(r, 2) ? CLONE_NEWUSER : 0)))
		syscall(SYS_exit_group, 0);
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	for (unsigned i = 0; i < 20; i++) {
		switch (below(r, 6)) {
		case 0:
			syscall(SYS_unshare, some_ns(r));
			break;
		case 1:
			write_maps(r);
			break;
		case 2:
			some_mount(r);
			break;
		case 3:
			enter_ns(r);
			break;
		case 4:
			filter_some(a, r);
			break;
		default:
			if (below(r, 2))
				some_ipc(a, r);
			else if (syscall(SYS_clone, SIGCHLD | (some_ns(r) & ~(uint64_t)CLONE_SYSVSEM), 0, 0, 0, 0) == 0)
				syscall(SYS_exit_group, 0);
		}
	}
	syscall(SYS_exit_group, 0);
}

static void make_sense(struct arena *a, struct rng *r)
{
	switch (below(r, 12)) {
	case 0:
		apart(a, r);
		break;
	case 1:
		trace_some(a, r);
		break;
	case 2:
		some_timer(a, r);
		break;
	case 3:
	case 4:
	case 5:
		some_futex(a, r);
		break;
	default:
		some_ipc(a, r);
	}
}

static void on_alarm(int s)
{
	(void)s;
}

struct thread_arg {
	struct arena *a;
	unsigned index;
};

static void *run_thread(void *p)
{
	struct thread_arg *ta = p;
	struct arena *a = ta->a;
	struct log_entry *e = &a->log->last[a->worker][ta->index];
	struct rng r = {a->seed * 1000003 + ta->index * 7919 + 1};

	for (unsigned i = 0; i < EPISODE_CALLS; i++) {
		const struct call *c = &calls[below(&r, N_CALLS)];
		uint64_t arg[6];

		if (below(&r, 8) == 0)
			make_sense(a, &r);
		for (unsigned j = 0; j < 6; j++)
			arg[j] = number(&r);
		arguments(a, &r, c->kinds, arg);
		if (spare(c, arg, &r))
			continue;
		e->n++;
		e->nr = (uint64_t)c->nr;
		strncpy(e->name, c->name, sizeof(e->name) - 1);
		memcpy(e->arg, arg, sizeof(arg));
		e->ret = INT64_MIN;
		e->ret = make_call(c, arg);
		__atomic_add_fetch(&a->log->total, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Without blocking: another episode may have made any of these a fifo. */
static void open_descriptors(struct arena *a)
{
	int *fd = a->fd, n = 0, i;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	fd[n++] = open("a", O_RDWR | O_CREAT | O_NONBLOCK, 0644);
	fd[n++] = open("b", O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK, 0600);
	fd[n++] = open(".", O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	fd[n++] = open(".", O_PATH | O_NONBLOCK);
	fd[n++] = open("/proc/self", O_RDONLY | O_NONBLOCK);
	fd[n++] = open("/proc/self/status", O_RDONLY | O_NONBLOCK);
	fd[n++] = open("/proc/self/comm", O_RDWR | O_NONBLOCK);
	fd[n++] = open("/etc/passwd", O_RDONLY | O_NONBLOCK);
	fd[n++] = open("/dev/zero", O_RDWR | O_NONBLOCK);
	fd[n++] = open("/dev/null", O_RDWR | O_NONBLOCK);
	pipe2(&fd[n], O_NONBLOCK);
	n += 2;
	pipe2(&fd[n], 0);
	n += 2;
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, &fd[n]);
	n += 2;
	socketpair(AF_UNIX, SOCK_DGRAM, 0, &fd[n]);
	n += 2;
	socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, &fd[n]);
	n += 2;
	fd[n++] = socket(AF_UNIX, SOCK_STREAM, 0);
	fd[n++] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	fd[n++] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	fd[n++] = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	fd[n++] = socket(AF_NETLINK, SOCK_RAW, 0);
	fd[n++] = epoll_create1(0);
	fd[n++] = eventfd(1, EFD_NONBLOCK);
	fd[n++] = eventfd(0, EFD_SEMAPHORE);
	fd[n++] = timerfd_create(CLOCK_MONOTONIC, 0);
	fd[n++] = signalfd(-1, &set, SFD_NONBLOCK);
	fd[n++] = inotify_init1(IN_NONBLOCK);
	fd[n++] = memfd_create("m", MFD_ALLOW_SEALING);
	fd[n++] = posix_openpt(O_RDWR | O_NOCTTY);
	fd[n++] = (int)syscall(SYS_pidfd_open, getpid(), 0);
	fd[n++] = open("/dev/shm/x", O_RDWR | O_CREAT | O_NONBLOCK, 0666);
	for (i = 0; n < N_FDS; i++)
		fd[n++] = fd[i];
}

static void make_files(void)
{
	mkdir("d", 0755);
	mkdir("d/e", 0755);
	close(open("d/e/f", O_WRONLY | O_CREAT | O_NONBLOCK, 0644));
	symlink("a", "l");
	symlink("loop", "loop");
	mkfifo("c", 0644);
}

/* Also those that the C library keeps for itself. */
static void set_all_signals(void (*handler)(int))
{
	struct {
		void (*handler)(int);
		uint64_t flags, restorer, mask;
	} sa = {handler, 0, 0, 0};

	for (int i = 1; i < 65; i++)
		syscall(SYS_rt_sigaction, i, &sa, NULL, 8);
}

static int not_started(struct log *log)
{
	log->why = errno;
	log->no_start++;
	return 1;
}

static int episode(struct arena *a, uint64_t seed)
{
	struct itimerval it = {{0, 20000}, {0, 20000}};
	struct rlimit files = {256, 256}, processes = {400, 400}, core = {0, 0};
	struct rng r = {seed | 1};
	pthread_t th[THREADS];
	struct thread_arg ta[THREADS];
	struct sigaction sa = {.sa_handler = on_alarm};
	char dir[64];

	set_all_signals(SIG_DFL);
	setsid();
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_NPROC, &processes);
	setrlimit(RLIMIT_CORE, &core);
	snprintf(dir, sizeof(dir), "/fuzz/%u.%u", a->worker, (unsigned)(seed % 4));
	/* What another episode has mounted there, without room for a directory, goes. */
	for (int i = 0; mkdir("/fuzz", 0777), mkdir(dir, 0755), chdir(dir); i++)
		if (i == 4 || umount2("/fuzz", MNT_DETACH))
			return not_started(a->log);
	make_files();
	a->seed = seed;
	a->mem = mmap(NULL, ARENA_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a->mem == MAP_FAILED)
		return not_started(a->log);
	for (size_t i = 0; i < ARENA_PAGES / 2 * 4096; i += 8)
		*(uint64_t *)(a->mem + i) = below(&r, 4) ? number(&r) : (uint64_t)a->mem + below(&r, 4096);
	mprotect(a->mem + ARENA_PAGES / 2 * 4096, ARENA_PAGES / 4 * 4096, PROT_READ);
	mprotect(a->mem + ARENA_PAGES * 3 / 4 * 4096, ARENA_PAGES / 4 * 4096, PROT_NONE);
	open_descriptors(a);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		ta[i] = (struct thread_arg){a, i};
		if (i && pthread_create(&th[i], NULL, run_thread, &ta[i]))
			th[i] = 0;
	}
	run_thread(&ta[0]);
	for (unsigned i = 1; i < THREADS; i++)
		if (th[i])
			pthread_join(th[i], NULL);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct worker {
	pid_t pid;
	int64_t started;
};

static void start_worker(struct worker *w, struct log *log, unsigned index, uint64_t seed)
{
	static struct arena a;

	w->started = now_ms();
	w->pid = fork();
	if (w->pid < 0) {
		log->why = errno;
		log->no_fork++;
	}
	if (w->pid == 0) {
		a.worker = index;
		a.log = log;
		_exit(episode(&a, seed));
	}
}

/* The processes an episode left behind, whatever they have become: all but process 1 itself. */
static void sweep(void)
{
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

/* They outlive their makers, each with a descriptor of the sentry's. */
static void remove_segments(void)
{
	struct shmid_ds ds;

	for (int i = 0; i < 32768; i++) {
		int id = shmctl(i, SHM_STAT, &ds);

		if (id >= 0)
			shmctl(id, IPC_RMID, NULL);
	}
}

int main(int argc, char **argv)
{
	uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 0) : 10, seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	unsigned workers = argc > 4 ? (unsigned)atoi(argv[4]) : 4;
	int fd = argc > 3 ? open(argv[3], O_RDWR | O_CREAT, 0666) : -1, status;
	int64_t end = now_ms() + (int64_t)seconds * 1000, last_sweep = now_ms();
	struct log *log;
	struct worker w[MAX_WORKERS] = {0};
	pid_t p;

	if (workers > MAX_WORKERS || fd < 0 || ftruncate(fd, sizeof(*log)))
		return 2;
	log = mmap(NULL, sizeof(*log), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (log == MAP_FAILED)
		return 2;
	close(fd);
	log->magic = 0x7a7a7566;
	set_all_signals(SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	while (now_ms() < end) {
		for (unsigned i = 0; i < workers; i++) {
			if (!w[i].pid)
				start_worker(&w[i], log, i, seed * 1000000 + log->episodes++);
			else if (now_ms() - w[i].started > EPISODE_MS)
				log->deaf++, kill(w[i].pid, SIGKILL);
			if (w[i].pid < 0)
				w[i].pid = 0;
		}
		if (now_ms() - last_sweep > 10000) {
			sweep();
			memset(w, 0, sizeof(w));
			last_sweep = now_ms();
			continue;
		}
		while ((p = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
			for (unsigned i = 0; i < workers; i++)
				if (w[i].pid == p)
					w[i].pid = 0;
		poll(NULL, 0, 5);
	}
	sweep();
	remove_segments();
	system("rm -rf /fuzz /dev/shm/x");
	printf("calls %llu episodes %llu deaf %llu\n", (unsigned long long)log->total, (unsigned long long)log->episodes, (unsigned long long)log->deaf);
	fflush(stdout);
	/* A last breath for the host to count what is still open. */
	sleep(3);
	return 0;
}
