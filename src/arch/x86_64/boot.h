/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine's memory holds when the boot CPU begins; see boot.c. */
#ifndef TANE_ARCH_X86_64_BOOT_H
#define TANE_ARCH_X86_64_BOOT_H

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/tables.h"
#include "boot/boot.h"
#include "core/vm.h"

/*
 * Fill guest memory from the configuration. `tables` is what a kernel is told, and
 * `params` what is appended to the command line of one that reads no ACPI tables.
 */
int boot_load(struct vm *vm, const struct tables_config *tables, const char *params,
	      struct cpu_entry *entry, struct err *err);

/* The memory map of the machine for `ram` bytes of RAM, sorted. Returns its rows. */
#define BOOT_MAP_ROWS 8
unsigned boot_memory_map(uint64_t ram, struct boot_memory map[BOOT_MAP_ROWS]);

#endif
