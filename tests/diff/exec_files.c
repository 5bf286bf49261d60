/* SPDX-License-Identifier: MIT */
/* execve(2), execveat(2): what can be run and what cannot: damaged ELF files, scripts, descriptors, limits of arguments. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Run it in a child: prints the errno of the call, or how the program ended. flags: of execveat; -1: by execve. */
static void run_at(const char *what, int dirfd, const char *path, char *const *argv, int flags)
{
	int p[2], e = 0, st;
	pid_t pid;

	fflush(stdout);
	pipe2(p, O_CLOEXEC);
	pid = fork();
	if (!pid) {
		if (flags < 0)
			execve(path, argv, environ);
		else
			syscall(SYS_execveat, dirfd, path, argv, environ, flags);
		e = errno;
		write(p[1], &e, sizeof(e));
		_exit(0);
	}
	close(p[1]);
	if (read(p[0], &e, sizeof(e)) == sizeof(e))
		printf("%s: %s\n", what, strerrorname_np(e));
	waitpid(pid, &st, 0);
	if (!e)
		printf("%s: %s %d\n", what, WIFEXITED(st) ? "exit" : "signal", WIFEXITED(st) ? WEXITSTATUS(st) : WTERMSIG(st));
	close(p[0]);
}

static void run(const char *what, const char *path, char *const *argv)
{
	run_at(what, AT_FDCWD, path, argv, -1);
}

static void file(const char *name, const void *data, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	write(fd, data, len);
	fchmod(fd, mode);
	close(fd);
}

/* --- ELF ------------------------------------------------------------------------------------------------------------------ */

struct elf {
	Elf64_Ehdr h;
	Elf64_Phdr ph[8];
	char interp[64];
	unsigned char code[64];
	char rest[8192];
};

/* exit(42) at 0x400000 + offset */
static const unsigned char exit42[] = {0xb8, 60, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05};

static struct elf good(void)
{
	struct elf e = {
		.h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		      .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1, .e_phoff = offsetof(struct elf, ph),
		      .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1,
		      .e_entry = 0x400000 + offsetof(struct elf, code)},
		.ph = {{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000, .p_filesz = sizeof(struct elf),
			.p_memsz = sizeof(struct elf), .p_align = 4096}},
	};

	memcpy(e.code, exit42, sizeof(exit42));
	return e;
}

static void run_elf(const char *what, struct elf e, size_t len)
{
	char *argv[] = {"elf", NULL};

	file("elf", &e, len ? len : sizeof(e), 0700);
	run(what, "./elf", argv);
}

#define TRY(what, ...)                                                                                                 \
	do {                                                                                                           \
		struct elf e = good();                                                                                 \
		__VA_ARGS__;                                                                                           \
		run_elf(what, e, 0);                                                                                   \
	} while (0)

static void second(struct elf *e, uint64_t vaddr, uint64_t filesz, uint64_t memsz)
{
	e->ph[1] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = vaddr, .p_filesz = filesz, .p_memsz = memsz,
				.p_align = 4096};
	e->h.e_phnum = 2;
}

static void interp(struct elf *e, const char *name, size_t len)
{
	e->ph[1] = e->ph[0];
	e->ph[0] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsetof(struct elf, interp), .p_filesz = len};
	strcpy(e->interp, name);
	e->h.e_phnum = 2;
}

static void elfs(void)
{
	struct elf in = good();

	TRY("good");
	TRY("class 32", e.h.e_ident[EI_CLASS] = ELFCLASS32);
	TRY("class 7", e.h.e_ident[EI_CLASS] = 7);
	TRY("big endian", e.h.e_ident[EI_DATA] = ELFDATA2MSB);
	TRY("version", e.h.e_version = 77);
	TRY("magic", e.h.e_ident[1] = 'F');
	TRY("machine", e.h.e_machine = EM_AARCH64);
	TRY("type", e.h.e_type = ET_REL);
	TRY("type core", e.h.e_type = ET_CORE);
	TRY("DYN", e.h.e_type = ET_DYN; e.h.e_entry -= 0x400000; e.ph[0].p_vaddr = 0);
	TRY("phentsize", e.h.e_phentsize = 55);
	TRY("no headers", e.h.e_phnum = 0);
	TRY("many headers", e.h.e_phnum = 74);
	TRY("headers outside", e.h.e_phoff = 1 << 20);
	TRY("headers far outside", e.h.e_phoff = 1ull << 62);
	TRY("no segment", e.ph[0].p_type = PT_NOTE);
	TRY("entry outside", e.h.e_entry = 0x10);
	TRY("entry far outside", e.h.e_entry = 1ull << 62);
	TRY("misaligned", e.ph[0].p_vaddr += 8);
	TRY("file larger than memory", e.ph[0].p_memsz = 100);
	TRY("address 0", e.ph[0].p_vaddr = 0);
	TRY("at the kernel", e.ph[0].p_vaddr = 0xffff800000000000);
	TRY("wraps", second(&e, 0xfffffffffffff000, 0, 0x2000));
	TRY("memory too large", second(&e, 0x600000, 0, 1ull << 48));
	TRY("far apart", second(&e, 0x100000000000, 4096, 4096));
	TRY("bss", second(&e, 0x600000, 0, 0x5000));
	TRY("overlap", second(&e, 0x401000, 0x1000, 0x3000));
	TRY("offset outside", second(&e, 0x600000, 0x1000, 0x1000); e.ph[1].p_offset = 1 << 20);
	TRY("empty segment", second(&e, 0x600000, 0, 0));
	TRY("gap", second(&e, 0x800000, 0x1000, 0x1000));
	run_elf("short", good(), 40);
	run_elf("header only", good(), 64);
	run_elf("magic only", good(), 4);
	run_elf("empty", good(), 0 + 1);
	TRY("no interpreter", interp(&e, "/no/such", 9));
	TRY("interpreter is a directory", interp(&e, "/proc", 6));
	TRY("interpreter without end", interp(&e, "/no/such", 4));
	TRY("interpreter short name", interp(&e, "", 1));
	TRY("interpreter long name", interp(&e, "/no/such", 5000));
	TRY("interpreter name outside", interp(&e, "/no/such", 9); e.ph[0].p_offset = 1 << 20);
	file("interp", "#!/bin/sh\nexit 5\n", 17, 0700);
	TRY("interpreter is a script", interp(&e, "./interp", 9));
	file("interp", &in, 64, 0700);
	TRY("interpreter without headers", interp(&e, "./interp", 9));
	file("interp", &in, 30, 0700);
	TRY("interpreter short", interp(&e, "./interp", 9));
	in.h.e_machine = EM_386;
	file("interp", &in, sizeof(in), 0700);
	TRY("interpreter of another machine", interp(&e, "./interp", 9));
	in = good();
	file("interp", &in, sizeof(in), 0600);
	TRY("interpreter not executable", interp(&e, "./interp", 9));
	in.code[6] = 43;
	file("interp", &in, sizeof(in), 0700);
	TRY("interpreter over the program", interp(&e, "./interp", 9));
	in.h.e_type = ET_REL;
	file("interp", &in, sizeof(in), 0700);
	TRY("interpreter of wrong type", interp(&e, "./interp", 9));
	in = good();
	in.ph[0].p_vaddr = 0xffff800000000000;
	file("interp", &in, sizeof(in), 0700);
	TRY("interpreter at the kernel", interp(&e, "./interp", 9));
}

/* --- scripts, descriptors --------------------------------------------------------------------------------------------------- */

static void script(const char *name, const char *text)
{
	file(name, text, strlen(text), 0700);
}

static void scripts(void)
{
	char *argv[] = {"zero", "one", NULL}, text[600];

	script("s", "#!/bin/echo\n");
	run("echo", "./s", argv);
	script("s", "#! /bin/echo  two words  \n");
	run("argument", "./s", argv);
	script("s", "#!/bin/echo");
	run("no end of line", "./s", argv);
	script("s", "#!\n");
	run("nothing", "./s", argv);
	script("s", "#!   \t \n");
	run("blank", "./s", argv);
	script("s", "#!/no/such\n");
	run("missing", "./s", argv);
	script("s", "#!/proc\n");
	run("a directory", "./s", argv);
	script("s", "echo no line\n");
	run("plain text", "./s", argv);
	memset(text, 'x', sizeof(text));
	memcpy(text, "#!/bin/", 7);
	text[599] = 0;
	script("s", text);
	run("name too long", "./s", argv);
	memcpy(text, "#!/bin/echo ", 12);
	text[300] = '\n';
	script("s", text);
	run("argument too long", "./s", argv);
	script("s1", "#!./s2\n");
	script("s2", "#!./s3\n");
	script("s3", "#!./s4\n");
	script("s4", "#!./s5\n");
	script("s5", "#!/bin/echo five\n");
	script("s6", "#!./s1\n");
	script("self", "#!./self\n");
	run("five deep", "./s1", argv);
	run("six deep", "./s6", argv);
	run("itself", "./self", argv);
	chmod("s5", 0600);
	run("inner not executable", "./s4", argv);
}

static void fexec(const char *what, const char *path, int dirfd, int flags)
{
	char *argv[] = {"zero", "one", NULL};

	run_at(what, dirfd, path, argv, flags);
}

static void descriptors(void)
{
	int fd = open("/bin/echo", O_RDONLY), path = open("/bin/echo", O_PATH | O_CLOEXEC), dir = open(".", O_RDONLY | O_DIRECTORY);
	int s, w;

	script("s", "#!/bin/echo\n");
	symlink("s", "link");
	s = open("s", O_RDONLY);
	dup2(s, 70);
	fexec("by fd", "", fd, AT_EMPTY_PATH);
	fexec("by path fd", "", path, AT_EMPTY_PATH);
	fexec("empty without flag", "", fd, 0);
	fexec("unknown flag", "", fd, 0x100000);
	fexec("bad fd", "", 99, AT_EMPTY_PATH);
	fexec("cwd", "", AT_FDCWD, AT_EMPTY_PATH);
	fexec("a directory", "", dir, AT_EMPTY_PATH);
	fexec("relative", "s", 70, 0);
	dup2(dir, 71);
	fexec("in a directory", "s", 71, 0);
	fcntl(71, F_SETFD, FD_CLOEXEC);
	fexec("in a directory that is closed", "s", 71, 0);
	fexec("a program in it", "elf", 71, 0);
	fexec("a script by fd", "", 70, AT_EMPTY_PATH);
	fcntl(70, F_SETFD, FD_CLOEXEC);
	fexec("a script by a fd that is closed", "", 70, AT_EMPTY_PATH);
	fexec("a link", "link", AT_FDCWD, 0);
	fexec("a link, not followed", "link", AT_FDCWD, AT_SYMLINK_NOFOLLOW);
	fexec("no file", "nothing", AT_FDCWD, 0);
	fexec("below a file", "s/x", AT_FDCWD, 0);
	fexec("fault", (char *)8, AT_FDCWD, 0);
	fexec("empty name", "", AT_FDCWD, 0);
	w = open("s", O_WRONLY);
	fexec("busy", "s", AT_FDCWD, 0);
	close(w);
	chmod("s", 0600);
	fexec("not executable", "s", AT_FDCWD, 0);
	mkfifo("fifo", 0700);
	fexec("a fifo", "fifo", AT_FDCWD, 0);
}

/* --- arguments ---------------------------------------------------------------------------------------------------------------- */

static void arguments(void)
{
	static char *many[3000000];
	char *argv[] = {"/bin/true", NULL, NULL}, *big = malloc(200000), *old_env[1] = {NULL}, **saved = environ;
	struct rlimit rl = {8 << 20, RLIM_INFINITY};

	environ = old_env;
	setrlimit(RLIMIT_STACK, &rl);
	memset(big, 'a', 200000);
	big[131071] = 0;
	argv[1] = big;
	run("longest string", "/bin/true", argv);
	big[131071] = 'a';
	big[131072] = 0;
	run("too long a string", "/bin/true", argv);
	big[100000] = 0;
	for (int i = 0; i < 20; i++)
		many[i] = big;
	run("2 MB", "/bin/true", many);
	many[20] = big;
	run("more than a quarter of the stack", "/bin/true", many);
	for (int i = 0; i < 3000000 - 1; i++)
		many[i] = "";
	many[200000] = NULL;
	run("200000 empty ones", "/bin/true", many);
	many[200000] = "";
	many[240000] = NULL;
	run("240000 empty ones", "/bin/true", many);
	rl.rlim_cur = 64 << 20;
	setrlimit(RLIMIT_STACK, &rl);
	run("240000 with more stack", "/bin/true", many);
	many[240000] = "";
	many[700000] = NULL;
	run("beyond 6 MB", "/bin/true", many);
	rl.rlim_cur = 100 << 10;
	setrlimit(RLIMIT_STACK, &rl);
	argv[1] = big;
	big[100000] = 'a';
	big[120000] = 0;
	run("small stack, 120000", "/bin/true", argv);
	rl.rlim_cur = 8 << 20;
	setrlimit(RLIMIT_STACK, &rl);
	argv[1] = (char *)8;
	run("fault in argv", "/bin/true", argv);
	run("argv is no pointer", "/bin/true", (char **)8);
	run("no argv", "/bin/true", NULL);
	environ = saved;
}

int main(void)
{
	elfs();
	scripts();
	descriptors();
	arguments();
	return 0;
}
