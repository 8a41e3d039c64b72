/* SPDX-License-Identifier: BSD-2-Clause */
/* PVH: the note in the kernel, and the start info that the kernel reads. */
#include "boot_test.h"

static void enters_at_the_note(void **state)
{
	struct image image = elf64_pvh(MIB + 0x80);
	struct boot_kernel kernel;

	(void)state;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_PVH, kernel.protocol);
	assert_int_equal(MIB + 0x80, kernel.entry);
	assert_int_equal(1, kernel.nr_segments);
	assert_true(kernel.initrd_addr_max > 0);
	boot_kernel_free(&kernel);

	/* The same file as Linux, if that is the wish. */
	image_accept(&kernel, &image, BOOT_LINUX);
	assert_int_equal(BOOT_LINUX, kernel.protocol);
	assert_int_equal(MIB, kernel.entry);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* ELF32, the common case of small PVH kernels. */
static void takes_elf32(void **state)
{
	struct image image = image_new(1024);
	Elf32_Ehdr *header = (Elf32_Ehdr *)image.data;
	Elf32_Phdr *segments = (Elf32_Phdr *)(header + 1);
	struct image model = elf32_good();
	struct boot_kernel kernel;

	(void)state;
	memcpy(image.data, model.data, model.size);
	image_free(&model);
	header->e_phnum = 2;
	segments[1] = (Elf32_Phdr){
		.p_type = PT_NOTE,
		.p_offset = ELF_NOTE,
		.p_filesz = ELF_NOTE_SIZE,
		.p_align = 4,
	};
	elf_note(image.data + ELF_NOTE, MIB + 4);
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_PVH, kernel.protocol);
	assert_int_equal(MIB + 4, kernel.entry);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* Other notes in front: other names with the same type, another type by Xen. */
static void finds_the_note_among_others(void **state)
{
	struct image image = elf64_new(2, ELF_NOTE + 112);
	uint8_t *note = image.data + ELF_NOTE;
	struct boot_kernel kernel;

	(void)state;
	elf64_set(&image, 0, PT_LOAD, ELF_DATA, 256, MIB, 4096);
	elf64_set(&image, 1, PT_NOTE, ELF_NOTE, 112, 0, 0);

	store_le32(note, 6); /* "Linux", padded to 8; descriptor of 5, padded to 8 */
	store_le32(note + 4, 5);
	store_le32(note + 8, 18);
	memcpy(note + 12, "Linux", 6);
	note += 12 + 8 + 8;
	elf_note(note, 1);
	store_le32(note + 8, 17);
	note += ELF_NOTE_SIZE;
	elf_note(note, 2);
	memcpy(note + 12, "GNU", 4);
	note += ELF_NOTE_SIZE;
	/* An entry of 8 bytes, as Linux has it. */
	elf_note(note, MIB + 0x10);
	store_le32(note + 4, 8);

	image_accept(&kernel, &image, BOOT_PVH);
	assert_int_equal(MIB + 0x10, kernel.entry);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* Segments of alignment 8 pad their notes to 8 bytes. */
static void pads_by_the_alignment(void **state)
{
	struct image image = elf64_new(2, ELF_NOTE + 64);
	uint8_t *note = image.data + ELF_NOTE;
	struct boot_kernel kernel;

	(void)state;
	elf64_set(&image, 0, PT_LOAD, ELF_DATA, 256, MIB, 4096);
	elf64_set(&image, 1, PT_NOTE, ELF_NOTE, 64, 0, 0);
	elf64_segment(&image, 1)->p_align = 8;
	store_le32(note, 4);
	store_le32(note + 4, 4);
	store_le32(note + 8, 5);
	memcpy(note + 12, "GNU", 4);
	elf_note(note + 24, MIB);
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_PVH, kernel.protocol);
	boot_kernel_free(&kernel);
	image_free(&image);
}

static void refuses_missing_note(void **state)
{
	struct image image = elf64_good();

	(void)state;
	image_refuse_in(&image, BOOT_PVH, TEST_MEMORY,
			"it has no PVH entry (no ELF note XEN_ELFNOTE_PHYS32_ENTRY)");
}

static void refuses_bad_notes(void **state)
{
	struct image image = elf64_pvh(MIB);

	(void)state;
	store_le32(image.data + ELF_NOTE, 0xffffffff);
	image_refuse(&image,
		     "ELF note at 0: name of 4294967295 bytes exceeds its segment of 20");

	image = elf64_pvh(MIB);
	store_le32(image.data + ELF_NOTE + 4, 5);
	image_refuse(&image,
		     "ELF note at 0: descriptor of 5 bytes exceeds its segment of 20");

	image = elf64_pvh(MIB);
	store_le32(image.data + ELF_NOTE + 4, 2);
	image_refuse(&image, "PVH note: its entry has 2 bytes, not 4 or 8");

	image = elf64_pvh(MIB);
	elf64_segment(&image, 1)->p_filesz++;
	image_refuse(&image,
		     "notes (0x15 bytes at 0x300) lie outside the file of 788 bytes");

	image = elf64_pvh(MIB);
	elf64_segment(&image, 1)->p_offset = UINT64_MAX - 2;
	image_refuse(&image, "lie outside the file");
}

static void refuses_entry_outside(void **state)
{
	struct image image = elf64_pvh(MIB + 4096);

	(void)state;
	image_refuse(&image, "PVH note: the entry 0x101000 lies in no loaded segment");
}

/* A note cut short at the end of its segment is no note. */
static void a_short_tail_is_no_note(void **state)
{
	struct image image = elf64_pvh(MIB);
	struct boot_kernel kernel;

	(void)state;
	elf64_segment(&image, 1)->p_filesz = 11;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_LINUX, kernel.protocol);
	boot_kernel_free(&kernel);
	image_free(&image);
}

#define INFO_GPA 0x6000u

static const struct boot_memory memory[] = {
	{ 0, 0x9fc00, BOOT_MEMORY_RAM },
	{ 0xf0000, 0x10000, BOOT_MEMORY_RESERVED },
	{ 0x100000, 0x3ff00000, BOOT_MEMORY_RAM },
};

/* By the offsets of Xen's start_info.h. */
static void tells_all_in_the_start_info(void **state)
{
	const struct boot_module modules[] = {
		{ 0x2000000, 0x1234, NULL },
		{ 0x3000000, 0x10, "two" },
	};
	const struct boot_handoff handoff = {
		.cmdline = "console=ttyS0",
		.memory = memory,
		.nr_memory = 3,
		.modules = modules,
		.nr_modules = 2,
		.rsdp_gpa = 0xe0000,
	};
	struct image info = image_new(1024);
	struct err err = { "" };
	const uint8_t *at;

	(void)state;
	memset(info.data, 0xa5, info.size);
	assert_int_equal(
		0, pvh_start_info_build(info.data, info.size, INFO_GPA, &handoff, &err));
	assert_int_equal(0x336ec578, load_le32(info.data));
	assert_int_equal(1, load_le32(info.data + 4));
	assert_int_equal(0, load_le32(info.data + 8));
	assert_int_equal(2, load_le32(info.data + 12));
	assert_int_equal(0xe0000, load_le64(info.data + 32));
	assert_int_equal(3, load_le32(info.data + 48));
	assert_int_equal(0, load_le32(info.data + 52));

	at = info.data + load_le64(info.data + 24) - INFO_GPA;
	assert_string_equal("console=ttyS0", (const char *)at);

	at = info.data + load_le64(info.data + 16) - INFO_GPA;
	assert_int_equal(0x2000000, load_le64(at));
	assert_int_equal(0x1234, load_le64(at + 8));
	assert_int_equal(0, load_le64(at + 16));
	assert_int_equal(0x3000000, load_le64(at + 32));
	assert_string_equal("two",
			    (const char *)info.data + load_le64(at + 48) - INFO_GPA);

	at = info.data + load_le64(info.data + 40) - INFO_GPA;
	for (unsigned i = 0; i < 3; i++, at += 24) {
		assert_int_equal(memory[i].base, load_le64(at));
		assert_int_equal(memory[i].size, load_le64(at + 8));
		assert_int_equal(memory[i].type, load_le32(at + 16));
		assert_int_equal(0, load_le32(at + 20));
	}
	image_free(&info);
}

static void no_module_is_no_list(void **state)
{
	const struct boot_handoff handoff = {
		.cmdline = "",
		.memory = memory,
		.nr_memory = 3,
	};
	struct image info = image_new(1024);
	struct err err = { "" };

	(void)state;
	assert_int_equal(
		0, pvh_start_info_build(info.data, info.size, INFO_GPA, &handoff, &err));
	assert_int_equal(0, load_le32(info.data + 12));
	assert_int_equal(0, load_le64(info.data + 16));
	image_free(&info);
}

/* A buffer that is too small by any amount is refused, and never exceeded. */
static void refuses_small_buffers(void **state)
{
	const struct boot_module module = { 0x2000000, 0x1234, "module" };
	const struct boot_handoff handoff = {
		.cmdline = "0123456789",
		.memory = memory,
		.nr_memory = 3,
		.modules = &module,
		.nr_modules = 1,
	};
	const size_t needed = 56 + 16 + 32 + 8 + 3 * 24;

	(void)state;
	for (size_t size = 0; size <= needed; size++) {
		struct image info = image_new(size);
		struct err err = { "" };
		int result =
			pvh_start_info_build(info.data, size, INFO_GPA, &handoff, &err);

		assert_int_equal(size < needed ? -1 : 0, result);
		if (result)
			assert_non_null(strstr(err.text, "the boot information"));
		image_free(&info);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enters_at_the_note),
		cmocka_unit_test(takes_elf32),
		cmocka_unit_test(finds_the_note_among_others),
		cmocka_unit_test(pads_by_the_alignment),
		cmocka_unit_test(refuses_missing_note),
		cmocka_unit_test(refuses_bad_notes),
		cmocka_unit_test(refuses_entry_outside),
		cmocka_unit_test(a_short_tail_is_no_note),
		cmocka_unit_test(tells_all_in_the_start_info),
		cmocka_unit_test(no_module_is_no_list),
		cmocka_unit_test(refuses_small_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
