/* SPDX-License-Identifier: MIT */
/* rename(2) and renameat2(2): kinds of sources against kinds of targets. */
#include "fs_util.h"

#include <ftw.h>
#include <linux/fs.h>

static long renameat2_(const char *a, const char *b, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags);
}

static int wipe(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(name);
}

static void fresh(void)
{
	nftw("t", wipe, 16, FTW_DEPTH | FTW_PHYS);
	mkdir("t", 0755);
	mkdir("t/d", 0755);
	mkdir("t/e", 0755);
	mkdir("t/full", 0755);
	mkdir("t/full/x", 0755);
	make_file("t/f", "a", 0644);
	make_file("t/g", "bb", 0644);
	if (symlink("f", "t/l") < 0 || symlink("nope", "t/dang") < 0 || link("t/f", "t/hard") < 0)
		puts("set-up failed");
}

static const char *const names[] = {"t/f", "t/g", "t/hard", "t/d", "t/e", "t/full", "t/full/x", "t/l", "t/dang", "t/nope",
				    "t/f/", "t/d/", "t/nope/", "t/.", "t/d/..", "nope/x", "t/f/x", "t/l/", ""};
#define N (sizeof(names) / sizeof(names[0]))

int main(void)
{
	fresh();
	for (size_t i = 0; i < N; i++) {
		for (size_t j = 0; j < N; j++) {
			for (unsigned flags = 0; flags <= 2; flags++) {
				long r;

				errno = 0;
				r = renameat2_(names[i], names[j], flags);
				printf("rename %s %s %u = %s\n", names[i], names[j], flags, err_name(r));
				if (!r)
					fresh();
			}
		}
	}
	fresh();
	SHOW(renameat2_("t/f", "t/g", RENAME_NOREPLACE | RENAME_EXCHANGE));
	SHOW(renameat2_("t/f", "t/g", 64));
	{
		int fd = open("t/g", O_RDONLY);
		char buf[8];

		SHOW(rename("t/f", "t/g"));
		VALUE(read(fd, buf, 8));
		show_stat("t/g");
		show_stat("t/hard");
		SHOW(renameat2_("t/d", "t/g", RENAME_EXCHANGE));
		show_stat("t/g");
		show_stat("t/d");
		show_stat("t");
	}
	return 0;
}
