/* SPDX-License-Identifier: MIT */
/*
 * A sentry that has been taken over, before landlock and its list of host calls are in force: what namespaces, user and capabilities of a sandbox
 * with real owners hold by themselves. It is executed in the sentry's place; one line for each attempt.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

static FILE *out;

static void say(bool safe, const char *what)
{
	fprintf(out, "%s %s\n", safe ? "safe" : "UNSAFE", what);
}

/* Must fail. */
#define DENIED(call) say((long)(call) < 0, #call)

static uint64_t caps(const char *name)
{
	char line[256];
	uint64_t v = ~0ull;
	int fd = openat(4, "self/status", O_RDONLY);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			v = strtoull(line + strlen(name), NULL, 16);
	if (f)
		fclose(f);
	return v;
}

static void identity(void)
{
	const uint64_t files = 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_SETFCAP;
	uid_t r, e, s;
	int death = 0;

	getresuid(&r, &e, &s);
	fprintf(out, "uid %u gid %u\n", r, getgid());
	say(r == e && e == s && r != 0 && getgid() != 0 && getegid() != 0, "not root, nor able to become it by its saved id");
	say(getgroups(0, NULL) == 0, "no groups");
	say(caps("CapPrm:") == files && caps("CapEff:") == files && caps("CapInh:") == files && caps("CapAmb:") == files, "capabilities over files alone");
	say(caps("CapBnd:") == 0, "an empty bounding set");
	say(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no new privileges");
	say((prctl(PR_GET_SECUREBITS) & (SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)) ==
			(SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED), "securebits locked");
	prctl(PR_GET_PDEATHSIG, &death);
	say(death == SIGKILL, "dies with its parent");
	say(getpid() == 1, "a pid namespace of its own");
}

static void become(void)
{
	DENIED(setuid(0));
	DENIED(setresuid(0, 0, 0));
	DENIED(setgid(0));
	DENIED(setgroups(1, (const gid_t[]){0}));
	DENIED(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0));
	DENIED(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
	DENIED(mount("none", "/", "tmpfs", 0, NULL));
	DENIED(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
	DENIED(umount2("/", MNT_DETACH));
	DENIED(unshare(CLONE_NEWNS));
	DENIED(unshare(CLONE_NEWNET));
	DENIED(chroot("/"));
	DENIED(sethostname("x", 1));
	DENIED(syscall(SYS_kexec_load, 0, 0, NULL, 0));
	DENIED(syscall(SYS_init_module, "", 0, ""));
	DENIED(syscall(SYS_bpf, 0, "", 0));
	DENIED(syscall(SYS_open_by_handle_at, 10, "\0\0\0\0\0\0\0\0", 0));
	DENIED(syscall(SYS_swapon, "/x", 0));
	DENIED(settimeofday(&(struct timeval){1, 0}, NULL));
}

static void proc(void)
{
	static const char *const root_only[] = {"sysrq-trigger", "kmsg", "kcore", "slabinfo", "vmallocinfo", "kpagecount", "keys", "mounts", "sys/kernel/core_pattern",
		"sys/vm/drop_caches", "sys/kernel/ns_last_pid", "irq", "bus", "fs", "scsi"};
	char what[64];

	for (size_t i = 0; i < sizeof(root_only) / sizeof(root_only[0]); i++) {
		snprintf(what, sizeof(what), "proc: no %s", root_only[i]);
		say(openat(4, root_only[i], O_RDONLY) < 0 && openat(4, root_only[i], O_WRONLY) < 0, what);
	}
	say(openat(4, "self/oom_score_adj", O_WRONLY) < 0 && errno == EROFS, "proc: nothing is written");
	say(openat(5, "ipv4/ip_forward", O_WRONLY) < 0, "parameters of the network: nothing is written");
	say(openat(5, "../kernel/hostname", O_RDONLY) < 0 && openat(5, "../../kcore", O_RDONLY) < 0, "parameters of the network: nothing beside them");
	say(openat(4, "../etc", O_PATH) < 0, "proc leads nowhere");
}

static void directory(int fd)
{
	struct stat here, above;
	int up = openat(fd, "../../../../../..", O_PATH | O_DIRECTORY), made;
	char what[64];

#define SAY(safe, text) snprintf(what, sizeof(what), "%d: " text, fd), say(safe, what)
	SAY(up >= 0 && !fstat(fd, &here) && !fstat(up, &above) && here.st_ino == above.st_ino && here.st_dev == above.st_dev, "its top is its own parent");
	SAY(openat(fd, "../../../../etc/shadow", O_RDONLY) < 0 && openat(fd, "../../outside/secret", O_RDONLY) < 0, "nothing beside it");
	SAY(openat(fd, "out/secret", O_RDONLY) < 0, "its links lead nowhere");
	SAY(mknodat(fd, "null", S_IFCHR | 0666, makedev(1, 3)) < 0, "no character device");
	SAY(mknodat(fd, "disk", S_IFBLK | 0666, makedev(8, 0)) < 0, "no block device");
	SAY(openat(fd, "device", O_RDONLY) < 0, "devices of the host do not open");
	if (faccessat(fd, "readonly", F_OK, 0) == 0) {
		SAY((made = openat(fd, "made", O_CREAT | O_WRONLY, 0600)) < 0 && errno == EROFS, "read only: nothing is made");
		SAY(unlinkat(fd, "readonly", 0) < 0 && fchmodat(fd, "readonly", 0777, 0) < 0 && fchownat(fd, "readonly", 1, 1, 0) < 0, "read only: nothing is changed");
		SAY(mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND, NULL) < 0, "read only: it stays so");
		return;
	}
	made = openat(fd, "made", O_CREAT | O_WRONLY, 0600);
	fprintf(out, "can %d give away: %s\n", fd, fchown(made, 0, 0) == 0 && fchmod(made, 04755) == 0 ? "yes" : strerrorname_np(errno));
	SAY(fsetxattr(made, "trusted.x", "y", 1, 0) < 0, "no trusted attributes");
	SAY(fsetxattr(made, "security.ima", "y", 1, 0) < 0, "no other attributes of security");
#undef SAY
}

int main(void)
{
	int dirs[64], n_dirs = 0, n = 0;
	struct stat st;
	DIR *d;

	for (int fd = 10; fd < 64; fd++) /* what it was given, before it opens anything */
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			dirs[n_dirs++] = fd;
	out = fdopen(2, "w");
	setvbuf(out, NULL, _IOLBF, 0);
	identity();
	become();
	proc();
	d = opendir("/");
	while (d && readdir(d))
		n++;
	say(d && n == 2, "an empty root");
	say(mkdir("/x", 0700) < 0 && errno == EROFS, "the root is read only");
	say(access("/proc", F_OK) < 0 && access("/etc", F_OK) < 0 && access("/dev", F_OK) < 0, "no /proc, /etc, /dev");
	say(kill(-1, 0) < 0, "nobody to send signals to");
	for (int i = 0; i < n_dirs; i++)
		directory(dirs[i]);
	fprintf(out, "end\n");
	return 0;
}
