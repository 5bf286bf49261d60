/* SPDX-License-Identifier: MIT */
/*
 * A sentry that runs nothing: it reads the launch configuration as the real one does, looks at what the launcher left
 *it with, and plays the guest program that the first argument names. The launcher's tests run it in place of
 *picket-sentry.
 *
 *	report            print what the launcher set up, one fact a line
 *	config            print the configuration
 *	exit N            end with status N
 *	killed N          end as by signal N
 *	error N TEXT      refuse with docker's status N
 *	crash             the sentry itself dies, without a word
 *	wait              print each message of picket; end by the first signal
 *	stubborn          print each message, never end
 *	cat               copy standard input to standard output
 *	flood TEXT        say TEXT on the control socket for ever
 *	liar              answer each question with a descriptor made 1 TiB long, and with the text of a terminal's orders
 *	family            start two processes that outlive nothing, then wait
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentry/control/config.h"

extern char **environ;

static void say(const struct config *c, const char *text)
{
	send(c->control_fd, text, strlen(text), MSG_NOSIGNAL);
}

static void end(const struct config *c, int wait_status)
{
	char text[32];

	snprintf(text, sizeof(text), "exit %d", wait_status);
	say(c, text);
	exit(0);
}

static const char *yes(bool b)
{
	return b ? "yes" : "no";
}

static size_t count_env(void)
{
	size_t n = 0;

	while (environ && environ[n])
		n++;
	return n;
}

static void report_capabilities(FILE *out)
{
	cap_t caps = cap_get_proc();
	char *text = cap_to_text(caps, NULL);
	bool bounding = false;

	for (int cap = 0; cap < 40; cap++)
		bounding = bounding || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) > 0;
	fprintf(out, "capabilities %s\n", strcmp(text, "=") == 0 || !*text ? "none" : text);
	fprintf(out, "bounding %s\n", bounding ? "some" : "none");
	fprintf(out, "no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	cap_free(text);
	cap_free(caps);
}

/* Open descriptors, probed one by one: there is no /proc to ask. */
static void report_descriptors(FILE *out)
{
	fputs("descriptors", out);
	for (int fd = 0; fd < 4200; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			fprintf(out, " %d", fd);
	fputc('\n', out);
}

static void report_root(FILE *out)
{
	DIR *d = opendir("/");
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d)))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	fprintf(out, "root %zu entries\n", n);
	fprintf(out, "root writable %s\n", yes(mkdir("/x", 0700) == 0 || errno != EROFS));
	fprintf(out, "home visible %s\n", yes(access("/home", F_OK) == 0));
	if (d)
		closedir(d);
}

static void report_network(FILE *out)
{
	struct ifreq req = {.ifr_name = "lo"};
	struct if_nameindex *names = if_nameindex();
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	fputs("interfaces", out);
	for (struct if_nameindex *i = names; i && i->if_index; i++)
		fprintf(out, " %s", i->if_name);
	fprintf(out, "\nloopback up %s\n", yes(ioctl(sock, SIOCGIFFLAGS, &req) == 0 && (req.ifr_flags & IFF_UP)));
	if (names)
		if_freenameindex(names);
	close(sock);
}

static bool leads_out(int fd)
{
	struct stat here, above;
	int up = openat(fd, "..", O_PATH | O_DIRECTORY);

	return up >= 0 && fstat(fd, &here) == 0 && fstat(up, &above) == 0 && here.st_ino != above.st_ino;
}

/* What a sentry that has been taken over could do with the directories of the host, before landlock. */
static void report_directories(const struct config *c, FILE *out)
{
	for (size_t i = 0; i < c->n_host_entries; i++)
		if (c->host_entries[i].fd >= 0 && leads_out(c->host_entries[i].fd))
			fprintf(out, "%s leads out\n", c->host_entries[i].name);
	for (size_t i = 0; i < c->n_binds; i++) {
		int fd = openat(c->binds[i].fd, "written", O_WRONLY | O_CREAT, 0600);

		fprintf(out, "%s leads out %s, written %s\n", c->binds[i].target, yes(leads_out(c->binds[i].fd)), yes(fd >= 0));
	}
}

static void report(const struct config *c, FILE *out)
{
	struct rlimit files, core;
	char link[64] = "";
	int death = 0;

	prctl(PR_GET_PDEATHSIG, &death);
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CORE, &core);
	fprintf(out, "pid %d\n", getpid());
	fprintf(out, "session leader %s\n", yes(getsid(0) == getpid()));
	fprintf(out, "death signal %d\n", death);
	fprintf(out, "environment %zu\n", count_env());
	fprintf(out, "files raised %s\n", yes(files.rlim_cur == files.rlim_max));
	fprintf(out, "core %llu\n", (unsigned long long)core.rlim_max);
	report_capabilities(out);
	report_descriptors(out);
	report_root(out);
	report_network(out);
	report_directories(c, out);
	if (c->proc_fd >= 0)
		fprintf(out, "proc self %s\n",
			readlinkat(c->proc_fd, "self", link, sizeof(link) - 1) > 0 ? link : "none");
	fprintf(out, "nouserns %s\n", yes(c->nouserns));
}

static void print_config(const struct config *c, FILE *out)
{
	static const char *const networks[] = {"none", "slirp", "host"};

	for (size_t i = 0; i < c->argc; i++)
		fprintf(out, "arg %s\n", c->argv[i]);
	for (size_t i = 0; i < c->n_env; i++)
		fprintf(out, "env %s\n", c->envp[i]);
	fprintf(out, "cwd %s\nuser %s\nhostname %s\n", c->cwd, c->user ? c->user : "", c->hostname);
	fprintf(out, "root kind %d ro %d\n", c->root, c->root_ro);
	for (size_t i = 0; i < c->n_host_entries; i++)
		fprintf(out, "host %s %s\n", c->host_entries[i].name,
			c->host_entries[i].target ? c->host_entries[i].target : "dir");
	for (size_t i = 0; i < c->n_packs; i++)
		fprintf(out, "pack %u\n", c->packs[i].number);
	for (size_t i = 0; i < c->n_binds; i++)
		fprintf(out, "bind %s %s\n", c->binds[i].target, c->binds[i].writable ? "rw" : "ro");
	for (size_t i = 0; i < c->n_tmpfs; i++)
		fprintf(out, "tmpfs %s %s\n", c->tmpfs[i].target, c->tmpfs[i].options);
	for (size_t i = 0; i < c->n_files; i++)
		fprintf(out, "file %s %o %zu\n", c->files[i].path, c->files[i].mode, strlen(c->files[i].content));
	fprintf(out, "network %s\nmemory %llu\npids %u\n", networks[c->network], (unsigned long long)c->memory,
		c->pids);
	fprintf(out, "tty %d rows %u cols %u trace %s\n", c->tty, c->rows, c->cols, yes(c->trace_fd >= 0));
}

/* Print messages until picket is gone or a signal ends the program. */
static void serve(const struct config *c, FILE *out, bool stubborn)
{
	char text[CONFIG_MESSAGE_MAX + 1];
	ssize_t n;
	int sig;

	fprintf(out, "ready\n");
	fflush(out);
	while ((n = recv(c->control_fd, text, CONFIG_MESSAGE_MAX, 0)) > 0) {
		text[n] = '\0';
		fprintf(out, "%s\n", text);
		fflush(out);
		if (!stubborn && sscanf(text, "signal %d", &sig) == 1)
			end(c, sig);
	}
	exit(1);
}

static void family(const struct config *c, FILE *out)
{
	for (int i = 0; i < 2; i++) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, 0);
			signal(SIGTERM, SIG_IGN);
			signal(SIGHUP, SIG_IGN);
			for (;;)
				pause();
		}
	}
	serve(c, out, true);
}

static void flood(const struct config *c)
{
	for (;;)
		say(c, c->argv[1]);
}

static void lie(const struct config *c)
{
	char text[CONFIG_MESSAGE_MAX + 1], answer[128];
	union {
		char buf[CMSG_SPACE(sizeof(int) * 16)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = text, .iov_len = CONFIG_MESSAGE_MAX};
	ssize_t n;

	for (;;) {
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
		unsigned int number;
		struct cmsghdr *cmsg;
		int fd;

		n = recvmsg(c->control_fd, &msg, 0);
		if (n <= 0)
			exit(1);
		text[n] = '\0';
		cmsg = CMSG_FIRSTHDR(&msg);
		if (cmsg && cmsg->cmsg_type == SCM_RIGHTS) {
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
			if (ftruncate(fd, (off_t)1 << 40) < 0)
				exit(1);
			close(fd);
		}
		if (sscanf(text, "ask %u", &number) != 1)
			continue;
		snprintf(answer, sizeof(answer), "answer %u ok \033[31m\302\233memory=1e99999 \377", number);
		say(c, answer);
	}
}

static void copy_input(const struct config *c)
{
	char buf[4096];
	ssize_t n;

	while (c->stdio[0] >= 0 && (n = read(c->stdio[0], buf, sizeof(buf))) > 0)
		if (write(c->stdio[1], buf, (size_t)n) < 0)
			break;
	end(c, 0);
}

/* As the real one: nothing runs before picket has told how the network came out. */
static void await_network(const struct config *c)
{
	char text[CONFIG_MESSAGE_MAX + 1] = "";
	ssize_t n = 0;

	while (c->network == CONFIG_NET_SLIRP && strncmp(text, "network ", 8) != 0) {
		n = recv(c->control_fd, text, CONFIG_MESSAGE_MAX, 0);
		if (n <= 0)
			exit(1);
		text[n] = '\0';
	}
}

int main(int argc, char **argv)
{
	struct config *c;
	const char *err, *what;
	unsigned int record;
	char text[512];
	int number;
	FILE *out;

	if (argc != 3 || strcmp(argv[1], "--config-fd") != 0 || config_read(atoi(argv[2]), &c, &err, &record) < 0)
		return 99;
	out = fdopen(c->stdio[1], "w");
	what = c->argv[0];
	number = c->argc > 1 ? atoi(c->argv[1]) : 0;
	await_network(c);
	say(c, "started");
	if (strcmp(what, "report") == 0)
		report(c, out);
	else if (strcmp(what, "config") == 0)
		print_config(c, out);
	else if (strcmp(what, "exit") == 0)
		end(c, number << 8);
	else if (strcmp(what, "killed") == 0)
		end(c, number);
	else if (strcmp(what, "crash") == 0)
		__builtin_trap();
	else if (strcmp(what, "wait") == 0 || strcmp(what, "stubborn") == 0)
		serve(c, out, what[0] == 's');
	else if (strcmp(what, "family") == 0)
		family(c, out);
	else if (strcmp(what, "flood") == 0 && c->argc > 1)
		flood(c);
	else if (strcmp(what, "liar") == 0)
		lie(c);
	else if (strcmp(what, "cat") == 0)
		copy_input(c);
	else if (strcmp(what, "error") == 0) {
		snprintf(text, sizeof(text), "error %d %s", number, c->argv[2]);
		say(c, text);
		return 0;
	}
	fflush(out);
	end(c, 0);
}
