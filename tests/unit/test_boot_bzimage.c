/* SPDX-License-Identifier: BSD-2-Clause */
/* bzImage: what is taken, what is refused, and with which words. */
#include "boot_test.h"

static struct image good(void)
{
	struct image vmlinux = elf64_good();

	return bzimage_of(&vmlinux);
}

/* A payload that no unpacker knows. */
static struct image foreign(void)
{
	uint8_t payload[64] = { 0x7a, 0x7a, 0x7a, 0x7a };

	return bzimage_new((struct bytes){ payload, sizeof(payload) });
}

#if HAVE_LZ4

static void enters_the_unpacked_kernel(void **state)
{
	struct image image = good();
	struct boot_kernel kernel;

	(void)state;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_LINUX, kernel.protocol);
	assert_int_equal(MIB, kernel.entry);
	assert_int_equal(1, kernel.nr_segments);
	assert_int_equal(MIB, kernel.segments[0].gpa);
	assert_int_equal(4096, kernel.segments[0].size);
	assert_int_equal(256, kernel.segments[0].data.size);
	assert_int_equal(0x90, kernel.segments[0].data.data[255]);
	boot_kernel_free(&kernel);
	image_free(&image);
}

static void takes_the_limits_from_the_header(void **state)
{
	struct image image = good();
	struct boot_kernel kernel;

	(void)state;
	bzimage_setup(&image)->cmdline_size = 1234;
	bzimage_setup(&image)->initrd_addr_max = 0x37ffffff;
	bzimage_setup(&image)->hardware_subarch = 77;
	image_accept(&kernel, &image, BOOT_LINUX);
	assert_int_equal(1234, kernel.cmdline_size);
	assert_int_equal(0x37ffffff, kernel.initrd_addr_max);
	assert_int_equal(77, kernel.setup.hardware_subarch);
	assert_int_equal(0x53726448, kernel.setup.header);
	boot_kernel_free(&kernel);

	/* One that states no cmdline_size takes what all kernels take. */
	bzimage_setup(&image)->cmdline_size = 0;
	image_accept(&kernel, &image, BOOT_LINUX);
	assert_int_equal(255, kernel.cmdline_size);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* Nothing else may lie in the init_size bytes from the start of the kernel. */
static void reserves_init_size(void **state)
{
	struct image image = good();
	struct boot_kernel kernel;

	(void)state;
	bzimage_setup(&image)->init_size = 0x654321;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(MIB, kernel.low);
	assert_int_equal(MIB + 0x655000, kernel.high);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* setup_sects 0 means 4: the kernel begins at 2560. */
static void setup_sects_0_means_4(void **state)
{
	struct image image = good();
	struct image moved = image_new(image.size + 3 * 512);
	struct boot_kernel kernel;

	(void)state;
	memcpy(moved.data, image.data, BZIMAGE_CODE);
	memcpy(moved.data + 2560, image.data + BZIMAGE_CODE, image.size - BZIMAGE_CODE);
	bzimage_setup(&moved)->setup_sects = 0;
	image_accept(&kernel, &moved, BOOT_AUTO);
	assert_int_equal(0x90, kernel.segments[0].data.data[0]);
	boot_kernel_free(&kernel);
	image_free(&moved);
	image_free(&image);
}

static void offers_pvh_by_its_vmlinux(void **state)
{
	struct image vmlinux = elf64_pvh(MIB + 0x40);
	struct image image = bzimage_of(&vmlinux);
	struct boot_kernel kernel;

	(void)state;
	image_accept(&kernel, &image, BOOT_PVH);
	assert_int_equal(BOOT_PVH, kernel.protocol);
	assert_int_equal(MIB + 0x40, kernel.entry);
	boot_kernel_free(&kernel);

	/* Without a wish it is Linux, which needs no search for a note. */
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_LINUX, kernel.protocol);
	boot_kernel_free(&kernel);
	image_free(&image);
}

static void refuses_pvh_without_note(void **state)
{
	struct image image = good();

	(void)state;
	image_refuse_in(&image, BOOT_PVH, TEST_MEMORY,
			"bzImage: unpacked vmlinux: it has no PVH entry");
}

/* 32-bit Linux: unpacked as well, and entered by the 32-bit protocol. */
static void enters_32_bit_linux(void **state)
{
	struct image vmlinux = elf32_good();
	struct image image = bzimage_of(&vmlinux);
	struct boot_kernel kernel;

	(void)state;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_LINUX, kernel.protocol);
	assert_true(kernel.entry_32);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* Unpacked where the hint says, the segment lies in its place already. */
static void unpacks_into_the_room(void **state)
{
	static uint8_t memory[64 << 10];
	const struct boot_target target = { .ram_size = TEST_MEMORY };
	struct image image = good();
	struct boot_room room = { .data = memory };
	struct bytes payload;
	struct boot_kernel kernel;
	uint64_t gpa, size;
	struct err err;

	(void)state;
	assert_true(boot_kernel_unpack_hint(image_bytes(&image), &target, &gpa, &size));
	assert_int_equal(0x1000000 - 0x200000, gpa);
	payload.size = bzimage_setup(&image)->payload_length;
	payload.data = image.data + BZIMAGE_CODE + BZIMAGE_PAYLOAD;
	assert_int_equal(load_le32(payload.data + payload.size - 4), size);

	room.size = sizeof(memory);
	assert_int_equal(0, boot_kernel_parse(&kernel, image_bytes(&image), &target,
					      BOOT_AUTO, &room, &err));
	assert_null(kernel.unpacked);
	assert_true(kernel.segments[0].data.data >= memory &&
		    kernel.segments[0].data.data < memory + sizeof(memory));
	boot_kernel_free(&kernel);

	/* A size that is stated too small is an error, not an overflow. */
	room.size = 100;
	assert_int_equal(-1, boot_kernel_parse(&kernel, image_bytes(&image), &target,
					       BOOT_AUTO, &room, &err));
	assert_non_null(strstr(err.text, "cannot unpack"));
	image_free(&image);
}

/* Somebody has unpacked it before: the payload itself is not looked at. */
static void takes_what_fills_the_room(void **state)
{
	const struct boot_target target = { .ram_size = TEST_MEMORY };
	struct image vmlinux = elf64_good(), image = good();
	struct boot_room room = { vmlinux.data, vmlinux.size, true };
	struct boot_kernel kernel;
	struct err err;

	(void)state;
	memset(image.data + BZIMAGE_CODE + BZIMAGE_PAYLOAD + 16, 0xee, 16);
	assert_int_equal(0, boot_kernel_parse(&kernel, image_bytes(&image), &target,
					      BOOT_AUTO, &room, &err));
	assert_ptr_equal(vmlinux.data, room.data);
	boot_kernel_free(&kernel);

	room.size--;
	assert_int_equal(-1, boot_kernel_parse(&kernel, image_bytes(&image), &target,
					       BOOT_AUTO, &room, &err));
	assert_non_null(strstr(err.text, "damaged"));
	room.size++;
	memset(vmlinux.data, 0, 16);
	assert_int_equal(-1, boot_kernel_parse(&kernel, image_bytes(&image), &target,
					       BOOT_AUTO, &room, &err));
	image_free(&vmlinux);
	image_free(&image);
}

static void no_hint_for_what_is_not_packed(void **state)
{
	const struct boot_target target = { .ram_size = TEST_MEMORY };
	struct image vmlinux = elf64_good();
	struct image image = good();
	uint64_t gpa, size;

	(void)state;
	assert_false(
		boot_kernel_unpack_hint(image_bytes(&vmlinux), &target, &gpa, &size));
	bzimage_setup(&image)->pref_address = 0x100000;
	assert_false(boot_kernel_unpack_hint(image_bytes(&image), &target, &gpa, &size));
	bzimage_setup(&image)->pref_address = 0x1000000;
	bzimage_setup(&image)->payload_length = 2;
	assert_false(boot_kernel_unpack_hint(image_bytes(&image), &target, &gpa, &size));
	image_truncate(&image, 600);
	assert_false(boot_kernel_unpack_hint(image_bytes(&image), &target, &gpa, &size));
	image_free(&vmlinux);
	image_free(&image);
}

static void refuses_payload_that_is_no_elf(void **state)
{
	struct image text = image_new(100);
	struct image image = bzimage_of(&text);

	(void)state;
	image_refuse(&image, "its lz4 payload holds no ELF file");
}

static void refuses_truncated_payload(void **state)
{
	struct image image = good();

	(void)state;
	bzimage_setup(&image)->payload_length -= 10;
	image_refuse(&image, "the lz4 payload is truncated");
}

static void refuses_kernel_beyond_memory(void **state)
{
	struct image vmlinux = elf64_good();
	struct image image;

	(void)state;
	elf64_set(&vmlinux, 0, PT_LOAD, ELF_DATA, 256, 63 * MIB, 2 * MIB);
	image = bzimage_of(&vmlinux);
	image_refuse(&image,
		     "it needs memory up to 0x4100000 (65 MiB), the guest has 64 MiB");
}

#else

static void names_the_missing_library(void **state)
{
	struct image image = good();

	(void)state;
	bzimage_setup(&image)->xloadflags = 0;
	image_refuse(&image, "packed with lz4, this tane was built without liblz4");
}

#endif

static void unknown_payload_unpacks_itself(void **state)
{
	struct image image = foreign();
	struct boot_kernel kernel;

	(void)state;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(BOOT_LINUX, kernel.protocol);
	assert_int_equal(0x1000200, kernel.entry);
	assert_int_equal(1, kernel.nr_segments);
	assert_int_equal(0x1000000, kernel.segments[0].gpa);
	assert_int_equal(0x100000, kernel.segments[0].size);
	assert_int_equal(BZIMAGE_PAYLOAD + 64, kernel.segments[0].data.size);
	assert_ptr_equal(image.data + BZIMAGE_CODE, kernel.segments[0].data.data);
	assert_int_equal(0x1100000, kernel.high);
	boot_kernel_free(&kernel);

	bzimage_setup(&image)->pref_address = 0;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(0x100200, kernel.entry);
	boot_kernel_free(&kernel);
	image_free(&image);
}

/* By the 32-bit protocol at the start of the protected-mode code. The image is freed. */
static void assert_enters_32(struct image *image, uint64_t entry)
{
	struct boot_kernel kernel;

	image_accept(&kernel, image, BOOT_AUTO);
	assert_int_equal(BOOT_LINUX, kernel.protocol);
	assert_true(kernel.entry_32);
	assert_int_equal(entry, kernel.entry);
	boot_kernel_free(&kernel);
	image_free(image);
}

static void unknown_payload_without_64_bit_entry(void **state)
{
	struct image image = foreign();

	(void)state;
	bzimage_setup(&image)->xloadflags = 0;
	assert_enters_32(&image, 0x1000000);
}

/* The flag is of 2.12; before, these bits meant nothing. */
static void unknown_payload_of_old_protocol(void **state)
{
	struct image image = foreign();

	(void)state;
	bzimage_setup(&image)->version = 0x20b;
	assert_enters_32(&image, 0x1000000);
}

/* Before 2.08 the header does not tell where the payload is, nor pref_address. */
static void protocol_without_payload(void **state)
{
	struct image image = good();

	(void)state;
	bzimage_setup(&image)->version = 0x207;
	assert_enters_32(&image, 0x100000);
	image = good();
	bzimage_setup(&image)->version = 0x206;
	assert_enters_32(&image, 0x100000);
}

static void refuses_unknown_payload_for_pvh(void **state)
{
	struct image image = foreign();

	(void)state;
	image_refuse_in(&image, BOOT_PVH, TEST_MEMORY,
			"only an unpacked vmlinux has a PVH entry");
}

static void refuses_unknown_payload_beyond_memory(void **state)
{
	struct image image = foreign();

	(void)state;
	bzimage_setup(&image)->init_size = 0x4000000;
	image_refuse(&image, "bzImage: it needs memory up to 0x5000000 (80 MiB)");
}

static void refuses_preferred_address_that_wraps(void **state)
{
	struct image image = foreign();

	(void)state;
	bzimage_setup(&image)->pref_address = UINT64_MAX - 0xfff;
	image_refuse(&image, "wraps around the address space");
}

static void refuses_code_without_room_for_an_entry(void **state)
{
	struct image image = foreign();

	(void)state;
	bzimage_setup(&image)->payload_length = 0;
	bzimage_setup(&image)->payload_offset = 0;
	bzimage_setup(&image)->syssize = 0x20;
	image_refuse(&image, "protected-mode code of 512 bytes has no 64-bit entry");
}

/* What a boot loader in real mode wants: two parts, and where the second one ends up. */
static void takes_apart_for_firmware(void **state)
{
	struct image image = good();
	struct setup_header *setup = bzimage_setup(&image);
	struct boot_real_mode parts;
	struct err err;

	(void)state;
	setup->pref_address = 16 << 20;
	setup->init_size = 8 << 20;
	assert_int_equal(boot_real_mode_parse(&parts, image_bytes(&image), &err), 0);
	assert_ptr_equal(parts.setup.data, image.data);
	assert_int_equal(parts.setup.size, (setup->setup_sects + 1u) * 512);
	assert_ptr_equal(parts.code.data, image.data + parts.setup.size);
	assert_int_equal(parts.code.size, setup->syssize * 16);
	assert_int_equal(parts.header.version, setup->version);
	assert_int_equal(parts.low, 1 << 20);
	assert_int_equal(parts.high, 24 << 20);
	assert_int_equal(parts.initrd_addr_max, setup->initrd_addr_max);
	setup->cmdline_size = 0;
	setup->init_size = 0;
	assert_int_equal(boot_real_mode_parse(&parts, image_bytes(&image), &err), 0);
	assert_int_equal(parts.cmdline_size, 255);
	assert_true(parts.high >= (1 << 20) + parts.code.size);
	image_truncate(&image, image.size - 32);
	assert_int_equal(boot_real_mode_parse(&parts, image_bytes(&image), &err), -1);
	image_free(&image);

	image = elf64_good();
	assert_int_equal(boot_real_mode_parse(&parts, image_bytes(&image), &err), -1);
	assert_string_equal(err.text,
			    "firmware boots bzImages of Linux only; leave --bios out");
	image_free(&image);
}

static void refuses_multiboot(void **state)
{
	struct image image = good();

	(void)state;
	image_refuse_in(&image, BOOT_MULTIBOOT, TEST_MEMORY, "offers no multiboot");
}

static void refuses_boot_sector_without_hdrs(void **state)
{
	struct image image = good();

	(void)state;
	bzimage_setup(&image)->header = 0;
	image_refuse(&image, "a boot sector without \"HdrS\" at 0x202");
}

static void refuses_old_protocol(void **state)
{
	struct image image = good();

	(void)state;
	bzimage_setup(&image)->version = 0x205;
	image_refuse(&image,
		     "boot protocol 2.05 is too old, 2.06 (Linux 2.6.22) or newer");
}

static void refuses_bad_boot_flag(void **state)
{
	struct image image = good();

	(void)state;
	bzimage_setup(&image)->boot_flag = 0x55aa;
	image_refuse(&image, "boot_flag is 0x55aa, not 0xaa55");
}

static void refuses_zimage(void **state)
{
	struct image image = good();

	(void)state;
	bzimage_setup(&image)->loadflags = 0;
	image_refuse(&image, "it is a zImage");
}

static void refuses_truncated_header(void **state)
{
	struct image image = good();

	(void)state;
	image_truncate(&image, 0x210);
	image_refuse(&image, "truncated: 528 bytes do not hold the setup header");
}

static void refuses_truncated_setup(void **state)
{
	struct image image = good();

	(void)state;
	bzimage_setup(&image)->setup_sects = 39;
	image_refuse(&image,
		     "truncated: its real-mode code takes 20480 bytes, the file has");
}

static void refuses_truncated_kernel(void **state)
{
	struct image image = good();

	(void)state;
	image_truncate(&image, image.size - 16);
	image_refuse(&image, "truncated: its kernel takes ");
}

static void refuses_kernel_of_no_size(void **state)
{
	struct image image = good();

	(void)state;
	bzimage_setup(&image)->syssize = 0;
	image_refuse(&image, "truncated: its kernel takes 0 bytes");
}

static void refuses_payload_outside(void **state)
{
	struct image image = good();

	(void)state;
	bzimage_setup(&image)->payload_offset = 0xffffff00;
	image_refuse(&image, " at 4294967040) lies outside its protected-mode code of ");

	image = good();
	bzimage_setup(&image)->payload_length = 0xffffffff;
	image_refuse(&image, "its payload (4294967295 bytes at 1024) lies outside");
}

/* A header that ends early has no newer fields, whatever the bytes behind it say. */
static void reads_no_field_behind_the_header(void **state)
{
	struct image image = foreign();
	struct boot_kernel kernel;

	(void)state;
	/* The header ends behind cmdline_size (0x238). */
	image.data[0x201] = 0x23c - 0x202;
	bzimage_setup(&image)->version = 0x206;
	bzimage_setup(&image)->setup_data = 0x1234;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(0, kernel.setup.setup_data);
	assert_int_equal(0, kernel.setup.payload_offset);
	boot_kernel_free(&kernel);
	image_free(&image);

	image = foreign();
	image.data[0x201] = 0x264 - 0x202;
	bzimage_setup(&image)->kernel_info_offset = 0x1234;
	image_accept(&kernel, &image, BOOT_AUTO);
	assert_int_equal(0, kernel.setup.kernel_info_offset);
	assert_int_equal(0x100000, kernel.setup.init_size);
	boot_kernel_free(&kernel);
	image_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#if HAVE_LZ4
		cmocka_unit_test(enters_the_unpacked_kernel),
		cmocka_unit_test(takes_the_limits_from_the_header),
		cmocka_unit_test(reserves_init_size),
		cmocka_unit_test(setup_sects_0_means_4),
		cmocka_unit_test(offers_pvh_by_its_vmlinux),
		cmocka_unit_test(refuses_pvh_without_note),
		cmocka_unit_test(enters_32_bit_linux),
		cmocka_unit_test(unpacks_into_the_room),
		cmocka_unit_test(takes_what_fills_the_room),
		cmocka_unit_test(no_hint_for_what_is_not_packed),
		cmocka_unit_test(refuses_payload_that_is_no_elf),
		cmocka_unit_test(refuses_truncated_payload),
		cmocka_unit_test(refuses_kernel_beyond_memory),
#else
		cmocka_unit_test(names_the_missing_library),
#endif
		cmocka_unit_test(unknown_payload_unpacks_itself),
		cmocka_unit_test(unknown_payload_without_64_bit_entry),
		cmocka_unit_test(unknown_payload_of_old_protocol),
		cmocka_unit_test(protocol_without_payload),
		cmocka_unit_test(refuses_unknown_payload_for_pvh),
		cmocka_unit_test(refuses_unknown_payload_beyond_memory),
		cmocka_unit_test(refuses_preferred_address_that_wraps),
		cmocka_unit_test(refuses_code_without_room_for_an_entry),
		cmocka_unit_test(takes_apart_for_firmware),
		cmocka_unit_test(refuses_multiboot),
		cmocka_unit_test(refuses_boot_sector_without_hdrs),
		cmocka_unit_test(refuses_old_protocol),
		cmocka_unit_test(refuses_bad_boot_flag),
		cmocka_unit_test(refuses_zimage),
		cmocka_unit_test(refuses_truncated_header),
		cmocka_unit_test(refuses_truncated_setup),
		cmocka_unit_test(refuses_truncated_kernel),
		cmocka_unit_test(refuses_kernel_of_no_size),
		cmocka_unit_test(refuses_payload_outside),
		cmocka_unit_test(reads_no_field_behind_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
