/* SPDX-License-Identifier: MIT */
/* inotify: events of a directory and of a file, moves, one-shot watches, removal. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	uint32_t bit;
	const char *name;
} names[] = {{IN_ACCESS, "ACCESS"}, {IN_MODIFY, "MODIFY"}, {IN_ATTRIB, "ATTRIB"}, {IN_CLOSE_WRITE, "CLOSE_WRITE"},
	{IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"}, {IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"},
	{IN_CREATE, "CREATE"}, {IN_DELETE, "DELETE"}, {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
	{IN_IGNORED, "IGNORED"}, {IN_ISDIR, "ISDIR"}, {IN_UNMOUNT, "UNMOUNT"}, {IN_Q_OVERFLOW, "Q_OVERFLOW"}};

static uint32_t last_cookie;

static void say(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

static void drain(int in, const char *what)
{
	char buf[8192] __attribute__((aligned(8)));
	ssize_t n = read(in, buf, sizeof(buf));

	printf("-- %s\n", what);
	if (n < 0) {
		say("read", n);
		return;
	}
	for (ssize_t at = 0; at < n;) {
		struct inotify_event *e = (void *)(buf + at);

		printf("wd %d len %u", e->wd, e->len);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (e->mask & names[i].bit)
				printf(" %s", names[i].name);
		if (e->cookie) {
			printf(" cookie %s", e->cookie == last_cookie ? "same" : "new");
			last_cookie = e->cookie;
		}
		printf(" '%s'\n", e->len ? e->name : "");
		at += (ssize_t)sizeof(*e) + e->len;
	}
}

int main(void)
{
	int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), fd, wd, wf, bytes, n;
	struct pollfd p = {.fd = in, .events = POLLIN};
	char buf[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	mkdir("w", 0755);
	say("add", wd = inotify_add_watch(in, "w", IN_ALL_EVENTS));
	say("add again", inotify_add_watch(in, "w", IN_ALL_EVENTS));
	say("create", inotify_add_watch(in, "w", IN_ALL_EVENTS | IN_MASK_CREATE));
	say("missing", inotify_add_watch(in, "nothing", IN_ALL_EVENTS));
	say("no events", inotify_add_watch(in, "w", 0));
	say("not inotify", inotify_add_watch(1, "w", IN_ALL_EVENTS));
	say("empty", read(in, buf, sizeof(buf)));
	say("poll", poll(&p, 1, 0));
	fd = open("w/file", O_CREAT | O_RDWR, 0644);
	n = write(fd, "abc", 3);
	n = write(fd, "abc", 3);
	n = pread(fd, buf, 3, 0);
	close(fd);
	say("poll", poll(&p, 1, 0));
	ioctl(in, FIONREAD, &bytes);
	printf("bytes %d\n", bytes);
	say("short", read(in, buf, 8));
	drain(in, "a file");
	chmod("w/file", 0600);
	truncate("w/file", 1);
	fd = open("w/file", O_RDONLY);
	close(fd);
	drain(in, "attributes");
	mkdir("w/d", 0755);
	link("w/file", "w/hard");
	symlink("file", "w/sym");
	rename("w/file", "w/renamed");
	rename("w/renamed", "out");
	rename("out", "w/back");
	drain(in, "names");
	say("add file", wf = inotify_add_watch(in, "w/back", IN_ALL_EVENTS | IN_ONLYDIR));
	say("add file", wf = inotify_add_watch(in, "w/back", IN_MODIFY | IN_DELETE_SELF | IN_ATTRIB | IN_MOVE_SELF));
	fd = open("w/back", O_WRONLY | O_TRUNC);
	n = write(fd, "x", 1);
	close(fd);
	drain(in, "two watches");
	rename("w/back", "w/moved");
	unlink("w/hard");
	unlink("w/moved");
	drain(in, "the file's end");
	say("remove", inotify_rm_watch(in, wf));
	rmdir("w/d");
	unlink("w/sym");
	drain(in, "the rest");
	say("one shot", inotify_add_watch(in, "w", IN_CREATE | IN_ONESHOT));
	mkdir("w/one", 0755);
	mkdir("w/two", 0755);
	drain(in, "one shot");
	rmdir("w/one"), rmdir("w/two");
	wd = inotify_add_watch(in, "w", IN_CREATE);
	inotify_add_watch(in, "w", IN_DELETE_SELF | IN_MASK_ADD);
	mkdir("w/x", 0755), rmdir("w/x");
	rmdir("w");
	drain(in, "the directory's end");
	say("remove gone", inotify_rm_watch(in, wd));
	mkdir("w", 0755);
	wd = inotify_add_watch(in, "w", IN_CREATE);
	say("remove", inotify_rm_watch(in, wd));
	drain(in, "removed");
	fd = open("w/open", O_CREAT | O_RDWR, 0644);
	inotify_add_watch(in, "w/open", IN_ALL_EVENTS);
	unlink("w/open");
	drain(in, "removed while open");
	n = write(fd, "x", 1);
	drain(in, "written");
	close(fd);
	drain(in, "closed");
	fd = open("w/other", O_CREAT | O_RDWR, 0644);
	close(open("w/new", O_CREAT | O_RDWR, 0644));
	inotify_add_watch(in, "w/other", IN_ALL_EVENTS);
	rename("w/new", "w/other");
	close(fd);
	drain(in, "replaced while open");
	(void)n;
	return 0;
}
