/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF files: vmlinux, and the container of PVH and multiboot kernels.
 *
 * elf_open() checks the header and that the table of program headers is inside
 * the file; elf_segment_get() turns a row of either class into one struct;
 * elf_load() takes the PT_LOAD rows to the physical addresses (p_paddr). Only
 * little-endian x86 files pass. Section headers are not looked at: a stripped
 * file boots as well.
 *
 * Specification: System V ABI, chapters 4 and 5; elf(5) for the structures.
 */
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "boot/formats.h"

#define BOOT_PROTOCOL_VERSION 0x020f
#define KERNEL_ALIGNMENT      0x200000
#define COMMAND_LINE_SIZE     2048 /* asm/setup.h, NUL counted */

bool elf_detect(struct bytes file)
{
	return file.size >= SELFMAG && !memcmp(file.data, ELFMAG, SELFMAG);
}

bool elf_isa(struct bytes file, enum boot_isa *isa)
{
	if (!elf_detect(file) || file.size < EI_NIDENT + 4)
		return false;
	switch (load_le16(file.data + EI_NIDENT + 2)) {
	case EM_386:
	case EM_X86_64:
		*isa = BOOT_ISA_X86_64;
		return true;
	case EM_AARCH64:
		*isa = BOOT_ISA_ARM64;
		return true;
	case EM_RISCV:
		*isa = BOOT_ISA_RISCV64;
		return true;
	default:
		return false;
	}
}

/* The table of program headers: its place from the file header. */
static int open_table(struct elf_image *elf, uint64_t offset, unsigned entry_size,
		      unsigned count, struct err *err)
{
	size_t want = elf->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (!count)
		return err_set(err,
			       "ELF file without program headers: not an executable");
	if (entry_size != want)
		return err_set(err,
			       "ELF program headers of %u bytes (e_phentsize), not %zu",
			       entry_size, want);
	if (!bytes_slice(elf->file, offset, (uint64_t)entry_size * count, &elf->table))
		return err_set(err,
			       "ELF program headers at 0x%" PRIx64 " (%u of %u bytes)"
			       " lie outside the file of %zu bytes",
			       offset, count, entry_size, elf->file.size);
	elf->nr_segments = count;
	return 0;
}

static int open_32(struct elf_image *elf, struct err *err)
{
	Elf32_Ehdr header;

	if (elf->file.size < sizeof(header))
		return err_set(err,
			       "truncated: the ELF header takes %zu bytes, the file has"
			       " %zu",
			       sizeof(header), elf->file.size);
	memcpy(&header, elf->file.data, sizeof(header));
	elf->machine = header.e_machine;
	elf->entry = header.e_entry;
	return open_table(elf, header.e_phoff, header.e_phentsize, header.e_phnum, err);
}

static int open_64(struct elf_image *elf, struct err *err)
{
	Elf64_Ehdr header;

	if (elf->file.size < sizeof(header))
		return err_set(err,
			       "truncated: the ELF header takes %zu bytes, the file has"
			       " %zu",
			       sizeof(header), elf->file.size);
	memcpy(&header, elf->file.data, sizeof(header));
	elf->machine = header.e_machine;
	elf->entry = header.e_entry;
	return open_table(elf, header.e_phoff, header.e_phentsize, header.e_phnum, err);
}

/* What the two classes have at the same place, before either is believed. */
static int check_identity(struct bytes file, struct err *err)
{
	uint16_t type, machine;

	if (file.size < EI_NIDENT + 4)
		return err_set(err, "truncated: an ELF file of %zu bytes", file.size);
	if (file.data[EI_CLASS] != ELFCLASS32 && file.data[EI_CLASS] != ELFCLASS64)
		return err_set(err, "ELF class %u is neither 32 nor 64 bits",
			       file.data[EI_CLASS]);
	if (file.data[EI_DATA] != ELFDATA2LSB)
		return err_set(err, "ELF file is not little-endian: not for x86");

	type = load_le16(file.data + EI_NIDENT);
	machine = load_le16(file.data + EI_NIDENT + 2);
	if (machine != EM_386 && machine != EM_X86_64)
		return err_set(err, "ELF file is for machine %u, not for x86 (%u or %u)",
			       machine, EM_386, EM_X86_64);
	if (type != ET_EXEC && type != ET_DYN)
		return err_set(err,
			       "ELF type %u is no executable (a relocatable object,"
			       " a module or a core dump does not boot)",
			       type);
	return 0;
}

int elf_open(struct elf_image *elf, struct bytes file, struct err *err)
{
	memset(elf, 0, sizeof(*elf));
	elf->file = file;
	if (check_identity(file, err))
		return -1;
	elf->is_64 = file.data[EI_CLASS] == ELFCLASS64;
	return elf->is_64 ? open_64(elf, err) : open_32(elf, err);
}

struct elf_segment elf_segment_get(const struct elf_image *elf, unsigned i)
{
	Elf64_Phdr h64;
	Elf32_Phdr h32;

	if (elf->is_64) {
		memcpy(&h64, elf->table.data + i * sizeof(h64), sizeof(h64));
		return (struct elf_segment){
			.type = h64.p_type,
			.offset = h64.p_offset,
			.filesz = h64.p_filesz,
			.vaddr = h64.p_vaddr,
			.paddr = h64.p_paddr,
			.memsz = h64.p_memsz,
			.align = h64.p_align,
		};
	}
	memcpy(&h32, elf->table.data + i * sizeof(h32), sizeof(h32));
	return (struct elf_segment){
		.type = h32.p_type,
		.offset = h32.p_offset,
		.filesz = h32.p_filesz,
		.vaddr = h32.p_vaddr,
		.paddr = h32.p_paddr,
		.memsz = h32.p_memsz,
		.align = h32.p_align,
	};
}

int elf_load(struct boot_kernel *kernel, const struct elf_image *elf, uint64_t max_size,
	     struct err *err)
{
	for (unsigned i = 0; i < elf->nr_segments; i++) {
		struct elf_segment segment = elf_segment_get(elf, i);
		struct bytes data;

		if (segment.type != PT_LOAD)
			continue;
		if (!bytes_slice(elf->file, segment.offset, segment.filesz, &data))
			return err_set(err,
				       "ELF program header %u: 0x%" PRIx64
				       " bytes at 0x%" PRIx64
				       " lie outside the file of %zu bytes (truncated?)",
				       i, segment.filesz, segment.offset, elf->file.size);
		if (boot_segment_add(kernel, segment.paddr, segment.memsz, data, max_size,
				     err))
			return err_prefix(err, "ELF program header %u: ", i);
	}
	if (!kernel->nr_segments)
		return err_set(err, "ELF file has nothing to load (no PT_LOAD)");
	return 0;
}

/*
 * Linux states a physical entry. Many small kernels that run in the higher half
 * state a virtual one: the segment that holds it tells the difference.
 */
int elf_entry(const struct boot_kernel *kernel, const struct elf_image *elf,
	      uint64_t *entry, struct err *err)
{
	if (boot_segment_contains(kernel, elf->entry)) {
		*entry = elf->entry;
		return 0;
	}
	for (unsigned i = 0; i < elf->nr_segments; i++) {
		struct elf_segment segment = elf_segment_get(elf, i);

		if (segment.type == PT_LOAD && elf->entry >= segment.vaddr &&
		    elf->entry - segment.vaddr < segment.memsz) {
			*entry = elf->entry - segment.vaddr + segment.paddr;
			return 0;
		}
	}
	return err_set(err, "the entry 0x%" PRIx64 " lies in no loaded segment",
		       elf->entry);
}

/* boot.rst, "64-bit Boot Protocol": what a loader states that has no setup header. */
static void setup_header_init(struct setup_header *setup, bool is_64)
{
	setup->boot_flag = 0xAA55;
	memcpy(&setup->header, "HdrS", 4);
	setup->version = BOOT_PROTOCOL_VERSION;
	setup->loadflags = LOADED_HIGH;
	setup->kernel_alignment = KERNEL_ALIGNMENT;
	setup->cmdline_size = COMMAND_LINE_SIZE - 1;
	setup->initrd_addr_max = 0x7fffffff;
	setup->xloadflags = is_64 ? XLF_KERNEL_64 : 0;
}

int elf_linux_parse(struct boot_kernel *kernel, const struct elf_image *elf,
		    uint64_t max_size, struct err *err)
{
	if (elf_load(kernel, elf, max_size, err) ||
	    elf_entry(kernel, elf, &kernel->entry, err))
		return -1;
	kernel->protocol = BOOT_LINUX;
	kernel->entry_32 = !elf->is_64;
	if (!kernel->setup.header) {
		setup_header_init(&kernel->setup, elf->is_64);
		kernel->cmdline_size = kernel->setup.cmdline_size;
		kernel->initrd_addr_max = kernel->setup.initrd_addr_max;
	}
	return 0;
}
