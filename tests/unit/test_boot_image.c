/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images of arm64 and riscv64: where each goes, what of a header is refused, and
 * the packages they come in. A few tests say how a kernel for other CPUs is told.
 * The kernels of Debian are looked at if tools/kernel has fetched them.
 */
#include "boot_test.h"
#include "boot/formats.h"
#include "util/fd.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif

#define ARM64_RAM   0x40000000ull
#define RISCV64_RAM 0x80000000ull

static const struct boot_target arm64 = { BOOT_ISA_ARM64, ARM64_RAM, TEST_MEMORY };
static const struct boot_target riscv64 = { BOOT_ISA_RISCV64, RISCV64_RAM, TEST_MEMORY };
static const struct boot_target x86_64 = { BOOT_ISA_X86_64, 0, TEST_MEMORY };

static void accept_for(struct boot_kernel *kernel, const struct image *image,
		       const struct boot_target *target)
{
	struct err err = { "" };

	if (boot_kernel_parse(kernel, image_bytes(image), target, BOOT_AUTO, NULL, &err))
		fail_msg("refused: %s", err.text);
	assert_int_equal(BOOT_LINUX, kernel->protocol);
	assert_true(kernel->is_64);
	assert_int_equal(1, kernel->nr_segments);
	assert_int_equal(kernel->entry, kernel->segments[0].gpa);
}

/* Refused with a message that has `message` in it. The image is freed. */
static void refuse_for(struct image *image, const struct boot_target *target,
		       enum boot_protocol wish, const char *message)
{
	struct boot_kernel kernel;
	struct err err = { "" };

	assert_int_equal(-1, boot_kernel_parse(&kernel, image_bytes(image), target, wish,
					       NULL, &err));
	if (!strstr(err.text, message))
		fail_msg("the message is \"%s\", not \"%s\"", err.text, message);
	assert_null(kernel.unpacked);
	image_free(image);
}

static void refuse(struct image *image, const struct boot_target *target,
		   const char *message)
{
	refuse_for(image, target, BOOT_AUTO, message);
}

/* The Image with a 64-bit field of its header changed. */
static struct image with(enum boot_isa isa, unsigned field, uint64_t value)
{
	struct image image = linux_image(isa);

	store_le64(image.data + field, value);
	return image;
}

static void arm64_goes_to_the_start_of_ram(void **state)
{
	struct image image = linux_image(BOOT_ISA_ARM64);
	struct boot_kernel kernel;

	(void)state;
	accept_for(&kernel, &image, &arm64);
	assert_int_equal(ARM64_RAM, kernel.entry);
	assert_int_equal(4096, kernel.segments[0].size);
	assert_int_equal(1024, kernel.segments[0].data.size);
	assert_ptr_equal(image.data, kernel.segments[0].data.data);
	assert_int_equal(ARM64_RAM, kernel.low);
	assert_int_equal(ARM64_RAM + 4096, kernel.high);
	assert_int_equal(2047, kernel.cmdline_size);
	/* One window of 32 GiB, from a boundary of 1 GiB. */
	assert_int_equal(ARM64_RAM + (32ull << 30) - 1, kernel.initrd_addr_max);
	boot_kernel_free(&kernel);
	image_free(&image);
}

static void riscv64_goes_2_mib_above(void **state)
{
	struct image image = linux_image(BOOT_ISA_RISCV64);
	struct boot_kernel kernel;

	(void)state;
	accept_for(&kernel, &image, &riscv64);
	assert_int_equal(RISCV64_RAM + 2 * MIB, kernel.entry);
	assert_int_equal(RISCV64_RAM + 2 * MIB + 4096, kernel.high);
	assert_int_equal(1023, kernel.cmdline_size);
	assert_int_equal(UINT64_MAX, kernel.initrd_addr_max);
	assert_int_equal(0, kernel.page_size);
	boot_kernel_free(&kernel);
	image_free(&image);
}

static void the_base_is_rounded_up_to_2_mib(void **state)
{
	const struct boot_target odd = { BOOT_ISA_ARM64, ARM64_RAM + 4096, 4 * MIB };
	struct image image = with(BOOT_ISA_ARM64, IMAGE_TEXT_OFFSET, 0x80000);
	struct boot_kernel kernel;

	(void)state;
	accept_for(&kernel, &image, &odd);
	assert_int_equal(ARM64_RAM + 2 * MIB + 0x80000, kernel.entry);
	boot_kernel_free(&kernel);
	/* 1.5 MiB and 4 KiB are left behind it. */
	store_le64(image.data + IMAGE_IMAGE_SIZE, 3 * MIB / 2 + 4096);
	accept_for(&kernel, &image, &odd);
	boot_kernel_free(&kernel);
	store_le64(image.data + IMAGE_IMAGE_SIZE, 3 * MIB / 2 + 4097);
	refuse(&image, &odd,
	       "arm64 Image: it needs the first 5 MiB of RAM, the guest has"
	       " 4 MiB: give it more memory (--mem)");
}

static void tells_the_page_size(void **state)
{
	static const uint32_t sizes[] = { 0, 4096, 16384, 65536 };
	struct boot_kernel kernel;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct image image = with(BOOT_ISA_ARM64, IMAGE_FLAGS, 8 | i << 1);

		accept_for(&kernel, &image, &arm64);
		assert_int_equal(sizes[i], kernel.page_size);
		boot_kernel_free(&kernel);
		image_free(&image);
	}
}

/* Linux 3.16: image_size is 0, and what text_offset says is of unknown byte order. */
static void takes_an_old_arm64_image(void **state)
{
	struct image image = with(BOOT_ISA_ARM64, IMAGE_IMAGE_SIZE, 0);
	struct boot_kernel kernel;

	(void)state;
	store_le64(image.data + IMAGE_TEXT_OFFSET, 0x0000080000000000);
	store_le64(image.data + IMAGE_FLAGS, 0);
	accept_for(&kernel, &image, &arm64);
	assert_int_equal(ARM64_RAM + 0x80000, kernel.entry);
	/* What is behind it stays free for its .bss. */
	assert_true(kernel.high > kernel.entry + image.size + MIB);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* Version 0.1 of riscv's header had one magic, a later one may have the other only. */
static void takes_either_magic_of_riscv(void **state)
{
	struct image image = linux_image(BOOT_ISA_RISCV64);
	struct boot_kernel kernel;

	(void)state;
	store_le32(image.data + IMAGE_MAGIC_2, 0);
	accept_for(&kernel, &image, &riscv64);
	boot_kernel_free(&kernel);
	image_free(&image);

	image = with(BOOT_ISA_RISCV64, IMAGE_MAGIC, 0);
	accept_for(&kernel, &image, &riscv64);
	boot_kernel_free(&kernel);
	store_le32(image.data + IMAGE_MAGIC_2, 0);
	refuse(&image, &riscv64, "not an Image, a packed Image");
}

static void refuses_what_cannot_run(void **state)
{
	struct image image;

	(void)state;
	image = with(BOOT_ISA_ARM64, IMAGE_FLAGS, 1);
	refuse(&image, &arm64, "arm64 Image: a big-endian kernel");
	image = with(BOOT_ISA_RISCV64, IMAGE_FLAGS, 1);
	refuse(&image, &riscv64, "riscv64 Image: a big-endian kernel");
	image = with(BOOT_ISA_RISCV64, IMAGE_IMAGE_SIZE, 0);
	refuse(&image, &riscv64, "image_size is 0");
	image = with(BOOT_ISA_RISCV64, IMAGE_IMAGE_SIZE, 1023);
	refuse(&image, &riscv64, "image_size is 1023 bytes, and it has 1024");
	image = with(BOOT_ISA_ARM64, IMAGE_TEXT_OFFSET, 0x80001);
	refuse(&image, &arm64, "text_offset 0x80001 is no multiple of 4 KiB");
	image = with(BOOT_ISA_RISCV64, IMAGE_TEXT_OFFSET, MIB);
	refuse(&image, &riscv64, "text_offset 0x100000 is no multiple of 2 MiB");
	image = linux_image(BOOT_ISA_ARM64);
	image_truncate(&image, 63);
	refuse(&image, &arm64, "not an Image");
}

static void refuses_what_does_not_fit(void **state)
{
	struct image image;

	(void)state;
	image = with(BOOT_ISA_ARM64, IMAGE_IMAGE_SIZE, TEST_MEMORY + 1);
	refuse(&image, &arm64, "it needs the first 65 MiB of RAM, the guest has 64 MiB");
	image = with(BOOT_ISA_RISCV64, IMAGE_IMAGE_SIZE, TEST_MEMORY);
	refuse(&image, &riscv64, "it needs the first 66 MiB of RAM");
	image = with(BOOT_ISA_RISCV64, IMAGE_IMAGE_SIZE, UINT64_MAX);
	refuse(&image, &riscv64, "are too large");
	image = with(BOOT_ISA_RISCV64, IMAGE_TEXT_OFFSET, -2 * MIB);
	refuse(&image, &riscv64, "it needs the first 17592186044415 MiB of RAM");
	/* Exactly all of it. */
	image = with(BOOT_ISA_ARM64, IMAGE_IMAGE_SIZE, TEST_MEMORY);
	accept_for(&(struct boot_kernel){ 0 }, &image, &arm64);
	image_free(&image);
}

static void refuses_kernels_for_other_cpus(void **state)
{
	struct image image;

	(void)state;
	image = linux_image(BOOT_ISA_ARM64);
	refuse(&image, &x86_64, "an arm64 kernel; this tane runs x86-64 guests");
	image = linux_image(BOOT_ISA_RISCV64);
	refuse(&image, &x86_64, "a riscv64 kernel; this tane runs x86-64 guests");
	image = linux_image(BOOT_ISA_RISCV64);
	refuse(&image, &arm64, "a riscv64 kernel; this tane runs arm64 guests");
	image = elf64_good();
	refuse(&image, &riscv64, "an x86-64 kernel; this tane runs riscv64 guests");
	image = elf64_good();
	image = bzimage_of(&image);
	refuse(&image, &arm64, "an x86-64 kernel; this tane runs arm64 guests");
	image = linux_image(BOOT_ISA_ARM64);
	image = zboot_of(BOOT_ISA_ARM64, &image);
	refuse(&image, &x86_64, "an arm64 kernel; this tane runs x86-64 guests");
	image = elf64_good();
	elf64_header(&image)->e_machine = EM_RISCV;
	refuse(&image, &riscv64,
	       "an ELF file; riscv64 kernels boot from an Image: take"
	       " arch/riscv/boot/Image");
}

static void refuses_protocols_of_x86(void **state)
{
	struct image image = linux_image(BOOT_ISA_ARM64);

	(void)state;
	refuse_for(&image, &arm64, BOOT_PVH, "PVH is for x86-64 guests");
	image = linux_image(BOOT_ISA_RISCV64);
	refuse_for(&image, &riscv64, BOOT_MULTIBOOT, "multiboot is for x86-64 guests");
}

static void refuses_broken_zboot_images(void **state)
{
	const uint8_t data[] = "lzo, or noise";
	const struct bytes payload = { data, sizeof(data) };
	struct image image;

	(void)state;
	image = zboot_new(BOOT_ISA_ARM64, payload, "lzo");
	refuse(&image, &arm64,
	       "EFI zboot image: its payload (\"lzo\") is packed in a"
	       " format that tane does not know");
	image = zboot_new(BOOT_ISA_ARM64, payload, "\033[2J");
	refuse(&image, &arm64, "its payload (\"?\") is packed");
	image = zboot_new(BOOT_ISA_ARM64, payload, "");
	store_le32(image.data + 12, 31);
	refuse(&image, &arm64, "truncated: its payload is 31 bytes at 512, the file has");
	image = zboot_new(BOOT_ISA_ARM64, payload, "");
	store_le32(image.data + 8, UINT32_MAX);
	refuse(&image, &arm64, "truncated: its payload is");
	/* Too short for a header, and a PE header outside the file. */
	image = zboot_new(BOOT_ISA_ARM64, payload, "lzo");
	image_truncate(&image, 63);
	refuse(&image, &arm64, "not an Image");
	image = zboot_new(BOOT_ISA_ARM64, payload, "lzo");
	store_le32(image.data + 0x3c, UINT32_MAX);
	refuse(&image, &arm64, "EFI zboot image: its payload");
}

#if HAVE_LZ4

static void unpacks_zboot_images(void **state)
{
	struct image plain = linux_image(BOOT_ISA_RISCV64);
	struct image image = zboot_of(BOOT_ISA_RISCV64, &plain);
	struct boot_kernel kernel;

	(void)state;
	accept_for(&kernel, &image, &riscv64);
	plain = linux_image(BOOT_ISA_RISCV64);
	assert_int_equal(RISCV64_RAM + 2 * MIB, kernel.entry);
	assert_int_equal(4096, kernel.segments[0].size);
	assert_int_equal(plain.size, kernel.segments[0].data.size);
	assert_memory_equal(plain.data, kernel.segments[0].data.data, plain.size);
	boot_kernel_free(&kernel);
	image_free(&plain);
	image_free(&image);

	/* Its header tells nothing of use, and what it holds is for other CPUs. */
	plain = linux_image(BOOT_ISA_ARM64);
	image = zboot_of(BOOT_ISA_RISCV64, &plain);
	refuse(&image, &riscv64, "EFI zboot image: an arm64 kernel; this tane runs");
	plain = elf64_good();
	image = zboot_of(BOOT_ISA_RISCV64, &plain);
	refuse(&image, &riscv64, "EFI zboot image: what it holds is not an Image");
	plain = with(BOOT_ISA_ARM64, IMAGE_FLAGS, 1);
	image = zboot_of(BOOT_ISA_ARM64, &plain);
	refuse(&image, &arm64, "EFI zboot image: arm64 Image: a big-endian kernel");
}

/* Unpacked where the hint says, the kernel lies in its place already. */
static void unpacks_into_the_room(void **state)
{
	static uint8_t memory[4096];
	const struct boot_room room = { .data = memory, .size = sizeof(memory) };
	struct image image = linux_image(BOOT_ISA_RISCV64);
	struct boot_kernel kernel;
	uint64_t gpa, size;
	struct err err = { "" };

	(void)state;
	assert_false(boot_kernel_unpack_hint(image_bytes(&image), &riscv64, &gpa, &size));
	image = zboot_of(BOOT_ISA_RISCV64, &image);
	/* Not to be believed: less than it is packed. This lz4 shrinks nothing. */
	assert_false(boot_kernel_unpack_hint(image_bytes(&image), &riscv64, &gpa, &size));
	store_le32(image.data + ZBOOT_PAYLOAD + load_le32(image.data + 12), 4096);
	assert_true(boot_kernel_unpack_hint(image_bytes(&image), &riscv64, &gpa, &size));
	assert_int_equal(RISCV64_RAM + 2 * MIB, gpa);
	assert_int_equal(4096, size);
	assert_int_equal(0, boot_kernel_parse(&kernel, image_bytes(&image), &riscv64,
					      BOOT_AUTO, &room, &err));
	assert_null(kernel.unpacked);
	assert_ptr_equal(memory, kernel.segments[0].data.data);
	assert_int_equal(gpa, kernel.segments[0].gpa);
	boot_kernel_free(&kernel);
	image_free(&image);
}

#endif
#if HAVE_ZLIB

static struct image gzipped(struct image *plain)
{
	struct image image = image_new(plain->size + 100);
	z_stream stream = {
		.next_in = plain->data,
		.avail_in = (uInt)plain->size,
		.next_out = image.data,
		.avail_out = (uInt)image.size,
	};

	assert_int_equal(Z_OK, deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8,
					    Z_DEFAULT_STRATEGY));
	assert_int_equal(Z_STREAM_END, deflate(&stream, Z_FINISH));
	deflateEnd(&stream);
	image_truncate(&image, stream.total_out);
	image_free(plain);
	return image;
}

static void unpacks_image_gz(void **state)
{
	struct image image = with(BOOT_ISA_ARM64, IMAGE_TEXT_OFFSET, 0x80000);
	struct boot_kernel kernel;
	uint64_t gpa, size;

	(void)state;
	image = gzipped(&image);
	assert_true(boot_kernel_unpack_hint(image_bytes(&image), &arm64, &gpa, &size));
	assert_int_equal(ARM64_RAM, gpa);
	assert_int_equal(1024, size);
	accept_for(&kernel, &image, &arm64);
	/* The hint knows nothing of text_offset; the kernel's place does. */
	assert_int_equal(ARM64_RAM + 0x80000, kernel.entry);
	assert_non_null(kernel.unpacked);
	assert_int_equal(1024, kernel.segments[0].data.size);
	boot_kernel_free(&kernel);
	refuse(&image, &riscv64, "an arm64 kernel; this tane runs riscv64 guests");

	image = linux_image(BOOT_ISA_ARM64);
	image = gzipped(&image);
	image_truncate(&image, image.size / 2);
	refuse(&image, &arm64, "the gzip payload is truncated");
}

#endif

/* A kernel out of the cache of tools/kernel. Skips the test if it is not there. */
static struct file_contents debian_kernel(const char *folder)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	struct file_contents file;
	char path[4096];
	struct err err;

	snprintf(path, sizeof(path), "%s%s/tane/%s/vmlinuz", cache ? cache : home,
		 cache ? "" : "/.cache", folder);
	if (file_read(&file, path, 1 << 30, &err))
		skip();
	return file;
}

static void check_debian_kernel(const char *folder, const struct boot_target *small,
				uint64_t entry, uint32_t page_size)
{
	const struct boot_target target = { small->isa, small->ram_base, 128 * MIB };
	struct file_contents file = debian_kernel(folder);
	struct boot_kernel kernel;
	struct err err = { "" };

	if (boot_kernel_parse(&kernel, file.bytes, &target, BOOT_AUTO, NULL, &err))
		fail_msg("%s is refused: %s", folder, err.text);
	assert_int_equal(entry, kernel.entry);
	assert_int_equal(page_size, kernel.page_size);
	/* It has a .bss. */
	assert_true(kernel.segments[0].size > file.bytes.size);
	assert_true(kernel.segments[0].size < 2 * file.bytes.size);
	assert_int_equal(-1, boot_kernel_parse(&kernel, file.bytes, &x86_64, BOOT_AUTO,
					       NULL, &err));
	assert_non_null(strstr(err.text, "kernel; this tane runs x86-64 guests"));
	file_release(&file);
}

static void takes_debians_arm64_kernel(void **state)
{
	(void)state;
	check_debian_kernel("kernel-arm64-generic", &arm64, ARM64_RAM, 4096);
}

static void takes_debians_riscv64_kernel(void **state)
{
	(void)state;
	check_debian_kernel("kernel-riscv64-generic", &riscv64, RISCV64_RAM + 2 * MIB, 0);
}

static bool read_hint(struct image *image, const struct boot_target *target,
		      uint64_t *gpa)
{
	const bool hint = boot_kernel_read_hint(image_bytes(image), target, gpa);

	image_free(image);
	return hint;
}

/* Where a plain Image can be read at once; whoever is not sure of it says no. */
static void tells_where_to_read(void **state)
{
	struct image image = linux_image(BOOT_ISA_RISCV64);
	uint64_t gpa = 0;

	(void)state;
	assert_true(read_hint(&image, &riscv64, &gpa));
	assert_int_equal(RISCV64_RAM + 2 * MIB, gpa);
	image = linux_image(BOOT_ISA_ARM64);
	assert_true(read_hint(&image, &arm64, &gpa));
	assert_int_equal(ARM64_RAM, gpa);

	image = linux_image(BOOT_ISA_ARM64);
	assert_false(read_hint(&image, &riscv64, &gpa));
	image = linux_image(BOOT_ISA_ARM64);
	assert_false(read_hint(&image, &x86_64, &gpa));
	image = with(BOOT_ISA_ARM64, IMAGE_IMAGE_SIZE, 0);
	assert_false(read_hint(&image, &arm64, &gpa));
	image = with(BOOT_ISA_RISCV64, IMAGE_TEXT_OFFSET, TEST_MEMORY);
	assert_false(read_hint(&image, &riscv64, &gpa));
	image = with(BOOT_ISA_RISCV64, IMAGE_TEXT_OFFSET, UINT64_MAX);
	assert_false(read_hint(&image, &riscv64, &gpa));
	image = linux_image(BOOT_ISA_RISCV64);
	image_truncate(&image, 63);
	assert_false(read_hint(&image, &riscv64, &gpa));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arm64_goes_to_the_start_of_ram),
		cmocka_unit_test(riscv64_goes_2_mib_above),
		cmocka_unit_test(the_base_is_rounded_up_to_2_mib),
		cmocka_unit_test(tells_the_page_size),
		cmocka_unit_test(takes_an_old_arm64_image),
		cmocka_unit_test(takes_either_magic_of_riscv),
		cmocka_unit_test(refuses_what_cannot_run),
		cmocka_unit_test(refuses_what_does_not_fit),
		cmocka_unit_test(refuses_kernels_for_other_cpus),
		cmocka_unit_test(refuses_protocols_of_x86),
		cmocka_unit_test(refuses_broken_zboot_images),
		cmocka_unit_test(tells_where_to_read),
		cmocka_unit_test(takes_debians_arm64_kernel),
		cmocka_unit_test(takes_debians_riscv64_kernel),
#if HAVE_LZ4
		cmocka_unit_test(unpacks_zboot_images),
		cmocka_unit_test(unpacks_into_the_room),
#endif
#if HAVE_ZLIB
		cmocka_unit_test(unpacks_image_gz),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
