/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF kernels: the first bit of the input chooses ELF64 or ELF32. */
#include "boot_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image model, image;

	if (!size)
		return 0;
	model = data[0] & 1 ? elf32_good() : elf64_good();
	image = fuzz_overlay(&model, data + 1, size - 1);
	fuzz_parse(&image);
	image_free(&image);
	return 0;
}
