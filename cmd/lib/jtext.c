/* SPDX-License-Identifier: MIT */
/* JSON of any bytes, from files that are not trusted to be whole. */
#include "cmd/lib/jtext.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/lib/json.h"

/* U+10FF80 to U+10FFFF: F4 8F BE 80 to F4 8F BF BF. They stand for the bytes 80 to FF. */
static bool is_escape(const unsigned char *s)
{
	return s[0] == 0xf4 && s[1] == 0x8f && (s[2] == 0xbe || s[2] == 0xbf) && (s[3] & 0xc0) == 0x80;
}

json_t *jtext(const char *s)
{
	const unsigned char *in = (const unsigned char *)(s ? s : "");
	char *buf, *out;
	json_t *v = json_string((const char *)in);

	if (v && !strstr((const char *)in, "\xf4\x8f"))
		return v;
	json_decref(v);
	buf = out = xcalloc(4, strlen((const char *)in) + 1);
	while (*in) {
		size_t len = utf8_len(in);

		if (len && !is_escape(in)) {
			memcpy(out, in, len);
			out += len;
			in += len;
			continue;
		}
		*out++ = (char)0xf4;
		*out++ = (char)0x8f;
		*out++ = (char)(*in & 0x40 ? 0xbf : 0xbe);
		*out++ = (char)(0x80 | (*in & 0x3f));
		in++;
	}
	v = json_string(buf);
	free(buf);
	return v;
}

char *jtext_bytes(const json_t *v, size_t max)
{
	const unsigned char *in = (const unsigned char *)json_string_value(v);
	char *buf, *out;

	if (!in)
		return NULL;
	buf = out = xcalloc(1, strlen((const char *)in) + 1);
	while (*in) {
		if (is_escape(in)) {
			*out++ = (char)(0x80 | (in[2] == 0xbf ? 0x40 : 0) | (in[3] & 0x3f));
			in += 4;
		} else {
			*out++ = (char)*in++;
		}
	}
	if ((size_t)(out - buf) > max) {
		free(buf);
		return NULL;
	}
	return buf;
}

json_t *jtext_list(const struct str_list *list)
{
	json_t *a = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(a, jtext(list->items[i]));
	return a;
}

int jtext_list_bytes(const json_t *v, size_t max_count, size_t max_len, struct str_list *ret)
{
	if (!v)
		return 0;
	if (!json_is_array(v) || json_array_size(v) > max_count)
		return -EUCLEAN;
	for (size_t i = 0; i < json_array_size(v); i++) {
		char *s = jtext_bytes(json_array_get(v, i), max_len);

		if (!s)
			return -EUCLEAN;
		str_list_add(ret, s);
	}
	return 0;
}

int jget_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t otherwise, int64_t *ret)
{
	const json_t *v = json_object_get(object, key);

	if (v && (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max))
		return -EUCLEAN;
	*ret = v ? json_integer_value(v) : otherwise;
	return 0;
}

int jget_bool(const json_t *object, const char *key, bool *ret)
{
	const json_t *v = json_object_get(object, key);

	if (v && !json_is_boolean(v))
		return -EUCLEAN;
	*ret = json_is_true(v);
	return 0;
}

int jget_text(const json_t *object, const char *key, size_t max, char **ret)
{
	const json_t *v = json_object_get(object, key);
	char *s = v ? jtext_bytes(v, max) : xstrdup("");

	if (!s)
		return -EUCLEAN;
	*ret = s;
	return 0;
}

static int read_all(int fd, size_t max, char **ret, size_t *len)
{
	struct stat st;
	size_t have = 0;
	char *buf;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < 0 || (uint64_t)st.st_size > max)
		return -EUCLEAN;
	buf = xcalloc(1, (size_t)st.st_size + 1);
	while (have < (size_t)st.st_size) {
		ssize_t n = read(fd, buf + have, (size_t)st.st_size - have);

		if (n <= 0)
			break;
		have += (size_t)n;
	}
	*ret = buf;
	*len = have;
	return 0;
}

int jfile_read(int dirfd, const char *path, size_t max, json_t **ret)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r;
	char *text = NULL;
	size_t len = 0;
	json_t *v;

	if (fd < 0)
		return -errno;
	r = read_all(fd, max, &text, &len);
	close(fd);
	if (r < 0)
		return r;
	v = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (!json_is_object(v)) {
		json_decref(v);
		return -EUCLEAN;
	}
	*ret = v;
	return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int jfile_write(int dirfd, const char *path, const json_t *v, bool sync)
{
	char *text = json_dumps(v, JSON_INDENT(2)), *beside;
	int fd, r;

	if (!text)
		return -ENOMEM;
	beside = xasprintf("%s.%d", path, (int)getpid());
	fd = openat(dirfd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? -errno : write_all(fd, text, strlen(text));
	if (r == 0 && sync && fsync(fd) < 0)
		r = -errno;
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, beside, dirfd, path) < 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		unlinkat(dirfd, beside, 0);
	free(beside);
	free(text);
	return r;
}
