/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Image: the kernels of arm64 and riscv64. Bytes that go to their place as they
 * are and run there from the first one on, with 64 bytes of header in front:
 *
 *	 0  code0, code1   a jump over the header ("MZ" if there is an EFI stub)
 *	 8  text_offset    from a 2 MiB boundary of RAM to where byte 0 must lie
 *	16  image_size     what the kernel occupies there, its .bss included
 *	24  flags          bit 0: big-endian; arm64: 1-2 page size, 3 placement
 *	48  magic          "RISCV" (riscv64 before version 0.2 of the header)
 *	56  magic          "ARM\x64" or "RSC\x05"
 *
 * It may come packed: as a whole (Image.gz and the like), or in the EFI zboot
 * format (vmlinuz.efi), a PE program that holds a packed Image and would unpack
 * it under EFI. The host unpacks both, if it can where the kernel will lie.
 *
 * An Image is loaded as low in RAM as it may be: old arm64 kernels cannot use
 * what is below them, and initrd and FDT find room above.
 *
 * Specification: Linux, Documentation/arch/arm64/booting.rst and
 * Documentation/arch/riscv/boot-image-header.rst; of EFI zboot there is only
 * drivers/firmware/efi/libstub/zboot-header.S.
 */
#include <inttypes.h>
#include <string.h>

#include "boot/formats.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define IMAGE_ALIGNMENT (2 * MIB)
#define UNPACKED_MAX    GIB

#define ARM64_MAGIC   0x644d5241u            /* "ARM\x64" */
#define RISCV_MAGIC   UINT64_C(0x5643534952) /* "RISCV" */
#define RISCV_MAGIC_2 0x05435352u            /* "RSC\x05" */

#define FLAG_BIG_ENDIAN       (1u << 0)
#define FLAG_PAGE_SIZE(flags) ((unsigned)((flags) >> 1) & 3) /* arm64 */

/* arm64 before Linux 3.17, whose image_size is 0. */
#define OLD_TEXT_OFFSET 0x80000
#define OLD_BSS_SIZE    (16 * MIB) /* ample: they do not tell how much they need */

#define RISCV64_TEXT_OFFSET (2 * MIB) /* what 64-bit kernels have */

/* asm/setup.h of each: the longest command line, NUL counted. */
#define ARM64_COMMAND_LINE_SIZE 2048
#define RISCV_COMMAND_LINE_SIZE 1024

/* booting.rst: initrd and kernel lie in one window of 32 GiB. */
#define ARM64_INITRD_WINDOW (32 * GIB)

#define ZBOOT_MAGIC   0x676d697au /* "zimg" */
#define ZBOOT_HEADER  0x40
#define PE_MAGIC      0x4550 /* "PE\0\0" */
#define PE_ARM64      0xaa64
#define PE_RISCV64    0x5064
#define PE_HEADER_AT  0x3c
#define COMP_TYPE_AT  24
#define COMP_TYPE_MAX 16

struct image_header {
	uint32_t code0, code1;
	uint64_t text_offset;
	uint64_t image_size;
	uint64_t flags;
	uint32_t version; /* from here on riscv64's names; arm64 has nothing */
	uint32_t res1;
	uint64_t res2;
	uint64_t magic;
	uint32_t magic2; /* arm64: magic */
	uint32_t res3;   /* where the PE header is */
};

_Static_assert(sizeof(struct image_header) == 64, "booting.rst");

/* A file that holds an Image, by itself or packed. */
struct package {
	const char *prefix; /* of messages */
	struct bytes payload;
	enum decompress_format format; /* DECOMPRESS_UNKNOWN: it is not packed */
};

/* An Image by its magic. */
static bool header_read(struct bytes file, struct image_header *header,
			enum boot_isa *isa)
{
	if (file.size < sizeof(*header))
		return false;
	memcpy(header, file.data, sizeof(*header));
	if (header->magic2 == ARM64_MAGIC)
		*isa = BOOT_ISA_ARM64;
	else if (header->magic2 == RISCV_MAGIC_2 || header->magic == RISCV_MAGIC)
		*isa = BOOT_ISA_RISCV64;
	else
		return false;
	return true;
}

static bool zboot_detect(struct bytes file)
{
	return file.size >= ZBOOT_HEADER && file.data[0] == 'M' && file.data[1] == 'Z' &&
	       load_le32(file.data + 4) == ZBOOT_MAGIC;
}

/* The machine that the PE header of a zboot image is for. */
static bool zboot_isa(struct bytes file, enum boot_isa *isa)
{
	struct bytes pe;

	if (!bytes_slice(file, load_le32(file.data + PE_HEADER_AT), 6, &pe) ||
	    load_le32(pe.data) != PE_MAGIC)
		return false;
	switch (load_le16(pe.data + 4)) {
	case PE_ARM64:
		*isa = BOOT_ISA_ARM64;
		return true;
	case PE_RISCV64:
		*isa = BOOT_ISA_RISCV64;
		return true;
	default:
		return false;
	}
}

bool image_isa(struct bytes file, enum boot_isa *isa)
{
	struct image_header header;

	if (zboot_detect(file))
		return zboot_isa(file, isa);
	return header_read(file, &header, isa);
}

/* What a zboot image says of its packer: "gzip", "zstd22"; "?" if that is no word. */
static void read_comp_type(struct bytes file, char name[COMP_TYPE_MAX])
{
	size_t n = 0;

	while (n < COMP_TYPE_MAX - 1) {
		char c = (char)file.data[COMP_TYPE_AT + n];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
			break;
		name[n++] = c;
	}
	if (!n)
		name[n++] = '?';
	name[n] = 0;
}

static int open_zboot(struct package *package, struct bytes file, struct err *err)
{
	const uint32_t offset = load_le32(file.data + 8);
	const uint32_t size = load_le32(file.data + 12);
	char comp_type[COMP_TYPE_MAX];

	package->prefix = "EFI zboot image: ";
	if (!bytes_slice(file, offset, size, &package->payload))
		return err_set(err,
			       "EFI zboot image: truncated: its payload is %u bytes at"
			       " %u, the file has %zu",
			       size, offset, file.size);
	package->format = decompress_detect(package->payload);
	if (package->format != DECOMPRESS_UNKNOWN)
		return 0;
	read_comp_type(file, comp_type);
	return err_set(err,
		       "EFI zboot image: its payload (\"%s\") is packed in a format that"
		       " tane does not know; gzip, zstd, xz, lzma and lz4 work",
		       comp_type);
}

static int open_package(struct package *package, struct bytes file, struct err *err)
{
	struct image_header header;
	enum boot_isa isa;

	if (zboot_detect(file))
		return open_zboot(package, file, err);
	*package = (struct package){ .prefix = "", .payload = file };
	if (header_read(file, &header, &isa))
		return 0;
	package->format = decompress_detect(file);
	if (package->format == DECOMPRESS_UNKNOWN)
		return err_set(err, "not an Image, a packed Image (such as Image.gz) or"
				    " an EFI zboot image (vmlinuz.efi)");
	return 0;
}

bool image_detect(struct bytes file)
{
	struct package package;
	struct err ignored;

	return zboot_detect(file) || !open_package(&package, file, &ignored);
}

bool image_is_packed(struct bytes head)
{
	return zboot_detect(head) || decompress_detect(head) != DECOMPRESS_UNKNOWN;
}

bool image_payload(struct bytes file, struct bytes *payload,
		   enum decompress_format *format)
{
	struct package package;
	struct err ignored;

	if (open_package(&package, file, &ignored) ||
	    package.format == DECOMPRESS_UNKNOWN)
		return false;
	*payload = package.payload;
	*format = package.format;
	return true;
}

/* The lowest place of byte 0. */
static uint64_t place(const struct boot_target *target, uint64_t text_offset)
{
	return align_up(target->ram_base, IMAGE_ALIGNMENT) + text_offset;
}

bool image_read_hint(struct bytes head, const struct boot_target *target, uint64_t *gpa)
{
	struct image_header header;
	enum boot_isa isa;

	/* Old ones of arm64, with no image_size, do not tell. */
	if (!header_read(head, &header, &isa) || isa != target->isa ||
	    !header.image_size || header.text_offset >= target->ram_size)
		return false;
	*gpa = place(target, header.text_offset);
	return true;
}

/*
 * The unpacked size: gzip has it at the end of the stream, and behind any other
 * payload of a zboot image stands the same. 0: unknown, or not to be believed.
 */
static uint32_t stated_size(const struct package *package, struct bytes file)
{
	const struct bytes *payload = &package->payload;
	uint64_t at = (uint64_t)(payload->data - file.data) + payload->size;
	uint32_t size;

	if (package->format == DECOMPRESS_GZIP)
		at -= 4;
	if (at > file.size || !range_within(at, 4, file.size))
		return 0;
	size = load_le32(file.data + at);
	return size > payload->size && size <= UNPACKED_MAX ? size : 0;
}

bool image_unpack_hint(struct bytes file, const struct boot_target *target, uint64_t *gpa,
		       uint64_t *size)
{
	struct package package;
	struct err ignored;

	if (open_package(&package, file, &ignored) ||
	    !decompress_is_built_in(package.format))
		return false;
	/* Only the header tells, and that is packed: if it is not so, it is moved. */
	*gpa = place(target, target->isa == BOOT_ISA_RISCV64 ? RISCV64_TEXT_OFFSET : 0);
	*size = stated_size(&package, file);
	return *size != 0;
}

static int unpack(struct boot_kernel *kernel, const struct package *package,
		  const struct boot_target *target, const struct boot_room *room,
		  struct bytes *image, struct err *err)
{
	const uint64_t limit =
		target->ram_size < UNPACKED_MAX ? target->ram_size : UNPACKED_MAX;

	if (package->format == DECOMPRESS_UNKNOWN) {
		*image = package->payload;
		return 0;
	}
	if (room) {
		image->data = room->data;
		return decompress_into(package->format, package->payload, room,
				       &image->size, err);
	}
	if (decompress(package->format, package->payload, (size_t)limit,
		       &kernel->unpacked, &kernel->unpacked_size, err))
		return -1;
	image->data = kernel->unpacked;
	image->size = kernel->unpacked_size;
	return 0;
}

/* booting.rst; what it calls unspecified passes. */
static int check_arm64(struct boot_kernel *kernel, struct image_header *header,
		       uint64_t file_size, struct err *err)
{
	static const uint32_t page_sizes[] = { 0, 4096, 16384, 65536 };

	if (!header->image_size) {
		header->text_offset = OLD_TEXT_OFFSET;
		header->image_size = file_size + OLD_BSS_SIZE;
	}
	if (header->text_offset % 4096)
		return err_set(err,
			       "arm64 Image: damaged: text_offset 0x%" PRIx64
			       " is no multiple of 4 KiB",
			       header->text_offset);
	kernel->page_size = page_sizes[FLAG_PAGE_SIZE(header->flags)];
	kernel->cmdline_size = ARM64_COMMAND_LINE_SIZE - 1;
	return 0;
}

static int check_riscv64(struct boot_kernel *kernel, const struct image_header *header,
			 struct err *err)
{
	if (!header->image_size)
		return err_set(err, "riscv64 Image: damaged: image_size is 0, and it must"
				    " be stated");
	if (header->text_offset % IMAGE_ALIGNMENT)
		return err_set(err,
			       "riscv64 Image: damaged: text_offset 0x%" PRIx64
			       " is no multiple of 2 MiB",
			       header->text_offset);
	kernel->cmdline_size = RISCV_COMMAND_LINE_SIZE - 1;
	return 0;
}

static int check_header(struct boot_kernel *kernel, struct image_header *header,
			const struct boot_target *target, uint64_t file_size,
			struct err *err)
{
	const char *isa = boot_isa_name(target->isa);

	if (header->flags & FLAG_BIG_ENDIAN)
		return err_set(err,
			       "%s Image: a big-endian kernel; tane runs little-endian"
			       " guests",
			       isa);
	if (target->isa == BOOT_ISA_ARM64 ? check_arm64(kernel, header, file_size, err)
					  : check_riscv64(kernel, header, err))
		return -1;
	if (header->image_size < file_size)
		return err_set(err,
			       "%s Image: damaged: image_size is %" PRIu64
			       " bytes, and it has %" PRIu64,
			       isa, header->image_size, file_size);
	return 0;
}

static int check_room(const struct image_header *header, const struct boot_target *target,
		      struct err *err)
{
	const uint64_t gap = place(target, 0) - target->ram_base;
	uint64_t need;

	if (__builtin_add_overflow(header->text_offset, header->image_size, &need) ||
	    __builtin_add_overflow(need, gap, &need))
		return err_set(err,
			       "%s Image: damaged: text_offset 0x%" PRIx64
			       " and image_size 0x%" PRIx64 " are too large",
			       boot_isa_name(target->isa), header->text_offset,
			       header->image_size);
	if (need <= target->ram_size)
		return 0;
	return err_set(
		err,
		"%s Image: it needs the first %" PRIu64
		" MiB of RAM, the guest has %" PRIu64 " MiB: give it more memory (--mem)",
		boot_isa_name(target->isa), (need - 1) / MIB + 1, target->ram_size / MIB);
}

static int load(struct boot_kernel *kernel, struct bytes image,
		const struct boot_target *target, struct err *err)
{
	struct image_header header;
	enum boot_isa isa;

	if (!header_read(image, &header, &isa))
		return err_set(err, "what it holds is not an Image");
	if (isa != target->isa)
		return boot_wrong_isa(isa, target, err);
	if (check_header(kernel, &header, target, image.size, err) ||
	    check_room(&header, target, err))
		return -1;
	kernel->protocol = BOOT_LINUX;
	kernel->is_64 = true;
	kernel->entry = place(target, header.text_offset);
	kernel->initrd_addr_max = UINT64_MAX;
	if (isa == BOOT_ISA_ARM64)
		kernel->initrd_addr_max =
			align_down(kernel->entry, GIB) + ARM64_INITRD_WINDOW - 1;
	return boot_segment_add(kernel, kernel->entry, header.image_size, image,
				target->ram_base + target->ram_size, err);
}

int image_parse(struct boot_kernel *kernel, struct bytes file,
		const struct boot_target *target, const struct boot_room *room,
		struct err *err)
{
	struct package package;
	struct bytes image;

	if (open_package(&package, file, err))
		return -1;
	if (unpack(kernel, &package, target, room, &image, err) ||
	    load(kernel, image, target, err))
		return err_prefix(err, "%s", package.prefix);
	return 0;
}
