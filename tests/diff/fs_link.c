/* SPDX-License-Identifier: MIT */
/* link(2), unlink(2), symlink(2), readlink(2), mkdir(2), rmdir(2), mknod(2). */
#include "fs_util.h"

int main(void)
{
	char buf[64], path[5000];
	int fd;

	umask(0);
	SHOW(mkdir("d", 02755));
	SHOW(mkdir("d", 0755));
	SHOW(mkdir("d/", 0755));
	SHOW(mkdir("d/.", 0755));
	SHOW(mkdir("nope/d", 0755));
	SHOW(mkdir("slash//", 0711));
	SHOW(mkdir("", 0755));
	SHOW(mkdir("sticky", 01777));
	show_stat("d");
	show_stat("sticky");
	show_stat("slash");
	SHOW(chmod("d", 02777));
	SHOW(mkdir("d/sub", 0755));
	show_stat("d/sub");
	make_file("f", "x", 0644);
	SHOW(mkdir("f", 0755));
	SHOW(mkdir("f/x", 0755));

	SHOW(link("f", "g"));
	SHOW(link("f", "g"));
	SHOW(link("f", "d"));
	SHOW(link("d", "dd"));
	SHOW(link("nope", "x"));
	SHOW(link("f/", "x"));
	SHOW(link("f", "x/"));
	SHOW(link("f", "nope/x"));
	SHOW(symlink("f", "l"));
	SHOW(link("l", "l2"));
	SHOW(linkat(AT_FDCWD, "l", AT_FDCWD, "l3", AT_SYMLINK_FOLLOW));
	SHOW(linkat(AT_FDCWD, "l", AT_FDCWD, "l4", 1));
	show_stat("f");
	show_stat("l2");
	show_stat("l3");

	SHOW(symlink("x", "f"));
	SHOW(symlink("", "empty"));
	SHOW(symlink("x", ""));
	SHOW(symlink("x", "new/"));
	SHOW(symlink("nope", "dang"));
	VALUE(readlink("l", buf, sizeof(buf)));
	VALUE(readlink("dang", buf, 2));
	SHOW(readlink("dang", buf, 0));
	SHOW(readlink("f", buf, 9));
	SHOW(readlink("d", buf, 9));
	SHOW(readlink("nope", buf, 9));
	SHOW(readlink("l/", buf, 9));

	SHOW(unlink("nope"));
	SHOW(unlink("d"));
	SHOW(unlink("d/"));
	SHOW(unlink("f/"));
	SHOW(unlink("dang/"));
	SHOW(unlink("."));
	SHOW(unlink(".."));
	SHOW(unlink("/"));
	SHOW(unlink(""));
	SHOW(unlink("dang"));
	SHOW(rmdir("f"));
	SHOW(rmdir("d"));
	SHOW(rmdir("d/sub/."));
	SHOW(rmdir("d/sub/.."));
	SHOW(rmdir("/"));
	SHOW(rmdir("nope"));
	SHOW(rmdir("l"));
	SHOW(rmdir("d/sub/"));
	SHOW(unlinkat(AT_FDCWD, "slash", AT_REMOVEDIR));
	SHOW(unlinkat(AT_FDCWD, "slash", 1));

	SHOW(mknod("reg", 0640, 0));
	SHOW(mknod("reg", 0640, 0));
	SHOW(mknod("fifo", S_IFIFO | 0600, 0));
	SHOW(mknod("sock", S_IFSOCK | 0600, 0));
	SHOW(mknod("dir", S_IFDIR | 0600, 0));
	SHOW(mknod("odd", S_IFLNK | 0600, 0));
	SHOW(mknod("odd/", S_IFREG | 0600, 0));
	SHOW(open("sock", O_RDONLY));
	show_stat("reg");
	show_stat("fifo");
	show_stat("sock");

	/* An unlinked file lives as long as it is open. */
	fd = open("f", O_RDWR);
	SHOW(unlink("f"));
	SHOW(unlink("g"));
	SHOW(unlink("l3"));
	VALUE(pwrite(fd, "abc", 3, 0));
	VALUE(pread(fd, buf, 9, 0));
	{
		struct stat st;

		fstat(fd, &st);
		printf("links %ld size %ld\n", (long)st.st_nlink, (long)st.st_size);
	}
	fd = open(".", O_TMPFILE | O_RDWR, 0644);
	if (fd >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		VALUE(write(fd, "tmp", 3));
		SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW));
		show_stat("linked");
	}
	memset(path, 'a', sizeof(path));
	for (size_t i = 100; i < sizeof(path); i += 100)
		path[i] = '/';
	path[4096] = 0;
	SHOW(unlink(path));
	path[4095] = 0;
	SHOW(unlink(path));
	path[sizeof(path) - 1] = 0;
	SHOW(symlink(path, "s"));
	return 0;
}
