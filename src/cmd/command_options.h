/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `tane run` that are about the command in the guest. */
#ifndef TANE_CMD_COMMAND_OPTIONS_H
#define TANE_CMD_COMMAND_OPTIONS_H

#include <stdio.h>

#include "cmd/options.h"
#include "core/config.h"

/* They go into config->command. */
struct options_more command_options(struct vm_config *config);
void command_options_print_help(FILE *out);

/*
 * All options are parsed. Shall a command run, or what is named be booted? `dashes`: there
 * was a "--"; `argv` is what is behind it, argc words and a NULL.
 */
void command_options_decide(struct vm_config *config, bool dashes, char *const *argv,
			    unsigned argc);

#endif
