/* SPDX-License-Identifier: BSD-2-Clause */
/* What acpi.c and acpi_dsdt.c share: the header of a table. */
#ifndef TANE_ARCH_X86_64_ACPI_PRIVATE_H
#define TANE_ARCH_X86_64_ACPI_PRIVATE_H

#include "arch/x86_64/tables.h"

#define PACKED __attribute__((packed))

/* The table header (5.2.6). */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} PACKED;

void acpi_header_init(struct acpi_header *header, const char *signature, uint8_t revision,
		      size_t length);

/* All that the header says it covers is in place: seal it. */
void acpi_header_finish(struct tables_area *area, struct acpi_header *header);

/* NULL: it does not fit. */
const struct acpi_header *acpi_build_dsdt(struct tables_area *area,
					  const struct tables_config *config,
					  struct err *err);

#endif
