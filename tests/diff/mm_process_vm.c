/* SPDX-License-Identifier: MIT */
/* process_vm_readv(2), process_vm_writev(2): partial transfers, limits of vectors, permission. */
#include "mm_util.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/uio.h>

int main(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0), local[3 * PAGE];
	struct iovec l[3] = {{local, 10}, {local + 10, 10}, {local + 20, PAGE}}, r[3] = {{p, 5}, {p + PAGE, 5}, {p + 3 * PAGE - 8, 16}};
	static struct iovec many[1025];
	int pfd[2], st;
	pid_t pid;
	char c;

	setbuf(stdout, NULL);
	for (int i = 0; i < 4; i++)
		memset(p + i * PAGE, 'a' + i, PAGE);
	munmap(p + 3 * PAGE, PAGE);
	pipe(pfd);
	pid = fork();
	if (!pid) {
		memset(p, 'A', PAGE);
		mprotect(p + 2 * PAGE, PAGE, PROT_READ);
		write(pfd[1], "x", 1);
		pause();
		_exit(0);
	}
	read(pfd[0], &c, 1);
	say("two to one", process_vm_readv(pid, l, 1, r, 2, 0));
	printf("%.10s\n", local);
	say("runs into a hole", process_vm_readv(pid, l, 3, r, 3, 0));
	printf("%.18s\n", local);
	say("begins in a hole", process_vm_readv(pid, l, 1, &(struct iovec){p + 3 * PAGE, 4}, 1, 0));
	say("less room than there is", process_vm_readv(pid, l, 1, &(struct iovec){p, PAGE}, 1, 0));
	say("flags", process_vm_readv(pid, l, 1, r, 1, 1));
	say("nobody", process_vm_readv(999999, l, 1, r, 1, 0));
	say("no local", process_vm_readv(999999, l, 0, r, 1, 0));
	say("no remote", process_vm_readv(999999, l, 1, r, 0, 0));
	say("empty local", process_vm_readv(999999, &(struct iovec){local, 0}, 1, r, 1, 0));
	say("empty remote", process_vm_readv(999999, l, 1, &(struct iovec){p, 0}, 1, 0));
	say("too many local", process_vm_readv(pid, many, 1025, r, 1, 0));
	say("too many remote", process_vm_readv(pid, l, 1, many, 1025, 0));
	say("bad local vector", process_vm_readv(pid, (void *)8, 1, r, 1, 0));
	say("bad remote vector", process_vm_readv(pid, l, 1, (void *)8, 1, 0));
	say("bad local buffer", process_vm_readv(pid, &(struct iovec){(void *)8, 4}, 1, r, 1, 0));
	say("negative length", process_vm_readv(pid, &(struct iovec){local, (size_t)-1}, 1, r, 1, 0));
	say("write", process_vm_writev(pid, &(struct iovec){"12345", 5}, 1, r, 1, 0));
	say("read back", process_vm_readv(pid, l, 1, r, 1, 0));
	printf("%.5s, mine %c\n", local, p[0]);
	say("write to read-only", process_vm_writev(pid, l, 1, &(struct iovec){p + 2 * PAGE, 4}, 1, 0));
	say("write across", process_vm_writev(pid, &(struct iovec){local, 20}, 1, &(struct iovec){p + 2 * PAGE - 10, 20}, 1, 0));
	say("oneself", process_vm_readv(getpid(), l, 1, r, 1, 0));
	struct {
		uint32_t version;
		int pid;
	} h = {0x20080522, 0};
	uint32_t caps[6] = {0};

	if (!fork()) { /* one without capabilities looks at one with */
		syscall(SYS_capset, &h, caps);
		say("capabilities that the caller lacks", process_vm_readv(pid, l, 1, r, 1, 0));
		say("move_pages", syscall(SYS_move_pages, pid, 0, NULL, NULL, NULL, 2));
		_exit(0);
	}
	wait(&st);
	kill(pid, SIGKILL);
	usleep(100000);
	say("zombie", process_vm_readv(pid, l, 1, r, 1, 0));
	wait(&st);
	say("waited for", process_vm_readv(pid, l, 1, r, 1, 0));
	return 0;
}
