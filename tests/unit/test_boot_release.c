/* SPDX-License-Identifier: BSD-2-Clause */
/* The release of a kernel, from images that tell it, do not, or lie. */
#include <unistd.h>

#include "boot_test.h"

#include "boot/kernel_release.h"

#define SETUP_VERSION 0x20e /* of a bzImage: where its text is, less 512 */

/* As a file. "" if there is none. */
static void read_file(const struct image *image, char release[KERNEL_RELEASE_SIZE])
{
	char path[] = "/tmp/tane-test-release-XXXXXX";
	const int fd = mkstemp(path);
	struct err err = { "" };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, image->data, image->size), image->size);
	close(fd);
	if (kernel_release_of_file(path, release, &err))
		fail_msg("%s", err.text);
	unlink(path);
}

static void expect(struct image *image, const char *release)
{
	char found[KERNEL_RELEASE_SIZE];

	if (!kernel_release(image_bytes(image), found))
		fail_msg("no release, but \"%s\"", release);
	assert_string_equal(found, release);
	read_file(image, found);
	assert_string_equal(found, release);
	image_free(image);
}

static void expect_none(struct image *image)
{
	char found[KERNEL_RELEASE_SIZE];

	if (kernel_release(image_bytes(image), found))
		fail_msg("the release is \"%s\"", found);
	read_file(image, found);
	assert_string_equal(found, "");
	image_free(image);
}

/* The text at `offset`; the file grows to hold it, and ends with it. */
static void put_text(struct image *image, size_t offset, const char *text)
{
	const size_t size = strlen(text);
	struct image longer =
		image_new(image->size > offset + size ? image->size : offset + size);

	memcpy(longer.data, image->data, image->size);
	memcpy(longer.data + offset, text, size);
	image_free(image);
	*image = longer;
}

static struct image vmlinux(const char *text)
{
	struct image image = elf64_good();

	put_text(&image, image.size + 5, text);
	return image;
}

static struct image bzimage(const char *text)
{
	struct image plain = elf64_good(), image = bzimage_of(&plain);

	store_le16(image.data + SETUP_VERSION, 0x180);
	put_text(&image, 0x380, text);
	return image;
}

static void test_bzimage(void **state)
{
	struct image image = bzimage("6.1.0-56-amd64 (debian-kernel@x) #1 SMP");

	(void)state;
	expect(&image, "6.1.0-56-amd64");
	image = bzimage("6.12.0+my_tree~1.x #1");
	expect(&image, "6.12.0+my_tree~1.x");
}

static void test_bzimage_that_does_not_tell(void **state)
{
	struct image image = bzimage("");

	(void)state;
	expect_none(&image);
	image = bzimage("6.1.0 x");
	store_le16(image.data + SETUP_VERSION, 0);
	expect_none(&image);
	image = bzimage("6.1.0 x");
	store_le16(image.data + SETUP_VERSION, 0xffff);
	expect_none(&image);
	/* Its header alone, which ends before the pointer. */
	image = bzimage("6.1.0 x");
	image_truncate(&image, SETUP_VERSION);
	expect_none(&image);
	/* Nothing ends the text but the file. */
	image = bzimage("6.1.0");
	image_truncate(&image, 0x380 + 5);
	expect_none(&image);
}

static void test_vmlinux(void **state)
{
	struct image image =
		vmlinux("Linux version 6.1.0-56-amd64 (debian@x) (gcc 12)\n");

	(void)state;
	expect(&image, "6.1.0-56-amd64");
	/* The format of such a text is in kernels too. */
	image = vmlinux("Linux version %s (%s)\nLinux version 5.10.1 (me)");
	expect(&image, "5.10.1");
}

/* It becomes the name of a folder. */
static void test_bad_releases(void **state)
{
	static const char *const texts[] = {
		"",
		"Linux version ",
		"Linux version 6.1.0",
		"Linux version 6.1/../../etc (x)",
		"Linux version .. (x)",
		"Linux version ../6 (x)",
		"Linux version 6.1\n(x)",
		"Linux version 6.1.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (x)",
		"linux version 6.1.0 (x)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct image image = vmlinux(texts[i]);

		expect_none(&image);
	}
}

/* Files are read in pieces of a MiB: the text lies at every place around their ends. */
static void test_large_file(void **state)
{
	static const char text[] = "Linux version 6.1.0-56-amd64 (debian@x)";

	(void)state;
	for (size_t at = MIB - 300; at < MIB + 20; at += 7) {
		struct image image = elf64_good();
		char found[KERNEL_RELEASE_SIZE];

		put_text(&image, 3 * MIB - 1, "x");
		memcpy(image.data + at, text, strlen(text));
		read_file(&image, found);
		assert_string_equal(found, "6.1.0-56-amd64");
		image_free(&image);
	}
}

static void test_no_file(void **state)
{
	char found[KERNEL_RELEASE_SIZE];
	struct err err = { "" };

	(void)state;
	assert_int_equal(kernel_release_of_file("/nowhere/vmlinuz", found, &err), -1);
	assert_non_null(strstr(err.text, "/nowhere/vmlinuz"));
}

static void test_longest(void **state)
{
	struct image image =
		vmlinux("Linux version 6.1.0-aaaaaaaaaabbbbbbbbbbccccccccccdddd"
			"ddddddeeeeeeeeeeffffffff (x)");

	(void)state;
	expect(&image,
	       "6.1.0-aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffff");
}

static void test_images(void **state)
{
	(void)state;
	for (int isa = BOOT_ISA_ARM64; isa <= BOOT_ISA_RISCV64; isa++) {
		struct image image = linux_image((enum boot_isa)isa);

		put_text(&image, image.size, "Linux version 6.12.1-riscv64 (x)");
		expect(&image, "6.12.1-riscv64");
	}
}

#if HAVE_LZ4
static void test_packed_images(void **state)
{
	struct image plain = linux_image(BOOT_ISA_ARM64), image;

	(void)state;
	put_text(&plain, plain.size, "Linux version 6.12.1 (x)");
	image = lz4_store(image_bytes(&plain));
	expect(&image, "6.12.1");
	image = zboot_of(BOOT_ISA_ARM64, &plain);
	expect(&image, "6.12.1");
	/* Damaged: no length of a block is right. */
	plain = linux_image(BOOT_ISA_ARM64);
	image = zboot_of(BOOT_ISA_ARM64, &plain);
	memset(image.data + 0x40, 0xff, image.size - 0x40);
	expect_none(&image);
}
#endif

#if HAVE_ZLIB
/* Unpacked, there is nothing. */
static void test_packed_nothing(void **state)
{
	static const uint8_t packed[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3,
					  3,    0,    0, 0, 0, 0, 0, 0, 0, 0 };
	struct image image = image_new(sizeof(packed));

	(void)state;
	memcpy(image.data, packed, sizeof(packed));
	expect_none(&image);
}
#endif

static void test_nothing(void **state)
{
	struct image image = image_new(0);

	(void)state;
	expect_none(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bzimage),
		cmocka_unit_test(test_bzimage_that_does_not_tell),
		cmocka_unit_test(test_vmlinux),
		cmocka_unit_test(test_bad_releases),
		cmocka_unit_test(test_large_file),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_images),
#if HAVE_LZ4
		cmocka_unit_test(test_packed_images),
#endif
#if HAVE_ZLIB
		cmocka_unit_test(test_packed_nothing),
#endif
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
