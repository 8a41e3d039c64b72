/* SPDX-License-Identifier: BSD-2-Clause */
/* The option of `tane run` for a debugger. */
#ifndef TANE_CMD_DEBUG_OPTIONS_H
#define TANE_CMD_DEBUG_OPTIONS_H

#include "core/config.h"
#include "util/err.h"

/* [HOST:]PORT|unix:PATH[,nowait][,arch=...]; as those of device_options.h. */
int debug_option_gdb(char *text, struct vm_config *config, struct err *err);

#endif
