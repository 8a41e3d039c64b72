/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF kernels: what is loaded where, and every way in which a file can be wild. */
#include "boot_test.h"

static void loads_a_vmlinux(void **state)
{
	struct image image = elf64_new(3, 4096);
	struct boot_kernel kernel;

	(void)state;
	/* As Linux has it: virtual addresses elsewhere, a segment at vaddr 0, a tail of zeros. */
	elf64_set(&image, 0, PT_LOAD, 0x400, 0x100, 0x1000000, 0x100);
	elf64_segment(&image, 0)->p_vaddr = 0xffffffff81000000;
	elf64_set(&image, 1, PT_LOAD, 0x500, 0x80, 0x1200000, 0x80);
	elf64_segment(&image, 1)->p_vaddr = 0;
	elf64_set(&image, 2, PT_LOAD, 0x600, 0x40, 0x1300000, 0x5000);
	elf64_segment(&image, 2)->p_vaddr = 0xffffffff81300000;
	elf64_header(&image)->e_entry = 0x1000010;
	image.data[0x600] = 7;

	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_LINUX, kernel.protocol);
	assert_int_equal(0x1000010, kernel.entry);
	assert_int_equal(3, kernel.nr_segments);
	assert_int_equal(0x1300000, kernel.segments[2].gpa);
	assert_int_equal(0x5000, kernel.segments[2].size);
	assert_int_equal(0x40, kernel.segments[2].data.size);
	assert_int_equal(7, kernel.segments[2].data.data[0]);
	assert_int_equal(0x1000000, kernel.low);
	assert_int_equal(0x1305000, kernel.high);
	assert_null(kernel.unpacked);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* A vmlinux has no setup header; the zero page needs one all the same. */
static void makes_a_setup_header(void **state)
{
	struct image image = elf64_good();
	struct boot_kernel kernel;

	(void)state;
	image_accept(&kernel, &image, BOOT_LINUX);
	assert_memory_equal("HdrS", &kernel.setup.header, 4);
	assert_int_equal(0xaa55, kernel.setup.boot_flag);
	assert_true(kernel.setup.version >= 0x20c);
	assert_true(kernel.setup.loadflags & LOADED_HIGH);
	assert_true(kernel.setup.xloadflags & XLF_KERNEL_64);
	assert_int_equal(0x200000, kernel.setup.kernel_alignment);
	assert_int_equal(2047, kernel.setup.cmdline_size);
	assert_int_equal(2047, kernel.cmdline_size);
	assert_int_equal(0x7fffffff, kernel.initrd_addr_max);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* Kernels of the higher half: the entry is virtual. */
static void translates_a_virtual_entry(void **state)
{
	struct image image = elf64_good();
	struct boot_kernel kernel;

	(void)state;
	elf64_segment(&image, 0)->p_vaddr = 0xffffffff80100000;
	elf64_header(&image)->e_entry = 0xffffffff80100020;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(MIB + 0x20, kernel.entry);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* Rows of other types and of no size load nothing and are not judged. */
static void skips_what_is_not_loaded(void **state)
{
	struct image image = elf64_new(3, ELF_DATA + 256);
	struct boot_kernel kernel;

	(void)state;
	elf64_set(&image, 0, PT_GNU_STACK, UINT64_MAX, UINT64_MAX, UINT64_MAX,
		  UINT64_MAX);
	elf64_set(&image, 1, PT_LOAD, 0, 0, 0, 0);
	elf64_set(&image, 2, PT_LOAD, ELF_DATA, 256, MIB, 256);
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(1, kernel.nr_segments);
	assert_int_equal(MIB, kernel.low);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* Neighbours touch but do not overlap; the last byte of memory may be used. */
static void takes_neighbours_up_to_the_end(void **state)
{
	struct image image = elf64_new(2, ELF_DATA + 256);
	struct boot_kernel kernel;

	(void)state;
	elf64_set(&image, 0, PT_LOAD, ELF_DATA, 256, MIB, 4096);
	elf64_set(&image, 1, PT_LOAD, ELF_DATA, 256, MIB + 4096,
		  TEST_MEMORY - MIB - 4096);
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(2, kernel.nr_segments);
	assert_int_equal(TEST_MEMORY, kernel.high);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* One row spoiled in one field. */
static void refuse_segment(uint64_t offset, uint64_t filesz, uint64_t paddr,
			   uint64_t memsz, const char *message)
{
	struct image image = elf64_good();

	elf64_set(&image, 0, PT_LOAD, offset, filesz, paddr, memsz);
	image_refuse(&image, message);
}

static void refuses_wild_segments(void **state)
{
	(void)state;
	refuse_segment(ELF_DATA, 257, MIB, 4096,
		       "0x101 bytes at 0x200 lie outside the file of 768 bytes");
	refuse_segment(UINT64_MAX, 2, MIB, 4096, "lie outside the file");
	refuse_segment(2, UINT64_MAX, MIB, UINT64_MAX, "lie outside the file");
	refuse_segment(
		ELF_DATA, 256, MIB, 255,
		"ELF program header 0: segment at 0x100000 has 0x100 bytes in the file"
		" but only 0xff in memory");
	refuse_segment(ELF_DATA, 256, UINT64_MAX - 10, 4096, "wraps around");
	refuse_segment(ELF_DATA, 256, MIB, UINT64_MAX - MIB + 1, "wraps around");
	refuse_segment(ELF_DATA, 256, MIB, UINT64_MAX - MIB, "it needs memory up to");
	refuse_segment(ELF_DATA, 256, TEST_MEMORY - 4095, 4096,
		       "it needs memory up to 0x4000001 (65 MiB), the guest has 64 MiB");
}

static void refuses_overlap(void **state)
{
	struct image image = elf64_new(2, ELF_DATA + 256);

	(void)state;
	elf64_set(&image, 0, PT_LOAD, ELF_DATA, 256, MIB, 4096);
	elf64_set(&image, 1, PT_LOAD, ELF_DATA, 256, MIB + 4095, 4096);
	image_refuse(&image,
		     "segments overlap: 0x100000 to 0x101000 and 0x100fff to 0x101fff");
}

static struct image with_segments(unsigned nr)
{
	struct image image = elf64_new(nr, 8192);

	for (unsigned i = 0; i < nr; i++)
		elf64_set(&image, i, PT_LOAD, 0, 16, MIB + i * 4096, 4096);
	return image;
}

static void refuses_too_many_segments(void **state)
{
	struct image image = with_segments(BOOT_MAX_SEGMENTS);
	struct boot_kernel kernel;

	(void)state;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_MAX_SEGMENTS, kernel.nr_segments);
	boot_kernel_free(&kernel);
	image_free(&image);

	image = with_segments(BOOT_MAX_SEGMENTS + 1);
	image_refuse(&image, "it has more than 64 segments to load");
}

static void refuses_nothing_to_load(void **state)
{
	struct image image = elf64_good();

	(void)state;
	elf64_segment(&image, 0)->p_type = PT_NULL;
	image_refuse(&image, "nothing to load (no PT_LOAD)");
}

static void refuses_entry_outside(void **state)
{
	struct image image = elf64_good();

	(void)state;
	elf64_header(&image)->e_entry = MIB + 4096;
	image_refuse(&image, "the entry 0x101000 lies in no loaded segment");
}

static void refuses_bad_table(void **state)
{
	struct image image = elf64_good();

	(void)state;
	elf64_header(&image)->e_phentsize = sizeof(Elf32_Phdr);
	image_refuse(&image, "program headers of 32 bytes (e_phentsize), not 56");

	image = elf64_good();
	elf64_header(&image)->e_phnum = 0;
	image_refuse(&image, "without program headers");

	image = elf64_good();
	elf64_header(&image)->e_phoff = 768 - 55;
	image_refuse(&image, "ELF program headers at 0x2c9 (1 of 56 bytes) lie outside");

	image = elf64_good();
	elf64_header(&image)->e_phoff = UINT64_MAX - 3;
	image_refuse(&image, "lie outside the file");

	image = elf64_good();
	elf64_header(&image)->e_phnum = 0xffff;
	image_refuse(&image, "(65535 of 56 bytes) lie outside the file of 768 bytes");
}

static void refuses_foreign_files(void **state)
{
	struct image image = elf64_good();

	(void)state;
	elf64_header(&image)->e_machine = EM_AARCH64;
	image_refuse(&image, "an arm64 kernel; this tane runs x86-64 guests");

	image = elf64_good();
	elf64_header(&image)->e_machine = EM_RISCV;
	image_refuse(&image, "a riscv64 kernel; this tane runs x86-64 guests");

	image = elf64_good();
	elf64_header(&image)->e_machine = EM_S390;
	image_refuse(&image, "ELF file is for machine 22, not for x86");

	image = elf64_good();
	elf64_header(&image)->e_ident[EI_DATA] = ELFDATA2MSB;
	image_refuse(&image, "not little-endian");

	image = elf64_good();
	elf64_header(&image)->e_ident[EI_CLASS] = 3;
	image_refuse(&image, "ELF class 3 is neither 32 nor 64 bits");

	image = elf64_good();
	elf64_header(&image)->e_type = ET_REL;
	image_refuse(&image, "ELF type 1 is no executable");

	image = elf32_good();
	image_refuse(&image, "a 32-bit ELF file without PVH entry or multiboot");
}

/* A file cut anywhere is refused, by its header, its table or its data. */
static void refuses_every_truncation(void **state)
{
	struct image whole = elf64_good();

	(void)state;
	for (size_t size = 0; size < whole.size; size++) {
		struct image cut = image_new(size);
		const char *message = size == 0   ? "the file is empty"
				      : size < 4  ? "not a bzImage"
				      : size < 64 ? "truncated"
						  : "lie outside the file of";

		memcpy(cut.data, whole.data, size);
		image_refuse(&cut, message);
	}
	image_free(&whole);
}

static void refuses_what_it_does_not_know(void **state)
{
	struct image image = image_new(4096);

	(void)state;
	image_refuse(&image,
		     "not a bzImage, ELF or multiboot file (--rom loads flat code)");
}

static void names_protocols(void **state)
{
	(void)state;
	assert_string_equal("Linux", boot_protocol_name(BOOT_LINUX));
	assert_string_equal("PVH", boot_protocol_name(BOOT_PVH));
	assert_string_equal("multiboot", boot_protocol_name(BOOT_MULTIBOOT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_a_vmlinux),
		cmocka_unit_test(makes_a_setup_header),
		cmocka_unit_test(translates_a_virtual_entry),
		cmocka_unit_test(skips_what_is_not_loaded),
		cmocka_unit_test(takes_neighbours_up_to_the_end),
		cmocka_unit_test(refuses_wild_segments),
		cmocka_unit_test(refuses_overlap),
		cmocka_unit_test(refuses_too_many_segments),
		cmocka_unit_test(refuses_nothing_to_load),
		cmocka_unit_test(refuses_entry_outside),
		cmocka_unit_test(refuses_bad_table),
		cmocka_unit_test(refuses_foreign_files),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_what_it_does_not_know),
		cmocka_unit_test(names_protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
