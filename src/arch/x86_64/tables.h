/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware tables: what the machine is made of, told in the two languages that
 * x86 kernels read, ACPI (acpi.c, with its byte code by aml.c) and the Intel
 * MultiProcessor Specification (mptable.c). Pure functions from a description
 * to bytes; they touch no guest memory.
 */
#ifndef TANE_ARCH_X86_64_TABLES_H
#define TANE_ARCH_X86_64_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define TABLES_MAX_UARTS 4

/* The machine as the tables have to describe it. CPU n has APIC ID n. */
struct tables_config {
	unsigned nr_cpus;
	struct {
		uint16_t port;
		uint8_t irq;
	} uarts[TABLES_MAX_UARTS];
	unsigned nr_uarts;
};

/* A table area under construction: `data` will lie at guest address `gpa`. */
struct tables_area {
	uint8_t *data;
	size_t size;
	size_t used;
	uint64_t gpa;
};

/*
 * Append the ACPI tables: RSDP (first, 16-byte aligned), XSDT, FADT, FACS,
 * DSDT, MADT. *rsdp_gpa gets the address of the RSDP.
 */
int acpi_build(struct tables_area *area, const struct tables_config *config,
	       uint64_t *rsdp_gpa, struct err *err);

/*
 * Append the MP configuration table (MP 1.4, chapter 4) and write the floating
 * pointer that names it to `floating`. CPUs with an APIC ID above 254 do not
 * exist in this language and are left out.
 */
int mptable_build(struct tables_area *area, const struct tables_config *config,
		  uint8_t floating[16], struct err *err);

#endif
