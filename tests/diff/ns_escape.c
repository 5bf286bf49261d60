/* SPDX-License-Identifier: MIT */
/*
 * What a namespace must not be good for: ids that the one above does not have, memory of processes that came from above, directories
 * that were hidden or never mounted, programs that may not be read.
 */
#include "cred_util.h"
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

static char word[64] = "a secret";

static void tell(int fd)
{
	write(fd, "x", 1);
}

static void wait_for(int fd)
{
	char c;

	read(fd, &c, 1);
}

static int write_map(pid_t pid, const char *which, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, which);
	return write_file(path, text);
}

struct child {
	pid_t pid;
	int up[2], down[2]; /* the child tells and waits */
};

static int start(struct child *c)
{
	pipe(c->up);
	pipe(c->down);
	fflush(stdout);
	c->pid = fork();
	return c->pid == 0;
}

static void end(struct child *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	close(c->up[0]), close(c->up[1]), close(c->down[0]), close(c->down[1]);
}

/* A child in a user namespace of its own with these maps, which runs *fn*. */
static void in_user_ns(const char *uids, const char *gids, void (*fn)(void))
{
	struct child c;

	if (start(&c)) {
		OK(unshare(CLONE_NEWUSER));
		tell(c.up[1]);
		wait_for(c.down[0]);
		setresgid(0, 0, 0);
		setresuid(0, 0, 0);
		prctl(PR_SET_DUMPABLE, 1);
		fn();
		fflush(stdout);
		_exit(0);
	}
	wait_for(c.up[0]);
	OK(write_map(c.pid, "uid_map", uids));
	OK(write_map(c.pid, "gid_map", gids));
	fflush(stdout);
	tell(c.down[1]);
	waitpid(c.pid, NULL, 0);
	end(&c);
}

/* --- ids between two ranges of the namespace above -------------------------------------------------------------------------------- */

static void try_map(const char *uids)
{
	struct child c;

	if (start(&c)) {
		unshare(CLONE_NEWUSER);
		tell(c.up[1]);
		wait_for(c.down[0]);
		_exit(0);
	}
	wait_for(c.up[0]);
	OK(write_map(c.pid, "uid_map", uids));
	end(&c);
}

static void between(void)
{
	try_map("0 0 30\n");
	try_map("0 5 20\n");
	try_map("0 9 2\n");
	try_map("0 9 12\n");
	try_map("0 0 11\n");
	try_map("0 19 2\n");
	try_map("0 0 10\n");
	try_map("0 20 10\n");
	try_map("0 3 2\n7 25 5\n");
	try_map("0 29 2\n");
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------- */

static pid_t victim;

static void touch_victim(void)
{
	struct iovec l = {word, 8}, r = {word, 8};
	char path[64];

	OK(ptrace(PTRACE_ATTACH, victim, 0, 0));
	OK(ptrace(PTRACE_SEIZE, victim, 0, 0));
	OK(process_vm_readv(victim, &l, 1, &r, 1, 0));
	OK(process_vm_writev(victim, &l, 1, &r, 1, 0));
	snprintf(path, sizeof(path), "/proc/%d/mem", victim);
	OK(open(path, O_RDONLY));
	snprintf(path, sizeof(path), "/proc/%d/maps", victim);
	OK(open(path, O_RDONLY));
	snprintf(path, sizeof(path), "/proc/%d/root", victim);
	OK(open(path, O_PATH));
	snprintf(path, sizeof(path), "/proc/%d/ns/user", victim);
	OK(open(path, O_RDONLY));
	OK(kill(victim, 0));
}

/* Somebody of the namespace above, with the same ids and no capability at all. */
static void upwards(void)
{
	struct child c;

	if (start(&c)) {
		caps_set(0, 0, 0);
		prctl(PR_SET_DUMPABLE, 1);
		tell(c.up[1]);
		pause();
	}
	wait_for(c.up[0]);
	victim = c.pid;
	puts("upwards:");
	in_user_ns("0 0 1\n", "0 0 1\n", touch_victim);
	end(&c);
}

/* A process that has come in from above, before and after it has run a program here. */
static void come_in(int ns, bool run, struct child *c)
{
	if (!start(c)) {
		wait_for(c->up[0]);
		usleep(run ? 300000 : 0);
		return;
	}
	if (setns(ns, CLONE_NEWUSER))
		_exit(1);
	if (!run)
		tell(c->up[1]);
	while (!run)
		pause();
	fcntl(c->up[1], F_SETFD, FD_CLOEXEC);
	tell(c->up[1]);
	execlp("sleep", "sleep", "100", NULL);
	_exit(1);
}

static void visitors(void)
{
	struct child owner, guest;
	char path[64];
	int ns;

	if (start(&owner)) {
		setresgid(5, 5, 5);
		setresuid(5, 5, 5);
		prctl(PR_SET_DUMPABLE, 1);
		OK(unshare(CLONE_NEWUSER));
		fflush(stdout);
		tell(owner.up[1]);
		wait_for(owner.down[0]);
		for (int i = 0; i < 2; i++) {
			read(owner.down[0], &victim, sizeof(victim));
			touch_victim();
			fflush(stdout);
			tell(owner.up[1]);
		}
		_exit(0);
	}
	wait_for(owner.up[0]);
	OK(write_map(owner.pid, "uid_map", "0 5 1\n"));
	OK(write_map(owner.pid, "gid_map", "0 5 1\n"));
	fflush(stdout);
	tell(owner.down[1]);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", owner.pid);
	ns = open(path, O_RDONLY);
	for (int run = 0; run < 2; run++) {
		printf("a visitor%s:\n", run ? " that runs a program" : "");
		fflush(stdout);
		come_in(ns, run, &guest);
		write(owner.down[1], &guest.pid, sizeof(guest.pid));
		wait_for(owner.up[0]);
		end(&guest);
	}
	close(ns);
	waitpid(owner.pid, NULL, 0);
	end(&owner);
}

/* --- programs that may not be read ---------------------------------------------------------------------------------------------------- */

static void unreadable(void)
{
	struct user_regs_struct regs;
	int status;
	pid_t pid;

	system("cp /bin/sleep secret-program && chmod 0711 secret-program");
	puts("a program that may not be read:");
	CHILD {
		setresgid(5, 5, 5);
		setresuid(5, 5, 5);
		pid = fork();
		if (!pid) {
			ptrace(PTRACE_TRACEME, 0, 0, 0);
			execl("./secret-program", "sleep", "100", NULL);
			_exit(1);
		}
		waitpid(pid, &status, 0);
		printf("stopped %d\n", WIFSTOPPED(status));
		OK(ptrace(PTRACE_GETREGS, pid, 0, &regs));
		errno = 0;
		ptrace(PTRACE_PEEKDATA, pid, regs.rip & ~7ull, 0);
		printf("peek: %s\n", name_of(errno));
		OK(ptrace(PTRACE_POKEDATA, pid, regs.rsp & ~7ull, 0));
		victim = pid;
		OK(ptrace(PTRACE_DETACH, pid, 0, 0));
		OK(ptrace(PTRACE_ATTACH, pid, 0, 0));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/* --- directories ------------------------------------------------------------------------------------------------------------------------ */

static void look_behind(void)
{
	int fd, old;

	OK(unshare(CLONE_NEWNS));
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	OK(umount2("d/h", MNT_DETACH));
	OK(mount("d", "x", NULL, MS_BIND, NULL));
	OK(mount("d", "x", NULL, MS_BIND | MS_REC, NULL));
	fd = open("x", O_RDONLY | O_DIRECTORY);
	OK(openat(fd, "h/secret", O_RDONLY));
	OK(umount2("x", MNT_DETACH));
	OK(openat(fd, "h/secret", O_RDONLY));
	OK(openat(fd, "h/../h/secret", O_RDONLY));
	OK(fchdir(fd));
	OK(open("h/secret", O_RDONLY));
}

static void hidden(void)
{
	puts("what is hidden below a mount:");
	CHILD {
		unshare(CLONE_NEWNS);
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
		mkdir("d", 0755);
		mkdir("x", 0755);
		OK(mount("t", "d", "tmpfs", 0, NULL));
		mkdir("d/h", 0755);
		close(creat("d/h/secret", 0644));
		OK(mount("t", "d/h", "tmpfs", 0, NULL));
		in_user_ns("0 0 1\n", "0 0 1\n", look_behind);
	}
}

static void moved_out(void)
{
	char buf[256];

	puts("a directory that is moved out of what is mounted:");
	mkdir("b", 0755);
	mkdir("b/sub", 0755);
	mkdir("b/sub/dir", 0755);
	mkdir("b/sub/dir/e", 0755);
	mkdir("m", 0755);
	close(creat("b/above", 0644));
	CHILD {
		unshare(CLONE_NEWNS);
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
		OK(mount("b/sub", "m", NULL, MS_BIND, NULL));
		OK(chdir("m/dir/e"));
		OK(open("../..", O_PATH));
		OK(rename("../../../b/sub/dir", "../../../b/dir"));
		OK(open("..", O_PATH));
		OK(open("../..", O_PATH));
		OK(open("../../above", O_RDONLY));
		OK(open("../../sub", O_PATH));
		OK(chdir(".."));
		OK(chdir(".."));
		OK(open("above", O_RDONLY));
		OK(mkdir("new", 0755));
	}
}

int main(void)
{
	umask(022);
	setgroups(0, NULL);
	puts("ids between two ranges:");
	in_user_ns("0 1 10\n20 21 10\n", "0 1 10\n", between);
	upwards();
	visitors();
	unreadable();
	hidden();
	moved_out();
	return 0;
}
