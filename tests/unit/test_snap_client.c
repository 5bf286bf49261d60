/* SPDX-License-Identifier: MIT */
/* picket-snapd and its client: starting, joining, leaving, dying. Skipped parts say so where the host has no FUSE. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fuse-snap/client.h"
#include "snap_util.h"

#define FILE_SIZE 300000u

struct fixture {
	char dir[64];
	char run[128];
	struct store *s;
	struct image_ref ref;
	struct snap_error e;
	uint8_t data[FILE_SIZE];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tarball t[2] = {{0}};
	struct store_txn *txn;
	char path[96];

	assert_non_null(f);
	make_scratch(f->dir);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", f->dir, 1), 0);
	snprintf(f->run, sizeof(f->run), "%s/picket", f->dir);
	snprintf(path, sizeof(path), "%s/store", f->dir);
	for (size_t i = 0; i < FILE_SIZE; i++)
		f->data[i] = (uint8_t)(i * 2654435761u >> 11);
	tar_file(&t[0], "one", f->data, FILE_SIZE);
	tar_file(&t[1], "two", f->data + 1, FILE_SIZE - 1);
	assert_int_equal(store_open(path, &f->s, &f->e), 0);
	assert_int_equal(store_begin(f->s, &txn, &f->e), 0);
	assert_int_equal(publish_image(txn, "docker.io/library/x:1", "{}", t, 2, &f->ref, &f->e), 0);
	store_end(txn);
	free(t[0].p);
	free(t[1].p);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	remove_scratch(f->dir);
	free(f);
	return 0;
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void open_image(struct fixture *f, unsigned int flags, struct snap_image *img)
{
	if (snap_open_image(f->s, &f->ref.chain, PICKET_SNAPD, flags, img, &f->e))
		fail_msg("%s", f->e.text);
}

static bool have_fuse(struct fixture *f)
{
	struct snap_image img;
	bool r;

	open_image(f, 0, &img);
	r = img.via == SNAP_VIA_FUSE;
	if (!r)
		print_message("no FUSE here (%s): not tested\n", img.why);
	snap_close_image(&img);
	return r;
}

/* Both files through the packs, by reading and by mapping. */
static void expect_data(struct fixture *f, const struct snap_image *img)
{
	uint8_t *buf = malloc(FILE_SIZE);
	void *map;

	assert_non_null(buf);
	assert_int_equal(img->pack_count, 2);
	assert_int_equal(pread(img->pack_fds[0], buf, FILE_SIZE, 0), FILE_SIZE);
	assert_memory_equal(buf, f->data, FILE_SIZE);
	assert_int_equal(pread(img->pack_fds[1], buf, 1000, 5000), 1000);
	assert_memory_equal(buf, f->data + 5001, 1000);
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, img->pack_fds[0], 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_memory_equal(map, f->data, FILE_SIZE);
	munmap(map, FILE_SIZE);
	assert_int_equal(fcntl(img->pack_fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(img->pack_fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(img->index_fd, F_GETFD), FD_CLOEXEC);
	free(buf);
}

/* The server of this fixture's store: its command line holds the path. 0: none. */
static pid_t find_server(struct fixture *f)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	pid_t pid = 0;

	assert_non_null(d);
	while (!pid && (de = readdir(d))) {
		char path[300], cmd[512] = "";
		ssize_t n;
		int fd;

		snprintf(path, sizeof(path), "/proc/%s/cmdline", de->d_name);
		fd = atoi(de->d_name) > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		if (fd < 0)
			continue;
		n = read(fd, cmd, sizeof(cmd) - 1);
		close(fd);
		if (n > 0 && !strcmp(cmd, "picket-snapd") && memmem(cmd, (size_t)n, f->dir, strlen(f->dir)))
			pid = atoi(de->d_name);
	}
	closedir(d);
	return pid;
}

static void expect_gone(struct fixture *f)
{
	double end = now_ms() + 2000;

	while (find_server(f)) {
		assert_true(now_ms() < end);
		usleep(1000);
	}
}

static size_t count_run(struct fixture *f)
{
	struct dirent *de;
	size_t n = 0;
	DIR *d = opendir(f->run);

	while (d && (de = readdir(d)))
		n += de->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static void test_files(void **state)
{
	struct fixture *f = *state;
	struct snap_image img;

	open_image(f, SNAP_OPEN_NO_FUSE, &img);
	assert_int_equal(img.via, SNAP_VIA_FILES);
	assert_true(*img.why);
	assert_int_equal(img.conn_fd, -1);
	expect_data(f, &img);
	snap_close_image(&img);
	assert_int_equal(snap_open_image(f->s, &f->ref.chain, "/nowhere/picket-snapd", 0, &img, &f->e), 0);
	assert_int_equal(img.via, SNAP_VIA_FILES);
	expect_data(f, &img);
	snap_close_image(&img);
	assert_int_equal(snap_open_image(f->s, &f->ref.chain, "/bin/true", 0, &img, &f->e), 0);
	assert_int_equal(img.via, SNAP_VIA_FILES);
	expect_data(f, &img);
	snap_close_image(&img);
	assert_int_equal(snap_open_image(f->s, &f->ref.config, NULL, 0, &img, &f->e), -ENOENT);
}

static void test_fuse(void **state)
{
	struct fixture *f = *state;
	struct snap_image a, b;
	double t0, t1, t2;
	pid_t pid;

	if (!have_fuse(f))
		skip();
	expect_gone(f);
	t0 = now_ms();
	open_image(f, 0, &a);
	t1 = now_ms();
	open_image(f, 0, &b);
	t2 = now_ms();
	print_message("picket-snapd: cold %.1f ms, warm %.2f ms\n", t1 - t0, t2 - t1);
	assert_int_equal(a.via, SNAP_VIA_FUSE);
	assert_int_equal(b.via, SNAP_VIA_FUSE);
	expect_data(f, &a);
	expect_data(f, &b);
	pid = find_server(f);
	assert_true(pid > 0);
	snap_close_image(&a);
	expect_data(f, &b);
	assert_int_equal(find_server(f), pid);
	snap_close_image(&b);
	expect_gone(f);
	assert_int_equal(count_run(f), 0);
}

/* kill -9 of the server: readers get errors, not hangs, and the next one starts a new server. */
static void test_server_dies(void **state)
{
	struct fixture *f = *state;
	struct snap_image a, b;
	uint8_t byte;

	if (!have_fuse(f))
		skip();
	open_image(f, 0, &a);
	assert_int_equal(kill(find_server(f), SIGKILL), 0);
	expect_gone(f);
	assert_int_equal(recv(a.conn_fd, &byte, 1, 0), 0);
	assert_int_equal(pread(a.pack_fds[0], &byte, 1, 200000), -1);
	open_image(f, 0, &b);
	assert_string_equal(b.why, "");
	assert_int_equal(b.via, SNAP_VIA_FUSE);
	expect_data(f, &b);
	snap_close_image(&a);
	snap_close_image(&b);
	expect_gone(f);
}

/* kill -9 of the only client: the server goes. */
static void test_client_dies(void **state)
{
	struct fixture *f = *state;
	int ready[2];
	char byte;
	pid_t pid;

	if (!have_fuse(f))
		skip();
	expect_gone(f);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct snap_image img;

		if (snap_open_image(f->s, &f->ref.chain, PICKET_SNAPD, 0, &img, &f->e) || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_true(find_server(f) > 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	expect_gone(f);
	assert_int_equal(count_run(f), 0);
	close(ready[0]);
	close(ready[1]);
}

/* Many come and go at once: each gets its descriptors, and nobody is left. */
static void test_crowd(void **state)
{
	struct fixture *f = *state;
	pid_t pids[12];

	if (!have_fuse(f))
		skip();
	for (size_t i = 0; i < 12; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		for (unsigned int n = 0; n < 15; n++) {
			struct snap_image img;

			if (snap_open_image(f->s, &f->ref.chain, PICKET_SNAPD, 0, &img, &f->e) ||
				img.via != SNAP_VIA_FUSE)
				_exit(1);
			if (pread(img.pack_fds[1], f->data, 1, 0) != 1)
				_exit(2);
			usleep(((unsigned int)i * 7919 + n * 104729) % 3000);
			snap_close_image(&img);
		}
		_exit(0);
	}
	for (size_t i = 0; i < 12; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	expect_gone(f);
	assert_int_equal(count_run(f), 0);
}

static void publish(struct fixture *f, const char *name, struct tarball *t, size_t n)
{
	struct store_txn *txn;
	struct image_ref ref;

	assert_int_equal(store_begin(f->s, &txn, &f->e), 0);
	assert_int_equal(publish_image(txn, name, name, t, n, &ref, &f->e), 0);
	store_end(txn);
	for (size_t i = 0; i < n; i++)
		free(t[i].p);
}

/*
 * An image in use cannot be collected; afterwards it can, although the server lingers. If it comes back with another
 * layout (a file of it is found in another layer's pack now) that server must not be believed.
 */
static void test_lock(void **state)
{
	struct fixture *f = *state;
	struct tarball other[1] = {{0}}, again[2] = {{0}};
	struct store_gc_stats st;
	struct snap_image img;

	open_image(f, 0, &img);
	assert_int_equal(store_remove_ref(f->s, "x:1", NULL, &f->e), 0);
	assert_int_equal(store_collect(f->s, &st, &f->e), 0);
	assert_int_equal(st.kept_in_use, 1);
	expect_data(f, &img);
	snap_close_image(&img);
	for (double end = now_ms() + 900; now_ms() < end; usleep(1000)) { /* it must first see that we are gone */
		assert_int_equal(store_collect(f->s, &st, &f->e), 0);
		if (!st.kept_in_use)
			break;
	}
	assert_int_equal(st.images, 1);
	assert_int_equal(st.layers, 2);

	tar_file(&other[0], "z", f->data + 1, FILE_SIZE - 1);
	publish(f, "docker.io/library/y:1", other, 1);
	tar_file(&again[0], "one", f->data, FILE_SIZE);
	tar_file(&again[1], "two", f->data + 1, FILE_SIZE - 1);
	publish(f, "docker.io/library/x:1", again, 2);
	for (int i = 0; i < 2; i++) {
		open_image(f, 0, &img);
		expect_data(f, &img);
		snap_close_image(&img);
	}
	expect_gone(f);
}

/* Of another image's pack an image sees what it has itself, and zeros. */
static void test_view(void **state)
{
	struct fixture *f = *state;
	struct tarball low = {0}, top = {0};
	uint8_t *buf = malloc(FILE_SIZE), *map;
	struct snap_image img;
	struct image_ref ref;

	if (!have_fuse(f)) {
		free(buf);
		skip();
	}
	tar_file(&low, "secret", "of another image", 16);
	tar_file(&low, "common", f->data + 3, 20000);
	tar_file(&low, "secret2", "of another image", 15);
	publish(f, "docker.io/library/victim:1", &low, 1);
	tar_file(&top, "mine", f->data + 3, 20000);
	publish(f, "docker.io/library/thief:1", &top, 1);
	assert_int_equal(store_resolve(f->s, "thief:1", &ref, &f->e), 0);
	assert_int_equal(snap_open_image(f->s, &ref.chain, PICKET_SNAPD, 0, &img, &f->e), 0);
	assert_int_equal(img.via, SNAP_VIA_FUSE);
	assert_int_equal(img.pack_count, 1);
	assert_int_equal(pread(img.pack_fds[0], buf, FILE_SIZE, 0), 4096 + 20480 + 4096);
	map = mmap(NULL, 28672, PROT_READ, MAP_PRIVATE, img.pack_fds[0], 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	for (size_t i = 0; i < 28672; i++) {
		uint8_t want = i >= 4096 && i < 24096 ? f->data[3 + i - 4096] : 0;

		assert_int_equal(buf[i], want);
		assert_int_equal(map[i], want);
	}
	munmap(map, 28672);
	snap_close_image(&img);
	free(buf);
}

static void test_runtime_dir(void **state)
{
	struct fixture *f = *state;
	char dir[256], long_dir[256];
	struct stat st;

	assert_int_equal(snap_runtime_dir(dir, sizeof(dir), &f->e), 0);
	assert_string_equal(dir, f->run);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(snap_runtime_dir(dir, sizeof(dir), &f->e), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(symlink("/tmp", dir), 0);
	if (!snap_runtime_dir(dir, sizeof(dir), &f->e))
		assert_string_not_equal(dir, f->run);
	assert_int_equal(unlink(f->run), 0);
	assert_int_equal(snap_runtime_dir(dir, 10, &f->e), -ENAMETOOLONG);

	/* Longer than a socket's name may be. */
	snprintf(long_dir, sizeof(long_dir), "%s/%0150d", f->dir, 0);
	assert_int_equal(mkdir(long_dir, 0700), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", long_dir, 1), 0);
	have_fuse(f);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", f->dir, 1), 0);
}

static void test_mount(void **state)
{
	struct fixture *f = *state;
	char dir[96], path[128];
	uint8_t *buf = malloc(FILE_SIZE);
	struct stat st;
	int fd;

	assert_non_null(buf);
	if (access("/dev/fuse", R_OK | W_OK) || system("command -v fusermount3 >/dev/null 2>&1")) {
		free(buf);
		skip();
	}
	snprintf(dir, sizeof(dir), "%s/mnt", f->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	if (snap_mount_image(f->s, &f->ref.chain, PICKET_SNAPD, "x:1", dir, &f->e)) {
		print_message("%s: not tested\n", f->e.text);
		free(buf);
		rmdir(dir);
		return;
	}
	snprintf(path, sizeof(path), "%s/one", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, FILE_SIZE);
	assert_int_equal(read(fd, buf, FILE_SIZE), FILE_SIZE);
	assert_memory_equal(buf, f->data, FILE_SIZE);
	close(fd);
	assert_int_equal(open(path, O_WRONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, EROFS);
	assert_int_equal(snap_umount(dir, &f->e), 0);
	expect_gone(f);
	assert_int_equal(rmdir(dir), 0);
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fuse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crowd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_view, setup, teardown),
		cmocka_unit_test_setup_teardown(test_runtime_dir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mount, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
