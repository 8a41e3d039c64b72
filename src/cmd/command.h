/* SPDX-License-Identifier: BSD-2-Clause */
/* tane run -- command: run it in a guest, and be to the caller what it would have been. */
#ifndef TANE_CMD_COMMAND_H
#define TANE_CMD_COMMAND_H

#include <stdint.h>

#include "core/config.h"
#include "util/err.h"

/* The exit status. `config` has a command, and gets what was left open. */
int run_command(struct vm_config *config, int64_t started_ns, struct err *err);

#endif
