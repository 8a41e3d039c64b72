/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of the program. Each gets its own argv and returns the exit status. */
#ifndef TANE_CMD_CMD_H
#define TANE_CMD_CMD_H

/* Exit statuses of ours; those of the guest are in run.c. */
#define EXIT_OURS  1 /* something failed on our side */
#define EXIT_USAGE 2 /* the command line makes no sense */

int cmd_run(int argc, char **argv);

#endif
