/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot 1: small operating systems in C often start this way.
 *
 * A header with a magic, flags and a checksum lies 4-byte aligned in the first
 * 8 KiB. With flag 16 it states where the file goes in memory (the "a.out
 * kludge"); otherwise the file is ELF and says so itself. The kernel is entered
 * in protected mode without paging, EAX = MULTIBOOT_BOOTLOADER_MAGIC and EBX at
 * the information that multiboot_info_build() writes.
 *
 * Of the flags that must be understood, page-aligned modules and the memory map
 * are always given; the wish for a video mode is left to the kernel, which sees
 * in the information that none was set.
 *
 * Specification: Multiboot Specification 0.6.96, chapter 3.
 */
#include <inttypes.h>
#include <string.h>

#include "boot/formats.h"

#define MULTIBOOT_SEARCH       8192
#define MULTIBOOT_HEADER_MAGIC 0x1BADB002u
#define MULTIBOOT_PAGE_ALIGN   (1u << 0)
#define MULTIBOOT_MEMORY_INFO  (1u << 1)
#define MULTIBOOT_VIDEO_MODE   (1u << 2)
#define MULTIBOOT_REQUIRED     0xffffu /* a loader has to know all of these */
#define MULTIBOOT_AOUT_KLUDGE  (1u << 16)

struct multiboot_header {
	uint32_t magic;
	uint32_t flags;
	uint32_t checksum;
	/* with MULTIBOOT_AOUT_KLUDGE */
	uint32_t header_addr;
	uint32_t load_addr;
	uint32_t load_end_addr;
	uint32_t bss_end_addr;
	uint32_t entry_addr;
};

#define HEADER_SIZE_SHORT 12

int multiboot_find_header(struct bytes file, size_t *offset, struct err *err)
{
	size_t end = file.size < MULTIBOOT_SEARCH ? file.size : MULTIBOOT_SEARCH;
	bool seen = false;
	size_t bad = 0;

	for (size_t at = 0; at + HEADER_SIZE_SHORT <= end; at += 4) {
		const uint8_t *header = file.data + at;

		if (load_le32(header) != MULTIBOOT_HEADER_MAGIC)
			continue;
		if (load_le32(header) + load_le32(header + 4) + load_le32(header + 8) ==
		    0) {
			*offset = at;
			return 1;
		}
		if (!seen)
			bad = at;
		seen = true;
	}
	if (!seen)
		return 0;
	return err_set(err,
		       "multiboot header at %zu: magic, flags and checksum do not add up"
		       " to zero",
		       bad);
}

/* The addresses of the a.out kludge: where which part of the file goes. */
static int load_by_addresses(struct boot_kernel *kernel, struct bytes file, size_t offset,
			     const struct multiboot_header *header, uint64_t max_size,
			     struct err *err)
{
	uint32_t before = header->header_addr - header->load_addr;
	uint64_t load_size, size;
	struct bytes data;

	if (header->load_addr > header->header_addr || before > offset)
		return err_set(err,
			       "multiboot header: load_addr 0x%x and header_addr 0x%x do"
			       " not fit a header at %zu of the file",
			       header->load_addr, header->header_addr, offset);

	load_size = file.size - (offset - before);
	if (header->load_end_addr) {
		if (header->load_end_addr < header->load_addr)
			return err_set(err,
				       "multiboot header: load_end_addr 0x%x is below"
				       " load_addr 0x%x",
				       header->load_end_addr, header->load_addr);
		load_size = header->load_end_addr - header->load_addr;
	}
	if (!bytes_slice(file, offset - before, load_size, &data))
		return err_set(err,
			       "multiboot header: load_end_addr 0x%x asks for %" PRIu64
			       " bytes, the file has %zu (truncated?)",
			       header->load_end_addr, load_size,
			       file.size - offset + before);

	size = load_size;
	if (header->bss_end_addr) {
		if (header->bss_end_addr < header->load_addr + load_size)
			return err_set(err,
				       "multiboot header: bss_end_addr 0x%x lies inside"
				       " the loaded part",
				       header->bss_end_addr);
		size = header->bss_end_addr - header->load_addr;
	}
	kernel->entry = header->entry_addr;
	return boot_segment_add(kernel, header->load_addr, size, data, max_size, err);
}

static int read_header(struct bytes file, size_t offset, struct multiboot_header *header,
		       struct err *err)
{
	size_t size = HEADER_SIZE_SHORT;
	uint32_t unknown;

	memset(header, 0, sizeof(*header));
	if (load_le32(file.data + offset + 4) & MULTIBOOT_AOUT_KLUDGE)
		size = sizeof(*header);
	if (!range_within(offset, size, file.size))
		return err_set(err,
			       "truncated: the multiboot header at %zu takes %zu bytes,"
			       " the file has %zu",
			       offset, size, file.size);
	memcpy(header, file.data + offset, size);

	unknown = header->flags & MULTIBOOT_REQUIRED &
		  ~(MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO | MULTIBOOT_VIDEO_MODE);
	if (unknown)
		return err_set(err,
			       "multiboot header: it requires features that tane does"
			       " not have (flags 0x%x)",
			       unknown);
	return 0;
}

int multiboot_parse(struct boot_kernel *kernel, struct bytes file, size_t offset,
		    uint64_t max_size, struct err *err)
{
	struct multiboot_header header;
	struct elf_image elf;

	if (read_header(file, offset, &header, err))
		return -1;
	if (header.flags & MULTIBOOT_AOUT_KLUDGE) {
		if (load_by_addresses(kernel, file, offset, &header, max_size, err))
			return -1;
	} else if (!elf_detect(file)) {
		return err_set(err,
			       "multiboot header: neither addresses (flag 16) nor an ELF"
			       " file tell where the kernel goes");
	} else if (elf_open(&elf, file, err) || elf_load(kernel, &elf, max_size, err) ||
		   elf_entry(kernel, &elf, &kernel->entry, err)) {
		return -1;
	}

	if (kernel->entry > UINT32_MAX || !boot_segment_contains(kernel, kernel->entry))
		return err_set(err,
			       "multiboot: the entry 0x%" PRIx64
			       " lies in no loaded segment below 4 GiB",
			       kernel->entry);
	kernel->protocol = BOOT_MULTIBOOT;
	kernel->multiboot_flags = header.flags;
	kernel->initrd_addr_max = UINT32_MAX;
	return 0;
}

/* Multiboot information: which fields are valid. */
#define MULTIBOOT_INFO_MEMORY           (1u << 0)
#define MULTIBOOT_INFO_CMDLINE          (1u << 2)
#define MULTIBOOT_INFO_MODS             (1u << 3)
#define MULTIBOOT_INFO_MEM_MAP          (1u << 6)
#define MULTIBOOT_INFO_BOOT_LOADER_NAME (1u << 9)

struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* KiB from 0, KiB from 1 MiB */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t apm_table;
	uint8_t vbe[16];
	uint8_t framebuffer[28];
};

struct multiboot_mod_list {
	uint32_t mod_start, mod_end; /* the first byte, the first byte after it */
	uint32_t cmdline;
	uint32_t pad;
};

struct multiboot_mmap_entry {
	uint32_t size; /* of what follows */
	uint64_t addr;
	uint64_t len;
	uint32_t type;
} __attribute__((packed));

_Static_assert(sizeof(struct multiboot_info) == 116, "multiboot_info");
_Static_assert(sizeof(struct multiboot_mmap_entry) == 24, "multiboot_mmap_entry");

/* The KiB of RAM that begin exactly at `base`. */
static uint32_t ram_at(const struct boot_handoff *handoff, uint64_t base)
{
	for (unsigned i = 0; i < handoff->nr_memory; i++) {
		const struct boot_memory *row = &handoff->memory[i];

		if (row->type == BOOT_MEMORY_RAM && row->base == base)
			return (uint32_t)(row->size / 1024);
	}
	return 0;
}

static int build_modules(struct boot_area *area, struct multiboot_info *info,
			 const struct boot_handoff *handoff, struct err *err)
{
	struct multiboot_mod_list *list;

	list = boot_area_take(area, handoff->nr_modules * sizeof(*list), &info->mods_addr,
			      err);
	if (!list)
		return -1;
	info->flags |= MULTIBOOT_INFO_MODS;
	info->mods_count = handoff->nr_modules;

	for (unsigned i = 0; i < handoff->nr_modules; i++) {
		const struct boot_module *module = &handoff->modules[i];

		if (!range_within(module->gpa, module->size, UINT32_MAX))
			return err_set(err,
				       "multiboot: module %u at 0x%" PRIx64
				       " does not lie below 4 GiB",
				       i, module->gpa);
		list[i].mod_start = (uint32_t)module->gpa;
		list[i].mod_end = (uint32_t)(module->gpa + module->size);
		if (boot_area_string(area, module->cmdline, &list[i].cmdline, err))
			return -1;
	}
	return 0;
}

static int build_memory_map(struct boot_area *area, struct multiboot_info *info,
			    const struct boot_handoff *handoff, struct err *err)
{
	struct multiboot_mmap_entry *map;

	map = boot_area_take(area, handoff->nr_memory * sizeof(*map), &info->mmap_addr,
			     err);
	if (!map)
		return -1;
	info->flags |= MULTIBOOT_INFO_MEMORY | MULTIBOOT_INFO_MEM_MAP;
	info->mem_lower = ram_at(handoff, 0);
	info->mem_upper = ram_at(handoff, 0x100000);
	info->mmap_length = (uint32_t)(handoff->nr_memory * sizeof(*map));
	for (unsigned i = 0; i < handoff->nr_memory; i++) {
		map[i].size = sizeof(*map) - sizeof(map->size);
		map[i].addr = handoff->memory[i].base;
		map[i].len = handoff->memory[i].size;
		map[i].type = handoff->memory[i].type;
	}
	return 0;
}

int multiboot_info_build(uint8_t *buffer, size_t size, uint64_t gpa,
			 const struct boot_handoff *handoff, struct err *err)
{
	struct boot_area area = { .data = buffer, .size = size, .gpa = gpa };
	struct multiboot_info *info;
	uint32_t at;

	info = boot_area_take(&area, sizeof(*info), &at, err);
	if (!info)
		return -1;
	info->flags = MULTIBOOT_INFO_CMDLINE | MULTIBOOT_INFO_BOOT_LOADER_NAME;
	if (boot_area_string(&area, handoff->cmdline, &info->cmdline, err) ||
	    boot_area_string(&area, "tane", &info->boot_loader_name, err) ||
	    build_modules(&area, info, handoff, err))
		return -1;
	return build_memory_map(&area, info, handoff, err);
}
