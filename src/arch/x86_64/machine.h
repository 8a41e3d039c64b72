/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine: which chips exist and where (machine.c), and what its memory
 * holds when the boot CPU begins (boot.c). vmm/ drives it through these
 * functions; they run on the main thread, with all vCPUs parked or not yet made.
 */
#ifndef TANE_ARCH_X86_64_MACHINE_H
#define TANE_ARCH_X86_64_MACHINE_H

#include <stdbool.h>

#include "arch/x86_64/cpu.h"
#include "boot/boot.h"
#include "core/vm.h"

/* Before the vCPUs: RAM, interrupt controllers and chips, all on the bus. */
int machine_build(struct vm *vm, struct err *err);
void machine_destroy(struct vm *vm);

/* Load the kernel or ROM into RAM, and learn where the boot CPU begins. */
int machine_load(struct vm *vm, struct err *err);

/* Put all chips and, by their threads, all vCPUs into their power-on state. */
int machine_reset(struct vm *vm, struct err *err);

/* Press the power button. false if this machine has none. */
bool machine_power_button(struct vm *vm);

/* Write out what the guest has printed; see console_drain(). */
void machine_drain_consoles(struct vm *vm, int signal_fd, int timeout_ms);

/* boot.c: fill guest memory from the configuration. */
int boot_load(struct vm *vm, struct cpu_entry *entry, struct err *err);

/* boot.c: the memory map of the machine for `ram` bytes of RAM, sorted. Returns rows. */
#define BOOT_MAP_ROWS 8
unsigned boot_memory_map(uint64_t ram, struct boot_memory map[BOOT_MAP_ROWS]);

#endif
