/* SPDX-License-Identifier: MIT */
/* reboot(2) in a pid namespace: its first process dies of SIGHUP or SIGINT, whoever of the namespace asks. */
#include "cred_util.h"
#include <linux/reboot.h>
#include <stdbool.h>

static unsigned command;
static bool below;

static long reboot_with(unsigned one, unsigned two, unsigned cmd)
{
	return syscall(SYS_reboot, one, two, cmd, NULL);
}

static void first(void)
{
	if (below && fork()) {
		for (;;)
			pause();
	}
	T(reboot_with(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2B, command));
	fflush(stdout);
	_exit(3);
}

static void try(unsigned cmd, bool from_below)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	command = cmd;
	below = from_below;
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
	if (!pid)
		first();
	waitpid(pid, &status, 0);
	printf("%#x %s: status %x\n", cmd, from_below ? "from below" : "by the first", status);
}

static void refused(void)
{
	T(reboot_with(LINUX_REBOOT_MAGIC1, 1, LINUX_REBOOT_CMD_RESTART));
	T(reboot_with(1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART));
	T(reboot_with(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2A, LINUX_REBOOT_CMD_CAD_OFF));
	T(reboot_with(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2C, LINUX_REBOOT_CMD_CAD_ON));
	T(reboot_with(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, 77));
	caps_set(0, 0, 0);
	T(reboot_with(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART));
	T(reboot_with(1, 1, 1));
}

int main(void)
{
	static const unsigned commands[] = {LINUX_REBOOT_CMD_RESTART, LINUX_REBOOT_CMD_RESTART2, LINUX_REBOOT_CMD_HALT, LINUX_REBOOT_CMD_POWER_OFF};

	for (int i = 0; i < 4; i++)
		try(commands[i], false);
	try(LINUX_REBOOT_CMD_RESTART, true);
	try(LINUX_REBOOT_CMD_HALT, true);
	fflush(stdout);
	if (!syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL)) {
		refused();
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	return 0;
}
