/* SPDX-License-Identifier: MIT */
/* The writer of the launch configuration. */
#include "cmd/run/launch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/lib/str.h"
#include "rootless/sandbox.h"

static const struct {
	const char *word;
	size_t args;
} keywords[] = {
#define KEYWORD_ROW(name, keyword, count, repeat) [CONFIG_##name] = {keyword, count},
	CONFIG_KEYWORDS(KEYWORD_ROW)
#undef KEYWORD_ROW
};

static void append_string(struct launch *l, const char *s)
{
	size_t len = strlen(s) + 1;

	if (l->size - l->len < len) {
		l->size = (l->len + len) * 2;
		l->data = xrealloc(l->data, l->size);
	}
	memcpy(l->data + l->len, s, len);
	l->len += len;
}

void launch_append(struct launch *l, enum config_keyword keyword, const char *const *args, size_t count)
{
	assert(keywords[keyword].args == count);
	append_string(l, keywords[keyword].word);
	for (size_t i = 0; i < count; i++)
		append_string(l, args[i] ? args[i] : "");
}

void launch_word(struct launch *l, enum config_keyword keyword)
{
	launch_append(l, keyword, NULL, 0);
}

const char *launch_lend(struct launch *l, int fd)
{
	static char text[8][16];
	static unsigned int turn;
	char *s = text[turn++ % 8];

	l->fds = xrealloc(l->fds, (l->fd_count + 1) * sizeof(*l->fds));
	l->fd_kinds = xrealloc(l->fd_kinds, l->fd_count + 1);
	l->fds[l->fd_count] = fd;
	l->fd_kinds[l->fd_count] = SANDBOX_FD_PLAIN;
	snprintf(s, sizeof(text[0]), "%zu", (l->by_place ? 0 : SANDBOX_FIRST_FD) + l->fd_count++);
	return s;
}

const char *launch_give(struct launch *l, int fd)
{
	l->owned = xrealloc(l->owned, (l->owned_count + 1) * sizeof(*l->owned));
	l->owned[l->owned_count++] = fd;
	return launch_lend(l, fd);
}

const char *launch_give_host(struct launch *l, int fd, bool writable)
{
	const char *number = launch_give(l, fd);
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		l->fd_kinds[l->fd_count - 1] = writable ? SANDBOX_FD_DIR_RW : SANDBOX_FD_DIR_RO;
	return number;
}

int launch_finish(const struct launch *l)
{
	int fd = memfd_create("picket-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;

	if (fd < 0)
		return -1;
	while (done < l->len) {
		ssize_t n = pwrite(fd, l->data + done, l->len - done, (off_t)done);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	return fd;
}

void launch_free(struct launch *l)
{
	for (size_t i = 0; i < l->owned_count; i++)
		close(l->owned[i]);
	free(l->owned);
	free(l->fds);
	free(l->fd_kinds);
	free(l->data);
	*l = (struct launch){.held = l->held, .held_count = l->held_count};
}

void launch_hold(struct launch *l, int fd)
{
	l->held = xrealloc(l->held, (l->held_count + 1) * sizeof(*l->held));
	l->held[l->held_count++] = fd;
}

void launch_release(struct launch *l)
{
	for (size_t i = 0; i < l->held_count; i++)
		close(l->held[i]);
	free(l->held);
	l->held = NULL;
	l->held_count = 0;
}
