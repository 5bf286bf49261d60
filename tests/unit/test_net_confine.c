/* SPDX-License-Identifier: MIT */
/* What the registry client can still do once it is confined, and the broker that looks up credentials for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/broker.h"
#include "net/confine.h"
#include "rootless/harden.h"

static char dir[] = "/tmp/test-confine-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* errno of opening a file beneath the test's directory, 0 if it can be. */
static int open_error(const char *name, int flags)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* In a child: the number of the first expectation that is not met, 0 if all are. */
static int confined(struct store *s)
{
	char source[200];

	snprintf(source, sizeof(source), "%s/archive", dir);
	confine(s, source, false);
	if (open_error("store/new", O_WRONLY | O_CREAT))
		return 1;
	if (open_error("archive", O_RDONLY))
		return 2;
	if (open_error("archive", O_WRONLY) != EACCES)
		return 3;
	if (open_error("secret", O_RDONLY) != EACCES)
		return 4;
	if (open_error("elsewhere", O_WRONLY | O_CREAT) != EACCES)
		return 5;
	if (rename(source, "/tmp/x") == 0)
		return 6;
	if (open("/etc/hosts", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES)
		return 7;
	return 0;
}

static void confinement(void **state)
{
	struct store *s;
	char path[200];
	int status;
	pid_t pid;

	if (CONFINE_OFF || landlock_abi() < 2)
		skip();
	snprintf(path, sizeof(path), "%s/store", dir);
	assert_int_equal(store_open(path, &s, NULL), 0);
	write_file("archive", "a");
	write_file("secret", "s");
	pid = fork();
	if (!pid)
		_exit(confined(s));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store_close(s);
}

static void broker(void **state)
{
	struct credentials c;
	struct snap_error e;
	struct broker b;

	/* user:pass */
	write_file("config.json",
		"{\"auths\":{\"r.example:5000\":{\"auth\":\"dXNlcjpwYXNz\"},\"other\":{\"auth\":\"eDp5\"}}}");
	setenv("DOCKER_CONFIG", dir, 1);
	assert_int_equal(broker_start(&b, "r.example:5000", &e), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(broker_find(&b, &c, &e), 0);
		assert_string_equal(c.user, "user");
		assert_string_equal(c.password, "pass");
		assert_null(c.identity_token);
		credentials_free(&c);
	}
	/* It reads the file when asked. */
	write_file("config.json", "{}");
	assert_int_equal(broker_find(&b, &c, &e), 0);
	assert_null(c.user);
	write_file("config.json", "{\"auths\":{\"r.example:5000\":{\"auth\":\"!\"}}}");
	assert_int_equal(broker_find(&b, &c, &e), -EINVAL);
	assert_non_null(strstr(e.text, "base64"));
	broker_stop(&b);
	broker_stop(&b);
}

static void broker_gone(void **state)
{
	struct credentials c;
	struct snap_error e;
	struct broker b;

	assert_int_equal(broker_start(&b, "r", &e), 0);
	shutdown(b.fd, SHUT_RDWR);
	assert_int_equal(broker_find(&b, &c, &e), -EIO);
	broker_stop(&b);
}

static int setup(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(confinement),
		cmocka_unit_test(broker),
		cmocka_unit_test(broker_gone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
