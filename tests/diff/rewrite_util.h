/* SPDX-License-Identifier: MIT */
/* Where the text of the program and its libraries is, and what their files hold. */
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct text {
	uintptr_t start, end;
	uint64_t off; /* of start in the file */
	char path[256];
};

static struct text texts[32];
static int n_texts;

static int add_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size, (void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X) || n_texts == 32)
			continue;
		texts[n_texts].start = info->dlpi_addr + ph->p_vaddr;
		texts[n_texts].end = texts[n_texts].start + ph->p_memsz;
		texts[n_texts].off = ph->p_offset;
		snprintf(texts[n_texts].path, sizeof(texts[n_texts].path), "%s", info->dlpi_name);
		n_texts++;
	}
	return 0;
}

static inline void find_texts(void)
{
	dl_iterate_phdr(add_text, NULL);
}

/* The text that *addr* lies in, or NULL. */
static inline const struct text *text_of(uintptr_t addr)
{
	for (int i = 0; i < n_texts; i++)
		if (addr >= texts[i].start && addr < texts[i].end)
			return &texts[i];
	return NULL;
}

/* What the file has where *addr* is mapped. */
static inline int in_file(uintptr_t addr, void *buf, size_t len)
{
	const struct text *t = text_of(addr);
	int fd = t ? open(t->path, O_RDONLY) : -1;
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, len, (off_t)(t->off + (addr - t->start)));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)len ? 0 : -1;
}
