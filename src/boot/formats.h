/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parsers of src/boot share with each other; nobody else includes it.
 *
 * A parser gets bytes that nobody checked and a struct boot_kernel of zeros. It
 * adds segments (boot_segment_add() checks each), sets the entry and the
 * protocol, and returns 0, or -1 with a message. What it allocated hangs off
 * kernel->unpacked and is released by boot_kernel_parse() if it fails.
 */
#ifndef TANE_BOOT_FORMATS_H
#define TANE_BOOT_FORMATS_H

#include "boot/boot.h"

/* How a kernel, or a module, is packed. */
enum decompress_format {
	DECOMPRESS_UNKNOWN,
	DECOMPRESS_GZIP,
	DECOMPRESS_XZ,
	DECOMPRESS_LZMA,
	DECOMPRESS_ZSTD,
	DECOMPRESS_LZ4,
	DECOMPRESS_BZIP2,
};

/* boot.c */

/*
 * Add [gpa, gpa + size) to the kernel, `data` first, then zeros. Refuses data
 * that is larger than the segment, ranges that wrap, overlap another segment or
 * end above `max_size`, and one segment too many. Nothing is added for size 0.
 */
int boot_segment_add(struct boot_kernel *kernel, uint64_t gpa, uint64_t size,
		     struct bytes data, uint64_t max_size, struct err *err);

/* Does `gpa` lie in one of the segments? */
bool boot_segment_contains(const struct boot_kernel *kernel, uint64_t gpa);

/* The error that a kernel is for other CPUs. Returns -1. */
int boot_wrong_isa(enum boot_isa isa, const struct boot_target *target, struct err *err);

/*
 * handoff.c: a buffer that is filled from its beginning and will lie at guest
 * address `gpa` (8-byte aligned, all of it below 4 GiB).
 */
struct boot_area {
	uint8_t *data;
	size_t size;
	size_t used;
	uint64_t gpa;
};

/* Take `size` zeroed bytes, 8-byte aligned. *gpa gets their address. NULL if full. */
void *boot_area_take(struct boot_area *area, size_t size, uint32_t *gpa, struct err *err);

/* Copy a string (NULL is the empty one) with its NUL into the area. */
int boot_area_string(struct boot_area *area, const char *text, uint32_t *gpa,
		     struct err *err);

/* elf.c */

/* A program header, of either class. Fields as in the ELF specification. */
struct elf_segment {
	uint32_t type;
	uint64_t offset, filesz; /* in the file */
	uint64_t vaddr, paddr, memsz;
	uint64_t align;
};

/* An ELF file whose header and table of program headers have been checked. */
struct elf_image {
	struct bytes file;
	struct bytes table; /* of program headers */
	unsigned nr_segments;
	bool is_64;
	uint16_t machine;
	uint64_t entry;
};

bool elf_detect(struct bytes file);

/* The CPUs that an ELF file is for; false if they are none of a guest's. */
bool elf_isa(struct bytes file, enum boot_isa *isa);
int elf_open(struct elf_image *elf, struct bytes file, struct err *err);

/* Program header `i`, below elf->nr_segments. Its values are not checked. */
struct elf_segment elf_segment_get(const struct elf_image *elf, unsigned i);

/* Add all PT_LOAD segments to the kernel, at their physical addresses. */
int elf_load(struct boot_kernel *kernel, const struct elf_image *elf, uint64_t max_size,
	     struct err *err);

/* The ELF entry as a physical address that lies in a loaded segment. */
int elf_entry(const struct boot_kernel *kernel, const struct elf_image *elf,
	      uint64_t *entry, struct err *err);

/* A vmlinux, 64 or 32 bits. Leaves a setup header that is set already. */
int elf_linux_parse(struct boot_kernel *kernel, const struct elf_image *elf,
		    uint64_t max_size, struct err *err);

/* pvh.c */

/*
 * Look for the note of the PVH entry. 1 and *entry if it is there, 0 if not,
 * -1 if the notes are malformed.
 */
int pvh_find_entry(const struct elf_image *elf, uint64_t *entry, struct err *err);
int pvh_parse(struct boot_kernel *kernel, const struct elf_image *elf, uint64_t entry,
	      uint64_t max_size, struct err *err);

/* multiboot.c */

/*
 * Look for a multiboot header. 1 and its *offset if it is there, 0 if not, -1 if
 * something has its magic but a wrong checksum.
 */
int multiboot_find_header(struct bytes file, size_t *offset, struct err *err);
int multiboot_parse(struct boot_kernel *kernel, struct bytes file, size_t offset,
		    uint64_t max_size, struct err *err);

/* bzimage.c */

bool bzimage_detect(struct bytes file);
bool bzimage_unpacks_slowly(struct bytes file);
bool bzimage_unpack_hint(struct bytes file, uint64_t *gpa, uint64_t *size);
int bzimage_parse(struct boot_kernel *kernel, struct bytes file, enum boot_protocol wish,
		  uint64_t max_size, const struct boot_room *room, struct err *err);

/* image.c */

/* An Image by itself, or something that may hold one. */
bool image_detect(struct bytes file);

/* The CPUs that an Image, or a zboot image, is for. false: neither, or not known. */
bool image_isa(struct bytes file, enum boot_isa *isa);

/* By the first BOOT_HEAD_SIZE bytes. */
bool image_is_packed(struct bytes head);
/* Where in a packed Image, or a zboot image, the Image is. false: it is neither. */
bool image_payload(struct bytes file, struct bytes *payload,
		   enum decompress_format *format);
bool image_read_hint(struct bytes head, const struct boot_target *target, uint64_t *gpa);
bool image_unpack_hint(struct bytes file, const struct boot_target *target, uint64_t *gpa,
		       uint64_t *size);
int image_parse(struct boot_kernel *kernel, struct bytes file,
		const struct boot_target *target, const struct boot_room *room,
		struct err *err);

/* boot.c: an ELF file (of its own or out of a bzImage) by PVH or as Linux. */
int boot_elf_parse(struct boot_kernel *kernel, struct bytes file, enum boot_protocol wish,
		   uint64_t max_size, struct err *err);

/* decompress.c */

/* Tell the format by the first bytes. */
enum decompress_format decompress_detect(struct bytes in);

/* The name for messages, and the library that this build of tane uses, or lacks. */
const char *decompress_format_name(enum decompress_format format);
const char *decompress_library_name(enum decompress_format format);
bool decompress_is_built_in(enum decompress_format format);

/*
 * Unpack the first stream of `in`; bytes after it are ignored. At most `limit`
 * bytes come out (rounded down to pages, below 4 GiB), more is an error. *out is
 * fresh memory, released with decompress_free().
 */
int decompress(enum decompress_format format, struct bytes in, size_t limit,
	       uint8_t **out, size_t *out_size, struct err *err);

/* As decompress(), into `room`. *out_size gets what was written there. */
int decompress_into(enum decompress_format format, struct bytes in,
		    const struct boot_room *room, size_t *out_size, struct err *err);
void decompress_free(uint8_t *out, size_t out_size);

/* Between decompress.c and the unpackers that have a file of their own. */

enum unpack_result {
	UNPACK_DONE,
	UNPACK_TRUNCATED,
	UNPACK_DAMAGED,
	UNPACK_TOO_LARGE,
	UNPACK_NO_MEMORY,
};

/* One run: `in` to at most `limit` bytes at `out`, of which it used `used`. */
struct unpack {
	enum decompress_format format;
	struct bytes in;
	uint8_t *out;
	size_t limit;
	size_t used;
};

enum unpack_result unpack_lz4(struct unpack *u);

#endif
