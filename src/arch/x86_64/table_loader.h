/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The script by which firmware puts tables into place (fw_cfg file "etc/table-loader").
 *
 * Only firmware knows where tables will lie. So each file of tables is made as if it lay
 * at address 0, and commands of 128 bytes tell what to do: allocate memory and read the
 * file into it, add the address of a file to a pointer in another, make a checksum.
 */
#ifndef TANE_ARCH_X86_64_TABLE_LOADER_H
#define TANE_ARCH_X86_64_TABLE_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_LOADER_COMMAND_SIZE 128
#define TABLE_LOADER_MAX_COMMANDS 48

struct table_loader {
	uint8_t commands[TABLE_LOADER_MAX_COMMANDS][TABLE_LOADER_COMMAND_SIZE];
	unsigned count;
	bool is_full; /* a command did not fit: the script is void */
};

enum table_loader_zone {
	TABLE_LOADER_HIGH = 1, /* anywhere below 4 GiB */
	TABLE_LOADER_FSEG =
		2, /* from 0xf0000, where kernels look for what leads to the rest */
};

void table_loader_allocate(struct table_loader *loader, const char *file,
			   uint32_t alignment, enum table_loader_zone zone);
/* Add the address of `to` to the `size` bytes at `offset` of `file`. */
void table_loader_add_pointer(struct table_loader *loader, const char *file,
			      uint32_t offset, uint8_t size, const char *to);
/* Make the byte at `at`, which is 0, such that [start, start + length) has the sum 0. */
void table_loader_add_checksum(struct table_loader *loader, const char *file, uint32_t at,
			       uint32_t start, uint32_t length);

#endif
