/* SPDX-License-Identifier: MIT */
/* proc mounted with hidepid and gid: what another user sees of processes that are not his. proc(5). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *result(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

static void look(const char *who, uid_t uid, gid_t gid)
{
	struct dirent *e;
	struct stat st;
	int pid, status, all = 0, own = 0;
	char path[64];
	DIR *d;

	if ((pid = fork())) {
		waitpid(pid, &status, 0);
		return;
	}
	setgroups(1, &gid);
	setresgid(gid, gid, gid);
	setresuid(uid, uid, uid);
	d = opendir("p");
	while (d && (e = readdir(d))) {
		all += e->d_name[0] >= '1' && e->d_name[0] <= '9' && atoi(e->d_name) != getpid();
		own += atoi(e->d_name) == getpid();
	}
	printf("%s: lists others %d, itself %d", who, all > 0, own);
	printf(", stat %s", result(stat("p/1", &st)));
	printf(", open %s", result(open("p/1/stat", O_RDONLY)));
	printf(", list %s", result(open("p/1", O_RDONLY | O_DIRECTORY)));
	snprintf(path, sizeof(path), "p/%d/stat", getpid());
	printf(", own %s", result(open(path, O_RDONLY)));
	printf(", system %s\n", result(open("p/uptime", O_RDONLY)));
	fflush(stdout);
	_exit(0);
}

static void try(const char *options)
{
	printf("%s: %s\n", options, result(mount("proc", "p", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)));
	look("root", 0, 0);
	look("user", 1000, 1000);
	look("member", 1000, 50);
	umount("p");
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	umask(022);
	mkdir("p", 0755);
	try("hidepid=0");
	try("hidepid=1");
	try("hidepid=2");
	try("hidepid=2,gid=50");
	try("hidepid=noaccess,gid=50");
	try("hidepid=invisible");
	try("hidepid=ptraceable,gid=50");
	printf("bad: %s\n", result(mount("proc", "p", "proc", 0, "hidepid=3")));
	printf("bad: %s\n", result(mount("proc", "p", "proc", 0, "hidepid=x")));
	printf("unknown: %s\n", result(mount("proc", "p", "proc", 0, "nonesuch=1")));
	mount("proc", "p", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	printf("remount: %s\n", result(mount("proc", "p", "proc", MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2")));
	look("user", 1000, 1000);
	umount("p");
	return 0;
}
