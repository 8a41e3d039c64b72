/* SPDX-License-Identifier: BSD-2-Clause */
/* --screen-dump: what the screen shows at the end, as text in a file. */
#ifndef TANE_CMD_SCREEN_DUMP_H
#define TANE_CMD_SCREEN_DUMP_H

#include "core/vm.h"

int screen_dump(struct vm *vm, const char *path, struct err *err);

#endif
