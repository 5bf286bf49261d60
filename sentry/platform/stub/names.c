/* SPDX-License-Identifier: MIT */
/* Answers from the table of names (docs/names.md). Whatever it does not know for certain is asked. */
#include "site.h"

#include "names.h"

#include <asm/unistd.h>

#define CWD (-100)
#define ENOENT 2
#define EINVAL 22
#define STAT_MODE_WORD 3 /* of 64 bits: st_mode is the lower half */
#define S_IFMT 0170000u
#define S_IFLNK 0120000u
#define STAT_SIZE 144
/* Flags of open(2) that change nothing where nothing is: O_ACCMODE, NOCTTY, TRUNC, APPEND, NONBLOCK, LARGEFILE, CLOEXEC. */
#define OPEN_HARMLESS (3u | 0400 | 01000 | 02000 | 04000 | 0100000 | 02000000)

struct name {
	uint32_t len, nofollow;
	uint64_t cwd;
	char path[NAMES_PATH + 8];
};

/* The guest's path, once; 0: not one of ours. */
static inline __attribute__((always_inline)) int take_name(const struct slot *s, uint64_t addr, int32_t dirfd, struct name *n)
{
	const struct names_table *t = (const struct names_table *)STUB_NAMES;
	uint32_t nr;

	for (n->len = 0; n->len <= NAMES_PATH; n->len++) {
		n->path[n->len] = (char)*(const volatile uint8_t *)(addr + n->len);
		if (!n->path[n->len])
			break;
	}
	if (!n->len || n->len > NAMES_PATH)
		return 0;
	n->cwd = 0;
	if (n->path[0] == '/')
		return 1;
	nr = *(const volatile uint32_t *)&s->names;
	if (dirfd != CWD || nr >= NAMES_CONTEXTS)
		return 0;
	n->cwd = __atomic_load_n(&t->cwd[nr], __ATOMIC_SEQ_CST);
	return n->cwd != 0;
}

static inline __attribute__((always_inline)) int same_name(const struct names_entry *e, const struct name *n)
{
	if (e->len != n->len || e->nofollow != n->nofollow || e->cwd != n->cwd)
		return 0;
	for (uint32_t i = 0; i < n->len; i++)
		if (((const volatile char *)e->path)[i] != n->path[i])
			return 0;
	return 1;
}

/* What the table says: NAMES_NONE, or else *stat* (if wanted) as it was at one moment since we were called. */
static inline __attribute__((always_inline)) int look_up(const struct name *n, uint64_t *stat, uint32_t *all)
{
	const struct names_table *t = (const struct names_table *)STUB_NAMES;
	uint64_t gen = __atomic_load_n(&t->gen, __ATOMIC_SEQ_CST);
	const struct names_entry *e = t->entries[(uint32_t)names_hash(n->path, n->len, n->cwd, n->nofollow) % NAMES_SETS];

	for (unsigned way = 0; gen && way < NAMES_WAYS; way++, e++) {
		uint32_t seq = __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE);
		int kind = ((const volatile struct names_entry *)e)->kind;

		if ((seq & 1) || __atomic_load_n(&e->gen, __ATOMIC_RELAXED) != gen || !same_name(e, n))
			continue;
		for (unsigned i = 0; stat && i < NAMES_STAT / 8; i++)
			stat[i] = ((const volatile uint64_t *)e->stat)[i];
		*all = *(const volatile uint32_t *)&e->all;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&e->seq, __ATOMIC_RELAXED) != seq || __atomic_load_n(&t->gen, __ATOMIC_SEQ_CST) != gen)
			return NAMES_NONE;
		return kind;
	}
	return NAMES_NONE;
}

static inline __attribute__((always_inline)) long stat_here(struct slot *s, uint64_t path, int32_t dirfd, uint64_t out, int nofollow)
{
	uint64_t stat[NAMES_STAT / 8];
	struct name n;
	uint32_t all;
	int kind;

	n.nofollow = (uint32_t)nofollow;
	if (!take_name(s, path, dirfd, &n))
		return NAMES_ASK;
	kind = look_up(&n, stat, &all);
	if (kind != NAMES_FOUND)
		return kind == NAMES_ABSENT ? -ENOENT : NAMES_ASK;
	/* A fault up to here makes the call plainly, which says EFAULT. */
	__asm__ volatile("lock addb $0, (%0)" : : "r"(out) : "memory", "cc");
	__asm__ volatile("lock addb $0, (%0)" : : "r"(out + STAT_SIZE - 1) : "memory", "cc");
	__atomic_store_n(&s->fast_phase, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < STAT_SIZE / 8; i++)
		((volatile uint64_t *)out)[i] = i < NAMES_STAT / 8 ? stat[i] : 0;
	return 0;
}

/* Is it known not to be there? What is there is asked for, unless everybody has the rights *want* (negative: always). */
static inline __attribute__((always_inline)) long absent_here(struct slot *s, uint64_t path, int32_t dirfd, int nofollow, int want)
{
	uint32_t all = 0;
	struct name n;
	int kind;

	n.nofollow = (uint32_t)nofollow;
	if (!take_name(s, path, dirfd, &n))
		return NAMES_ASK;
	kind = look_up(&n, 0, &all);
	return kind == NAMES_ABSENT ? -ENOENT : kind == NAMES_FOUND && want >= 0 && !((uint32_t)want & ~all) ? 0 : NAMES_ASK;
}

/* What is no link is EINVAL: realpath(3) asks that of each directory on its way. */
static inline __attribute__((always_inline)) long link_here(struct slot *s, uint64_t path, int32_t size)
{
	uint64_t stat[NAMES_STAT / 8];
	struct name n;
	uint32_t all;
	int kind;

	n.nofollow = 1;
	if (size <= 0 || !take_name(s, path, CWD, &n))
		return NAMES_ASK;
	kind = look_up(&n, stat, &all);
	if (kind == NAMES_ABSENT)
		return -ENOENT;
	return kind == NAMES_FOUND && (stat[STAT_MODE_WORD] & S_IFMT) != S_IFLNK ? -EINVAL : NAMES_ASK;
}

static inline __attribute__((always_inline)) long open_here(struct slot *s, uint64_t path, int32_t dirfd, uint32_t flags)
{
	return flags & ~OPEN_HARMLESS ? NAMES_ASK : absent_here(s, path, dirfd, 0, -1);
}

FAST_CODE long stub_names_call(struct slot *s, uint32_t nr)
{
	const uint64_t *r = s->saved;

	if (!*(volatile uint32_t *)&s->names)
		return NAMES_ASK;
	switch (nr) {
	case __NR_stat:
		return stat_here(s, r[REG_DI], CWD, r[REG_SI], 0);
	case __NR_lstat:
		return stat_here(s, r[REG_DI], CWD, r[REG_SI], 1);
	case __NR_newfstatat: /* AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT */
		if (!r[REG_SI] || ((uint32_t)r[REG_R10] & ~0x900u))
			return NAMES_ASK;
		return stat_here(s, r[REG_SI], (int32_t)r[REG_DI], r[REG_DX], (r[REG_R10] & 0x100) != 0);
	case __NR_access:
		return (uint32_t)r[REG_SI] & ~7u ? NAMES_ASK : absent_here(s, r[REG_DI], CWD, 0, (int)r[REG_SI]);
	case __NR_faccessat:
		return (uint32_t)r[REG_DX] & ~7u ? NAMES_ASK : absent_here(s, r[REG_SI], (int32_t)r[REG_DI], 0, (int)r[REG_DX]);
	case __NR_open:
		return open_here(s, r[REG_DI], CWD, (uint32_t)r[REG_SI]);
	case __NR_openat:
		return open_here(s, r[REG_SI], (int32_t)r[REG_DI], (uint32_t)r[REG_DX]);
	case __NR_readlink:
		return link_here(s, r[REG_DI], (int32_t)r[REG_DX]);
	default:
		return NAMES_ASK;
	}
}
