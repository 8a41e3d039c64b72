/* SPDX-License-Identifier: BSD-2-Clause */
/* The POST code port. */
#include "chip.h"

#include "dev/post_code.h"

static void test_last_byte_reads_back(void **state)
{
	struct post_code post;

	(void)state;
	post_code_init(&post);
	assert_int_equal(chip_in(&post_code_io, &post, 0), 0xff);
	for (unsigned value = 0; value < 256; value++) {
		chip_out(&post_code_io, &post, 0, value);
		assert_int_equal(chip_in(&post_code_io, &post, 0), value);
	}
	chip_out(&post_code_io, &post, 0, 0x42);
	post_code_reset(&post);
	assert_int_equal(chip_in(&post_code_io, &post, 0), 0xff);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct post_code a, b;
	struct err err;

	(void)state;
	post_code_init(&a);
	post_code_init(&b);
	chip_out(&post_code_io, &a, 0, 0x42);
	assert_int_equal(post_code_save(&a, &writer, "chip", &err), 0);
	assert_int_equal(post_code_load(&b, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(chip_in(&post_code_io, &b, 0), 0x42);
	assert_int_equal(post_code_load(&b, chip_image(&writer), "other", &err), -1);
	assert_int_equal(chip_in(&post_code_io, &b, 0), 0x42);
	state_writer_free(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_byte_reads_back),
		cmocka_unit_test(test_save_and_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
