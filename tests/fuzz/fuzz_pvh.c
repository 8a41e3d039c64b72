/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF kernels with notes. */
#include "boot_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image model = elf64_pvh(MIB);
	struct image image = fuzz_overlay(&model, data, size);

	fuzz_parse(&image);
	image_free(&image);
	return 0;
}
