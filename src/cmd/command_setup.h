/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the configuration and this process to a guest that runs a command: the kernel and
 * its modules, the share that becomes its root, the ports that are the command's
 * descriptors, and the record that tells the guest's init what to do.
 */
#ifndef TANE_CMD_COMMAND_SETUP_H
#define TANE_CMD_COMMAND_SETUP_H

#include <limits.h>
#include <stdio.h>

#include "boot/kernel_release.h"
#include "cmd/command_record.h"
#include "core/config.h"
#include "util/err.h"

struct command_setup {
	enum caller_end streams[3]; /* what our stdin, stdout and stderr are */
	int tty;                    /* which of them is the terminal's output; -1: none */

	/* What the configuration points to. */
	char kernel[PATH_MAX];
	char modules[PATH_MAX];            /* empty: none are found */
	char release[KERNEL_RELEASE_SIZE]; /* of the kernel; empty: unknown */
	char cache[PATH_MAX];
	struct record record;
};

/* Complete `config`. Free it after an error too, and when the VM is gone. */
int command_set_up(struct command_setup *setup, struct vm_config *config,
		   struct err *err);
/* For a command that did not start: what its guest may lack. */
void command_setup_print_hint(const struct command_setup *setup, FILE *out);
void command_setup_free(struct command_setup *setup);

#endif
