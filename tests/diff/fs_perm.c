/* SPDX-License-Identifier: MIT */
/* Permission checks of an owner without capabilities; chmod, chown, umask, access. */
#include "fs_util.h"

#include <linux/capability.h>

static void drop_caps(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {{0}};

	SHOW(syscall(SYS_capset, &h, d));
}

int main(void)
{
	umask(0);
	mkdir("d", 0755);
	make_file("d/f", "x", 0644);
	make_file("exec", "#!/bin/sh\n", 0755);
	make_file("suid", "x", 0755);
	chmod("suid", 06755); /* after the write, which takes set-ID bits away in a user namespace */
	show_stat("suid");
	SHOW(chown("suid", 0, 0));
	show_stat("suid");
	SHOW(chmod("suid", 02644));
	SHOW(chown("suid", -1, 0));
	show_stat("suid");
	SHOW(chown("nope", 0, 0));
	SHOW(chmod("nope", 0));
	SHOW(chmod("d/f/", 0));
	symlink("d/f", "l");
	SHOW(lchown("l", 0, 0));
	SHOW(access("d/f", X_OK));
	SHOW(access("exec", X_OK));
	SHOW(access("d", X_OK));
	SHOW(access("nope", F_OK));
	SHOW(access("d/f", 9));
	SHOW(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
	SHOW(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, 0x4000));
	VALUE(umask(027));
	VALUE(umask(07777));
	VALUE(umask(0));
	make_file("suid2", "x", 0777);
	chmod("suid2", 06777);
	drop_caps();
	for (int mode = 0; mode <= 0777; mode += 0100) {
		chmod("d/f", mode);
		printf("mode %o\n", mode);
		OPEN("d/f", O_RDONLY);
		OPEN("d/f", O_WRONLY);
		OPEN("d/f", O_RDWR);
		SHOW(access("d/f", R_OK));
		SHOW(access("d/f", W_OK));
		SHOW(access("d/f", X_OK));
		SHOW(truncate("d/f", 1));
	}
	chmod("d/f", 0644);
	for (int mode = 0; mode <= 0777; mode += 0100) {
		chmod("d", mode);
		printf("dir mode %o\n", mode);
		OPEN("d/f", O_RDONLY);
		OPEN("d", O_RDONLY);
		OPEN("d/new", O_CREAT | O_WRONLY, 0600);
		SHOW(unlink("d/new"));
		SHOW(mkdir("d/sub", 0700));
		SHOW(rmdir("d/sub"));
		SHOW(rename("d/f", "d/g"));
		SHOW(rename("d/g", "d/f"));
		SHOW(link("d/f", "d/h"));
		SHOW(unlink("d/h"));
		SHOW(unlink("d/nope"));
		SHOW(chdir("d"));
		SHOW(chdir(".."));
		SHOW(symlink("x", "d/s"));
		SHOW(unlink("d/s"));
		OPEN("d/f", O_CREAT | O_WRONLY, 0600);
	}
	chmod("d", 0755);
	{ /* a write by the unprivileged takes the set-ID bits away */
		int fd = open("suid2", O_WRONLY);

		VALUE(write(fd, "y", 1));
		show_stat("suid2");
	}
	SHOW(chown("d/f", 1, -1));
	SHOW(chown("d/f", 0, -1));
	SHOW(chown("d/f", -1, 12345));
	SHOW(mknod("dev", S_IFCHR | 0600, 0x103));
	SHOW(chroot("d"));
	SHOW(chmod("d/f", 02755));
	show_stat("d/f");
	return 0;
}
