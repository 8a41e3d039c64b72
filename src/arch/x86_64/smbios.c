/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMBIOS; see smbios.h. A structure is a header (type, length, handle), fields at fixed
 * offsets, and its strings, which fields name by number from 1. A second NUL ends the
 * strings; where there are none, two NULs. All that is here fits SMBIOS_MAX_SIZE, which
 * the unit test checks for the largest machine.
 */
#include <string.h>

#include "arch/x86_64/smbios.h"
#include "util/bytes.h"

#define VERSION_MAJOR 2
#define VERSION_MINOR 8

enum smbios_type {
	SYSTEM = 1,
	ENCLOSURE = 3,
	PROCESSOR = 4,
	MEMORY_ARRAY = 16,
	MEMORY_DEVICE = 17,
	MEMORY_MAPPED_ADDRESS = 19,
	BOOT_INFORMATION = 32,
	END_OF_TABLE = 127,
};

#define HANDLE(type, n)    ((uint16_t)((type) << 8 | (n)))
#define HANDLE_NONE        0xffffu
#define ERROR_NOT_PROVIDED 0xfffeu

#define MANUFACTURER "tane"

/* The structure under construction. */
struct writer {
	struct smbios *smbios;
	uint8_t *at; /* its first byte */
	unsigned nr_structures;
	size_t largest;
	uint8_t nr_strings;
};

static uint8_t *begin(struct writer *writer, enum smbios_type type, unsigned n,
		      uint8_t length)
{
	struct smbios *smbios = writer->smbios;
	uint8_t *at = smbios->tables + smbios->size;

	at[0] = type;
	at[1] = length;
	store_le16(at + 2, HANDLE(type, n));
	smbios->size += length;
	writer->at = at;
	writer->nr_strings = 0;
	return at;
}

/* Append a string; the byte at `field` names it. All fields are zero at first. */
static void add_string(struct writer *writer, unsigned field, const char *text)
{
	struct smbios *smbios = writer->smbios;

	memcpy(smbios->tables + smbios->size, text, strlen(text) + 1);
	smbios->size += strlen(text) + 1;
	writer->at[field] = ++writer->nr_strings;
}

static void end(struct writer *writer)
{
	struct smbios *smbios = writer->smbios;
	size_t size;

	smbios->size += writer->nr_strings ? 1 : 2;
	size = (size_t)(smbios->tables + smbios->size - writer->at);
	if (size > writer->largest)
		writer->largest = size;
	writer->nr_structures++;
}

/* No serial number and no UUID: nobody has given the machine any. */
static void add_system(struct writer *writer)
{
	uint8_t *at = begin(writer, SYSTEM, 0, 0x1b);

	add_string(writer, 0x04, MANUFACTURER);
	add_string(writer, 0x05, "tane");
	add_string(writer, 0x06, TANE_VERSION);
	at[0x18] = 6; /* wake-up type: power switch */
	end(writer);
}

static void add_enclosure(struct writer *writer)
{
	uint8_t *at = begin(writer, ENCLOSURE, 0, 0x16);

	add_string(writer, 0x04, MANUFACTURER);
	at[0x05] = 1; /* other */
	at[0x09] = 3; /* boot-up state: safe */
	at[0x0a] = 3; /* power supply */
	at[0x0b] = 3; /* thermal state */
	at[0x0c] = 2; /* security: unknown */
	end(writer);
}

/* One socket; 0 cores are an unknown number of them. */
static void add_processor(struct writer *writer, unsigned nr_cpus)
{
	const uint8_t cores = nr_cpus < 255 ? (uint8_t)nr_cpus : 0;
	uint8_t *at = begin(writer, PROCESSOR, 0, 0x2a);

	add_string(writer, 0x04, "CPU 0");
	at[0x05] = 3; /* a central processor */
	at[0x06] = 1; /* of another family */
	add_string(writer, 0x07, MANUFACTURER);
	at[0x18] = 0x41;                    /* socket populated, enabled */
	at[0x19] = 1;                       /* upgrade: other */
	store_le16(at + 0x1a, HANDLE_NONE); /* caches */
	store_le16(at + 0x1c, HANDLE_NONE);
	store_le16(at + 0x1e, HANDLE_NONE);
	at[0x23] = cores;
	at[0x24] = cores;            /* enabled */
	at[0x25] = cores;            /* threads */
	store_le16(at + 0x26, 0x04); /* 64 bits */
	store_le16(at + 0x28, 0x01); /* family, again */
	end(writer);
}

static void add_memory_array(struct writer *writer, uint64_t bytes)
{
	uint8_t *at = begin(writer, MEMORY_ARRAY, 0, 0x17);
	const bool is_large = bytes >= 1ull << 41;

	at[0x04] = 1; /* location: other */
	at[0x05] = 3; /* system memory */
	at[0x06] = 3; /* no error correction */
	store_le32(at + 0x07, is_large ? 0x80000000 : (uint32_t)(bytes >> 10));
	store_le16(at + 0x0b, ERROR_NOT_PROVIDED);
	store_le16(at + 0x0d, 1); /* devices */
	store_le64(at + 0x0f, is_large ? bytes : 0);
	end(writer);
}

static void add_memory_device(struct writer *writer, uint64_t bytes)
{
	const uint64_t megabytes = bytes >> 20;
	uint8_t *at = begin(writer, MEMORY_DEVICE, 0, 0x28);

	store_le16(at + 0x04, HANDLE(MEMORY_ARRAY, 0));
	store_le16(at + 0x06, ERROR_NOT_PROVIDED);
	store_le16(at + 0x08, 0xffff); /* widths: unknown */
	store_le16(at + 0x0a, 0xffff);
	store_le16(at + 0x0c, megabytes < 0x7fff ? (uint16_t)megabytes : 0x7fff);
	at[0x0e] = 9; /* DIMM */
	add_string(writer, 0x10, "DIMM 0");
	at[0x12] = 7;                /* RAM */
	store_le16(at + 0x13, 0x02); /* of another kind */
	add_string(writer, 0x17, MANUFACTURER);
	store_le32(at + 0x1c, megabytes < 0x7fff ? 0 : (uint32_t)megabytes);
	end(writer);
}

static void add_mapped_address(struct writer *writer, unsigned n, uint64_t base,
			       uint64_t bytes)
{
	const uint64_t last = base + bytes - 1;
	uint8_t *at = begin(writer, MEMORY_MAPPED_ADDRESS, n, 0x1f);
	const bool is_high = last >> 10 >= UINT32_MAX;

	store_le32(at + 0x04, is_high ? UINT32_MAX : (uint32_t)(base >> 10));
	store_le32(at + 0x08, is_high ? UINT32_MAX : (uint32_t)(last >> 10));
	store_le16(at + 0x0c, HANDLE(MEMORY_ARRAY, 0));
	at[0x0e] = 1; /* devices that form a row */
	store_le64(at + 0x0f, is_high ? base : 0);
	store_le64(at + 0x17, is_high ? last : 0);
	end(writer);
}

/* "No errors detected", and the end. */
static void add_rest(struct writer *writer)
{
	begin(writer, BOOT_INFORMATION, 0, 0x0b);
	end(writer);
	begin(writer, END_OF_TABLE, 0, 4);
	end(writer);
}

static void fill_anchor(const struct writer *writer)
{
	uint8_t *anchor = writer->smbios->anchor;

	memcpy(anchor, "_SM_", 4);
	anchor[0x05] = SMBIOS_ANCHOR_SIZE;
	anchor[0x06] = VERSION_MAJOR;
	anchor[0x07] = VERSION_MINOR;
	store_le16(anchor + 0x08, (uint16_t)writer->largest);
	memcpy(anchor + 0x10, "_DMI_", 5);
	store_le16(anchor + 0x16, (uint16_t)writer->smbios->size);
	store_le16(anchor + 0x1c, (uint16_t)writer->nr_structures);
	anchor[0x1e] = VERSION_MAJOR << 4 | VERSION_MINOR;
}

void smbios_build(struct smbios *smbios, const struct smbios_config *config)
{
	const uint64_t ram = config->low_ram + config->high_ram;
	struct writer writer = { .smbios = smbios };

	memset(smbios, 0, sizeof(*smbios));
	add_system(&writer);
	add_enclosure(&writer);
	add_processor(&writer, config->nr_cpus);
	add_memory_array(&writer, ram);
	add_memory_device(&writer, ram);
	add_mapped_address(&writer, 0, 0, config->low_ram);
	if (config->high_ram)
		add_mapped_address(&writer, 1, config->high_base, config->high_ram);
	add_rest(&writer);
	fill_anchor(&writer);
}
