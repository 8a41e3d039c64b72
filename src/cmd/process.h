/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process that runs a VM is, and is asked to be. */
#ifndef TANE_CMD_PROCESS_H
#define TANE_CMD_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "util/err.h"

/* When it began, on the clock of loop_now(), as well as it can be told. Call it first. */
int64_t process_start(void);

/* Its name, and --die-with-parent. */
int process_set_up(const struct vm_config *config, struct err *err);

/*
 * timeout(1) sends its signal twice, to us and to our group; a shell may repeat the SIGHUP
 * of its terminal. That is no impatience. Zeroes to begin with.
 */
struct process_wish {
	int number; /* the last signal, 0: none; and when */
	int64_t at_ns;
};

/* Does this signal, which came now, only repeat the last one? */
bool process_wish_repeats(struct process_wish *wish, int number);

#endif
