/* SPDX-License-Identifier: BSD-2-Clause */
/* --stats: what the VM did, how fast, and what it cost. Main thread. */
#ifndef TANE_VMM_STATS_H
#define TANE_VMM_STATS_H

#include <stdio.h>

#include "core/vm.h"

/* Right after the images were loaded: the VMM's memory is at its peak. */
void stats_note_load(struct vm *vm);

/* Print all. The vCPUs are parked. */
void stats_print(struct vm *vm, FILE *out);

#endif
