/* SPDX-License-Identifier: MIT */
/*
 * Random changes of a small tree, one system call each, beside a model of it: "crash_ops init DIR SEED" makes the beginning, and
 * "crash_ops go DIR SEED FILE" compares the tree with the model after as many changes as FILE says (or one more: the one that was
 * under way), and goes on, noting each change in FILE. Exit status 3: the tree is not what it must be.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NODES 200
#define NAMES 200
#define PER_DIR 9
#define DATA 9000
#define INIT_OPS 150

struct node {
	bool used;
	uint32_t mode, uid, gid;
	unsigned nlink, tag; /* tag: of user.t, 0: none */
	uint32_t size;
	long mtime; /* 0: not known */
	uint8_t data[DATA];
};

struct name {
	bool used;
	int dir, node;
	int id;
};

struct model {
	uint64_t rng;
	struct node nodes[NODES];
	struct name names[NAMES];
};

static struct model now, before;
static bool act, native; /* act: make the calls too */

static uint32_t rnd(struct model *m, uint32_t n)
{
	m->rng = m->rng * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(m->rng >> 33) % n;
}

static void path_of(const struct model *m, int dir, int id, char *out)
{
	int ids[NODES], n = 0;

	ids[n++] = id;
	while (dir != 0) {
		for (int i = 0; i < NAMES; i++)
			if (m->names[i].used && m->names[i].node == dir) {
				ids[n++] = m->names[i].id;
				dir = m->names[i].dir;
				break;
			}
	}
	*out = 0;
	while (n > 0)
		out += sprintf(out, "%sn%d", ids[n - 1] == id && n == 1 ? "" : "", ids[n - 1]), n--, strcpy(out, n ? "/" : ""), out += n > 0;
}

static int pick(struct model *m, uint32_t type)
{
	int at = (int)rnd(m, NAMES);

	for (int i = 0; i < NAMES; i++, at = (at + 1) % NAMES)
		if (m->names[at].used && (!type || (m->nodes[m->names[at].node].mode & S_IFMT) == type))
			return at;
	return -1;
}

static int pick_dir(struct model *m)
{
	int n = rnd(m, 3) ? pick(m, S_IFDIR) : -1;

	return n < 0 ? 0 : m->names[n].node;
}

static int find(const struct model *m, int dir, int id)
{
	for (int i = 0; i < NAMES; i++)
		if (m->names[i].used && m->names[i].dir == dir && m->names[i].id == id)
			return i;
	return -1;
}

static bool empty(const struct model *m, int dir)
{
	for (int i = 0; i < NAMES; i++)
		if (m->names[i].used && m->names[i].dir == dir)
			return false;
	return true;
}

static bool below(const struct model *m, int dir, int maybe_above)
{
	while (dir != maybe_above && dir != 0)
		for (int i = 0; i < NAMES; i++)
			if (m->names[i].used && m->names[i].node == dir) {
				dir = m->names[i].dir;
				break;
			}
	return dir == maybe_above;
}

static int free_node(struct model *m)
{
	for (int i = 1; i < NODES; i++)
		if (!m->nodes[i].used)
			return i;
	return -1;
}

static int free_name(struct model *m)
{
	for (int i = 0; i < NAMES; i++)
		if (!m->names[i].used)
			return i;
	return -1;
}

static void must(long r, const char *what, const char *path)
{
	if (r >= 0)
		return;
	printf("%s %s: %s\n", what, path, strerror(errno));
	exit(3);
}

static void drop(struct model *m, int name)
{
	struct node *n = &m->nodes[m->names[name].node];

	m->names[name].used = false;
	if (--n->nlink == 0 || S_ISDIR(n->mode))
		n->used = false;
}

static void make(struct model *m, uint32_t mode)
{
	int dir = pick_dir(m), id = (int)rnd(m, PER_DIR), node = free_node(m), slot = free_name(m);
	char path[4096], target[32];
	struct node *n;

	if (find(m, dir, id) >= 0 || node < 0 || slot < 0)
		return;
	n = &m->nodes[node];
	memset(n, 0, sizeof(*n));
	n->used = true;
	n->mode = mode;
	n->nlink = 1;
	path_of(m, dir, id, path);
	m->names[slot] = (struct name){.used = true, .dir = dir, .node = node, .id = id};
	if (S_ISLNK(mode))
		n->size = (uint32_t)sprintf(target, "t%u", rnd(m, 1000000)), memcpy(n->data, target, n->size + 1);
	if (!act)
		return;
	if (S_ISREG(mode)) {
		int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, mode & 0777);

		must(fd, "create", path);
		close(fd);
	} else if (S_ISDIR(mode))
		must(mkdir(path, mode & 0777), "mkdir", path);
	else if (S_ISLNK(mode))
		must(symlink(target, path), "symlink", path);
	else
		must(mknod(path, mode, makedev(1, 3)), "mknod", path);
}

static void change_data(struct model *m, bool cut)
{
	int at = pick(m, S_IFREG);
	uint32_t off = rnd(m, 6000), len = 1 + rnd(m, 2000), seed = rnd(m, 256);
	struct node *n = at < 0 ? NULL : &m->nodes[m->names[at].node];
	uint8_t buf[2048];
	char path[4096];

	if (!n)
		return;
	path_of(m, m->names[at].dir, m->names[at].id, path);
	n->mtime = 0;
	if (cut) {
		if (off < n->size)
			memset(n->data + off, 0, n->size - off);
		n->size = off;
		if (act)
			must(truncate(path, off), "truncate", path);
		return;
	}
	memset(buf, (int)seed + 1, len);
	memcpy(n->data + off, buf, len);
	if (off + len > n->size)
		n->size = off + len;
	if (act) {
		int fd = open(path, O_WRONLY);

		must(fd, "open", path);
		must(pwrite(fd, buf, len, off) == (ssize_t)len ? 0 : -1, "write", path);
		if (seed < 20)
			must(fsync(fd), "fsync", path);
		close(fd);
	}
}

static void move(struct model *m)
{
	int from = pick(m, 0), dir = pick_dir(m), id = (int)rnd(m, PER_DIR), to;
	bool swap = rnd(m, 4) == 0;
	char a[4096], b[4096];
	struct node *n, *t;

	if (from < 0)
		return;
	n = &m->nodes[m->names[from].node];
	to = find(m, dir, id);
	t = to < 0 ? NULL : &m->nodes[m->names[to].node];
	if (from == to || t == n || (S_ISDIR(n->mode) && below(m, dir, m->names[from].node)) || (swap && !t))
		return;
	if (swap && S_ISDIR(t->mode) && below(m, m->names[from].dir, m->names[to].node))
		return;
	if (!swap && t && (S_ISDIR(t->mode) != S_ISDIR(n->mode) || (S_ISDIR(t->mode) && !empty(m, m->names[to].node))))
		return;
	path_of(m, m->names[from].dir, m->names[from].id, a);
	path_of(m, dir, id, b);
	if (act)
		must(syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, swap ? RENAME_EXCHANGE : 0), swap ? "exchange" : "rename", b);
	if (swap) {
		int node = m->names[from].node;

		m->names[from].node = m->names[to].node;
		m->names[to].node = node;
		return;
	}
	if (t)
		drop(m, to);
	m->names[from].dir = dir;
	m->names[from].id = id;
}

static void add_link(struct model *m)
{
	int from = pick(m, S_IFREG), dir = pick_dir(m), id = (int)rnd(m, PER_DIR), slot = free_name(m);
	char a[4096], b[4096];

	if (from < 0 || slot < 0 || find(m, dir, id) >= 0)
		return;
	path_of(m, m->names[from].dir, m->names[from].id, a);
	path_of(m, dir, id, b);
	m->nodes[m->names[from].node].nlink++;
	m->names[slot] = (struct name){.used = true, .dir = dir, .node = m->names[from].node, .id = id};
	if (act)
		must(link(a, b), a, b);
}

static void take_away(struct model *m, bool dirs)
{
	int at = pick(m, dirs ? S_IFDIR : 0);
	char path[4096];

	if (at < 0 || (S_ISDIR(m->nodes[m->names[at].node].mode) && (!dirs || !empty(m, m->names[at].node))))
		return;
	path_of(m, m->names[at].dir, m->names[at].id, path);
	drop(m, at);
	if (act)
		must(dirs ? rmdir(path) : unlink(path), "remove", path);
}

static void change_attributes(struct model *m, unsigned kind)
{
	int at = pick(m, rnd(m, 2) ? S_IFREG : S_IFDIR);
	uint32_t a = rnd(m, 10), b = 1 + rnd(m, 1000000);
	struct node *n = at < 0 ? NULL : &m->nodes[m->names[at].node];
	struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = b}};
	char path[4096], value[16];

	if (!n)
		return;
	path_of(m, m->names[at].dir, m->names[at].id, path);
	switch (kind) {
	case 0:
		n->mode = (n->mode & S_IFMT) | 0700 | b % 64;
		if (act)
			must(chmod(path, n->mode & 07777), "chmod", path);
		break;
	case 1:
		if (native)
			return;
		n->uid = a;
		n->gid = b % 10;
		if (act)
			must(chown(path, n->uid, n->gid), "chown", path);
		break;
	case 2:
		n->tag = b;
		sprintf(value, "%u", b);
		if (act)
			must(setxattr(path, "user.t", value, strlen(value), 0), "setxattr", path);
		break;
	default:
		n->mtime = b;
		if (S_ISDIR(n->mode))
			n->mtime = 0;
		if (act)
			must(utimensat(AT_FDCWD, path, ts, 0), "utimensat", path);
	}
}

static void step(struct model *m)
{
	unsigned op = rnd(m, 32);

	if (op < 6)
		make(m, S_IFREG | 0644);
	else if (op < 9)
		make(m, S_IFDIR | 0755);
	else if (op == 9)
		make(m, S_IFLNK | 0777);
	else if (op == 10)
		make(m, S_IFIFO | 0600);
	else if (op < 15)
		change_data(m, op == 14);
	else if (op < 20)
		move(m);
	else if (op < 22)
		add_link(m);
	else if (op < 26)
		take_away(m, op == 25);
	else
		change_attributes(m, op % 4);
}

/* --- comparing ------------------------------------------------------------------------------------------------------------- */

static char why[8192];

static bool differs(const char *path, const char *what, long have, long want)
{
	if (have == want)
		return false;
	snprintf(why, sizeof(why), "%.4000s: %s is %ld, not %ld", path, what, have, want);
	return true;
}

static bool same_data(const struct node *n, const char *path)
{
	static uint8_t buf[DATA + 1];
	int fd = open(path, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	close(fd);
	if (differs(path, "length of the data", got, n->size))
		return false;
	return !differs(path, "data", memcmp(buf, n->data, n->size), 0);
}

static bool same_node(const struct model *m, int node, const char *path)
{
	const struct node *n = &m->nodes[node];
	char value[16] = "", target[64] = "";
	struct stat st;
	ssize_t len;

	if (lstat(path, &st) < 0) {
		snprintf(why, sizeof(why), "%.4000s: %s", path, strerror(errno));
		return false;
	}
	if (differs(path, "mode", st.st_mode, n->mode) || differs(path, "owner", st.st_uid, n->uid) ||
		differs(path, "group", st.st_gid, n->gid))
		return false;
	if (!S_ISDIR(n->mode) && (differs(path, "number of links", (long)st.st_nlink, n->nlink) || differs(path, "size", st.st_size, n->size)))
		return false;
	if (n->mtime && differs(path, "mtime", st.st_mtime, n->mtime))
		return false;
	if (S_ISREG(n->mode) && !same_data(n, path))
		return false;
	if (S_ISLNK(n->mode) && (readlink(path, target, sizeof(target)) != (ssize_t)n->size || memcmp(target, n->data, n->size)))
		return !differs(path, "target", 1, 0);
	if (S_ISREG(n->mode) || S_ISDIR(n->mode)) {
		len = getxattr(path, "user.t", value, sizeof(value) - 1);
		if (differs(path, "user.t", len < 0 ? 0 : atol(value), n->tag))
			return false;
	}
	return true;
}

static bool same_dir(const struct model *m, int dir, const char *path)
{
	DIR *d = opendir(*path ? path : ".");
	bool same = d != NULL;
	struct dirent *e;
	int n = 0, want = 0;
	char child[8300];

	for (int i = 0; i < NAMES; i++)
		want += m->names[i].used && m->names[i].dir == dir;
	while (same && (e = readdir(d))) {
		int at;

		if (e->d_name[0] == '.')
			continue;
		n++;
		at = find(m, dir, atoi(e->d_name + 1));
		snprintf(child, sizeof(child), "%.4000s%s%s", path, *path ? "/" : "", e->d_name);
		if (at < 0) {
			snprintf(why, sizeof(why), "%.4000s must not be there", child);
			same = false;
		} else {
			int node = m->names[at].node;

			same = same_node(m, node, child) && (!S_ISDIR(m->nodes[node].mode) || same_dir(m, node, child));
		}
	}
	if (d)
		closedir(d);
	return same && !differs(*path ? path : ".", "number of names", n, want);
}

/* --- the two modes --------------------------------------------------------------------------------------------------------------- */

static void begin(struct model *m, uint64_t seed, bool make_them)
{
	memset(m, 0, sizeof(*m));
	m->rng = seed * 2654435761u + 1;
	m->nodes[0] = (struct node){.used = true, .mode = S_IFDIR | 0755, .nlink = 1};
	native = true;
	act = make_them;
	for (int i = 0; i < INIT_OPS; i++)
		step(m);
	native = act = false;
}

static int go(uint64_t seed, const char *note)
{
	int fd = open(note, O_RDWR | O_CREAT, 0644);
	uint64_t k = 0;
	char first[8192];

	begin(&now, seed, false);
	if (fd < 0 || pread(fd, &k, sizeof(k), 0) < 0)
		return 4;
	for (uint64_t i = 0; i < k; i++)
		step(&now);
	before = now;
	if (!same_dir(&now, 0, "")) {
		strcpy(first, why);
		step(&now);
		k++;
		if (!same_dir(&now, 0, "")) {
			printf("after %llu changes: %s; or, one more: %s\n", (unsigned long long)k - 1, first, why);
			return 3;
		}
		if (pwrite(fd, &k, sizeof(k), 0) != sizeof(k))
			return 4;
	}
	printf("as it must be after %llu changes\n", (unsigned long long)k);
	fflush(stdout);
	act = true;
	for (int i = 0; i < 20000; i++) {
		step(&now);
		k++;
		if (pwrite(fd, &k, sizeof(k), 0) != sizeof(k))
			return 4;
	}
	return 0;
}

int main(int argc, char **argv)
{
	umask(0);
	if (argc < 4 || chdir(argv[2]) < 0)
		return 4;
	if (strcmp(argv[1], "init") == 0) {
		begin(&now, strtoull(argv[3], NULL, 0), true);
		return 0;
	}
	return argc > 4 ? go(strtoull(argv[3], NULL, 0), argv[4]) : 4;
}
