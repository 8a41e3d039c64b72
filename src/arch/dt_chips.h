/* SPDX-License-Identifier: BSD-2-Clause */
/* The small chips of the machine with a device tree; see dt_chips.c. */
#ifndef TANE_ARCH_DT_CHIPS_H
#define TANE_ARCH_DT_CHIPS_H

#include "arch/dt_isa.h"

/* As vm->machine->chips. dt_chips_destroy() takes what an error left, and NULL. */
int dt_chips_build(struct vm *vm, struct err *err);
void dt_chips_destroy(struct vm *vm);

/* All at power-on. Main thread, vCPUs parked. */
void dt_chips_reset(struct vm *vm);

/* Hold the power button down for a moment. false: there is none. Main thread. */
bool dt_chips_press_button(struct vm *vm);

void dt_chips_fdt(struct fdt_writer *fdt, const struct vm *vm);

#endif
