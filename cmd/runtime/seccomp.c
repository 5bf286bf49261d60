/* SPDX-License-Identifier: MIT */
/* linux.seccomp of config.json: from words to rules of libseccomp, from these to BPF. */
#include "cmd/runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/err.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ARGS_MAX 6
#define X32_BIT 0x40000000u

struct profile {
	scmp_filter_ctx ctx;
	uint32_t default_action;
	bool x32;
	int last; /* the highest number that is named */
	char **err;
};

/* --- words -------------------------------------------------------------------------------------------------------- */

struct word {
	const char *name;
	uint32_t value;
};

static const struct word actions[] = {
	{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
	{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
	{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
	{"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
	{"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
	{"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
	{"SCMP_ACT_LOG", SCMP_ACT_LOG},
	{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
	{"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
};

static const struct word operators[] = {
	{"SCMP_CMP_NE", SCMP_CMP_NE},
	{"SCMP_CMP_LT", SCMP_CMP_LT},
	{"SCMP_CMP_LE", SCMP_CMP_LE},
	{"SCMP_CMP_EQ", SCMP_CMP_EQ},
	{"SCMP_CMP_GE", SCMP_CMP_GE},
	{"SCMP_CMP_GT", SCMP_CMP_GT},
	{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

/* The guest makes calls of x86-64 alone, and may try those of x32; rules for others would never be asked. */
static const struct word architectures[] = {
	{"SCMP_ARCH_X86_64", 0},   {"SCMP_ARCH_X32", X32_BIT},	   {"SCMP_ARCH_X86", 0},	 {"SCMP_ARCH_ARM", 0},	   {"SCMP_ARCH_AARCH64", 0},
	{"SCMP_ARCH_MIPS", 0},	   {"SCMP_ARCH_MIPS64", 0},	   {"SCMP_ARCH_MIPS64N32", 0},	 {"SCMP_ARCH_MIPSEL", 0},  {"SCMP_ARCH_MIPSEL64", 0},
	{"SCMP_ARCH_MIPSEL64N32", 0}, {"SCMP_ARCH_PPC", 0},	   {"SCMP_ARCH_PPC64", 0},	 {"SCMP_ARCH_PPC64LE", 0}, {"SCMP_ARCH_S390", 0},
	{"SCMP_ARCH_S390X", 0},	   {"SCMP_ARCH_RISCV64", 0},	   {"SCMP_ARCH_PARISC", 0},	 {"SCMP_ARCH_PARISC64", 0}, {"SCMP_ARCH_LOONGARCH64", 0},
	{"SCMP_ARCH_M68K", 0},	   {"SCMP_ARCH_SH", 0},		   {"SCMP_ARCH_SHEB", 0},
};

/* What they ask for concerns the host's log and its mitigations; nothing of that is the guest's. */
static const struct word flags[] = {
	{"SECCOMP_FILTER_FLAG_TSYNC", 0},
	{"SECCOMP_FILTER_FLAG_LOG", 0},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", 0},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0},
};

static int find_word(const struct word *words, size_t n, const json_t *name, const char *field, uint32_t *ret, char **err)
{
	const char *s = json_string_value(name);

	for (size_t i = 0; s && i < n; i++) {
		if (strcmp(words[i].name, s) == 0) {
			*ret = words[i].value;
			return 0;
		}
	}
	return err_set(err, "config.json: linux.seccomp.%s: \"%s\" is not known", field, s ? s : "");
}

/* The array *name* of an object, or NULL if it has none. */
static int get_array(const json_t *object, const char *name, const json_t **ret, char **err)
{
	*ret = json_object_get(object, name);
	if (json_is_null(*ret))
		*ret = NULL;
	if (*ret && !json_is_array(*ret))
		return err_set(err, "config.json: linux.seccomp: %s is not an array", name);
	return 0;
}

static int get_number(const json_t *v, const char *field, uint64_t *ret, char **err)
{
	if (json_is_integer(v))
		*ret = (uint64_t)json_integer_value(v);
	else if (json_is_real(v) && json_real_value(v) >= 0 && json_real_value(v) < 0x1p64) /* above 2^63 */
		*ret = (uint64_t)json_real_value(v);
	else if (!v || json_is_null(v))
		*ret = 0;
	else
		return err_set(err, "config.json: linux.seccomp: %s is not a number", field);
	return 0;
}

/* An action; *errno_ret* is NULL or what goes with ERRNO and TRACE, EPERM if it is not given. */
static int get_action(const json_t *name, const json_t *errno_ret, const char *field, uint32_t *ret, char **err)
{
	uint64_t value = EPERM;
	uint32_t action;

	if (find_word(actions, ARRAY_SIZE(actions), name, field, &action, err) < 0)
		return -1;
	if (action == SCMP_ACT_NOTIFY)
		return err_set(err, "config.json: linux.seccomp.%s: SCMP_ACT_NOTIFY is not supported: calls are served inside of the sandbox, "
				    "where no listener of the host's can reach",
			       field);
	if (errno_ret && !json_is_null(errno_ret) && get_number(errno_ret, "errnoRet", &value, err) < 0)
		return -1;
	if (value > UINT16_MAX)
		return err_set(err, "config.json: linux.seccomp: errnoRet %llu is too high", (unsigned long long)value);
	if (action == SCMP_ACT_ERRNO(0) || action == SCMP_ACT_TRACE(0))
		action |= (uint32_t)value;
	*ret = action;
	return 0;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static int get_arg(const json_t *arg, struct scmp_arg_cmp *ret, char **err)
{
	uint64_t index, value, second;
	uint32_t op;

	if (!json_is_object(arg))
		return err_set(err, "config.json: linux.seccomp.syscalls: an entry of args is not an object");
	if (get_number(json_object_get(arg, "index"), "index", &index, err) < 0 ||
	    get_number(json_object_get(arg, "value"), "value", &value, err) < 0 ||
	    get_number(json_object_get(arg, "valueTwo"), "valueTwo", &second, err) < 0 ||
	    find_word(operators, ARRAY_SIZE(operators), json_object_get(arg, "op"), "syscalls.args.op", &op, err) < 0)
		return -1;
	if (index >= ARGS_MAX)
		return err_set(err, "config.json: linux.seccomp.syscalls: args has index %llu; a call has six arguments",
			       (unsigned long long)index);
	*ret = (struct scmp_arg_cmp){.arg = (unsigned)index, .op = (enum scmp_compare)op, .datum_a = value, .datum_b = second};
	return 0;
}

/* Conditions on one argument twice cannot all hold in one rule of libseccomp: each is then a rule of its own, as with runc. */
static bool repeats(const struct scmp_arg_cmp *c, unsigned n)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < n; i++) {
		if (seen & 1u << c[i].arg)
			return true;
		seen |= 1u << c[i].arg;
	}
	return false;
}

static int add_rule(struct profile *p, const char *name, int nr, uint32_t action, unsigned n, const struct scmp_arg_cmp *c)
{
	int r = seccomp_rule_add_array(p->ctx, action, nr, n, c);

	if (r < 0 && r != -EEXIST)
		return err_set(p->err, "config.json: linux.seccomp.syscalls: cannot make a rule for %s: %s", name, strerror(-r));
	return 0;
}

static int add_call(struct profile *p, const char *name, uint32_t action, unsigned n, const struct scmp_arg_cmp *c)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr < 0) /* unknown, or not of this architecture */
		return 0;
	if (nr > p->last)
		p->last = nr;
	if (action == p->default_action)
		return 0;
	if (!repeats(c, n))
		return add_rule(p, name, nr, action, n, c);
	for (unsigned i = 0; i < n; i++)
		if (add_rule(p, name, nr, action, 1, &c[i]) < 0)
			return -1;
	return 0;
}

static int add_entry(struct profile *p, const json_t *entry)
{
	struct scmp_arg_cmp c[ARGS_MAX];
	const json_t *names, *args, *v;
	uint32_t action;
	size_t i;

	if (!json_is_object(entry))
		return err_set(p->err, "config.json: linux.seccomp.syscalls: an entry is not an object");
	if (get_array(entry, "names", &names, p->err) < 0 || get_array(entry, "args", &args, p->err) < 0 ||
	    get_action(json_object_get(entry, "action"), json_object_get(entry, "errnoRet"), "syscalls.action", &action, p->err) < 0)
		return -1;
	if (json_array_size(names) == 0)
		return err_set(p->err, "config.json: linux.seccomp.syscalls: an entry has no names");
	if (json_array_size(args) > ARGS_MAX)
		return err_set(p->err, "config.json: linux.seccomp.syscalls: an entry has more than six args");
	json_array_foreach (args, i, v) {
		if (get_arg(v, &c[i], p->err) < 0)
			return -1;
	}
	json_array_foreach (names, i, v) {
		const char *name = json_string_value(v);

		if (!name || !*name)
			return err_set(p->err, "config.json: linux.seccomp.syscalls: an empty name");
		if (add_call(p, name, action, (unsigned)json_array_size(args), c) < 0)
			return -1;
	}
	return 0;
}

static int add_rules(struct profile *p, const json_t *profile)
{
	const json_t *list, *v;
	uint32_t value;
	size_t i;

	if (get_array(profile, "architectures", &list, p->err) < 0)
		return -1;
	json_array_foreach (list, i, v) {
		if (find_word(architectures, ARRAY_SIZE(architectures), v, "architectures", &value, p->err) < 0)
			return -1;
		p->x32 = p->x32 || value;
	}
	if (get_array(profile, "flags", &list, p->err) < 0)
		return -1;
	json_array_foreach (list, i, v) {
		if (find_word(flags, ARRAY_SIZE(flags), v, "flags", &value, p->err) < 0)
			return -1;
	}
	if (get_array(profile, "syscalls", &list, p->err) < 0)
		return -1;
	json_array_foreach (list, i, v) {
		if (add_entry(p, v) < 0)
			return -1;
	}
	return 0;
}

/* --- the program -------------------------------------------------------------------------------------------------- */

static bool refuses(uint32_t action)
{
	return action != SCMP_ACT_ALLOW && action != SCMP_ACT_LOG && (action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_TRACE &&
	       action != SCMP_ACT_ERRNO(ENOSYS);
}

/*
 * Calls that are newer than the profile: a C library that meets one of them falls back to an older one if it hears ENOSYS, and fails if
 * it hears EPERM. So, as with runc, a profile that refuses by default refuses those behind its last one with ENOSYS. Calls of x32 are ENOSYS in the
 * sandbox, so rules for them, for which libseccomp needs as long as for all others, would make no difference; where x32 is not named they
 * are of a wrong architecture.
 */
static int write_prologue(const struct profile *p, int fd)
{
	uint32_t last = refuses(p->default_action) ? (uint32_t)p->last : UINT32_MAX;
	const struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, p->x32 ? 1 : 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};

	return write(fd, insns, sizeof(insns)) == (ssize_t)sizeof(insns) ? 0 : -EIO;
}

static int export_program(struct profile *p, int *ret_fd)
{
	int fd = memfd_create("picket-seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING), r = fd < 0 ? -errno : 0;

	if (r == 0)
		r = write_prologue(p, fd);
	if (r == 0)
		r = seccomp_export_bpf(p->ctx, fd);
	if (r == 0 && lseek(fd, 0, SEEK_CUR) > (off_t)(BPF_MAXINSNS * sizeof(struct sock_filter)))
		r = -E2BIG;
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return err_set(p->err, "cannot make the seccomp filter: %s", strerror(-r));
	}
	fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	*ret_fd = fd;
	return 0;
}

int seccomp_translate(const json_t *profile, int *ret_fd, char **err)
{
	struct profile p = {.err = err};
	int r;

	*ret_fd = -1;
	if (!profile || json_is_null(profile))
		return 0;
	if (get_action(json_object_get(profile, "defaultAction"), json_object_get(profile, "defaultErrnoRet"), "defaultAction", &p.default_action,
		       err) < 0)
		return -1;
	p.ctx = seccomp_init(p.default_action);
	if (!p.ctx)
		return err_set(err, "cannot make the seccomp filter: libseccomp refuses");
	r = add_rules(&p, profile);
	if (r == 0)
		r = export_program(&p, ret_fd);
	seccomp_release(p.ctx);
	return r;
}
