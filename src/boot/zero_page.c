/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux's zero page (struct boot_params): the setup header of the image with the
 * loader's fields filled in, the memory map, and where the command line, the
 * initrd, the RSDP and the setup_data list are. The rest stays zero, as boot.rst
 * asks of a loader that enters the kernel at its 64-bit entry: no BIOS was asked
 * for anything, and a screen of 0 x 0 tells Linux that there is no VGA.
 *
 * Specification: Linux, Documentation/arch/x86/boot.rst and zero-page.rst.
 */
#include <inttypes.h>
#include <string.h>

#include "boot/boot.h"

#define LOADER_UNDEFINED 0xff   /* type_of_loader of one without an assigned number */
#define VID_MODE_NORMAL  0xffff /* "vga=normal" */
#define HEAP_END_PTR     0xfe00
#define SETUP_RNG        9 /* SETUP_RNG_SEED, which older headers do not have */

static int set_memory_map(struct boot_params *page, const struct boot_handoff *handoff,
			  struct err *err)
{
	if (handoff->nr_memory > E820_MAX_ENTRIES_ZEROPAGE)
		return err_set(err,
			       "memory map of %u rows, the zero page has room for %d",
			       handoff->nr_memory, E820_MAX_ENTRIES_ZEROPAGE);
	for (unsigned i = 0; i < handoff->nr_memory; i++) {
		page->e820_table[i].addr = handoff->memory[i].base;
		page->e820_table[i].size = handoff->memory[i].size;
		page->e820_table[i].type = handoff->memory[i].type;
	}
	page->e820_entries = (uint8_t)handoff->nr_memory;
	return 0;
}

static int set_cmdline(struct boot_params *page, const struct boot_kernel *kernel,
		       const struct boot_handoff *handoff, struct err *err)
{
	size_t length = strlen(handoff->cmdline);

	if (length > kernel->cmdline_size)
		return err_set(err,
			       "the command line has %zu bytes, this kernel takes at"
			       " most %u",
			       length, kernel->cmdline_size);
	page->hdr.cmd_line_ptr = (uint32_t)handoff->cmdline_gpa;
	page->ext_cmd_line_ptr = (uint32_t)(handoff->cmdline_gpa >> 32);
	return 0;
}

static int set_initrd(struct boot_params *page, const struct boot_kernel *kernel,
		      const struct boot_handoff *handoff, struct err *err)
{
	const struct boot_module *initrd = handoff->modules;

	if (!handoff->nr_modules || !initrd->size)
		return 0;
	if (handoff->nr_modules > 1)
		return err_set(err, "%u initrds, Linux takes one: put them together",
			       handoff->nr_modules);
	if (initrd->gpa > kernel->initrd_addr_max ||
	    initrd->size - 1 > kernel->initrd_addr_max - initrd->gpa)
		return err_set(err,
			       "the initrd (%" PRIu64 " bytes at 0x%" PRIx64
			       ") ends above 0x%" PRIx64
			       ", the highest address this kernel takes",
			       initrd->size, initrd->gpa, kernel->initrd_addr_max);
	if (ranges_overlap(initrd->gpa, initrd->size, kernel->low,
			   kernel->high - kernel->low))
		return err_set(err,
			       "the initrd (%" PRIu64 " bytes at 0x%" PRIx64
			       ") overlaps the kernel (0x%" PRIx64 " to 0x%" PRIx64 ")",
			       initrd->size, initrd->gpa, kernel->low, kernel->high);

	page->hdr.ramdisk_image = (uint32_t)initrd->gpa;
	page->ext_ramdisk_image = (uint32_t)(initrd->gpa >> 32);
	page->hdr.ramdisk_size = (uint32_t)initrd->size;
	page->ext_ramdisk_size = (uint32_t)(initrd->size >> 32);
	return 0;
}

/* What the real-mode code of Linux would have learnt from a VGA BIOS. */
static const struct screen_info mode3 = {
	.orig_video_mode = 3,
	.orig_video_cols = 80,
	.orig_video_lines = 25,
	.orig_video_isvga = 1,
	.orig_video_points = 16,
};

int zero_page_build(struct boot_params *page, const struct boot_kernel *kernel,
		    const struct boot_handoff *handoff, struct err *err)
{
	memset(page, 0, sizeof(*page));
	page->hdr = kernel->setup;
	page->hdr.type_of_loader = LOADER_UNDEFINED;
	page->hdr.loadflags |= LOADED_HIGH | CAN_USE_HEAP;
	page->hdr.heap_end_ptr = HEAP_END_PTR;
	page->hdr.vid_mode = VID_MODE_NORMAL;
	page->hdr.code32_start = (uint32_t)kernel->low;
	page->hdr.ramdisk_image = 0;
	page->hdr.ramdisk_size = 0;
	page->hdr.setup_data = handoff->setup_data_gpa;
	page->acpi_rsdp_addr = handoff->rsdp_gpa;
	if (handoff->has_vga)
		page->screen_info = mode3;

	if (set_memory_map(page, handoff, err) || set_cmdline(page, kernel, handoff, err))
		return -1;
	return set_initrd(page, kernel, handoff, err);
}

void setup_data_rng_build(uint8_t node[SETUP_DATA_RNG_SIZE], const uint8_t seed[32])
{
	store_le64(node, 0); /* next */
	store_le32(node + 8, SETUP_RNG);
	store_le32(node + 12, 32);
	memcpy(node + 16, seed, 32);
}
