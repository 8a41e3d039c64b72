/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small boot images for the tests and fuzz targets of src/boot: an ELF file, a
 * bzImage or an Image that is right, made by hand, for a test to spoil in one place.
 *
 * Each image is one allocation of exactly its size, so that a sanitizer sees a
 * parser that reads past the end.
 */
#ifndef TANE_TESTS_BOOT_IMAGE_H
#define TANE_TESTS_BOOT_IMAGE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"

#define MIB (1ull << 20)

struct image {
	uint8_t *data;
	size_t size;
};

static inline struct image image_new(size_t size)
{
	struct image image = { .data = calloc(1, size ? size : 1), .size = size };

	if (!image.data)
		abort();
	return image;
}

static inline void image_free(struct image *image)
{
	free(image->data);
}

/* Cut the image, in an allocation of the new size. */
static inline void image_truncate(struct image *image, size_t size)
{
	struct image cut = image_new(size);

	memcpy(cut.data, image->data, size);
	image_free(image);
	*image = cut;
}

static inline struct bytes image_bytes(const struct image *image)
{
	return (struct bytes){ .data = image->data, .size = image->size };
}

/* ELF: header, `nr` program headers, and room up to `size`. Entry 1 MiB. */

static inline struct image elf64_new(unsigned nr, size_t size)
{
	struct image image = image_new(size);
	Elf64_Ehdr *header = (Elf64_Ehdr *)image.data;

	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_ident[EI_VERSION] = EV_CURRENT;
	header->e_type = ET_EXEC;
	header->e_machine = EM_X86_64;
	header->e_entry = MIB;
	header->e_phoff = sizeof(*header);
	header->e_phentsize = sizeof(Elf64_Phdr);
	header->e_phnum = (uint16_t)nr;
	return image;
}

static inline Elf64_Ehdr *elf64_header(struct image *image)
{
	return (Elf64_Ehdr *)image->data;
}

static inline Elf64_Phdr *elf64_segment(struct image *image, unsigned i)
{
	return (Elf64_Phdr *)(image->data + sizeof(Elf64_Ehdr)) + i;
}

static inline void elf64_set(struct image *image, unsigned i, uint32_t type,
			     uint64_t offset, uint64_t filesz, uint64_t paddr,
			     uint64_t memsz)
{
	*elf64_segment(image, i) = (Elf64_Phdr){
		.p_type = type,
		.p_offset = offset,
		.p_filesz = filesz,
		.p_vaddr = paddr,
		.p_paddr = paddr,
		.p_memsz = memsz,
		.p_align = 4,
	};
}

/* A right one: 256 bytes of file at 1 MiB, 4 KiB of memory. */
#define ELF_DATA 0x200

static inline struct image elf64_good(void)
{
	struct image image = elf64_new(1, ELF_DATA + 256);

	elf64_set(&image, 0, PT_LOAD, ELF_DATA, 256, MIB, 4096);
	memset(image.data + ELF_DATA, 0x90, 256);
	return image;
}

/* The same as ELF32 for EM_386. */
static inline struct image elf32_good(void)
{
	struct image image = image_new(ELF_DATA + 256);
	Elf32_Ehdr *header = (Elf32_Ehdr *)image.data;
	Elf32_Phdr *segment = (Elf32_Phdr *)(header + 1);

	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = ELFCLASS32;
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_type = ET_EXEC;
	header->e_machine = EM_386;
	header->e_entry = MIB;
	header->e_phoff = sizeof(*header);
	header->e_phentsize = sizeof(*segment);
	header->e_phnum = 1;
	segment->p_type = PT_LOAD;
	segment->p_offset = ELF_DATA;
	segment->p_filesz = 256;
	segment->p_vaddr = MIB;
	segment->p_paddr = MIB;
	segment->p_memsz = 4096;
	memset(image.data + ELF_DATA, 0x90, 256);
	return image;
}

/* A note by Xen that names `entry`, in a file that has a second program header for it. */
#define ELF_NOTE      (ELF_DATA + 256)
#define ELF_NOTE_SIZE 20

static inline void elf_note(uint8_t note[ELF_NOTE_SIZE], uint32_t entry)
{
	store_le32(note, 4);
	store_le32(note + 4, 4);
	store_le32(note + 8, 18);
	memcpy(note + 12, "Xen", 4);
	store_le32(note + 16, entry);
}

static inline struct image elf64_pvh(uint32_t entry)
{
	struct image image = elf64_new(2, ELF_NOTE + ELF_NOTE_SIZE);

	elf64_set(&image, 0, PT_LOAD, ELF_DATA, 256, MIB, 4096);
	elf64_set(&image, 1, PT_NOTE, ELF_NOTE, ELF_NOTE_SIZE, 0, 0);
	elf_note(image.data + ELF_NOTE, entry);
	return image;
}

/* bzImage: protocol 2.15, one setup sector, the payload 0x400 into the rest. */
#define BZIMAGE_CODE    1024
#define BZIMAGE_PAYLOAD 0x400

static inline struct setup_header *bzimage_setup(struct image *image)
{
	return (struct setup_header *)(image->data + 0x1f1);
}

static inline struct image bzimage_new(struct bytes payload)
{
	size_t code = align_up(BZIMAGE_PAYLOAD + payload.size, 16);
	struct image image = image_new(BZIMAGE_CODE + code);
	struct setup_header *setup = bzimage_setup(&image);

	image.data[0x200] = 0xeb;
	image.data[0x201] = 0x6a;
	setup->setup_sects = 1;
	setup->syssize = (uint32_t)(code / 16);
	setup->boot_flag = 0xaa55;
	memcpy(&setup->header, "HdrS", 4);
	setup->version = 0x20f;
	setup->loadflags = LOADED_HIGH;
	setup->code32_start = 0x100000;
	setup->initrd_addr_max = 0x7fffffff;
	setup->kernel_alignment = 0x200000;
	setup->relocatable_kernel = 1;
	setup->xloadflags = XLF_KERNEL_64;
	setup->cmdline_size = 2047;
	setup->payload_offset = BZIMAGE_PAYLOAD;
	setup->payload_length = (uint32_t)payload.size;
	setup->pref_address = 0x1000000;
	setup->init_size = 0x100000;
	memcpy(image.data + BZIMAGE_CODE + BZIMAGE_PAYLOAD, payload.data, payload.size);
	return image;
}

/*
 * One block in lz4's legacy frame that holds `data` as it is, and behind it the
 * size of `data`, which Linux puts there.
 */
static inline struct image lz4_store(struct bytes data)
{
	size_t extra = data.size < 15 ? 0 : (data.size - 15) / 255 + 1;
	struct image image = image_new(4 + 4 + 1 + extra + data.size + 4);
	uint8_t *at = image.data + 8;
	size_t rest = data.size - 15;

	store_le32(image.data, 0x184c2102);
	store_le32(image.data + 4, (uint32_t)(1 + extra + data.size));
	*at++ = data.size < 15 ? (uint8_t)(data.size << 4) : 0xf0;
	for (size_t i = 0; i < extra; i++, rest -= 255)
		*at++ = i + 1 == extra ? (uint8_t)rest : 255;
	memcpy(at, data.data, data.size);
	store_le32(at + data.size, (uint32_t)data.size);
	return image;
}

/* An Image of arm64 or riscv64: 1 KiB of it, 4 KiB in memory. */
#define IMAGE_TEXT_OFFSET 8
#define IMAGE_IMAGE_SIZE  16
#define IMAGE_FLAGS       24
#define IMAGE_MAGIC       48
#define IMAGE_MAGIC_2     56

static inline struct image linux_image(enum boot_isa isa)
{
	struct image image = image_new(1024);

	memset(image.data + 64, 0x5a, image.size - 64);
	store_le64(image.data + IMAGE_IMAGE_SIZE, 4096);
	if (isa == BOOT_ISA_ARM64) {
		store_le64(image.data + IMAGE_FLAGS, 2 | 8);
		memcpy(image.data + IMAGE_MAGIC_2, "ARM\x64", 4);
	} else {
		store_le64(image.data + IMAGE_TEXT_OFFSET, 2 * MIB);
		store_le32(image.data + 32, 2);
		memcpy(image.data + IMAGE_MAGIC, "RISCV", 5);
		memcpy(image.data + IMAGE_MAGIC_2, "RSC\x05", 4);
	}
	return image;
}

/* An EFI zboot image around a payload: headers of 512 bytes, 16 bytes behind it. */
#define ZBOOT_PE      0x40
#define ZBOOT_PAYLOAD 512

static inline struct image zboot_new(enum boot_isa isa, struct bytes payload,
				     const char *comp_type)
{
	struct image image = image_new(ZBOOT_PAYLOAD + payload.size + 16);

	memcpy(image.data, "MZ\0\0zimg", 8);
	store_le32(image.data + 8, ZBOOT_PAYLOAD);
	store_le32(image.data + 12, (uint32_t)payload.size);
	memcpy(image.data + 24, comp_type, strlen(comp_type));
	store_le32(image.data + 0x38, 0x818223cd);
	store_le32(image.data + 0x3c, ZBOOT_PE);
	memcpy(image.data + ZBOOT_PE, "PE", 2);
	store_le16(image.data + ZBOOT_PE + 4, isa == BOOT_ISA_ARM64 ? 0xaa64 : 0x5064);
	memcpy(image.data + ZBOOT_PAYLOAD, payload.data, payload.size);
	return image;
}

/* One around an image, packed as lz4 with its size behind it. The image is freed. */
static inline struct image zboot_of(enum boot_isa isa, struct image *plain)
{
	struct image packed = lz4_store(image_bytes(plain));
	struct image image = zboot_new(isa, image_bytes(&packed), "lz4");

	/* The size is behind what counts as payload. */
	store_le32(image.data + 12, (uint32_t)packed.size - 4);
	image_free(&packed);
	image_free(plain);
	return image;
}

/* A bzImage around an image, packed as lz4. The image is freed. */
static inline struct image bzimage_of(struct image *vmlinux)
{
	struct image packed = lz4_store(image_bytes(vmlinux));
	struct image image = bzimage_new(image_bytes(&packed));

	image_free(&packed);
	image_free(vmlinux);
	return image;
}

#endif
