/* SPDX-License-Identifier: MIT */
/* openat2(2): RESOLVE_* and checks of struct open_how. */
#include "fs_util.h"

#include <linux/openat2.h>

static int dir;

static void try(const char *name, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
	long fd;

	errno = 0;
	fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	printf("%s %llo %llo %llx = %s\n", name, (unsigned long long)flags, (unsigned long long)mode,
	       (unsigned long long)resolve, err_name(fd));
	if (fd >= 0)
		close((int)fd);
}

int main(void)
{
	static const char *const names[] = {"f", "l", "up", "abs", "../out", "sub/../f", "sub/../../out", "/f", "uplink/out", "..",
					    ".", "loop"};
	static const uint64_t resolves[] = {0, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS,
					    RESOLVE_NO_XDEV};
	struct open_how how = {0};
	char big[64] = {0};

	mkdir("d", 0755);
	mkdir("d/sub", 0755);
	make_file("d/f", "x", 0644);
	make_file("out", "x", 0644);
	symlink("f", "d/l");
	symlink("../out", "d/up");
	symlink("/f", "d/abs");
	symlink("..", "d/uplink");
	symlink("loop", "d/loop");
	dir = open("d", O_RDONLY);
	for (size_t r = 0; r < sizeof(resolves) / sizeof(resolves[0]); r++)
		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
			if (resolves[r] != RESOLVE_NO_XDEV || strcmp(names[n], "abs")) /* where mounts begin differs */
				try(names[n], O_RDONLY, 0, resolves[r]);
	try("f", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT);
	try("f", O_RDONLY, 0, 0x1000);
	try("f", O_RDONLY, 0600, 0);
	try("new", O_CREAT | O_WRONLY, 0600, RESOLVE_BENEATH);
	try("../new", O_CREAT | O_WRONLY, 0600, RESOLVE_BENEATH);
	try("../new", O_CREAT | O_WRONLY, 0600, RESOLVE_IN_ROOT);
	try("new", O_CREAT | O_WRONLY, 010600, 0);
	try("f", 1ull << 40, 0, 0);
	try("f", O_PATH | O_WRONLY, 0, 0);
	try("f", O_PATH | O_NOFOLLOW, 0, 0);
	SHOW(syscall(SYS_openat2, dir, "f", &how, 8));
	SHOW(syscall(SYS_openat2, dir, "f", big, 64));
	big[40] = 1;
	SHOW(syscall(SYS_openat2, dir, "f", big, 64));
	SHOW(syscall(SYS_openat2, dir, "f", big, 100000));
	SHOW(syscall(SYS_openat2, dir, "f", NULL, sizeof(how)));
	return 0;
}
