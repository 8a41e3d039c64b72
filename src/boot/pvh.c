/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH: an ELF kernel with a note that names its 32-bit entry.
 *
 * The note is XEN_ELFNOTE_PHYS32_ENTRY by "Xen" in a PT_NOTE segment. The
 * kernel is entered there in protected mode without paging, with EBX at a
 * struct hvm_start_info that leads to all the rest.
 *
 * Specification: Xen, docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h.
 */
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "boot/formats.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

/* Where the next item of a note begins: items are padded to the alignment. */
static size_t pad(size_t size, size_t align)
{
	return (size + align - 1) & ~(align - 1);
}

/* The entry address in a note's descriptor: Xen has it in 4 or 8 bytes. */
static int read_entry(struct bytes desc, uint64_t *entry, struct err *err)
{
	if (desc.size == 4)
		*entry = load_le32(desc.data);
	else if (desc.size == 8)
		*entry = load_le64(desc.data);
	else
		return err_set(err, "PVH note: its entry has %zu bytes, not 4 or 8",
			       desc.size);
	return 1;
}

/* Walk the notes of one PT_NOTE segment. Each step moves on, so this ends. */
static int walk_notes(struct bytes notes, size_t align, uint64_t *entry, struct err *err)
{
	size_t at = 0;

	while (notes.size - at >= sizeof(Elf64_Nhdr)) {
		struct bytes name, desc;
		Elf64_Nhdr note;
		uint64_t next;

		memcpy(&note, notes.data + at, sizeof(note));
		next = at + sizeof(note);
		if (!bytes_slice(notes, next, note.n_namesz, &name))
			return err_set(err,
				       "ELF note at %zu: name of %u bytes exceeds its"
				       " segment of %zu",
				       at, note.n_namesz, notes.size);
		next = pad(next + name.size, align);
		if (!bytes_slice(notes, next, note.n_descsz, &desc))
			return err_set(err,
				       "ELF note at %zu: descriptor of %u bytes exceeds"
				       " its segment of %zu",
				       at, note.n_descsz, notes.size);
		if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && name.size == 4 &&
		    !memcmp(name.data, "Xen", 4))
			return read_entry(desc, entry, err);
		next = pad(next + desc.size, align);
		if (next >= notes.size)
			break;
		at = next;
	}
	return 0;
}

int pvh_find_entry(const struct elf_image *elf, uint64_t *entry, struct err *err)
{
	for (unsigned i = 0; i < elf->nr_segments; i++) {
		struct elf_segment segment = elf_segment_get(elf, i);
		struct bytes notes;
		int found;

		if (segment.type != PT_NOTE)
			continue;
		if (!bytes_slice(elf->file, segment.offset, segment.filesz, &notes))
			return err_set(err,
				       "ELF program header %u: notes (0x%" PRIx64
				       " bytes at 0x%" PRIx64
				       ") lie outside the file of %zu bytes",
				       i, segment.filesz, segment.offset, elf->file.size);
		found = walk_notes(notes, segment.align == 8 ? 8 : 4, entry, err);
		if (found)
			return found;
	}
	return 0;
}

int pvh_parse(struct boot_kernel *kernel, const struct elf_image *elf, uint64_t entry,
	      uint64_t max_size, struct err *err)
{
	if (elf_load(kernel, elf, max_size, err))
		return -1;
	if (entry > UINT32_MAX || !boot_segment_contains(kernel, entry))
		return err_set(err,
			       "PVH note: the entry 0x%" PRIx64
			       " lies in no loaded segment below 4 GiB",
			       entry);
	kernel->protocol = BOOT_PVH;
	kernel->entry = entry;
	if (!kernel->initrd_addr_max)
		kernel->initrd_addr_max = UINT32_MAX;
	return 0;
}

/* Xen's start_info.h, version 1. */
#define XEN_HVM_START_MAGIC_VALUE 0x336ec578
#define START_INFO_VERSION        1

struct hvm_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct hvm_modlist_entry {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

struct hvm_memmap_table_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

_Static_assert(sizeof(struct hvm_start_info) == 56, "hvm_start_info");
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "hvm_modlist_entry");
_Static_assert(sizeof(struct hvm_memmap_table_entry) == 24, "hvm_memmap_table_entry");

static int build_modules(struct boot_area *area, struct hvm_start_info *info,
			 const struct boot_handoff *handoff, struct err *err)
{
	struct hvm_modlist_entry *list;
	uint32_t gpa;

	list = boot_area_take(area, handoff->nr_modules * sizeof(*list), &gpa, err);
	if (!list)
		return -1;
	info->nr_modules = handoff->nr_modules;
	info->modlist_paddr = handoff->nr_modules ? gpa : 0;

	for (unsigned i = 0; i < handoff->nr_modules; i++) {
		const struct boot_module *module = &handoff->modules[i];

		list[i].paddr = module->gpa;
		list[i].size = module->size;
		if (!module->cmdline)
			continue;
		if (boot_area_string(area, module->cmdline, &gpa, err))
			return -1;
		list[i].cmdline_paddr = gpa;
	}
	return 0;
}

static int build_memory_map(struct boot_area *area, struct hvm_start_info *info,
			    const struct boot_handoff *handoff, struct err *err)
{
	struct hvm_memmap_table_entry *map;
	uint32_t gpa;

	map = boot_area_take(area, handoff->nr_memory * sizeof(*map), &gpa, err);
	if (!map)
		return -1;
	info->memmap_entries = handoff->nr_memory;
	info->memmap_paddr = gpa;
	for (unsigned i = 0; i < handoff->nr_memory; i++) {
		map[i].addr = handoff->memory[i].base;
		map[i].size = handoff->memory[i].size;
		map[i].type = handoff->memory[i].type;
	}
	return 0;
}

int pvh_start_info_build(uint8_t *buffer, size_t size, uint64_t gpa,
			 const struct boot_handoff *handoff, struct err *err)
{
	struct boot_area area = { .data = buffer, .size = size, .gpa = gpa };
	struct hvm_start_info *info;
	uint32_t at;

	info = boot_area_take(&area, sizeof(*info), &at, err);
	if (!info)
		return -1;
	info->magic = XEN_HVM_START_MAGIC_VALUE;
	info->version = START_INFO_VERSION;
	info->rsdp_paddr = handoff->rsdp_gpa;
	if (boot_area_string(&area, handoff->cmdline, &at, err))
		return -1;
	info->cmdline_paddr = at;
	if (build_modules(&area, info, handoff, err))
		return -1;
	return build_memory_map(&area, info, handoff, err);
}
