/* SPDX-License-Identifier: MIT */
/* Credentials over execve: set-ID programs, file capabilities, ambient, securebits, no_new_privs, nosuid, scripts. */
#include "cred_util.h"
#include <sys/auxv.h>

#define B(c) (1ull << (c))

static int show_only(const char *tag)
{
	printf("   secure %lu aux %lu %lu %lu %lu nnp %d dumpable %d proc owner ", getauxval(AT_SECURE), getauxval(AT_UID),
	       getauxval(AT_EUID), getauxval(AT_GID), getauxval(AT_EGID), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
	       prctl(PR_GET_DUMPABLE));
	struct stat st;
	printf("%s", stat("/proc/self/stat", &st) ? "?" : st.st_uid == geteuid() ? "own" : st.st_uid == 0 ? "root" : "other");
	printf("\n");
	show_ids(tag);
	return 0;
}

static void make(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY), out;
	ssize_t n;

	unlink(name);
	out = open(name, O_CREAT | O_WRONLY, 0700);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			printf("write: %m\n");
	close(in);
	if (fchown(out, uid, gid) || fchmod(out, mode))
		printf("%s: %m\n", name);
	close(out);
}

static int setcap(const char *name, uint32_t flags, uint64_t p, uint64_t i)
{
	struct vfs_cap_data d = {VFS_CAP_REVISION_2 | flags, {{(uint32_t)p, (uint32_t)i}, {(uint32_t)(p >> 32), (uint32_t)(i >> 32)}}};

	return setxattr(name, "security.capability", &d, sizeof(d), 0);
}

static void showcap(const char *name)
{
	struct vfs_ns_cap_data d;
	ssize_t n = getxattr(name, "security.capability", &d, sizeof(d));

	if (n < 0)
		printf("  %s: %s\n", name, name_of(errno));
	else
		printf("  %s: %zd magic %x p %x %x i %x %x\n", name, n, d.magic_etc, d.data[0].permitted,
		       n >= 20 ? d.data[1].permitted : 0, d.data[0].inheritable, n >= 20 ? d.data[1].inheritable : 0);
}

static void run(const char *what, const char *file)
{
	printf(" %s: %s\n", what, file);
	fflush(stdout);
	execl(file, file, "show", NULL);
	printf("  exec: %s\n", name_of(errno));
}

struct how {
	const char *name;
	uid_t uid;
	void (*prepare)(void);
};

static void inheritable(void)
{
	caps_set(B(5) | B(6) | B(10), B(5) | B(6) | B(10), B(5) | B(6) | B(10));
}

static void keep(void)
{
	prctl(PR_SET_KEEPCAPS, 1);
}

static void ambient(void)
{
	inheritable();
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 5, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 6, 0, 0);
}

static void nnp(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void no_root(void)
{
	prctl(PR_SET_SECUREBITS, SECBIT_NOROOT);
}

static void bounded(void)
{
	prctl(PR_CAPBSET_DROP, 10);
	prctl(PR_CAPBSET_DROP, 13);
}

static const struct how hows[] = {
	{"root", 0, NULL}, {"user", 7, NULL}, {"user inheritable", 7, inheritable}, {"user ambient", 7, ambient},
	{"user nnp", 7, nnp}, {"root noroot", 0, no_root}, {"root nnp", 0, nnp}, {"user bounded", 7, bounded},
	{"root bounded", 0, bounded}, {"root inheritable", 0, inheritable}, {"user keepcaps", 7, keep},
};

static void become(const struct how *h)
{
	if (!h->uid) {
		if (h->prepare)
			h->prepare();
		return;
	}
	if (h->prepare == bounded)
		bounded();
	if (h->prepare == ambient || h->prepare == inheritable || h->prepare == keep)
		prctl(PR_SET_KEEPCAPS, 1);
	if (setresgid(8, 8, 8) || setresuid(h->uid, h->uid, h->uid))
		printf("cannot: %m\n");
	if (h->prepare && h->prepare != bounded)
		h->prepare();
}

static const char *files[] = {"./plain", "./suid", "./sgid", "./sgid-lock", "./suid-user", "./both", "./caps", "./caps-e", "./caps-i",
			      "./caps-suid", "./caps-lots", "./caps-zero", "./noread", "./script", "./script-suid"};

int main(int argc, char **argv)
{
	int fd;

	if (argc > 1)
		return show_only(argc > 2 ? argv[2] : "in");
	chmod(".", 0755);
	make("plain", 0, 0, 0755);
	make("suid", 0, 0, 04755);
	make("sgid", 0, 3, 02755);
	make("sgid-lock", 0, 3, 02745);
	make("suid-user", 9, 9, 04755);
	make("both", 9, 3, 06755);
	make("caps", 0, 0, 0755);
	OK(setcap("caps", 0, B(10) | B(13), 0));
	make("caps-e", 0, 0, 0755);
	OK(setcap("caps-e", VFS_CAP_FLAGS_EFFECTIVE, B(10) | B(13), 0));
	make("caps-i", 0, 0, 0755);
	OK(setcap("caps-i", VFS_CAP_FLAGS_EFFECTIVE, 0, B(5) | B(11)));
	make("caps-suid", 0, 0, 04755);
	OK(setcap("caps-suid", VFS_CAP_FLAGS_EFFECTIVE, B(10), 0));
	make("caps-lots", 0, 0, 0755);
	OK(setcap("caps-lots", 0, B(40) | B(32) | B(0) | B(62), 0));
	make("caps-zero", 0, 0, 04755);
	OK(setcap("caps-zero", 0, 0, 0));
	make("noread", 0, 0, 0711);
	fd = open("script", O_CREAT | O_WRONLY | O_TRUNC, 0755);
	dprintf(fd, "#!./plain show\n");
	close(fd);
	fd = open("script-suid", O_CREAT | O_WRONLY | O_TRUNC, 0755);
	fchmod(fd, 04755);
	dprintf(fd, "#!./suid-user show\n");
	close(fd);
	chmod("script-suid", 04755);
	for (size_t h = 0; h < sizeof(hows) / sizeof(hows[0]); h++)
		for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
			CHILD {
				become(&hows[h]);
				run(hows[h].name, files[f]);
			}
	/* What changes a file takes its capabilities away. */
	showcap("caps-e");
	fd = open("caps-e", O_WRONLY);
	T(write(fd, "", 0));
	showcap("caps-e");
	T(write(fd, "x", 1));
	showcap("caps-e");
	close(fd);
	OK(setcap("caps-e", 0, B(10), 0));
	OK(truncate("caps-e", 5));
	showcap("caps-e");
	OK(setcap("caps-e", 0, B(10), 0));
	OK(chmod("caps-e", 0700));
	showcap("caps-e");
	OK(chown("caps-e", -1, -1));
	showcap("caps-e");
	OK(setcap("caps-e", 0, B(10), 0));
	OK(chown("caps-e", 3, 3));
	showcap("caps-e");
	OK(setcap("caps-e", VFS_CAP_FLAGS_EFFECTIVE, B(10), B(3)));
	OK(rename("caps-e", "caps-f"));
	showcap("caps-f");
	OK(link("caps-f", "caps-g"));
	showcap("caps-g");
	T(getxattr("caps-f", "security.capability", NULL, 0));
	T(getxattr("caps-f", "security.capability", argv, 1));
	T(setxattr("caps-f", "security.capability", "short", 5, 0));
	T(setxattr("caps-f", "security.capability", "01234567890123456789", 20, 0));
	OK(setxattr("caps-f", "security.capability", "\0\0\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, XATTR_CREATE));
	CHILD {
		OK(setresuid(7, 7, 7));
		OK(setcap("caps-f", 0, B(10), 0));
		OK(removexattr("caps-f", "security.capability"));
		showcap("caps-f");
	}
	OK(removexattr("caps-f", "security.capability"));
	OK(removexattr("caps-f", "security.capability"));
	showcap("caps-f");
	return 0;
}
