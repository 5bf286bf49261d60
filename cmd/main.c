/* SPDX-License-Identifier: MIT */
/* picket: the program. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cmd/commandline.h"
#include "cmd/lib/message.h"

/* A descriptor 0, 1 or 2 that is closed would be taken by the next file opened. */
static void ensure_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			if (open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
				_exit(EXIT_PICKET);
}

int main(int argc, char **argv)
{
	ensure_stdio();
	return command_line(argc, argv);
}
