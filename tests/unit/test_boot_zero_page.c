/* SPDX-License-Identifier: BSD-2-Clause */
/* The zero page, by the offsets of Documentation/arch/x86/zero-page.rst. */
#include "boot_test.h"

static const struct boot_memory memory[] = {
	{ 0, 0x9fc00, BOOT_MEMORY_RAM },
	{ 0x9fc00, 0x400, BOOT_MEMORY_RESERVED },
	{ 0x100000, 0x1ff00000, BOOT_MEMORY_RAM },
};

/* A kernel at 16 MiB that takes 100 bytes of command line. */
static struct boot_kernel a_kernel(void)
{
	struct boot_kernel kernel = {
		.protocol = BOOT_LINUX,
		.low = 16 * MIB,
		.high = 32 * MIB,
		.cmdline_size = 100,
		.initrd_addr_max = 0x7fffffff,
	};

	kernel.setup.boot_flag = 0xaa55;
	memcpy(&kernel.setup.header, "HdrS", 4);
	kernel.setup.version = 0x20f;
	kernel.setup.loadflags = LOADED_HIGH;
	kernel.setup.hardware_subarch = 3;
	return kernel;
}

static struct boot_handoff a_handoff(void)
{
	return (struct boot_handoff){
		.cmdline = "console=ttyS0",
		.cmdline_gpa = 0x20000,
		.memory = memory,
		.nr_memory = 3,
		.rsdp_gpa = 0xe0000,
		.setup_data_gpa = 0x8000,
	};
}

/* The page as the kernel reads it: over memory that was not zero. */
static void build(uint8_t page[4096], const struct boot_handoff *handoff)
{
	struct boot_kernel kernel = a_kernel();
	struct err err = { "" };

	memset(page, 0xa5, 4096);
	if (zero_page_build((struct boot_params *)page, &kernel, handoff, &err))
		fail_msg("refused: %s", err.text);
}

static void refuse(const struct boot_kernel *kernel, const struct boot_handoff *handoff,
		   const char *message)
{
	struct boot_params page;
	struct err err = { "" };

	assert_int_equal(-1, zero_page_build(&page, kernel, handoff, &err));
	if (!strstr(err.text, message))
		fail_msg("the message is \"%s\", not \"%s\"", err.text, message);
}

static void has_the_loaders_fields(void **state)
{
	struct boot_handoff handoff = a_handoff();
	uint8_t page[4096];

	(void)state;
	build(page, &handoff);
	assert_int_equal(0xaa55, load_le16(page + 0x1fe));
	assert_memory_equal("HdrS", page + 0x202, 4);
	assert_int_equal(0x20f, load_le16(page + 0x206));
	assert_int_equal(0xff, page[0x210]);
	assert_true(page[0x211] & LOADED_HIGH);
	assert_int_equal(0xffff, load_le16(page + 0x1fa));
	assert_int_equal(0x20000, load_le32(page + 0x228));
	assert_int_equal(0, load_le32(page + 0xc8));
	assert_int_equal(0x8000, load_le64(page + 0x250));
	assert_int_equal(0xe0000, load_le64(page + 0x70));
	assert_int_equal(3, load_le32(page + 0x23c));
	/* No initrd; the sentinel; no VGA. */
	assert_int_equal(0, load_le32(page + 0x218));
	assert_int_equal(0, load_le32(page + 0x21c));
	assert_int_equal(0, page[0x1ef]);
	assert_int_equal(0, page[0x0e]);
}

/* zero-page.rst and screen_info.h: what vgacon asks for before it uses a screen. */
static void tells_of_the_screen(void **state)
{
	struct boot_handoff handoff = a_handoff();
	uint8_t page[4096];

	(void)state;
	handoff.has_vga = true;
	build(page, &handoff);
	assert_int_equal(3, page[0x06]);
	assert_int_equal(80, page[0x07]);
	assert_int_equal(25, page[0x0e]);
	assert_int_equal(1, page[0x0f]);
	assert_int_equal(16, load_le16(page + 0x10));
}

static void has_the_memory_map(void **state)
{
	struct boot_handoff handoff = a_handoff();
	uint8_t page[4096];

	(void)state;
	build(page, &handoff);
	assert_int_equal(3, page[0x1e8]);
	for (unsigned i = 0; i < 3; i++) {
		const uint8_t *row = page + 0x2d0 + i * 20;

		assert_int_equal(memory[i].base, load_le64(row));
		assert_int_equal(memory[i].size, load_le64(row + 8));
		assert_int_equal(memory[i].type, load_le32(row + 16));
	}
	assert_int_equal(0, load_le32(page + 0x2d0 + 3 * 20 + 16));
}

static void refuses_too_many_rows(void **state)
{
	static struct boot_memory rows[129];
	struct boot_handoff handoff = a_handoff();
	struct boot_kernel kernel = a_kernel();
	uint8_t page[4096];

	(void)state;
	handoff.memory = rows;
	handoff.nr_memory = 128;
	build(page, &handoff);
	assert_int_equal(128, page[0x1e8]);
	handoff.nr_memory = 129;
	refuse(&kernel, &handoff,
	       "memory map of 129 rows, the zero page has room for 128");
}

static void has_the_initrd(void **state)
{
	const struct boot_module initrd = { 0x7ff00000, 0x100000, NULL };
	struct boot_handoff handoff = a_handoff();
	uint8_t page[4096];

	(void)state;
	handoff.modules = &initrd;
	handoff.nr_modules = 1;
	build(page, &handoff);
	assert_int_equal(0x7ff00000, load_le32(page + 0x218));
	assert_int_equal(0x100000, load_le32(page + 0x21c));
	assert_int_equal(0, load_le32(page + 0xc0));
	assert_int_equal(0, load_le32(page + 0xc4));
}

static void splits_addresses_above_4_gib(void **state)
{
	const struct boot_module initrd = { 0x123456000, 0x100001000, NULL };
	struct boot_handoff handoff = a_handoff();
	struct boot_kernel kernel = a_kernel();
	struct boot_params page;
	struct err err = { "" };

	(void)state;
	kernel.initrd_addr_max = UINT64_MAX;
	handoff.modules = &initrd;
	handoff.nr_modules = 1;
	handoff.cmdline_gpa = 0x200000010;
	assert_int_equal(0, zero_page_build(&page, &kernel, &handoff, &err));
	assert_int_equal(0x23456000, page.hdr.ramdisk_image);
	assert_int_equal(1, page.ext_ramdisk_image);
	assert_int_equal(0x1000, page.hdr.ramdisk_size);
	assert_int_equal(1, page.ext_ramdisk_size);
	assert_int_equal(0x10, page.hdr.cmd_line_ptr);
	assert_int_equal(2, page.ext_cmd_line_ptr);
}

static void refuse_initrd(uint64_t gpa, uint64_t size, const char *message)
{
	const struct boot_module initrd = { gpa, size, NULL };
	struct boot_handoff handoff = a_handoff();
	struct boot_kernel kernel = a_kernel();

	handoff.modules = &initrd;
	handoff.nr_modules = 1;
	refuse(&kernel, &handoff, message);
}

static void refuses_a_misplaced_initrd(void **state)
{
	const struct boot_module two[] = { { 64 * MIB, 1, NULL }, { 65 * MIB, 1, NULL } };
	struct boot_handoff handoff = a_handoff();
	struct boot_kernel kernel = a_kernel();

	(void)state;
	refuse_initrd(0x7ff00000, 0x100001, "ends above 0x7fffffff");
	refuse_initrd(0x80000000, 1, "ends above 0x7fffffff");
	refuse_initrd(0x40000000, UINT64_MAX, "ends above 0x7fffffff");
	refuse_initrd(32 * MIB - 1, 1, "overlaps the kernel (0x1000000 to 0x2000000)");
	refuse_initrd(15 * MIB, MIB + 1, "overlaps the kernel");

	handoff.modules = two;
	handoff.nr_modules = 2;
	refuse(&kernel, &handoff, "2 initrds, Linux takes one");
}

static void refuses_a_long_command_line(void **state)
{
	struct boot_handoff handoff = a_handoff();
	struct boot_kernel kernel = a_kernel();
	uint8_t page[4096];
	char cmdline[102];

	(void)state;
	memset(cmdline, 'x', sizeof(cmdline));
	handoff.cmdline = cmdline;
	cmdline[100] = 0;
	build(page, &handoff);
	cmdline[100] = 'x';
	cmdline[101] = 0;
	refuse(&kernel, &handoff,
	       "the command line has 101 bytes, this kernel takes at most 100");
}

static void makes_a_seed_node(void **state)
{
	uint8_t node[SETUP_DATA_RNG_SIZE], seed[32];

	(void)state;
	memset(node, 0xa5, sizeof(node));
	for (unsigned i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(i + 1);
	setup_data_rng_build(node, seed);
	assert_int_equal(0, load_le64(node));
	assert_int_equal(9, load_le32(node + 8));
	assert_int_equal(32, load_le32(node + 12));
	assert_memory_equal(seed, node + 16, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_loaders_fields),
		cmocka_unit_test(tells_of_the_screen),
		cmocka_unit_test(has_the_memory_map),
		cmocka_unit_test(refuses_too_many_rows),
		cmocka_unit_test(has_the_initrd),
		cmocka_unit_test(splits_addresses_above_4_gib),
		cmocka_unit_test(refuses_a_misplaced_initrd),
		cmocka_unit_test(refuses_a_long_command_line),
		cmocka_unit_test(makes_a_seed_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
