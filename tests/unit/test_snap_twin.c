/* SPDX-License-Identifier: MIT */
/* Twin files: written, damaged, cut short; of hostile programs; in layers and in the cache; a kill while one is made. */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fuse-snap/index.h"
#include "fuse-snap/twinwrite.h"
#include "snap_util.h"

struct fixture {
	char dir[64];
	struct store *s;
	struct snap_error e;
	uint8_t *elf;
	size_t len;
	int root; /* a directory with the library as its dynamic loader, old enough */
};

/* A library with a call site each 64 bytes: mov $N, %eax; syscall; ret. */
static void make_elf(struct fixture *f)
{
	Elf64_Ehdr h = {.e_type = ET_DYN, .e_machine = EM_X86_64, .e_version = 1, .e_phoff = sizeof(h), .e_ehsize = sizeof(h),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2, .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 3, .e_shstrndx = 2};
	Elf64_Phdr ph[2] = {{.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = 4096, .p_memsz = 4096, .p_align = 4096},
		{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 4096, .p_vaddr = 4096, .p_filesz = 8000, .p_memsz = 8000, .p_align = 4096}};
	Elf64_Shdr sh[3] = {{0}, {.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC | SHF_EXECINSTR, .sh_addr = 4096, .sh_offset = 4096,
		.sh_size = 8000, .sh_addralign = 16}, {.sh_name = 7, .sh_type = SHT_STRTAB, .sh_offset = 2048, .sh_size = 17}};
	static const uint8_t site[] = {0xb8, 0x6e, 0, 0, 0, 0x0f, 0x05, 0xc3};

	f->len = 4096 + 8000;
	f->elf = calloc(1, f->len);
	assert_non_null(f->elf);
	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = ELFCLASS64;
	h.e_ident[EI_DATA] = ELFDATA2LSB;
	h.e_ident[EI_VERSION] = 1;
	h.e_shoff = 1024;
	memcpy(f->elf, &h, sizeof(h));
	memcpy(f->elf + sizeof(h), ph, sizeof(ph));
	memcpy(f->elf + 1024, sh, sizeof(sh));
	memcpy(f->elf + 2048, "\0.text\0.shstrtab", 17);
	memset(f->elf + 4096, 0x90, 8000);
	for (size_t at = 0; at + 64 <= 8000; at += 64)
		memcpy(f->elf + 4096 + at, site, sizeof(site));
}

static int setup(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
	struct fixture *f = calloc(1, sizeof(*f));
	char path[256];
	int fd;

	assert_non_null(f);
	make_scratch(f->dir);
	assert_int_equal(store_open(f->dir, &f->s, &f->e), 0);
	make_elf(f);
	snprintf(path, sizeof(path), "%s/root", f->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	f->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(f->root, "lib64", 0755), 0);
	fd = openat(f->root, "lib64/ld-linux-x86-64.so.2", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_int_equal(write(fd, f->elf, f->len), f->len);
	assert_int_equal(futimens(fd, old), 0);
	close(fd);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->root);
	store_close(f->s);
	remove_scratch(f->dir);
	free(f->elf);
	free(f);
	return 0;
}

static int temp_file(struct fixture *f)
{
	int fd = open(f->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static uint32_t write_twin(const uint8_t *elf, size_t len, int fd)
{
	struct twin_writer *w = twin_writer_new(fd);
	const struct twin_file of = {.ino = 7};
	uint32_t n;

	assert_non_null(w);
	assert_int_equal(twin_add(w, elf, len, 0, 0), 0);
	assert_int_equal(twin_add(w, elf, len, 0, 0), 0); /* what is there already is not written again */
	n = twin_count(w);
	assert_int_equal(twin_finish(w, &of, NULL, NULL, 0), 0);
	twin_writer_free(w);
	return n;
}

static void test_written(void **state)
{
	struct fixture *f = *state;
	uint8_t text[8000], area[16];
	struct twin_head h;
	struct twin_seg s;
	int fd = temp_file(f);

	assert_int_equal(write_twin(f->elf, f->len, fd), 1);
	assert_int_equal(twin_verify(fd), 0);
	assert_int_equal(pread(fd, &h, sizeof(h), 0), sizeof(h));
	assert_int_equal(pread(fd, &s, sizeof(s), (off_t)h.segs_off), sizeof(s));
	assert_int_equal(s.off, 4096);
	assert_int_equal(s.len, 8000);
	assert_int_equal(s.n_sites, 125);
	assert_int_equal(pread(fd, text, sizeof(text), (off_t)s.text_off), sizeof(text));
	assert_int_equal(text[0], 0xe9);
	assert_memory_equal(text + 5, f->elf + 4096 + 5, 59);
	assert_int_equal(pread(fd, area, sizeof(area), (off_t)s.area_off), sizeof(area));
	assert_int_equal(*(uint64_t *)(void *)area, TWIN_ENTRY);
	close(fd);
}

static void test_damaged(void **state)
{
	struct fixture *f = *state;
	int fd = temp_file(f);
	struct stat st;
	uint8_t b;

	write_twin(f->elf, f->len, fd);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 0; at < st.st_size; at += at < (off_t)sizeof(struct twin_head) ? 1 : 97) {
		if (at >= (off_t)sizeof(struct twin_head) && at < TWIN_PAGE)
			continue;
		assert_int_equal(pread(fd, &b, 1, at), 1);
		b ^= 0x41;
		assert_int_equal(pwrite(fd, &b, 1, at), 1);
		assert_true(twin_verify(fd) < 0);
		b ^= 0x41;
		assert_int_equal(pwrite(fd, &b, 1, at), 1);
	}
	assert_int_equal(twin_verify(fd), 0);
	for (off_t len = st.st_size - 1; len > 0; len /= 2) {
		assert_int_equal(ftruncate(fd, len), 0);
		assert_true(twin_verify(fd) < 0);
	}
	close(fd);
}

/* A head whose checksum is right may still say what it likes. */
static void test_bounds(void **state)
{
	struct twin_head good = {.version = TWIN_VERSION, .kind = TWIN_OF_FILE, .file_len = 65536, .n_segs = 2, .segs_off = 32768, .packs_off = 32768};
	struct twin_seg segs[2] = {{.off = 0, .len = 4096, .text_off = 4096, .area_off = 8192, .sites_off = 12288, .area_len = 100, .n_sites = 1},
		{.off = 8192, .len = 100, .text_off = 4096, .area_off = 8192, .sites_off = 12288, .area_len = 100, .n_sites = 1}};
	struct twin_head h;
	struct twin_seg s[2];

	memcpy(good.magic, TWIN_MAGIC, 8);
	assert_true(twin_segs_check(&good, segs));
#define BAD_HEAD(change) do { h = good; h.change; h.head_crc = snap_crc32c(0, &h, offsetof(struct twin_head, head_crc)); \
	assert_true(twin_head_check(&h, 65536) < 0); } while (0)
	h = good;
	h.head_crc = snap_crc32c(0, &h, offsetof(struct twin_head, head_crc));
	assert_int_equal(twin_head_check(&h, 65536), 0);
	BAD_HEAD(version = 2);
	BAD_HEAD(kind = 3);
	BAD_HEAD(n_segs = 1u << 30);
	BAD_HEAD(segs_off = 65536 - 8);
	BAD_HEAD(segs_off = UINT64_MAX - 7);
	BAD_HEAD(segs_off = 8);
	BAD_HEAD(packs_off = UINT64_MAX);
	BAD_HEAD(file_len = 65535);
#define BAD_SEG(change) do { memcpy(s, segs, sizeof(s)); s[1].change; assert_false(twin_segs_check(&good, s)); } while (0)
	BAD_SEG(off = 0);
	BAD_SEG(off = 1);
	BAD_SEG(off = UINT64_MAX & ~4095ull);
	BAD_SEG(len = 0);
	BAD_SEG(len = UINT64_MAX);
	BAD_SEG(text_off = 65536);
	BAD_SEG(text_off = UINT64_MAX & ~4095ull);
	BAD_SEG(area_off = 61441);
	BAD_SEG(area_len = UINT32_MAX);
	BAD_SEG(area_len = 8);
	BAD_SEG(sites_off = 65536);
	BAD_SEG(n_sites = UINT32_MAX);
	BAD_SEG(n_sites = 0);
	BAD_SEG(pack = 1);
}

static void test_hostile(void **state)
{
	struct fixture *f = *state;
	uint8_t *elf = malloc(f->len);
	uint64_t rnd = 88172645463325252ull;

	assert_non_null(elf);
	for (int i = 0; i < 3000; i++) {
		size_t len = f->len;
		int fd = temp_file(f);

		memcpy(elf, f->elf, len);
		for (int k = 0; k < 1 + i % 7; k++) {
			rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
			elf[rnd % (i % 3 ? 2200 : len)] = (uint8_t)(rnd >> 40);
		}
		if (i % 5 == 0)
			len = rnd % len;
		write_twin(elf, len, fd);
		assert_int_equal(twin_verify(fd), 0);
		close(fd);
	}
	free(elf);
}

/* ---- In the store ---- */

static void complain(void *arg, const char *text)
{
	(*(unsigned int *)arg)++;
}

static unsigned int faults(struct fixture *f)
{
	unsigned int n = 0;

	store_verify(f->s, complain, &n, &f->e);
	return n;
}

static void test_layer(void **state)
{
	struct fixture *f = *state;
	struct tarball t[2] = {{0}};
	struct store_txn *txn;
	struct image_ref ref;
	struct twin_head h;
	struct twin_seg s;
	int *fds, fd;

	tar_file(&t[0], "usr/lib/text", "no program", 10);
	tar_file(&t[0], "usr/lib/x.so", f->elf, f->len);
	tar_file(&t[1], "other", "nothing", 7);
	assert_int_equal(store_begin(f->s, &txn, &f->e), 0);
	assert_int_equal(publish_image(txn, "docker.io/library/twins:latest", "{}", t, 2, &ref, &f->e), 0);
	store_end(txn);
	assert_int_equal(twin_layers_open(f->s, &ref.chain, &fds), 1);
	fd = fds[0];
	free(fds);
	assert_int_equal(twin_verify(fd), 0);
	assert_int_equal(pread(fd, &h, sizeof(h), 0), sizeof(h));
	assert_int_equal(h.kind, TWIN_OF_LAYER);
	assert_int_equal(h.n_segs, 1);
	assert_int_equal(pread(fd, &s, sizeof(s), (off_t)h.segs_off), sizeof(s));
	assert_int_equal(s.off % TWIN_PAGE, 0);
	assert_true(s.off >= 8192); /* in the pack: behind the other file's page and its own head */
	close(fd);
	assert_int_equal(faults(f), 0);
	assert_int_equal(store_remove_ref(f->s, "docker.io/library/twins:latest", NULL, &f->e), 0);
	assert_int_equal(store_collect(f->s, NULL, &f->e), 0);
	assert_int_equal(twin_layers_open(f->s, &ref.chain, &fds), 0);
	free(fds);
	for (int i = 0; i < 2; i++)
		free(t[i].p);
}

static unsigned int cached(struct fixture *f, char *last)
{
	char path[128];
	struct dirent *de;
	unsigned int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/twins", f->dir);
	d = opendir(path);
	while (d && (de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		n++;
		if (last)
			snprintf(last, 400, "%s/%s", path, de->d_name);
	}
	if (d)
		closedir(d);
	return n;
}

static void test_cache(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
	struct fixture *f = *state;
	int fds[TWIN_CACHE_MAX], fd;
	char name[400];

	/* Its inode was changed just now: it could be changed again without a trace. */
	assert_int_equal(twin_cache_open(f->s, f->root, fds), 0);
	assert_int_equal(cached(f, NULL), 0);
	sleep(4);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(twin_cache_open(f->s, f->root, fds), 1);
		assert_int_equal(twin_verify(fds[0]), 0);
		assert_int_equal(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
		close(fds[0]);
		assert_int_equal(cached(f, name), 1);
	}
	assert_int_equal(faults(f), 0);
	fd = open(name, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 5000), 1);
	assert_int_equal(faults(f), 1);
	assert_int_equal(futimens(fd, old), 0);
	close(fd);
	assert_int_equal(store_collect(f->s, NULL, &f->e), 0);
	assert_int_equal(cached(f, NULL), 0);
}

/* After the above: the original is old enough. */
static void test_killed(void **state)
{
	struct fixture *f = *state;
	unsigned int made = 0;
	char name[400];

	sleep(4);
	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid) {
			int fds[TWIN_CACHE_MAX];

			twin_cache_open(f->s, f->root, fds);
			_exit(0);
		}
		usleep((useconds_t)i * 40);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		assert_int_equal(faults(f), 0);
		if (cached(f, name)) {
			made++;
			unlink(name);
		}
	}
	print_message("%u of 60 were made\n", made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_layer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
