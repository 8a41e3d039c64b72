/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The release of a kernel. The first byte chooses the kind of image that the rest is laid
 * over; what is found must be fit to be the name of a folder.
 */
#include "boot_fuzz.h"

#include "boot/kernel_release.h"

static const char banner[] = "Linux version 6.1.0 (x)";

/* A small image of each kind, with the banner at its end. */
static struct image model(uint8_t choice)
{
	struct image plain, longer;

	if (choice % 4 == 0) {
		plain = elf64_good();
		return bzimage_of(&plain);
	}
	plain = choice % 4 == 1 ? elf64_good() : linux_image(BOOT_ISA_ARM64);
	longer = image_new(plain.size + sizeof(banner));
	memcpy(longer.data, plain.data, plain.size);
	memcpy(longer.data + plain.size, banner, sizeof(banner));
	image_free(&plain);
	return choice % 4 == 3 ? zboot_of(BOOT_ISA_ARM64, &longer) : longer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char release[KERNEL_RELEASE_SIZE];
	struct image image;

	if (!size)
		return 0;
	image = model(data[0]);
	image = fuzz_overlay(&image, data + 1, size - 1);
	if (kernel_release(image_bytes(&image), release)) {
		must(memchr(release, 0, sizeof(release)) != NULL);
		must(release[0] >= '0' && release[0] <= '9' && !strchr(release, '/'));
	}
	image_free(&image);
	return 0;
}
