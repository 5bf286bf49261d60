/* SPDX-License-Identifier: MIT */
/* memfd_create(2): seals, mappings, names. */
#include "fs_util.h"

#include <sys/mman.h>

int main(void)
{
	char buf[300], path[64], link[64] = {0};
	struct stat st;
	char *p;
	int fd, ro;

	SHOW(memfd_create("x", 0x1000000));
	memset(buf, 'n', sizeof(buf));
	buf[250] = 0;
	SHOW(memfd_create(buf, 0));
	buf[249] = 0;
	SHOW(memfd_create(buf, 0));
	SHOW(memfd_create((char *)16, 0));
	fd = memfd_create("plain", 0);
	VALUE(fcntl(fd, F_GET_SEALS));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	fd = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	VALUE(fcntl(fd, F_GETFD));
	VALUE(fcntl(fd, F_GET_SEALS));
	VALUE(write(fd, "0123456789", 10));
	fstat(fd, &st);
	printf("mode %o links %ld size %ld\n", st.st_mode, (long)st.st_nlink, (long)st.st_size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	SHOW(readlink(path, link, sizeof(link) - 1));
	puts(link);
	ro = open(path, O_RDONLY);
	SHOW(ro);
	VALUE(read(ro, buf, 4));
	SHOW(fcntl(ro, F_ADD_SEALS, F_SEAL_GROW));
	SHOW(fcntl(fd, F_ADD_SEALS, 0x10000));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	SHOW(pwrite(fd, "x", 1, 10));
	VALUE(pwrite(fd, "x", 1, 9));
	SHOW(ftruncate(fd, 11));
	SHOW(ftruncate(fd, 9));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	SHOW(ftruncate(fd, 8));
	SHOW(fallocate(fd, 0, 0, 20));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	SHOW(p == MAP_FAILED ? -1 : 0);
	p[1] = 'M';
	VALUE(pread(fd, buf, 20, 0));
	printf("%.9s\n", buf);
	VALUE(pwrite(fd, "W", 1, 2));
	printf("%.9s\n", p);
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	SHOW(munmap(p, 4096));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	SHOW(pwrite(fd, "x", 1, 0));
	SHOW(fallocate(fd, 3, 0, 2));
	SHOW(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	SHOW(p == MAP_FAILED ? -1 : 0);
	p[0] = '!';
	VALUE(pread(fd, buf, 1, 0));
	printf("%c\n", buf[0]);
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	VALUE(fcntl(fd, F_GET_SEALS));
	SHOW(fcntl(0, F_GET_SEALS));
	return 0;
}
