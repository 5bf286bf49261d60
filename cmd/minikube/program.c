/* SPDX-License-Identifier: MIT */
/* Starting the minikube program, and what it says. */
#include "cmd/minikube/minikube.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/lib/message.h"

#define OUTPUT_MAX ((size_t)16 << 20)

struct gathered {
	int fd;
	char *text;
	size_t len, room;
};

/*
 * A signal that is to end picket ends minikube first, which has it from the terminal too; then files on their way are
 * removed as after any failure, and nothing more is started.
 */
static volatile sig_atomic_t ended_by;
static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
#define ENDING (sizeof(ending) / sizeof(ending[0]))

static void note_end(int sig)
{
	ended_by = sig;
}

static void catch_end(struct sigaction old[ENDING])
{
	const struct sigaction noted = {.sa_handler = note_end, .sa_flags = SA_RESTART};

	for (size_t i = 0; i < ENDING; i++)
		if (sigaction(ending[i], NULL, &old[i]) == 0 && old[i].sa_handler != SIG_IGN)
			sigaction(ending[i], &noted, NULL);
}

static void release_end(const struct sigaction old[ENDING])
{
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], &old[i], NULL);
}

void mk_said_free(struct mk_said *said)
{
	free(said->out);
	free(said->err);
	*said = (struct mk_said){0};
}

/* Take what there is. False at the end. */
static bool gather(struct gathered *g)
{
	char drop[4096], *to = drop;
	size_t room = sizeof(drop);
	ssize_t n;

	if (g->len < OUTPUT_MAX) {
		if (g->room - g->len < 4096) {
			g->room = g->room * 2 + 8192;
			g->text = xrealloc(g->text, g->room + 1);
		}
		to = g->text + g->len;
		room = g->room - g->len;
	}
	do
		n = read(g->fd, to, room);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	if (to != drop)
		g->len += (size_t)n;
	return true;
}

static void gather_both(struct gathered g[2], pid_t pid)
{
	sig_atomic_t told = 0;

	bool open[2] = {true, true};

	while (open[0] || open[1]) {
		struct pollfd p[2];

		for (int i = 0; i < 2; i++)
			p[i] = (struct pollfd){.fd = open[i] ? g[i].fd : -1, .events = POLLIN};
		if (poll(p, 2, -1) < 0) {
			if (errno != EINTR)
				break;
			/* One that was sent to picket alone. */
			if (ended_by && !told)
				kill(pid, told = ended_by);
			continue;
		}
		for (int i = 0; i < 2; i++)
			if (open[i] && p[i].revents)
				open[i] = gather(&g[i]);
	}
	for (int i = 0; i < 2; i++) {
		if (!g[i].text)
			g[i].text = xcalloc(1, 1);
		g[i].text[g[i].len] = '\0';
	}
}

/* Text as a file to read from. */
static int input_file(const char *text)
{
	int fd = text ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
	size_t len = text ? strlen(text) : 0;

	if (fd >= 0 && len && (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void __attribute__((noreturn)) become(char *const *argv, int in, int out, int err)
{
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execv(argv[0], argv);
	_exit(127);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int mk_run(const struct minikube *mk, const char *input, struct mk_said *said, const char *const *args)
{
	struct gathered g[2] = {{.fd = -1}, {.fd = -1}};
	int in = input_file(input), out[2] = {-1, -1}, err[2] = {-1, -1}, status;
	struct sigaction old[ENDING];
	struct str_list argv = {0};
	pid_t pid = -1;

	if (ended_by) {
		close(in);
		*said = (struct mk_said){.out = xstrdup(""), .err = xstrdup("")};
		return -1;
	}
	str_list_add(&argv, xstrdup(mk->program));
	if (mk->profile) {
		str_list_add(&argv, xstrdup("-p"));
		str_list_add(&argv, xstrdup(mk->profile));
	}
	for (; *args; args++)
		str_list_add(&argv, xstrdup(*args));
	*said = (struct mk_said){0};
	if (in >= 0 && pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0) {
		fflush(NULL);
		catch_end(old);
		pid = fork();
		if (pid == 0) {
			release_end(old);
			become(argv.items, in, out[1], err[1]);
		}
	}
	close(in);
	close(out[1]);
	close(err[1]);
	if (pid > 0) {
		g[0].fd = out[0];
		g[1].fd = err[0];
		gather_both(g, pid);
		status = wait_for(pid);
		release_end(old);
		if (ended_by)
			status = complain(-1, "ended by signal %d (%s)", (int)ended_by, strsignal(ended_by));
		*said = (struct mk_said){.out = g[0].text, .err = g[1].text, .out_len = g[0].len};
	} else {
		status = complain(-1, "cannot start %s: %s", mk->program, strerror(errno));
		*said = (struct mk_said){.out = xstrdup(""), .err = xstrdup("")};
	}
	close(out[0]);
	close(err[0]);
	str_list_free(&argv);
	return status;
}

/* A line begins with an emoji, or with "X ", "* ", "! " where there are none. */
static char *skip_mark(char *line)
{
	while (*line && ((unsigned char)*line >= 0x80 || strchr(" \t*!>", *line)))
		line++;
	return strncmp(line, "X ", 2) == 0 ? line + 2 : line;
}

const char *mk_reason(const struct mk_said *said)
{
	static const char *const sources[] = {"err", "out"};
	const char *best = NULL;

	for (size_t i = 0; i < 2 && !best; i++) {
		char *text = sources[i][0] == 'e' ? said->err : said->out, *save = NULL;

		for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
			line = skip_mark(line);
			/* Boxes around advice, and where to complain. */
			if (!*line || strncmp(line, "│", 3) == 0 || strncmp(line, "ssh: Process exited", 19) == 0)
				continue;
			if (!best || strncmp(line, "Exiting due to", 14) == 0 || strncmp(line, "error:", 6) == 0)
				best = line;
		}
	}
	return best ? best : "it gives no reason";
}
