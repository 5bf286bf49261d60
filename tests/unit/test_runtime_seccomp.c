/* SPDX-License-Identifier: MIT */
/* linux.seccomp of config.json, translated by the runtime and run as the sentry runs it. */
#include <errno.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/runtime/seccomp.h"
#include "kernel/seccomp_bpf.h"

#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))
#define NR_FUTEX_WAITV 449

static struct seccomp_prog *translate(const char *text)
{
	static struct sock_filter insns[BPF_MAXINSNS];
	struct seccomp_prog *p;
	json_t *j = json_loads(text, 0, NULL);
	char *err = NULL;
	ssize_t n;
	int fd = -1;

	assert_non_null(j);
	if (seccomp_translate(j, &fd, &err) < 0)
		fail_msg("%s", err);
	json_decref(j);
	n = pread(fd, insns, sizeof(insns), 0);
	close(fd);
	assert_true(n > 0 && n % (ssize_t)sizeof(*insns) == 0);
	n /= (ssize_t)sizeof(*insns);
	assert_int_equal(seccomp_bpf_check(insns, (unsigned)n), 0);
	p = calloc(1, sizeof(*p) + (size_t)n * sizeof(p->insn[0]));
	assert_non_null(p);
	seccomp_bpf_decode(p, insns, (unsigned)n);
	return p;
}

static uint32_t verdict(const struct seccomp_prog *p, uint32_t nr, uint64_t a0, uint64_t a1)
{
	return seccomp_bpf_run(p, &(struct seccomp_data){.nr = (int)nr, .arch = AUDIT_ARCH_X86_64, .args = {a0, a1}});
}

/* What *text* is refused with, which has *part* in it. */
static void refused(const char *text, const char *part)
{
	json_t *j = json_loads(text, 0, NULL);
	char *err = NULL;
	int fd = 5;

	assert_non_null(j);
	assert_int_equal(seccomp_translate(j, &fd, &err), -1);
	assert_int_equal(fd, -1);
	if (!strstr(err, part))
		fail_msg("\"%s\" has no \"%s\"", err, part);
	free(err);
	json_decref(j);
}

static void list_of_allowed(void **state)
{
	struct seccomp_prog *p = translate("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X32\"],"
					   "\"syscalls\": [{\"names\": [\"read\", \"write\", \"no_such_call\", \"pkey_free\"], \"action\": "
					   "\"SCMP_ACT_ALLOW\"}, {\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38}]}");

	(void)state;
	assert_true(seccomp_bpf_always_allows(p, AUDIT_ARCH_X86_64, SYS_read));
	assert_int_equal(verdict(p, SYS_getpid, 0, 0), ERRNO(EPERM));
	assert_int_equal(verdict(p, SYS_mount, 0, 0), ERRNO(ENOSYS));
	/* Behind the last one that is named, and in x32: they are not there. */
	assert_int_equal(verdict(p, SYS_pkey_free, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(p, SYS_pkey_free + 1, 0, 0), ERRNO(ENOSYS));
	assert_int_equal(verdict(p, NR_FUTEX_WAITV, 0, 0), ERRNO(ENOSYS));
	assert_int_equal(verdict(p, 0x40000000 | SYS_read, 0, 0), ERRNO(ENOSYS));
	free(p);
}

static void list_of_refused(void **state)
{
	struct seccomp_prog *p = translate("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"getcwd\"], \"action\": "
					   "\"SCMP_ACT_ERRNO\"}, {\"names\": [\"chdir\"], \"action\": \"SCMP_ACT_KILL_PROCESS\"}, {\"names\": "
					   "[\"fchdir\"], \"action\": \"SCMP_ACT_KILL\"}, {\"names\": [\"rename\"], \"action\": \"SCMP_ACT_TRAP\"}, "
					   "{\"names\": [\"mkdir\"], \"action\": \"SCMP_ACT_TRACE\", \"errnoRet\": 7}, {\"names\": [\"rmdir\"], "
					   "\"action\": \"SCMP_ACT_LOG\"}], \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"]}");

	(void)state;
	assert_int_equal(verdict(p, SYS_getcwd, 0, 0), ERRNO(EPERM));
	assert_int_equal(verdict(p, SYS_chdir, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(verdict(p, SYS_fchdir, 0, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(verdict(p, SYS_rename, 0, 0), SECCOMP_RET_TRAP);
	assert_int_equal(verdict(p, SYS_mkdir, 0, 0), SECCOMP_RET_TRACE | 7);
	assert_int_equal(verdict(p, SYS_rmdir, 0, 0), SECCOMP_RET_LOG);
	assert_int_equal(verdict(p, 9999, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(p, 0x40000000 | SYS_read, 0, 0), SECCOMP_RET_KILL_THREAD); /* x32 is not among the architectures */
	free(p);
}

static void arguments(void **state)
{
	struct seccomp_prog *p = translate(
		"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 13, \"syscalls\": ["
		"{\"names\": [\"personality\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 4294967295, \"op\": "
		"\"SCMP_CMP_EQ\"}]}, {\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 2114060288, "
		"\"valueTwo\": 0, \"op\": \"SCMP_CMP_MASKED_EQ\"}]}, {\"names\": [\"dup2\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": "
		"0, \"value\": 5, \"op\": \"SCMP_CMP_LE\"}, {\"index\": 1, \"value\": 7, \"op\": \"SCMP_CMP_NE\"}]}, {\"names\": [\"dup3\"], "
		"\"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}, {\"index\": 0, \"value\": 2, "
		"\"op\": \"SCMP_CMP_EQ\"}]}]}");

	(void)state;
	assert_int_equal(verdict(p, SYS_personality, 0xffffffff, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(p, SYS_personality, 0, 0), ERRNO(EACCES));
	assert_int_equal(verdict(p, SYS_clone, 17, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(p, SYS_clone, 0x10000000, 0), ERRNO(EACCES));
	assert_int_equal(verdict(p, SYS_dup2, 5, 8), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(p, SYS_dup2, 5, 7), ERRNO(EACCES));
	assert_int_equal(verdict(p, SYS_dup2, 6, 8), ERRNO(EACCES));
	/* Two conditions on one argument: either of them. */
	assert_int_equal(verdict(p, SYS_dup3, 1, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(p, SYS_dup3, 2, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(p, SYS_dup3, 3, 0), ERRNO(EACCES));
	free(p);
}

static void constant_verdicts(void **state)
{
	struct seccomp_prog *p = translate("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \"syscalls\": [{\"names\": "
					   "[\"read\"], \"action\": \"SCMP_ACT_ALLOW\"}, {\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", "
					   "\"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]}]}");
	uint32_t v = 0;

	(void)state;
	assert_true(seccomp_bpf_constant(p, AUDIT_ARCH_X86_64, SYS_read, &v));
	assert_int_equal(v, SECCOMP_RET_ALLOW);
	assert_true(seccomp_bpf_constant(p, AUDIT_ARCH_X86_64, NR_FUTEX_WAITV, &v));
	assert_int_equal(v, ERRNO(ENOSYS));
	assert_false(seccomp_bpf_constant(p, AUDIT_ARCH_X86_64, SYS_write, &v));
	free(p);
}

static void what_is_refused(void **state)
{
	int fd = 5;

	(void)state;
	assert_int_equal(seccomp_translate(NULL, &fd, NULL), 0);
	assert_int_equal(fd, -1);
	refused("{}", "defaultAction");
	refused("{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}", "NOTIFY is not supported");
	refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/x\", \"syscalls\": [{\"names\": [\"mount\"], \"action\": "
		"\"SCMP_ACT_NOTIFY\"}]}",
		"NOTIFY is not supported");
	refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": 3}", "syscalls is not an array");
	refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"\"], \"action\": \"SCMP_ACT_LOG\"}]}", "empty name");
	refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_VAX\"]}", "\"SCMP_ARCH_VAX\" is not known");
	refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"X\"]}", "\"X\" is not known");
	refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_LOG\", \"args\": "
		"[{\"index\": 6, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]}]}",
		"six arguments");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_of_allowed), cmocka_unit_test(list_of_refused), cmocka_unit_test(arguments),
		cmocka_unit_test(constant_verdicts), cmocka_unit_test(what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
