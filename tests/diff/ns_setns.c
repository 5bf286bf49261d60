/* SPDX-License-Identifier: MIT */
/* setns by files and by pidfd, uts, ipc, network and cgroup namespaces, files of namespaces in the tree, shared sets. */
#include "cred_util.h"
#include <linux/sched.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <fcntl.h>

static void host(const char *what)
{
	struct utsname u;

	uname(&u);
	printf(" %s: %s %s\n", what, u.nodename, u.domainname);
}

static ino_t ns_ino(const char *name)
{
	char path[64];
	struct stat st = {0};

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	stat(path, &st);
	return st.st_ino;
}

static int open_ns(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return open(path, O_RDONLY);
}

static int abstract(int bind_it)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "\0picket-ns-test"};
	int s = socket(AF_UNIX, SOCK_STREAM, 0), r;

	if (bind_it) {
		r = bind(s, (void *)&un, sizeof(un));
		return r ? r : listen(s, 1) ? -1 : s;
	}
	return connect(s, (void *)&un, sizeof(un));
}

static void network(void)
{
	struct ifreq r = {.ifr_name = "lo"};
	int s, all[2];

	OK(abstract(1));
	OK(abstract(0));
	OK(unshare(CLONE_NEWNET));
	OK(abstract(0));
	OK(abstract(1));
	OK(abstract(0));
	s = socket(AF_INET, SOCK_DGRAM, 0);
	OK(ioctl(s, SIOCGIFFLAGS, &r));
	printf("flags %x\n", r.ifr_flags);
	show_file("/proc/self/net/dev");
	show_file("/proc/self/net/if_inet6");
	r.ifr_flags |= IFF_UP;
	OK(ioctl(s, SIOCSIFFLAGS, &r));
	OK(ioctl(s, SIOCGIFFLAGS, &r));
	printf("flags %x\n", r.ifr_flags);
	strcpy(r.ifr_name, "eth0");
	OK(ioctl(s, SIOCGIFFLAGS, &r));
	OK(if_nametoindex("lo"));
	show_file("/proc/self/net/if_inet6");
	show_file("/proc/net/tcp");
	show_file("/proc/self/net/route");
	(void)all;
}

static void by_pidfd(void)
{
	int up[2], down[2], pidfd, status;
	char c;
	pid_t pid;

	pipe(up);
	pipe(down);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS);
		sethostname("of-child", 8);
		write(up[1], "x", 1);
		close(down[1]);
		read(down[0], &c, 1);
		_exit(0);
	}
	read(up[0], &c, 1);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHILD {
		ino_t ipc = ns_ino("ipc"), uts = ns_ino("uts"), net = ns_ino("net");

		OK(setns(pidfd, 0));
		OK(setns(pidfd, 0x10));
		OK(setns(pidfd, CLONE_NEWUSER));
		OK(setns(pidfd, CLONE_NEWUTS | CLONE_NEWNET));
		host("after");
		printf("ipc %d uts %d net %d\n", ipc == ns_ino("ipc"), uts == ns_ino("uts"), net == ns_ino("net"));
		OK(setns(pidfd, CLONE_NEWIPC | CLONE_NEWNS));
		printf("ipc %d\n", ipc == ns_ino("ipc"));
	}
	CHILD {
		OK(setresuid(7, 7, 7));
		OK(setns(pidfd, CLONE_NEWUTS));
	}
	close(down[1]);
	waitpid(pid, &status, 0);
	CHILD OK(setns(pidfd, CLONE_NEWUTS));
}

int main(void)
{
	int fd = open_ns("uts"), other, r;
	struct statfs sf;
	struct stat st;
	char link[64], again[64];

	T(sethostname("first", 5));
	T(setdomainname("dom", 3));
	T(sethostname("x", 65));
	T(sethostname("x", -1));
	T(sethostname((char *)8, 3));
	host("start");
	CHILD {
		OK(unshare(CLONE_NEWUTS));
		host("copied");
		T(sethostname("second", 6));
		T(setdomainname("", 0));
		host("changed");
		OK(setns(fd, 0));
		host("back");
	}
	host("outside");
	fstat(fd, &st);
	fstatfs(fd, &sf);
	printf("mode %o size %ld nlink %ld type %lx\n", st.st_mode, (long)st.st_size, (long)st.st_nlink, (long)sf.f_type);
	printf("same %d\n", st.st_ino == ns_ino("uts"));
	OK(read(fd, link, 1));
	OK(write(fd, link, 1));
	OK(open("/proc/self/ns/uts", O_RDWR));
	OK(open("/proc/self/ns/nothing", O_RDONLY));
	r = (int)readlink("/proc/self/ns/uts", link, sizeof(link));
	printf("link %.5s %d\n", link, r);
	/* A name in the tree keeps the namespace. */
	creat("name", 0644);
	CHILD {
		OK(unshare(CLONE_NEWNS));
		OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
		CHILD {
			OK(unshare(CLONE_NEWUTS));
			sethostname("named", 5);
			OK(mount("/proc/self/ns/uts", "name", NULL, MS_BIND, NULL));
		}
		other = open("name", O_RDONLY);
		fstat(other, &st);
		printf("another %d\n", st.st_ino != ns_ino("uts"));
		OK(setns(other, CLONE_NEWIPC));
		OK(setns(other, CLONE_NEWUTS));
		host("by name");
		OK(umount("name"));
		host("still");
	}
	CHILD {
		int q = msgget(77, IPC_CREAT | 0600);

		OK(q);
		OK(unshare(CLONE_NEWIPC));
		OK(msgget(77, 0));
		OK(unshare(CLONE_NEWIPC | CLONE_SYSVSEM));
	}
	OK(msgctl(msgget(77, 0), IPC_RMID, NULL));
	T(syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, NULL, NULL, NULL, NULL));
	T(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, NULL, NULL, NULL, NULL));
	T(syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, NULL, NULL, NULL, NULL));
	CHILD {
		ino_t ino = ns_ino("cgroup");

		OK(unshare(CLONE_NEWCGROUP));
		printf("cgroup %d\n", ino == ns_ino("cgroup"));
	}
	CHILD network();
	by_pidfd();
	CHILD {
		OK(setresuid(7, 7, 7));
		OK(setns(fd, 0));
		OK(unshare(CLONE_NEWUTS));
		OK(unshare(CLONE_NEWNS));
		OK(unshare(CLONE_FS | CLONE_FILES));
	}
	(void)again;
	return 0;
}
