/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot 1: the header, the addresses it states, and the information. */
#include "boot_test.h"

#define MAGIC 0x1BADB002u

/* A header at `offset`: magic, flags, checksum. */
static void put_header(struct image *image, size_t offset, uint32_t flags)
{
	uint8_t *header = image->data + offset;

	store_le32(header, MAGIC);
	store_le32(header + 4, flags);
	store_le32(header + 8, 0u - MAGIC - flags);
}

static void put_addresses(struct image *image, size_t offset, uint32_t header,
			  uint32_t load, uint32_t load_end, uint32_t bss_end,
			  uint32_t entry)
{
	uint8_t *at = image->data + offset + 12;

	store_le32(at, header);
	store_le32(at + 4, load);
	store_le32(at + 8, load_end);
	store_le32(at + 12, bss_end);
	store_le32(at + 16, entry);
}

/* A flat file of 256 bytes, header at 0x10, loaded whole to 1 MiB. */
static struct image flat_good(void)
{
	struct image image = image_new(256);

	put_header(&image, 0x10, 0x10003);
	put_addresses(&image, 0x10, MIB + 0x10, MIB, 0, 0, MIB + 0x40);
	return image;
}

/* An ELF file with a header in its data. */
static struct image elf_good(uint32_t flags)
{
	struct image image = elf32_good();

	put_header(&image, ELF_DATA + 8, flags);
	return image;
}

static void takes_elf(void **state)
{
	struct image image = elf_good(3);
	struct boot_kernel kernel;

	(void)state;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_MULTIBOOT, kernel.protocol);
	assert_int_equal(MIB, kernel.entry);
	assert_int_equal(3, kernel.multiboot_flags);
	assert_int_equal(1, kernel.nr_segments);
	assert_int_equal(MIB, kernel.segments[0].gpa);
	assert_int_equal(4096, kernel.segments[0].size);
	assert_true(kernel.initrd_addr_max > 0);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* The wish for a video mode is the kernel's to do without. */
static void tolerates_the_video_flag(void **state)
{
	struct image image = elf_good(7);
	struct boot_kernel kernel;

	(void)state;
	image_accept(&kernel, &image, BOOT_MULTIBOOT);
	assert_int_equal(7, kernel.multiboot_flags);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* Kernels of the higher half often state a virtual entry. */
static void translates_a_virtual_entry(void **state)
{
	struct image image = elf_good(0);
	struct boot_kernel kernel;

	(void)state;
	((Elf32_Ehdr *)image.data)->e_entry = 0xc0100010;
	((Elf32_Phdr *)(image.data + sizeof(Elf32_Ehdr)))->p_vaddr = 0xc0100000;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(MIB + 0x10, kernel.entry);
	boot_kernel_free(&kernel);
	image_free(&image);
}

static void takes_addresses(void **state)
{
	struct image image = flat_good();
	struct boot_kernel kernel;

	(void)state;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_MULTIBOOT, kernel.protocol);
	assert_int_equal(MIB + 0x40, kernel.entry);
	assert_int_equal(MIB, kernel.segments[0].gpa);
	assert_int_equal(256, kernel.segments[0].size);
	assert_ptr_equal(image.data, kernel.segments[0].data.data);
	boot_kernel_free(&kernel);

	/* A part of the file, and zeros behind it. */
	put_addresses(&image, 0x10, MIB + 0x08, MIB, MIB + 0x80, MIB + 0x1000,
		      MIB + 0x40);
	image_accept(&kernel, &image, BOOT_MULTIBOOT);
	assert_ptr_equal(image.data + 8, kernel.segments[0].data.data);
	assert_int_equal(0x80, kernel.segments[0].data.size);
	assert_int_equal(0x1000, kernel.segments[0].size);
	assert_int_equal(MIB + 0x1000, kernel.high);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* An ELF file can have a header with addresses: they count. */
static void prefers_addresses_to_elf(void **state)
{
	struct image image = elf_good(0x10000);
	struct boot_kernel kernel;

	(void)state;
	put_addresses(&image, ELF_DATA + 8, 2 * MIB + ELF_DATA + 8, 2 * MIB, 0, 0,
		      2 * MIB + 0x40);
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(2 * MIB, kernel.segments[0].gpa);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* The first 8 KiB are searched, no byte more, in steps of 4. */
static void searches_8_kib(void **state)
{
	struct image image = image_new(8192 + 32);
	struct boot_kernel kernel;

	(void)state;
	put_header(&image, 8192 - 12, 0x10000);
	put_addresses(&image, 8192 - 12, MIB, MIB, 0, 0, MIB);
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_ptr_equal(image.data + 8192 - 12, kernel.segments[0].data.data);
	boot_kernel_free(&kernel);

	memset(image.data, 0, image.size);
	put_header(&image, 8192 - 8, 0);
	image_refuse_in(&image, BOOT_MULTIBOOT, TEST_MEMORY,
			"no multiboot header in its first");

	image = image_new(256);
	put_header(&image, 6, 0);
	image_refuse_in(&image, BOOT_MULTIBOOT, TEST_MEMORY,
			"no multiboot header in its first");
}

static void refuses_bad_checksum(void **state)
{
	struct image image = flat_good();

	(void)state;
	image.data[0x10 + 8] ^= 1;
	image_refuse(&image,
		     "multiboot header at 16: magic, flags and checksum do not add up");

	image = elf_good(0);
	image.data[ELF_DATA + 8 + 4] ^= 1;
	image_refuse_in(&image, BOOT_MULTIBOOT, TEST_MEMORY, "do not add up to zero");
}

/* The magic can be a number in code: a file that is ELF is not lost by it. */
static void bad_checksum_leaves_elf_alone(void **state)
{
	struct image image = elf64_good();
	struct boot_kernel kernel;

	(void)state;
	store_le32(image.data + ELF_DATA, MAGIC);
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_LINUX, kernel.protocol);
	boot_kernel_free(&kernel);

	/* A header that is no chance match is passed over if the wish is another. */
	put_header(&image, ELF_DATA, 0);
	image_accept(&kernel, &image, BOOT_LINUX);
	assert_int_equal(BOOT_LINUX, kernel.protocol);
	boot_kernel_free(&kernel);
	image_free(&image);
}

static void refuses_unknown_requirements(void **state)
{
	struct image image = elf_good(0x8 | 0x3);
	struct boot_kernel kernel;

	(void)state;
	image_refuse(&image, "it requires features that tane does not have (flags 0x8)");

	/* Bits above 15 are offers, not requirements. */
	image = elf_good(0xfffe0000);
	image_accept(&kernel, &image, BOOT_AUTO);
	boot_kernel_free(&kernel);
	image_free(&image);
}

static void refuse_addresses(uint32_t header, uint32_t load, uint32_t load_end,
			     uint32_t bss_end, uint32_t entry, const char *message)
{
	struct image image = flat_good();

	put_addresses(&image, 0x10, header, load, load_end, bss_end, entry);
	image_refuse(&image, message);
}

static void refuses_bad_addresses(void **state)
{
	const uint32_t base = MIB;

	(void)state;
	refuse_addresses(base, base + 4, 0, 0, base + 4, "do not fit a header at 16");
	refuse_addresses(base + 0x11, base, 0, 0, base, "do not fit a header at 16");
	refuse_addresses(0xffffffff, 0, 0, 0, base, "do not fit a header at 16");
	refuse_addresses(base + 0x10, base, base - 1, 0, base,
			 "load_end_addr 0xfffff is below load_addr 0x100000");
	refuse_addresses(base + 0x10, base, base + 257, 0, base,
			 "load_end_addr 0x100101 asks for 257 bytes, the file has 256");
	refuse_addresses(base + 0x10, base, 0, base + 255, base,
			 "bss_end_addr 0x1000ff lies inside the loaded part");
	refuse_addresses(base + 0x10, base, base + 16, 0xffffffff, base,
			 "it needs memory up to");
	refuse_addresses(base + 0x10, base, 0, 0, base + 256,
			 "the entry 0x100100 lies in no loaded segment");
	/* Nothing loaded at all. */
	refuse_addresses(base + 0x10, base, base, 0, base, "lies in no loaded segment");
	/* The end of the file in memory is above 4 GiB. */
	refuse_addresses(0xffffffff, 0xffffffef, 0, 0, 0xffffffef,
			 "it needs memory up to");
}

static void refuses_truncated_addresses(void **state)
{
	struct image image = flat_good();

	(void)state;
	image_truncate(&image, 0x10 + 31);
	image_refuse(
		&image,
		"truncated: the multiboot header at 16 takes 32 bytes, the file has");
}

static void refuses_without_place(void **state)
{
	struct image image = image_new(256);

	(void)state;
	put_header(&image, 0, 0);
	image_refuse(&image, "neither addresses (flag 16) nor an ELF file");
}

static void refuses_wild_elf(void **state)
{
	struct image image = elf_good(0);

	(void)state;
	((Elf32_Phdr *)(image.data + sizeof(Elf32_Ehdr)))->p_filesz = 0xffffffff;
	image_refuse(&image, "lie outside the file");
}

#define INFO_GPA 0x6000u

static const struct boot_memory memory[] = {
	{ 0, 0x9fc00, BOOT_MEMORY_RAM },
	{ 0x9fc00, 0x400, BOOT_MEMORY_RESERVED },
	{ 0x100000, 0x1ff00000, BOOT_MEMORY_RAM },
	{ 0x100000000, 0x40000000, BOOT_MEMORY_RAM },
};

/* By the offsets of the specification, 3.3. */
static void tells_all_in_the_information(void **state)
{
	const struct boot_module modules[] = {
		{ 0x400000, 0x1000, "first a b" },
		{ 0x500000, 1, NULL },
	};
	const struct boot_handoff handoff = {
		.cmdline = "root=here",
		.memory = memory,
		.nr_memory = 4,
		.modules = modules,
		.nr_modules = 2,
	};
	struct image info = image_new(1024);
	const char *text = (const char *)info.data - INFO_GPA;
	struct err err = { "" };
	const uint8_t *at;

	(void)state;
	memset(info.data, 0xa5, info.size);
	assert_int_equal(
		0, multiboot_info_build(info.data, info.size, INFO_GPA, &handoff, &err));
	/* memory, command line, modules, memory map, loader name */
	assert_int_equal(1 | 4 | 8 | 0x40 | 0x200, load_le32(info.data));
	assert_int_equal(0x9fc00 / 1024, load_le32(info.data + 4));
	assert_int_equal(0x1ff00000 / 1024, load_le32(info.data + 8));
	assert_string_equal("root=here", text + load_le32(info.data + 16));
	assert_string_equal("tane", text + load_le32(info.data + 64));

	assert_int_equal(2, load_le32(info.data + 20));
	at = info.data + load_le32(info.data + 24) - INFO_GPA;
	assert_int_equal(0x400000, load_le32(at));
	assert_int_equal(0x401000, load_le32(at + 4));
	assert_string_equal("first a b", text + load_le32(at + 8));
	assert_int_equal(0x500000, load_le32(at + 16));
	assert_int_equal(0x500001, load_le32(at + 20));
	assert_string_equal("", text + load_le32(at + 24));

	assert_int_equal(4 * 24, load_le32(info.data + 44));
	at = info.data + load_le32(info.data + 48) - INFO_GPA;
	for (unsigned i = 0; i < 4; i++, at += 24) {
		assert_int_equal(20, load_le32(at));
		assert_int_equal(memory[i].base, load_le64(at + 4));
		assert_int_equal(memory[i].size, load_le64(at + 12));
		assert_int_equal(memory[i].type, load_le32(at + 20));
	}
	image_free(&info);
}

static void refuses_module_above_4_gib(void **state)
{
	const struct boot_module module = { 0xfffff000, 0x1001, NULL };
	const struct boot_handoff handoff = {
		.cmdline = "",
		.modules = &module,
		.nr_modules = 1,
	};
	struct image info = image_new(1024);
	struct err err = { "" };

	(void)state;
	assert_int_equal(
		-1, multiboot_info_build(info.data, info.size, INFO_GPA, &handoff, &err));
	assert_non_null(
		strstr(err.text, "module 0 at 0xfffff000 does not lie below 4 GiB"));
	image_free(&info);
}

static void refuses_small_buffers(void **state)
{
	const struct boot_handoff handoff = {
		.cmdline = "0123456789",
		.memory = memory,
		.nr_memory = 4,
	};
	const size_t needed = 120 + 16 + 8 + 4 * 24;

	(void)state;
	for (size_t size = 0; size <= needed; size++) {
		struct image info = image_new(size);
		struct err err = { "" };
		int result =
			multiboot_info_build(info.data, size, INFO_GPA, &handoff, &err);

		assert_int_equal(size < needed ? -1 : 0, result);
		if (result)
			assert_non_null(strstr(err.text, "the boot information"));
		image_free(&info);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_elf),
		cmocka_unit_test(tolerates_the_video_flag),
		cmocka_unit_test(translates_a_virtual_entry),
		cmocka_unit_test(takes_addresses),
		cmocka_unit_test(prefers_addresses_to_elf),
		cmocka_unit_test(searches_8_kib),
		cmocka_unit_test(refuses_bad_checksum),
		cmocka_unit_test(bad_checksum_leaves_elf_alone),
		cmocka_unit_test(refuses_unknown_requirements),
		cmocka_unit_test(refuses_bad_addresses),
		cmocka_unit_test(refuses_truncated_addresses),
		cmocka_unit_test(refuses_without_place),
		cmocka_unit_test(refuses_wild_elf),
		cmocka_unit_test(tells_all_in_the_information),
		cmocka_unit_test(refuses_module_above_4_gib),
		cmocka_unit_test(refuses_small_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
