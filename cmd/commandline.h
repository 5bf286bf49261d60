/* SPDX-License-Identifier: MIT */
/* The whole of picket, but for main(). */
#ifndef PICKET_CMD_COMMANDLINE_H
#define PICKET_CMD_COMMANDLINE_H

/* Run the command that argv (with the program first) names; returns the exit status. */
int command_line(int argc, char **argv);

#endif
