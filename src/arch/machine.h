/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine, as vmm/ drives it; each architecture has its own (ISA/machine.c).
 * All on the main thread, with all vCPUs parked or not yet made.
 */
#ifndef TANE_ARCH_MACHINE_H
#define TANE_ARCH_MACHINE_H

#include <stdbool.h>
#include <stdio.h>

#include "core/console.h"
#include "core/vm.h"

/* Before the vCPUs: RAM, interrupt controllers and chips, all on the bus. */
int machine_build(struct vm *vm, struct err *err);
void machine_destroy(struct vm *vm);

/* Load the kernel or ROM into RAM, and learn where the boot CPU begins. */
int machine_load(struct vm *vm, struct err *err);

/*
 * Reset the devices that reach RAM by themselves, and wait for what is in flight: no
 * byte of RAM changes any more. Before RAM is given to the next guest.
 */
int machine_quiet_devices(struct vm *vm, struct err *err);

/* Put all chips and, by their threads, all vCPUs into their power-on state. */
int machine_reset(struct vm *vm, struct err *err);

/* Press the power button. false if this machine has none. */
bool machine_power_button(struct vm *vm);

/* Write out what the guest has printed; see console_drain(). */
void machine_drain_consoles(struct vm *vm, const struct console_interrupt *interrupt,
			    int timeout_ms);

/* The terminal on which the guest's console is has this size now. */
void machine_resize_console(struct vm *vm, uint16_t cols, uint16_t rows);

/* What devices have counted, for --stats. */
void machine_print_stats(const struct vm *vm, FILE *out);

/* What the guest lacks for devices that it was given and has not used. */
void machine_print_hints(const struct vm *vm, FILE *out);

#endif
