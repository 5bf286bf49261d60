/* SPDX-License-Identifier: MIT */
/* uname(2), sysinfo(2), sethostname(2), getrandom(2), syslog(2). */
#include "fs/fs.h"
#include "host/entropy.h"
#include "kernel/task_internal.h"
#include "syscalls/syscalls.h"

#include <linux/random.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

int64_t sys_uname(struct task *t, const uint64_t *a)
{
	struct utsname u = {.sysname = "Linux", .release = KERNEL_RELEASE, .version = KERNEL_VERSION, .machine = "x86_64"};
	struct uts_ns *ns = task_uts_ns(t);

	lock_acquire(&ns->lock);
	memcpy(u.nodename, ns->nodename, sizeof(ns->nodename));
	memcpy(u.domainname, ns->domainname, sizeof(ns->domainname));
	lock_release(&ns->lock);
	if (t->personality & UNAME26)
		strncpy(u.release, KERNEL_RELEASE_26, sizeof(u.release) - 1);
	if ((t->personality & 0xff) == PER_LINUX32)
		strncpy(u.machine, "i686", sizeof(u.machine) - 1);
	return copy_out(t, a[0], &u, sizeof(u));
}

static int64_t set_uts(struct task *t, char field[65], const uint64_t *a)
{
	struct uts_ns *ns = task_uts_ns(t);
	char name[65] = {0};
	int len = ARG_INT(a, 1);

	if (!ns_capable(t, ns->head.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > 64)
		return -EINVAL;
	if (copy_in(t, name, a[0], (size_t)len))
		return -EFAULT;
	lock_acquire(&ns->lock);
	memcpy(field, name, 65);
	lock_release(&ns->lock);
	return 0;
}

int64_t sys_sethostname(struct task *t, const uint64_t *a)
{
	return set_uts(t, task_uts_ns(t)->nodename, a);
}

int64_t sys_setdomainname(struct task *t, const uint64_t *a)
{
	return set_uts(t, task_uts_ns(t)->domainname, a);
}

/* What the sandbox may know: its own up-time and processes, the memory it can use. */
int64_t sys_sysinfo(struct task *t, const uint64_t *a)
{
	struct kernel *k = t->kernel;
	uint64_t total = k->memory_limit && k->memory_limit < k->memory_total ? k->memory_limit : k->memory_total;
	uint64_t used = atomic_load(&k->memory_used);
	struct sysinfo si = {
		.uptime = (long)((kernel_now_mono() - k->boot_monotonic.tv_sec * 1000000000ll) / 1000000000),
		.procs = (unsigned short)k->n_tasks,
		.totalram = total,
		.freeram = total > used ? total - used : 0,
		.mem_unit = 1,
	};
	uint64_t load[3];

	load_averages(k, SI_LOAD_SHIFT, load);
	for (int i = 0; i < 3; i++)
		si.loads[i] = load[i];

	return copy_out(t, a[0], &si, sizeof(si));
}

int64_t sys_getrandom(struct task *t, const uint64_t *a)
{
	uint64_t len = a[1] > INT32_MAX ? INT32_MAX : a[1], done = 0;
	uint8_t buf[4096];

	if (ARG_UINT(a, 2) & ~(uint32_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((ARG_UINT(a, 2) & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	while (done < len) {
		size_t n = len - done < sizeof(buf) ? len - done : sizeof(buf);
		ssize_t r = host_random(buf, n);

		if (r < 0)
			return done ? (int64_t)done : r;
		if (copy_out(t, a[0] + done, buf, (size_t)r))
			return done ? (int64_t)done : -EFAULT;
		done += (uint64_t)r;
		if (done < len && signal_pending(t))
			return (int64_t)done;
	}
	return (int64_t)done;
}

int64_t sys_syslog(struct task *t, const uint64_t *a)
{
	/* The sandbox's kernel log is empty; the host's is nobody's business. */
	switch (ARG_INT(a, 0)) {
	case 0:
	case 1:
		return 0;
	case 9:
		return 0;
	case 10:
		return 65536;
	case 3:
		return a[1] && ARG_INT(a, 2) >= 0 ? 0 : -EINVAL;
	}
	return task_capable(t, CAP_SYSLOG) ? -EINVAL : -EPERM;
}
