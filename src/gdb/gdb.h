/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server for gdb (--gdb). See server.c; all of it on the main thread.
 */
#ifndef TANE_GDB_GDB_H
#define TANE_GDB_GDB_H

#include "core/vm.h"

/* Listen, as vm->config->gdb says; vm->gdb and vm->debug are set. The vCPUs are made. */
int gdb_create(struct vm *vm, struct err *err);
void gdb_destroy(struct vm *vm);

/*
 * The guest is at its first instruction, for the first time or after a reset, and all
 * vCPUs are parked: run, or let gdb say when. RAM is new, so no breakpoint is in it.
 */
int gdb_start(struct gdb *gdb, struct err *err);

/*
 * The guest died. true: gdb looks at it first, and vm->ended is signalled again when it
 * has done so.
 */
bool gdb_hold_dead(struct gdb *gdb);

/* The guest's life is over, as vm->outcome says. */
void gdb_ended(struct gdb *gdb);

#endif
