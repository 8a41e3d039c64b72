/* SPDX-License-Identifier: BSD-2-Clause */
/* How the tests of src/boot say that an image is taken, or refused and why. */
#ifndef TANE_TESTS_BOOT_TEST_H
#define TANE_TESTS_BOOT_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "boot_image.h"

#define TEST_MEMORY (64 * MIB)

/* The image is taken. Release with boot_kernel_free(). */
static inline void image_accept(struct boot_kernel *kernel, const struct image *image,
				enum boot_protocol wish)
{
	struct err err = { "" };

	const struct boot_target target = { .ram_size = TEST_MEMORY };

	if (boot_kernel_parse(kernel, image_bytes(image), &target, wish, NULL, &err))
		fail_msg("refused: %s", err.text);
}

/* The image is refused with a message that has `message` in it. It is freed. */
static inline void image_refuse_in(struct image *image, enum boot_protocol wish,
				   uint64_t max_size, const char *message)
{
	const struct boot_target target = { .ram_size = max_size };
	struct boot_kernel kernel;
	struct err err = { "" };

	assert_int_equal(-1, boot_kernel_parse(&kernel, image_bytes(image), &target, wish,
					       NULL, &err));
	if (!strstr(err.text, message))
		fail_msg("the message is \"%s\", not \"%s\"", err.text, message);
	assert_null(kernel.unpacked);
	image_free(image);
}

static inline void image_refuse(struct image *image, const char *message)
{
	image_refuse_in(image, BOOT_AUTO, TEST_MEMORY, message);
}

#endif
