/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table loader's script; see table_loader.h. The format is QEMU's (its
 * hw/acpi/bios-linker-loader.c): a command in 32 bits, its arguments, zeros. File names
 * take 56 bytes as in fw_cfg.
 */
#include <string.h>

#include "arch/x86_64/table_loader.h"
#include "util/bytes.h"

#define NAME_SIZE 56

enum command {
	ALLOCATE = 1,
	ADD_POINTER = 2,
	ADD_CHECKSUM = 3,
};

/* A new command about `file`, the first argument of each. NULL: there is no room. */
static uint8_t *new_command(struct table_loader *loader, enum command command,
			    const char *file)
{
	uint8_t *at;

	if (loader->count == TABLE_LOADER_MAX_COMMANDS || strlen(file) >= NAME_SIZE) {
		loader->is_full = true;
		return NULL;
	}
	at = loader->commands[loader->count++];
	memset(at, 0, TABLE_LOADER_COMMAND_SIZE);
	store_le32(at, command);
	memcpy(at + 4, file, strlen(file));
	return at + 4 + NAME_SIZE;
}

void table_loader_allocate(struct table_loader *loader, const char *file,
			   uint32_t alignment, enum table_loader_zone zone)
{
	uint8_t *at = new_command(loader, ALLOCATE, file);

	if (!at)
		return;
	store_le32(at, alignment);
	at[4] = (uint8_t)zone;
}

void table_loader_add_pointer(struct table_loader *loader, const char *file,
			      uint32_t offset, uint8_t size, const char *to)
{
	uint8_t *at = new_command(loader, ADD_POINTER, file);

	if (!at)
		return;
	if (strlen(to) >= NAME_SIZE) {
		loader->is_full = true;
		return;
	}
	memcpy(at, to, strlen(to));
	store_le32(at + NAME_SIZE, offset);
	at[NAME_SIZE + 4] = size;
}

void table_loader_add_checksum(struct table_loader *loader, const char *file, uint32_t at,
			       uint32_t start, uint32_t length)
{
	uint8_t *argument = new_command(loader, ADD_CHECKSUM, file);

	if (!argument)
		return;
	store_le32(argument, at);
	store_le32(argument + 4, start);
	store_le32(argument + 8, length);
}
