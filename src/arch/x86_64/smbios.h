/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMBIOS tables (DMTF DSP0134 2.8): what the machine is called and how much of what it
 * has. Firmware puts them into memory and adds what it knows of itself, the structure of
 * type 0.
 */
#ifndef TANE_ARCH_X86_64_SMBIOS_H
#define TANE_ARCH_X86_64_SMBIOS_H

#include <stddef.h>
#include <stdint.h>

#define SMBIOS_ANCHOR_SIZE 31
#define SMBIOS_MAX_SIZE    1024

struct smbios_config {
	unsigned nr_cpus;
	uint64_t low_ram;  /* bytes, from address 0 */
	uint64_t high_ram; /* bytes, from `high_base`; 0: none */
	uint64_t high_base;
};

struct smbios {
	uint8_t anchor[SMBIOS_ANCHOR_SIZE]; /* checksums and address are firmware's */
	uint8_t tables[SMBIOS_MAX_SIZE];
	size_t size; /* of the tables */
};

void smbios_build(struct smbios *smbios, const struct smbios_config *config);

#endif
