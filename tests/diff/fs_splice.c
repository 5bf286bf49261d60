/* SPDX-License-Identifier: MIT */
/* sendfile, splice, tee, vmsplice, copy_file_range. */
#include "fs_util.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

static void show(const char *name)
{
	char buf[64];
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf));

	printf("%s: '%.*s'\n", name, (int)n, buf);
	close(fd);
}

int main(void)
{
	static char big[300000];
	off_t off = 3, off2 = 0;
	char buf[64];
	int in, out, p[2], q[2], app;
	struct stat st;

	make_file("in", "0123456789abcdef", 0644);
	in = open("in", O_RDONLY);
	out = open("out", O_CREAT | O_RDWR | O_TRUNC, 0644);
	app = open("app", O_CREAT | O_RDWR | O_APPEND, 0644);
	VALUE(sendfile(out, in, &off, 4));
	VALUE(off);
	VALUE(lseek(in, 0, SEEK_CUR));
	VALUE(sendfile(out, in, NULL, 100));
	VALUE(lseek(in, 0, SEEK_CUR));
	VALUE(sendfile(out, in, NULL, 100));
	show("out");
	SHOW(sendfile(in, in, NULL, 1));
	SHOW(sendfile(app, in, NULL, 1));
	SHOW(sendfile(99, in, NULL, 1));
	SHOW(pipe(p));
	SHOW(pipe(q));
	SHOW(sendfile(out, p[0], NULL, 1));
	off = 2;
	VALUE(sendfile(p[1], in, &off, 5));
	VALUE(tee(p[0], q[1], 3, 0));
	SHOW(tee(p[0], p[1], 3, 0));
	SHOW(tee(p[0], out, 3, 0));
	VALUE(read(p[0], buf, 64));
	VALUE(read(q[0], buf, 64));
	lseek(in, 0, SEEK_SET);
	VALUE(splice(in, NULL, p[1], NULL, 6, 0));
	off2 = 20;
	VALUE(splice(p[0], NULL, out, &off2, 100, 0));
	VALUE(off2);
	off = 10;
	VALUE(splice(in, &off, p[1], NULL, 100, 0));
	VALUE(splice(in, &(off_t){16}, p[1], NULL, 100, 0));
	VALUE(splice(p[0], NULL, q[1], NULL, 2, 0));
	VALUE(read(q[0], buf, 64));
	VALUE(read(p[0], buf, 64));
	SHOW(splice(p[0], NULL, q[1], NULL, 10, SPLICE_F_NONBLOCK));
	SHOW(splice(in, NULL, out, NULL, 10, 0));
	SHOW(splice(p[0], &off, out, NULL, 10, 0));
	SHOW(splice(p[0], NULL, p[1], NULL, 10, 0));
	SHOW(splice(p[0], NULL, app, NULL, 10, SPLICE_F_NONBLOCK));
	SHOW(splice(p[0], NULL, out, NULL, 10, 0x100));
	VALUE(splice(p[0], NULL, out, NULL, 0, 0));
	VALUE(vmsplice(p[1], &(struct iovec){"vm", 2}, 1, 0));
	VALUE(vmsplice(p[0], &(struct iovec){buf, 64}, 1, 0));
	SHOW(vmsplice(in, &(struct iovec){buf, 64}, 1, 0));
	close(p[1]);
	VALUE(splice(p[0], NULL, out, NULL, 10, 0));

	off = 0;
	off2 = 5;
	VALUE(copy_file_range(in, &off, out, &off2, 8, 0));
	VALUE(off + off2 * 100);
	lseek(in, 14, SEEK_SET);
	lseek(out, 0, SEEK_SET);
	VALUE(copy_file_range(in, NULL, out, NULL, 100, 0));
	VALUE(lseek(out, 0, SEEK_CUR));
	VALUE(copy_file_range(in, NULL, out, NULL, 100, 0));
	SHOW(copy_file_range(in, NULL, app, NULL, 100, 0));
	SHOW(copy_file_range(in, NULL, in, NULL, 100, 0));
	SHOW(copy_file_range(in, NULL, out, NULL, 100, 1));
	SHOW(copy_file_range(p[0], NULL, out, NULL, 100, 0));
	off = 0;
	off2 = 1;
	SHOW(copy_file_range(out, &off, out, &off2, 10, 0));
	show("out");
	/* More than any pipe or buffer at once. */
	memset(big, 'z', sizeof(big));
	in = open("big", O_CREAT | O_RDWR, 0644);
	VALUE(write(in, big, sizeof(big)));
	lseek(in, 0, SEEK_SET);
	VALUE(sendfile(out, in, NULL, 1 << 30));
	off = off2 = 0;
	VALUE(copy_file_range(in, &off, out, &off2, 1 << 30, 0));
	fstat(out, &st);
	VALUE(st.st_size);
	return 0;
}
