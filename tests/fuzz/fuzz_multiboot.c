/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot kernels: a flat file with addresses, or an ELF file. The header's
 * checksum is made right again, as no fuzzer would find it.
 */
#include "boot_fuzz.h"

#define FLAGS 0x10003u

static struct image flat_model(void)
{
	struct image image = image_new(256);

	store_le32(image.data, 0x1BADB002);
	store_le32(image.data + 4, FLAGS);
	store_le32(image.data + 12, (uint32_t)MIB);
	store_le32(image.data + 16, (uint32_t)MIB);
	store_le32(image.data + 28, (uint32_t)MIB);
	return image;
}

static struct image elf_model(void)
{
	struct image image = elf32_good();

	store_le32(image.data + ELF_DATA, 0x1BADB002);
	return image;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image model, image;
	uint8_t *header;

	if (!size)
		return 0;
	model = data[0] & 1 ? flat_model() : elf_model();
	image = fuzz_overlay(&model, data + 1, size - 1);
	header = image.data + (data[0] & 1 ? 0 : ELF_DATA);
	if (data[0] & 2)
		store_le32(header + 8, 0u - load_le32(header) - load_le32(header + 4));
	fuzz_parse(&image);
	image_free(&image);
	return 0;
}
