/* SPDX-License-Identifier: MIT */
/*
 * Run a program as on a host that refuses something: poor-host KIND PROGRAM ARG…
 *
 *	container   what container seccomp profiles do: clone and unshare of namespaces EPERM, clone3 ENOSYS, mounts
 *EPERM apparmor    what Ubuntu's AppArmor rule does: user namespaces can be made, but mounts in them are EACCES
 *	nolandlock  a kernel without landlock: ENOSYS
 *	bare        container and nolandlock together
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int refuse(scmp_filter_ctx ctx, int err, const int *calls, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO((unsigned int)err), calls[i], 0);
	return r;
}

static int refuse_mounts(scmp_filter_ctx ctx, int err)
{
	static const int calls[] = {SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(fsopen),
		SCMP_SYS(fsmount), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(mount_setattr)};

	return refuse(ctx, err, calls, sizeof(calls) / sizeof(calls[0]));
}

static int refuse_namespaces(scmp_filter_ctx ctx)
{
	static const int modern[] = {SCMP_SYS(clone3)};
	const struct scmp_arg_cmp user = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER);
	int r = refuse(ctx, ENOSYS, modern, 1);

	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, user);
	return r ? r : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1, user);
}

static int refuse_landlock(scmp_filter_ctx ctx)
{
	static const int calls[] = {444, 445, 446};

	return refuse(ctx, ENOSYS, calls, 3);
}

int main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	const char *kind = argc > 2 ? argv[1] : "";
	int r = -EINVAL;

	if (!ctx)
		return 99;
	if (strcmp(kind, "container") == 0 || strcmp(kind, "bare") == 0)
		r = refuse_namespaces(ctx) || refuse_mounts(ctx, EPERM) ? -EINVAL : 0;
	else if (strcmp(kind, "apparmor") == 0)
		r = refuse_mounts(ctx, EACCES);
	if (strcmp(kind, "nolandlock") == 0 || strcmp(kind, "bare") == 0)
		r = refuse_landlock(ctx);
	if (r < 0 || seccomp_load(ctx) < 0) {
		fprintf(stderr, "poor-host: cannot refuse \"%s\"\n", kind);
		return 99;
	}
	execv(argv[2], argv + 2);
	return 99;
}
