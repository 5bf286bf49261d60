/* SPDX-License-Identifier: MIT */
/*
 * What a monitor gives up when its container is created, or its process has started: it hears a sentry that may be taken over, for as long as that lives,
 * and is root. From here on it changes no file but those it names, has no capability but those it names, starts no program, and touches no other
 * process's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "cmd/runtime/cgroup/group.h"
#include "cmd/runtime/confine.h"
#include "rootless/harden.h"

/* Beneath: also what landlock does not know, changes of owners, modes and attributes. */
static const char *const denied[] = {"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd",
	"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat",
	"removexattr", "lremovexattr", "fremovexattr", "removexattrat", "utime", "utimes", "utimensat", "futimesat", "mknod", "mknodat", "symlink", "symlinkat",
	"link", "linkat", "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsmount", "open_tree", "move_mount", "mount_setattr", "setns",
	"unshare", "clone3", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "quotactl", "quotactl_fd", "acct",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "open_by_handle_at", "settimeofday",
	"clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "iopl", "ioperm", "syslog", "vhangup", "personality"};

static void allow_path(int rules, const char *path, int at, unsigned int what)
{
	int fd = openat(at, path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	landlock_allow(rules, fd, what);
	close(fd);
}

/* A kernel without landlock leaves the rest. */
static void confine_files(int dir, const struct cg *group)
{
	int rules = landlock_create(0);

	if (rules < 0)
		return;
	allow_path(rules, "/", AT_FDCWD, 0);
	if (dir >= 0)
		allow_path(rules, ".", dir, LANDLOCK_WRITE);
	allow_path(rules, "/dev/null", AT_FDCWD, LANDLOCK_WRITE);
	for (size_t i = 0; group && i < group->count; i++)
		allow_path(rules, group->dirs[i].path, AT_FDCWD, LANDLOCK_WRITE);
	landlock_enforce(rules);
	close(rules);
}

static void confine_calls(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx)
		return;
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		int nr = seccomp_syscall_resolve_name(denied[i]);

		if (nr >= 0) /* older libraries do not know all of them */
			seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
	}
	seccomp_load(ctx);
	seccomp_release(ctx);
}

void confine(int dir, const struct cg *group, uint64_t keep)
{
	if (harden_no_new_privs() < 0)
		return;
	confine_files(dir, group);
	/* A container of another runtime that joins this pid namespace is root too, and would find the host under /proc/1/root. */
	if (geteuid() == 0)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (geteuid() != 0 || !keep || harden_keep_capabilities(keep) < 0)
		harden_drop_capabilities();
	confine_calls();
}
