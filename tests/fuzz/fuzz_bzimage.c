/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bzImages. The input is laid over the setup header and what follows it; the
 * boot sector in front of it has nothing to find. The first byte chooses what
 * the payload is: a packed vmlinux with or without note, or nothing known.
 */
#include "boot_fuzz.h"

#define SETUP_HEADER 0x1f1

static struct image model(uint8_t choice)
{
	struct image vmlinux;
	uint8_t unknown[64] = { 1 };

	switch (choice & 3) {
	case 0:
		vmlinux = elf64_good();
		return bzimage_of(&vmlinux);
	case 1:
		vmlinux = elf64_pvh(MIB);
		return bzimage_of(&vmlinux);
	case 2:
		vmlinux = elf32_good();
		return bzimage_of(&vmlinux);
	default:
		return bzimage_new((struct bytes){ unknown, sizeof(unknown) });
	}
}

/* The parts that firmware gets lie in the file, one behind the other. */
static void take_apart(const struct image *image)
{
	const struct bytes file = image_bytes(image);
	struct boot_real_mode parts;
	struct err err;

	if (boot_real_mode_parse(&parts, file, &err))
		return;
	if (parts.setup.data != file.data || parts.setup.size >= file.size ||
	    parts.code.data != file.data + parts.setup.size ||
	    !range_within(parts.setup.size, parts.code.size, file.size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image image;

	if (!size)
		return 0;
	image = model(data[0]);
	for (size_t i = 1; i < size && SETUP_HEADER + i - 1 < image.size; i++)
		image.data[SETUP_HEADER + i - 1] ^= data[i];
	/* A bit of the choice cuts the file where the input ends. */
	if (data[0] & 4 && SETUP_HEADER + size < image.size)
		image_truncate(&image, SETUP_HEADER + size);
	fuzz_parse(&image);
	take_apart(&image);
	image_free(&image);
	return 0;
}
