/* SPDX-License-Identifier: MIT */
/* What a node gets: the programs, a list of their sums, and what they are. */
#include "cmd/minikube/minikube.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/image/tarout.h"
#include "cmd/lib/message.h"
#include "cmd/lib/programs.h"

#define PROGRAM_MAX ((off_t)256 << 20)
static const char *const programs[] = {"picket-guest", "picket-runtime", "picket-sentry"};

/* Whether the program file asks for a loader: an ELF file of this machine with a PT_INTERP. -1: it is none. */
static int needs_loader(const char *data, size_t len)
{
	const Elf64_Ehdr *h = (const void *)data;

	if (len < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64)
		return -1;
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phoff > len || (len - h->e_phoff) / sizeof(Elf64_Phdr) < h->e_phnum)
		return -1;
	for (size_t i = 0; i < h->e_phnum; i++) {
		Elf64_Phdr p;

		memcpy(&p, data + h->e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_INTERP)
			return 1;
	}
	return 0;
}

/* A whole file; allocated. NULL after a complaint. */
static char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data = NULL;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= PROGRAM_MAX) {
		data = xcalloc(1, (size_t)st.st_size + 1);
		for (*len = 0; *len < (size_t)st.st_size; *len += (size_t)n) {
			n = read(fd, data + *len, (size_t)st.st_size - *len);
			if (n <= 0)
				break;
		}
	}
	if (!data || *len != (size_t)st.st_size) {
		complain(-1, "cannot read %s: %s", path, fd < 0 || n < 0 ? strerror(errno) : "it is no file of programs");
		free(data);
		data = NULL;
	}
	if (fd >= 0)
		close(fd);
	return data;
}

static void add_member(struct tarout *t, const char *dir, const char *name, mode_t mode, const void *data, size_t len, char **sums)
{
	struct tar_entry e = {.type = '0', .mode = mode, .size = len};
	char *path = xasprintf("%s/%s", dir, name), hex[DIGEST_HEX_LEN + 1], *old = *sums;
	struct digest d;

	e.path = path;
	tarout_entry(t, &e);
	tarout_data(t, data, len);
	tarout_pad(t);
	free(path);
	if (!old)
		return;
	sha256_of(data, len, &d);
	*sums = xasprintf("%s%s  %s\n", old, digest_hex(&d, hex), name);
	free(old);
}

static int add_program(struct tarout *t, const char *dir, const char *name, char **sums)
{
	char *path = find_program(name), *data;
	size_t len;
	int loader;

	if (!path)
		return -1;
	data = read_file(path, &len);
	if (!data) {
		free(path);
		return -1;
	}
	loader = needs_loader(data, len);
	if (loader == 0)
		add_member(t, dir, name, 0755, data, len, sums);
	else
		complain(-1, "%s %s; build it with -Dstatic=true, or name an archive that ./bootstrap node has made with --archive", path,
			loader > 0 ? "needs shared libraries, which nodes do not have" : "is no program for this machine");
	free(data);
	free(path);
	return loader == 0 ? 0 : -1;
}

static int write_archive(int fd, struct digest *sum)
{
	struct tarout *t = xcalloc(1, sizeof(*t));
	struct sha256 hash;
	struct utsname u;
	char *dir, *text, *sums = xstrdup("");
	int r = 0;

	uname(&u);
	dir = xasprintf("picket-node-%s", u.machine);
	sha256_init(&hash);
	tarout_begin(t, fd, &hash);
	text = xasprintf("%s\n", u.machine);
	add_member(t, dir, "ARCH", 0644, text, strlen(text), &sums);
	free(text);
	add_member(t, dir, "VERSION", 0644, PICKET_VERSION "\n", strlen(PICKET_VERSION) + 1, &sums);
	for (size_t i = 0; r == 0 && i < sizeof(programs) / sizeof(programs[0]); i++)
		r = add_program(t, dir, programs[i], &sums);
	if (r == 0) {
		char *none = NULL;

		add_member(t, dir, "SHA256SUMS", 0644, sums, strlen(sums), &none);
		if (tarout_end(t))
			r = complain(-1, "cannot write the programs for the nodes: %s", strerror(t->err));
	}
	sha256_final(&hash, sum);
	free(sums);
	free(dir);
	free(t);
	return r;
}

static int copy_archive(const char *archive, int fd, struct digest *sum)
{
	struct sha256 hash;
	char buf[65536];
	ssize_t n = -1;
	int in = open(archive, O_RDONLY | O_CLOEXEC);

	sha256_init(&hash);
	while (in >= 0 && (n = read(in, buf, sizeof(buf))) > 0) {
		sha256_update(&hash, buf, (size_t)n);
		if (write(fd, buf, (size_t)n) != n)
			n = -1;
		if (n < 0)
			break;
	}
	if (in >= 0)
		close(in);
	sha256_final(&hash, sum);
	return n < 0 ? complain(-1, "cannot copy %s: %s", archive, strerror(errno)) : 0;
}

int mk_archive(const char *archive, char **path, struct digest *sum)
{
	const char *tmp = getenv("TMPDIR");
	int fd, r;

	*path = xasprintf("%s/picket-node.XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
	fd = mkostemp(*path, O_CLOEXEC);
	if (fd < 0) {
		r = complain(-1, "cannot make the file %s: %s", *path, strerror(errno));
		free(*path);
		*path = NULL;
		return r;
	}
	r = archive ? copy_archive(archive, fd, sum) : write_archive(fd, sum);
	close(fd);
	if (r) {
		unlink(*path);
		free(*path);
		*path = NULL;
	}
	return r;
}

char *mk_data_file(const char *name)
{
	char exe[4096], *slash, *found;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	found = xasprintf("%s/%s", exe, name); /* the build tree */
	if (access(found, R_OK) == 0)
		return found;
	free(found);
	found = xasprintf("%s/../share/picket/node/%s", exe, name);
	if (access(found, R_OK) == 0)
		return found;
	complain(-1, "%s is not installed: looked in %s, and for %s", name, exe, found);
	free(found);
	return NULL;
}
