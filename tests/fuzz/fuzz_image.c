/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images of arm64 and riscv64. The first byte chooses the guest's CPUs and the
 * kernel's, and whether the kernel is packed: not at all, as a whole, or as a
 * zboot image. The rest is laid over the file, or over the Image before it is packed.
 */
#include "boot_fuzz.h"

enum {
	GUEST_RISCV64 = 1 << 0,
	KERNEL_RISCV64 = 1 << 1,
	PACKED = 1 << 2,
	ZBOOT = 1 << 3,
	INSIDE = 1 << 4,
};

static struct image pack(uint8_t choice, enum boot_isa isa, struct image *plain)
{
	struct image packed;

	if (choice & ZBOOT)
		return zboot_of(isa, plain);
	if (!(choice & PACKED))
		return *plain;
	packed = lz4_store(image_bytes(plain));
	image_free(plain);
	return packed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum boot_isa isas[] = { BOOT_ISA_ARM64, BOOT_ISA_RISCV64 };
	struct boot_target target = { .ram_base = 0x40000000, .ram_size = FUZZ_MEMORY };
	struct image image;
	enum boot_isa isa;

	if (!size)
		return 0;
	target.isa = isas[!!(data[0] & GUEST_RISCV64)];
	isa = isas[!!(data[0] & KERNEL_RISCV64)];
	image = linux_image(isa);
	if (data[0] & INSIDE) {
		image = fuzz_overlay(&image, data + 1, size - 1);
		image = pack(data[0], isa, &image);
	} else {
		image = pack(data[0], isa, &image);
		image = fuzz_overlay(&image, data + 1, size - 1);
	}
	fuzz_parse_for(&image, &target);
	image_free(&image);
	return 0;
}
