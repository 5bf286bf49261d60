/* SPDX-License-Identifier: MIT */
/*
 * The mappings of an address space as the host has them: the guest changes its own without telling, so they are asked for whenever
 * somebody needs to know. What is read is a snapshot: the guest may have changed it since. Nothing that matters for safety rests on it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mm;

enum mm_vma_kind { MM_VMA_ANON, MM_VMA_FILE, MM_VMA_VDSO, MM_VMA_VVAR, MM_VMA_VSYSCALL };

struct mm_vma {
	uint64_t start, end;
	uint64_t off, ino; /* of the host file; ino 0: anonymous */
	unsigned maj, min;
	enum mm_vma_kind kind;
	uint8_t prot; /* PROT_* */
	bool shared;
	bool memfd_shared; /* memory of map_shared_anon() */
};

struct mm_vmas {
	struct mm_vma *v; /* by address, without the stub's own */
	size_t n;
	struct kernel *kernel;
	uint64_t charged; /* a guest may have many, and ask often at once */
};

/* 0; -ENOENT: the host's /proc is not at hand; -ENOMEM, -EIO. To be freed with mm_vmas_free(). */
int mm_vmas_get(struct mm *mm, struct mm_vmas *ret);
void mm_vmas_free(struct mm_vmas *vs);
/* The first mapping that ends above *addr*, or NULL. */
const struct mm_vma *mm_vma_find(const struct mm_vmas *vs, uint64_t addr);
/* Is every page of [addr, end) mapped? */
bool mm_vmas_cover(const struct mm_vmas *vs, uint64_t addr, uint64_t end);
/* The one mapping that holds *addr*: 0, -EFAULT where nothing is mapped, or as mm_vmas_get(). */
int mm_vma_at(struct mm *mm, uint64_t addr, struct mm_vma *ret);

/* /proc/PID/NAME of the stub, whole: malloc'ed and NUL-terminated; length or a negative errno. */
ssize_t mm_read_host(struct mm *mm, const char *name, char **ret);
/* The same file opened for reading: a descriptor of the host, or a negative errno. */
int mm_open_host(struct mm *mm, const char *name);
/* Parse one line of maps (also inside smaps); false when it is none. */
bool mm_vma_parse(const char *line, struct mm_vma *ret);
/* Is it the guest's, and not the stub's own? */
bool mm_vma_is_guests(struct mm *mm, const struct mm_vma *v);
