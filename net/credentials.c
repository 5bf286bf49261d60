/* SPDX-License-Identifier: MIT */
/*
 * ~/.docker/config.json: "auths", "credHelpers", "credsStore". A helper is a program docker-credential-NAME in $PATH;
 * its name comes from a file of the user's own, yet is checked: it must not become a path.
 */
#include "credentials.h"

#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONFIG_FILE_MAX (1u << 20)
#define HELPER_OUTPUT_MAX (64u << 10)
#define HELPER_SECONDS 60

/* docker's key for the default registry is not its name. */
#define DOCKER_HUB_KEY "https://index.docker.io/v1/"

static void free_secret(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

void credentials_free(struct credentials *c)
{
	free(c->user);
	free_secret(c->password);
	free_secret(c->identity_token);
	*c = (struct credentials){0};
}

static int config_path(char *buf, size_t size)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	int n;

	if (dir && *dir)
		n = snprintf(buf, size, "%s/config.json", dir);
	else if (home && *home)
		n = snprintf(buf, size, "%s/.docker/config.json", home);
	else
		return -ENOENT;
	return (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* The configuration; NULL with 0 in *r if there is no file. */
static json_t *config_read(const char *path, int *r, struct snap_error *e)
{
	json_t *json = NULL;
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*r = 0;
	if (fd < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			*r = snap_fail_errno(e, errno, "cannot read %s", path);
		return NULL;
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > CONFIG_FILE_MAX)
		*r = snap_fail(e, EINVAL, "%s is not a configuration file", path);
	else if (!(text = malloc((size_t)st.st_size + 1)) || (n = read(fd, text, (size_t)st.st_size)) < 0)
		*r = snap_fail_errno(e, errno, "cannot read %s", path);
	close(fd);
	if (n >= 0)
		json = json_parse_object(text, (size_t)n, path, e);
	if (n >= 0 && !json)
		*r = -EINVAL;
	if (text && n > 0)
		explicit_bzero(text, (size_t)n);
	free(text);
	return json;
}

/* HOST[:PORT] of a key of "auths": scheme and path are dropped. */
static void key_host(const char *key, char *buf, size_t size)
{
	const char *s = strstr(key, "://");

	s = s ? s + 3 : key;
	snprintf(buf, size, "%.*s", (int)strcspn(s, "/"), s);
}

static bool key_matches(const char *key, const char *registry)
{
	char host[512];

	key_host(key, host, sizeof(host));
	if (!strcmp(host, registry))
		return true;
	return !strcmp(registry, "docker.io") &&
	       (!strcmp(host, "index.docker.io") || !strcmp(host, "registry-1.docker.io"));
}

/* "auth" is base64 of USER:PASSWORD. */
static int decode_auth(struct credentials *out, const char *text, const char *path, struct snap_error *e)
{
	size_t len = strlen(text);
	unsigned char *plain;
	char *colon = NULL;
	int n = -1;

	if (len > 1 << 16 || len % 4)
		return snap_fail(e, EINVAL, "%s: an 'auth' is not base64", path);
	plain = calloc(1, len + 4);
	if (!plain)
		return snap_fail(e, ENOMEM, "out of memory");
	n = EVP_DecodeBlock(plain, (const unsigned char *)text, (int)len);
	if (n >= 0)
		colon = strchr((char *)plain, ':');
	if (colon) {
		*colon = '\0';
		out->user = strdup((char *)plain);
		out->password = strdup(colon + 1);
	}
	explicit_bzero(plain, len + 4);
	free(plain);
	return colon ? 0 : snap_fail(e, EINVAL, "%s: an 'auth' is not base64 of USER:PASSWORD", path);
}

static int from_auths(
	struct credentials *out, const json_t *config, const char *registry, const char *path, struct snap_error *e)
{
	json_t *auths = json_get_object(config, "auths"), *entry, *found = NULL;
	const char *key, *auth, *token;
	int r = 0;

	json_object_foreach(auths, key, entry) if (!found && json_is_object(entry) && key_matches(key, registry))
		found = entry;
	if (!found)
		return 0;
	auth = json_get_string(found, "auth");
	token = json_get_string(found, "identitytoken");
	if (auth && *auth)
		r = decode_auth(out, auth, path, e);
	else if (json_get_string(found, "username") && json_get_string(found, "password")) {
		out->user = strdup(json_get_string(found, "username"));
		out->password = strdup(json_get_string(found, "password"));
	}
	if (token && *token)
		out->identity_token = strdup(token);
	return r;
}

/* Start the helper with pipes on 0 and 1. fds: its input's write end, its output's read end. */
static int helper_spawn(const char *name, int fds[2], pid_t *pid)
{
	char program[160], get[] = "get", *argv[] = {program, get, NULL};
	posix_spawn_file_actions_t actions;
	int in[2], out[2], r;

	snprintf(program, sizeof(program), "docker-credential-%s", name);
	if (pipe2(in, O_CLOEXEC))
		return errno;
	if (pipe2(out, O_CLOEXEC)) {
		r = errno;
		close(in[0]);
		close(in[1]);
		return r;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	r = posix_spawnp(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	if (r) {
		close(in[1]);
		close(out[0]);
	}
	fds[0] = in[1];
	fds[1] = out[0];
	return r;
}

/* Read until end of file, at most size-1 bytes, for HELPER_SECONDS. Returns the length, -1 on a fault. */
static ssize_t helper_read(int fd, char *buf, size_t size)
{
	time_t end = time(NULL) + HELPER_SECONDS;
	size_t len = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		time_t now = time(NULL);
		ssize_t n;

		if (now >= end || len + 1 >= size)
			return -1;
		n = poll(&p, 1, (int)(end - now) * 1000);
		if (n < 0 && errno == EINTR)
			continue;
		n = n > 0 ? read(fd, buf + len, size - 1 - len) : -1;
		if (n < 0)
			return -1;
		if (!n) {
			buf[len] = '\0';
			return (ssize_t)len;
		}
		len += (size_t)n;
	}
}

static int helper_result(struct credentials *out, const char *text, size_t len, const char *name, struct snap_error *e)
{
	json_t *json = json_parse_object(text, len, "the answer of a docker-credential helper", e);
	const char *user = json_get_string(json, "Username"), *secret = json_get_string(json, "Secret");
	int r = 0;

	if (!json)
		return -EINVAL;
	if (!user || !secret)
		r = snap_fail(e, EINVAL, "docker-credential-%s gave no Username and Secret", name);
	else if (!strcmp(user, "<token>"))
		out->identity_token = strdup(secret);
	else {
		out->user = strdup(user);
		out->password = strdup(secret);
	}
	json_decref(json);
	return r;
}

static int from_helper(struct credentials *out, const char *name, const char *registry, struct snap_error *e)
{
	const char *server = strcmp(registry, "docker.io") ? registry : DOCKER_HUB_KEY;
	char *text = malloc(HELPER_OUTPUT_MAX);
	int fds[2] = {-1, -1}, status, r;
	ssize_t n;
	pid_t pid;

	if (!text)
		return snap_fail(e, ENOMEM, "out of memory");
	if (!*name || strlen(name) > 100 ||
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(name)) {
		free(text);
		return snap_fail(
			e, EINVAL, "the name of the credential helper '%s' in docker's config.json is not valid", name);
	}
	r = helper_spawn(name, fds, &pid);
	if (r) {
		free(text);
		return snap_fail(e, r, "cannot run docker-credential-%s, which docker's config.json names for %s: %s",
			name, registry, strerror(r));
	}
	dprintf(fds[0], "%s\n", server);
	close(fds[0]);
	n = helper_read(fds[1], text, HELPER_OUTPUT_MAX);
	close(fds[1]);
	if (n < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (n < 0)
		r = snap_fail(e, EIO, "docker-credential-%s did not answer within %d s, or at too great length", name,
			HELPER_SECONDS);
	else if (status && strstr(text, "not found"))
		r = 0; /* "credentials not found in native keychain": anonymous, as docker does */
	else if (status)
		r = snap_fail(e, EIO, "docker-credential-%s failed for %s: %.300s", name, registry, text);
	else
		r = helper_result(out, text, (size_t)n, name, e);
	explicit_bzero(text, HELPER_OUTPUT_MAX);
	free(text);
	return r;
}

static const char *helper_of(const json_t *config, const char *registry)
{
	json_t *helpers = json_get_object(config, "credHelpers"), *value;
	const char *key;

	json_object_foreach(helpers, key,
		value) if (json_is_string(value) && key_matches(key, registry)) return json_string_value(value);
	return json_get_string(config, "credsStore");
}

int credentials_find(struct credentials *out, const char *registry, struct snap_error *e)
{
	struct credentials c = {0};
	const char *helper;
	char path[4096];
	json_t *config;
	int r;

	*out = c;
	r = config_path(path, sizeof(path));
	if (r)
		return 0;
	config = config_read(path, &r, e);
	if (!config)
		return r;
	helper = helper_of(config, registry);
	if (helper && *helper)
		r = from_helper(&c, helper, registry, e);
	if (!r && !c.user && !c.identity_token)
		r = from_auths(&c, config, registry, path, e);
	json_decref(config);
	if (r)
		credentials_free(&c);
	else
		*out = c;
	return r;
}
