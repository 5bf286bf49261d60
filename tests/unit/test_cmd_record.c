/* SPDX-License-Identifier: MIT */
/* Entries of sandboxes on disk. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/process.h"
#include "cmd/keep/record.h"
#include "cmd/keep/record_priv.h"
#include "cmd/lib/signals.h"
#include "cmd/options.h"
#include "cmd/sandbox/filter.h"

static char work[] = "/tmp/picket-record-XXXXXX";

static int setup(void **state)
{
	char *path;

	assert_non_null(mkdtemp(work));
	path = xasprintf("%s/run", work);
	assert_int_equal(mkdir(path, 0700), 0);
	setenv("XDG_RUNTIME_DIR", path, 1);
	free(path);
	path = xasprintf("%s/store", work);
	setenv("PICKET_STORE", path, 1);
	free(path);
	return 0;
}

static int teardown(void **state)
{
	return remove_tree(AT_FDCWD, work);
}

static void make(const char *name, bool temporary, struct entry *e)
{
	struct entry_config c = {.name = name ? xstrdup(name) : NULL, .image = xstrdup("host"), .dropped = temporary};
	char *err = NULL;

	str_list_add(&c.command, xstrdup("odd\xff\xf4\x8f\xbf\xbf\n\"x"));
	str_list_add(&c.labels, xstrdup("a=b"));
	assert_int_equal(entry_create(&c, temporary, e, &err), 0);
	assert_null(err);
	entry_config_free(&c);
}

static void check_found(const char *text, const char *id)
{
	struct entry e;
	char *err = NULL;

	assert_int_equal(entry_find(text, &e, &err), 0);
	assert_string_equal(e.id, id);
	entry_free(&e);
	free(err);
}

static void check_missing(const char *text, int result)
{
	struct entry e;
	char *err = NULL;

	assert_int_equal(entry_find(text, &e, &err), result);
	assert_non_null(err);
	free(err);
}

static void drop(struct entry *e)
{
	char *err = NULL;

	assert_int_equal(entry_lock(e, true, &err), 0);
	assert_int_equal(entry_remove(e, &err), 0);
	entry_free(e);
}

static void test_round_trip(void **state)
{
	struct entry e, again;
	char *err = NULL, part[10];

	make("one", false, &e);
	assert_true(e.lock >= 0);
	assert_int_equal(e.state.status, ENTRY_CREATED);
	assert_int_equal(entry_sync(&e, &err), 0);
	entry_unlock(&e);
	assert_int_equal(entry_find("one", &again, &err), 0);
	assert_string_equal(again.config.command.items[0], "odd\xff\xf4\x8f\xbf\xbf\n\"x");
	assert_string_equal(again.config.labels.items[0], "a=b");
	assert_string_equal(again.config.image_id, "");
	entry_free(&again);
	check_found(e.id, e.id);
	check_found(e.short_id, e.id);
	snprintf(part, sizeof(part), "%.5s", e.id);
	check_found(part, e.id);
	check_missing("two", -ENOENT);
	check_missing("", -ENOENT);
	check_missing("../one", -ENOENT);
	drop(&e);
	check_missing("one", -ENOENT);
}

static void test_names(void **state)
{
	struct entry_config c = {.image = xstrdup("host")};
	struct entry a, b, t;
	char *err = NULL;

	make("a", false, &a);
	make(NULL, false, &b);
	make("t", true, &t);
	assert_true(valid_entry_name(b.config.name));
	c.name = xstrdup("a");
	assert_int_equal(entry_create(&c, true, &t, &err), -EEXIST);
	c.name[0] = 't';
	assert_int_equal(entry_create(&c, false, &t, &err), -EEXIST);
	c.name[0] = '-';
	assert_int_equal(entry_create(&c, false, &t, &err), -EINVAL);
	assert_int_equal(entry_rename(&b, "a", &err), -EEXIST);
	assert_int_equal(entry_rename(&b, "t", &err), -EEXIST);
	assert_int_equal(entry_rename(&b, "b/c", &err), -EINVAL);
	assert_int_equal(entry_rename(&b, "bb", &err), 0);
	check_found("bb", b.id);
	/* Another process knows the old name, and removes the new one. */
	assert_int_equal(entry_rename(&a, "aa", &err), 0);
	free(a.config.name);
	a.config.name = xstrdup("a");
	drop(&a);
	check_missing("aa", -ENOENT);
	assert_int_equal(entry_rename(&b, "aa", &err), 0);
	drop(&b);
	drop(&t);
	entry_config_free(&c);
	free(err);
}

static void test_lock(void **state)
{
	struct entry e, other;
	char *err = NULL;

	make("l", false, &e);
	assert_int_equal(entry_find("l", &other, &err), 0);
	assert_int_equal(entry_lock(&other, false, &err), -EBUSY);
	assert_int_equal(entry_lock(&e, false, &err), 0); /* held already */
	entry_unlock(&e);
	assert_int_equal(entry_lock(&other, false, &err), 0);
	assert_int_equal(entry_remove(&other, &err), 0);
	assert_int_equal(entry_lock(&e, true, &err), -ENOENT);
	entry_free(&e);
	entry_free(&other);
	free(err);
}

/* A state that needs a keeper, without one. */
static void test_crash(void **state)
{
	struct entry e;
	struct entry_list list;
	char *err = NULL;

	make("c", false, &e);
	entry_keeper_is(&e, getpid());
	e.state.status = ENTRY_RUNNING;
	assert_int_equal(entry_write_state(&e, &err), 0);
	entry_unlock(&e);
	assert_int_equal(entries_list(ENTRIES_LIVE, &list, &err), 0);
	assert_int_equal(list.count, 1);
	entry_list_free(&list);
	e.state.start++; /* a later process with this pid */
	assert_int_equal(entry_write_state(&e, &err), 0);
	assert_int_equal(entries_list(ENTRIES_LIVE, &list, &err), 0);
	assert_int_equal(list.count, 0);
	assert_int_equal(entry_reload(&e, &err), 0);
	assert_false(e.crashed); /* it was written down */
	assert_int_equal(e.state.status, ENTRY_EXITED);
	assert_int_equal(e.state.exit_code, 137);
	assert_string_equal(e.state.error, "the keeper was killed");
	drop(&e);
	/* One that was to be dropped goes. */
	make("c", true, &e);
	e.state.status = ENTRY_RUNNING;
	e.state.start++;
	assert_int_equal(entry_write_state(&e, &err), 0);
	entry_unlock(&e);
	check_missing("c", -ENOENT);
	assert_int_equal(access(e.dir, F_OK), -1);
	entry_free(&e);
	free(err);
}

/* RUNTIME/ID12, with a directory in it if `part` is given, both `age` seconds old. Whether a listing leaves it. */
static bool is_left(const char *part, int age)
{
	char *dir = xasprintf("%s/run/picket/0123456789ab", work), *sub = xasprintf("%s/%s", dir, part ? part : "");
	struct timespec then[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
	struct entry_list list;
	char *err = NULL;
	bool left;

	assert_int_equal(mkdir(dir, 0700), 0);
	if (part)
		assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(utimensat(AT_FDCWD, sub, then, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, dir, then, 0), 0);
	assert_int_equal(entries_list(0, &list, &err), 0);
	entry_list_free(&list);
	left = access(dir, F_OK) == 0;
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
	free(sub);
	free(dir);
	return left;
}

/* What a command leaves that is killed while it makes or removes a temporary entry goes with one listing. */
static void test_leftovers(void **state)
{
	struct entry e;

	make("l", true, &e); /* there is a runtime directory now */
	drop(&e);
	assert_true(is_left(NULL, 0));
	assert_false(is_left(NULL, 120));
	assert_true(is_left(".new-entry", 0));
	assert_false(is_left(".new-entry", 120));
	assert_false(is_left(".gone-entry", 0));
	assert_true(is_left("control.sock", 120)); /* a kept one's, which runs */
}

/* Whatever the files hold, they are read or refused. */
static void test_odd_files(void **state)
{
	static const char *const states[] = {"", "[]", "{}", "{\"status\": 1}", "{\"status\": \"dead\"}",
		"{\"status\": \"exited\", \"exit_code\": 256}", "{\"status\": \"exited\", \"exit_code\": -1}",
		"{\"status\": \"exited\", \"pid\": 1e99}", "{\"status\": \"exited\", \"pid\": 4294967296}",
		"{\"status\": \"exited\", \"boot\": \"0123456789012345678901234567890123456789\"}",
		"{\"status\": \"exited\", \"health\": []}", "{\"status\": \"exited\", \"error\": {}}",
		"{\"status\": \"exited\", \"oom_killed\": 1}", "{\"status\": \"exited\"} x"};
	struct entry e, again;
	char *err = NULL, *path;
	FILE *f;

	make("odd", false, &e);
	path = xasprintf("%s/state.json", e.dir);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(states[i], f);
		fclose(f);
		assert_int_equal(entry_load(e.dir, e.id, false, &again), -EUCLEAN);
	}
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(entry_load(e.dir, e.id, false, &again), -ELOOP);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(entry_load(e.dir, e.id, false, &again) < 0);
	rmdir(path);
	drop(&e);
	free(path);
	free(err);
}

/* The words of a dump are parsed to the same structure. */
static void test_options(void **state)
{
	const struct cmd_spec *run = find_command("run");
	char *argv[] = {xstrdup("-it"), xstrdup("-eA=1"), xstrdup("--env"), xstrdup("B= x\n"), xstrdup("-m64m"),
		xstrdup("--pids-limit=-1"), xstrdup("--entrypoint="), xstrdup("--net"), xstrdup("none"), xstrdup("--trace"),
		xstrdup("-v"), xstrdup("/a:/b:ro"), xstrdup("--rm=false"), xstrdup("img"), xstrdup("-x")};
	struct parsed p, q;
	struct str_list words = {0}, again = {0};
	const struct run_options *o;

	assert_int_equal(parse_options(run, 15, argv, &p), 0);
	dump_options(run, p.opts, &words);
	assert_int_equal(parse_options(run, (int)words.count, words.items, &q), 0);
	o = q.opts;
	assert_true(o->interactive && o->tty && !o->rm);
	assert_int_equal(o->env.count, 2);
	assert_string_equal(o->env.items[1], "B= x\n");
	assert_int_equal(o->memory, 64 << 20);
	assert_int_equal(o->pids, -1);
	assert_string_equal(o->entrypoint, "");
	assert_string_equal(o->network, "none");
	assert_string_equal(o->trace, "");
	assert_string_equal(o->volumes.items[0], "/a:/b:ro");
	assert_int_equal(q.argc, 0);
	dump_options(run, q.opts, &again);
	assert_int_equal(words.count, again.count);
	for (size_t i = 0; i < again.count; i++)
		assert_string_equal(words.items[i], again.items[i]);
	parsed_free(run, &p);
	parsed_free(run, &q);
	str_list_free(&words);
	str_list_free(&again);
	for (size_t i = 0; i < 15; i++)
		free(argv[i]);
}

static void test_words(void **state)
{
	int64_t t;

	assert_int_equal(parse_signal("TERM"), 15);
	assert_int_equal(parse_signal("sigkill"), 9);
	assert_int_equal(parse_signal("10"), 10);
	assert_int_equal(parse_signal("RTMIN+3"), 37);
	assert_int_equal(parse_signal("SIGRTMAX-1"), 63);
	assert_int_equal(parse_signal("0"), -EINVAL);
	assert_int_equal(parse_signal("65"), -EINVAL);
	assert_int_equal(parse_signal("SIG"), -EINVAL);
	assert_int_equal(parse_signal("RTMIN3"), -EINVAL);
	assert_int_equal(parse_moment("1h30m", INT64_C(10000) * 1000000000, &t), 0);
	assert_int_equal(t, INT64_C(4600) * 1000000000);
	assert_int_equal(parse_moment("2001-09-09T01:46:40Z", 0, &t), 0);
	assert_int_equal(t, INT64_C(1000000000) * 1000000000);
	assert_int_equal(parse_moment("2001-09-09T03:46:40+02:00", 0, &t), 0);
	assert_int_equal(t, INT64_C(1000000000) * 1000000000);
	assert_int_equal(parse_moment("1000000000", 0, &t), 0);
	assert_int_equal(t, INT64_C(1000000000) * 1000000000);
	assert_int_equal(parse_moment("", 0, &t), -EINVAL);
	assert_int_equal(parse_moment("10x", 0, &t), -EINVAL);
	assert_int_equal(parse_moment("yesterday", 0, &t), -EINVAL);
	assert_int_equal(process_start(getpid()) > 0, 1);
	assert_false(process_lives(getpid(), process_start(getpid()) + 1, boot_id()));
	assert_true(process_lives(getpid(), process_start(getpid()), boot_id()));
	assert_false(process_lives(getpid(), process_start(getpid()), "another boot"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_leftovers),
		cmocka_unit_test(test_odd_files),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
