/* SPDX-License-Identifier: BSD-2-Clause */
/* --rom FILE[@ADDR]: the argument, and where the code and the CPU go. */
#include "boot_test.h"

#include "boot/flat.h"

static void accept_spec(const char *spec, const char *file, uint64_t address)
{
	struct flat_spec out;
	struct err err = { "" };

	if (flat_parse_spec(spec, &out, &err))
		fail_msg("%s refused: %s", spec, err.text);
	assert_int_equal(strlen(file), out.file_length);
	assert_memory_equal(file, out.file, strlen(file));
	assert_int_equal(address, out.address);
}

static void refuse_spec(const char *spec, const char *message)
{
	struct flat_spec out;
	struct err err = { "" };

	assert_int_equal(-1, flat_parse_spec(spec, &out, &err));
	if (!strstr(err.text, message))
		fail_msg("the message is \"%s\", not \"%s\"", err.text, message);
}

static void takes_file_and_address(void **state)
{
	(void)state;
	accept_spec("hello.rom", "hello.rom", 0);
	accept_spec("hello.rom@0x7c00", "hello.rom", 0x7c00);
	accept_spec("a@b@4096", "a@b", 4096);
	accept_spec("/home/me@here/boot.bin", "/home/me@here/boot.bin", 0);
	accept_spec("/home/me@here/boot.bin@0xffff0", "/home/me@here/boot.bin", 0xffff0);
}

static void refuses_bad_specs(void **state)
{
	(void)state;
	refuse_spec("", "no file name in \"\"");
	refuse_spec("@0x7c00", "no file name in \"@0x7c00\"");
	refuse_spec("a@", "address \"\" is not a number");
	refuse_spec("a@here", "address \"here\" is not a number");
	refuse_spec("a@0x7c00z", "address \"0x7c00z\" is not a number");
	refuse_spec("a@-1", "address \"-1\" is not a number");
	refuse_spec("a@99999999999999999999999", "is not a number");
	refuse_spec("a@0xffff1", "address 0xffff1 is out of reach of real mode");
	refuse_spec("a@0xffffffffffffffff", "is out of reach of real mode");
}

static void load_at(uint64_t address, uint16_t cs, uint16_t ip)
{
	struct image code = image_new(16);
	struct flat_image image;
	struct err err = { "" };

	assert_int_equal(0, flat_load(&image, image_bytes(&code), address, MIB, &err));
	assert_int_equal(address, image.segment.gpa);
	assert_int_equal(16, image.segment.size);
	assert_ptr_equal(code.data, image.segment.data.data);
	assert_int_equal(cs, image.cs);
	assert_int_equal(ip, image.ip);
	image_free(&code);
}

/* The CPU starts at the first byte, with CS 0 as long as IP reaches. */
static void starts_at_the_first_byte(void **state)
{
	(void)state;
	load_at(0, 0, 0);
	load_at(0x7c00, 0, 0x7c00);
	load_at(0xffff, 0, 0xffff);
	load_at(0x10000, 0x1000, 0);
	load_at(0x12345, 0x1234, 5);
	load_at(0xffff0, 0xffff, 0);
}

static void refuse_load(size_t size, uint64_t address, uint64_t memory,
			const char *message)
{
	struct image code = image_new(size);
	struct flat_image image;
	struct err err = { "" };

	assert_int_equal(-1,
			 flat_load(&image, image_bytes(&code), address, memory, &err));
	if (!strstr(err.text, message))
		fail_msg("the message is \"%s\", not \"%s\"", err.text, message);
	image_free(&code);
}

static void refuses_what_does_not_fit(void **state)
{
	(void)state;
	refuse_load(0, 0, 4096, "the file is empty");
	refuse_load(16, 0xffff1, MIB, "address 0xffff1 is out of reach");
	refuse_load(4097, 0, 4096,
		    "4097 bytes at 0x0 do not fit the guest's memory of 4096");
	refuse_load(16, 4096 - 15, 4096, "16 bytes at 0xff1 do not fit");
	refuse_load(16, 0x7c00, 4096, "do not fit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_file_and_address),
		cmocka_unit_test(refuses_bad_specs),
		cmocka_unit_test(starts_at_the_first_byte),
		cmocka_unit_test(refuses_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
