/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot images: from the bytes of a file to a list of segments and an entry.
 *
 * Everything in src/boot but modules.c is a pure function over bytes: it opens no file,
 * knows no VM and touches no guest memory, so each format can be fuzzed as it stands.
 * The file is hostile. The road of a kernel:
 *
 *	boot_kernel_parse()   detects the format (bzimage.c, multiboot.c, pvh.c,
 *	                      elf.c; image.c), unpacks it and fills a struct
 *	                      boot_kernel
 *	(arch)                copies the segments to guest memory, chooses places
 *	                      for the initrd, the command line and the hand-off
 *	zero_page_build(), pvh_start_info_build(), multiboot_info_build()
 *	                      write what the kernel finds in memory at its entry
 */
#ifndef TANE_BOOT_BOOT_H
#define TANE_BOOT_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/boot_params.h"
#include "core/config.h"
#include "util/bytes.h"
#include "util/err.h"

const char *boot_protocol_name(enum boot_protocol protocol);

/* What kind of CPUs a kernel is for. */
enum boot_isa {
	BOOT_ISA_X86_64, /* 32-bit x86 included */
	BOOT_ISA_ARM64,
	BOOT_ISA_RISCV64,
};

const char *boot_isa_name(enum boot_isa isa);

/* The guest that a kernel is parsed for. All of src/boot is in every tane. */
struct boot_target {
	enum boot_isa isa;
	uint64_t ram_base; /* kernels go to the RAM that begins here (x86-64: at 0) */
	uint64_t ram_size; /* and has no gap for so many bytes */
};

#define BOOT_MAX_SEGMENTS 64

/*
 * A piece of guest memory: `data` first, then zeros up to `size` bytes.
 * data.size <= size, and gpa + size does not wrap.
 */
struct boot_segment {
	uint64_t gpa;
	uint64_t size;
	struct bytes data;
};

struct boot_kernel {
	enum boot_protocol protocol;
	uint64_t entry; /* guest physical */
	bool is_64;     /* a 64-bit Linux or PVH kernel, in whatever mode it is entered */
	struct boot_segment segments[BOOT_MAX_SEGMENTS];
	unsigned nr_segments;
	uint64_t low, high; /* all memory the kernel needs until it manages it itself */

	/* x86 Linux only; for an ELF vmlinux, setup is what a loader has to fill in. */
	struct setup_header setup;
	bool entry_32; /* entered by the 32-bit protocol, paging off */

	uint32_t page_size;       /* of an arm64 Image's kernel; 0: it does not tell */
	uint32_t cmdline_size;    /* longest command line in bytes, NUL not counted */
	uint64_t initrd_addr_max; /* last byte that an initrd may occupy; set for all */

	uint32_t multiboot_flags; /* of the multiboot header */

	uint8_t *unpacked; /* backs segments[].data if the file was compressed; owned */
	size_t unpacked_size;
};

/* Memory to unpack into, instead of memory of our own. */
struct boot_room {
	uint8_t *data;
	size_t size;
	bool filled; /* somebody has done so before, and this is what came out */
};

/* Does unpacking it take longer than reading what comes out from a disk? */
bool boot_kernel_unpacks_slowly(struct bytes file);

/*
 * Where in guest memory a packed kernel would best be unpacked: there most of it
 * lies in its place already. false if the file is not packed or does not tell.
 * *size is what the image states, unchecked.
 */
bool boot_kernel_unpack_hint(struct bytes file, const struct boot_target *target,
			     uint64_t *gpa, uint64_t *size);

/*
 * Where in guest memory the file itself would best be read to, from its first
 * BOOT_HEAD_SIZE bytes (or all, if it has less): an Image is in its place then, and needs
 * no copy. false: somewhere else.
 */
#define BOOT_HEAD_SIZE 64u
bool boot_kernel_read_hint(struct bytes head, const struct boot_target *target,
			   uint64_t *gpa);

/*
 * Parse a kernel image.
 *
 * `wish` forces a protocol or is BOOT_AUTO. `target` tells the CPUs, and bounds
 * what the unpacked kernel may occupy. The segments point into `file`, into `room` (NULL: none) or into kernel->unpacked: these must
 * live until they have been copied. On success release with boot_kernel_free();
 * on an error there is nothing to free and the message tells what is wrong with
 * the image, without its file name.
 */
int boot_kernel_parse(struct boot_kernel *kernel, struct bytes file,
		      const struct boot_target *target, enum boot_protocol wish,
		      const struct boot_room *room, struct err *err);
void boot_kernel_free(struct boot_kernel *kernel);

/*
 * A bzImage in the two parts that a boot loader in real mode loads: the setup code, whose
 * header it fills in, and the protected-mode code, which goes to 1 MiB.
 */
struct boot_real_mode {
	struct setup_header header;
	struct bytes setup, code;
	uint32_t cmdline_size;    /* as in struct boot_kernel */
	uint64_t initrd_addr_max; /* likewise */
	uint64_t low, high; /* likewise, of what runs after it has unpacked itself */
};

int boot_real_mode_parse(struct boot_real_mode *image, struct bytes file,
			 struct err *err);

/* One row of the guest's memory map; type as in ACPI 15.1 (1 RAM, 2 reserved, 3 ACPI). */
struct boot_memory {
	uint64_t base;
	uint64_t size;
	uint32_t type;
};

#define BOOT_MEMORY_RAM      1
#define BOOT_MEMORY_RESERVED 2

/* A module of PVH or multiboot, or Linux's initrd, already placed in guest memory. */
struct boot_module {
	uint64_t gpa;
	uint64_t size;
	const char *cmdline; /* may be NULL */
};

/* What the kernel shall find at its entry. All addresses are guest physical. */
struct boot_handoff {
	const char *cmdline;
	uint64_t cmdline_gpa; /* where the caller puts it (Linux) */
	const struct boot_memory *memory;
	unsigned nr_memory;
	const struct boot_module *modules; /* Linux: at most one, the initrd */
	unsigned nr_modules;
	uint64_t rsdp_gpa;
	uint64_t setup_data_gpa; /* Linux: head of the setup_data list, 0 for none */
	bool has_vga;            /* Linux: in text mode 3 */
};

/* Linux: fill the boot_params page. */
int zero_page_build(struct boot_params *page, const struct boot_kernel *kernel,
		    const struct boot_handoff *handoff, struct err *err);

/* Linux: a SETUP_RNG_SEED setup_data node (type 9). Returns its size in bytes. */
#define SETUP_DATA_RNG_SIZE (16 + 32)
void setup_data_rng_build(uint8_t node[SETUP_DATA_RNG_SIZE], const uint8_t seed[32]);

/*
 * PVH and multiboot: write the information structure and all it points to
 * (command line, modules, memory map) into `buffer`, which will lie at `gpa`
 * (8-byte aligned, below 4 GiB). The structure itself is at its beginning.
 * -1 if `size` is too small.
 */
int pvh_start_info_build(uint8_t *buffer, size_t size, uint64_t gpa,
			 const struct boot_handoff *handoff, struct err *err);
int multiboot_info_build(uint8_t *buffer, size_t size, uint64_t gpa,
			 const struct boot_handoff *handoff, struct err *err);

/* The value of EAX at a multiboot kernel's entry. */
#define MULTIBOOT_BOOTLOADER_MAGIC 0x2BADB002u

/*
 * Where a blob of `size` bytes goes: as high as possible in RAM, its last byte
 * not above `limit`, page aligned, not touching [avoid_low, avoid_high) and not
 * below 1 MiB, where the loader's own structures are.
 * `memory` is sorted. Returns false if it fits nowhere.
 */
bool boot_place_high(const struct boot_memory *memory, unsigned nr_memory, uint64_t size,
		     uint64_t limit, uint64_t avoid_low, uint64_t avoid_high,
		     uint64_t *gpa);

#endif
