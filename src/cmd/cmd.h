/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of the program. Each gets its own argv and returns the exit status. */
#ifndef TANE_CMD_CMD_H
#define TANE_CMD_CMD_H

/*
 * Exit statuses. A command in the guest has its own, and may end with any: then what is not
 * the command's is as env(1) and timeout(1) have it.
 */
#define EXIT_OURS       1   /* something failed on our side */
#define EXIT_USAGE      2   /* the command line makes no sense */
#define EXIT_GUEST_DIED 125 /* or ended with no status, where it owed one */
#define EXIT_NO_COMMAND 125 /* what is EXIT_OURS without a command */
#define EXIT_SIGNAL     128 /* and the number of the signal that ended it by force */

int cmd_run(int argc, char **argv);
int cmd_test(int argc, char **argv);

#endif
