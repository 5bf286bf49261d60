/* SPDX-License-Identifier: MIT */
/*
 * Makes the sentry's seccomp filters from the table in host/calls.h, when Picket is built: libseccomp needs a third of a millisecond for it, which
 * is a twentieth of a sandbox's start. Prints two arrays of struct sock_filter, without and with the socket calls.
 */
#include "host/calls.h"
#include "lib/list.h"
#include "platform/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define NR_FCHMODAT2 452
#define PR_SET_VMA 0x53564d41

/* Numbers that the headers or libseccomp may not know yet. */
static int call_number(const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr == __NR_SCMP_ERROR && __builtin_strcmp(name, "fchmodat2") == 0)
		return NR_FCHMODAT2;
	return nr;
}

static int allow(scmp_filter_ctx ctx, int nr, unsigned n, const struct scmp_arg_cmp *args)
{
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, n, args);
}

/* Allow *nr* when the low half of argument *arg* is one of the values. */
static int allow_values(scmp_filter_ctx ctx, int nr, unsigned arg, const uint32_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct scmp_arg_cmp c = SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, UINT32_MAX, values[i]);
		int r = allow(ctx, nr, 1, &c);

		if (r < 0)
			return r;
	}
	return 0;
}

static int rule_fcntl(scmp_filter_ctx ctx, int nr)
{
	static const uint32_t cmds[] = {F_DUPFD_CLOEXEC, F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_ADD_SEALS, F_GET_SEALS, F_OFD_SETLK,
		F_OFD_GETLK};

	return allow_values(ctx, nr, 1, cmds, ARRAY_SIZE(cmds));
}

static int rule_ioctl(scmp_filter_ctx ctx, int nr)
{
	static const uint32_t requests[] = {
		(uint32_t)SECCOMP_IOCTL_NOTIF_RECV,
		(uint32_t)SECCOMP_IOCTL_NOTIF_SEND,
		(uint32_t)SECCOMP_IOCTL_NOTIF_ID_VALID,
		(uint32_t)SECCOMP_IOCTL_NOTIF_ADDFD,
		(uint32_t)SECCOMP_IOW(4, uint64_t) /* SET_FLAGS */,
		FIONREAD,
		TIOCGWINSZ,
		0x8905 /* SIOCATMARK */,
		SIOCGIFCONF,
		SIOCGIFFLAGS,
		SIOCGIFADDR,
		SIOCGIFNETMASK,
		SIOCGIFBRDADDR,
		SIOCGIFDSTADDR,
		SIOCGIFMTU,
		SIOCGIFHWADDR,
		SIOCGIFINDEX,
		SIOCGIFNAME,
		SIOCGIFTXQLEN,
		SIOCGIFMETRIC,
		SIOCGIFMAP,
		TIOCOUTQ,
		0x894B /* SIOCOUTQNSD */,
	};

	return allow_values(ctx, nr, 1, requests, ARRAY_SIZE(requests));
}

/* openat2's way is in memory, which no filter reads: landlock and the empty root hold; the descriptor must be one. */
static int rule_beneath(scmp_filter_ctx ctx, int nr)
{
	const struct scmp_arg_cmp c = SCMP_CMP(0, SCMP_CMP_MASKED_EQ, 0x80000000u, 0);

	return allow(ctx, nr, 1, &c);
}

static int rule_noexec(scmp_filter_ctx ctx, int nr)
{
	const struct scmp_arg_cmp c = SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

	return allow(ctx, nr, 1, &c);
}

static int rule_thread(scmp_filter_ctx ctx, int nr)
{
	const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
	const uint64_t never = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
			       CLONE_NEWPID | CLONE_NEWNET;
	const struct scmp_arg_cmp c = SCMP_CMP(0, SCMP_CMP_MASKED_EQ, thread | never, thread);

	return allow(ctx, nr, 1, &c);
}

static int rule_prctl(scmp_filter_ctx ctx, int nr)
{
	static const uint32_t options[] = {PR_SET_NAME, PR_SET_VMA};

	return allow_values(ctx, nr, 0, options, ARRAY_SIZE(options));
}

static int rule_limits(scmp_filter_ctx ctx, int nr)
{
	static const uint32_t resources[] = {RLIMIT_AS, RLIMIT_DATA};

	return allow_values(ctx, nr, 1, resources, ARRAY_SIZE(resources));
}

static int rule_kill(scmp_filter_ctx ctx, int nr)
{
	static const uint32_t signals[] = {0, SIGKILL};

	return allow_values(ctx, nr, 1, signals, ARRAY_SIZE(signals));
}

static int rule_tgkill(scmp_filter_ctx ctx, int nr)
{
	static const uint32_t signals[] = {PLATFORM_SIG_INTERRUPT, PLATFORM_SIG_CANCEL, SIGABRT};

	return allow_values(ctx, nr, 2, signals, ARRAY_SIZE(signals));
}

/* Each kind of socket by all three arguments; the netlink socket is opened before. */
static int rule_family(scmp_filter_ctx ctx, int nr)
{
	static const struct {
		uint32_t family, type, protocol;
	} kinds[] = {
		{AF_INET, SOCK_STREAM, IPPROTO_TCP},
		{AF_INET, SOCK_DGRAM, IPPROTO_UDP},
		{AF_INET, SOCK_DGRAM, IPPROTO_ICMP},
		{AF_INET6, SOCK_STREAM, IPPROTO_TCP},
		{AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
		{AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6},
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(kinds); i++) {
		const struct scmp_arg_cmp c[] = {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, kinds[i].family),
			SCMP_CMP(1, SCMP_CMP_MASKED_EQ, UINT32_MAX, kinds[i].type | SOCK_NONBLOCK | SOCK_CLOEXEC),
			SCMP_CMP(2, SCMP_CMP_MASKED_EQ, UINT32_MAX, kinds[i].protocol)};

		r = allow(ctx, nr, ARRAY_SIZE(c), c);
	}
	return r;
}

typedef int (*rule_fn)(scmp_filter_ctx ctx, int nr);

struct host_call {
	const char *name;
	rule_fn rule; /* NULL: any arguments */
};

#define AS_CALL(name, reason) {#name, NULL},
#define AS_RULE(name, rule, reason) {#name, rule_##rule},
static const struct host_call calls[] = {HOST_CALLS(AS_CALL, AS_RULE)};
static const struct host_call net_calls[] = {HOST_NET_CALLS(AS_CALL, AS_RULE)};
static const struct host_call deadly_calls[] = {HOST_DEADLY(AS_CALL)};

static int add_calls(scmp_filter_ctx ctx, const struct host_call *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int nr = call_number(c[i].name), r;

		if (nr < 0)
			continue; /* newer than this libseccomp: it will fail with ENOSYS, as on an older kernel */
		r = c[i].rule ? c[i].rule(ctx, nr) : allow(ctx, nr, 0, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_deadly(scmp_filter_ctx ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(deadly_calls); i++) {
		int nr = call_number(deadly_calls[i].name);
		int r = nr < 0 ? 0 : seccomp_rule_add_array(ctx, SCMP_ACT_KILL_PROCESS, nr, 0, NULL);

		if (r < 0)
			return r;
	}
	return 0;
}

static int make_rules(scmp_filter_ctx ctx, bool network)
{
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
	if (r == 0)
		r = add_calls(ctx, calls, ARRAY_SIZE(calls));
	if (r == 0 && network)
		r = add_calls(ctx, net_calls, ARRAY_SIZE(net_calls));
	return r == 0 ? add_deadly(ctx) : r;
}

static int print_filter(FILE *in, const char *name)
{
	struct sock_filter f;
	unsigned n = 0;

	printf("static const struct sock_filter %s[] = {\n", name);
	for (rewind(in); fread(&f, sizeof(f), 1, in) == 1; n++)
		printf("\t{0x%x, %u, %u, 0x%x},\n", f.code, f.jt, f.jf, f.k);
	printf("};\n");
	return n && n <= BPF_MAXINSNS && feof(in) ? 0 : -EINVAL;
}

static int make(const char *name, bool network)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	FILE *f = tmpfile();
	int r = ctx && f ? make_rules(ctx, network) : -ENOMEM;

	if (r == 0)
		r = seccomp_export_bpf(ctx, fileno(f));
	if (r == 0)
		r = print_filter(f, name);
	if (r < 0)
		fprintf(stderr, "calls-filter: the filter cannot be made: %d\n", r);
	seccomp_release(ctx);
	return r;
}

int main(void)
{
	printf("/* Made by host/calls-filter.c. */\n#include <linux/filter.h>\n\n");
	return make("filter_alone", false) || make("filter_network", true) || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
