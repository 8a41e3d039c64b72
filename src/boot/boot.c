/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of src/boot: which format is it, and what all formats share.
 *
 * The order of detection: a bzImage by its "HdrS"; a multiboot header in the
 * first 8 KiB (such a kernel is often an ELF file as well, and its author asked
 * for multiboot); an ELF file, by its PVH note if it has one, as a vmlinux if
 * not. A wish takes the one format and says what is missing if it cannot.
 * Those are for x86; arm64 and riscv64 guests have one format, Image, which may be
 * packed. A kernel for the wrong CPUs is told from damage before anything else.
 *
 * All segments pass boot_segment_add(), so that no parser can produce a list
 * that the loader would have to doubt.
 */
#include <inttypes.h>
#include <string.h>

#include "boot/boot.h"
#include "boot/formats.h"

#define PAGE_SIZE UINT64_C(4096)
#define MIB       ((uint64_t)1 << 20)

const char *boot_protocol_name(enum boot_protocol protocol)
{
	switch (protocol) {
	case BOOT_AUTO:
		return "auto";
	case BOOT_LINUX:
		return "Linux";
	case BOOT_PVH:
		return "PVH";
	case BOOT_MULTIBOOT:
		return "multiboot";
	}
	return "unknown";
}

const char *boot_isa_name(enum boot_isa isa)
{
	switch (isa) {
	case BOOT_ISA_X86_64:
		return "x86-64";
	case BOOT_ISA_ARM64:
		return "arm64";
	case BOOT_ISA_RISCV64:
		return "riscv64";
	}
	return "unknown";
}

int boot_wrong_isa(enum boot_isa isa, const struct boot_target *target, struct err *err)
{
	return err_set(err, "%s %s kernel; this tane runs %s guests",
		       isa == BOOT_ISA_RISCV64 ? "a" : "an", boot_isa_name(isa),
		       boot_isa_name(target->isa));
}

static int segment_check(const struct boot_kernel *kernel, uint64_t gpa, uint64_t size,
			 uint64_t max_size, struct err *err)
{
	if (size > UINT64_MAX - gpa)
		return err_set(err,
			       "segment at 0x%" PRIx64 " of 0x%" PRIx64
			       " bytes wraps around the address space",
			       gpa, size);
	if (gpa + size > max_size)
		return err_set(err,
			       "it needs memory up to 0x%" PRIx64 " (%" PRIu64
			       " MiB), the guest has %" PRIu64
			       " MiB: give it more memory (--mem)",
			       gpa + size, (gpa + size - 1) / MIB + 1, max_size / MIB);

	for (unsigned i = 0; i < kernel->nr_segments; i++) {
		const struct boot_segment *other = &kernel->segments[i];

		if (ranges_overlap(gpa, size, other->gpa, other->size))
			return err_set(err,
				       "segments overlap: 0x%" PRIx64 " to 0x%" PRIx64
				       " and 0x%" PRIx64 " to 0x%" PRIx64,
				       other->gpa, other->gpa + other->size, gpa,
				       gpa + size);
	}

	if (kernel->nr_segments == BOOT_MAX_SEGMENTS)
		return err_set(err, "it has more than %d segments to load",
			       BOOT_MAX_SEGMENTS);
	return 0;
}

int boot_segment_add(struct boot_kernel *kernel, uint64_t gpa, uint64_t size,
		     struct bytes data, uint64_t max_size, struct err *err)
{
	if (data.size > size)
		return err_set(err,
			       "segment at 0x%" PRIx64 " has 0x%zx bytes in the file"
			       " but only 0x%" PRIx64 " in memory",
			       gpa, data.size, size);
	if (!size)
		return 0;
	if (segment_check(kernel, gpa, size, max_size, err))
		return -1;

	if (!kernel->nr_segments || gpa < kernel->low)
		kernel->low = gpa;
	if (!kernel->nr_segments || gpa + size > kernel->high)
		kernel->high = gpa + size;
	kernel->segments[kernel->nr_segments++] = (struct boot_segment){
		.gpa = gpa,
		.size = size,
		.data = data,
	};
	return 0;
}

bool boot_segment_contains(const struct boot_kernel *kernel, uint64_t gpa)
{
	for (unsigned i = 0; i < kernel->nr_segments; i++) {
		const struct boot_segment *segment = &kernel->segments[i];

		if (gpa >= segment->gpa && gpa - segment->gpa < segment->size)
			return true;
	}
	return false;
}

int boot_elf_parse(struct boot_kernel *kernel, struct bytes file, enum boot_protocol wish,
		   uint64_t max_size, struct err *err)
{
	struct elf_image elf;
	uint64_t entry = 0;
	int found = 0;

	if (elf_open(&elf, file, err))
		return -1;
	kernel->is_64 = elf.is_64;
	if (wish != BOOT_LINUX)
		found = pvh_find_entry(&elf, &entry, err);
	if (found < 0)
		return -1;
	if (found)
		return pvh_parse(kernel, &elf, entry, max_size, err);
	if (wish == BOOT_PVH)
		return err_set(err, "it has no PVH entry (no ELF note"
				    " XEN_ELFNOTE_PHYS32_ENTRY): was the kernel built"
				    " with CONFIG_PVH?");
	if (wish == BOOT_AUTO && !elf.is_64)
		return err_set(err,
			       "a 32-bit ELF file without PVH entry or multiboot header"
			       " (--boot linux takes it for a 32-bit Linux)");
	return elf_linux_parse(kernel, &elf, max_size, err);
}

static int parse_x86(struct boot_kernel *kernel, struct bytes file,
		     enum boot_protocol wish, uint64_t max_size,
		     const struct boot_room *room, struct err *err)
{
	struct err multiboot;
	size_t header = 0;
	int found;

	if (bzimage_detect(file))
		return bzimage_parse(kernel, file, wish, max_size, room, err);

	found = multiboot_find_header(file, &header, &multiboot);
	if (found > 0 && (wish == BOOT_AUTO || wish == BOOT_MULTIBOOT))
		return multiboot_parse(kernel, file, header, max_size, err);
	/* In an ELF file the magic may be a coincidence. */
	if (found < 0 && (wish == BOOT_MULTIBOOT || !elf_detect(file))) {
		*err = multiboot;
		return -1;
	}
	if (wish == BOOT_MULTIBOOT)
		return err_set(err, "no multiboot header in its first 8 KiB");

	if (elf_detect(file))
		return boot_elf_parse(kernel, file, wish, max_size, err);
	if (file.size >= 512 && load_le16(file.data + 510) == 0xAA55)
		return err_set(err, "a boot sector without \"HdrS\" at 0x202: no Linux"
				    " bzImage, or one older than boot protocol 2.00");
	return err_set(err,
		       "not a bzImage, ELF or multiboot file (--rom loads flat code)");
}

static bool detect_isa(struct bytes file, enum boot_isa *isa)
{
	if (bzimage_detect(file)) {
		*isa = BOOT_ISA_X86_64;
		return true;
	}
	return image_isa(file, isa) || elf_isa(file, isa);
}

static int parse_other(struct boot_kernel *kernel, struct bytes file,
		       const struct boot_target *target, enum boot_protocol wish,
		       const struct boot_room *room, struct err *err)
{
	if (wish != BOOT_AUTO && wish != BOOT_LINUX)
		return err_set(err, "%s is for x86-64 guests; this tane runs %s guests",
			       boot_protocol_name(wish), boot_isa_name(target->isa));
	if (elf_detect(file))
		return err_set(err,
			       "an ELF file; %s kernels boot from an Image: take"
			       " arch/%s/boot/Image of the same build",
			       boot_isa_name(target->isa),
			       target->isa == BOOT_ISA_ARM64 ? "arm64" : "riscv");
	return image_parse(kernel, file, target, room, err);
}

static int parse(struct boot_kernel *kernel, struct bytes file,
		 const struct boot_target *target, enum boot_protocol wish,
		 const struct boot_room *room, struct err *err)
{
	enum boot_isa isa;

	if (detect_isa(file, &isa) && isa != target->isa)
		return boot_wrong_isa(isa, target, err);
	if (target->isa == BOOT_ISA_X86_64)
		return parse_x86(kernel, file, wish, target->ram_size, room, err);
	return parse_other(kernel, file, target, wish, room, err);
}

bool boot_kernel_unpacks_slowly(struct bytes file)
{
	return bzimage_unpacks_slowly(file);
}

bool boot_kernel_unpack_hint(struct bytes file, const struct boot_target *target,
			     uint64_t *gpa, uint64_t *size)
{
	if (target->isa == BOOT_ISA_X86_64)
		return bzimage_unpack_hint(file, gpa, size);
	return image_unpack_hint(file, target, gpa, size);
}

bool boot_kernel_read_hint(struct bytes head, const struct boot_target *target,
			   uint64_t *gpa)
{
	return target->isa != BOOT_ISA_X86_64 && image_read_hint(head, target, gpa);
}

int boot_kernel_parse(struct boot_kernel *kernel, struct bytes file,
		      const struct boot_target *target, enum boot_protocol wish,
		      const struct boot_room *room, struct err *err)
{
	memset(kernel, 0, sizeof(*kernel));
	if (!file.size)
		return err_set(err, "the file is empty");
	if (parse(kernel, file, target, wish, room, err)) {
		boot_kernel_free(kernel);
		return -1;
	}
	return 0;
}

void boot_kernel_free(struct boot_kernel *kernel)
{
	decompress_free(kernel->unpacked, kernel->unpacked_size);
	kernel->unpacked = NULL;
	kernel->unpacked_size = 0;
	kernel->nr_segments = 0;
}

/* The highest page-aligned place for `size` bytes in [low, high). */
static bool place_in(uint64_t low, uint64_t high, uint64_t size, uint64_t *gpa)
{
	uint64_t place;

	if (high < size)
		return false;
	place = align_down(high - size, PAGE_SIZE);
	if (place < low)
		return false;
	*gpa = place;
	return true;
}

bool boot_place_high(const struct boot_memory *memory, unsigned nr_memory, uint64_t size,
		     uint64_t limit, uint64_t avoid_low, uint64_t avoid_high,
		     uint64_t *gpa)
{
	for (unsigned i = nr_memory; i-- > 0;) {
		uint64_t low = memory[i].base;
		uint64_t high = low + memory[i].size;

		if (memory[i].type != BOOT_MEMORY_RAM)
			continue;
		if (low < MIB)
			low = MIB;
		if (low >= high || low > limit)
			continue;
		if (high - 1 > limit)
			high = limit + 1;
		if (!ranges_overlap(low, high - low, avoid_low, avoid_high - avoid_low)) {
			if (place_in(low, high, size, gpa))
				return true;
			continue;
		}
		if (avoid_high < high && place_in(avoid_high, high, size, gpa))
			return true;
		if (avoid_low > low && place_in(low, avoid_low, size, gpa))
			return true;
	}
	return false;
}
