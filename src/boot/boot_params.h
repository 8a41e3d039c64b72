/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a loader and an x86 kernel hand to each other: the setup header of a
 * bzImage, and the zero page that has a copy of it. The kernel's own header for
 * it is there on x86 hosts only, and src/boot is the same everywhere.
 *
 * Fields are named as in Linux, Documentation/arch/x86/boot.rst and
 * zero-page.rst, whose offsets are checked below. What tane never sets or reads
 * is left out of the zero page, not out of the setup header: that is copied.
 */
#ifndef TANE_BOOT_BOOT_PARAMS_H
#define TANE_BOOT_BOOT_PARAMS_H

#include <stddef.h>
#include <stdint.h>

/* loadflags */
#define LOADED_HIGH  0x01
#define CAN_USE_HEAP 0x80

/* xloadflags */
#define XLF_KERNEL_64 0x01

#define E820_MAX_ENTRIES_ZEROPAGE 128

/* At 0x1f1 of an image and of the zero page. */
struct setup_header {
	uint8_t setup_sects;
	uint16_t root_flags;
	uint32_t syssize;
	uint16_t ram_size;
	uint16_t vid_mode;
	uint16_t root_dev;
	uint16_t boot_flag;
	uint16_t jump;
	uint32_t header;
	uint16_t version;
	uint32_t realmode_swtch;
	uint16_t start_sys_seg;
	uint16_t kernel_version;
	uint8_t type_of_loader;
	uint8_t loadflags;
	uint16_t setup_move_size;
	uint32_t code32_start;
	uint32_t ramdisk_image;
	uint32_t ramdisk_size;
	uint32_t bootsect_kludge;
	uint16_t heap_end_ptr;
	uint8_t ext_loader_ver;
	uint8_t ext_loader_type;
	uint32_t cmd_line_ptr;
	uint32_t initrd_addr_max;
	uint32_t kernel_alignment;
	uint8_t relocatable_kernel;
	uint8_t min_alignment;
	uint16_t xloadflags;
	uint32_t cmdline_size;
	uint32_t hardware_subarch;
	uint64_t hardware_subarch_data;
	uint32_t payload_offset;
	uint32_t payload_length;
	uint64_t setup_data;
	uint64_t pref_address;
	uint32_t init_size;
	uint32_t handover_offset;
	uint32_t kernel_info_offset;
} __attribute__((packed));

struct boot_e820_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
} __attribute__((packed));

/* What a boot loader found out about the screen, as far as text modes need it. */
struct screen_info {
	uint8_t orig_x, orig_y;
	uint16_t ext_mem_k;
	uint16_t orig_video_page;
	uint8_t orig_video_mode;
	uint8_t orig_video_cols;
	uint8_t flags;
	uint8_t unused2;
	uint16_t orig_video_ega_bx;
	uint16_t unused3;
	uint8_t orig_video_lines;
	uint8_t orig_video_isvga;
	uint16_t orig_video_points;
	uint8_t unused_12[0x40 - 0x12];
} __attribute__((packed));

struct boot_params {
	struct screen_info screen_info;
	uint8_t unused_040[0x070 - 0x040];
	uint64_t acpi_rsdp_addr;
	uint8_t unused_078[0x0c0 - 0x078];
	uint32_t ext_ramdisk_image;
	uint32_t ext_ramdisk_size;
	uint32_t ext_cmd_line_ptr;
	uint8_t unused_0cc[0x1e8 - 0x0cc];
	uint8_t e820_entries;
	uint8_t unused_1e9[0x1f1 - 0x1e9];
	struct setup_header hdr;
	uint8_t unused_26c[0x2d0 - 0x26c];
	struct boot_e820_entry e820_table[E820_MAX_ENTRIES_ZEROPAGE];
	uint8_t unused_cd0[0x1000 - 0xcd0];
} __attribute__((packed));

/* Offsets in the file, as boot.rst lists them. */
#define SETUP_HEADER_AT(field) (0x1f1 + offsetof(struct setup_header, field))

_Static_assert(SETUP_HEADER_AT(boot_flag) == 0x1fe, "boot.rst");
_Static_assert(SETUP_HEADER_AT(header) == 0x202, "boot.rst");
_Static_assert(SETUP_HEADER_AT(type_of_loader) == 0x210, "boot.rst");
_Static_assert(SETUP_HEADER_AT(cmd_line_ptr) == 0x228, "boot.rst");
_Static_assert(SETUP_HEADER_AT(xloadflags) == 0x236, "boot.rst");
_Static_assert(SETUP_HEADER_AT(payload_offset) == 0x248, "boot.rst");
_Static_assert(SETUP_HEADER_AT(pref_address) == 0x258, "boot.rst");
_Static_assert(SETUP_HEADER_AT(kernel_info_offset) == 0x268, "boot.rst");
_Static_assert(offsetof(struct screen_info, orig_video_points) == 0x010, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, acpi_rsdp_addr) == 0x070, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, ext_ramdisk_image) == 0x0c0, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, e820_entries) == 0x1e8, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, hdr) == 0x1f1, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, e820_table) == 0x2d0, "zero-page.rst");
_Static_assert(sizeof(struct boot_params) == 4096, "one page");

#endif
